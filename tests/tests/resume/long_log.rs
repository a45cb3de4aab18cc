//! A log of many small events goes whole to a reader that takes little at a time but never stops.

use acceptance::Received;
use anyhow::{Result, bail, ensure};

use super::letters;
use crate::harness::{Arrangement, Deployment};

/// More than may wait for one reader at once.
const LETTERS: usize = 20_000;

#[test]
fn a_slow_but_steady_reader_gets_the_whole_of_a_long_log() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let (_alice, mut bob) = letters(&deployment.endpoints, LETTERS, 0)?;
    bob.connect_narrow(0)?;
    for seq in 1..=LETTERS {
        match bob.socket()?.receive_next()? {
            Received::Json(event) => ensure!(event["seq"] == seq, "{seq} should come, not {event}"),
            other => bail!("heard {other:?} after {seq} of {LETTERS}"),
        }
    }
    Ok(())
}
