//! Who may sign up, and with what.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acceptance::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Case, PUBLIC_URL, is, is_code, sign_up};
use crate::harness::{Arrangement, Deployment, Launch, program};

#[test]
fn signing_up_takes_an_invitation_that_is_good() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        let (here, there) = (case.endpoints(), case.other());
        for wrong in
            [json!(null), json!(""), json!("x"), json!("a".repeat(22)), json!("é".repeat(30))]
        {
            is(&sign_up(here, "alice@example.com", wrong)?, 403, "invite_required")?;
        }
        for wrong in [json!(7), json!(true), json!(["x"]), json!({"code": "x"})] {
            is(&sign_up(here, "alice@example.com", wrong)?, 400, "bad_request")?;
        }
        let code = json!(case.code(&["invite"], "invite")?);
        is(&sign_up(here, "nobody", code.clone())?, 400, "bad_request")?;
        is(&sign_up(here, "alice@example.com", code.clone())?, 201, "")?;
        is(&sign_up(there, "bob@example.com", code.clone())?, 403, "invite_required")?;
        // Whether an email is taken is told only to who is invited.
        is(&sign_up(there, "alice@example.com", code)?, 403, "invite_required")?;
        let code = json!(case.code(&["invite", "--uses", "2"], "invite")?);
        is(&sign_up(there, "ALICE@example.com", code.clone())?, 409, "email_taken")?;
        is(&sign_up(here, "bob@example.com", code.clone())?, 201, "")?;
        is(&sign_up(there, "carol@example.com", code.clone())?, 201, "")?;
        is(&sign_up(here, "dave@example.com", code)?, 403, "invite_required")?;
        let bound = ["invite", "--email", "Dave@Example.com"];
        let code = json!(case.code(&bound, "invite")?);
        is(&sign_up(here, "eve@example.com", code.clone())?, 403, "invite_required")?;
        is(&sign_up(there, "dave@EXAMPLE.com", code)?, 201, "")?;
        case.refused(&bound, 1, "has an account already")?;
        let said: Value = serde_json::from_str(&case.admin(&["invite", "--json", "--days", "1"])?)?;
        let code = said["code"].as_str().context("no code")?;
        is_code(code)?;
        ensure!(said["link"] == format!("{PUBLIC_URL}/#invite={code}"), "{said}");
        let ends = said["expires_at"].as_i64().context("no end")? - now()?;
        ensure!((82_000_000..=86_400_000).contains(&ends), "{said}");
        is(&sign_up(there, "frank@example.com", json!(code))?, 201, "")?;
    }
    Ok(())
}

fn now() -> Result<i64> {
    Ok(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?)
}

#[test]
fn many_at_once_on_two_nodes_use_an_invitation_as_often_as_it_says() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        let code = case.code(&["invite", "--uses", "3"], "invite")?;
        let (made, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| -> Result<()> {
            let race = |number: usize| -> Result<()> {
                let at = if number.is_multiple_of(2) { case.endpoints() } else { case.other() };
                let email = format!("racer{number}@example.com");
                match sign_up(at, &email, json!(code))?.0 {
                    201 => made.fetch_add(1, Ordering::Relaxed),
                    403 => refused.fetch_add(1, Ordering::Relaxed),
                    other => anyhow::bail!("{other}"),
                };
                Ok(())
            };
            let racers: Vec<_> = (0..12).map(|number| scope.spawn(move || race(number))).collect();
            racers.into_iter().try_for_each(|it| it.join().expect("no racer panics"))
        })?;
        let counts = (made.into_inner(), refused.into_inner());
        ensure!(counts == (3, 9), "{counts:?}");
    }
    Ok(())
}

#[test]
fn where_signup_is_closed_no_invitation_helps() -> Result<()> {
    for case in Case::both(&["--signup=closed"])? {
        let code = json!(case.code(&["invite"], "invite")?);
        for invite in [json!(null), code] {
            is(&sign_up(case.endpoints(), "a@example.com", invite)?, 403, "signup_closed")?;
        }
    }
    Ok(())
}

#[test]
fn where_signup_is_open_an_invitation_is_not_used_up() -> Result<()> {
    let mut case = Case::on_sqlite(&[])?;
    let code = json!(case.code(&["invite"], "invite")?);
    is(&sign_up(case.endpoints(), "a@example.com", code.clone())?, 201, "")?;
    case.deployment.stop()?;
    let flags = ["--signup=invite", "--auth-listen=127.0.0.1:0", "--chat-listen=127.0.0.1:0"];
    let launch = Launch::new("messenger", case.deployment.dir())?.args(&flags);
    let mut server = launch.args(&["--database", &case.url]).start()?;
    let auth = format!("http://{}", server.address("auth")?);
    let endpoints = acceptance::Endpoints::new("", Some(&auth));
    is(&sign_up(&endpoints, "b@example.com", code.clone())?, 201, "")?;
    is(&sign_up(&endpoints, "c@example.com", code)?, 403, "invite_required")
}

#[test]
fn the_first_invitation_is_printed_on_a_terminal_and_else_how_to_make_one() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &["--signup=invite"])?;
    // The servers listen before it is printed.
    let said = until("how to make an invitation", PATIENCE, || {
        let said = deployment.servers[0].stdout();
        Ok(said.contains("messenger admin invite").then_some(said))
    })?;
    ensure!(!said.contains("#invite="), "{said}");
    ensure!(said.contains(r#""invite":"CODE""#), "{said}");

    let dir = tempfile::tempdir()?;
    let path = dir.path().join("typescript");
    let shown = program("messenger")?.display().to_string();
    let line = format!(
        "exec {shown} --signup invite --public-url {PUBLIC_URL} --auth-listen 127.0.0.1:0 --chat-listen 127.0.0.1:0 \
         --database sqlite:{}",
        dir.path().join("m.db").display()
    );
    // `script` gives it a terminal.
    let mut child = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", &line])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let invitation = until("an invitation on the terminal", PATIENCE, || {
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        let found = said.split_once(&format!("{PUBLIC_URL}/#invite="));
        let code = found.and_then(|(_, rest)| Some(rest.split_once('\r')?.0.to_owned()));
        Ok(code.filter(|_| said.contains("auth listening on")))
    });
    let invitation = invitation.and_then(|code| {
        is_code(&code)?;
        let said = std::fs::read_to_string(&path)?;
        let address = said.split("auth listening on ").nth(1).context("no address")?;
        let address = address.split_whitespace().next().context("no address")?.to_owned();
        let endpoints = acceptance::Endpoints::new("", Some(&format!("http://{address}")));
        is(&sign_up(&endpoints, "a@example.com", json!(code))?, 201, "")
    });
    // The terminal is closed with its input.
    drop(child.stdin.take());
    child.kill()?;
    child.wait()?;
    invitation
}
