//! A login gives a token; a wrong email and a wrong password cannot be told apart.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Answer, Client, Endpoints};

pub fn login(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::signup(endpoints, "Alice")?;
    let good = json!({"email": alice.email, "password": alice.password});
    let first = send(endpoints, &good)?.expect(200)?.body;
    ensure!(first["id"] == alice.id && first["name"] == "Alice", "{first}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let expires = u128::from(first["expires_at"].as_u64().unwrap_or_default());
    ensure!(expires > now, "a token that is over already: {first}");
    let token = first["token"].as_str().unwrap_or_default();
    ensure!(token.len() >= 32, "a token that can be guessed: {first}");
    let second = send(endpoints, &good)?.expect(200)?.body;
    ensure!(first["token"] != second["token"], "the same token twice");

    let mut loud = good.clone();
    loud["email"] = json!(alice.email.to_uppercase());
    ensure!(send(endpoints, &loud)?.expect(200)?.body["id"] == alice.id, "letter case matters");

    let mut wrong_password = good.clone();
    wrong_password["password"] = json!("not the password");
    let mut wrong_email = good.clone();
    wrong_email["email"] = json!(format!("no.{}", alice.email));
    let wrong_password = send(endpoints, &wrong_password)?.refused(401)?;
    let wrong_email = send(endpoints, &wrong_email)?.refused(401)?;
    ensure!(wrong_password.text == wrong_email.text, "told apart by their text");
    let names = |answer: &Answer| {
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    ensure!(names(&wrong_password) == names(&wrong_email), "told apart by their headers");

    for key in ["email", "password"] {
        for wrong in [None, Some(json!(7)), Some(json!(null)), Some(json!(["x"]))] {
            let mut body = good.clone();
            match wrong {
                Some(value) => body[key] = value,
                None => drop(body.as_object_mut().map(|object| object.remove(key))),
            }
            send(endpoints, &body)?.refused(400)?;
        }
    }
    let mut odd_device = good;
    odd_device["device"] = json!(7);
    send(endpoints, &odd_device)?.refused(400)?;
    Ok(())
}

fn send(endpoints: &Endpoints, body: &Value) -> Result<Answer> {
    endpoints.ask("POST", "/login")?.json(body).send()
}
