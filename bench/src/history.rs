//! Long logs, and a short start.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::Cluster;
use anyhow::{Context, Result, ensure};
use sql::{Batch, Operation, Store, Submission};
use wire::{AccountId, MessageId, Peer, Recipient, Seq};

use crate::account;
use crate::client::frame;
use crate::load::Figures;
use crate::machine::Memory;
use crate::report::print;
use crate::run::Bench;
use crate::server::{Server, chat_command, free_address};

/// People who write to one account; as many conversations.
const WRITERS: usize = 300;
/// Messages in one commit while a log is filled.
const BATCH: usize = 2000;
/// Events that somebody has missed.
const MISSED: i64 = 1000;
/// One message in so many has a word that the others have not.
const RARE: usize = 1000;
const RARE_WORD: &str = "needle";
/// How often each is asked.
const TIMES: usize = 20;

/// How long it takes to look back, over ever longer logs.
pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let sizes: &[usize] =
        if bench.args.smoke { &[1_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite:{}", dir.path().join("bench.db").display());
    curve(bench, "SQLite", &url, sizes)?;
    if let Ok(cluster) = Cluster::make().and_then(|cluster| cluster.start().map(|()| cluster)) {
        curve(bench, "PostgreSQL", &cluster.database()?, sizes)?;
    }
    Ok(())
}

fn curve(bench: &mut Bench<'_>, engine: &str, url: &str, sizes: &[usize]) -> Result<()> {
    let store = account::open(url)?;
    let (accounts, tokens) = account::create(&store, WRITERS + 1, "none")?;
    let mut stored = 0;
    for size in sizes {
        let begin = Instant::now();
        let from = stored;
        while stored < *size {
            let count = BATCH.min(size - stored);
            fill(&store, &accounts, stored, count)?;
            stored += count;
        }
        if *size > 100_000 {
            let rate = (stored - from) as f64 / begin.elapsed().as_secs_f64();
            print(&format!("{engine}: {size} messages; {rate:.0} stored a second"));
        }
        let (me, other) = (accounts[0], accounts[1]);
        let (middle, end) = (Seq(*size as i64 / 2), MessageId(i64::MAX));
        let with = Peer::Account(other);
        let mut time = |what: &str, work: &dyn Fn() -> Result<usize>| -> Result<()> {
            for _ in 0..TIMES {
                let begin = Instant::now();
                work()?;
                let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
                let figures = Figures::from([("milliseconds", milliseconds)]);
                bench.report.add(
                    &format!("{what}, {engine}"),
                    &format!("messenger, {size}"),
                    figures,
                );
            }
            Ok(())
        };
        time("128 events of the middle of a log", &|| Ok(store.events(me, middle, 128)?.len()))?;
        time("the last page of a conversation", &|| {
            Ok(store.history(me, with, end, 50)?.unwrap_or_default().len())
        })?;
        time("a search for a rare word", &|| Ok(store.search(me, RARE_WORD, end, 50)?.len()))?;
        time("the list of 300 conversations", &|| {
            Ok(store.conversations(me, end, WRITERS)?.len())
        })?;
    }
    drop(store);
    resume(bench, engine, url, &tokens[0], *sizes.last().context("a size")? as i64)
}

/// From the hello to the last of the missed events, over a socket.
fn resume(bench: &mut Bench<'_>, engine: &str, url: &str, token: &str, head: i64) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let address = free_address()?;
    let mut chat = chat_command(bench.args, address)?;
    chat.arg("--database").arg(url);
    let _chat = Server::start(&mut chat, address, &dir.path().join("chat.log"))?;
    let name = format!("{MISSED} missed of {head} events, {engine}");
    let since = (head - MISSED).max(0);
    let hello = format!(r#"{{"type":"hello","token":"{token}","since":{since}}}"#);
    for _ in 0..TIMES {
        let mut stream = open(address)?;
        let begin = Instant::now();
        say_to(&mut stream, &hello)?;
        // The welcome names the head as well, but not as its own place.
        hear(&mut stream, &format!(r#""message","id":{head},"seq":{head},"#))?;
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        bench.report.add(&name, "messenger", Figures::from([("milliseconds", milliseconds)]));
    }
    Ok(())
}

fn fill(store: &Store, accounts: &[AccountId], from: usize, count: usize) -> Result<()> {
    let act = |at: usize| {
        let mut content = "x".repeat(crate::client::dialect::CONTENT_BYTES);
        if at.is_multiple_of(RARE) {
            content.replace_range(..=RARE_WORD.len(), &format!("{RARE_WORD} "));
        }
        let operation = Operation::Post {
            to: Recipient::Account(accounts[0]),
            content,
            files: Vec::new(),
            reply_to: None,
        };
        Submission { by: accounts[1 + at % WRITERS], reference: None, operation }
    };
    let submissions = (from..from + count).map(act).collect();
    let done = store.commit(&Batch { submissions, ..Batch::default() }, account::now_ms())?;
    ensure!(done.events.len() == count, "not everything was stored");
    Ok(())
}

/// From the start of a process on an existing database to the first answered ping, and what it then takes.
pub(crate) fn start(bench: &mut Bench<'_>) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("bench.db");
    let url = format!("sqlite:{}", path.display());
    drop(account::open(&url)?);
    for _ in 0..if bench.args.smoke { 1 } else { TIMES } {
        let (chat, auth) = (free_address()?, free_address()?);
        let mut command = Command::new(bench.args.programs.join("messenger"));
        command.arg("--chat-listen").arg(chat.to_string());
        command.arg("--auth-listen").arg(auth.to_string()).arg("--database").arg(&url);
        let begin = Instant::now();
        let server = Server::start(&mut command, chat, &dir.path().join("log"))?;
        let mut stream = open(chat)?;
        say_to(&mut stream, "ping")?;
        hear(&mut stream, "pong")?;
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        std::thread::sleep(Duration::from_millis(300));
        let resident = Memory::now(&[server.pid()]).resident / 1e6;
        let figures =
            Figures::from([("milliseconds", milliseconds), ("resident_megabytes", resident)]);
        bench.report.add("from start to pong", "messenger", figures);
    }
    for name in ["chat", "auth", "messenger"] {
        let bytes = std::fs::metadata(bench.args.programs.join(name))?.len() as f64;
        let figures = Figures::from([("megabytes", bytes / 1e6)]);
        bench.report.add("size of a program", name, figures);
    }
    Ok(())
}

/// A WebSocket of one thread's own, after its handshake.
fn open(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = Vec::new();
    frame::upgrade(address, ("/", ""), &mut request);
    stream.write_all(&request)?;
    hear(&mut stream, "\r\n\r\n")?;
    Ok(stream)
}

fn say_to(stream: &mut TcpStream, text: &str) -> Result<()> {
    let mut frame = Vec::new();
    frame::put(&mut frame, frame::TEXT, text.as_bytes());
    Ok(stream.write_all(&frame)?)
}

/// Reads until this has come.
fn hear(stream: &mut TcpStream, wanted: &str) -> Result<()> {
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 256 * 1024]);
    loop {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "closed before {wanted} came");
        heard.extend_from_slice(&buffer[..count]);
        if heard.windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
            return Ok(());
        }
        // What is wanted may come in two parts.
        heard.drain(..heard.len().saturating_sub(wanted.len()));
    }
}
