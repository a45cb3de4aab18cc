//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Least time between two lines of the log about the same failure.
pub const FAILURE_LOG_INTERVAL: Duration = Duration::from_secs(1);
/// Failures whose repetitions are counted separately.
pub const CAUSES_TOLD_MAX: usize = 32;
/// Bytes of stack of the thread that logs how often failures have repeated.
pub const LOG_STACK_BYTES: usize = 128 * 1024;
/// Different keys that a [`crate::LogLimiter`] lets through in one interval.
pub const LIMITER_KEYS_MAX: usize = 8;
