//! Email keys, by which emails are compared. Accounts from older versions have none; this fills them in, since SQL cannot compute
//! them.

use std::collections::HashMap;

use wire::{AccountId, Email};

use crate::engine::{BatchStatement, Engine, Rows, Statement, Value, for_each_row, statements};
use crate::{Error, Result};

/// Accounts that are read at a time.
const PAGE: i64 = 1000;
/// Accounts that are named in the log, at each start.
const NAMED_MAX: usize = 100;

/// The result of filling in keys.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KeylessAccounts {
    /// Pairs of accounts with equal emails.
    pub(crate) alike: Vec<(AccountId, AccountId)>,
    /// The number of accounts with an email that a new account could not have.
    pub(crate) outdated: usize,
}

impl KeylessAccounts {
    /// Logs these accounts, for the operator.
    pub(crate) fn log(&self) {
        for (account, other) in self.alike.iter().take(NAMED_MAX) {
            tracing::warn!(
                account = account.0,
                other = other.0,
                "two accounts have equivalent emails; each is found by the exact text of its own"
            );
        }
        if self.alike.len() > NAMED_MAX {
            let more = self.alike.len() - NAMED_MAX;
            tracing::warn!(more, "further accounts have emails that are equivalent to another's");
        }
        if self.outdated > 0 {
            let accounts = self.outdated;
            tracing::info!(
                accounts,
                "some accounts have emails that a signup would refuse today; they work as before"
            );
        }
    }
}

/// Gives each account without an email key its key. Of several accounts with equivalent emails the oldest gets the key. The others
/// are found by the exact text of their email only.
///
/// # Errors
/// [`Error::Contention`] if another node sets the same key at the same time.
pub(crate) fn fill_keys(engine: &mut dyn Engine) -> Result<KeylessAccounts> {
    engine.run(&CLEAR_KEYS, &[])?;
    let (mut keyless, mut last) = (KeylessAccounts::default(), 0);
    loop {
        let mut keys: Vec<(i64, String)> = Vec::new();
        let rows = engine.run(&NEXT_WITHOUT_KEY, &[Value::Int(last), Value::Int(PAGE)])?;
        let is_last = rows.len() < PAGE as usize;
        for mut row in rows {
            last = row.int(0)?;
            match Email::claimed(&row.text(1)?).ok().and_then(|email| email.key) {
                Some(key) => keys.push((last, key)),
                None => keyless.outdated += 1,
            }
        }
        give(engine, &keys, &mut keyless.alike)?;
        if is_last {
            return Ok(keyless);
        }
    }
}

fn give(
    engine: &mut dyn Engine,
    keys: &[(i64, String)],
    alike: &mut Vec<(AccountId, AccountId)>,
) -> Result<()> {
    let mut first: HashMap<&str, i64> = HashMap::new();
    let mut owners = HashMap::new();
    for owner in engine.run_batch(&OWNER, &parameters(keys))? {
        owners.insert(owner.int(0)?, owner.int(1)?);
    }
    let mut free = Vec::new();
    for (id, key) in keys {
        let owner = owners.get(id).copied().unwrap_or_else(|| *first.entry(key).or_insert(*id));
        if owner == *id {
            free.push((*id, key.clone()));
        } else {
            alike.push((AccountId(*id), AccountId(owner)));
        }
    }
    match engine.run_batch(&GIVE, &parameters(&free)) {
        // An account with this email is being created at this moment. The next try finds it.
        Err(Error::AlreadyExists) => {
            Err(Error::Contention("an email is being signed up".to_owned()))
        }
        given => given.map(drop),
    }
}

fn parameters(keys: &[(i64, String)]) -> Rows<'_> {
    keys.iter().map(|(id, key)| vec![Value::Int(*id), Value::Text(key)]).collect()
}

statements! {
    static OWNER: BatchStatement = for_each_row!(
        r(id bigint, folded text),
        "select r.id, a.id from r join account a on a.email_key = r.folded"
    );

    static GIVE: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update account set email_key = r.folded from unnest($1::bigint[], $2::text[]) as r(id, folded) \
             where account.id = r.id",
        sqlite: "update account set email_key = ?2 where account.id = ?1",
    });

    /// An older program that still runs deletes accounts without knowing of keys.
    static CLEAR_KEYS: Statement = Statement::both(
        "update account set email_key = null where (email is null) <> (email_key is null) and email is null"
    );

    static NEXT_WITHOUT_KEY: Statement = Statement::both(
        "select id, email from account where (email is null) <> (email_key is null) and email is not null \
         and id > $1 order by id limit $2"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::statement::in_test;
    use crate::pool::Requester;
    use crate::{ContactPolicy, Store};

    #[test]
    fn who_means_the_same_is_named() {
        let store =
            Store::open(&"sqlite::memory:".parse().unwrap(), ContactPolicy::Open, &|_| false)
                .unwrap();
        let sql =
            "insert into account (email, name, password, created_at) values ($1, 'N', 'p', 1)";
        let fill = |emails: &[&str]| {
            let fill = |engine: &mut dyn Engine| {
                for email in emails {
                    engine.run(in_test(sql), &[Value::Text(email)])?;
                    engine.run(
                        in_test("insert into log (account) select max(id) from account"),
                        &[],
                    )?;
                }
                fill_keys(engine)
            };
            store.write(Requester::Server, fill).unwrap()
        };
        let alike = |pairs: &[(i64, i64)]| -> Vec<_> {
            pairs.iter().map(|(one, other)| (AccountId(*one), AccountId(*other))).collect()
        };
        let found = fill(&["straße@x", "dana@x", "strasse@x", "a@."]);
        assert_eq!(found, KeylessAccounts { alike: alike(&[(3, 1)]), outdated: 1 });
        // They are named at each start.
        let found = fill(&["straſse@x", "a@bücher.de", "a@xn--bcher-kva.de"]);
        assert_eq!(found, KeylessAccounts { alike: alike(&[(3, 1), (5, 1), (7, 6)]), outdated: 1 });
        // The oldest that is left gets the key of one that is deleted.
        assert!(store.delete_account(AccountId(1), 2).unwrap());
        assert_eq!(fill(&[]), KeylessAccounts { alike: alike(&[(5, 3), (7, 6)]), outdated: 1 });
        // And many at once are looked at page by page.
        let many: Vec<String> = (0..PAGE + 5).map(|number| format!("{number}@many")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.push("0@MANY");
        assert_eq!(fill(&many).alike, alike(&[(5, 3), (7, 6), (7 + PAGE + 6, 8)]));
    }
}
