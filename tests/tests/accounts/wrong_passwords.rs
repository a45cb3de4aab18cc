//! Wrong passwords count on every auth server of a database.

use acceptance::{PATIENCE, until};
use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Case, is, log_in, sign_up};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
/// Wrong passwords of a client that an account knows.
const FAILURES: usize = 10;

#[test]
fn wrong_passwords_at_one_node_count_at_the_other() -> Result<()> {
    let case = Case::on_postgresql(&[])?;
    let (here, there) = (case.endpoints(), case.other());
    for email in [ALICE, BOB] {
        is(&sign_up(here, email, Value::Null)?, 201, "")?;
        // So both accounts know this client, on both nodes.
        is(&log_in(here, email, "secret")?, 200, "")?;
        is(&log_in(there, email, "secret")?, 200, "")?;
    }
    for _ in 0..FAILURES {
        is(&log_in(here, ALICE, "wrong")?, 401, "wrong_credentials")?;
    }
    is(&log_in(here, ALICE, "secret")?, 429, "rate_limited")?;
    // Right passwords are not counted, so only the other node's failures can keep it out.
    until("the other node to have counted them", PATIENCE, || {
        let answer = log_in(there, ALICE, "secret")?;
        ensure!([200, 429].contains(&answer.0), "{answer:?}");
        Ok((answer.0 == 429).then_some(()))
    })?;
    is(&log_in(there, BOB, "secret")?, 200, "")?;
    is(&log_in(here, BOB, "secret")?, 200, "")
}
