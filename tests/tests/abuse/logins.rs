//! Two hundred passwords to check at once: each is answered, or told when to come back, and nobody else waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acceptance::{Answer, Client};
use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

const AT_ONCE: usize = 200;

#[test]
fn two_hundred_logins_at_once_hold_nobody_up() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut bob = Client::connected(&endpoints, "Bob")?;
        let body = json!({"email": bob.email, "password": bob.password});
        let left = AtomicUsize::new(AT_ONCE);
        let answers = thread::scope(|scope| -> Result<Vec<Answer>> {
            let login = || {
                let answer =
                    endpoints.ask("POST", "/login").and_then(|call| call.json(&body).send());
                left.fetch_sub(1, Ordering::Relaxed);
                answer
            };
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(login)).collect();
            while left.load(Ordering::Relaxed) > 0 {
                endpoints.ask("GET", "/healthz")?.send()?.expect(200)?;
                alice.send_message(&bob, "meanwhile")?;
                bob.receive_message("meanwhile")?;
                bob.is_answered()?;
            }
            let join =
                |it: thread::ScopedJoinHandle<'_, _>| it.join().map_err(|_| anyhow!("panic"))?;
            threads.into_iter().map(join).collect()
        })?;
        let mut welcome = 0;
        for answer in answers {
            match answer.status {
                200 => welcome += 1,
                503 | 429 => drop(answer.retry_after()?),
                other => anyhow::bail!("{other}: {}", answer.text),
            }
        }
        ensure!(welcome > 0, "nobody got in");
        bob.device("afterwards")?;
        deployment.runs()?;
    }
    Ok(())
}
