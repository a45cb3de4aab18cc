//! A file is uploaded in parts, by tus, and goes on where it broke off; only for whoever began it.

use anyhow::{Context, Result, ensure};

use crate::{Client, Endpoints, UPLOAD_TYPE, upload_metadata};

pub fn uploads(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::signup(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    let path = alice.begin_upload(11, &[("filename", "hello.txt"), ("filetype", "text/plain")])?;
    let id = path.strip_prefix("/files/").context("another path")?;
    ensure!(alice.append(&path, 0, b"hello")? == 5);
    ensure!(alice.upload_offset(&path)? == 5);
    let head = alice.tus("HEAD", &path)?.send()?;
    ensure!(head.header("upload-length") == Some("11"), "{:?}", head.headers);
    ensure!(head.header("cache-control") == Some("no-store"), "{:?}", head.headers);
    ensure!(head.header("tus-resumable") == Some("1.0.0"), "{:?}", head.headers);
    ensure!(alice.download(id)?.0 == 404, "a part of a file");

    // What does not fit changes nothing.
    let patch = |offset: &str, kind: &str, bytes: &[u8]| {
        let call = alice.tus("PATCH", &path)?.header("upload-offset", offset);
        call.typed(kind, bytes.to_vec()).send()
    };
    patch("0", UPLOAD_TYPE, b"hello")?.refused(409)?;
    patch("6", UPLOAD_TYPE, b"hello")?.refused(409)?;
    patch("x", UPLOAD_TYPE, b"hello")?.refused(400)?;
    patch("5", "application/json", b"hello")?.refused(415)?;
    patch("5", UPLOAD_TYPE, b" world and more")?.refused(413)?;
    for (method, who) in [("HEAD", &bob), ("PATCH", &bob), ("DELETE", &bob)] {
        let call = who.tus(method, &path)?.header("upload-offset", "5");
        let call = if method == "PATCH" { call.typed(UPLOAD_TYPE, b"x".to_vec()) } else { call };
        ensure!(call.send()?.status == 404, "{method} by another account");
    }
    let other_version = alice.ask("PATCH", &path)?.header("tus-resumable", "0.2.2");
    let refused = other_version.typed(UPLOAD_TYPE, b"x".to_vec()).send()?.refused(412)?;
    ensure!(refused.header("tus-version") == Some("1.0.0"), "{:?}", refused.headers);
    endpoints.ask("HEAD", &path)?.header("tus-resumable", "1.0.0").send()?.is(401)?;
    ensure!(alice.upload_offset(&path)? == 5);

    // A POST may stand for another method, and only a POST may.
    let by_post = alice.tus("POST", &path)?.header("x-http-method-override", "PATCH");
    let by_post = by_post.header("upload-offset", "5").typed(UPLOAD_TYPE, b" wor".to_vec());
    by_post.send()?.is(204)?;
    alice.tus("POST", &path)?.send()?.refused(405)?;
    alice.tus("POST", &path)?.header("x-http-method-override", "PUT").send()?.refused(405)?;
    let by_get = alice.tus("GET", &path)?.header("x-http-method-override", "DELETE").send()?;
    ensure!(by_get.status == 404, "a GET of what is not whole");
    ensure!(alice.append(&path, 9, b"ld")? == 11);
    ensure!(alice.download(id)? == (200, "hello world".to_owned()));

    // At once, with what it has, and given up.
    let first = alice.tus("POST", "/files")?.header("upload-length", "5");
    let first = first.typed(UPLOAD_TYPE, b"hel".to_vec()).send()?;
    first.is(201)?;
    ensure!(first.header("upload-offset") == Some("3"), "{:?}", first.headers);
    ensure!(first.header("upload-expires").is_some_and(|at| at.ends_with("GMT")));
    let path = first.header("location").context("no Location")?.to_owned();
    alice.tus("POST", &path)?.header("x-http-method-override", "DELETE").send()?.is(204)?;
    ensure!(alice.tus("HEAD", &path)?.send()?.status == 404);
    alice.tus("DELETE", &path)?.send()?.refused(404)?;
    let empty = alice.upload("empty", "text/plain", b"")?;
    ensure!(alice.download(&empty)? == (200, String::new()));

    for (name, value, status) in [
        ("upload-length", "-1", 400),
        ("upload-length", "x", 400),
        ("upload-defer-length", "1", 400),
        ("upload-length", "1000000000000", 413),
    ] {
        alice.tus("POST", "/files")?.header(name, value).send()?.refused(status)?;
    }
    alice.tus("POST", "/files")?.send()?.refused(400)?;
    alice.ask("POST", "/files")?.header("upload-length", "1").send()?.refused(412)?;
    let wrong = alice.tus("POST", "/files")?.header("upload-length", "1");
    wrong.header("upload-metadata", "filename !").send()?.refused(400)?;
    let options = endpoints.ask("OPTIONS", "/files")?.send()?.expect(204)?;
    for extension in ["creation", "creation-with-upload", "termination", "expiration"] {
        let all = options.header("tus-extension").unwrap_or_default();
        ensure!(all.split(',').any(|it| it == extension), "{all}");
    }
    ensure!(options.header("tus-version") == Some("1.0.0"), "{:?}", options.headers);
    ensure!(options.header("tus-max-size").is_some(), "{:?}", options.headers);
    thumbnails(&alice)
}

/// A picture's thumbnail is an upload of the same account, and small.
fn thumbnails(alice: &Client) -> Result<()> {
    let gif = b"GIF89a and so on";
    let of = |size: &str| {
        let kind = [("filename", "t.gif"), ("width", size), ("height", "200")];
        alice.upload_with(&kind, gif)
    };
    let (small, large) = (of("320")?, of("321")?);
    let text = alice.upload_with(&[("width", "1"), ("height", "1")], b"text")?;
    let with = |thumbnail: &str| {
        let call = alice.tus("POST", "/files")?.header("upload-length", "1");
        let metadata = upload_metadata(&[("filename", "a.gif"), ("thumbnail", thumbnail)]);
        call.header("upload-metadata", &metadata).send()
    };
    with(&small)?.is(201)?;
    for wrong in [&large, &text, "00000000000000000000000000000000"] {
        with(wrong)?.refused(400)?;
    }
    Ok(())
}
