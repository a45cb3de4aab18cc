//! Every device of an account has the same log: what one says or hears, the other hears.

use anyhow::{Result, ensure};

use crate::{Client, Endpoints};

pub fn two_devices(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::connected(endpoints, "Alice")?;
    let mut laptop = phone.device("laptop")?;
    laptop.connect()?;
    let mut bob = Client::connected(endpoints, "Bob")?;

    bob.send_message(&phone, "to all of you")?;
    let (here, there) = (phone.receive_next()?, laptop.receive_next()?);
    ensure!(here == there && here["content"] == "to all of you", "{here} but {there}");

    let sent = phone.send_message(&bob, "from the phone")?;
    let seen = laptop.receive_next()?;
    ensure!(seen["type"] == "message" && seen["content"] == "from the phone", "{seen}");
    ensure!(seen["from"] == phone.id && seen["to"] == bob.id, "{seen}");
    ensure!(seen["seq"] == sent["seq"] && seen["id"] == sent["id"], "{seen} but {sent}");

    laptop.send_message(&bob, "from the laptop")?;
    ensure!(phone.receive_next()?["content"] == "from the laptop");
    ensure!(phone.is_answered()?.is_empty() && laptop.is_answered()?.is_empty(), "an echo");

    // One device away: it catches up on its own messages of the other, too.
    laptop.leave();
    phone.send_message(&bob, "while the laptop slept")?;
    laptop.connect_since(3)?;
    let caught_up = laptop.receive_next()?;
    ensure!(caught_up["content"] == "while the laptop slept" && caught_up["seq"] == 4);
    Ok(())
}
