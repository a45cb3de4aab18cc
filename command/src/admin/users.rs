//! `admin users`: all accounts, and what they take.

use anyhow::Result;
use serde::Serialize;
use sql::{AccountUsage, Store};
use telemetry::log::print_line;

use super::shown::{moment, shown};

/// The arguments of `admin users`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct User<'a> {
    id: i64,
    email: &'a str,
    name: &'a str,
    /// In milliseconds.
    last_seen: Option<i64>,
    bytes: i64,
    messages: i64,
    created_at: i64,
    confirmed: bool,
    disabled: bool,
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    let all = store.accounts()?;
    let now = store.now();
    // Ahead of the clock while there is an open socket.
    let users: Vec<_> = all.iter().map(|one| user(one, now)).collect();
    if args.json {
        print_line(&serde_json::to_string(&users)?);
        return Ok(());
    }
    print_line(&table(&users));
    Ok(())
}

fn user(usage: &AccountUsage, now: i64) -> User<'_> {
    let account = &usage.account;
    User {
        id: account.id.0,
        email: &account.email,
        name: &account.name,
        last_seen: usage.seen_at.map(|at| at.min(now)),
        bytes: usage.bytes,
        messages: usage.messages,
        created_at: account.created_at,
        confirmed: account.is_proved,
        disabled: usage.is_disabled,
    }
}

/// Lines with columns of one width, under a line of headings.
fn table(users: &[User<'_>]) -> String {
    let mut rows =
        vec![["ID", "EMAIL", "LAST SEEN (UTC)", "BYTES", "MESSAGES", "NAME"].map(str::to_owned)];
    rows.extend(users.iter().map(|user| {
        let state = match (user.disabled, user.confirmed) {
            (true, _) => " (disabled)",
            (false, false) => " (email not confirmed)",
            (false, true) => "",
        };
        [
            user.id.to_string(),
            shown(user.email),
            user.last_seen.map_or("never".to_owned(), moment),
            user.bytes.to_string(),
            user.messages.to_string(),
            shown(user.name) + state,
        ]
    }));
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cell = |column: usize| format!("{:width$}", row[column], width = widths[column]);
        let cells: Vec<_> = (0..6).map(cell).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_each_account_on_a_line_of_its_own() {
        let user = |id, email, name, last_seen| User {
            id,
            email,
            name,
            last_seen,
            bytes: 7,
            messages: 2,
            created_at: 1,
            confirmed: id != 3,
            disabled: id == 2,
        };
        let users = [
            user(1, "alice@example.com", "Alice", Some(1_764_407_700_000)),
            user(2, "b@x", "Bob\u{1b}[2J\nid", None),
            user(3, "c@x", "Carol", None),
        ];
        let table = table(&users);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert_eq!(lines[1], "1   alice@example.com  2025-11-29 09:15  7      2         Alice");
        assert!(lines[2].ends_with("Bob\\u{1b}[2J\\nid (disabled)"), "{table}");
        assert!(lines[3].ends_with("Carol (email not confirmed)"), "{table}");
    }
}
