//! Flags and settings; what cannot work ends in one clear sentence and exit status 2 (usage) or 1.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use acceptance::{Client, Cluster, PATIENCE, until};
use anyhow::{Result, ensure};

use crate::harness::{Arrangement, Deployment, Launch};

const PROGRAMS: [&str; 3] = ["chat", "auth", "messenger"];

#[test]
fn help_names_every_setting_and_its_variable() -> Result<()> {
    let home = tempfile::tempdir()?;
    for name in PROGRAMS {
        let output = Launch::new(name, home.path())?.args(&["--help"]).run()?;
        ensure!(output.status.code() == Some(0), "{name} --help: {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        let mut needed = vec!["--database", "DATABASE_URL", "--metrics-listen", "METRICS_LISTEN"];
        if name != "auth" {
            needed.extend(["--message-rate", "CHAT_MESSAGE_RATE", "CHAT_LISTEN", "127.0.0.1:8080"]);
        }
        if name != "chat" {
            needed.extend(["--signup-rate", "AUTH_SIGNUP_RATE", "AUTH_LISTEN", "127.0.0.1:3000"]);
        }
        for word in needed {
            ensure!(text.contains(word), "{name} --help does not name {word}:\n{text}");
        }
    }
    Ok(())
}

#[test]
fn a_wrong_flag_or_value_is_a_usage_error() -> Result<()> {
    let home = tempfile::tempdir()?;
    for name in PROGRAMS {
        let listen = if name == "messenger" { "--chat-listen=nowhere" } else { "--listen=nowhere" };
        for flag in ["--no-such-flag", listen, "--database=mysql://localhost/x"] {
            let output = Launch::new(name, home.path())?.args(&[flag]).run()?;
            let word = flag.split('=').next().unwrap_or(flag);
            is_clear(&output, 2, word.trim_start_matches("--no-"))?;
        }
        let limit = if name == "auth" { "--signup-rate=fast" } else { "--message-rate=fast" };
        is_clear(&Launch::new(name, home.path())?.args(&[limit]).run()?, 2, "rate")?;
    }
    Ok(())
}

#[test]
fn a_malformed_database_url_is_a_usage_error_that_keeps_its_password() -> Result<()> {
    let home = tempfile::tempdir()?;
    for name in PROGRAMS {
        for url in ["postgres://user:hunter2@", "nonsense:hunter2", "postgres//u:hunter2@h/d"] {
            let output = Launch::new(name, home.path())?.env("DATABASE_URL", url).run()?;
            is_clear(&output, 2, "DATABASE_URL")?;
            let told = String::from_utf8_lossy(&output.stderr).contains("hunter2");
            ensure!(!told, "{name} tells the password of {url}");
        }
    }
    Ok(())
}

#[test]
fn a_port_in_use_is_said() -> Result<()> {
    let home = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for (name, flag) in [
        ("chat", "--listen"),
        ("auth", "--listen"),
        ("messenger", "--chat-listen"),
        ("messenger", "--auth-listen"),
        ("chat", "--metrics-listen"),
    ] {
        let other = match flag {
            "--chat-listen" => "--auth-listen=127.0.0.1:0",
            "--auth-listen" => "--chat-listen=127.0.0.1:0",
            "--metrics-listen" => "--listen=127.0.0.1:0",
            _ => "--metrics-listen=127.0.0.1:0",
        };
        let flags = [format!("{flag}={address}"), other.to_owned()];
        let output = Launch::new(name, home.path())?.args(&flags).run()?;
        is_clear(&output, 1, &address)?;
    }
    Ok(())
}

#[test]
fn a_directory_that_cannot_be_written_is_said() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("a-file");
    fs::write(&file, "")?;
    for name in ["auth", "messenger", "chat"] {
        for dir in [file.display().to_string(), "/proc/nowhere".to_owned()] {
            let flag = format!("--database=sqlite:{dir}/messenger.db");
            let listen: &[&str] = match name {
                "messenger" => &["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"],
                _ => &["--listen=127.0.0.1:0"],
            };
            let launch = Launch::new(name, home.path())?.args(&[flag]).args(listen);
            is_clear(&launch.run()?, 1, &dir)?;
        }
    }
    Ok(())
}

#[test]
fn what_will_not_mend_itself_ends_the_start_with_what_to_do() -> Result<()> {
    let home = tempfile::tempdir()?;
    let url = Cluster::shared()?.database()?;
    let server = url.rsplit_once('/').map_or("", |(server, _)| server);
    let closed = url.replace("127.0.0.1", "localhost");
    for (url, word) in [
        (format!("{server}/nowhere"), "createdb nowhere"),
        (url.replace("postgres@", "nobody_at_all@"), "nobody_at_all"),
        (format!("{closed}?sslmode=verify-full"), "set ssl = on"),
        (format!("sqlite:{}", home.path().display()), "is a directory"),
    ] {
        for name in ["auth", "chat"] {
            let args = ["--listen=127.0.0.1:0".to_owned(), format!("--database={url}")];
            is_clear(&Launch::new(name, home.path())?.args(&args).run()?, 1, word)?;
        }
    }
    for (url, word) in [
        ("sqlite:memory:", "sqlite::memory:"),
        ("sqlite:/x?mode=rwc", "without parameters"),
        ("sqlite:/x\n", "line break"),
        ("postgres://me:pa@ss@db/x", "%40"),
    ] {
        let output = Launch::new("auth", home.path())?.env("DATABASE_URL", url).run()?;
        is_clear(&output, 2, word)?;
    }
    Ok(())
}

#[test]
fn settings_come_from_the_environment_and_from_a_file() -> Result<()> {
    let deployment = Deployment::launch_with(&Arrangement::Guests, &[], |launch| {
        launch.env("CHAT_MESSAGE_RATE", "5").env("METRICS_LISTEN", "127.0.0.1:0")
    })?;
    Client::connected(&deployment.endpoints, "Alice")?.is_answered()?;

    let dir = tempfile::tempdir()?;
    let secret = dir.path().join("database-url");
    let file = dir.path().join("from-a-file.db");
    fs::write(&secret, format!("sqlite:{}\n", file.display()))?;
    let launch = Launch::new("messenger", dir.path())?
        .args(&["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"])
        .env("DATABASE_URL_FILE", &secret.display().to_string());
    launch.start()?.address("auth")?;
    ensure!(file.is_file(), "DATABASE_URL_FILE was not used");

    let missing = Launch::new("auth", dir.path())?.env("DATABASE_URL_FILE", "/nowhere/at/all");
    let output = missing.run()?;
    let code = output.status.code().unwrap_or_default();
    ensure!(code == 1 || code == 2, "a missing DATABASE_URL_FILE: {}", output.status);
    is_clear(&output, code, "/nowhere/at/all")
}

#[test]
fn without_a_setting_the_database_is_in_the_data_directory() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let mut server = Launch::new("messenger", dir.path())?
        .args(&["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"])
        .env("STATE_DIRECTORY", "")
        .env("XDG_DATA_HOME", &data.display().to_string())
        .start()?;
    server.address("auth")?;
    let file = data.join("messenger").join("messenger.db");
    ensure!(file.is_file(), "no {}", file.display());
    Ok(())
}

#[test]
fn messenger_says_in_five_lines_where_to_go_and_what_to_try() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let said = until("five lines", PATIENCE, || {
        let said = deployment.servers[0].stdout();
        Ok((said.lines().count() >= 5).then_some(said))
    })?;
    ensure!(said.lines().count() == 5, "not five lines:\n{said}");
    let (chat, auth) = (deployment.endpoints.chat(), deployment.endpoints.auth()?);
    for word in [chat.as_str(), &auth, "curl", "wscat", "/signup", "/login"] {
        ensure!(said.contains(word), "nothing about {word}:\n{said}");
    }
    Ok(())
}

#[test]
fn what_is_offered_at_the_start_can_be_opened() -> Result<()> {
    for any in ["0.0.0.0", "[::]"] {
        let flags = ["chat", "auth"].map(|server| format!("--{server}-listen={any}:0"));
        let home = tempfile::tempdir()?;
        let mut server = Launch::new("messenger", home.path())?.args(&flags).start()?;
        let said = until("five lines", PATIENCE, || {
            let said = server.stdout();
            Ok((said.lines().count() >= 5).then_some(said))
        })?;
        ensure!(!said.contains(any), "{any} is offered:\n{said}");
        let url = said.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_default().trim_end_matches(',');
        ensure!(url.starts_with("http://localhost:"), "{said}");
        acceptance::Call::new("GET", &format!("{url}/healthz")).send()?.expect(200)?;
        server.signal(rustix::process::Signal::TERM)?;
        server.ended()?;
        for program in ["chat", "auth"] {
            let flag = [format!("--listen={any}:0")];
            let mut server = Launch::new(program, home.path())?.args(&flag).start()?;
            let line = server.wait_for_line(&format!("{program} listening on "))?;
            ensure!(line.contains("://localhost:"), "{line}");
        }
    }
    Ok(())
}

/// It ended with this status and a sentence that has this word in it; nothing panicked.
fn is_clear(output: &Output, code: i32, word: &str) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "expected {code}: {}: {text}", output.status);
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(!last.is_empty(), "{} without a word", output.status);
    // A usage error goes on with how to get help.
    let said = if code == 2 { &*text } else { last };
    ensure!(said.contains(word), "nothing about {word:?}: {text}");
    for noise in ["panicked", "backtrace", "Caused by", "Os {", "SqliteFailure("] {
        ensure!(!text.contains(noise), "not a sentence: {text}");
    }
    Ok(())
}
