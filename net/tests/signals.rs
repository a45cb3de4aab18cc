//! SIGTERM, SIGINT and SIGHUP, sent to a process of its own.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use net::Shutdown;
use net::limit::DRAIN_DEADLINE;
use rustix::process::{Pid, Signal, kill_process};

/// Far more than it should take.
const PATIENCE: Duration = Duration::from_secs(20);
const CHILD: &str = "DOOR_TEST_SIGNALS";

/// The process that gets the signals: ends well after the first, or is stuck for ever; from a terminal or not.
#[test]
fn program() {
    let Ok(manner) = std::env::var(CHILD) else { return };
    let shutdown = Shutdown::new();
    telemetry::log::init(telemetry::log::Format::Text, "info");
    net::shutdown::on_signals(&shutdown, manner == "terminal").unwrap();
    if manner == "stuck" {
        shutdown.on_begin(|| {
            eprintln!("\nstuck");
            loop {
                std::thread::park();
            }
        });
    }
    eprintln!("\nready");
    shutdown.wait();
    if manner == "stuck" {
        loop {
            std::thread::park();
        }
    }
}

struct Program {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Program {
    fn start(manner: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "program", "--nocapture"])
            .env(CHILD, manner)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut program = Self { child, lines: Box::new(lines) };
        program.until("ready");
        program
    }

    fn until(&mut self, word: &str) {
        assert!(self.lines.any(|line| line.contains(word)), "it never said {word}");
    }

    /// The status it ends with, in time.
    fn status(&mut self) -> Option<i32> {
        let by = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            if Instant::now() > by {
                self.child.kill().unwrap();
                panic!("it never ended");
            }
            std::thread::yield_now();
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

#[test]
fn either_signal_begins_the_shutdown() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start("well");
        program.signal(signal);
        assert_eq!(program.status(), Some(0));
    }
}

#[test]
fn a_terminal_that_is_closed_begins_it_too() {
    let mut program = Program::start("terminal");
    program.signal(Signal::HUP);
    assert_eq!(program.status(), Some(0));
}

#[test]
fn without_a_terminal_sighup_asks_to_reload() {
    let mut program = Program::start("well");
    program.signal(Signal::HUP);
    program.until("there is nothing to reload");
    program.signal(Signal::TERM);
    program.until("finishing what was accepted");
    assert_eq!(program.status(), Some(0));
}

#[test]
fn a_second_signal_changes_nothing_and_a_process_that_is_stuck_ends_in_time() {
    let mut program = Program::start("stuck");
    let begin = Instant::now();
    program.signal(Signal::TERM);
    program.until("stuck");
    program.signal(Signal::INT);
    program.signal(Signal::HUP);
    program.until("the program ends now");
    assert_eq!(program.status(), Some(0));
    assert!(begin.elapsed() >= DRAIN_DEADLINE, "{:?}", begin.elapsed());
}
