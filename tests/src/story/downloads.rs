//! A file is fetched whole or in parts, and can do nothing in a browser.

use anyhow::{Context, Result, ensure};

use crate::{Client, Endpoints};

pub fn downloads(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::signup(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    let id = alice.upload("Größe \"1\".txt", "text/plain", b"0123456789")?;
    let path = format!("/files/{id}");
    let get = |name: &str, value: &str| alice.ask("GET", &path)?.header(name, value).send();

    let whole = alice.ask("GET", &path)?.send()?;
    whole.is(200)?;
    ensure!(whole.text == "0123456789", "{}", whole.text);
    ensure!(whole.header("content-length") == Some("10"), "{:?}", whole.headers);
    ensure!(whole.header("accept-ranges") == Some("bytes"), "{:?}", whole.headers);
    let tag = whole.header("etag").context("no ETag")?.to_owned();
    let named = whole.header("content-disposition").unwrap_or_default();
    ensure!(named.starts_with("attachment;"), "{named}");
    ensure!(named.ends_with("filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.txt"), "{named}");

    for (range, part, shown) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let answer = get("range", range)?;
        answer.is(206)?;
        ensure!(answer.text == part, "{range}: {}", answer.text);
        ensure!(answer.header("content-range") == Some(shown), "{range}: {:?}", answer.headers);
    }
    let beyond = get("range", "bytes=10-")?.refused(416)?;
    ensure!(beyond.header("content-range") == Some("bytes */10"), "{:?}", beyond.headers);
    get("range", "lines=1-2")?.is(200)?;
    get("if-none-match", &tag)?.is(304)?;
    get("if-none-match", "\"other\"")?.is(200)?;
    let same = alice.ask("GET", &path)?.header("range", "bytes=1-1").header("if-range", &tag);
    same.send()?.is(206)?;
    let other = alice.ask("GET", &path)?.header("range", "bytes=1-1").header("if-range", "\"x\"");
    other.send()?.is(200)?;
    let head = alice.ask("HEAD", &path)?.send()?;
    head.is(200)?;
    ensure!(head.header("etag") == Some(&*tag) && head.text.is_empty(), "{:?}", head.headers);

    for (name, kind, bytes, shown) in [
        ("a.gif", "image/gif", "GIF89a...", Some("image/gif")),
        ("a.svg", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        ("a.html", "text/html", "<script>alert(1)</script>", None),
        ("a.png", "image/png", "<script>alert(1)</script>", None),
        ("a.gif", "text/html", "GIF89a<script>alert(1)</script>", Some("image/gif")),
        ("a.js", "text/javascript", "alert(1)", None),
    ] {
        let id = alice.upload(name, kind, bytes.as_bytes())?;
        let answer = alice.ask("GET", &format!("/files/{id}"))?.send()?;
        answer.is(200)?;
        let header = |name| answer.header(name).unwrap_or_default();
        ensure!(header("content-security-policy").contains("sandbox"), "{name}");
        ensure!(header("x-content-type-options") == "nosniff", "{name}");
        let how = if shown.is_some() { "inline;" } else { "attachment;" };
        ensure!(header("content-disposition").starts_with(how), "{name} as {kind}");
        let kind = header("content-type");
        ensure!(kind == shown.unwrap_or("application/octet-stream"), "{name}: {kind}");
    }
    ensure!(bob.download(&id)?.0 == 404, "another account's upload");
    endpoints.ask("GET", &path)?.send()?.refused(401)?;
    for odd in ["x", "..", "0", &id[1..], &id.to_uppercase()] {
        let answer = alice.ask("GET", &format!("/files/{odd}"))?.send()?;
        ensure!(answer.status == 404, "{odd}: {}", answer.status);
    }
    Ok(())
}
