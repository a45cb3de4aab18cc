use std::sync::Arc;

use serde_json::json;
use sql::{AccountCode, CodePurpose, Store};
use wire::Token;

use crate::context::Context;
use crate::password::HashParams;
use crate::request::Request;
use crate::route;

const WEAK: HashParams = HashParams { memory_kib: 64, passes: 1 };
const HOUR: i64 = 60 * 60 * 1000;

#[test]
fn a_link_is_good_until_its_time_is_over() {
    let store =
        Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false);
    let context = Context::with_params(Arc::new(store.unwrap()), 0, WEAK).unwrap();
    let account = context.store.create_account("alice@x", "Alice", "phc", 1).unwrap();
    let code = Token::parse("a-code-of-22-characters").unwrap();
    let request = |later: i64| {
        let body = json!({"code": code.expose(), "new": "new secret"}).to_string();
        let request = Request::of("/reset/confirm", None, &body);
        // Two days ago: a time to come is not believed.
        Request { now: request.now - 48 * HOUR + later, ..request }
    };
    let now = request(0).now;
    let (purpose, hash, expires_at) = (CodePurpose::Reset, code.hash(), now + 24 * HOUR);
    let new = AccountCode { purpose, account, hash, email: None, now, expires_at };
    assert!(context.store.add_account_code(&new).unwrap());
    let confirm = |later| {
        let route = route::find("POST", "/reset/confirm").unwrap_or_else(|_| panic!("no route"));
        route.respond(&context, &request(later)).status
    };
    assert_eq!(confirm(24 * HOUR + 1000), 410);
    assert_eq!(confirm(23 * HOUR), 204);
    assert_eq!(confirm(0), 410);
}
