//! A small disk, to be filled.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

/// A small disk, while this lives.
pub struct Disk(PathBuf);

impl Disk {
    /// `None` if that is not permitted here.
    pub fn mount(at: &Path, size: &str) -> Result<Option<Self>> {
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(at).output()?;
        Ok(done.status.success().then(|| Self(at.to_owned())))
    }

    /// Takes up all room; it is there again when the file is removed.
    pub fn fill(&self) -> Result<PathBuf> {
        let path = self.0.join("filler");
        let mut file = File::create(&path)?;
        for size in [1 << 20, 4096] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has something open there is about to end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
