//! A file store that does not work: health, metrics and log say so, messages go on, and it ends by itself.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::{Call, Client, UPLOAD_TYPE, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::faults::{METRICS, TOLD_WITHIN};
use crate::harness::{Arrangement, Bucket, BucketMode, Deployment, Disk, Launch, not_tested};

/// A request for the bytes of an upload, which is refused.
fn refused(alice: &Client, status: u16, code: &str) -> Result<()> {
    let path = alice.begin_upload(5, &[])?;
    let call = alice.tus("PATCH", &path)?.header("upload-offset", "0");
    let answer = call.typed(UPLOAD_TYPE, b"hello".to_vec()).send()?.refused(status)?;
    ensure!(answer.body["code"] == code, "{}", answer.text);
    ensure!(alice.upload_offset(&path)? == 0);
    Ok(())
}

/// Health and metrics of `auth` come to say this, and the chat server is well all the time.
fn told(deployment: &mut Deployment, code: Option<&str>) -> Result<()> {
    let last = deployment.servers.len() - 1;
    let url = format!("http://{}", deployment.servers[last].address("metrics")?);
    let status = if code.is_some() { 503 } else { 200 };
    until(&format!("health {status} {code:?}"), TOLD_WITHIN, || {
        let chat = deployment.endpoints.ask_chat("GET", "/healthz").send()?;
        ensure!(chat.status == 200, "the chat server: {}", chat.text);
        let mut is_told = true;
        let calls = [
            deployment.endpoints.ask("GET", "/healthz")?,
            Call::new("GET", &format!("{url}/healthz")),
            Call::new("GET", &format!("{url}/readyz")),
        ];
        for call in calls {
            let answer = call.send()?;
            is_told &= answer.status == status && answer.body["code"].as_str() == code;
        }
        let failing = metric(&url, "auth_files_failing")?;
        Ok((is_told && failing == i64::from(code.is_some())).then_some(()))
    })
}

fn metric(url: &str, name: &str) -> Result<i64> {
    let page = Call::new("GET", &format!("{url}/metrics")).send()?;
    let value = page.text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.with_context(|| format!("no {name}"))
}

/// A deployment whose files lie on a small disk.
fn on_a_disk(size: &str) -> Result<Option<(Deployment, Disk, PathBuf, tempfile::TempDir)>> {
    let dir = tempfile::tempdir()?;
    let Some(disk) = Disk::mount(dir.path(), size)? else {
        not_tested("mounting a small disk needs root");
        return Ok(None);
    };
    let files = dir.path().join("files");
    let flag = format!("--files=file:{}", files.display());
    let deployment = Deployment::launch(&Arrangement::Messenger, &[METRICS, &flag])?;
    Ok(Some((deployment, disk, files, dir)))
}

#[test]
fn a_disk_that_files_have_filled_is_told_and_ends_by_itself() -> Result<()> {
    let Some((mut deployment, disk, files, _dir)) = on_a_disk("size=8m")? else { return Ok(()) };
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let kept = alice.upload("a.txt", "text/plain", b"hello")?;
    let begin = |size: usize| {
        alice.tus("POST", "/files")?.header("upload-length", &size.to_string()).send()
    };
    // More than there is room for is refused before a byte is sent.
    ensure!(begin(9_000_000)?.refused(507)?.body["code"] == "storage_full");
    told(&mut deployment, None)?;
    let begun = alice.begin_upload(5, &[])?;
    let filler = disk.fill()?;
    let call = alice.tus("PATCH", &begun)?.header("upload-offset", "0");
    let answer = call.typed(UPLOAD_TYPE, b"hello".to_vec()).send()?.refused(507)?;
    ensure!(answer.body["code"] == "storage_full", "{}", answer.text);
    ensure!(begin(1)?.refused(507)?.body["code"] == "storage_full");
    told(&mut deployment, Some("not_storing_files"))?;
    ensure!(alice.download(&kept)? == (200, "hello".to_owned()));
    alice.send_message(&bob, "messages go on")?;
    fs::remove_file(filler)?;
    told(&mut deployment, None)?;
    ensure!(alice.append(&begun, 0, b"hello")? == 5);
    ensure!(files.exists());
    deployment.runs()
}

#[test]
fn a_directory_that_may_only_be_read_is_told_and_ends_by_itself() -> Result<()> {
    let Some((mut deployment, _disk, files, dir)) = on_a_disk("size=8m")? else { return Ok(()) };
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let remount = |how: &str| -> Result<()> {
        let options = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &options]).arg(dir.path()).status()?;
        ensure!(done.success(), "mount: {done}");
        Ok(())
    };
    remount("ro")?;
    refused(&alice, 503, "unavailable")?;
    told(&mut deployment, Some("not_storing_files"))?;
    alice.send_message(&bob, "messages go on")?;
    let log = deployment.servers[0].log();
    let line = log.lines().find(|line| line.contains("the file store does not work"));
    let line = line.context("no line")?;
    for word in ["may only be read", &files.display().to_string(), "as user "] {
        ensure!(line.contains(word), "{line}");
    }
    remount("rw")?;
    told(&mut deployment, None)?;
    alice.upload("a.txt", "text/plain", b"hello")?;
    Ok(())
}

#[test]
fn a_bucket_that_is_away_is_told_and_ends_by_itself() -> Result<()> {
    let bucket = Bucket::start(BucketMode::Works)?;
    let flags = [METRICS, Bucket::flag()];
    let launch = |launch: Launch| bucket.known_to(launch);
    let mut deployment = Deployment::launch_with(&Arrangement::Pair, &flags, launch)?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let [one, two] = [b"one", b"two"].map(|bytes| alice.upload("a", "text/plain", bytes));
    let (one, two) = (one?, two?);
    ensure!(alice.download(&one)?.1 == "one" && bucket.objects().len() == 2);
    let sent = alice.send_files(&bob, "", &[&two])?;
    bucket.set(BucketMode::Away);
    refused(&alice, 503, "unavailable")?;
    refused(&alice, 503, "unavailable")?;
    ensure!(alice.download(&one)?.0 == 503);
    told(&mut deployment, Some("not_storing_files"))?;
    // The objects of the two that failed cannot be deleted; files are nevertheless.
    let auth = deployment.servers.len() - 1;
    deployment.servers[auth].wait_for_line("unneeded objects of the file store")?;
    alice.change(json!({"type": "delete", "id": sent["id"]}))?;
    until("the quota of what is deleted", TOLD_WITHIN, || {
        let me = alice.ask("GET", "/me")?.send()?.expect(200)?;
        // Two of five bytes that were begun, and one.
        Ok((me.body["stored"] == 13).then_some(()))
    })?;
    let log = deployment.servers[auth].log();
    ensure!(log.contains("the file store cannot be used"), "{log}");
    ensure!(!log.contains("the-secret"), "{log}");
    bucket.set(BucketMode::Works);
    told(&mut deployment, None)?;
    ensure!(alice.download(&one)?.1 == "one");
    Ok(())
}

#[test]
fn who_sends_slowly_keeps_nobody_from_a_bucket() -> Result<()> {
    /// Uploads of an account at one moment; and accounts, so that together they have more than are sent to a bucket at once.
    const EACH: usize = 8;
    const SLOW: usize = 5;
    const BYTES: usize = 1024 * 1024;
    /// An object is in memory for 30 s, and then it is sent.
    const HELD: Duration = Duration::from_secs(45);
    let bucket = Bucket::start(BucketMode::Works)?;
    let launch = |launch: Launch| bucket.known_to(launch);
    let deployment = Deployment::launch_with(&Arrangement::Messenger, &[Bucket::flag()], launch)?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let slow = (0..SLOW).map(|n| Client::signup(&deployment.endpoints, &format!("Slow {n}")));
    let slow: Vec<_> = slow.collect::<Result<_>>()?;
    let mut begun = Vec::new();
    for slow in slow.iter().flat_map(|slow| std::iter::repeat_n(slow, EACH)) {
        let path = slow.begin_upload(BYTES, &[])?;
        let mut stream = slow.begin_body(&path, BYTES)?.context("refused")?;
        stream.write_all(b"slow")?;
        begun.push((slow, path, stream));
    }
    let quick = bob.upload("a.txt", "text/plain", b"hello")?;
    ensure!(bob.download(&quick)? == (200, "hello".to_owned()));
    // What comes slowly is sent as it is, and goes on in another object.
    let (slow, path, mut stream) = begun.pop().context("none")?;
    drop(begun);
    let mut due = Instant::now();
    until("a part of what comes slowly", HELD, || {
        if Instant::now() < due {
            return Ok(None);
        }
        due += Duration::from_secs(1);
        stream.write_all(&[b'x'; 2048])?;
        Ok((slow.upload_offset(&path)? > 0).then_some(()))
    })?;
    Ok(())
}

#[test]
fn a_lost_object_is_final_and_named() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[METRICS])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let id = alice.upload("a.txt", "text/plain", b"hello")?;
    let begun = alice.begin_upload(10, &[])?;
    ensure!(alice.append(&begun, 0, b"begin")? == 5);
    let mut names = Vec::new();
    for folder in fs::read_dir(deployment.dir().join("files"))? {
        for file in fs::read_dir(folder?.path())? {
            let path = file?.path();
            names.push(path.file_name().context("no name")?.to_string_lossy().into_owned());
            fs::remove_file(path)?;
        }
    }
    names.retain(|name| !name.contains("probe"));
    ensure!(names.len() == 2, "{names:?}");
    let answer = alice.ask("GET", &format!("/files/{id}"))?.send()?.refused(410)?;
    ensure!(answer.body["code"] == "gone", "{}", answer.text);
    // What has begun cannot go on: its last piece is short, and becomes a part of the next one.
    let call = alice.tus("PATCH", &begun)?.header("upload-offset", "5");
    call.typed(UPLOAD_TYPE, b"ended".to_vec()).send()?.refused(410)?;
    let server = &mut deployment.servers[0];
    let log = server.log();
    ensure!(names.iter().all(|name| log.contains(name.as_str())), "{names:?} in {log}");
    let url = format!("http://{}", server.address("metrics")?);
    ensure!(metric(&url, "auth_files_lost_total")? == 2);
    told(&mut deployment, None)
}

/// An object that is lost is not taken for a file with the same bytes.
#[test]
fn what_is_lost_is_written_anew() -> Result<()> {
    let bucket = Bucket::start(BucketMode::Works)?;
    for flag in [None, Some(Bucket::flag())] {
        let launch = |launch: Launch| bucket.known_to(launch);
        let flags: Vec<_> = flag.into_iter().collect();
        let deployment = Deployment::launch_with(&Arrangement::Messenger, &flags, launch)?;
        let alice = Client::signup(&deployment.endpoints, "Alice")?;
        let upload = || alice.upload("a.txt", "text/plain", b"hello");
        let lost = upload()?;
        bucket.lose();
        let folders = deployment.dir().join("files");
        for folder in fs::read_dir(&folders).into_iter().flatten() {
            fs::remove_dir_all(folder?.path())?;
        }
        ensure!(alice.download(&lost)?.0 == 410);
        // The third one shares the object of the second.
        for file in [upload()?, upload()?] {
            ensure!(alice.download(&file)? == (200, "hello".to_owned()), "{flag:?}");
        }
    }
    Ok(())
}

#[test]
fn what_stays_wrong_ends_the_start_with_a_sentence() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let home = dir.path();
    fs::write(home.join("a-file"), "")?;
    let named = |path: &str| format!("--files=file:{}", home.join(path).display());
    let bucket = Bucket::start(BucketMode::Works)?;
    let cases = [
        (named("a-file"), BucketMode::Works, "is no directory"),
        (named("not/there"), BucketMode::Works, "make the directory that it is in"),
        ("--files=file:/proc/nowhere".to_owned(), BucketMode::Works, "make the directory"),
        (Bucket::flag().to_owned(), BucketMode::Refuses(404, "NoSuchBucket"), "does not exist"),
        (Bucket::flag().to_owned(), BucketMode::Refuses(403, "AccessDenied"), "give this program"),
    ];
    for program in ["messenger", "auth"] {
        for (flag, mode, sentence) in &cases {
            bucket.set(*mode);
            let launch = bucket.known_to(Launch::new(program, home)?);
            let launch = match program {
                "auth" => launch.args(&["--listen=127.0.0.1:0"]),
                _ => launch.args(&["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"]),
            };
            let output = launch.args(&["--database=sqlite::memory:", flag]).run()?;
            let text = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.code() == Some(1), "{flag}: {} {text}", output.status);
            let last = text.lines().last().unwrap_or_default();
            let is_told = last.starts_with(&format!("{program}: cannot keep files in"));
            ensure!(is_told && last.contains(sentence), "{flag}: {text}");
        }
    }
    Ok(())
}

#[test]
fn what_may_pass_is_waited_for_and_messages_do_not_wait() -> Result<()> {
    let bucket = Bucket::start(BucketMode::Away)?;
    let flags = [METRICS, Bucket::flag()];
    let launch = |launch: Launch| bucket.known_to(launch);
    let mut deployment = Deployment::launch_with(&Arrangement::Messenger, &flags, launch)?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "at once")?;
    told(&mut deployment, Some("not_storing_files"))?;
    bucket.set(BucketMode::Works);
    told(&mut deployment, None)?;
    alice.upload("a.txt", "text/plain", b"hello")?;
    Ok(())
}
