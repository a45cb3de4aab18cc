//! PostgreSQL in a schedule of faults: a primary, and a standby that commits wait for.

use std::path::Path;
use std::time::Duration;

use acceptance::{Cluster, Host, until};
use anyhow::Result;
use tempfile::TempDir;

use super::super::schedule::setting;
use crate::harness::{Disk, Interface, Network};

/// Megabytes of each database's disk, unless `FAULTS_DISK` says otherwise.
const DISK_MB: u64 = 512;
/// A cluster of the tests comes up, or a standby catches up, within this time.
pub const DATABASE_WITHIN: Duration = Duration::from_secs(60);
/// The database of the servers.
pub const NAME: &str = "messenger";
/// Small, so that a disk has room for it. After a second the standby looks for the primary again, as commits wait for
/// it; the usual five seconds are as long as the test waits after the last fault.
const SETTINGS: &[&str] = &[
    "max_wal_size=96MB",
    "min_wal_size=32MB",
    "wal_keep_size=64MB",
    "wal_retrieve_retry_interval=1s",
];

/// A PostgreSQL server on a disk of its own, if that is permitted.
pub struct Database {
    pub cluster: Cluster,
    pub disk: Option<Disk>,
    pub interface: Interface,
    _dir: TempDir,
}

impl Database {
    /// The first one, with the database of the servers; it runs.
    pub fn first(network: &Network) -> Result<Self> {
        let first = Self::make(network, Cluster::make_on)?;
        first.start()?;
        first.cluster.create(NAME)?;
        Ok(first)
    }

    /// A new standby of this one, which runs; so does the standby.
    pub fn standby_of(primary: &Self, network: &Network) -> Result<Self> {
        let make = |host: &Host, at: &Path| primary.cluster.make_standby_on(host, at);
        let standby = Self::make(network, make)?;
        standby.start()?;
        Ok(standby)
    }

    fn make(network: &Network, make: impl Fn(&Host, &Path) -> Result<Cluster>) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("messenger-disk-").tempdir()?;
        let size = setting("FAULTS_DISK", DISK_MB)?;
        let disk = Disk::mount(dir.path(), &format!("size={size}m"))?;
        let interface = network.interface()?;
        let cluster = make(&interface.host, dir.path())?;
        Ok(Self { cluster, disk, interface, _dir: dir })
    }

    pub fn start(&self) -> Result<()> {
        self.cluster.start_with(SETTINGS)
    }

    /// From now on commits wait for the standby.
    pub fn wait_for_standby(&self) -> Result<()> {
        let cluster = &self.cluster;
        let url = cluster.url("postgres");
        until("the standby", DATABASE_WITHIN, || {
            let streams = "do $$ begin if not exists (select from pg_stat_replication where state = 'streaming') \
                           then raise 'not yet'; end if; end $$";
            Ok(cluster.sql(&url, streams).ok())
        })?;
        cluster.wait_for_standby(&url, "*")
    }
}
