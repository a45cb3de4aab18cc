//! An account is made once per email, in any letter case; what is wrong with a signup is said.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::endpoints::unique;
use crate::{Answer, Endpoints};

pub fn signup(endpoints: &Endpoints) -> Result<()> {
    let email = format!("Alice.{}@Example.com", unique());
    let made = send(endpoints, &json!({"email": email, "name": "Alice", "password": "secret"}))?;
    let made = made.expect(201)?.body;
    ensure!(made["id"].as_i64() > Some(0) && made["name"] == "Alice", "{made}");
    let kept = made["email"].as_str().unwrap_or_default();
    ensure!(kept.eq_ignore_ascii_case(&email), "{made} for {email}");
    let leaked = made.get("password").or(made.get("token"));
    ensure!(leaked.is_none(), "a signup answers with too much: {made}");

    for again in [email.clone(), email.to_uppercase(), email.to_lowercase()] {
        let refused = send(endpoints, &json!({"email": again, "name": "B", "password": "other-one"}))?;
        let body = refused.refused(409)?.body;
        ensure!(body["error"] == "email already registered", "{body}");
    }

    let next = format!("bob.{}@example.com", unique());
    let next = send(endpoints, &json!({"email": next, "name": "Bob", "password": "secret"}))?;
    ensure!(next.expect(201)?.body["id"].as_i64() > made["id"].as_i64(), "ids count up");

    for body in malformed() {
        send(endpoints, &body)?.refused(400)?;
    }
    let extra = json!({"email": format!("c.{}@example.com", unique()), "name": "Carol",
        "password": "p".repeat(1024), "colour": "red"});
    send(endpoints, &extra)?.expect(201)?;
    Ok(())
}

fn send(endpoints: &Endpoints, body: &Value) -> Result<Answer> {
    endpoints.ask("POST", "/signup")?.json(body).send()
}

fn malformed() -> Vec<Value> {
    let email = format!("dora.{}@example.com", unique());
    let mut all = vec![json!(null), json!([]), json!("signup"), json!(7), json!({})];
    let good = json!({"email": email, "name": "Dora", "password": "secret"});
    for key in ["email", "name", "password"] {
        let mut missing = good.clone();
        missing.as_object_mut().map(|object| object.remove(key));
        all.push(missing);
        for wrong in [json!(null), json!(7), json!(true), json!(["x"]), json!({}), json!("")] {
            let mut changed = good.clone();
            changed[key] = wrong;
            all.push(changed);
        }
    }
    let values = [
        ("email", "nobody".to_owned()),
        ("email", "@example.com".to_owned()),
        ("email", "nobody@".to_owned()),
        ("email", "two words@example.com".to_owned()),
        ("email", format!("{}@example.com", "x".repeat(2000))),
        ("email", "line\nbreak@example.com".to_owned()),
        ("email", "name<dora@example.com>".to_owned()),
        ("email", "dora@.".to_owned()),
        ("email", "do\u{200b}ra@example.com".to_owned()),
        ("name", "   ".to_owned()),
        ("name", "x".repeat(2000)),
        ("name", "\u{3164}".to_owned()),
        ("name", "\u{202e}aroD".to_owned()),
        ("name", "Do\u{200b}ra".to_owned()),
        ("password", "5byte".to_owned()),
        ("password", "p".repeat(1025)),
    ];
    for (key, wrong) in values {
        let mut changed = good.clone();
        changed[key] = json!(wrong);
        all.push(changed);
    }
    all
}
