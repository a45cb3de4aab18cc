//! Somebody who logs in all the time is not felt by others, and by the machine no more than two hashes at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints, PATIENCE, raw, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

/// Connections that somebody logs in on, again and again.
const HAMMERING: usize = 200;
/// Addresses that they come from.
const ADDRESSES: usize = 16;
/// How often others log in meanwhile.
const LOGINS: usize = 10;
/// Clients that log in all the time while memory is looked at.
const CLIENTS: usize = 5;
/// MiB that `auth` may have resident meanwhile. Two hashes take 38; without a fixed bound for large blocks it grows to 450.
const RESIDENT_MAX: usize = 160;

/// Sessions that an account has at the most.
const SESSIONS_MAX: usize = 50;

/// Has Mallory log in on so many connections while `work` is done; gives what came of it, and Mallory, who was let in more than
/// twice [`CLIENTS`].
fn while_hammering<T>(
    endpoints: &Endpoints,
    connections: usize,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Client)> {
    let mallory = Client::signup(endpoints, "Mallory")?;
    let address = endpoints.auth_address()?;
    let body = json!({"email": mallory.email, "password": mallory.password}).to_string();
    let request = raw::post("/login", &body);
    let (is_over, welcome) = (AtomicBool::new(false), AtomicUsize::new(0));
    let hammer = |number: usize| {
        let from = format!("127.0.0.{}", 100 + number % ADDRESSES);
        while !is_over.load(Ordering::Relaxed) {
            let answer = from
                .parse()
                .map_err(anyhow::Error::from)
                .and_then(|from| raw::exchange(raw::connect(&address, Some(from))?, &request));
            if answer.is_ok_and(|(status, _)| status == 200) {
                welcome.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let done = thread::scope(|scope| {
        for number in 0..connections {
            let hammer = &hammer;
            scope.spawn(move || hammer(number));
        }
        let done = until("the hammering to begin", PATIENCE, || {
            Ok((welcome.load(Ordering::Relaxed) > 2 * CLIENTS).then_some(()))
        })
        .and_then(|()| work());
        is_over.store(true, Ordering::Relaxed);
        done
    })?;
    Ok((done, mallory))
}

#[test]
fn who_logs_in_all_the_time_keeps_nobody_else_out() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        keeps_nobody_out(&kind).with_context(|| format!("{kind:?}"))?;
    }
    Ok(())
}

fn keeps_nobody_out(kind: &Arrangement) -> Result<()> {
    let mut deployment = Deployment::launch(kind, &[])?;
    let endpoints = deployment.endpoints.clone();
    // One was here before, one is new, and one signs up meanwhile.
    let alice = Client::signup(&endpoints, "Alice")?;
    let (slowest, mallory) = while_hammering(&endpoints, HAMMERING, || {
        let mut slowest = Duration::ZERO;
        for number in 0..LOGINS {
            let begin = Instant::now();
            alice.device("meanwhile").with_context(|| format!("login {number}"))?;
            slowest = slowest.max(begin.elapsed());
        }
        Client::signup(&endpoints, "Bob").context("a newcomer")?;
        Ok(slowest)
    })?;
    eprintln!("on {kind:?} the slowest login took {slowest:?}");
    ensure!(slowest < PATIENCE, "a login took {slowest:?}");
    let listed = mallory.device("afterwards")?.ask("GET", "/sessions")?.send()?.expect(200)?.body;
    let count = listed["sessions"].as_array().map_or(0, Vec::len);
    ensure!(count <= SESSIONS_MAX, "{count} sessions");
    deployment.runs()
}

#[test]
fn logging_in_all_the_time_does_not_fill_the_memory() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Pair, &[])?;
    let endpoints = deployment.endpoints.clone();
    let auth = deployment.servers[1].id();
    let (most, _) = while_hammering(&endpoints, CLIENTS, || {
        let (mut most, until) = (0, Instant::now() + Duration::from_secs(8));
        while Instant::now() < until {
            most = most.max(resident_mib(auth)?);
            endpoints.ask("GET", "/healthz")?.send()?.expect(200)?;
        }
        Ok(most)
    })?;
    eprintln!("{most} MiB resident");
    ensure!(most < RESIDENT_MAX, "{most} MiB resident");
    deployment.runs()
}

fn resident_mib(process: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: usize = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024)
}
