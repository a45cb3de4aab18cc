//! Logins by password beside the bare rate of the hash, and coming back with a token.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acceptance::Call;
use anyhow::{Context, Result};
use serde_json::json;

use crate::account;
use crate::client::Dialect;
use crate::load::{Figures, Load, Target};
use crate::run::Bench;
use crate::server::{Server, chat_command, free_address};

/// Clients that log in at once: more than cores, fewer than may wait.
const CLIENTS: usize = 8;
const PASSWORD: &str = "correct horse battery staple";

/// The parameters that the server uses: OWASP's for Argon2id.
fn config() -> argon2::Config<'static> {
    argon2::Config {
        ad: &[],
        hash_length: 32,
        lanes: 1,
        mem_cost: 19_456,
        secret: &[],
        thread_mode: argon2::ThreadMode::Sequential,
        time_cost: 2,
        variant: argon2::Variant::Argon2id,
        version: argon2::Version::Version13,
    }
}

/// Both, on SQLite.
pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let (people, connections) = if bench.args.smoke { (1, 16) } else { (64, 3000) };
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite:{}", dir.path().join("bench.db").display());
    let store = account::open(&url)?;
    let phc = argon2::hash_encoded(PASSWORD.as_bytes(), b"0123456789abcdef", &config())?;
    let (accounts, _) = account::create(&store, people, &phc)?;
    let emails: Result<Vec<String>> = accounts
        .iter()
        .map(|id| Ok(store.account(*id)?.context("an account just made")?.email))
        .collect();
    let emails = emails?;
    let (_, tokens) = account::create(&store, connections, "none")?;
    drop(store);
    let address = free_address()?;
    let mut chat = chat_command(bench.args, address)?;
    chat.arg("--database").arg(&url);
    let chat = Server::start(&mut chat, address, &dir.path().join("chat.log"))?;
    let mut auth = Command::new(bench.args.programs.join("auth"));
    let address = free_address()?;
    auth.arg("--listen").arg(address.to_string()).arg("--database").arg(&url);
    auth.args(["--log-filter", "warn"]);
    let auth = Server::start(&mut auth, address, &dir.path().join("auth.log"))?;
    let dialect = Dialect::Account { tokens: Arc::new(tokens), group: 0, receipts: true };
    let target = Target { address: chat.address, dialect, pids: vec![chat.pid()] };
    let name = "logins by password";
    for _ in 0..bench.rounds() {
        let time = Duration::from_secs_f64(bench.seconds());
        let bare = bare(time)?;
        bench.report.add(name, "bare argon2", Figures::from([("logins_per_second", bare)]));
        let figures = log_in(&format!("http://{}", auth.address), &emails, &target, time)?;
        bench.report.add(name, "messenger", figures);
        let at_once = 1000.min(connections);
        let storm = Load::Storm { connections, at_once };
        bench.run("coming back with a token", "messenger, SQLite", storm, &target)?;
        let hello = Load::Hello { connections };
        bench.run("hellos on open connections", "messenger, SQLite", hello, &target)?;
    }
    Ok(())
}

/// Hashes a second on all cores.
fn bare(time: Duration) -> Result<f64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    let done = AtomicU64::new(0);
    let phc = argon2::hash_encoded(PASSWORD.as_bytes(), b"0123456789abcdef", &config())?;
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while begin.elapsed() < time {
                    if argon2::verify_encoded(&phc, PASSWORD.as_bytes()).is_ok() {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Ok(done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
}

/// Logins a second, and what messages and /healthz take meanwhile.
fn log_in(base: &str, emails: &[String], target: &Target, time: Duration) -> Result<Figures> {
    let (is_over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    let work = |at: usize| {
        let url = format!("{base}/login");
        let mut next = at;
        while !is_over.load(Ordering::Relaxed) {
            let body = json!({ "email": emails[next % emails.len()], "password": PASSWORD });
            Call::new("POST", &url).json(&body).send()?.expect(200)?;
            done.fetch_add(1, Ordering::Relaxed);
            next += CLIENTS;
        }
        anyhow::Ok(())
    };
    std::thread::scope(|scope| {
        let work = &work;
        let clients: Vec<_> = (0..CLIENTS).map(|at| scope.spawn(move || work(at))).collect();
        let health = scope.spawn(|| {
            let mut slowest = 0.0_f64;
            while !is_over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                Call::new("GET", &format!("{base}/healthz")).send()?.expect(200)?;
                slowest = slowest.max(asked.elapsed().as_secs_f64() * 1e3);
                std::thread::sleep(Duration::from_millis(20));
            }
            anyhow::Ok(slowest)
        });
        let rate = Load::Rate { pairs: 8, per_second: 100.0 };
        let messages = rate.run(target, time.as_secs_f64());
        is_over.store(true, Ordering::Relaxed);
        let seconds = begin.elapsed().as_secs_f64();
        let logins = done.load(Ordering::Relaxed) as f64 / seconds;
        for client in clients {
            client.join().expect("no client panics")?;
        }
        let slowest = health.join().expect("it does not panic")?;
        let messages = messages?;
        let mut figures =
            Figures::from([("logins_per_second", logins), ("healthz_slowest_ms", slowest)]);
        for name in ["p50_us", "p99_us"] {
            figures.extend(messages.get(name).map(|figure| (name, *figure)));
        }
        Ok(figures)
    })
}
