//! How this server shows push services who it is (VAPID, RFC 8292): a key of its own, without an account anywhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::limit::SIGNATURE_LIFE;

/// The key of this server. Not `Debug`: it is secret.
pub struct ServerKey {
    pair: EcdsaKeyPair,
}

/// A stored key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's key for Web Push cannot be used")]
pub struct KeyError;

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl ServerKey {
    /// A new key, as it is stored (PKCS #8).
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        Ok(document.as_ref().to_vec())
    }

    /// A key that [`ServerKey::generate`] has made.
    ///
    /// # Errors
    /// It is none.
    pub fn load(stored: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, stored, &random);
        Ok(Self { pair: pair.map_err(|_| KeyError)? })
    }

    /// The public key, as a browser wants it for a subscription: base64url.
    #[must_use]
    pub fn public(&self) -> String {
        BASE64URL_NOPAD.encode(self.pair.public_key().as_ref())
    }

    /// The header `Authorization` for a push service with this origin. `contact`: where its operator reaches ours.
    pub(crate) fn authorization(
        &self,
        origin: &str,
        contact: Option<&str>,
        now: SystemTime,
    ) -> Result<String, KeyError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mut claims =
            serde_json::json!({"aud": origin, "exp": (now + SIGNATURE_LIFE).as_secs()});
        if let Some(contact) = contact {
            claims["sub"] = contact.into();
        }
        let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ES256"}"#);
        let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        let signature = BASE64URL_NOPAD.encode(signature.as_ref());
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_signature_is_for_one_origin_and_ends_within_a_day() {
        let key = ServerKey::load(&ServerKey::generate().unwrap()).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let contact = Some("https://chat.example");
        let header = key.authorization("https://push.example", contact, now).unwrap();
        let (token, public) =
            header.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).unwrap();
        let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public = bytes(public);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public)
            .verify(signed.as_bytes(), &bytes(signature))
            .unwrap();
        let claims = bytes(signed.split_once('.').unwrap().1);
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let expected = serde_json::json!({
            "aud": "https://push.example", "exp": 1000 + 12 * 60 * 60, "sub": "https://chat.example",
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_stored_key_stays_the_same() {
        let stored = ServerKey::generate().unwrap();
        let public = || ServerKey::load(&stored).unwrap().public();
        assert_eq!(public(), public());
        assert_ne!(public(), ServerKey::load(&ServerKey::generate().unwrap()).unwrap().public());
        assert_eq!(ServerKey::load(b"none").err(), Some(KeyError));
    }
}
