//! `SIGTERM` and `SIGINT` drain: what was accepted is answered, sockets close with 1001, exit 0 within 10 s.

use std::collections::BTreeSet;

use acceptance::{Client, Received};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Arrangement, Deployment, Launch};

#[test]
fn everyone_is_told_to_come_back() -> Result<()> {
    for signal in [Signal::TERM, Signal::INT] {
        for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::Pair] {
            let mut deployment = Deployment::launch(&kind, &[])?;
            let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
            let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
            for server in &deployment.servers {
                server.signal(signal)?;
            }
            for client in [&mut alice, &mut bob] {
                let code = client.closed()?;
                ensure!(code == 1001, "closed with {code}");
            }
            for server in &mut deployment.servers {
                let status = server.ended()?;
                ensure!(status.code() == Some(0), "{signal:?}: {status}");
            }
        }
    }
    Ok(())
}

#[test]
fn every_stored_message_was_answered() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let bob = Client::signup(&deployment.endpoints, "Bob")?;
        for n in 1..=2000 {
            let content = format!("letter {n}");
            let frame = json!({"to": bob.id, "content": content, "ref": format!("{n}")});
            if n == 1000 {
                deployment.servers[0].signal(Signal::TERM)?;
            }
            if alice.write(&frame).is_err() {
                break;
            }
        }
        let code = alice.closed()?;
        ensure!(code == 1001, "closed with {code}");
        let answered = answered(&mut alice)?;
        ensure!(!answered.is_empty(), "nothing was accepted before the signal");
        deployment.servers[0].signal(Signal::TERM)?; // A second one changes nothing.
        let status = deployment.servers.remove(0).ended()?;
        ensure!(status.success(), "after SIGTERM: {status}");
        deployment.stop()?;
        deployment.start()?;

        alice.connect()?;
        alice.send_message(&bob, "the end")?;
        let mut stored = BTreeSet::new();
        for event in bob.whole_log("the end")? {
            let content = event["content"].as_str().unwrap_or_default();
            if let Some(number) = content.strip_prefix("letter ") {
                ensure!(stored.insert(number.to_owned()), "twice in the log: {event}");
            }
        }
        let lost: Vec<_> = answered.difference(&stored).collect();
        ensure!(lost.is_empty(), "answered and lost: {lost:?}");
        let silent: Vec<_> = stored.difference(&answered).collect();
        ensure!(silent.is_empty(), "stored without an answer: {silent:?}");
    }
    Ok(())
}

#[test]
fn the_database_is_left_whole_in_its_file() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::Pair] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let bob = Client::signup(&deployment.endpoints, "Bob")?;
        alice.send_message(&bob, "kept")?;
        deployment.stop()?;
        // As if only the file itself had been copied.
        for beside in ["-wal", "-shm"] {
            let mut path = deployment.database_file().into_os_string();
            path.push(beside);
            if let Err(error) = std::fs::remove_file(path) {
                ensure!(error.kind() == std::io::ErrorKind::NotFound, "{error}");
            }
        }
        deployment.start()?;
        let log = bob.whole_log("kept")?;
        ensure!(log.len() == 1, "{log:?}");
    }
    Ok(())
}

/// Makes a new terminal the standard input of the program that follows.
const ON_A_TERMINAL: [&str; 3] = [
    "python3",
    "-c",
    "import os, pty, sys\n\
     ours, theirs = pty.openpty()\n\
     os.set_inheritable(ours, True)\n\
     os.dup2(theirs, 0)\n\
     os.execv(sys.argv[1], sys.argv[1:])",
];

#[test]
fn sighup_without_a_terminal_stops_no_program() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::Pair] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        for server in &mut deployment.servers {
            server.signal(Signal::HUP)?;
            server.wait_for_line("nothing to reload")?;
        }
        alice.send_message(&bob, "still here")?;
        bob.receive_message("still here")?;
        deployment.stop()?;
    }
    Ok(())
}

#[test]
fn a_terminal_that_is_closed_stops_each_program_in_order() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::Pair] {
        let on_a_terminal = |launch: Launch| launch.wrapped_in(&ON_A_TERMINAL);
        let mut deployment = Deployment::launch_with(&kind, &[], on_a_terminal)?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        for server in &mut deployment.servers {
            server.signal(Signal::HUP)?;
        }
        let code = alice.closed()?;
        ensure!(code == 1001, "closed with {code}");
        for server in &mut deployment.servers {
            let status = server.ended()?;
            ensure!(status.success(), "after SIGHUP: {status}");
        }
    }
    Ok(())
}

#[test]
fn a_reader_of_the_standard_output_that_goes_away_does_no_harm() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let launch = Launch::new("messenger", dir.path())?.with_closed_stdout();
    let launch = launch.args(&["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"]);
    let mut server = launch.start()?;
    // The last that is logged before the banner.
    server.wait_for_line("auth listening on")?;
    server.signal(Signal::HUP)?;
    server.wait_for_line("nothing to reload")?;
    server.signal(Signal::TERM)?;
    let status = server.ended()?;
    ensure!(status.code() == Some(0), "after SIGTERM: {status}");
    Ok(())
}

/// The refs of everything that was `sent`.
fn answered(client: &mut Client) -> Result<BTreeSet<String>> {
    let sent = |heard: Received| match heard {
        Received::Json(frame) if frame["type"] == "sent" => {
            frame["ref"].as_str().map(str::to_owned)
        }
        _ => None,
    };
    Ok(client.socket()?.drain().into_iter().filter_map(sent).collect())
}
