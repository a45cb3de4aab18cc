//! `admin reports`: the messages that people have given to the operator.

use anyhow::{Result, ensure};
use serde::Serialize;
use sql::{Report, Reported, Store};
use telemetry::log::print_line;
use wire::{AccountId, File, MessageId, Recipient};

use super::shown::{moment, shown};

/// The arguments of `admin reports`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print a JSON array
    #[arg(long)]
    json: bool,

    /// Delete all reports of the message with this number, in place of listing
    #[arg(long, value_name = "MESSAGE", conflicts_with = "json")]
    close: Option<i64>,
}

#[derive(Serialize)]
struct Item<'a> {
    /// The message.
    id: MessageId,
    /// When it was reported, in milliseconds.
    at: i64,
    by: Account<'a>,
    /// Why.
    text: &'a str,
    from: Account<'a>,
    #[serde(flatten)]
    to: Recipient,
    sent_at: i64,
    content: &'a str,
    files: &'a [File],
}

#[derive(Serialize)]
struct Account<'a> {
    id: AccountId,
    /// Absent once it is deleted, like its email.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    if let Some(message) = args.close {
        let count = store.close_reports(MessageId(message))?;
        ensure!(
            count > 0,
            "there is no report of message {message}; `admin reports` lists those that are open"
        );
        print_line(&format!("the reports of message {message} are closed"));
        return Ok(());
    }
    // Page by page: there may be many, with long texts.
    let (mut after, mut count) = (None, 0);
    loop {
        let page = store.reports(after)?;
        let Some(last) = page.last() else { break };
        for report in &page {
            if args.json {
                let begin = if count == 0 { "[" } else { "," };
                print_line(&format!("{begin}{}", serde_json::to_string(&item(report))?));
            } else {
                print_line(&text(report));
            }
            count += 1;
        }
        after = Some(last.cursor());
    }
    match (args.json, count) {
        (true, 0) => print_line("[]"),
        (true, _) => print_line("]"),
        (false, 0) => print_line("no reports"),
        (false, _) => {}
    }
    Ok(())
}

fn item(report: &Report) -> Item<'_> {
    Item {
        id: report.message,
        at: report.at,
        by: account(&report.by),
        text: &report.text,
        from: account(&report.from),
        to: report.to,
        sent_at: report.sent_at,
        content: &report.content,
        files: &report.files,
    }
}

fn account(reported: &Reported) -> Account<'_> {
    let (name, email) = reported.known.as_ref().map(|(name, email)| (&**name, &**email)).unzip();
    Account { id: reported.id, name, email }
}

/// Some lines, each with what it is.
fn text(report: &Report) -> String {
    let to = match report.to {
        Recipient::Account(account) => format!("account {account}"),
        Recipient::Group(group) => format!("group {group}"),
    };
    let mut lines = vec![
        format!("message {}", report.message),
        format!("  reported  {} UTC by {}", moment(report.at), person(&report.by)),
    ];
    if !report.text.is_empty() {
        lines.push(format!("  because   {}", shown(&report.text)));
    }
    let (sent, from) = (moment(report.sent_at), person(&report.from));
    lines.push(format!("  sent      {sent} UTC by {from} to {to}"));
    if !report.content.is_empty() {
        lines.push(format!("  says      {}", shown(&report.content)));
    }
    for file in &report.files {
        let (name, kind) = (shown(&file.name), shown(&file.kind));
        lines.push(format!("  file      {name} ({kind}, {} bytes)", file.size));
    }
    lines.join("\n")
}

fn person(reported: &Reported) -> String {
    match &reported.known {
        Some((name, email)) => format!("{} {} <{}>", reported.id, shown(name), shown(email)),
        None => format!("{} (deleted)", reported.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_some_lines_that_no_text_adds_to() {
        let bob = Some(("Bob".to_owned(), "bob@example.com".to_owned()));
        let mut report = Report {
            message: MessageId(77),
            by: Reported { id: AccountId(2), known: bob },
            at: 1_764_407_700_000,
            text: "rude\nmessage 78".to_owned(),
            from: Reported { id: AccountId(1), known: None },
            to: Recipient::Group(wire::GroupId(5)),
            sent_at: 1_764_407_640_000,
            content: "\u{1b}[2Jhello".to_owned(),
            files: Vec::new(),
        };
        let lines = [
            "message 77",
            "  reported  2025-11-29 09:15 UTC by 2 Bob <bob@example.com>",
            "  because   rude\\nmessage 78",
            "  sent      2025-11-29 09:14 UTC by 1 (deleted) to group 5",
            "  says      \\u{1b}[2Jhello",
        ];
        assert_eq!(text(&report).lines().collect::<Vec<_>>(), lines);
        report.text.clear();
        report.content.clear();
        assert_eq!(text(&report).lines().count(), 3);
    }
}
