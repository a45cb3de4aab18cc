//! Where the programs listen: names, all addresses, several, Unix sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use acceptance::{PATIENCE, until};
use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::harness::{Launch, Server};

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Whether the server at this Unix socket says that it is well.
fn is_well_at(path: &Path) -> Result<bool> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(ASK)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

fn is_well(address: &str) -> Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(ASK)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

/// The port in the line of the log that says where the server listens.
fn port(server: &mut Server, who: &str) -> Result<String> {
    let address = server.address(who)?;
    Ok(address.rsplit_once(':').context("no port")?.1.to_owned())
}

#[test]
fn names_all_addresses_and_several_are_bound_and_logged() -> Result<()> {
    let home = tempfile::tempdir()?;
    let socket = home.path().join("auth.sock");
    let several = format!("127.0.0.1:0,unix:{}", socket.display());
    let flags = ["--chat-listen", "localhost:0", "--auth-listen", ":0", "--auth-listen", &several];
    let mut server = Launch::new("messenger", home.path())?.args(&flags).start()?;
    let chat = port(&mut server, "chat")?;
    ensure!(is_well(&format!("127.0.0.1:{chat}"))?);
    let auth = port(&mut server, "auth")?;
    server.wait_for_line(&format!(
        "auth listening on 0.0.0.0:{auth} (from this machine http://localhost:{auth})"
    ))?;
    ensure!(is_well(&format!("127.0.0.1:{auth}"))?);
    if TcpStream::connect(format!("[::1]:{chat}")).is_ok() {
        server.wait_for_line(&format!("chat listening on [::1]:{chat}"))?;
        server.wait_for_line(&format!("auth listening on [::]:{auth} (from this machine"))?;
        ensure!(is_well(&format!("[::1]:{auth}"))?);
    }
    server.wait_for_line("auth listening on 127.0.0.1:")?;
    server.wait_for_line(&format!("auth listening on unix:{}", socket.display()))?;
    ensure!(is_well_at(&socket)?);
    let banner = until("the banner", PATIENCE, || {
        Ok(Some(server.stdout()).filter(|said| said.contains("Ctrl-C")))
    })?;
    for offer in [format!("ws://127.0.0.1:{chat} "), format!("curl http://localhost:{auth}/")] {
        ensure!(banner.contains(&offer), "{offer} is not in\n{banner}");
    }
    Ok(())
}

#[test]
fn a_dead_servers_socket_is_replaced_a_live_ones_is_not_and_none_is_left() -> Result<()> {
    let home = tempfile::tempdir()?;
    let socket = home.path().join("chat.sock");
    let listen = format!("unix:{}", socket.display());
    let launch = Launch::new("chat", home.path())?.env("CHAT_LISTEN", &listen);
    let line = format!("chat listening on {listen}");
    let mut first = launch.start()?;
    first.wait_for_line(&line)?;
    let second = launch.run()?;
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    ensure!(second.status.code() == Some(1) && told.contains("a server listens there"), "{told}");
    ensure!(is_well_at(&socket)?, "the first goes on");
    first.kill()?;
    ensure!(socket.exists(), "a server that is killed removes nothing");
    let health = launch.clone().args(&["--health"]).run()?;
    ensure!(health.status.code() == Some(1), "nobody is there");
    let mut third = launch.start()?;
    third.wait_for_line(&line)?;
    let health = launch.clone().args(&["--health"]).run()?;
    ensure!(health.status.code() == Some(0), "{}", String::from_utf8_lossy(&health.stderr));
    third.signal(Signal::TERM)?;
    ensure!(third.ended()?.success() && !socket.exists(), "the file is removed at the end");
    Ok(())
}

#[test]
fn a_name_that_cannot_be_bound_is_named() -> Result<()> {
    let home = tempfile::tempdir()?;
    let flags = ["--listen", "no-such-name.invalid:0"];
    let output = Launch::new("chat", home.path())?.args(&flags).run()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{told}");
    ensure!(told.contains("no-such-name.invalid:0") && told.contains("--listen"), "{told}");
    Ok(())
}
