//! Known devices: a login gives a device a secret, by which its next login is recognised.
//!
//! The secret is a random number and its authentication code (HMAC-SHA-256) under the account's stored password hash,
//! which only the servers know. So the server stores nothing for it, every node accepts it, also after a restart, and
//! it loses its value when the password changes. It does not authenticate: it only decides by which counters the
//! throttle counts failures.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::limit::DEVICE_ID_BYTES;

/// The prefix of the authenticated data, so that the code cannot be confused with another use of the same key.
const PURPOSE: &[u8] = b"messenger device\0";
/// Bytes of an authentication code.
const CODE_BYTES: usize = 32;

/// The random number of a device, which is not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DeviceId([u8; DEVICE_ID_BYTES]);

impl DeviceId {
    /// A new random number, which no device has.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn mint() -> std::io::Result<Self> {
        let mut bytes = [0; DEVICE_ID_BYTES];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The device whose secret `text` is, for the account with this stored hash. `None`: it is not a valid secret.
    pub(crate) fn proved(text: &str, phc: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (id, shown) = bytes.split_first_chunk::<DEVICE_ID_BYTES>()?;
        let id = Self(*id);
        // Compares in constant time.
        id.code(phc).verify_slice(shown).ok().map(|()| id)
    }

    /// The device's secret, which is valid as long as the account has this stored hash: 64 characters of base64url.
    pub(crate) fn secret(self, phc: &str) -> String {
        let code: [u8; CODE_BYTES] = self.code(phc).finalize().into_bytes().into();
        BASE64URL_NOPAD.encode(&[&self.0[..], &code].concat())
    }

    fn code(self, phc: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(phc.as_bytes());
        mac.expect("HMAC takes keys of any length").chain_update(PURPOSE).chain_update(self.0)
    }

    /// A certain one, for tests.
    #[cfg(test)]
    pub(crate) fn of(number: u32) -> Self {
        Self(u128::from(number).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";

    #[test]
    fn a_secret_proves_its_device_to_its_account_only() {
        let id = DeviceId::mint().unwrap();
        let secret = id.secret(PHC);
        assert_eq!(secret.len(), 64);
        assert_eq!(DeviceId::proved(&secret, PHC), Some(id));
        assert_eq!(DeviceId::proved(&secret, &PHC.replace("aGFz", "aGFt")), None);
        assert_ne!(DeviceId::mint().unwrap(), id);
    }

    #[test]
    fn what_is_no_secret_proves_nothing() {
        let secret = DeviceId::of(7).secret(PHC);
        for at in 0..secret.len() {
            let mut other = secret.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(DeviceId::proved(std::str::from_utf8(&other).unwrap(), PHC), None, "{at}");
        }
        let longer = format!("{secret}AAAA");
        for text in ["", "A", "é", &secret[..60], &secret[..22], &longer, "====", "a b c"] {
            assert_eq!(DeviceId::proved(text, PHC), None, "{text}");
        }
    }
}
