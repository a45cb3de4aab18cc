//! What the machine starts with: a kernel, and a first file system with the drivers that it needs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::machine::{found, run};

/// Of the virtual hardware and of the two file systems.
const DRIVERS: [&str; 7] =
    ["virtio_pci", "virtio_blk", "virtio_net", "9p", "9pnet_virtio", "crc32c_generic", "ext4"];
const INIT: &str = include_str!("init.sh");

pub struct Kernel {
    pub image: PathBuf,
    /// The folder that has `lib/modules/VERSION`.
    root: PathBuf,
    version: String,
}

impl Kernel {
    /// An unpacked package of Debian, in the folder that `POWER_KERNEL` names.
    pub fn find() -> Result<Self> {
        let root = std::env::var_os("POWER_KERNEL").map(PathBuf::from);
        let root = root.context("POWER_KERNEL names no kernel: run ./check power")?;
        let modules = fs::read_dir(root.join("lib/modules"))?.next().context("no modules")??;
        let version = modules.file_name().to_string_lossy().into_owned();
        let image = root.join("boot").join(format!("vmlinuz-{version}"));
        ensure!(image.is_file(), "{} is missing", image.display());
        Ok(Self { image, root, version })
    }

    /// The files of the drivers, each after those that it needs.
    fn drivers(&self) -> Result<Vec<PathBuf>> {
        run(found("depmod").arg("-b").arg(&self.root).arg(&self.version))?;
        let (mut files, mut known) = (Vec::new(), BTreeSet::new());
        for driver in DRIVERS {
            let output = found("modprobe")
                .arg("--dirname")
                .arg(&self.root)
                .args(["--set-version", &self.version, "--show-depends", driver])
                .output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            for line in String::from_utf8(output.stdout)?.lines() {
                // `insmod FILE`, or `builtin NAME`.
                if let Some(file) = line.strip_prefix("insmod ")
                    && known.insert(file.trim().to_owned())
                {
                    files.push(PathBuf::from(file.trim()));
                }
            }
        }
        Ok(files)
    }
}

/// Makes the first file system: busybox, the drivers and `init.sh`.
pub fn make_initrd(kernel: &Kernel, to: &Path) -> Result<()> {
    let root = tempfile::tempdir()?;
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("bin"))?;
    fs::create_dir_all(at("modules"))?;
    fs::copy("/bin/busybox", at("bin/busybox")).context("busybox: ./check power")?;
    for (number, file) in kernel.drivers()?.iter().enumerate() {
        let name = file.file_name().context("no name")?.to_string_lossy();
        fs::copy(file, at(&format!("modules/{number:03}-{name}")))?;
    }
    fs::write(at("init"), INIT)?;
    fs::set_permissions(at("init"), fs::Permissions::from_mode(0o755))?;
    let pack = "cd \"$1\" && find . | cpio --create --format=newc --quiet > \"$2\"";
    run(Command::new("sh").args(["-c", pack, "pack"]).arg(root.path()).arg(to))
}
