//! The network of [`super::schedule`] itself.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use acceptance::{Nats, PATIENCE};
use anyhow::{Context, Result, ensure};

use crate::harness::Network;

/// Nothing has come if nothing has come within this time.
const SILENCE: Duration = Duration::from_millis(800);

#[test]
fn while_an_interface_is_down_nothing_gets_through() -> Result<()> {
    let network = Network::new()?;
    if !network.has_interfaces() {
        return Ok(());
    }
    let interface = network.interface()?;
    let nats = Nats::start_on(&interface.host, &[])?;
    let address = nats.address().parse()?;
    let connection = TcpStream::connect(address)?;
    let mut answers = BufReader::new(&connection);
    let mut answer = |patience| {
        let mut line = String::new();
        connection.set_read_timeout(Some(patience))?;
        answers.read_line(&mut line).map(|_| line)
    };
    ensure!(answer(PATIENCE)?.starts_with("INFO"), "no greeting");
    interface.down()?;
    let refused = TcpStream::connect_timeout(&address, SILENCE).err().context("a connection")?;
    ensure!(refused.kind() == ErrorKind::TimedOut, "{refused}");
    (&connection).write_all(b"PING\r\n")?;
    let heard = answer(SILENCE).err().context("an answer, or the end")?;
    ensure!(heard.kind() == ErrorKind::WouldBlock, "{heard}");
    interface.up()?;
    ensure!(answer(PATIENCE)?.starts_with("PONG"), "the connection has ended");
    Ok(())
}

#[test]
fn nothing_is_left_of_a_network() -> Result<()> {
    let network = Network::new()?;
    let interface = network.interface()?;
    let words = interface.host.wrapper();
    let Some(name) = words.last().and_then(|word| word.rsplit('/').next()) else { return Ok(()) };
    let (switch, _) = name.rsplit_once('-').context("no number")?;
    let places = [format!("/run/netns/{name}"), format!("/run/netns/{switch}")];
    let of_test = format!("/sys/class/net/{switch}");
    ensure!(places.iter().chain([&of_test]).all(|path| Path::new(path).exists()), "{places:?}");
    drop((interface, network));
    let mut left = places.iter().filter(|path| Path::new(path).exists());
    ensure!(left.next().is_none(), "{places:?}");
    acceptance::until("the interface to be gone", PATIENCE, || {
        Ok((!Path::new(&of_test).exists()).then_some(()))
    })
}
