//! Crashes under traffic.

/// The database goes away and comes back.
mod database_away;
/// The server is killed eight times.
mod kill;
/// The index of words is rebuilt while the server is killed.
mod rebuild;
/// Six people who never stop writing.
mod traffic;

pub use traffic::Traffic;
