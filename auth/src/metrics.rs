//! The metrics of the auth server.

use telemetry::metrics::{Counter, CounterVec, Gauge, Histogram, Registry, SECONDS};

/// Responses by the class of their status.
pub(crate) static REQUESTS: CounterVec<4> = CounterVec::new(
    "auth_requests_total",
    "Requests answered, by class of status.",
    "status",
    ["2xx", "3xx", "4xx", "5xx"],
);
/// Accounts created.
pub(crate) static SIGNUPS: Counter = Counter::new("auth_signups_total", "Accounts made.");
/// Logins by their outcome.
pub(crate) static LOGINS: CounterVec<6> = CounterVec::new(
    "auth_logins_total",
    "Logins tried, by outcome.",
    "outcome",
    ["ok", "wrong", "throttled", "busy", "disabled", "failed"],
);
/// Requests that wait for a core to hash on.
pub(crate) static HASH_QUEUE: Gauge =
    Gauge::new("auth_hash_queue_length", "Requests that wait for a core to hash on.");
/// How far the machine's clock is ahead.
pub(crate) static CLOCK_AHEAD: Gauge = Gauge::new(
    "auth_clock_ahead_seconds",
    "By how much the machine's clock is ahead of what it should show (less than 0: behind), so that no session ends because of its age; 0 while it is believed.",
);
/// Pages of exports, by where they were read.
pub(crate) static REPLICA_READS: CounterVec<4> = CounterVec::new(
    "auth_replica_reads_total",
    "Pages of exports, by where they were read: in the replica; in the database, because the replica was behind, away or busy.",
    "source",
    sql::ReadSource::WORDS,
);
/// Whether the replica is used.
pub(crate) static REPLICA_UP: Gauge = Gauge::new(
    "auth_replica_up",
    "Whether the replica answered when it was last asked: 1, else 0; 0 if none is set.",
);
/// The time that hashing a password takes.
pub(crate) static HASH_SECONDS: Histogram =
    Histogram::new("auth_hash_seconds", "Time to hash one password.", SECONDS);
/// Errors by their code: those of this crate, then those of the crate `http`.
pub(crate) static REFUSALS: CounterVec<27> = CounterVec::new(
    "auth_refusals_total",
    "Requests refused, by the code of the answer.",
    "code",
    [
        "bad_request",
        "unauthorized",
        "wrong_credentials",
        "wrong_password",
        "not_found",
        "method_not_allowed",
        "email_taken",
        "offset_mismatch",
        "in_use",
        "unsupported_version",
        "range_not_satisfiable",
        "invite_required",
        "signup_closed",
        "account_disabled",
        "gone",
        "rate_limited",
        "busy",
        "unavailable",
        "over_quota",
        "storage_full",
        "internal",
        "timeout",
        "foreign_origin",
        "unsupported_media_type",
        "wrong_host",
        "too_large",
        "head_too_large",
    ],
);

/// Mails by their outcome.
pub(crate) static MAILS: CounterVec<5> = CounterVec::new(
    "auth_mails_total",
    "Mails: sent; tried again later; failed for good; not written, because of a limit; dropped, because too many waited.",
    "outcome",
    ["sent", "retried", "failed", "limited", "dropped"],
);
/// Mails that wait.
pub(crate) static MAILS_WAITING: Gauge =
    Gauge::new("auth_mails_waiting", "Mails that wait to be sent, or to be tried again.");
/// Whether the mail server does its job.
pub(crate) static MAILS_FAILING: Gauge =
    Gauge::new("auth_mails_failing", "1 while the last try to send a mail has failed, else 0.");

/// Whether the file store does its job.
pub(crate) static FILES_FAILING: Gauge = Gauge::new(
    "auth_files_failing",
    "1 while files cannot be stored or read, by the latest real traffic or probe, else 0.",
);
/// Requests for files whose bytes are lost.
pub(crate) static OBJECTS_LOST: Counter = Counter::new(
    "auth_files_lost_total",
    "Requests that found no object in the file store where the database has one.",
);
/// Pushes by their outcome.
pub(crate) static PUSHES: CounterVec<5> = CounterVec::new(
    "auth_pushes_total",
    "Web pushes: delivered to a push service; their subscription over; refused for good; failed, to be tried again; not on the public internet.",
    "outcome",
    ["delivered", "gone", "refused", "failed", "not_public"],
);

/// All metrics, for the page of a program with this server.
pub fn all() -> Registry {
    vec![
        &REQUESTS,
        &SIGNUPS,
        &LOGINS,
        &CLOCK_AHEAD,
        &REPLICA_READS,
        &REPLICA_UP,
        &HASH_QUEUE,
        &HASH_SECONDS,
        &MAILS,
        &MAILS_WAITING,
        &MAILS_FAILING,
        &FILES_FAILING,
        &OBJECTS_LOST,
        &PUSHES,
        &REFUSALS,
    ]
}

/// Counts a response.
pub(crate) fn answered(status: u16, code: Option<&str>) {
    REQUESTS.inc(match status {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    });
    if let Some(code) = code {
        // The codes of health checks are not in the list.
        let is_known = REFUSALS.words().contains(&code);
        REFUSALS.inc(if is_known { code } else { "unavailable" });
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_is_counted() {
        for code in crate::ErrorCode::ALL {
            let before = super::REFUSALS.get(code.word());
            super::answered(code.status(), Some(code.word()));
            assert!(super::REFUSALS.get(code.word()) > before);
        }
    }
}
