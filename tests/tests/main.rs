//! The real programs, started here and looked at from outside.
//!
//! `cargo build` first, or `./check`, which does that too.

#![allow(clippy::print_stderr, reason = "a failing test shows what the servers wrote")]

/// Starting and stopping the programs and PostgreSQL.
mod harness;

/// Every way in which a stranger may try to take the servers down, while others are served.
mod abuse;
/// Invitations, the commands of `admin`, links with codes.
mod accounts;
/// `backup`, `restore`, `verify` and `doctor`.
mod backups;
/// The machine's clock jumps.
mod clock;
/// The last words of a connection and of a server.
mod closing;
/// A client of ours, and what a client may not do.
mod conformance;
/// Where everybody knows everybody.
mod contact;
/// `kill -9` under traffic: nothing that was `sent` is lost, doubled or changed.
mod crash;
/// A group of a thousand.
mod crowd;
/// Deleting an account takes it out of the database file.
mod erasure;
/// Databases that cannot do their part.
mod faults;
/// A file store that does not work.
mod file_store;
/// Uploads that break off, and files that nobody needs.
mod files;
/// What counts from 1 on a new server.
mod fresh;
/// A disk without room.
mod full;
/// A database that hangs.
mod hangs;
/// Rates of messages, signups and failed logins.
mod limits;
mod listen;
/// Logging in all the time.
mod logins;
/// What the logs must not say.
mod logs;
/// `/metrics`, `/healthz`, `/readyz`.
mod metrics;
/// Random operations, compared with a model of the server.
mod model;
/// One account does its worst, and two others do not feel it.
mod neighbour;
/// Two chat servers on one database.
mod nodes;
/// The commands, the unit and the nginx configuration of docs/OPERATING.md.
mod one_port;
mod operating;
/// What an operator finds in the log and in the temporary folder.
mod operator;
/// Pages of other sites that an operator allows.
mod origins;
/// The power of the machine is cut.
mod power;
/// Web Push.
mod push;
/// The `curl` lines of the README.
mod readme;
/// What a restart must not change.
mod restart;
/// Whoever comes back with the highest `seq` it has heard has lost nothing.
mod resume;
/// What service managers, container engines and packages rely on.
mod service;
/// Flags, settings, and everything that ends in one clear sentence.
mod start;
/// `SIGTERM` and `SIGINT`.
mod stop;
/// Every story in every combination of programs and databases.
mod stories;
/// Two people with real `wscat`.
mod wscat;
