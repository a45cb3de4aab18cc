//! Whether a program can do its job.

use std::sync::{Arc, OnceLock};

/// Why a program cannot do its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhealthy {
    /// A code of the closed list in docs/OPERATING.md.
    pub code: &'static str,
    /// The reason, as a sentence for operators.
    pub reason: String,
}

impl Unhealthy {
    /// An error with this code and reason.
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// Whether a program can do its job. `starting` until [`Readiness::set`]; clones share the check.
#[derive(Clone, Default)]
pub struct Readiness(Arc<OnceLock<Check>>);

type Check = Box<dyn Fn() -> Result<(), Unhealthy> + Send + Sync>;

impl Readiness {
    /// From now on [`Readiness::check`] calls `check`. Only the first call has an effect.
    pub fn set(&self, check: impl Fn() -> Result<(), Unhealthy> + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(check));
    }

    /// Whether the program can do its job.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub fn check(&self) -> Result<(), Unhealthy> {
        let starting = || Err(Unhealthy::new("starting", "the database is not open yet"));
        self.0.get().map_or_else(starting, |check| check())
    }
}
