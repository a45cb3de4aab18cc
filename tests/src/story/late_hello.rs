//! Who has not said who it is after ten seconds is sent away with 4408, whatever else it said meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{Client, Endpoints};

pub fn late_hello(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::signup(endpoints, "Alice")?;
    let opened = Instant::now();
    alice.open(&[])?;
    let code = alice.closed_within(Duration::from_secs(20))?;
    ensure!(code == 4408, "closed with {code}");
    ensure!(opened.elapsed() >= Duration::from_secs(9), "not given ten seconds");
    Ok(())
}
