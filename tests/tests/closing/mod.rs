//! The last words: whoever still reads hears all answers and then why the connection ends; nobody can put the end off.

/// Somebody who writes without pause.
mod busy;
/// Close codes, to those who are at fault.
mod closes;
/// `SIGTERM` while some take nothing, ask much, or wait for a database that hangs.
mod in_time;
/// `SIGTERM` while everybody writes and reads.
mod under_traffic;

use busy::Busy;
