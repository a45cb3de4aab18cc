//! `--allow-origin` lets one other site's page in, and only that.

use acceptance::{Socket, raw};
use anyhow::{Result, ensure};

use crate::drive::{House, Kind};

#[test]
fn an_allowed_origin_passes_and_others_do_not() -> Result<()> {
    let flags = ["--allow-origin=https://chat.example", "--allow-origin=http://other.example:8000"];
    let house = House::open(&Kind::Guests, &flags)?;
    let own = format!("http://{}", house.world.chat_address());
    for origin in ["https://chat.example", "http://other.example:8000", &own] {
        Socket::open(&house.world.chat(), &[("origin", origin)])?;
    }
    let foreign = [
        "http://chat.example",
        "https://chat.example:8000",
        "https://other.example:8000",
        "http://other.example",
        "https://chat.example.evil.example",
        "https://evil-chat.example",
    ];
    let address = house.world.chat_address();
    for origin in foreign {
        let upgrade = raw::upgrade(&address)
            .replace("\r\nUpgrade", &format!("\r\nOrigin: {origin}\r\nUpgrade"));
        let (status, _) = raw::exchange(raw::connect(&address, None)?, upgrade.as_bytes())?;
        ensure!(status == 403, "{origin}: {status}");
    }
    Ok(())
}
