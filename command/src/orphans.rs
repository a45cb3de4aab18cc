//! Orphans: objects in the directory of a file store that the database does not name. Nothing removes them. A restore into a directory
//! that has newer objects leaves some.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use files::{FileStore, ListedObject};
use sql::{Cell, Snapshot};

use crate::objects::each_blob;

/// What lies in the store now. To be read before the snapshot is opened: then it names each of them that a server has written.
pub(crate) fn list(store: &FileStore) -> Result<Vec<ListedObject>> {
    let listed = store.list().context("cannot read the directory of files")?;
    Ok(listed.unwrap_or_default())
}

/// Those of them that the database does not name.
pub(crate) fn find(
    listed: Vec<ListedObject>,
    snapshot: &mut Snapshot,
) -> Result<Vec<ListedObject>> {
    let mut named = HashSet::new();
    each_blob(snapshot, |columns, row| {
        let at = columns.iter().position(|it| it.name == "name");
        if let Some(Cell::Text(name)) = at.map(|at| &row[at]) {
            named.insert(name.clone());
        }
    })?;
    // What was deleted meanwhile is named no longer.
    let is_orphan = |it: &ListedObject| !named.contains(&it.name) && it.path.exists();
    Ok(listed.into_iter().filter(is_orphan).collect())
}
