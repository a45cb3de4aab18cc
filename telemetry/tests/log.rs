//! What is logged, above all of a panic. A process of its own: hook and log are the whole process's.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};

use telemetry::log::{Format, init};

const CHILD: &str = "DOOR_TEST_PANICS";

#[test]
fn program() {
    let Ok(format) = std::env::var(CHILD) else { return };
    init(if format == "json" { Format::Json } else { Format::Text }, "info");
    if format == "deaf" {
        // Until the reader of the log has gone.
        std::io::Read::read(&mut std::io::stdin(), &mut [0]).unwrap();
        tracing::warn!("nobody hears this");
        return;
    }
    if format == "crowd" {
        return crowd();
    }
    if format == "causes" {
        for attempt in 0..100 {
            let error = format!("no answer at attempt {attempt}");
            tracing::warn!(cause = "away", error, "it failed");
            tracing::warn!(error, cause = "away", "it failed again");
        }
        return;
    }
    let text = "what was said in confidence é";
    let doomed = move || {
        let _context = telemetry::log::context("conn", 42);
        // Cuts a character in two: std's message quotes the text.
        assert!(text[..text.len() - 1].is_empty());
    };
    assert!(os_thread::spawn("chat-42", 64 * 1024, doomed).unwrap().join().is_err());
    tracing::warn!(count = telemetry::metrics::process::PANICS.get(), "panics so far");
}

/// More threads at once than tracing-subscriber's registry of spans can tell apart.
fn crowd() {
    const THREADS: usize = 4200;
    let all_here = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let all_here = Arc::clone(&all_here);
            let log = move || {
                let _context = telemetry::log::context("conn", number);
                all_here.wait();
                tracing::info!("one of many");
            };
            os_thread::spawn("crowd", 64 * 1024, log).unwrap()
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn every_thread_of_a_crowd_can_log() {
    assert_eq!(
        log("crowd").lines().filter(|line| line.contains("one of many conn=")).count(),
        4200
    );
}

#[test]
fn a_cause_is_told_once_although_its_error_differs() {
    let log = log("causes");
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!([count("it failed cause"), count("it failed again error")], [1, 1], "{log}");
}

fn log(format: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--nocapture"])
        .env(CHILD, format)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_panic_is_counted_and_logged_without_its_words() {
    let log = log("text");
    assert!(
        log.contains("ERROR telemetry::metrics::process: panic place=") && log.contains(" conn=42"),
        "{log}"
    );
    assert!(log.contains("thread=chat-42") && log.contains("panics so far count=1"), "{log}");
    assert!(!log.contains("confidence"), "{log}");
    assert!(!log.contains('\x1b'), "no colour where no terminal is: {log}");
}

#[test]
fn a_log_that_nobody_reads_harms_nobody() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--nocapture"])
        .env(CHILD, "deaf")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn as_json_each_line_is_an_object() {
    let log = log("json");
    let line = log.lines().find(|line| line.contains("panic")).unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(event["level"], "ERROR");
    assert_eq!(event["conn"], "42");
    assert_eq!(event["thread"], "chat-42");
    assert!(!log.contains("confidence"), "{log}");
}
