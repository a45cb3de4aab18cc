//! PostgreSQL whose write-ahead log has no room: the whole server ends, and whoever runs it has to start it again.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use acceptance::Client;
use anyhow::{Result, ensure};

use super::{METRICS, Watch, health_becomes, health_becomes_while, send};
use crate::harness::{Arrangement, Cluster, Deployment, Disk, not_tested};

#[test]
fn a_full_disk_under_the_write_ahead_log_loses_nothing_confirmed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    // Two segments of 16 MiB and a part of a third.
    let Some(disk) = Disk::mount(dir.path(), "size=40m")? else {
        not_tested("mounting a small disk needs root");
        return Ok(());
    };
    let cluster = Cluster::make()?;
    let (log, moved) = (cluster.data().join("pg_wal"), dir.path().join("pg_wal"));
    move_directory(&log, &moved)?;
    symlink(&moved, &log)?;
    // Whatever may be kept is not.
    let settings = ["min_wal_size=32MB", "max_wal_size=32MB", "wal_recycle=off"];
    cluster.start_with(&settings)?;
    let mut deployment =
        Deployment::launch(&Arrangement::Postgres(cluster.database()?), &[METRICS])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let watch = Watch::begin(&mut deployment)?;
    let filler = disk.fill()?;
    let (mut count, mut confirmed) = (0, Vec::new());
    health_becomes_while(&deployment, 503, Some("not_storing"), || {
        for _ in 0..20 {
            count += 1;
            let content = format!("message {count} {}", "x".repeat(16_000));
            let heard = send(&mut alice, &bob, &content, &format!("wal-{count}"))?;
            ensure!(heard["type"] == "sent" || heard["code"] == "unavailable", "{heard}");
            if heard["type"] == "sent" {
                confirmed.push(heard["id"].clone());
            }
        }
        Ok(())
    })?;
    ensure!(!confirmed.is_empty() && confirmed.len() < count, "{} of {count}", confirmed.len());
    fs::remove_file(filler)?;
    // It may have ended by itself.
    let _ = cluster.stop_immediately();
    cluster.start_with(&settings)?;
    health_becomes(&deployment, 200, None)?;
    ensure!(send(&mut alice, &bob, "after", "after")?["type"] == "sent");
    deployment.runs()?;
    watch.end(&deployment)?;
    let kept = history(&mut alice, &bob)?;
    let lost: Vec<_> = confirmed.iter().filter(|id| !kept.contains(id)).collect();
    ensure!(lost.is_empty(), "confirmed and lost: {lost:?}");
    drop((deployment, cluster));
    drop(disk);
    Ok(())
}

/// The ids of all messages between two people.
fn history(alice: &mut Client, bob: &Client) -> Result<Vec<serde_json::Value>> {
    let (mut ids, mut before) = (Vec::new(), None::<serde_json::Value>);
    loop {
        let mut frame =
            serde_json::json!({"type": "history", "with": bob.id, "limit": 100, "ref": "h"});
        if let Some(before) = &before {
            frame["before"] = before.clone();
        }
        alice.write(&frame)?;
        let answer = super::answer(alice, "h")?;
        let page = answer["messages"].as_array().cloned().unwrap_or_default();
        let Some(first) = page.first() else { return Ok(ids) };
        before = Some(first["id"].clone());
        ids.extend(page.iter().map(|message| message["id"].clone()));
    }
}

/// Moves a directory of files to another disk; its owner stays.
fn move_directory(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            move_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            let owner = entry.metadata()?;
            chown(&target, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    let owner = fs::metadata(from)?;
    chown(to, Some(owner.uid()), Some(owner.gid()))?;
    fs::set_permissions(to, owner.permissions())?;
    fs::remove_dir_all(from)?;
    Ok(())
}
