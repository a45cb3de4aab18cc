//! `admin stats`: how much there is of everything.

use anyhow::Result;
use sql::Store;
use telemetry::log::print_line;

/// The arguments of `admin stats`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    let found = store.statistics(store.now())?;
    let all = [
        ("accounts", found.accounts),
        ("sessions", found.sessions),
        ("messages", found.messages),
        ("database_bytes", found.database_bytes),
        ("file_bytes", found.file_bytes),
    ];
    if args.json {
        let object: serde_json::Map<_, _> =
            all.iter().map(|(name, count)| ((*name).to_owned(), (*count).into())).collect();
        print_line(&serde_json::Value::Object(object).to_string());
        return Ok(());
    }
    for (name, count) in all {
        print_line(&format!("{:<16}{count}", name.replace('_', " ")));
    }
    Ok(())
}
