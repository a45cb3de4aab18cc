//! Logs, metrics, health and systemd notifications: the means by which every program informs its operator.
//!
//! [`log`] writes one line for one event, [`log_limiter`] keeps a repeated line rare, [`metrics`] has the metric types
//! and the exposition format, [`health`] says whether the program can do its job, and [`notify`] tells systemd.
//!
//! Locks: one in [`log_limiter`], one for repeated failures in [`log`]; neither is held over I/O or over another.

pub mod health;
pub mod limit;
pub mod log;
pub mod log_limiter;
pub mod metrics;
pub mod notify;
pub mod version;

pub use log_limiter::LogLimiter;
