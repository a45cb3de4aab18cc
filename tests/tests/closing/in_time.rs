//! `SIGTERM` is obeyed within 10 s whoever takes nothing, and whatever hangs.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use acceptance::{Client, raw};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Arrangement, Cluster, Deployment};

/// The contract's.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Letters of 16 KiB that no buffers on the way hold.
const LETTERS: usize = 400;

#[test]
fn readers_of_a_log_or_an_export_who_take_nothing_do_not_put_the_end_off() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::signup(&deployment.endpoints, "Bob")?;
    let mut live = bob.device("live")?;
    live.connect_narrow(0)?;
    let content = "x".repeat(16 * 1024);
    for n in 1..=LETTERS {
        let letter = json!({"to": bob.id, "content": content});
        if n % 20 == 0 { drop(alice.request(letter)?) } else { alice.write(&letter)? }
    }
    bob.connect_narrow(0)?;
    let mut export = raw::connect_narrow(&deployment.endpoints.auth_address()?)?;
    let request = format!(
        "GET /export HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        bob.token
    );
    export.write_all(request.as_bytes())?;
    // It has begun.
    export.read_exact(&mut [0; 256])?;
    ends_in_time(&mut deployment)
}

#[test]
fn a_database_that_hangs_does_not_put_the_end_off() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let mut deployment = Deployment::launch(&Arrangement::Postgres(cluster.database()?), &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "before")?;
    let _frozen = cluster.freeze()?;
    alice.write(&json!({"to": bob.id, "content": "into the void", "ref": "void"}))?;
    let mut asked = raw::connect(&deployment.endpoints.auth_address()?, None)?;
    let request = format!(
        "GET /me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        alice.token
    );
    asked.write_all(request.as_bytes())?;
    // The chat server has taken the message: what comes after it is answered.
    alice.is_answered()?;
    ends_in_time(&mut deployment)
}

/// Every program ends by itself.
fn ends_in_time(deployment: &mut Deployment) -> Result<()> {
    let began = Instant::now();
    for server in &deployment.servers {
        server.signal(Signal::TERM)?;
    }
    for server in &mut deployment.servers {
        let status = server.ended()?;
        ensure!(status.code() == Some(0), "after SIGTERM: {status}");
        ensure!(began.elapsed() <= END_WITHIN, "ended after {:?}", began.elapsed());
    }
    Ok(())
}
