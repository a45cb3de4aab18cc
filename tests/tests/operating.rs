//! What docs/OPERATING.md says to type works as it is written, on both engines.
//!
//! Every fenced `sh` block is run, all of them as one `bash` script in the order of the page; a block that is `sh sqlite` or
//! `sh postgresql` is for that engine only. Directories of the system become directories under a temporary one, and the
//! commands that would change the machine (`cargo build`, `useradd`, `systemctl`) are functions that do the same there.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;

use std::process::{Child, Command, Stdio};

use acceptance::{Call, Client, Endpoints, PATIENCE, until};
use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Cluster, Deployment, Launch, not_tested, program, root};

/// What stands for the machine.
const MACHINE: &str = r#"
set -euo pipefail
cd "$ROOT"
mkdir -p target/release usr/local/bin var/lib/messenger var/backups
PATH=$ROOT/usr/local/bin:$PATH
cargo() { [ "$*" = "build --release" ]; cp "$PROGRAM" target/release/messenger; }
useradd() { echo "useradd $*" >>"$ROOT/machine"; }
install() { command install $(sed "s/--owner messenger//" <<<"$*"); }
say() { command curl --fail-with-body --silent --show-error --max-time 20 "$@" >>"$ROOT/answers"; }
start() {
    (
        for line in $(sed -n 's/^Environment=//p' "$UNIT"); do export "$line"; done
        export STATE_DIRECTORY=$ROOT/var/lib/messenger
        exec $(sed -n 's/^ExecStart=//p' "$UNIT") >>"$ROOT/said" 2>>"$ROOT/log"
    ) & echo $! >"$ROOT/pid"
    for _ in $(seq 400); do say "http://$AUTH_LISTEN/healthz" 2>/dev/null && return; sleep 0.1; done
    echo "the service does not start" >&2; cat "$ROOT/log" >&2; return 1
}
alice() {
    local token
    token=$(command curl --fail-with-body --silent "http://$AUTH_LISTEN/login" \
        -d '{"email":"alice@example.com","password":"secret"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
    command curl --fail-with-body --silent -H "Authorization: Bearer $token" "$@"
}
upload() {
    printf 'the bytes of a file' |
        alice --dump-header "$ROOT/head" -H "Tus-Resumable: 1.0.0" -H "Upload-Length: 19" \
            -H "Content-Type: application/offset+octet-stream" --data-binary @- "http://$AUTH_LISTEN/files"
    sed -n 's/^location: *\([^\r]*\).*/\1/Ip' "$ROOT/head" >"$ROOT/file"
}
systemctl() {
    echo "systemctl $*" >>"$ROOT/machine"
    case "$*" in
        "enable --now messenger")
            start
            say "http://$AUTH_LISTEN/signup" -d '{"email":"alice@example.com","name":"Alice","password":"secret"}'
            upload ;;
        "start messenger")
            start
            [ "$(alice "http://$AUTH_LISTEN$(cat "$ROOT/file")")" = "the bytes of a file" ] || { echo "the file is lost" >&2; return 1; } ;;
        "stop messenger") kill "$(cat "$ROOT/pid")"; while kill -0 "$(cat "$ROOT/pid")" 2>/dev/null; do sleep 0.1; done ;;
        *) echo "nobody knows systemctl $*" >&2; return 1 ;;
    esac
}
trap 'kill "$(cat "$ROOT/pid")" || true; wait' EXIT
"#;

/// Directories of the system that the page writes to.
const DIRECTORIES: [&str; 4] =
    ["/var/backups", "/var/lib/messenger", "/usr/local/bin", "/etc/systemd/system"];

pub(crate) fn page() -> Result<String> {
    fs::read_to_string(root().join("docs/OPERATING.md")).context("docs/OPERATING.md")
}

/// Fenced blocks: what follows the backticks, and the text.
pub(crate) fn blocks(page: &str) -> Vec<(&str, String)> {
    let (mut blocks, mut block) = (Vec::new(), None::<(&str, String)>);
    for line in page.lines() {
        match (&mut block, line.trim_start().strip_prefix("```")) {
            (None, Some(kind)) => block = Some((kind, String::new())),
            (Some(_), Some(_)) => blocks.extend(block.take()),
            (Some((_, text)), None) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks
}

fn script(page: &str, engine: &str, root: &str) -> String {
    let mut script = String::new();
    for (kind, text) in blocks(page) {
        if kind == "sh" || kind == format!("sh {engine}") {
            script += &text;
        }
    }
    for directory in DIRECTORIES {
        script = script.replace(directory, &format!("{root}{directory}"));
    }
    script
}

fn unit(page: &str) -> Result<String> {
    let found = blocks(page).into_iter().find(|(kind, _)| *kind == "ini");
    Ok(found.context("no unit")?.1)
}

/// Runs every command of the page, and gives what was typed and done.
fn every_command(engine: &str, url: Option<&str>) -> Result<()> {
    let (page, dir) = (page()?, tempfile::tempdir()?);
    let shown = dir.path().display().to_string();
    let mut script = script(&page, engine, &shown);
    let file = dir.path().join("messenger.service");
    let mut text = unit(&page)?.replace("/usr/local/bin", &format!("{shown}/usr/local/bin"));
    let mut command = Command::new("bash");
    if let Some(url) = url {
        let stated = "postgres://messenger@localhost/messenger";
        ensure!(script.contains(stated), "the page names another database");
        script = script.replace(stated, url);
        text = text.replace("[Service]\n", &format!("[Service]\nEnvironment=DATABASE_URL={url}\n"));
        let (_, server) = url.split_once("@127.0.0.1:").context("not a local database")?;
        let port = server.split('/').next().unwrap_or_default();
        command.env("PGHOST", "127.0.0.1").env("PGPORT", port).env("PGUSER", "postgres");
    }
    fs::write(&file, text)?;
    let ports = [free_port()?, free_port()?];
    let [chat, auth] = ports.map(|port| format!("127.0.0.1:{port}"));
    let output = command
        .args(["-c", &format!("{MACHINE}{script}")])
        .env("ROOT", dir.path())
        .env("UNIT", &file)
        .env("PROGRAM", program("messenger")?)
        .env("CHAT_LISTEN", chat)
        .env("AUTH_LISTEN", auth)
        .env_remove("DATABASE_URL")
        .output()
        .context("bash")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{script}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "{}: {said}", output.status);
    for word in ["everything holds together", "1 accounts", "ok       backup"] {
        ensure!(said.contains(word), "nothing about {word}: {said}");
    }
    let done = fs::read_to_string(dir.path().join("machine"))?;
    for word in ["useradd --system", "enable --now messenger", "stop messenger", "start messenger"]
    {
        ensure!(done.contains(word), "the page never says {word}: {done}");
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[test]
fn every_command_works_on_sqlite() -> Result<()> {
    every_command("sqlite", None)
}

#[test]
fn every_command_works_on_postgresql() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let other = cluster.database()?;
    cluster.sql(&other, "create database messenger encoding 'UTF8' template template0")?;
    let (server, _) = other.rsplit_once('/').context("a URL without a database")?;
    every_command("postgresql", Some(&format!("{server}/messenger")))
}

/// A command in running text or an indented block would be run by nobody.
#[test]
fn there_are_no_commands_but_in_blocks() -> Result<()> {
    let page = page()?;
    let kinds = ["sh", "sh sqlite", "sh postgresql", "ini", "nginx", "haproxy"];
    for (kind, text) in blocks(&page) {
        ensure!(kinds.contains(&kind), "a block is {kind:?}, which nothing tries:\n{text}");
    }
    let mut is_inside = false;
    for line in page.lines() {
        is_inside ^= line.trim_start().starts_with("```");
        ensure!(is_inside || !line.starts_with("    "), "an indented block: {line}");
        let recipes = ["pg_dump ", "sqlite3 ", ".backup", "vacuum into", "psql messenger <"];
        let untried = ["`vacuum full ", "`chown ", "`sha256sum ", "`psql "];
        for recipe in recipes.iter().chain(&untried).filter(|_| !is_inside) {
            ensure!(!line.contains(recipe), "a recipe of its own, or one that nobody runs: {line}");
        }
    }
    Ok(())
}

/// Flags and URLs in running text. No server answers at these addresses, which is all that may be wrong.
#[test]
fn urls_of_mail_and_of_buckets_are_understood() -> Result<()> {
    let (page, home, port) = (page()?, tempfile::tempdir()?, free_port()?);
    let filled = |url: &str| {
        let address = format!("127.0.0.1:{port}");
        url.replace("HOST:PORT", &address)
            .replace("mail:25", &address)
            .replace("USER:PASSWORD", "me:secret")
            .replace("ADDRESS", "me@example.com")
            .replace("BUCKET/PREFIX", "bucket/prefix")
    };
    let doctor = |name: &str, value: &str| -> Result<String> {
        let launch = Launch::new("messenger", home.path())?
            .env("PUBLIC_URL", "https://chat.example.com")
            .env("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}"))
            .env("AWS_REGION", "somewhere")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env(name, value);
        let output = launch.args(&["doctor"]).run()?;
        ensure!(output.status.code() == Some(1), "{value}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let code = page.split('`').skip(1).step_by(2);
    let (mut mails, mut buckets) = (0, 0);
    for words in code {
        let url = words.rsplit(' ').next().unwrap_or_default();
        let sender =
            words.strip_prefix("from=").map(|from| format!("smtp://HOST:PORT?from={from}"));
        let url = sender.as_deref().unwrap_or(url);
        if url.starts_with("smtp") && url.contains("from=") {
            let lines = doctor("SMTP_URL", &filled(url))?;
            let is_understood = lines.contains(&format!("problem  mail: 127.0.0.1:{port}: "));
            ensure!(is_understood, "{url}: {lines}");
            mails += 1;
        } else if url.starts_with("s3://") {
            let lines = doctor("FILES_URL", &filled(url))?;
            let asked = format!("PUT http://127.0.0.1:{port}/bucket/prefix/");
            let is_understood = lines.contains("problem  files: ") && lines.contains(&asked);
            ensure!(is_understood, "{url}: {lines}");
            buckets += 1;
        } else if let Some(name) = url.strip_prefix("AWS_") {
            let known = ["ENDPOINT_URL", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"];
            ensure!(known.contains(&name), "{url} is not tried");
        }
    }
    ensure!(
        mails >= 3 && buckets >= 2,
        "the page has {mails} URLs of mail and {buckets} of buckets"
    );
    Ok(())
}

#[test]
fn the_unit_is_one_for_systemd() -> Result<()> {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        not_tested("systemd-analyze is missing");
        return Ok(());
    };
    ensure!(version.status.success());
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("messenger.service");
    let program = program("messenger")?.display().to_string();
    fs::write(&file, unit(&page()?)?.replace("/usr/local/bin/messenger", &program))?;
    let verify = ["verify", "--man=no", "--recursive-errors=no"];
    let output = Command::new("systemd-analyze").args(verify).arg(&file).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let own: Vec<_> = said.lines().filter(|line| line.contains("messenger.service")).collect();
    ensure!(own.is_empty(), "{own:#?}");
    Ok(())
}

/// nginx with the page's configuration; it is killed when dropped.
struct Nginx {
    child: Child,
    address: String,
    dir: tempfile::TempDir,
}

impl Nginx {
    fn start(locations: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {name};\n"))
            .concat();
        let text = format!(
            "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{temporary}access_log off;\n\
             server {{\nlisten {address};\nserver_name chat.example.com;\n{locations}}}\n}}\n"
        );
        write!(fs::File::create(dir.path().join("nginx.conf"))?, "{text}")?;
        let mut command = Command::new("nginx");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin"));
        if rustix::process::geteuid().is_root() {
            const NOBODY: u32 = 65_534;
            chown(dir.path(), Some(NOBODY), Some(NOBODY))?;
            command.uid(NOBODY).gid(NOBODY);
        }
        command.arg("-p").arg(dir.path()).args(["-e", "stderr", "-c", "nginx.conf"]);
        let errors = fs::File::create(dir.path().join("errors"))?;
        let child = command.stdin(Stdio::null()).stderr(errors).spawn();
        let child = child.context("nginx is missing: ./check installs it")?;
        let mut nginx = Self { child, address, dir };
        until("nginx", PATIENCE, || {
            let ended = nginx.child.try_wait()?;
            ensure!(ended.is_none(), "{text}\n{}", nginx.errors()?);
            Ok(std::net::TcpStream::connect(&nginx.address).ok())
        })?;
        Ok(nginx)
    }

    fn errors(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join("errors"))?)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It tells its worker.
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

#[test]
fn people_talk_through_the_nginx_of_the_page() -> Result<()> {
    let page = page()?;
    let flags = ["--trusted-proxy=127.0.0.1", "--public-url=https://chat.example.com"];
    let stated = unit(&page)?;
    for flag in flags {
        ensure!(stated.contains(&flag.replace('=', " ")), "the unit has no {flag}");
    }
    let deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    let found = blocks(&page).into_iter().find(|(kind, _)| *kind == "nginx");
    let (_, locations) = found.context("no nginx configuration")?;
    ensure!(locations.contains("127.0.0.1:3000"), "nothing goes to the server");
    ensure!(!locations.contains("127.0.0.1:8080"), "one port is enough");
    let locations = locations.replace("127.0.0.1:3000", &deployment.endpoints.auth_address()?);
    let nginx = Nginx::start(&locations)?;
    let http = format!("http://{}", nginx.address);
    let endpoints = Endpoints::new(&format!("ws://{}/ws", nginx.address), Some(&http));
    endpoints.serves()?;
    let mut alice = Client::connected(&endpoints, "Alice")?;
    let mut bob = Client::connected(&endpoints, "Bob")?;
    alice.send_message(&bob, "through a proxy")?;
    bob.receive_message("through a proxy")?;
    let name =
        |path: &str| Call::new("GET", &format!("{http}{path}")).header("host", "chat.example.com");
    let schema = name("/schema.json").send()?.expect(200)?;
    ensure!(schema.body["$defs"].is_object(), "{}", schema.text);
    for path in ["/", "/openapi.json", "/healthz"] {
        name(path).send()?.expect(200)?;
    }
    // More than nginx takes in one request, unless it is told to.
    alice.upload("a.bin", "application/octet-stream", &vec![7; 12 << 20])?;
    let log = fs::read_to_string(nginx.dir.path().join("errors"))?;
    ensure!(!log.contains("[error]"), "{log}");
    // Its clients are told apart.
    ensure!(
        !deployment.servers[0].log().contains("X-Forwarded-For"),
        "{}",
        deployment.servers[0].log()
    );
    Ok(())
}

#[test]
fn blocks_of_the_other_engine_are_left_out() {
    let page = "a\n```sh\none\n```\n```sh sqlite\ntwo /var/backups/x\n```\n```sh postgresql\nthree\n```\n```ini\nfour\n```\n";
    assert_eq!(script(page, "sqlite", "/r"), "one\ntwo /r/var/backups/x\n");
    assert_eq!(script(page, "postgresql", "/r"), "one\nthree\n");
}
