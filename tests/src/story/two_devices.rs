//! Every device of an account has the same log: what one says or hears, the other hears.

use anyhow::{Result, ensure};

use crate::{Person, World};

pub fn two_devices(world: &World) -> Result<()> {
    let mut phone = Person::arrive(world, "Alice")?;
    let mut laptop = phone.device("laptop")?;
    laptop.connect()?;
    let mut bob = Person::arrive(world, "Bob")?;

    bob.say(&phone, "to all of you")?;
    let (here, there) = (phone.hear_next()?, laptop.hear_next()?);
    ensure!(here == there && here["content"] == "to all of you", "{here} but {there}");

    let sent = phone.say(&bob, "from the phone")?;
    let seen = laptop.hear_next()?;
    ensure!(seen["type"] == "message" && seen["content"] == "from the phone", "{seen}");
    ensure!(seen["from"] == phone.id && seen["to"] == bob.id, "{seen}");
    ensure!(seen["seq"] == sent["seq"] && seen["id"] == sent["id"], "{seen} but {sent}");

    laptop.say(&bob, "from the laptop")?;
    ensure!(phone.hear_next()?["content"] == "from the laptop");
    ensure!(phone.is_answered()?.is_empty() && laptop.is_answered()?.is_empty(), "an echo");

    // One device away: it catches up on its own messages of the other, too.
    laptop.leave();
    phone.say(&bob, "while the laptop slept")?;
    laptop.connect_since(3)?;
    let caught_up = laptop.hear_next()?;
    ensure!(caught_up["content"] == "while the laptop slept" && caught_up["seq"] == 4);
    Ok(())
}
