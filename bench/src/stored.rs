//! With accounts: the server on SQLite and on PostgreSQL, beside its own guest mode and a bare client of the same database.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use acceptance::Cluster;
use anyhow::Result;
use wire::AccountId;

use crate::client::Dialect;
use crate::load::{Figures, Load, Target};
use crate::run::Bench;
use crate::server::{Server, chat_command, free_address};
use crate::{account, bare};

/// What is measured: how many pairs, and how many receivers a group has.
struct Size {
    pairs: usize,
    receivers: usize,
    per_second: f64,
}

/// One engine, its accounts, and a server on it.
struct Place {
    name: &'static str,
    url: String,
    accounts: Vec<AccountId>,
    target: Target,
    _server: Server,
}

/// Measures both engines.
pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let size = match bench.args.smoke {
        true => Size { pairs: 4, receivers: 8, per_second: 100.0 },
        false => Size { pairs: 200, receivers: 999, per_second: 2000.0 },
    };
    let dir = tempfile::tempdir()?;
    let cluster = match Cluster::make().and_then(|cluster| cluster.start().map(|()| cluster)) {
        Ok(cluster) => Some(cluster),
        Err(error) => {
            bench.report.notes.push(format!("Without PostgreSQL: {error:#}."));
            None
        }
    };
    let url = format!("sqlite:{}", dir.path().join("bench.db").display());
    let mut places = vec![place(bench.args, dir.path(), "SQLite", url, &size)?];
    if let Some(cluster) = &cluster {
        let mut place = place(bench.args, dir.path(), "PostgreSQL", cluster.database()?, &size)?;
        place.target.pids.push(cluster.pid()?);
        places.push(place);
    }
    let address = free_address()?;
    let mut guest = chat_command(bench.args, address)?;
    let guest = Server::start(&mut guest, address, &dir.path().join("guest.log"))?;
    let guest = Target { address, dialect: Dialect::Guest, pids: vec![guest.pid()] }.with(guest);
    let Size { pairs, receivers, per_second } = size;
    let one = Load::Relay { pairs, window: 1 };
    let many = Load::Relay { pairs, window: 32 };
    for _ in 0..bench.rounds() {
        let name = format!("{pairs} pairs with accounts, 1 in flight");
        bench.run(&name, "messenger, guests", one, &guest.0)?;
        places.iter().try_for_each(|place| bench.run(&name, &place.named(), one, &place.target))?;
        let name = format!("{pairs} pairs with accounts, 32 in flight");
        for place in &places {
            let time = Duration::from_secs_f64(bench.seconds());
            let stored = bare::run(&place.url, &place.accounts, time)?;
            let figures = Figures::from([("messages_per_second", stored)]);
            bench.report.add(&name, &format!("bare client, {}", place.name), figures);
            bench.run(&name, &place.named(), many, &place.target)?;
        }
        let name = format!("{per_second} messages a second with accounts");
        bench.report.add(&name, "a synced write of 4 KB", bare::sync(dir.path())?);
        for place in &places {
            let figures = bare::one(&place.url, &place.accounts)?;
            let whom = format!("bare client, {}, one by one", place.name);
            bench.report.add(&name, &whom, figures);
        }
        let rate = Load::Rate { pairs, per_second };
        places
            .iter()
            .try_for_each(|place| bench.run(&name, &place.named(), rate, &place.target))?;
        for window in [1, 32] {
            let name = format!("a group of {receivers} with accounts, {window} in flight");
            let group = Load::Fanout { receivers, group: true, window };
            places
                .iter()
                .try_for_each(|place| bench.run(&name, &place.named(), group, &place.target))?;
        }
    }
    // At the end: what nobody acknowledges would burden what came after it.
    for place in &mut places {
        place.target.dialect.acknowledge_nothing();
    }
    for _ in 0..bench.rounds() {
        for window in [1, 32] {
            let name =
                format!("a group of {receivers} with accounts, {window} in flight, no receipts");
            let group = Load::Fanout { receivers, group: true, window };
            places
                .iter()
                .try_for_each(|place| bench.run(&name, &place.named(), group, &place.target))?;
        }
    }
    Ok(())
}

fn place(
    args: &crate::args::Args,
    dir: &Path,
    name: &'static str,
    url: String,
    size: &Size,
) -> Result<Place> {
    let store = account::open(&url)?;
    let count = (2 * size.pairs).max(size.receivers + 1);
    let (accounts, tokens) = account::create(&store, count, "none")?;
    let group = account::group(&store, &accounts[..=size.receivers])?;
    drop(store);
    let address = free_address()?;
    let mut command: Command = chat_command(args, address)?;
    command.arg("--database").arg(&url);
    let server = Server::start(&mut command, address, &dir.join(format!("{name}.log")))?;
    let dialect = Dialect::Account { tokens: Arc::new(tokens), group, receipts: true };
    let target = Target { address, dialect, pids: vec![server.pid()] };
    Ok(Place { name, url, accounts, target, _server: server })
}

impl Place {
    fn named(&self) -> String {
        format!("messenger, {}", self.name)
    }
}

impl Target {
    /// Together with the server that must live as long.
    fn with(self, server: Server) -> (Self, Server) {
        (self, server)
    }
}
