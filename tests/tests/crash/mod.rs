//! Crashes under traffic.

/// The database goes away and comes back.
mod database_away;
/// The server is killed eight times.
mod kill;
/// Six people who never stop writing.
mod traffic;

pub use traffic::Traffic;
