//! The `curl` lines of the README, and with `wscat` those of PROTOCOL, do what is said, in the order in which it is said.
//!
//! Every fenced `sh` block that has a line with `curl` in it is run, all of them as one `bash` script, so that a
//! variable set in one is there in the next. `localhost:3000` and `localhost:8080` become the servers under test, a
//! bare word `TOKEN` in an argument becomes the last token that an answer brought, and an answer of 400 or more fails.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Deployment, root};

/// `curl` as the script sees it.
const PRELUDE: &str = r#"
set -euo pipefail
token=none
curl() {
    local out
    out=$(command curl --fail-with-body --silent --show-error --max-time 20 "${@//TOKEN/$(cat token)}") ||
        { echo "failed: curl $*: $out" >&2; return 22; }
    sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p' <<<"$out" >new-token
    if [ -s new-token ]; then tr -d '\n' <new-token >token; fi
    echo "$*" >>ran
    printf '%s\n' "$out"
}
# A keyboard on which nobody types: wscat ends where its input does.
mkfifo keyboard
exec 9<>keyboard
wscat() {
    "$WSCAT" "${@//TOKEN/$(cat token)}" <&9 | tee -a heard
    echo "wscat" >>ran
}
echo none >token
"#;

/// Lines that start something else than a request.
const OTHER_PROGRAMS: [&str; 8] =
    ["cargo", "nix", "wscat", "npx", "git", "docker", "./check", "kill"];

#[test]
fn the_curl_lines_of_the_readme_work() -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md")).context("README.md")?;
    let deployment = Deployment::launch(&Arrangement::Messenger, &["--contact=request"])?;
    let script = curl_lines(&readme)
        .replace("localhost:3000", &deployment.endpoints.auth_address()?)
        .replace("127.0.0.1:3000", &deployment.endpoints.auth_address()?)
        .replace("localhost:8080", &deployment.endpoints.chat_address())
        .replace("127.0.0.1:8080", &deployment.endpoints.chat_address());
    ensure!(script.contains("curl"), "there are no curl lines");
    run(&deployment, &script)?;
    let ran = fs::read_to_string(deployment.dir().join("ran"))?;
    for path in ["/signup", "/login"] {
        ensure!(ran.contains(path), "the README never asks for {path}:\n{ran}");
    }
    Ok(())
}

fn run(deployment: &Deployment, script: &str) -> Result<()> {
    let output = Command::new("bash")
        .args(["-c", &format!("{PRELUDE}{script}")])
        .current_dir(deployment.dir())
        .env(
            "WSCAT",
            fs::canonicalize(root().join("node_modules/.bin/wscat"))
                .context("wscat; ./check installs it")?,
        )
        .output()
        .context("bash")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script}\n{said}\n{errors}");
    Ok(())
}

#[test]
fn the_first_hour_of_a_client_goes_as_the_protocol_says() -> Result<()> {
    let protocol = fs::read_to_string(root().join("docs/PROTOCOL.md")).context("PROTOCOL.md")?;
    let (_, hour) = protocol.split_once("## The first hour").context("no first hour")?;
    let hour = hour.split("\n## ").next().unwrap_or(hour);
    let deployment = Deployment::launch(&Arrangement::Messenger, &["--contact=open"])?;
    let script = lines(hour, &[])
        .replace("localhost:3000", &deployment.endpoints.auth_address()?)
        .replace("localhost:8080", &deployment.endpoints.chat_address());
    run(&deployment, &script)?;
    let heard = fs::read_to_string(deployment.dir().join("heard"))?;
    for answer in [
        r#""type":"sent","ref":"b81e""#,
        r#""type":"conversations","ref":"c""#,
        r#""type":"history","ref":"h""#,
        r#""type":"message","id":1,"seq":1"#,
        r#""type":"ok","ref":"r""#,
    ] {
        ensure!(heard.contains(answer), "{answer} did not come:\n{heard}");
    }
    ensure!(heard.matches("welcome").count() == 3 && !heard.contains("error"), "{heard}");
    Ok(())
}

/// The lines of all `sh` blocks with a `curl` in them, without those that start other programs.
fn curl_lines(text: &str) -> String {
    lines(text, &["curl "])
}

/// The lines of all `sh` blocks; with `wanted` of those that have one of these words, and without those that start other programs.
fn lines(text: &str, wanted: &[&str]) -> String {
    let mut script = String::new();
    for block in text.split("\n```sh\n").skip(1) {
        let block = block.split("\n```").next().unwrap_or(block);
        if !wanted.is_empty() && !wanted.iter().any(|word| block.contains(word)) {
            continue;
        }
        for line in block.lines() {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let word = line.split_whitespace().next().unwrap_or_default();
            if wanted.is_empty() || !OTHER_PROGRAMS.contains(&word) {
                script.push_str(line);
                script.push('\n');
            }
        }
    }
    script
}

#[test]
fn blocks_with_curl_are_found_and_others_are_not() {
    let text =
        "Try\n\n```sh\ncargo run\n```\n\n```sh\n$ curl -s \\\n  http://x/\nwscat -c y\n```\n";
    assert_eq!(curl_lines(text), "curl -s \\\n  http://x/\n");
}
