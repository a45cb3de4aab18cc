//! Every bound of this server, with its unit.

use std::time::Duration;

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Characters of a device's name.
pub const DEVICE_CHARS_MAX: usize = 100;
/// Bytes of a password, at least.
pub const PASSWORD_BYTES_MIN: usize = 6;
/// Bytes of a password, at most. A longer one is no safer.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// KiB of memory that one hash uses (OWASP's second choice for Argon2id).
pub const HASH_MEMORY_KIB: u32 = 19_456;
/// How long after its last hash a hashing thread keeps that memory.
pub const HASH_MEMORY_KEPT: Duration = Duration::from_secs(1);
/// Passes over that memory.
pub const HASH_PASSES: u32 = 2;
/// Bytes of a hash.
pub const HASH_BYTES: u32 = 32;
/// Random bytes of the salt of a hash.
pub const SALT_BYTES: usize = 16;
/// Requests that wait for a core to hash on. For a further one, the newest request of the key with the most is refused.
pub const HASH_WAITING_MAX: usize = 128;
/// Waiting requests of one key: strangers of one network (IPv4: an address, IPv6: a /48), or known clients of one
/// account.
pub const HASH_WAITING_PER_KEY: usize = 32;
/// For how many turns a key is remembered after it was served.
pub const HASH_KEYS_KEPT_TURNS: u64 = 256;
/// How long a request waits for a core, at most.
pub const HASH_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a session lives without being used.
pub const SESSION_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// The use of a session is stored if the last stored use is longer ago than this.
pub const TOUCH_INTERVAL_MS: i64 = 60 * 60 * 1000;
/// The interval between two sweeps of expired rows.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Signups per minute from one address, by default.
pub const SIGNUP_RATE: u32 = 10;
/// Wrong passwords of strangers from one IPv4 address or one /64 of IPv6, in a burst.
pub const NETWORK_FAILURES: f64 = 50.0;
/// How many of those come back a second.
pub const NETWORK_FAILURES_PER_SECOND: f64 = 0.5;
/// Wrong passwords of strangers for one account from all networks together, in a burst.
pub const ACCOUNT_FAILURES: f64 = 10.0;
/// How many of those come back a second.
pub const ACCOUNT_FAILURES_PER_SECOND: f64 = 1.0 / 3.0;
/// Wrong passwords for one account from one known device, session or network, in a burst.
pub const KNOWN_FAILURES: f64 = 10.0;
/// How many of those come back a second.
pub const KNOWN_FAILURES_PER_SECOND: f64 = 1.0 / 60.0;
/// Wrong passwords for one account from all its known devices, sessions and networks together, in a burst. It is more
/// than its known networks have together, so that neighbours in all of them cannot use it up.
pub const KNOWN_FAILURES_IN_ALL: f64 = 100.0;
/// How many of those come back a second.
pub const KNOWN_FAILURES_IN_ALL_PER_SECOND: f64 = 1.0 / 6.0;
/// Wrong passwords of all strangers together, in a burst.
pub const STRANGER_FAILURES: f64 = 1000.0;
/// How many of those come back a second.
pub const STRANGER_FAILURES_PER_SECOND: f64 = 20.0;
/// Tries that every IPv4 address and every /48 of IPv6 always has for every account; and for all accounts together
/// while those of all strangers are used up.
pub const OWN_TRIES: f64 = 3.0;
/// How many of those come back per second. They add up over all addresses of an attacker, so the rate is low.
pub const OWN_TRIES_PER_SECOND: f64 = 1.0 / 60.0;
/// Invalid codes of links from one IPv4 address or one /64 of IPv6, in a burst.
pub const CODE_FAILURES: f64 = 10.0;
/// How many of those come back a second.
pub const CODE_FAILURES_PER_SECOND: f64 = 1.0 / 3.0;
/// Random bytes of a code that is mailed.
pub const CODE_BYTES: usize = 16;
/// How long a mailed code is valid, in milliseconds.
pub const CODE_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// `Retry-After` of a request for a link, if the account got as many links as it may.
pub const CODE_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// The port of a mail server that speaks TLS from the first byte (RFC 8314).
pub const SMTPS_PORT: u16 = 465;
/// The port of a mail server that offers STARTTLS (RFC 6409).
pub const SMTP_PORT: u16 = 587;
/// How long a mail server may take for one step.
pub const SMTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Mails that wait for the thread that sends them, and as many that it keeps to try again.
pub const MAILS_WAITING_MAX: usize = 1000;
/// The first pause before a mail is tried again; each further one is twice as long.
pub const MAIL_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
pub const MAIL_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a mail is tried.
pub const MAIL_DEADLINE: Duration = Duration::from_secs(60 * 60);
/// How long a server that stops tries to send the mails that are due.
pub const MAIL_FLUSH_MAX: Duration = Duration::from_secs(3);
/// The shortest time between two lines in the log about mails that are not sent.
pub const MAIL_WARN_INTERVAL: Duration = Duration::from_secs(60);
/// Links for new passwords that are mailed for one IPv4 address or one /64 of IPv6, in a burst.
pub const MAILS_PER_NETWORK: f64 = 10.0;
/// How many of those come back a second: ten an hour.
pub const MAILS_PER_NETWORK_PER_SECOND: f64 = 10.0 / 3600.0;
/// Mails of any kind to one email, in a burst.
pub const MAILS_PER_RECIPIENT: f64 = 8.0;
/// How many of those come back a second: eight an hour.
pub const MAILS_PER_RECIPIENT_PER_SECOND: f64 = 8.0 / 3600.0;
/// Requests for a new password from one IPv4 address or one /64 of IPv6, in a burst, also for emails without an account.
pub const RESETS_ASKED: f64 = 30.0;
/// How many of those come back a second.
pub const RESETS_ASKED_PER_SECOND: f64 = 0.5;
/// Sets of the known networks of accounts.
pub const KNOWN_SETS: usize = 4096;
/// Networks in one of these sets.
pub const KNOWN_SET_MAX: usize = 32;
/// Known networks of one account.
pub const KNOWN_NETWORKS_PER_ACCOUNT: usize = 8;
/// Random bytes of a device's number.
pub const DEVICE_ID_BYTES: usize = 16;
/// Look-ups of one account, in a burst.
pub const LOOKUPS: f64 = 30.0;
/// Look-ups of one account per second, in the long term.
pub const LOOKUPS_PER_SECOND: f64 = 1.0;
/// Requests of one account that change something, in a burst. What ends sessions is counted by session instead.
pub const ACCOUNT_CHANGES: f64 = 100.0;
/// Such requests per second, in the long term.
pub const ACCOUNT_CHANGES_PER_SECOND: f64 = 10.0;
/// Changes of an account's name and picture, in a burst. They are bounded because accounts that have blocked the account, or have not
/// answered its request, see its new name.
pub const PROFILE_CHANGES: f64 = 10.0;
/// Such changes per second, in the long term: 10 a day.
pub const PROFILE_CHANGES_PER_SECOND: f64 = 10.0 / 86_400.0;
/// Cells of a row of counters (each takes 8 bytes, and each table has four rows).
pub const BUCKETS_WIDTH: usize = 16_384;

/// Seconds in `Retry-After` when the hash queue is full or the database cannot be reached.
pub const RETRY_AFTER_SECONDS: u64 = 2;
/// Rows of a page of an export. A page of long messages has fewer: [`sql::PAGE_BYTES`] of text.
pub const EXPORT_PAGE_ROWS: i64 = 100;
/// `Retry-After` of a request for an export while the account's previous export is being sent.
pub const EXPORT_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Stack of a request's thread.
pub const REQUEST_STACK_BYTES: usize = 512 * 1024;
/// How long the HTTP library may deliver no request before it gets a probe.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How long the HTTP library may deliver neither a request nor a probe before the server counts as unhealthy.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(11);
/// How long the HTTP library may take to answer a probe.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// How long a request may wait for its turn to open a connection to the HTTP library.
pub const TURN_DEADLINE: Duration = Duration::from_secs(5);
/// How long a handler may take.
pub const RESPONSE_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of the first buffer for a response of the HTTP library. Most responses fit.
pub const RESPONSE_BYTES_FIRST: usize = 2 * 1024;
/// Bytes of a response of the HTTP library. Longer responses are streams, which never pass through it.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Idle connections to the HTTP library that are kept.
pub const CONNECTIONS_KEPT: usize = 64;
/// The pause before the next try to create the private socket.
pub const RELISTEN_PAUSE: Duration = Duration::from_millis(200);

/// How often wrong passwords are exchanged with other auth servers.
pub const FAILURES_INTERVAL: Duration = Duration::from_millis(500);
/// Wrong passwords that wait to be told to other auth servers.
pub const FAILURES_WAITING_MAX: usize = 4096;

const _: () = assert!(KNOWN_FAILURES_IN_ALL > KNOWN_FAILURES * KNOWN_NETWORKS_PER_ACCOUNT as f64);

/// Random bytes of a file's id.
pub const FILE_ID_BYTES: usize = 16;
/// Bytes of a file's name.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Bytes of a file's media type.
pub const FILE_TYPE_BYTES_MAX: usize = 100;
/// Bytes of `Upload-Metadata`.
pub const METADATA_BYTES_MAX: usize = 4096;
/// Pixels of a picture, in each direction.
pub const PIXELS_MAX: i64 = 65_535;
/// How long after its beginning an upload is deleted unless a message has it, in milliseconds: a day.
pub const UPLOAD_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// How long after its beginning a piece of an upload is deleted unless it is whole, in milliseconds. The slowest client
/// needs little more than an hour.
pub const BLOB_LIFE_MS: i64 = 12 * 60 * 60 * 1000;
/// Uploads of one account that are being received at the same time, on one node.
pub const UPLOADS_AT_ONCE_MAX: usize = 8;
/// Downloads of one account that are being sent at the same time, on one node. This is the number of chat connections that the account
/// may have, since the client of each of them may load pictures.
pub const DOWNLOADS_AT_ONCE_MAX: usize = 32;
/// `Retry-After` for a client that has reached a bound on its uploads or downloads.
pub const TRANSFERS_RETRY_AFTER: Duration = Duration::from_secs(2);
/// Bytes of an upload that are read and written at once.
pub const COPY_BYTES: usize = 64 * 1024;
/// The interval at which expired files and unneeded objects are deleted.
pub const COLLECT_INTERVAL: Duration = Duration::from_secs(10);
/// A failure to delete an object that takes longer means that the file store is away.
pub const COLLECT_PATIENCE: Duration = Duration::from_secs(1);
/// The shortest time between two lines in the log that say that files or objects cannot be deleted.
pub const COLLECT_WARN_INTERVAL: Duration = Duration::from_secs(60);

const _: () = assert!(
    sql::PIECE_BYTES_MAX / http::limit::BODY_BYTES_PER_SECOND_MIN as i64 * 1000 < BLOB_LIFE_MS / 2,
    "a piece is whole before it is deleted"
);

/// Subscriptions to Web Push of one account: one for each session, so that an account has seldom as many. One more ends
/// the oldest.
pub const PUSH_SUBSCRIPTIONS_PER_ACCOUNT: i64 = 20;
/// Subscriptions of all accounts together. One more is refused.
pub const PUSH_SUBSCRIPTIONS_MAX: i64 = 100_000;
/// The interval at which the server looks for due pushes.
pub const PUSH_LOOK: Duration = Duration::from_millis(500);
/// Pushes that one server sends at the same time.
pub const PUSHES_AT_ONCE_MAX: usize = 32;
/// Pushes of one account that one server sends at the same time.
pub const PUSHES_PER_ACCOUNT_MAX: usize = 2;
/// Due pushes to one host that are read, to find one of an account that has not reached its bound.
pub const PUSHES_LOOKED_AT: i64 = 8;
/// The first pause before a push is tried again; each further one is twice as long.
pub const PUSH_RETRY_FIRST: Duration = Duration::from_secs(10);
/// The longest pause.
pub const PUSH_RETRY_MAX: Duration = Duration::from_secs(60 * 60);
/// The shortest time between two lines in the log about pushes that are not sent.
pub const PUSH_WARN_INTERVAL: Duration = Duration::from_secs(60);
/// How long a server that stops waits for the answers to pushes that it has sent.
pub const PUSH_FLUSH_MAX: Duration = Duration::from_secs(3);
/// How long the row of a push service without subscriptions is kept after its last push, in milliseconds.
pub const PUSH_HOST_KEPT_MS: i64 = 60 * 60 * 1000;

const _: () = assert!(
    push::limit::ANSWER_TIMEOUT.as_millis() * 2 < sql::PUSH_CLAIM_MS as u128,
    "a push has an outcome before it is due again"
);
