//! `SIGTERM` is obeyed within 10 s whoever takes nothing, and whatever hangs.

use std::any::Any;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::{Client, PATIENCE, UPLOAD_TYPE, raw, until};
use anyhow::{Context as _, Result, ensure};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Arrangement, Bucket, BucketMode, Cluster, Deployment, Proxy};

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
    ends_in_time_while(cluster.database()?, || Ok(Box::new(cluster.freeze()?)))
}

#[test]
fn a_database_whose_packets_are_lost_does_not_put_the_end_off() -> Result<()> {
    let Arrangement::Postgres(url) = Arrangement::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::in_front_of(&url)?;
    ends_in_time_while(url, || {
        proxy.drop_traffic(true);
        Ok(Box::new(()))
    })
}

#[test]
fn a_standby_that_is_gone_does_not_put_the_end_off() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let url = cluster.database()?;
    ends_in_time_while(url.clone(), || {
        cluster.wait_for_standby(&url, "nobody")?;
        Ok(Box::new(()))
    })
}

/// `hang`: from now on the database answers nobody who commits, at least while what it returns is kept.
fn ends_in_time_while(url: String, hang: impl FnOnce() -> Result<Box<dyn Any>>) -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Postgres(url), &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "before")?;
    let _kept = hang()?;
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

/// What a server waits for without an end, and programs that do so at this moment.
struct Hanging {
    deployment: Deployment,
    _kept: Box<dyn Any>,
}

type Begin = fn() -> Result<Hanging>;

#[test]
fn what_hangs_beside_the_database_does_not_put_the_end_off() -> Result<()> {
    let cases: [(&str, Begin); 4] = [
        ("a directory of files", hanging_directory),
        ("a bucket", hanging_bucket),
        ("a mail server", hanging_mail),
        ("NATS", hanging_nats),
    ];
    for (name, begin) in cases {
        let mut hanging = begin().context(name)?;
        ends_in_time(&mut hanging.deployment).context(name)?;
    }
    Ok(())
}

/// An object is a pipe into which nobody writes.
fn hanging_directory() -> Result<Hanging> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let id = alice.upload("a.txt", "text/plain", b"hello")?;
    let mut objects = Vec::new();
    for folder in fs::read_dir(deployment.dir().join("files"))? {
        for file in fs::read_dir(folder?.path())? {
            objects.push(file?.path());
        }
    }
    objects.retain(|path| !path.to_string_lossy().contains("probe"));
    ensure!(objects.len() == 1, "{objects:?}");
    fs::remove_file(&objects[0])?;
    let made = Command::new("mkfifo").arg(&objects[0]).status()?;
    ensure!(made.success(), "mkfifo: {made}");
    let head = format!("GET /files/{id} HTTP/1.1\r\n");
    let asked = ask(&deployment, &alice, &head, b"")?;
    // It can be opened for writing once somebody reads it.
    let options = OFlags::WRONLY | OFlags::NONBLOCK;
    let pipe = until("the object to be read", PATIENCE, || {
        match rustix::fs::open(&objects[0], options, Mode::empty()) {
            Err(Errno::NXIO) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    })?;
    Ok(Hanging { deployment, _kept: Box::new((asked, pipe)) })
}

fn hanging_bucket() -> Result<Hanging> {
    let bucket = Bucket::start(BucketMode::Works)?;
    let launch = |launch| bucket.known_to(launch);
    let deployment = Deployment::launch_with(&Arrangement::Messenger, &[Bucket::flag()], launch)?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let path = alice.begin_upload(5, &[])?;
    bucket.set(BucketMode::Hangs);
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: {UPLOAD_TYPE}\r\nContent-Length: 5\r\n"
    );
    let asked = ask(&deployment, &alice, &head, b"hello")?;
    until("a request to the bucket", PATIENCE, || Ok((bucket.held() > 0).then_some(())))?;
    Ok(Hanging { deployment, _kept: Box::new((asked, bucket)) })
}

fn hanging_mail() -> Result<Hanging> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let smtp = format!("--smtp=smtp://{}?from=chat@chat.example", listener.local_addr()?);
    let flags = ["--public-url=http://localhost", &smtp];
    let deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    Client::signup(&deployment.endpoints, "Alice")?;
    let accepted = listener.accept()?;
    Ok(Hanging { deployment, _kept: Box::new((listener, accepted)) })
}

fn hanging_nats() -> Result<Hanging> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let flag = format!("--nats=nats://{}", listener.local_addr()?);
    let deployment = Deployment::launch(&Arrangement::postgres()?, &[&flag])?;
    let accepted = listener.accept()?;
    Ok(Hanging { deployment, _kept: Box::new((listener, accepted)) })
}

/// Sends a request, the first lines of which are `head`, and does not wait for its answer.
fn ask(deployment: &Deployment, who: &Client, head: &str, body: &[u8]) -> Result<TcpStream> {
    let mut stream = raw::connect(&deployment.endpoints.auth_address()?, None)?;
    let token = &who.token;
    let rest = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), rest.as_bytes(), body].concat())?;
    Ok(stream)
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
