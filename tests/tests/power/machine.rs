//! A virtual machine with its disk.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use acceptance::{Call, Endpoints, until};
use anyhow::{Context, Result, ensure};

use super::boot::{Kernel, make_initrd};
use super::{START_WITHIN, TRY_FOR};
use crate::harness::program;

/// Whoever runs PostgreSQL in the machine.
const NOBODY: u32 = 65_534;
/// Replaces the calls by which a process waits for the disk with nothing.
const WITHOUT_SYNC: &str = "libeatmydata.so";
const DISK_BYTES: u64 = 1 << 30;
const MEMORY_MB: u32 = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub struct Machine {
    pub endpoints: Endpoints,
    dir: tempfile::TempDir,
    kernel: Kernel,
    ports: [u16; 2],
    disk: Option<Child>,
    itself: Option<Child>,
}

impl Machine {
    /// With an empty disk; it is not switched on yet.
    pub fn make(engine: Engine, is_synced: bool) -> Result<Self> {
        let kernel = Kernel::find()?;
        // Not in /tmp: the machine has its own.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let at = |name: &str| dir.path().join(name);
        make_initrd(&kernel, &at("initrd"))?;
        fs::File::create(at("disk"))?.set_len(DISK_BYTES)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(at("disk")))?;
        fs::write(at("run"), run_script(engine, is_synced)?)?;
        let [chat, auth] = [free_port()?, free_port()?];
        let endpoints = Endpoints::new(
            &format!("ws://127.0.0.1:{chat}"),
            Some(&format!("http://127.0.0.1:{auth}")),
        );
        Ok(Self { endpoints, dir, kernel, ports: [chat, auth], disk: None, itself: None })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts it, and waits until both servers are well.
    ///
    /// On a busy host the kernel may not find its clock, and stop or stand still: it is started again, which is a power
    /// cut more.
    pub fn switch_on(&mut self) -> Result<()> {
        until("the machine", START_WITHIN, || {
            let tried = self.try_to_start();
            if tried.is_err() {
                self.cut_power()?;
            }
            Ok(tried.ok())
        })
        .with_context(|| self.console())
    }

    fn try_to_start(&mut self) -> Result<()> {
        let socket = self.at("disk.socket");
        let _ = fs::remove_file(&socket);
        let mut disk = found("nbdkit");
        disk.args(["--foreground", "--exit-with-parent", "--filter=cache", "--unix"]).arg(&socket);
        disk.args(["file".as_ref(), self.at("disk").as_os_str()]).env("TMPDIR", self.dir.path());
        self.disk = Some(disk.stdin(Stdio::null()).spawn().context("nbdkit: ./check power")?);
        until("the disk", Duration::from_secs(30), || Ok(socket.exists().then_some(())))?;
        let mut itself = self.command();
        itself.stdin(Stdio::null()).stdout(Stdio::null());
        let itself =
            self.itself.insert(itself.spawn().context("qemu-system-x86_64: ./check power")?);
        until("the servers", TRY_FOR, || {
            ensure!(itself.try_wait()?.is_none(), "it has ended");
            let is_well = |call: Call| call.send().is_ok_and(|answer| answer.status == 200);
            let auth = self.endpoints.ask("GET", "/healthz")?;
            let chat = self.endpoints.ask_chat("GET", "/healthz");
            Ok((is_well(auth) && is_well(chat)).then_some(()))
        })
    }

    fn command(&self) -> Command {
        let path = |name: &str| self.at(name).display().to_string();
        let [chat, auth] = self.ports;
        let mut command = found("qemu-system-x86_64");
        command.args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", &MEMORY_MB.to_string()]);
        command.args(["-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16"]);
        command.args(["-display", "none", "-monitor", "none", "-no-reboot", "-device"]);
        command.args(["virtio-rng-pci", "-serial", &format!("file:{}", path("console"))]);
        command.arg("-kernel").arg(&self.kernel.image).arg("-initrd").arg(self.at("initrd"));
        command
            .arg("-append")
            .arg(format!("console=ttyS0 quiet panic=-1 mitigations=off run={}", path("run")));
        command.arg("-drive").arg(format!(
            "file=nbd:unix:{},format=raw,if=virtio,cache=writeback",
            path("disk.socket")
        ));
        command.args([
            "-virtfs",
            "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
        ]);
        command.arg("-netdev").arg(format!(
            "user,id=n,hostfwd=tcp:127.0.0.1:{chat}-:8080,hostfwd=tcp:127.0.0.1:{auth}-:3000"
        ));
        command.args(["-device", "virtio-net-pci,netdev=n"]);
        command
    }

    /// The disk forgets what it was not told to flush, and nobody is told anything.
    pub fn cut_power(&mut self) -> Result<()> {
        for mut child in [self.disk.take(), self.itself.take()].into_iter().flatten() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    fn console(&self) -> String {
        let text = fs::read(self.at("console")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.cut_power();
    }
}

/// What the machine runs once its disk is at `/mnt`.
fn run_script(engine: Engine, is_synced: bool) -> Result<String> {
    let preload = if is_synced { "" } else { WITHOUT_SYNC };
    let mut text = format!(
        "export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/mnt LD_PRELOAD={preload}\ncd /mnt\n"
    );
    match engine {
        Engine::Sqlite => {
            text += &format!(
                "exec {} --database=sqlite:/mnt/messenger.db --chat-listen=0.0.0.0:8080 --auth-listen=0.0.0.0:3000 \
             --message-rate=0 --signup-rate=0 --contact=open\n",
                program("messenger")?.display()
            )
        }
        Engine::Postgres => {
            let bin = acceptance::postgres_programs()?;
            let bin = bin.display();
            text += &format!(
                "nobody() {{ setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups \"$@\"; }}\n\
                 if ! [ -e postgres/PG_VERSION ]; then\n\
                 mkdir -p postgres; chown {NOBODY}:{NOBODY} postgres; chmod 700 postgres\n\
                 nobody {bin}/initdb --auth=trust --username=messenger --encoding=UTF8 --locale=C -D /mnt/postgres >/dev/null\n\
                 fi\n\
                 rm -f postgres/postmaster.pid\n\
                 nobody {bin}/postgres -D /mnt/postgres -k /tmp -h 127.0.0.1 &\n\
                 export DATABASE_URL=postgres://messenger@127.0.0.1/postgres\n\
                 {} --listen=0.0.0.0:3000 --signup-rate=0 &\n\
                 exec {} --listen=0.0.0.0:8080 --message-rate=0 --contact=open\n",
                program("auth")?.display(),
                program("chat")?.display(),
            );
        }
    }
    Ok(text)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program that Debian may keep where only root looks.
pub fn found(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

pub fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}: ./check power"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {errors}");
    Ok(())
}
