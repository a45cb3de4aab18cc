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
    assert_eq!(head.framing(), Framing::Length(12));
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
    assert_eq!(refused(&["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]), 400);
    assert_eq!(refused(&["Transfer-Encoding: gzip, chunked"]), 501);
    assert_eq!(refused(&["Transfer-Encoding: identity"]), 501);
    assert_eq!(refused(&["Transfer-Encoding:"]), 501);
    assert_eq!(parse(&["GET / HTTP/1.0", "Transfer-Encoding: chunked"]).unwrap_err().status, 400);
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
        "GET ftp://a/ HTTP/1.1",
        "GET http:///a HTTP/1.1",
        "GET http://user@a/ HTTP/1.1",
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
    for path in ["/a/%2e%2e/b", "/..%2fme", "/..", "/%00", "/%ff", "/%0d%0aX:"] {
        let line = &*format!("GET {path} HTTP/1.1");
        assert_eq!(parse(&[line, "Host: a"]).unwrap_err().status, 404, "{line}");
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

#[test]
fn a_target_in_absolute_form_has_the_host_that_counts() {
    for (target, host, rest, path) in [
        ("http://b:80/x?y", "b:80", "/x?y", "/x"),
        ("HTTPS://b", "b", "/", "/"),
        ("http://b?y", "b", "/?y", "/"),
    ] {
        let head = parse(&[&format!("GET {target} HTTP/1.1"), "Host: a"]).unwrap();
        assert_eq!((head.header("Host"), &*head.target, head.path()), (Some(host), rest, path));
    }
}

#[test]
fn a_path_is_decoded_once() {
    let path = |target: &str| {
        parse(&[&format!("GET {target} HTTP/1.1"), "Host: a"]).unwrap().path().to_owned()
    };
    assert_eq!(path("/m%65"), "/me");
    assert_eq!(path("/%2565?%41"), "/%65");
    assert_eq!(path("/%c3%a9"), "/\u{e9}");
    assert_eq!(path("/100%"), "/100%");
}

#[test]
fn a_query_is_decoded_once() {
    let head = parse(&["GET /users?x=1&email=a%2Bb%40c%2540+%zz%&email=no HTTP/1.1", "Host: a"]);
    let head = head.unwrap();
    assert_eq!(head.query_value("email").unwrap(), "a+b@c%40+%zz%");
    assert_eq!(head.query_value("mail"), None);
}

#[test]
fn later_minor_versions_are_understood_as_1_1() {
    let head = parse(&["GET / HTTP/1.2", "Host: a"]).unwrap();
    assert!(!head.is_http_10());
    assert_eq!(parse(&["GET / HTTP/1.9"]).unwrap_err().status, 400, "it needs a Host as well");
}

#[test]
fn values_that_are_not_utf_8_keep_their_ascii() {
    let head = Head::parse(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: \xe9\r\nX-B: b\r\n\r\n").unwrap();
    assert_eq!((head.header("x-a"), head.header("x-b")), (Some("?"), Some("b")));
    for name in ["Content-Length", "Transfer-Encoding", "Authorization"] {
        let head = [b"GET / HTTP/1.1\r\nHost: a\r\n", name.as_bytes(), b": 5\xe9\r\n\r\n"].concat();
        assert_eq!(Head::parse(&head).unwrap_err().status, 400, "{name}");
    }
}

#[test]
fn an_upgrade_has_no_body() {
    let upgrade = ["Connection: upgrade", "Upgrade: websocket"];
    assert_eq!(refused(&[&upgrade[..], &["Content-Length: 5"]].concat()), 400);
    assert_eq!(refused(&[&upgrade[..], &["Transfer-Encoding: chunked"]].concat()), 400);
}

#[test]
fn chunks_are_known() {
    let head = parse(&["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: Chunked"]).unwrap();
    assert_eq!(head.framing(), Framing::Chunked);
}

#[test]
fn options_may_ask_about_the_whole_server() {
    let head = parse(&["OPTIONS * HTTP/1.1", "Host: a"]).unwrap();
    assert_eq!((head.path(), &*head.target), ("*", "*"));
}
