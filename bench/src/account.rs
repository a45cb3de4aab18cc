//! Accounts and tokens, put straight into the database: signing up four hundred people would take a minute of hashing.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sql::{Batch, ContactPolicy, Login, Operation, Outcome, Store, Submission};
use wire::limit::SESSION_LIFE_MS;
use wire::{AccountId, Token};

/// Opens the database at `url`, which is new, with the project's schema.
pub(crate) fn open(url: &str) -> Result<Store> {
    let url = url.parse().context("the database's URL")?;
    Ok(Store::open(&url, ContactPolicy::Open, &|_| false)?)
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// So many new accounts, each with a token.
pub(crate) fn create(
    store: &Store,
    count: usize,
    phc: &str,
) -> Result<(Vec<AccountId>, Vec<String>)> {
    let (mut accounts, mut tokens) = (Vec::new(), Vec::new());
    for number in 0..count {
        let email = format!("{number}-{}@example.com", random()?);
        let account = store.create_account(&email, "Somebody", phc, now_ms())?;
        let text = random()?;
        let token = Token::parse(&text).context("a token")?.hash();
        let (now, device) = (now_ms(), "bench");
        let expires_at = now + SESSION_LIFE_MS;
        store.open_session(&Login { account, epoch: 1, token, device, now, expires_at })?;
        accounts.push(account);
        tokens.push(text);
    }
    Ok((accounts, tokens))
}

/// A group of all of these; its number.
pub(crate) fn group(store: &Store, accounts: &[AccountId]) -> Result<i64> {
    let (by, members) = (accounts[0], accounts[1..].to_vec());
    let operation = Operation::CreateGroup { name: "Everybody".to_owned(), members };
    let submissions = vec![Submission { by, reference: None, operation }];
    let done = store.commit(&Batch { submissions, ..Batch::default() }, now_ms())?;
    anyhow::ensure!(done.outcomes == [Outcome::Done], "{:?}", done.outcomes);
    let listed = store.conversations(by, wire::MessageId(i64::MAX), 1)?;
    match listed.first().map(|one| one.with) {
        Some(wire::Peer::Group(group)) => Ok(group.0),
        _ => anyhow::bail!("the group is not listed"),
    }
}

fn random() -> Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let mut text = String::new();
    bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))?;
    Ok(text)
}
