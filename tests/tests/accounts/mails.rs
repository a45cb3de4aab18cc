//! Where a mail server is set up: proofs of emails, links for new passwords, other emails.

use std::time::Duration;

use acceptance::{Client, PATIENCE, until};
use anyhow::{Result, ensure};
use serde_json::json;

use super::{Case, PUBLIC_URL, ask, is, log_in, sign_up};
use crate::harness::{Arrangement, Deployment, Launch, MailServer, certificate};

/// Both engines, with this mail server.
fn cases(url: &str) -> Result<[Case; 2]> {
    Case::both(&[&format!("--public-url={PUBLIC_URL}"), &format!("--smtp={url}")])
}

/// A client of a new account with this email.
pub(super) fn member(case: &Case, email: &str) -> Result<Client> {
    is(&sign_up(case.endpoints(), email, json!(null))?, 201, "")?;
    let mut client = Client::new(case.endpoints());
    client.email = email.to_owned();
    client.password = "secret".to_owned();
    client.name = "Somebody".to_owned();
    client.login("device")?;
    Ok(client)
}

pub(super) fn confirm(case: &Case, code: &str) -> Result<(u16, String)> {
    ask(case.other(), "/confirm", &json!({"code": code}))
}

#[test]
fn an_account_is_found_by_its_email_once_it_is_proved() -> Result<()> {
    let mails = MailServer::start(&[])?;
    for (number, case) in cases(&mails.url())?.iter().enumerate() {
        let (alice, bob) =
            (format!("alice{number}@example.com"), format!("bob{number}@example.com"));
        let (a, b) = (member(case, &alice)?, member(case, &bob)?);
        let find = |by: &Client, email: &str| -> Result<u16> {
            Ok(by
                .ask("GET", &format!("/users?email={}", email.replace('@', "%40")))?
                .send()?
                .status)
        };
        let me = a.ask("GET", "/me")?.send()?.expect(200)?.body;
        ensure!(me["confirmed"] == false && me["new_email"].is_null(), "{me}");
        ensure!((find(&b, &alice)?, find(&a, &alice)?) == (404, 200));
        let code = mails.code(&alice, "confirm", 1)?;
        let raw = mails.mails_to(&alice)[0].clone();
        let headers = raw["headers"].to_string();
        ensure!(headers.contains(r#"["From","Messenger <noreply@chat.example>"]"#), "{headers}");
        ensure!(headers.matches(r#"["To""#).count() == 1 && !headers.contains("Bcc"), "{headers}");
        ensure!(
            raw["text"]
                .as_str()
                .is_some_and(|it| it.contains(&format!("{PUBLIC_URL}/#confirm={code}")))
        );
        is(
            &ask(case.endpoints(), "/reset/confirm", &json!({"code": code, "new": "other one"}))?,
            410,
            "gone",
        )?;
        is(&confirm(case, &code)?, 204, "")?;
        is(&confirm(case, &code)?, 410, "gone")?;
        let me = a.ask("GET", "/me")?.send()?.expect(200)?.body;
        ensure!(me["confirmed"] == true && find(&b, &alice)? == 200, "{me}");
        is(&ask(case.endpoints(), "/confirm", &json!({"code": 7}))?, 400, "bad_request")?;
        is(&ask(case.endpoints(), "/confirm", &json!({}))?, 400, "bad_request")?;
        // Lost mails: one's own email has the link mailed again, three times an hour.
        let again = json!({"email": bob, "password": "secret"});
        for count in 2..=3 {
            b.ask("PATCH", "/me")?.json(&again).send()?.expect(200)?;
            mails.code(&bob, "confirm", count)?;
        }
        b.ask("PATCH", "/me")?.json(&again).send()?.refused(429)?;
        let export = a.ask("GET", "/export")?.send()?.expect(200)?.body;
        ensure!(export["account"]["confirmed"] == true, "{}", export["account"]);
    }
    Ok(())
}

#[test]
fn a_new_password_comes_by_mail_three_times_an_hour() -> Result<()> {
    let mails = MailServer::start(&[])?;
    for (number, case) in cases(&mails.url())?.iter().enumerate() {
        let (alice, bob) =
            (format!("carol{number}@example.com"), format!("dave{number}@example.com"));
        let mut client = member(case, &alice)?;
        client.connect()?;
        member(case, &bob)?;
        let reset = |email: &str, number: usize| {
            let at = if number.is_multiple_of(2) { case.endpoints() } else { case.other() };
            ask(at, "/reset", &json!({"email": email}))
        };
        for (count, spelled) in [(1, alice.to_uppercase()), (2, alice.clone()), (3, alice.clone())]
        {
            is(&reset(&spelled, count)?, 202, "")?;
            mails.code(&alice, "reset", count)?;
        }
        for at in 0..4 {
            is(&reset(&alice, at)?, 202, "")?;
            is(&reset("nobody@example.com", at)?, 202, "")?;
        }
        // What comes after these is there, so that these came to nothing, on each node.
        for at in 0..2 {
            is(&reset(&bob, at)?, 202, "")?;
            mails.code(&bob, "reset", at + 1)?;
        }
        ensure!(mails.mails_to("nobody@example.com").is_empty());
        let last = mails.code(&alice, "reset", 3)?;
        client.is_answered()?;
        let new = json!({"code": last, "new": "new secret"});
        is(&ask(case.other(), "/reset/confirm", &new)?, 204, "")?;
        ensure!(client.closed_within(Duration::from_secs(2))? == 4401);
        is(&log_in(case.endpoints(), &alice, "secret")?, 401, "wrong_credentials")?;
        client.password = "new secret".to_owned();
        client.login("device")?;
        let me = client.ask("GET", "/me")?.send()?.expect(200)?.body;
        ensure!(me["confirmed"] == true, "who has the mail has the address: {me}");
        is(&ask(case.other(), "/reset/confirm", &new)?, 410, "gone")?;
        case.admin(&["disable", &alice])?;
        is(&log_in(case.endpoints(), &alice, "new secret")?, 403, "account_disabled")?;
    }
    Ok(())
}

#[test]
fn another_email_is_proved_before_it_counts() -> Result<()> {
    let mails = MailServer::start(&[])?;
    for (number, case) in cases(&mails.url())?.iter().enumerate() {
        let [old, new, taken] =
            ["old", "new", "taken"].map(|it| format!("{it}{number}@example.com"));
        let alice = member(case, &old)?;
        member(case, &taken)?;
        let change = |email: &str, password: &str| {
            let body = json!({"email": email, "password": password});
            alice.ask("PATCH", "/me")?.json(&body).send()
        };
        change(&new, "wrong!")?.refused(403)?;
        change(&taken.to_uppercase(), "secret")?.refused(409)?;
        change("nobody", "secret")?.refused(400)?;
        change("a@x.example\r\nBcc: b@x.example", "secret")?.refused(400)?;
        alice.ask("PATCH", "/me")?.json(&json!({"email": new})).send()?.refused(400)?;
        let me = change(&new.to_uppercase(), "secret")?.expect(200)?.body;
        ensure!(me["email"] == *old && me["new_email"] == *new, "{me}");
        let first = mails.code(&old, "confirm", 1)?;
        let code = mails.code(&new, "confirm", 1)?;
        let is_told = |mail: &serde_json::Value| {
            mail["to"] == json!([old])
                && mail["text"].as_str().is_some_and(|it| it.contains("another email"))
        };
        mails.wait("a notice to the old email", is_told)?;
        is(&log_in(case.other(), &new, "secret")?, 401, "wrong_credentials")?;
        is(&log_in(case.other(), &old, "secret")?, 200, "")?;
        // Nobody else is kept from it until it is proved, and then it is taken.
        is(&confirm(case, &code)?, 204, "")?;
        is(&confirm(case, &code)?, 410, "gone")?;
        is(&confirm(case, &first)?, 410, "gone")?;
        let me = alice.ask("GET", "/me")?.send()?.expect(200)?.body;
        ensure!(
            me["email"] == *new && me["new_email"].is_null() && me["confirmed"] == true,
            "{me}"
        );
        is(&log_in(case.other(), &new, "secret")?, 200, "")?;
        is(&log_in(case.other(), &old, "secret")?, 401, "wrong_credentials")?;
        // The old one is free; what was mailed for one that somebody else has by now is worth nothing.
        let next = format!("next{number}@example.com");
        change(&next, "secret")?.expect(200)?;
        let code = mails.code(&next, "confirm", 1)?;
        member(case, &next)?;
        is(&confirm(case, &code)?, 409, "email_taken")?;
        let me = change(&new, "secret")?.expect(200)?.body;
        ensure!(me["new_email"].is_null(), "{me}");
        is(&sign_up(case.endpoints(), &old, json!(null))?, 201, "")?;
    }
    Ok(())
}

#[test]
fn without_a_mail_server_another_email_counts_at_once() -> Result<()> {
    for case in Case::both(&[])? {
        let alice = member(&case, "old@example.com")?;
        member(&case, "taken@example.com")?;
        let change = |email: &str, password: &str| {
            let body = json!({"email": email, "password": password, "name": "Alice II"});
            alice.ask("PATCH", "/me")?.json(&body).send()
        };
        change("new@example.com", "wrong!")?.refused(403)?;
        change("taken@example.com", "secret")?.refused(409)?;
        let me = alice.ask("GET", "/me")?.send()?.expect(200)?.body;
        ensure!(me["email"] == "old@example.com" && me["name"] == "Somebody", "{me}");
        ensure!(me["confirmed"] == true, "{me}");
        let me = change("New@Example.com", "secret")?.expect(200)?.body;
        ensure!(me["email"] == "new@example.com" && me["name"] == "Alice II", "{me}");
        is(&log_in(case.other(), "new@example.com", "secret")?, 200, "")?;
        is(&sign_up(case.endpoints(), "old@example.com", json!(null))?, 201, "")?;
    }
    Ok(())
}

#[test]
fn mails_go_out_by_tls_to_a_server_whose_certificate_is_trusted() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let [certificate, key] = certificate(dir.path())?;
    let mails = MailServer::start(&["--tls", &certificate, &key, "--login", "me@x", "s3:cret"])?;
    let url = mails.url().replace("smtp://", "smtps://me%40x:s3%3Acret@");
    let flags = [format!("--public-url={PUBLIC_URL}"), format!("--smtp={url}")];
    let flags = flags.each_ref().map(String::as_str);
    for is_trusted in [false, true] {
        let deployment = Deployment::launch_with(&Arrangement::Messenger, &flags, |launch| {
            if is_trusted { launch.env("SSL_CERT_FILE", &certificate) } else { launch }
        })?;
        let case = Case { url: String::new(), second: None, deployment };
        let email = format!("{is_trusted}@example.com");
        is(&sign_up(case.endpoints(), &email, json!(null))?, 201, "")?;
        if is_trusted {
            mails.code(&email, "confirm", 1)?;
            continue;
        }
        let server = &case.deployment.servers[0];
        until("a line in the log", PATIENCE, || {
            Ok(server.log().contains("the mail server cannot be used").then_some(()))
        })?;
        ensure!(mails.mails_to(&email).is_empty());
    }
    Ok(())
}

#[test]
fn what_is_wrong_with_the_settings_is_said_with_status_2() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let good = "smtps://me:s3cret@mail.example?from=a@b.example";
    let public = ["--public-url", PUBLIC_URL];
    for program in ["auth", "messenger"] {
        for (words, why) in [
            (vec!["--smtp", good], "--public-url"),
            (vec!["--smtp", "smtps://me:s3cret@mail.example", public[0], public[1]], "from="),
            (vec!["--smtp", "mail.example", public[0], public[1]], "smtps://USER"),
            (vec!["--smtp-file", "/nowhere/smtp", public[0], public[1]], "/nowhere/smtp"),
            (vec!["--smtp", good, "--smtp-file", "x", public[0], public[1]], "not as both"),
            (vec!["--signup", "nobody"], "--signup"),
        ] {
            let output = Launch::new(program, dir.path())?.args(&words).run()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.code() == Some(2) && said.contains(why), "{words:?}: {said}");
            ensure!(!said.contains("s3cret"), "{said}");
        }
    }
    Ok(())
}
