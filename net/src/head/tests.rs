use super::*;

fn parse(lines: &[&str]) -> Result<Head, HttpError> {
    Head::parse(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes())
}

/// The status with which `GET / HTTP/1.1`, `Host: a` and these lines are refused.
fn refused(lines: &[&str]) -> u16 {
    let all: Vec<&str> = ["GET / HTTP/1.1", "Host: a"].iter().chain(lines).copied().collect();
    parse(&all).map_or_else(|refusal| refusal.status, |head| panic!("accepted {head:?}"))
}

#[test]
fn a_head_says_what_was_sent() {
    let head = parse(&[
        "POST /a/b?c=d?e HTTP/1.1",
        "hOST: example.com:80",
        "X-Empty:",
        "X-Twice: 1",
        "x-twice:  2\t",
        "Content-Length: 12",
    ])
    .unwrap();
    assert_eq!((head.method.as_str(), head.target.as_str()), ("POST", "/a/b?c=d?e"));
    assert_eq!((head.path(), head.query()), ("/a/b", Some("c=d?e")));
    assert_eq!(head.header("Host"), Some("example.com:80"));
    assert_eq!(head.header("x-empty"), Some(""));
    assert_eq!(head.values("X-TWICE").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(head.header("absent"), None);
    assert_eq!(head.content_length(), Some(12));
    assert_eq!(head.headers().next(), Some(("hOST", "example.com:80")));
    assert_eq!(head.headers().count(), 5);
    assert!(!head.is_http_10() && !head.is_upgrade());
}

#[test]
fn an_upgrade_needs_both_headers() {
    let asks = |connection: &str, upgrade: &str| {
        let connection = format!("Connection: {connection}");
        let upgrade = format!("Upgrade: {upgrade}");
        parse(&["GET / HTTP/1.1", "Host: a", &connection, &upgrade]).unwrap().is_upgrade()
    };
    assert!(asks("Upgrade", "websocket"));
    assert!(asks("keep-alive, UPGRADE", "WebSocket"));
    assert!(!asks("keep-alive", "websocket"));
    assert!(!asks("Upgrade", "h2c"));
    assert!(!asks("not-upgrade", "websocket"));
}

#[test]
fn what_could_smuggle_a_second_request_is_refused() {
    assert_eq!(refused(&["Content-Length: 5", "Content-Length: 5"]), 400);
    assert_eq!(refused(&["Content-Length: 5", "content-length: 6"]), 400);
    assert_eq!(refused(&["Content-Length: 5", "Transfer-Encoding: chunked"]), 400);
    assert_eq!(refused(&["Transfer-Encoding: chunked"]), 411);
    assert_eq!(refused(&["Transfer-Encoding: identity"]), 411);
    assert_eq!(refused(&["Transfer-Encoding:"]), 411);
    for length in ["+5", "-5", "5, 5", "", "0x5", "5 5", "1e3", "99999999999999999999"] {
        assert_eq!(refused(&[&format!("Content-Length: {length}")]), 400, "{length}");
    }
    assert_eq!(refused(&["Content-Length : 5"]), 400, "space before the colon");
    assert_eq!(refused(&["X-A: 1", " folded: 2"]), 400, "line folding");
    assert_eq!(refused(&["X-A: 1", "\tfolded"]), 400, "line folding by tab");
    assert_eq!(refused(&["X-A: 1\nX-B: 2"]), 400, "LF alone");
    assert_eq!(refused(&["X-A: 1\rX-B: 2"]), 400, "CR alone");
    assert_eq!(refused(&["X-A: a\0b"]), 400, "NUL");
    assert_eq!(refused(&["X A: 1"]), 400, "space in a name");
    assert_eq!(refused(&["no colon"]), 400);
    assert_eq!(refused(&[": nameless"]), 400);
}

#[test]
fn headers_that_must_be_single_are() {
    for name in [
        "Host",
        "Authorization",
        "Content-Type",
        "Origin",
        "Sec-Fetch-Site",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
    ] {
        let line = format!("{name}: x");
        assert_eq!(refused(&[&line, &line]), 400, "{name}");
    }
    assert_eq!(parse(&["GET / HTTP/1.1"]).unwrap_err().status, 400, "no Host");
    assert!(parse(&["GET / HTTP/1.0"]).unwrap().is_http_10());
}

#[test]
fn the_request_line_is_strict() {
    for line in [
        "GET http://a/ HTTP/1.1",
        "GET * HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "GET /#a HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /",
        " GET / HTTP/1.1",
        "G@T / HTTP/1.1",
        "",
    ] {
        assert_eq!(parse(&[line, "Host: a"]).unwrap_err().status, 400, "{line}");
    }
    for line in ["GET / HTTP/2.0", "GET / a HTTP/1.1"] {
        assert_eq!(parse(&[line, "Host: a"]).unwrap_err().status, 505, "{line}");
    }
}

#[test]
fn the_bounds_are_exact() {
    let with_headers = |count: usize| {
        let mut lines = vec!["GET / HTTP/1.1", "Host: a"];
        lines.resize(1 + count, "X: y");
        parse(&lines).map(|head| head.headers().count()).map_err(|refusal| refusal.status)
    };
    assert_eq!(with_headers(HEADERS_MAX), Ok(HEADERS_MAX));
    assert_eq!(with_headers(HEADERS_MAX + 1), Err(431));
    let with_bytes = |count: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        parse(&["GET / HTTP/1.1", "Host: a", &format!("X: {}", "y".repeat(count - frame))])
            .map(drop)
            .map_err(|refusal| refusal.status)
    };
    assert_eq!(with_bytes(HEAD_BYTES_MAX), Ok(()));
    assert_eq!(with_bytes(HEAD_BYTES_MAX + 1), Err(431));
}

#[test]
fn the_end_is_found_wherever_the_reads_fall() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\0\n";
    let end = bytes.len() - "body\0\n".len();
    for step in 1..=bytes.len() {
        let mut scan = Scan::default();
        let found = (1..=bytes.len().div_ceil(step))
            .find_map(|turn| scan.end(&bytes[..(turn * step).min(bytes.len())]).unwrap());
        assert_eq!(found, Some(end), "in steps of {step}");
    }
}

#[test]
fn what_can_never_be_a_head_is_refused_before_it_is_complete() {
    for start in [&b"\x16\x03\x01\x00"[..], b"GET / HTTP/1.1\n", b"\r\n", b"\n"] {
        assert_eq!(Scan::default().end(start).unwrap_err().status, 400, "{start:?}");
    }
    assert_eq!(Scan::default().end(&[b'a'; HEAD_BYTES_MAX]).unwrap_err().status, 431);
    assert_eq!(Scan::default().end(&[b'a'; HEAD_BYTES_MAX - 1]), Ok(None));
}

#[test]
fn bytes_at_random_never_panic() {
    // A plain generator: reproducible, and no crate for it.
    let mut state = 0x9e37_79b9_u64;
    let alphabet = b"GET / HTTP1.\r\n:, a0\xff\0\tHost";
    for _ in 0..20_000 {
        let mut bytes = Vec::from(&b"GET / HTTP/1.1\r\nHost: a\r\n"[..]);
        for _ in 0..(state % 40) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push(alphabet[(state >> 33) as usize % alphabet.len()]);
        }
        state = state.wrapping_add(1);
        bytes.extend_from_slice(b"\r\n\r\n");
        if let Ok(head) = Head::parse(&bytes) {
            assert!(head.headers().all(|(name, _)| !name.is_empty()));
        }
    }
}
