//! What service managers, container engines and packages rely on: word to systemd, `--health`, the settings as data, a warning of
//! passwords that others can read.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use acceptance::{PATIENCE, until};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Arrangement, Deployment, Launch, root};

#[test]
fn systemd_is_told_when_the_service_is_ready_and_when_it_stops() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::Pair] {
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let word = || -> Result<String> {
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).context("systemd was told nothing")?;
            Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        let variable = path.display().to_string();
        let mut deployment =
            Deployment::launch_with(&kind, &[], |launch| launch.env("NOTIFY_SOCKET", &variable))?;
        for _ in &deployment.servers {
            let state = word()?;
            ensure!(state == "READY=1", "{state}");
        }
        // Not until it serves.
        if let Ok(address) = deployment.endpoints.auth_address() {
            acceptance::raw::connect(&address, None)?;
            deployment.endpoints.ask("GET", "/healthz")?.send()?.expect(200)?;
        }
        let count = deployment.servers.len();
        for server in &deployment.servers {
            server.signal(Signal::TERM)?;
        }
        for _ in 0..count {
            let state = word()?;
            ensure!(state == "STOPPING=1", "{state}");
        }
        deployment.stop()?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

#[test]
fn a_service_is_not_ready_while_its_database_is_away() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_nonblocking(true)?;
    let mut server = Launch::new("chat", directory.path())?
        .env("NOTIFY_SOCKET", &path.display().to_string())
        .args(&["--listen=127.0.0.1:0", "--database=postgres://postgres@127.0.0.1:1/nowhere"])
        .start()?;
    server.wait_for_line("waiting for the database")?;
    let mut buffer = [0; 64];
    ensure!(socket.recv(&mut buffer).is_err(), "ready without a database");
    server.signal(Signal::TERM)?;
    ensure!(server.ended()?.success());
    Ok(())
}

#[test]
fn health_is_asked_at_the_port_that_is_set() -> Result<()> {
    let home = tempfile::tempdir()?;
    for (kind, program) in [(Arrangement::Guests, "chat"), (Arrangement::Messenger, "messenger")] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let chat = deployment.endpoints.chat_address();
        let ask = || -> Result<bool> {
            let mut launch =
                Launch::new(program, home.path())?.args(&["--health"]).env("CHAT_LISTEN", &chat);
            if let Ok(auth) = deployment.endpoints.auth_address() {
                launch = launch.env("AUTH_LISTEN", &auth);
            }
            Ok(launch.run()?.status.success())
        };
        until("the server to be well", PATIENCE, || Ok(ask()?.then_some(())))?;
        deployment.stop()?;
        let output = Launch::new(program, home.path())?
            .args(&["--health"])
            .env("CHAT_LISTEN", &chat)
            .run()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && text.contains(&chat), "{program}: {text}");
    }
    Ok(())
}

#[test]
fn a_password_on_the_command_line_is_warned_of() -> Result<()> {
    let home = tempfile::tempdir()?;
    let url = "postgres://postgres@127.0.0.1:1/nowhere?password=hunter2";
    for (program, listen) in [
        ("chat", vec!["--listen=127.0.0.1:0"]),
        ("auth", vec!["--listen=127.0.0.1:0"]),
        ("messenger", vec!["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"]),
    ] {
        let launch = Launch::new(program, home.path())?.args(&listen);
        let warning = "can be read by every user";
        let mut server = launch.clone().args(&["--database", url]).start()?;
        let line = server.wait_for_line(warning)?;
        ensure!(
            line.contains("--database") && !server.log().contains("hunter2"),
            "{}",
            server.log()
        );
        server.kill()?;
        let mut server = launch.env("DATABASE_URL", url).start()?;
        server.wait_for_line("waiting for the database")?;
        ensure!(!server.log().contains(warning), "{}", server.log());
        server.kill()?;
    }
    Ok(())
}

/// The NixOS module makes its options of this file.
#[test]
fn the_settings_that_packages_know_are_those_of_the_programs() -> Result<()> {
    let home = tempfile::tempdir()?;
    let settings = |program| -> Result<BTreeMap<String, Value>> {
        let output = Launch::new(program, home.path())?.args(&["--print-settings"]).run()?;
        ensure!(output.status.success(), "{program}: {}", output.status);
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let known = fs::read_to_string(root().join("nix/settings.json"))?;
    let known: BTreeMap<String, Value> = serde_json::from_str(&known)?;
    let all = settings("messenger")?;
    ensure!(
        all == known,
        "nix/settings.json is out of date: target/debug/messenger --print-settings > nix/settings.json"
    );
    for program in ["chat", "auth"] {
        for name in settings(program)?.keys() {
            ensure!(known.contains_key(name), "messenger lacks {name} of {program}");
        }
    }
    Ok(())
}

#[test]
fn the_version_has_the_commit() -> Result<()> {
    let home = tempfile::tempdir()?;
    let git = |args: &[&str]| {
        let output = Command::new("git").current_dir(root()).args(args).output();
        output.is_ok_and(|output| output.status.success())
    };
    let is_repository = git(&["rev-parse", "--verify", "HEAD"]);
    for name in ["auth", "chat", "messenger"] {
        let output = Launch::new(name, home.path())?.args(&["--version"]).run()?;
        let printed = String::from_utf8(output.stdout)?;
        let words: Vec<_> = printed.split_whitespace().collect();
        let [program, version, commit] = words[..] else { bail!("not three words: {printed}") };
        ensure!(output.status.success() && program == name, "{printed}");
        ensure!(version.split('.').count() == 3, "no version: {printed}");
        let commit = commit.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let commit = commit.with_context(|| format!("no commit: {printed}"))?;
        if std::env::var_os("ACCEPTANCE_PROGRAMS").is_some() {
            // A package was built elsewhere.
            ensure!(!commit.is_empty(), "no commit: {printed}");
        } else if is_repository {
            let object = format!("{commit}^{{commit}}");
            ensure!(git(&["cat-file", "-e", &object]), "{commit} is no commit of this repository");
        } else {
            ensure!(commit == "unknown", "{commit}, though this is no repository");
        }
    }
    Ok(())
}
