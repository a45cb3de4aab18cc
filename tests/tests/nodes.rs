//! Two chat servers on one database, which is not supported yet: both say so. One that is restarted does not.

use std::time::Duration;

use acceptance::until;
use anyhow::{Result, ensure};

use crate::harness::{Arrangement, Deployment, Launch};

/// It takes them three looks, five seconds apart, to be sure of each other.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
const WARNING: &str = "another chat server uses this database";

#[test]
fn two_servers_on_sqlite_say_that_they_are_two() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Pair, &[])?;
    let url = format!("sqlite:{}", deployment.database_file().display());
    are_seen(&mut deployment, &url)
}

#[test]
fn two_servers_on_postgresql_say_that_they_are_two() -> Result<()> {
    let kind = Arrangement::postgres()?;
    let Arrangement::Postgres(url) = &kind else { unreachable!() };
    are_seen(&mut Deployment::launch(&kind, &[])?, url)
}

fn are_seen(deployment: &mut Deployment, url: &str) -> Result<()> {
    // Who was killed is not another one.
    deployment.kill_first_and_restart()?;
    let flags = ["--listen=127.0.0.1:0".to_owned(), format!("--database={url}")];
    let other = Launch::new("chat", deployment.dir())?.args(&flags).start()?;
    until("both to say that they are two", SEEN_WITHIN, || {
        let logs = [deployment.servers[0].log(), other.log()];
        Ok(logs.iter().all(|log| log.contains(WARNING)).then_some(()))
    })?;
    let log = deployment.servers[0].log();
    ensure!(log.matches(WARNING).count() == 1 && log.contains("others=1"), "{log}");
    Ok(())
}
