//! A session in a cookie, from the request of a browser to the response that it gets.

use http::{Body, BodyPolicy};
use net::Shutdown;
use serde_json::Value;
use sql::Store;
use wire::Token;

use super::*;

struct House {
    service: AuthService,
    _end: Shutdown,
}

/// What a browser sends besides the request line.
#[derive(Clone, Copy)]
struct Browser<'a> {
    host: &'a str,
    cookie: &'a str,
    is_https: bool,
    may_use_cookie: bool,
}

const LOCAL: Browser<'_> =
    Browser { host: "localhost:3000", cookie: "", is_https: false, may_use_cookie: true };

impl House {
    /// With one account.
    fn new() -> Self {
        let url = "sqlite::memory:".parse().unwrap();
        let store = Store::open(&url, sql::ContactPolicy::Open, &|_| false).unwrap();
        let context = Arc::new(Context::new(Arc::new(store), 0).unwrap());
        let end = Shutdown::new();
        let backend = Backend::start(&context, &end).unwrap();
        let service = AuthService { context, backend, client: Client::new(None), chat: None };
        let house = Self { service, _end: end };
        let account = r#"{"email":"a@x","name":"Alice","password":"secret"}"#;
        assert_eq!(house.ask("POST /signup", account, LOCAL).status, 201);
        house
    }

    fn ask(&self, line: &str, body: &str, browser: Browser<'_>) -> Response {
        let Browser { host, cookie, is_https, may_use_cookie } = browser;
        let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
        let head = Head::parse(head.as_bytes()).unwrap();
        let Route::Respond(policy, handler) = self.service.route(&head) else { panic!("{line}") };
        let body = if policy == BodyPolicy::Ignored { "" } else { body };
        let (id, address) = ("r-1".to_owned(), std::net::Ipv4Addr::LOCALHOST.into());
        let body = Body::Whole(body.as_bytes().to_vec());
        handler(http::Request { id, address, head, body, is_https, may_use_cookie })
    }

    /// The `Set-Cookie` of a login for a page.
    fn log_in(&self, browser: Browser<'_>) -> String {
        let login = r#"{"email":"a@x","password":"secret","web":true}"#;
        let response = self.ask("POST /login", login, browser);
        let cookie = response.header("Set-Cookie").unwrap().to_owned();
        let answer: Value = serde_json::from_slice(&response.into_bytes().unwrap()).unwrap();
        assert_eq!(answer["name"], "Alice");
        assert!(answer.get("token").is_none(), "{answer}");
        cookie
    }
}

/// What the browser sends back of a `Set-Cookie`.
fn pair(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

#[test]
fn a_page_is_logged_in_by_its_cookie_until_it_logs_out() {
    let house = House::new();
    let cookie = house.log_in(LOCAL);
    assert!(cookie.starts_with("__Host-messenger=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let browser = Browser { cookie: pair(&cookie), ..LOCAL };
    let me = house.ask("GET /me", "", browser);
    assert_eq!(me.status, 200);
    assert_eq!(me.header("Set-Cookie"), Some(&*cookie), "it lives on");
    assert_eq!(house.ask("GET /export", "", browser).status, 200);
    assert_eq!(house.ask("PATCH /me", r#"{"name":"Alicia"}"#, browser).status, 200);
    let left = house.ask("POST /logout", "", browser);
    assert_eq!(left.status, 204);
    assert!(left.header("Set-Cookie").unwrap().starts_with("__Host-messenger=; Path=/; Max-Age=0"));
    assert_eq!(house.ask("GET /me", "", browser).status, 401);
}

#[test]
fn a_page_of_another_site_cannot_use_the_cookie_not_even_to_read() {
    let house = House::new();
    let cookie = house.log_in(LOCAL);
    let foreign = Browser { cookie: pair(&cookie), may_use_cookie: false, ..LOCAL };
    for line in ["GET /me", "GET /export", "GET /sessions", "POST /ticket", "POST /logout"] {
        let refused = house.ask(line, "", foreign);
        assert_eq!((refused.status, refused.code), (403, Some("foreign_origin")), "{line}");
    }
    let without = Browser { cookie: "", ..foreign };
    assert_eq!(house.ask("GET /me", "", without).status, 401, "it has none");
    assert_eq!(house.ask("GET /livez", "", foreign).status, 200, "open to anyone");
}

#[test]
fn over_plain_http_from_another_machine_the_cookie_has_another_name() {
    let house = House::new();
    let lan = Browser { host: "nas:3000", ..LOCAL };
    let cookie = house.log_in(lan);
    assert!(cookie.starts_with("messenger=") && !cookie.contains("Secure"), "{cookie}");
    let status = |browser| house.ask("GET /me", "", browser).status;
    assert_eq!(status(Browser { cookie: pair(&cookie), ..lan }), 200);
    assert_eq!(status(Browser { cookie: pair(&cookie), is_https: true, ..lan }), 401);
    assert!(house.log_in(Browser { is_https: true, ..lan }).starts_with("__Host-messenger="));
}

#[test]
fn a_page_gets_a_ticket_for_its_socket() {
    let house = House::new();
    let cookie = house.log_in(LOCAL);
    let opened = house.ask("POST /ticket", "", Browser { cookie: pair(&cookie), ..LOCAL });
    assert_eq!(opened.status, 200);
    let opened: Value = serde_json::from_slice(&opened.into_bytes().unwrap()).unwrap();
    let ticket = Token::parse(opened["ticket"].as_str().unwrap()).unwrap();
    let store = &house.service.context.store;
    let now = store.now();
    let expires_at = opened["expires_at"].as_i64().unwrap();
    assert!((now + 50_000..=now + 60_000).contains(&expires_at), "{expires_at} at {now}");
    assert_eq!(store.session_by_token(&ticket.hash(), now).unwrap(), None, "no token");
    let redeemed = store.redeem_ticket(&ticket.hash(), now).unwrap().unwrap();
    assert!(store.log_position_of(redeemed, now).unwrap().is_some());
    assert_eq!(house.ask("POST /ticket", "", LOCAL).status, 401);
}
