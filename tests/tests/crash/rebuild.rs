//! `kill -9` while the index of words is rebuilt, as after an upgrade.

use std::time::Duration;

use acceptance::{Client, until};
use anyhow::{Result, bail, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

/// Messages that the index is rebuilt from.
const MESSAGES: usize = 2_000;
/// Kills in the middle of a rebuild.
const KILLS: usize = 3;
/// A rebuild may end before it is killed; these many tries are made in all.
const TRIES: usize = 40;
/// For the rebuild to go on, and to end.
const REBUILT_WITHIN: Duration = Duration::from_secs(60);

/// The index of a database, seen from outside.
trait Index {
    /// Empties it, as an upgrade does. The chat server is not running.
    fn empty(&mut self) -> Result<()>;
    /// Messages that are not in it, beyond those that need not be.
    fn missing(&mut self) -> Result<i64>;
}

/// SQLite indexes the newest messages together; so many may wait.
const RECENT: i64 = 511;

struct Sqlite(std::path::PathBuf);

impl Index for Sqlite {
    fn empty(&mut self) -> Result<()> {
        let script = "insert into message_text (message_text) values ('delete-all'); \
                      update indexed set message = 0";
        Ok(rusqlite::Connection::open(&self.0)?.execute_batch(script)?)
    }

    fn missing(&mut self) -> Result<i64> {
        let connection = rusqlite::Connection::open(&self.0)?;
        connection.busy_timeout(REBUILT_WITHIN)?;
        let text = "select (select max(id) from message) - message from indexed";
        let missing: i64 = connection.query_row(text, [], |row| row.get(0))?;
        Ok((missing - RECENT).max(0))
    }
}

struct Postgres(postgres::Client);

impl Index for Postgres {
    fn empty(&mut self) -> Result<()> {
        Ok(self.0.batch_execute("update message set words = null")?)
    }

    fn missing(&mut self) -> Result<i64> {
        let text = "select count(*) from message where words is null and kind = 0";
        Ok(self.0.query_one(text, &[])?.get(0))
    }
}

#[test]
fn a_rebuild_of_the_index_goes_on_after_kills_on_sqlite() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let index = Sqlite(deployment.database_file());
    goes_on(deployment, index)
}

#[test]
fn a_rebuild_of_the_index_goes_on_after_kills_on_postgresql() -> Result<()> {
    let kind = Arrangement::postgres()?;
    let Arrangement::Postgres(url) = &kind else { bail!("no URL") };
    let index = Postgres(postgres::Client::connect(url, postgres::NoTls)?);
    goes_on(Deployment::launch(&kind, &[])?, index)
}

fn goes_on(mut deployment: Deployment, mut index: impl Index) -> Result<()> {
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    for n in 0..MESSAGES {
        let content = format!("word{n} and {}", "some others ".repeat(20));
        alice.write(&json!({"to": alice.id, "content": content, "ref": format!("r{n}")}))?;
    }
    alice.answer_to(&format!("r{}", MESSAGES - 1))?;
    let (mut kills, mut tries) = (0, 0);
    while kills < KILLS {
        tries += 1;
        ensure!(tries <= TRIES, "the rebuild was over before each kill, {kills} were in time");
        if index.missing()? == 0 {
            deployment.servers[0].kill()?;
            index.empty()?;
        }
        let before = index.missing()?;
        deployment.kill_first_and_restart()?;
        until("the rebuild to begin", REBUILT_WITHIN, || {
            Ok((index.missing()? < before).then_some(()))
        })?;
        deployment.servers[0].kill()?;
        kills += usize::from(index.missing()? > 0);
        deployment.kill_first_and_restart()?;
        alice.connect()?;
        found(&mut alice, "after a kill")?;
    }
    until("the rebuild to end", REBUILT_WITHIN, || Ok((index.missing()? == 0).then_some(())))?;
    found(&mut alice, "after the rebuild")
}

/// The first, the last and a word of all are found.
fn found(client: &mut Client, when: &str) -> Result<()> {
    let last = format!("word{}", MESSAGES - 1);
    for (text, count) in [("word0", 1), (last.as_str(), 1), ("others", 50), ("absent", 0)] {
        client.write(&json!({"type": "search", "text": text, "limit": 50, "ref": text}))?;
        let answer = client.answer_to(text)?;
        let messages = answer["messages"].as_array().map_or(0, Vec::len);
        ensure!(messages == count, "{when}: {text} is found {messages} times: {}", answer["type"]);
    }
    Ok(())
}
