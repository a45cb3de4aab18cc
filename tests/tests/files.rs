//! Files on the real programs: what a killed one leaves, what is collected, and the bounds.

use std::fs;
use std::io::Write as _;
use std::time::Instant;

use acceptance::{Client, PATIENCE, UPLOAD_TYPE, raw, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

/// Bytes of a piece of a file.
const PIECE: usize = 4 * 1024 * 1024;

/// All objects of the file store.
fn objects(deployment: &Deployment) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let root = deployment.dir().join("files");
    for folder in fs::read_dir(&root).into_iter().flatten() {
        for file in fs::read_dir(folder?.path())? {
            names.push(file?.file_name().into_string().unwrap_or_default());
        }
    }
    Ok(names)
}

/// Bytes that are nowhere the same.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 26
    };
    (0..count).map(next).collect()
}

/// Sends part of a body that is said to be longer, and leaves the connection open.
fn begin_patch(
    alice: &Client,
    address: &str,
    path: &str,
    offset: usize,
    bytes: &[u8],
) -> Result<std::net::TcpStream> {
    let mut stream = raw::connect(address, None)?;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: {UPLOAD_TYPE}\r\nUpload-Offset: {offset}\r\nContent-Length: {}\r\n\r\n",
        alice.token,
        bytes.len() + 1000
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(bytes)?;
    Ok(stream)
}

#[test]
fn an_upload_goes_on_after_its_server_was_killed() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let alice = Client::signup(&deployment.endpoints, "Alice")?;
        let bytes = noise(2 * PIECE + 200_000);
        let path = alice.begin_upload(bytes.len(), &[("filename", "a.txt")])?;
        let sent = 2 * PIECE + 1000;
        let address = deployment.endpoints.auth_address()?;
        let stream = begin_patch(&alice, &address, &path, 0, &bytes[..sent])?;
        let reached = until("two pieces", PATIENCE, || {
            Ok(Some(alice.upload_offset(&path)?).filter(|offset| *offset >= 2 * PIECE))
        })?;
        ensure!(reached == 2 * PIECE, "{reached}");
        let last = deployment.servers.len() - 1;
        deployment.servers[last].kill()?;
        drop(stream);
        deployment.restart_last()?;
        let offset = alice.upload_offset(&path)?;
        ensure!(offset == 2 * PIECE, "{offset} of {sent}");
        ensure!(alice.append(&path, offset, &bytes[offset..])? == bytes.len());
        let id = path.trim_start_matches("/files/");
        let (status, text) = alice.download(id)?;
        ensure!(status == 200 && text.as_bytes() == bytes, "{status}, {} bytes", text.len());
        // The piece that was being written is in the list, and goes in time.
        ensure!(objects(&deployment)?.len() >= 3);
    }
    Ok(())
}

#[test]
fn what_came_before_a_cut_is_kept_and_two_who_go_on_do_not_mix() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let address = deployment.endpoints.auth_address()?;
    let path = alice.begin_upload(10, &[])?;
    let cut = begin_patch(&alice, &address, &path, 0, b"01234")?;
    // Longer than the file: refused before a byte is taken.
    let refused = raw::read_to_end(&mut cut.try_clone()?, PATIENCE)?;
    ensure!(raw::status(&refused) == Some(413), "{refused}");
    let path = alice.begin_upload(5000, &[])?;
    let first = begin_patch(&alice, &address, &path, 0, &noise(2000))?;
    let second = begin_patch(&alice, &address, &path, 0, &noise(1000))?;
    drop(second);
    let offset = until("what came before the cut", PATIENCE, || {
        Ok(Some(alice.upload_offset(&path)?).filter(|offset| *offset > 0))
    })?;
    ensure!(offset == 1000, "{offset}");
    drop(first);
    ensure!(alice.append(&path, 1000, &noise(5000)[1000..])? == 5000);
    let (status, text) = alice.download(path.trim_start_matches("/files/"))?;
    ensure!(status == 200 && text.as_bytes() == noise(5000));
    Ok(())
}

#[test]
fn what_nobody_needs_is_collected_and_counts_no_longer() -> Result<()> {
    for kind in [Arrangement::Pair, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let bob = Client::connected(&deployment.endpoints, "Bob")?;
        let stored = |who: &Client| -> Result<i64> {
            let me = who.ask("GET", "/me")?.send()?.expect(200)?;
            me.body["stored"].as_i64().context("no `stored`")
        };
        // Equal bytes are one object, and the other is deleted at once.
        let one = alice.upload("one", "text/plain", b"the same")?;
        let two = alice.upload("two", "text/plain", b"the same")?;
        ensure!(stored(&alice)? == 16, "each counts");
        until("one object of two", 3 * PATIENCE, || {
            Ok((objects(&deployment)?.len() == 1).then_some(()))
        })?;
        ensure!(alice.download(&one)?.1 == "the same" && alice.download(&two)?.1 == "the same");
        let sent = alice.send_files(&bob, "", &[&one])?;
        alice.tus("DELETE", &format!("/files/{two}"))?.send()?.is(204)?;
        ensure!(stored(&alice)? == 8);
        alice.change(json!({"type": "delete", "id": sent["id"]}))?;
        until("the quota back", 3 * PATIENCE, || Ok((stored(&alice)? == 0).then_some(())))?;
        ensure!(bob.download(&one)?.0 == 404);
    }
    Ok(())
}

/// A client may cut where it likes. What it sends a few bytes at a time lies in objects of 16 KiB, as if it had come at once.
#[test]
fn tiny_pieces_become_few_objects() -> Result<()> {
    const SENT: usize = 1000;
    const BYTES: usize = 40_000;
    const OBJECT: u64 = 16 * 1024;
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &[])?;
        let alice = Client::signup(&deployment.endpoints, "Alice")?;
        let picture = b"GIF89a--";
        let bytes = [&picture[..], &noise(BYTES)].concat();
        let path = alice.begin_upload(bytes.len(), &[("filename", "a.gif")])?;
        // The first bytes say what it is, also when they come one by one.
        let (mut offset, mut count) = (0, 0);
        while offset < bytes.len() {
            let most = if offset < 16 { 1 } else { SENT };
            let end = bytes.len().min(offset + most);
            offset = alice.append(&path, offset, &bytes[offset..end])?;
            count += 1;
        }
        ensure!(count > 50, "{count} requests");
        let answer = alice.ask("GET", &path)?.send()?;
        ensure!(answer.header("content-type") == Some("image/gif"), "{:?}", answer.headers);
        let id = path.trim_start_matches("/files/");
        let part = alice.ask("GET", &path)?.header("range", "bytes=16000-40007").send()?;
        ensure!(part.status == 206 && part.text.as_bytes() == &bytes[16_000..], "{id}");
        let mut long = 0;
        for folder in fs::read_dir(deployment.dir().join("files"))? {
            for object in fs::read_dir(folder?.path())? {
                long += usize::from(object?.metadata()?.len() >= OBJECT);
            }
        }
        ensure!(long == bytes.len() / OBJECT as usize, "{long} objects are long enough");
    }
    Ok(())
}

#[test]
fn bounds_of_files() -> Result<()> {
    let flags = ["--file-max=1000", "--account-quota=2500"];
    let deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let begin = |size: &str| alice.tus("POST", "/files")?.header("upload-length", size).send();
    ensure!(begin("1001")?.refused(413)?.body["code"] == "too_large");
    begin("1000")?.is(201)?;
    begin("1000")?.is(201)?;
    ensure!(begin("501")?.refused(507)?.body["code"] == "over_quota");
    let me = alice.ask("GET", "/me")?.send()?.expect(200)?.body;
    ensure!(me["stored"] == 2000 && me["quota"] == 2500, "{me}");
    let long = "x".repeat(501);
    let refused = json!({"to": alice.id, "content": long});
    alice.refused(refused, "over_quota")?;
    let options = deployment.endpoints.ask("OPTIONS", "/files")?.send()?;
    ensure!(options.header("tus-max-size") == Some("1000"), "{:?}", options.headers);

    // Eight at a time.
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let paths: Vec<_> = (0..9).map(|_| bob.begin_upload(100, &[])).collect::<Result<_>>()?;
    let mut held = Vec::new();
    for path in &paths[..8] {
        held.push(bob.begin_body(path, 100)?.context("not called for its body")?);
    }
    ensure!(bob.begin_body(&paths[8], 100)?.is_none(), "a ninth");
    let call = bob.tus("PATCH", &paths[8])?.header("upload-offset", "0");
    call.typed(UPLOAD_TYPE, b"x".to_vec()).send()?.refused(429)?;
    drop(held);
    until("a free place", PATIENCE, || {
        let call = bob.tus("PATCH", &paths[8])?.header("upload-offset", "0");
        Ok((call.typed(UPLOAD_TYPE, b"x".to_vec()).send()?.status == 204).then_some(()))
    })
}

#[test]
fn an_upload_that_was_refused_for_its_rate_goes_on_after_the_stated_wait() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let bytes = noise(50_000);
    let path = alice.begin_upload(bytes.len(), &[])?;
    let (mut at, mut refusals) = (0, 0);
    // As a client with small chunks: it does as it is told, and loses nothing.
    while at < bytes.len() {
        let end = bytes.len().min(at + 400);
        let call = alice.tus("PATCH", &path)?.header("upload-offset", &at.to_string());
        let answer = call.typed(UPLOAD_TYPE, bytes[at..end].to_vec()).send()?;
        if answer.status == 204 {
            at = end;
            continue;
        }
        refusals += 1;
        let due = Instant::now() + answer.refused(429)?.retry_after()?;
        let answer = alice.tus("HEAD", &path)?.send()?;
        let offset = answer.header("upload-offset").context("no offset")?;
        ensure!(offset == at.to_string(), "{offset}, not {at}");
        until("the stated wait to pass", PATIENCE, || Ok((Instant::now() >= due).then_some(())))?;
    }
    ensure!(refusals > 0, "never refused");
    ensure!(alice.ask("GET", &path)?.send()?.text.as_bytes() == bytes, "other bytes");
    Ok(())
}

#[test]
fn an_account_fetches_so_many_files_at_once_and_no_more() -> Result<()> {
    const AT_ONCE: usize = 32;
    const BYTES: usize = 8 * 1024 * 1024;
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let address = deployment.endpoints.auth_address()?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let path = bob.begin_upload(BYTES, &[])?;
    let call = bob.tus("PATCH", &path)?.header("upload-offset", "0");
    call.typed(UPLOAD_TYPE, vec![b'x'; BYTES]).send()?.is(204)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        bob.token
    );
    let mut held = Vec::new();
    for _ in 0..AT_ONCE {
        let mut stream = raw::connect_narrow(&address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut begin = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut begin)?;
        ensure!(begin == *b"HTTP/1.1 200", "{begin:?}");
        held.push(stream);
    }
    bob.ask("GET", &path)?.send()?.refused(429)?;
    drop(held);
    until("a free place", PATIENCE, || {
        Ok((bob.ask("GET", &path)?.send()?.status == 200).then_some(()))
    })
}

#[test]
fn a_page_of_another_site_uploads_nothing() -> Result<()> {
    let deployment =
        Deployment::launch(&Arrangement::Messenger, &["--allow-origin=https://app.example"])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let address = deployment.endpoints.auth_address()?;
    let own = format!("http://{address}");
    let from = |origin: &str| {
        let call = alice.tus("POST", "/files")?.header("upload-length", "2");
        call.header("origin", origin).typed(UPLOAD_TYPE, b"hi".to_vec()).send()
    };
    from(&own)?.is(201)?;
    let allowed = from("https://app.example")?;
    allowed.is(201)?;
    let exposed = allowed.header("access-control-expose-headers").unwrap_or_default();
    for name in ["Location", "Upload-Offset", "Upload-Length", "Tus-Resumable"] {
        ensure!(exposed.split(", ").any(|it| it == name), "{exposed}");
    }
    from("https://evil.example")?.refused(403)?;
    let json = alice.tus("POST", "/files")?.header("upload-length", "2").header("origin", &own);
    json.bytes(b"{}".to_vec()).send()?.refused(415)?;
    let login = deployment.endpoints.ask("POST", "/login")?.header("origin", &own);
    login.typed(UPLOAD_TYPE, b"{}".to_vec()).send()?.refused(415)?;
    let preflight = deployment.endpoints.ask("OPTIONS", "/files")?;
    let preflight = preflight.header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "PATCH").send()?;
    let headers = preflight.header("access-control-allow-headers").unwrap_or_default();
    for name in ["Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset"] {
        ensure!(headers.split(", ").any(|it| it == name), "{headers}");
    }
    Ok(())
}
