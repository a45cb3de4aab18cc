//! The `curl` lines of the README do what it says, in the order in which it says them.
//!
//! Every fenced `sh` block that has a line with `curl` in it is run, all of them as one `bash` script, so that a
//! variable set in one is there in the next. `localhost:3000` and `localhost:8080` become the servers under test, a
//! bare word `TOKEN` in an argument becomes the last token that an answer brought, and an answer of 400 or more fails.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::drive::{House, Kind, root};

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
echo none >token
"#;

/// Lines that start something else than a request.
const OTHER_PROGRAMS: [&str; 8] =
    ["cargo", "nix", "wscat", "npx", "git", "docker", "./check", "kill"];

#[test]
fn the_curl_lines_of_the_readme_work() -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md")).context("README.md")?;
    let house = House::open(&Kind::Messenger, &["--contact=request"])?;
    let script = curl_lines(&readme)
        .replace("localhost:3000", &house.world.auth_address()?)
        .replace("127.0.0.1:3000", &house.world.auth_address()?)
        .replace("localhost:8080", &house.world.chat_address())
        .replace("127.0.0.1:8080", &house.world.chat_address());
    ensure!(script.contains("curl"), "there are no curl lines");
    let output = Command::new("bash")
        .args(["-c", &format!("{PRELUDE}{script}")])
        .current_dir(house.dir())
        .output()
        .context("bash")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script}\n{said}\n{errors}");
    let ran = fs::read_to_string(house.dir().join("ran"))?;
    for path in ["/signup", "/login"] {
        ensure!(ran.contains(path), "the README never asks for {path}:\n{ran}");
    }
    Ok(())
}

/// The lines of all `sh` blocks with a `curl` in them.
fn curl_lines(text: &str) -> String {
    let mut script = String::new();
    for block in text.split("\n```sh\n").skip(1) {
        let block = block.split("\n```").next().unwrap_or(block);
        if !block.contains("curl ") {
            continue;
        }
        for line in block.lines() {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let word = line.split_whitespace().next().unwrap_or_default();
            if !OTHER_PROGRAMS.contains(&word) {
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
