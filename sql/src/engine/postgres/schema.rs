//! The schema: its versions, its lock, and the settings under which migrations run.

use crate::engine::{Statement, statements};

/// Creates the table of versions, and its column of checksums, which the first versions did not have. A role without
/// the right to create tables can use existing ones.
pub(super) const SCHEMA_VERSION: &str = "do $$ begin \
     if to_regclass('schema_version') is null then \
     create table schema_version (version bigint primary key, checksum text); \
     elsif not exists (select from pg_attribute where attrelid = to_regclass('schema_version') and attname = 'checksum') then \
     alter table schema_version add column checksum text; end if; end $$";
/// Switches off the timeouts for a script, which may rewrite or index a table of any size.
pub(super) const NO_TIMEOUTS: &str = "set local statement_timeout = 0; set local lock_timeout = 0; \
     set local idle_in_transaction_session_timeout = '15s'";

/// Sets the planner settings to PostgreSQL's defaults for a migration, which reads whole tables. They hold for its
/// scripts only, since the plans of prepared statements are kept and must be made under the settings of
/// [`super::session`].
pub(super) const USE_DEFAULT_PLANNER: &str = "select set_config('messenger.' || name, current_setting(name), true), set_config(name, value, true) \
     from (values ('enable_seqscan', 'on'), ('enable_hashjoin', 'on'), \
     ('enable_mergejoin', 'on'), ('enable_material', 'on')) t (name, value)";
pub(super) const USE_OUR_PLANNER: &str = "select set_config(name, current_setting('messenger.' || name), true) \
     from (values ('enable_seqscan'), ('enable_hashjoin'), ('enable_mergejoin'), ('enable_material')) t (name)";

pub(super) static MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../../migrations/postgres/0001_accounts_and_logs.sql")),
    (2, include_str!("../../../migrations/postgres/0002_conversations.sql")),
    (3, include_str!("../../../migrations/postgres/0003_entries.sql")),
    (4, include_str!("../../../migrations/postgres/0004_member_by_whole_key.sql")),
    (5, include_str!("../../../migrations/postgres/0005_pair_by_whole_key.sql")),
    (6, include_str!("../../../migrations/postgres/0006_message_requests.sql")),
    (7, include_str!("../../../migrations/postgres/0007_bounds.sql")),
    (8, include_str!("../../../migrations/postgres/0008_search_and_blocks.sql")),
    (9, include_str!("../../../migrations/postgres/0009_email_keys.sql")),
    (10, include_str!("../../../migrations/postgres/0010_counted_invitations.sql")),
    (11, include_str!("../../../migrations/postgres/0011_groups_of_a_member.sql")),
    (12, include_str!("../../../migrations/postgres/0012_clock.sql")),
    (13, include_str!("../../../migrations/postgres/0013_last_seen_of_a_blocker.sql")),
    (14, include_str!("../../../migrations/postgres/0014_node.sql")),
    (15, include_str!("../../../migrations/postgres/0015_deleted_entries.sql")),
    (16, include_str!("../../../migrations/postgres/0016_folded_words.sql")),
    (17, include_str!("../../../migrations/postgres/0017_confirmed_clock.sql")),
    (18, include_str!("../../../migrations/postgres/0018_tickets.sql")),
    (19, include_str!("../../../migrations/postgres/0019_notices.sql")),
    (20, include_str!("../../../migrations/postgres/0020_files.sql")),
    (21, include_str!("../../../migrations/postgres/0021_access_codes.sql")),
    (22, include_str!("../../../migrations/postgres/0022_conversation_settings.sql")),
    (23, include_str!("../../../migrations/postgres/0023_files_of_conversations.sql")),
    (24, include_str!("../../../migrations/postgres/0024_statistics.sql")),
    (25, include_str!("../../../migrations/postgres/0025_reports.sql")),
    (26, include_str!("../../../migrations/postgres/0026_privacy.sql")),
    (27, include_str!("../../../migrations/postgres/0027_push.sql")),
    (28, include_str!("../../../migrations/postgres/0028_statistics_of_reports.sql")),
    (29, include_str!("../../../migrations/postgres/0029_pictures.sql")),
    (30, include_str!("../../../migrations/postgres/0030_counted_rows.sql")),
    (31, include_str!("../../../migrations/postgres/0031_failed_logins.sql")),
    (32, include_str!("../../../migrations/postgres/0032_counted_blocks.sql")),
];

statements! {
    /// The number is arbitrary: it keeps two nodes from changing the schema at once.
    pub(super) static LOCK_SCHEMA: Statement = Statement::only_postgres("select 1 from pg_advisory_xact_lock(7236837)");

    pub(super) static TRY_LOCK_SCHEMA: Statement =
        Statement::only_postgres("select 1 where pg_try_advisory_xact_lock(7236837)");
}
