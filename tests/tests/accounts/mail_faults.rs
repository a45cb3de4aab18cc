//! Mail servers that hang, refuse mails, or are there when the server stops.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use acceptance::{PATIENCE, until};
use anyhow::{Result, ensure};
use serde_json::json;

use super::mails::{confirm, member};
use super::{Case, PUBLIC_URL, ask, is, sign_up};
use crate::harness::{MailServer, Server};

/// A port where somebody listens and never says a word.
fn silent() -> Result<TcpListener> {
    Ok(TcpListener::bind("127.0.0.1:0")?)
}

#[test]
fn a_mail_server_that_hangs_keeps_nobody_waiting() -> Result<()> {
    let server = silent()?;
    let url = format!("smtp://{}?from=a@b.example", server.local_addr()?);
    let public = format!("--public-url={PUBLIC_URL}");
    let case = Case::on_sqlite(&[&public, &format!("--smtp={url}")])?;
    member(&case, "alice@example.com")?;
    let mut slowest = [Duration::ZERO; 2];
    for round in 0..10 {
        for (slowest, email) in slowest.iter_mut().zip(["alice@example.com", "nobody@example.com"])
        {
            let began = Instant::now();
            is(&ask(case.endpoints(), "/reset", &json!({"email": email}))?, 202, "")?;
            *slowest = (*slowest).max(began.elapsed());
        }
        ensure!(slowest.iter().all(|it| *it < Duration::from_secs(2)), "{round}: {slowest:?}");
    }
    let server = &case.deployment.servers[0];
    until("the reason in the log", 2 * PATIENCE, || {
        Ok(server.log().contains("the mail server has not answered within").then_some(()))
    })
}

/// The page of the metrics of a server that was started with `--metrics-listen`.
fn metrics_page(server: &Server) -> Result<String> {
    let address = server.log().lines().find_map(|line| {
        Some(line.split_once("metrics listening on ")?.1.split_whitespace().next()?.to_owned())
    });
    let url = format!("http://{}/metrics", address.unwrap_or_default());
    Ok(acceptance::Call::new("GET", &url).send()?.text)
}

#[test]
fn what_a_mail_server_refuses_for_now_is_mailed_later_and_nothing_secret_is_logged() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let refuse = dir.path().join("refuse");
    std::fs::write(&refuse, "451 alice@example.com comes later")?;
    let mails =
        MailServer::start(&["--refuse", &refuse.display().to_string(), "--login", "me", "s3cret"])?;
    let url = mails.url().replace("smtp://", "smtp://me:s3cret@");
    let public = format!("--public-url={PUBLIC_URL}");
    let metrics = "--metrics-listen=127.0.0.1:0";
    let case = Case::on_sqlite(&[&public, &format!("--smtp={url}"), metrics])?;
    member(&case, "alice@example.com")?;
    mails.wait("a refusal", |one| one["refused"] == "alice@example.com")?;
    let server = &case.deployment.servers[0];
    let line = until("a line in the log", PATIENCE, || {
        let log = server.log();
        Ok(log.lines().find(|line| line.contains("mails are not sent")).map(str::to_owned))
    })?;
    ensure!(line.contains("451") && line.contains("waiting=1"), "{line}");
    let page = || metrics_page(server);
    let failing = page()?;
    for wanted in ["auth_mails_failing 1", "auth_mails_waiting 1"] {
        ensure!(failing.contains(wanted), "{failing}");
    }
    std::fs::remove_file(&refuse)?;
    let code = mails.code("alice@example.com", "confirm", 1)?;
    until("the metric to be well", PATIENCE, || {
        let page = page()?;
        let is_well =
            page.contains("auth_mails_failing 0") && page.contains("auth_mails_waiting 0");
        Ok((is_well && page.contains(r#"auth_mails_total{outcome="sent"} 1"#)).then_some(()))
    })?;
    is(&confirm(&case, &code)?, 204, "")?;
    let log = server.log();
    for secret in ["alice@", "s3cret", &code] {
        ensure!(!log.contains(secret), "{secret}: {log}");
    }
    ensure!(log.matches("mails are not sent").count() == 1, "{log}");
    Ok(())
}

#[test]
fn a_mail_server_that_refuses_who_sends_makes_no_mail_lost() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let refuse = dir.path().join("refuse");
    std::fs::write(&refuse, "554 5.7.1 relay access denied")?;
    let refusing = ["--refuse".to_owned(), refuse.display().to_string()];
    let mails = MailServer::start(&[&refusing[0], &refusing[1], "--login", "me", "s3cret"])?;
    let started = |user: &str| {
        let url = mails.url().replace("smtp://", &format!("smtp://{user}@"));
        let public = format!("--public-url={PUBLIC_URL}");
        Case::on_sqlite(&[&public, &format!("--smtp={url}"), "--metrics-listen=127.0.0.1:0"])
    };
    let is_shown = |server: &Server, lines: &[&str]| {
        until("the metrics", PATIENCE, || {
            let page = metrics_page(server)?;
            Ok(lines.iter().all(|line| page.contains(line)).then_some(()))
        })
    };
    let kept = ["auth_mails_failing 1", "auth_mails_waiting 1"];

    // A wrong password.
    let wrong = started("me:wrong")?;
    member(&wrong, "alice@example.com")?;
    is_shown(&wrong.deployment.servers[0], &kept)?;
    until("the reason in the log", PATIENCE, || {
        let log = wrong.deployment.servers[0].log();
        let reason = "the mail server has answered 535; check the user and the password in --smtp";
        Ok(log.contains(reason).then_some(()))
    })?;
    drop(wrong);

    // A server that sends no mails for this one, until its settings are mended.
    let case = started("me:s3cret")?;
    let server = &case.deployment.servers[0];
    member(&case, "alice@example.com")?;
    is_shown(server, &kept)?;
    std::fs::remove_file(&refuse)?;
    let code = mails.code("alice@example.com", "confirm", 1)?;
    is(&confirm(&case, &code)?, 204, "")?;

    // Somebody whom the server does not know is given up.
    std::fs::write(&refuse, "550 5.1.1 no such user here")?;
    member(&case, "bob@example.com")?;
    let given_up =
        ["auth_mails_failing 0", "auth_mails_waiting 0", r#"auth_mails_total{outcome="failed"} 1"#];
    is_shown(server, &given_up)
}

#[test]
fn a_server_that_stops_sends_what_is_due() -> Result<()> {
    let mails = MailServer::start(&[])?;
    let public = format!("--public-url={PUBLIC_URL}");
    let mut case = Case::on_sqlite(&[&public, &format!("--smtp={}", mails.url())])?;
    for number in 0..5 {
        is(&sign_up(case.endpoints(), &format!("n{number}@example.com"), json!(null))?, 201, "")?;
    }
    case.deployment.stop()?;
    for number in 0..5 {
        ensure!(mails.mails_to(&format!("n{number}@example.com")).len() == 1, "{number}");
    }
    Ok(())
}
