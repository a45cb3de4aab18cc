//! Where the programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The built program of this name: in `$ACCEPTANCE_PROGRAMS`, or where cargo put it beside this test.
pub fn program(name: &str) -> Result<PathBuf> {
    allow_many_descriptors();
    let dir = match env::var_os("ACCEPTANCE_PROGRAMS") {
        Some(dir) => PathBuf::from(dir),
        None => {
            let this = env::current_exe()?;
            this.parent().and_then(Path::parent).context("no target directory")?.to_owned()
        }
    };
    let path = dir.join(name);
    ensure!(path.is_file(), "{} is missing: run `cargo build --workspace` first", path.display());
    Ok(path)
}

/// The repository: where cargo runs this from, else where it was built.
pub fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR");
    here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("..")
}

/// Attacks need many connections of our own.
fn allow_many_descriptors() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    });
}

/// The library that shows programs another time.
pub fn faketime() -> Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut all = folders.chain([PathBuf::from("/usr/lib64"), PathBuf::from("/usr/lib")]);
    let found = all.find_map(|dir| {
        let library = dir.join("faketime/libfaketimeMT.so.1");
        library.is_file().then_some(library)
    });
    found.context("libfaketime is missing; ./check installs it")
}
