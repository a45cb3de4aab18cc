//! What the verbs decide, without a network. The stories over HTTP are told in the repository's `tests`.

use std::sync::Arc;

use serde_json::{Value, json};
use sql::Store;

use crate::context::Context;
use crate::limit::{SESSION_MS, TOUCH_INTERVAL_MS};
use crate::password::{HashParams, Password};
use crate::request::Request;
use crate::route;

/// Hashes so fast that the throttles do not loosen meanwhile.
const WEAK: HashParams = HashParams { memory_kib: 64, passes: 1 };

fn context(signup_rate: u32) -> Context {
    Context::with_params(store(), signup_rate, WEAK).unwrap()
}

fn store() -> Arc<Store> {
    Arc::new(
        Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap(),
    )
}

/// What the handler of a route answers.
fn respond(context: &Context, (method, request): &(&str, Request)) -> http::Response {
    match route::find(method, &request.path) {
        Ok(route) => route.respond(context, request),
        Err(response) => response,
    }
}

/// The status and the body of an answer, or the code of a refusal.
fn ask(context: &Context, request: &(&str, Request)) -> (u16, Value) {
    let response = respond(context, request);
    let (status, code) = (response.status, response.code);
    let body = response.into_bytes().unwrap();
    (status, code.map_or_else(|| serde_json::from_slice(&body).unwrap_or(Value::Null), Value::from))
}

fn of(
    method: &'static str,
    target: &str,
    token: Option<&str>,
    body: &str,
) -> (&'static str, Request) {
    (method, Request::of(target, token, body))
}

fn post(path: &str, token: Option<&str>, body: &Value) -> (&'static str, Request) {
    ("POST", Request::of(path, token, &body.to_string()))
}

fn signup(context: &Context, email: &str) -> (u16, Value) {
    let body = json!({"email": email, "name": "Alice", "password": "secret"});
    ask(context, &post("/signup", None, &body))
}

fn login(context: &Context, email: &str, password: &str) -> (u16, Value) {
    ask(context, &post("/login", None, &json!({"email": email, "password": password})))
}

fn token(context: &Context) -> String {
    login(context, "alice@x", "secret").1["token"].as_str().unwrap().to_owned()
}

#[test]
fn an_address_signs_up_no_faster_than_its_rate() {
    let context = context(2);
    assert_eq!(signup(&context, "a@x").0, 201);
    assert_eq!(signup(&context, "a@x").0, 409);
    let (status, code) = signup(&context, "b@x");
    assert_eq!((status, code), (429, json!("rate_limited")));
    let malformed = signup(&context, "nobody").0;
    assert_eq!(malformed, 400, "what is wrong with it comes first");
}

#[test]
fn a_whole_48_signs_up_no_faster_than_four_times_the_rate_of_a_64() {
    let context = context(2);
    let signup = |number: u16| {
        let email = format!("{number}@x");
        let body = json!({"email": email, "name": "Alice", "password": "secret"});
        let mut request = post("/signup", None, &body);
        request.1.address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, number, 0, 0, 0, 1).into();
        ask(&context, &request).0
    };
    let made = |numbers: &mut dyn Iterator<Item = u16>| {
        let statuses: Vec<_> = numbers.map(signup).collect();
        assert!(statuses.iter().all(|status| [201, 429].contains(status)), "{statuses:?}");
        statuses.iter().filter(|status| **status == 201).count()
    };
    // One signup from each /64: four from a /56, eight from the /48.
    assert_eq!(made(&mut (0..20)), 4);
    assert_eq!(made(&mut (1..20).map(|number| number << 8)), 4);
}

#[test]
fn no_rate_is_no_limit() {
    let context = context(0);
    assert_eq!(signup(&context, "a@x").0, 201);
    assert!((0..100).all(|_| signup(&context, "A@X").0 == 409));
    assert_eq!(signup(&context, "b@x").1["id"], 2, "refused signups burn no ids");
}

#[test]
fn a_weak_hash_is_replaced_when_its_password_comes_by() {
    let (old, store) = (context(0), store());
    let phc = old
        .acquire_slot(Vec::from([crate::hash_queue::QueueKey::Known(String::new())]))
        .unwrap()
        .hash(&Password::unchecked("secret".to_owned()))
        .unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
    store.create_account("alice@x", "Alice", &phc, 1).unwrap();

    let context = Context::new(store, 0).unwrap();
    let stored = || context.store.credentials("alice@x").unwrap().unwrap().phc;
    assert_eq!(login(&context, "alice@x", "wrong").0, 401);
    assert_eq!(stored(), phc, "a wrong password changes nothing");
    assert_eq!(login(&context, "alice@x", "secret").0, 200);
    let better = stored();
    assert!(better.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{better}");
    assert_eq!(login(&context, "alice@x", "secret").0, 200);
    assert_eq!(stored(), better);
}

#[test]
fn wrong_passwords_are_throttled_and_right_ones_cost_nothing() {
    let context = context(0);
    signup(&context, "alice@x");
    for _ in 0..15 {
        assert_eq!(login(&context, "alice@x", "secret").0, 200);
    }
    // All ten of the wrong ones are left.
    let wrong: Vec<_> = (0..25).map(|_| login(&context, "alice@x", "wrong").0).collect();
    assert_eq!(wrong.iter().filter(|status| **status == 401).count(), 10, "{wrong:?}");
    assert_eq!(login(&context, "nobody@x", "wrong").0, 401, "the neighbours go on");
    let again = json!({"email":"alice@x","password":"wrong"});
    let refusal = respond(&context, &post("/login", None, &again));
    assert_eq!(refusal.code, Some("rate_limited"));
    let seconds = refusal.header("Retry-After").unwrap();
    assert!((1..=60).contains(&seconds.parse().unwrap()), "{seconds}");
}

#[test]
fn the_throttle_knows_an_email_however_it_is_written() {
    for is_known in [true, false] {
        let context = context(0);
        if is_known {
            assert_eq!(signup(&context, "straße@bücher.x").0, 201);
            assert_eq!(signup(&context, "STRASSE@xn--bcher-kva.x").0, 409);
        }
        let ways = ["straße@bücher.x", "Strasse@bücher.x", "STRASSE@xn--bcher-kva.x"];
        let tries = ways.iter().cycle().take(40);
        let wrong = tries.filter(|way| login(&context, way, "wrong").0 == 401).count();
        assert_eq!(wrong, 10, "as for one email; known: {is_known}");
    }
}

#[test]
fn who_has_logged_in_from_an_address_gets_in_whatever_others_there_do() {
    let context = context(0);
    for email in ["alice@x", "bob@x"] {
        signup(&context, email);
    }
    assert_eq!(login(&context, "alice@x", "secret").0, 200);
    let throttled = (0..200).filter(|n| login(&context, &format!("{n}@x"), "wrong").0 == 429);
    assert!(throttled.count() >= 100, "the address is throttled");
    assert_eq!(login(&context, "bob@x", "secret").0, 429, "as strangers from there are");
    assert_eq!(login(&context, "alice@x", "secret").0, 200);
}

#[test]
fn a_network_is_known_once_a_live_session_was_used_there() {
    let before = context(0);
    signup(&before, "alice@x");
    let token = token(&before);
    // A restart, or another node: nothing is remembered.
    let context = Context::with_params(Arc::clone(&before.store), 0, WEAK).unwrap();
    (0..200).for_each(|n| drop(login(&context, &format!("{n}@x"), "wrong")));
    assert_eq!(login(&context, "alice@x", "secret").0, 429, "a stranger at a throttled address");
    assert_eq!(ask(&context, &of("GET", "/me", Some(&token), "")).0, 200);
    assert_eq!(login(&context, "alice@x", "secret").0, 200);
}

#[test]
fn a_device_that_has_logged_in_is_known_wherever_it_is() {
    let context = context(0);
    signup(&context, "alice@x");
    let mut phone = json!({"email": "alice@x", "password": "secret"});
    let secret = ask(&context, &post("/login", None, &phone)).1["device_secret"].clone();
    phone["device_secret"] = secret.clone();
    // At this address, too, where the account is known, somebody guesses.
    assert_eq!((0..25).filter(|_| login(&context, "alice@x", "wrong").0 == 401).count(), 10);
    assert_eq!(login(&context, "alice@x", "secret").0, 429);
    let mut elsewhere = post("/login", None, &phone);
    elsewhere.1.address = "192.0.2.7".parse().unwrap();
    for request in [post("/login", None, &phone), elsewhere] {
        let (status, body) = ask(&context, &request);
        assert_eq!((status, &body["device_secret"]), (200, &secret), "it keeps its secret");
    }
    // It proves nothing to another account, nor to one that is not there, and tells nobody so.
    signup(&context, "bob@x");
    for email in ["bob@x", "nobody@x"] {
        phone["email"] = json!(email);
        phone["password"] = json!("wrong");
        let statuses: Vec<_> =
            (0..20).map(|_| ask(&context, &post("/login", None, &phone)).0).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{email}");
    }
    phone["device_secret"] = json!(7);
    assert_eq!(ask(&context, &post("/login", None, &phone)).0, 400);
}

#[test]
fn old_passwords_are_under_the_same_throttle() {
    let context = context(0);
    signup(&context, "alice@x");
    let token = token(&context);
    let change = json!({"old": "wrong", "new": "new secret"});
    let delete = json!({"password": "wrong"}).to_string();
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(ask(&context, &post("/password", Some(&token), &change)).0);
        statuses.push(ask(&context, &of("DELETE", "/me", Some(&token), &delete)).0);
    }
    assert_eq!(statuses[..10], [403; 10]);
    assert_eq!(statuses[10..], [429; 2]);
}

#[test]
fn look_ups_are_limited_for_each_account() {
    let context = context(0);
    signup(&context, "alice@x");
    let token = token(&context);
    let look = || ask(&context, &of("GET", "/users?email=ALICE%40x", Some(&token), "")).0;
    let statuses: Vec<_> = (0..40).map(|_| look()).collect();
    assert_eq!(statuses[..30], [200; 30]);
    assert!(statuses.contains(&429));
}

#[test]
fn changes_are_counted_by_account_and_what_ends_sessions_by_session() {
    let context = context(0);
    signup(&context, "alice@x");
    signup(&context, "bob@x");
    let (thief, owner) = (token(&context), token(&context));
    let rename =
        |token: &str| ask(&context, &of("PATCH", "/me", Some(token), r#"{"name":"Alice"}"#)).0;
    let renamed = (0..150).filter(|_| rename(&thief) == 200).count();
    assert!((100..130).contains(&renamed), "{renamed} at once");
    for (method, path) in [("POST", "/ticket"), ("DELETE", "/push"), ("POST", "/push")] {
        assert_eq!(ask(&context, &of(method, path, Some(&owner), "{}")).0, 429, "{method} {path}");
    }
    assert_eq!(ask(&context, &of("GET", "/me", Some(&owner), "")).0, 200, "it changes nothing");
    let bob = login(&context, "bob@x", "secret").1["token"].as_str().unwrap().to_owned();
    assert_eq!(rename(&bob), 200, "another account");
    // Neither can the thief use up what ends its session.
    let revoke = |token: &str, id: &str| {
        ask(&context, &of("DELETE", &format!("/sessions/{id}"), Some(token), "")).0
    };
    let revoked: Vec<_> = (0..150).map(|_| revoke(&thief, "77")).collect();
    assert!(revoked[..100].iter().all(|status| *status == 404) && revoked.contains(&429));
    assert_eq!(revoke(&owner, "1"), 204);
    assert_eq!(rename(&thief), 401);
    assert_eq!(ask(&context, &post("/logout", Some(&owner), &json!({}))).0, 204);
}

#[test]
fn a_name_changes_so_often_a_day_and_no_more() {
    let context = context(0);
    signup(&context, "alice@x");
    signup(&context, "bob@x");
    let alice = token(&context);
    let bob = login(&context, "bob@x", "secret").1["token"].as_str().unwrap().to_owned();
    let change = |token: &str, body: Value| {
        ask(&context, &of("PATCH", "/me", Some(token), &body.to_string()))
    };
    for n in 0..10 {
        let name = json!({"name": format!("Alice {n}")});
        assert_eq!(change(&alice, name.clone()).0, 200, "{n}");
        assert_eq!(change(&alice, name).0, 200, "as it was");
    }
    let again = json!({"name": "Read this"}).to_string();
    let refusal = respond(&context, &of("PATCH", "/me", Some(&alice), &again));
    let seconds = refusal.header("Retry-After").unwrap().parse::<u64>().unwrap();
    assert!(refusal.status == 429 && (1..=24 * 60 * 60 / 10).contains(&seconds), "{seconds}");
    assert_eq!(change(&alice, json!({"picture": "x"})).0, 429, "so is its picture");
    let (status, me) = change(&alice, json!({"last_seen": false}));
    assert_eq!((status, &me["name"]), (200, &json!("Alice 9")));
    assert_eq!(change(&bob, json!({"name": "Bob"})).0, 200, "another account");
}

#[test]
fn a_use_is_written_down_once_an_hour_and_moves_the_end() {
    let context = context(0);
    signup(&context, "alice@x");
    // So long ago that all of it is over by now: no session ends before its time by the machine's clock.
    let mut login = post("/login", None, &json!({"email": "alice@x", "password": "secret"}));
    login.1.now -= SESSION_MS + 2 * TOUCH_INTERVAL_MS;
    let token = ask(&context, &login).1["token"].as_str().unwrap().to_owned();
    let show = |now| {
        let mut request = of("GET", "/me", Some(&token), "");
        request.1.now = now;
        ask(&context, &request).0
    };
    let stored = || context.store.sessions(wire::AccountId(1), 0).unwrap().remove(0);
    let opened = stored();
    assert_eq!(opened.expires_at, opened.created_at + SESSION_MS);
    assert_eq!(show(opened.created_at + TOUCH_INTERVAL_MS - 1), 200);
    assert_eq!(stored(), opened);
    let later = opened.created_at + TOUCH_INTERVAL_MS;
    assert_eq!(show(later), 200);
    assert_eq!((stored().seen_at, stored().expires_at), (later, later + SESSION_MS));
    assert_eq!(show(later + SESSION_MS), 401, "unused for 30 days");
}

#[test]
fn who_may_ask_is_settled_before_what_is_asked() {
    let context = context(0);
    let needs_session =
        |handler| matches!(handler, route::Handler::Owner(_) | route::Handler::Profile(_));
    let statuses = route::ROUTES.iter().filter(|route| needs_session(route.handler));
    for route in statuses {
        for token in [None, Some("wrong")] {
            let request = (route.method, Request::of(route.path, token, "not JSON"));
            assert_eq!(ask(&context, &request), (401, json!("unauthorized")), "{}", route.path);
        }
    }
    assert_eq!(ask(&context, &of("BREW", "/me", None, "")).0, 405);
    assert_eq!(ask(&context, &of("BREW", "/nowhere", None, "")).0, 404);
    assert_eq!(ask(&context, &of("HEAD", "/healthz", None, "")).0, 200);
    assert_eq!(ask(&context, &of("HEAD", "/signup", None, "")).0, 405);
}
