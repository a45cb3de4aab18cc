//! A hundred sign up under one email at once; one of them gets it.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use crate::endpoints::unique;
use crate::{PATIENCE, Endpoints, until};

const AT_ONCE: usize = 100;

pub fn one_account_per_email(endpoints: &Endpoints) -> Result<()> {
    let email = format!("everyone.{}@example.com", unique());
    let statuses = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|n| scope.spawn({
            let email = if n % 2 == 0 { email.clone() } else { email.to_uppercase() };
            move || signup(endpoints, &email, n)
        })).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        };
        threads.into_iter().map(join).collect::<Result<Vec<u16>>>()
    })?;
    let count = |status| statuses.iter().filter(|&&it| it == status).count();
    ensure!(count(201) == 1 && count(409) == AT_ONCE - 1, "{statuses:?}");
    Ok(())
}

/// The first answer that is not "too busy, come back".
fn signup(endpoints: &Endpoints, email: &str, n: usize) -> Result<u16> {
    let body = json!({"email": email, "name": format!("Number {n}"), "password": "secret"});
    until("a signup to be decided", 6 * PATIENCE, || {
        let answer = endpoints.ask("POST", "/signup")?.json(&body).send()?;
        if answer.status == 503 {
            answer.retry_after()?;
            return Ok(None);
        }
        Ok(Some(answer.status))
    })
}
