//! Tests that cannot run on every system.

use std::io::Write as _;

/// Says that the test on this thread tests nothing here, and why. It is seen also if the test passes, since the test
/// program captures only what macros print.
pub fn not_tested(reason: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    let line = format!("NOT TESTED: {name}: {reason}\n");
    // At once, so that lines of other tests do not come in between. Without a standard error nobody can be told.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
