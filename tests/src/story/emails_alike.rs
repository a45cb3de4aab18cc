//! An email is the same in any letter case, however its accents are composed and its domain is written.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::endpoints::unique;
use crate::{Client, Endpoints};

pub fn emails_alike(endpoints: &Endpoints) -> Result<()> {
    let asker = Client::signup(endpoints, "Alice")?;
    let unique = unique();
    for (email, others) in [
        (
            format!("Straße.{unique}@Example.com"),
            [format!("STRASSE.{unique}@example.com"), format!("strasse.{unique}@EXAMPLE.COM")],
        ),
        (
            format!("ΟΔΟΣ.{unique}@example.com"),
            [format!("οδος.{unique}@example.com"), format!("οδοσ.{unique}@example.com")],
        ),
        (
            format!("jos\u{e9}.{unique}@b\u{fc}cher.example"),
            [
                format!("JOSE\u{301}.{unique}@BU\u{308}CHER.example"),
                format!("jose\u{301}.{unique}@xn--bcher-kva.example"),
            ],
        ),
    ] {
        let signup = |email: &str, name: &str| {
            let body = json!({"email": email, "name": name, "password": "secret"});
            endpoints.ask("POST", "/signup")?.json(&body).send()
        };
        let id = signup(&email, "Bob")?.expect(201)?.body["id"].clone();
        for other in &others {
            signup(other, "Mallory")?.refused(409)?;
            let body = json!({"email": other, "password": "secret"});
            let login = endpoints.ask("POST", "/login")?.json(&body).send()?.expect(200)?.body;
            ensure!(login["id"] == id, "{other}: {login}");
            let encoded: String = other.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let found = asker.ask("GET", &format!("/users?email={encoded}"))?.send()?.expect(200)?;
            ensure!(found.body["id"] == id, "{other}: {}", found.body);
        }
    }
    Ok(())
}
