//! Waiting for a thing, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything may take before a test gives up on it. Generous: it only costs time when something is broken.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often [`until`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something.
///
/// # Errors
/// When `look` fails, or has found nothing within `patience`; `what` says what was waited for.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited {patience:?} in vain for: {what}");
        }
        thread::sleep(LOOK_EVERY);
    }
}
