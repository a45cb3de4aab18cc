use super::*;

const LOOPBACK: &str = "127.0.0.1:3000";
const EVERYWHERE: &str = "0.0.0.0:3000";

fn web(local: &str, origins: &[&str], hosts: &[&str], public: Option<&str>) -> Web {
    let rules = Rules {
        allowed_origins: origins.iter().map(|text| Origin::from_setting(text).unwrap()).collect(),
        allowed_hosts: hosts.iter().map(|&name| name.to_owned()).collect(),
        public_url: public.map(|url| Origin::from_public_url(url).unwrap()),
    };
    Web::new(rules, [Endpoint::Tcp(local.parse().unwrap())].iter())
}

/// The head of a request with these lines.
fn head(request: &str, lines: &[&str]) -> Head {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    Head::parse(format!("{request}\r\n{lines}\r\n").as_bytes()).unwrap()
}

/// What becomes of a request: 200 if it may go on.
fn status(web: &Web, request: &str, lines: &[&str]) -> u16 {
    web.check(&head(request, lines), "application/json")
        .map_or_else(|(_, refusal)| refusal.status, |()| 200)
}

fn post(web: &Web, lines: &[&str]) -> u16 {
    status(web, "POST /signup HTTP/1.1", lines)
}

#[test]
fn a_page_changes_something_only_from_our_own_origin() {
    let web = web(LOOPBACK, &[], &[], None);
    let json = ["Content-Length: 2", "Content-Type: application/json"];
    let from = |lines: &[&str]| post(&web, &[&["Host: localhost:3000"], &json[..], lines].concat());
    for own in ["Origin: http://localhost:3000", "Origin: https://localhost:3000", "X-No-Page: 1"] {
        assert_eq!(from(&[own]), 200, "{own}");
    }
    for foreign in [
        "http://localhost",
        "http://localhost:8080",
        "http://127.0.0.1:3000",
        "http://evil.example",
        "http://evil.example:3000",
        "http://localhost.evil.example:3000",
        "http://localhost:3000@evil.example",
        "http://evil.example/localhost:3000",
        "ftp://localhost:3000",
        "null",
        "",
    ] {
        assert_eq!(from(&[&format!("Origin: {foreign}")]), 403, "{foreign}");
    }
    for (site, becomes) in [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
        ("", 403),
        ("Same-Origin", 403),
    ] {
        assert_eq!(from(&[&format!("Sec-Fetch-Site: {site}")]), becomes, "{site}");
    }
    let both =
        |origin, site| from(&[&format!("Origin: {origin}"), &format!("Sec-Fetch-Site: {site}")]);
    assert_eq!(both("http://localhost:3000", "same-origin"), 200);
    assert_eq!(both("http://localhost:3000", "cross-site"), 403);
    assert_eq!(both("http://evil.example", "same-origin"), 403);
}

#[test]
fn every_method_but_the_reading_ones_changes_something() {
    let web = web(LOOPBACK, &[], &[], None);
    let foreign =
        ["Host: localhost:3000", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"];
    for (method, becomes) in [
        ("GET", 200),
        ("HEAD", 200),
        ("OPTIONS", 200),
        ("POST", 403),
        ("PATCH", 403),
        ("PUT", 403),
        ("DELETE", 403),
        ("PURGE", 403),
        ("get", 403),
    ] {
        assert_eq!(status(&web, &format!("{method} /me HTTP/1.1"), &foreign), becomes, "{method}");
    }
    let upgrade = [&foreign[..], &["Connection: Upgrade", "Upgrade: websocket"]].concat();
    assert_eq!(status(&web, "POST / HTTP/1.1", &upgrade), 403, "no upgrade, whatever it says");
}

#[test]
fn a_page_sends_json_and_says_so_and_a_program_need_not() {
    let web = web(LOOPBACK, &["https://app.example"], &[], None);
    let own = "Origin: http://localhost";
    for (page, kind, length, becomes) in [
        (own, "application/json", 2, 200),
        (own, "Application/JSON; charset=utf-8", 2, 200),
        (own, "text/plain", 2, 415),
        (own, "text/plain; application/json", 2, 415),
        (own, "application/json-patch+json", 2, 415),
        (own, "application/x-www-form-urlencoded", 2, 415),
        (own, "", 2, 415),
        (own, "text/plain", 0, 200),
        ("Origin: https://app.example", "text/plain", 2, 415),
        ("Sec-Fetch-Site: none", "text/plain", 2, 415),
        ("Origin: http://evil.example", "text/plain", 2, 403),
        ("X-No-Page: 1", "text/plain", 2, 200),
        ("X-No-Page: 1", "application/x-www-form-urlencoded", 2, 200),
    ] {
        let lines = [
            "Host: localhost",
            page,
            &format!("Content-Type: {kind}"),
            &format!("Content-Length: {length}"),
        ];
        assert_eq!(post(&web, &lines), becomes, "{lines:?}");
    }
    assert_eq!(post(&web, &["Host: localhost", own, "Content-Length: 2"]), 415, "no type");
}

#[test]
fn the_public_url_is_our_own_origin_with_its_scheme() {
    let web = web(LOOPBACK, &[], &[], Some("https://chat.example"));
    for (host, origin, becomes) in [
        ("chat.example", "https://chat.example", 200),
        ("chat.example:443", "https://chat.example", 200),
        ("chat.example", "http://chat.example", 403),
        ("127.0.0.1:3000", "https://chat.example", 200),
        ("127.0.0.1:3000", "http://127.0.0.1:3000", 200),
        ("127.0.0.1:3000", "http://chat.example", 403),
        ("chat.example:3000", "http://chat.example:3000", 200),
    ] {
        let lines = [format!("Host: {host}"), format!("Origin: {origin}")];
        assert_eq!(post(&web, &[&lines[0], &lines[1]]), becomes, "{lines:?}");
    }
}

#[test]
fn an_upgrade_may_come_from_another_port_of_the_same_host() {
    let web =
        web(LOOPBACK, &["https://app.example"], &["chat.example"], Some("https://public.example"));
    let connects = |lines: &[&str]| {
        let upgrade = ["Host: chat.example:8080", "Connection: Upgrade", "Upgrade: websocket"];
        status(&web, "GET /ws HTTP/1.1", &[&upgrade, lines].concat()) == 200
    };
    for origin in [
        "http://chat.example:8080",
        "http://chat.example:3000",
        "https://chat.example",
        "https://app.example",
        "https://public.example",
    ] {
        assert!(connects(&[&format!("Origin: {origin}")]), "{origin}");
        assert!(connects(&[&format!("Origin: {origin}"), "Sec-Fetch-Site: same-site"]), "{origin}");
    }
    for origin in [
        "https://app.example:444",
        "http://app.example",
        "http://public.example",
        "https://chat.example.evil.example",
        "https://evil.example/chat.example",
        "https://chat.example@evil.example",
        "https://chat.example:80@evil.example",
        "capacitor://chat.example",
        "null",
        "",
    ] {
        assert!(!connects(&[&format!("Origin: {origin}")]), "{origin}");
    }
    assert!(connects(&[]) && connects(&["Sec-Fetch-Site: none"]));
    assert!(!connects(&["Sec-Fetch-Site: cross-site"]));
}

#[test]
fn the_host_is_a_name_of_ours() {
    let get = |web: &Web, host: &str| status(web, "GET / HTTP/1.1", &[&format!("Host: {host}")]);
    let ours = |local, hosts: &[&str], public| {
        let web = web(local, &[], hosts, public);
        [
            "evil.example",
            "chat.example:3000",
            "Public.example",
            "localhost:3000",
            "192.0.2.7",
            "[::1]:3000",
            "",
            "a@b",
        ]
        .map(|host| get(&web, host) == 200)
    };
    let (no, yes) = (false, true);
    assert_eq!(ours(LOOPBACK, &[], None), [no, no, no, yes, yes, yes, no, no]);
    assert_eq!(ours("[::1]:3000", &[], None), [no, no, no, yes, yes, yes, no, no]);
    assert_eq!(ours("[::ffff:127.0.0.1]:3000", &[], None), [no, no, no, yes, yes, yes, no, no]);
    assert_eq!(ours(EVERYWHERE, &[], None), [yes; 8]);
    assert_eq!(ours("192.0.2.7:3000", &[], None), [yes; 8]);
    let public = Some("https://public.example");
    assert_eq!(ours(EVERYWHERE, &[], public), [no, no, yes, yes, yes, yes, no, no]);
    assert_eq!(ours(EVERYWHERE, &["chat.example"], None), [no, yes, no, yes, yes, yes, no, no]);
    assert_eq!(ours(LOOPBACK, &["chat.example"], public), [no, yes, yes, yes, yes, yes, no, no]);
}

#[test]
fn a_request_without_a_host_is_no_pages() {
    let web = web(LOOPBACK, &[], &["chat.example"], None);
    assert_eq!(status(&web, "GET /healthz HTTP/1.0", &[]), 200);
    assert_eq!(status(&web, "POST /signup HTTP/1.0", &[]), 200);
    assert_eq!(status(&web, "POST /signup HTTP/1.0", &["Origin: http://chat.example"]), 403);
}

#[test]
fn a_body_is_of_the_type_that_its_route_asks_for() {
    let web = web(LOOPBACK, &[], &[], None);
    for (kind, asked, is_fine) in [
        ("application/json", "application/json", true),
        ("application/offset+octet-stream", "application/offset+octet-stream", true),
        ("application/json", "application/offset+octet-stream", false),
        ("application/offset+octet-stream", "application/json", false),
    ] {
        let kind = format!("Content-Type: {kind}");
        let lines = ["Host: localhost", "Origin: http://localhost", "Content-Length: 1", &kind];
        let head = head("PATCH /x HTTP/1.1", &lines);
        assert_eq!(web.check(&head, asked).is_ok(), is_fine, "{kind} where {asked} is asked for");
    }
}

#[test]
fn cors_is_for_allowed_origins_and_never_with_credentials() {
    let web = web(LOOPBACK, &["https://app.example", "http://localhost:5173"], &[], None);
    let cors = |web: &Web, request: &str, lines: &[&str]| {
        let head = head(request, &[&["Host: localhost:3000"], lines].concat());
        let lines: Vec<_> =
            web.cors(&head).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert!(!lines.iter().any(|line| line.contains("Credentials")));
        (web.check(&head, "application/json").is_ok(), web.is_preflight(&head), lines.join("; "))
    };
    let asks = "Access-Control-Request-Method: PATCH";
    let preflight = cors(&web, "OPTIONS /me HTTP/1.1", &["Origin: https://app.example", asks]);
    let expected = "Vary: Origin; Access-Control-Allow-Origin: https://app.example; \
        Access-Control-Allow-Methods: GET, HEAD, POST, PATCH, DELETE; \
        Access-Control-Allow-Headers: ";
    let expected = format!("{expected}{ALLOWED_HEADERS}; Access-Control-Max-Age: 7200");
    assert_eq!(preflight, (true, true, expected));
    let foreign = cors(&web, "OPTIONS /me HTTP/1.1", &["Origin: https://evil.example", asks]);
    assert_eq!(foreign, (false, false, "Vary: Origin".to_owned()));
    let real = cors(
        &web,
        "PATCH /me HTTP/1.1",
        &["Origin: http://localhost:5173", "Sec-Fetch-Site: cross-site"],
    );
    let expected = "Vary: Origin; Access-Control-Allow-Origin: http://localhost:5173; \
        Access-Control-Expose-Headers: ";
    assert_eq!(real, (true, false, format!("{expected}{EXPOSED_HEADERS}")));
    assert_eq!(cors(&web, "GET /me HTTP/1.1", &[]), (true, false, "Vary: Origin".to_owned()));
    let upgrade = ["Origin: https://app.example", "Connection: Upgrade", "Upgrade: websocket"];
    assert_eq!(cors(&web, "GET /ws HTTP/1.1", &upgrade), (true, false, String::new()));
    let nobody = self::web(LOOPBACK, &[], &[], None);
    let none = cors(&nobody, "OPTIONS /me HTTP/1.1", &["Origin: https://app.example", asks]);
    assert_eq!(none, (false, false, String::new()));
}

#[test]
fn a_wrong_host_is_told_the_operator_once_in_a_while() {
    let web = web(LOOPBACK, &[], &[], None);
    assert_eq!(status(&web, "GET / HTTP/1.1", &["Host: evil.example"]), 421);
    assert!(!web.warned.is_due("evil.example", Instant::now()), "it has just been told");
    assert!(web.warned.is_due("chat.example", Instant::now()), "another name is not hidden by it");
    assert!(web.warned.is_due("evil.example", Instant::now() + HOST_WARN_INTERVAL));
}

#[test]
fn a_cookie_is_used_for_our_own_pages_only_also_to_read() {
    let web = web(LOOPBACK, &["https://app.example"], &[], Some("https://chat.example"));
    for (lines, may) in [
        (&[][..], true),
        (&["Sec-Fetch-Site: same-origin"], true),
        (&["Sec-Fetch-Site: none"], true),
        (&["Sec-Fetch-Site: same-site"], false),
        (&["Sec-Fetch-Site: cross-site"], false),
        (&["Origin: https://chat.example"], true),
        (&["Origin: https://chat.example", "Sec-Fetch-Site: same-site"], false),
        (&["Origin: http://chat.example"], false),
        (&["Origin: https://chat.example:8443"], false),
        (&["Origin: https://app.example"], false),
        (&["Origin: null"], false),
    ] {
        for request in ["GET /me HTTP/1.1", "PATCH /me HTTP/1.1"] {
            let head = head(request, &[&["Host: chat.example"], lines].concat());
            assert_eq!(web.may_use_cookie(&head), may, "{request} {lines:?}");
        }
    }
}

#[test]
fn a_public_url_says_that_browsers_come_over_https() {
    let at = |public, host: &str| {
        let head = head("GET / HTTP/1.1", &[&format!("Host: {host}")]);
        web(LOOPBACK, &[], &[], public).is_public_https(&head)
    };
    assert!(at(Some("https://chat.example"), "chat.example"));
    assert!(!at(Some("https://chat.example"), "127.0.0.1:3000"));
    assert!(!at(Some("http://chat.example"), "chat.example"));
    assert!(!at(None, "chat.example"));
}
