//! A new password by the link of `admin reset`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Case, ask, invited, is, log_in};

const SOON: Duration = Duration::from_secs(2);

#[test]
fn a_link_sets_a_new_password_once() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        let (here, there) = (case.endpoints(), case.other());
        let mut alice = invited(&case, "alice")?;
        alice.connect()?;
        let code = case.code(&["reset", "Alice@example.com"], "reset")?;
        let confirm = |code: &Value, new: &str| {
            ask(there, "/reset/confirm", &json!({"code": code, "new": new}))
        };
        is(&confirm(&json!(code), "short")?, 400, "bad_request")?;
        is(&confirm(&json!(7), "new secret")?, 400, "bad_request")?;
        is(&ask(here, "/reset/confirm", &json!({"code": code}))?, 400, "bad_request")?;
        alice.is_answered()?;
        is(&confirm(&json!(code), "new secret")?, 204, "")?;
        ensure!(alice.closed_within(SOON)? == 4401);
        alice.ask("GET", "/me")?.send()?.refused(401)?;
        is(&log_in(here, "alice@example.com", "secret")?, 401, "wrong_credentials")?;
        is(&log_in(here, "alice@example.com", "new secret")?, 200, "")?;
        is(&confirm(&json!(code), "another one")?, 410, "gone")?;
        for wrong in [json!(""), json!("x"), json!("é".repeat(30)), json!("a".repeat(5000))] {
            is(&confirm(&wrong, "another one")?, 410, "gone")?;
        }
        is(&log_in(there, "alice@example.com", "new secret")?, 200, "")?;
        // An invitation resets no password, and a reset invites nobody.
        let invitation = case.code(&["invite"], "invite")?;
        is(&confirm(&json!(invitation), "another one")?, 410, "gone")?;
        let said: Value =
            serde_json::from_str(&case.admin(&["reset", "alice@example.com", "--json"])?)?;
        is(&super::sign_up(here, "b@example.com", said["code"].clone())?, 403, "invite_required")?;
        // Locked out is locked out.
        case.admin(&["disable", "alice@example.com"])?;
        is(
            &ask(here, "/reset/confirm", &json!({"code": said["code"], "new": "third one"}))?,
            204,
            "",
        )?;
        is(&log_in(here, "alice@example.com", "third one")?, 403, "account_disabled")?;
        case.admin(&["enable", "alice@example.com"])?;
        is(&log_in(there, "alice@example.com", "third one")?, 200, "")?;
    }
    Ok(())
}

#[test]
fn two_nodes_use_a_link_once() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        invited(&case, "alice")?;
        let code = case.code(&["reset", "alice@example.com"], "reset")?;
        let (done, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| -> Result<()> {
            let race = |number: usize| -> Result<()> {
                let at = if number.is_multiple_of(2) { case.endpoints() } else { case.other() };
                let body = json!({"code": code, "new": format!("secret {number}")});
                match ask(at, "/reset/confirm", &body)?.0 {
                    204 => done.fetch_add(1, Ordering::Relaxed),
                    410 => late.fetch_add(1, Ordering::Relaxed),
                    other => anyhow::bail!("{other}"),
                };
                Ok(())
            };
            let racers: Vec<_> = (0..6).map(|number| scope.spawn(move || race(number))).collect();
            racers.into_iter().try_for_each(|it| it.join().expect("no racer panics"))
        })?;
        let counts = (done.into_inner(), late.into_inner());
        ensure!(counts == (1, 5), "{counts:?}");
    }
    Ok(())
}

#[test]
fn guessing_codes_is_slowed_down_like_guessing_passwords() -> Result<()> {
    let case = Case::on_sqlite(&["--signup=invite"])?;
    let guess = |number: usize| {
        let body = json!({"code": format!("guess{number}"), "new": "new secret"});
        case.endpoints().ask("POST", "/reset/confirm")?.json(&body).send()
    };
    for number in 0..10 {
        guess(number)?.refused(410)?;
    }
    let refused = guess(10)?.refused(429)?;
    ensure!(refused.body["code"] == "rate_limited" && refused.retry_after()?.as_secs() > 0);
    Ok(())
}

#[test]
fn asking_for_a_link_tells_nobody_who_has_an_account() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        invited(&case, "alice")?;
        let ask = |email: Value| {
            case.endpoints().ask("POST", "/reset")?.json(&json!({"email": email})).send()
        };
        let (known, unknown) =
            (ask(json!("alice@example.com"))?, ask(json!("nobody@example.com"))?);
        for answer in [&known, &unknown, &ask(json!("no email"))?, &ask(json!(""))?] {
            ensure!((answer.status, &answer.text) == (202, &known.text), "{}", answer.text);
        }
        ask(json!(7))?.refused(400)?;
        let servers = &case.deployment.servers;
        let log: String = servers.iter().map(|server| server.log()).collect();
        ensure!(log.contains("admin reset EMAIL") && !log.contains("alice@"), "{log}");
    }
    Ok(())
}
