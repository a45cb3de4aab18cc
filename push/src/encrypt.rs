//! Message encryption for Web Push (RFC 8291), with the content coding `aes128gcm` (RFC 8188).

use data_encoding::BASE64URL_NOPAD;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use crate::limit::{POINT_BYTES, RECORD_BYTES, SALT_BYTES, SECRET_BYTES};

/// The keys of a subscription, which its browser has made.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionKeys {
    /// Its public key: a point of P-256.
    pub(crate) public: [u8; POINT_BYTES],
    /// Its authentication secret.
    pub(crate) secret: [u8; SECRET_BYTES],
}

/// Why the keys of a subscription are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// `p256dh` is wrong.
    #[error("`p256dh` must be a point of P-256, uncompressed, as base64url")]
    Public,
    /// `auth` is wrong.
    #[error("`auth` must be {SECRET_BYTES} bytes as base64url")]
    Secret,
}

impl SubscriptionKeys {
    /// The keys as browsers give them: `p256dh` and `auth`, as base64url.
    ///
    /// # Errors
    /// [`KeysError`]: one of them is not what it should be.
    pub fn parse(public: &str, secret: &str) -> Result<Self, KeysError> {
        let bytes = |text: &str| BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes());
        let public = bytes(public).map_err(|_| KeysError::Public)?;
        let secret = bytes(secret).map_err(|_| KeysError::Secret)?;
        let keys = Self::new(&public, &secret)?;
        // Only agreeing on a key shows whether the point is on the curve.
        agree(&keys.public).map_err(|_| KeysError::Public)?;
        Ok(keys)
    }

    /// The same, of bytes that were checked before.
    ///
    /// # Errors
    /// [`KeysError`]: one of them has not the right length.
    pub fn new(public: &[u8], secret: &[u8]) -> Result<Self, KeysError> {
        let public = public.try_into().map_err(|_| KeysError::Public)?;
        let secret = secret.try_into().map_err(|_| KeysError::Secret)?;
        Ok(Self { public, secret })
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The authentication secret.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

/// The body of a push with this text, which only the browser of the subscription can read.
pub(crate) fn encrypt(keys: &SubscriptionKeys, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new().fill(&mut salt)?;
    let (public, shared) = agree(&keys.public)?;
    seal(keys, &public, &shared, salt, text)
}

/// A new key's public part, and what it has in common with another.
fn agree(other: &[u8; POINT_BYTES]) -> Result<([u8; POINT_BYTES], Vec<u8>), Unspecified> {
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
    let public = private.compute_public_key()?.as_ref().try_into().map_err(|_| Unspecified)?;
    let shared =
        agree_ephemeral(private, &UnparsedPublicKey::new(&ECDH_P256, other), <[u8]>::to_vec)?;
    Ok((public, shared))
}

/// RFC 8291, section 3.4, and RFC 8188, section 2. `public` is the sender's key, `shared` what both keys have in common.
fn seal(
    keys: &SubscriptionKeys,
    public: &[u8; POINT_BYTES],
    shared: &[u8],
    salt: [u8; SALT_BYTES],
    text: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let mut input = [0; 32];
    let info: [&[u8]; 3] = [b"WebPush: info\0", &keys.public, public];
    expand(&keys.secret, shared, &info, &mut input)?;
    let (mut key, mut nonce) = ([0; 16], [0; NONCE_LEN]);
    expand(&salt, &input, &[b"Content-Encoding: aes128gcm\0"], &mut key)?;
    expand(&salt, &input, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    // One record, the last one: 2 ends its text.
    let mut record = [text, &[2]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
    if record.len() > RECORD_BYTES as usize {
        return Err(Unspecified);
    }
    Ok([&salt[..], &RECORD_BYTES.to_be_bytes(), &[POINT_BYTES as u8], public, &record].concat())
}

/// HKDF with SHA-256 (RFC 5869).
fn expand(salt: &[u8], input: &[u8], info: &[&[u8]], output: &mut [u8]) -> Result<(), Unspecified> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let extracted = Salt::new(HKDF_SHA256, salt).extract(input);
    extracted.expand(info, Length(output.len()))?.fill(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8291, appendix A.
    #[test]
    fn the_example_of_the_standard_is_encrypted_as_it_says() {
        let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let keys = SubscriptionKeys::parse(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        )
        .unwrap();
        let public = bytes(
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        );
        let shared = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let body = seal(&keys, &public.try_into().unwrap(), &shared, salt, text).unwrap();
        let expected = bytes(concat!(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz",
            "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        ));
        assert_eq!(body, expected);
    }

    #[test]
    fn no_two_bodies_are_alike() {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap();
        let keys = SubscriptionKeys::new(public.as_ref(), &[7; SECRET_BYTES]).unwrap();
        let bodies = [(); 2].map(|()| encrypt(&keys, b"text").unwrap());
        assert_ne!(bodies[0], bodies[1]);
        assert_eq!(bodies[0].len(), bodies[1].len());
    }

    #[test]
    fn a_text_fits_one_record() {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap();
        let keys = SubscriptionKeys::new(public.as_ref(), &[7; SECRET_BYTES]).unwrap();
        let most = RECORD_BYTES as usize - 1 - AES_128_GCM.tag_len();
        assert!(encrypt(&keys, &vec![b'x'; most]).is_ok());
        assert!(encrypt(&keys, &vec![b'x'; most + 1]).is_err());
    }

    #[test]
    fn wrong_keys_are_refused() {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let good = {
            let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
            private.compute_public_key().unwrap().as_ref().to_vec()
        };
        let (point, secret) = (encode(&good), encode(&[1; SECRET_BYTES]));
        assert!(SubscriptionKeys::parse(&point, &secret).is_ok());
        assert!(SubscriptionKeys::parse(&format!("{point}="), &format!("{secret}==")).is_ok());
        let off_curve = [&good[..POINT_BYTES - 1], &[good[POINT_BYTES - 1] ^ 1]].concat();
        let compressed = [&[2], &good[1..33]].concat();
        for wrong in [&off_curve[..], &compressed, &good[1..], &[4; POINT_BYTES], &[]] {
            let refused = SubscriptionKeys::parse(&encode(wrong), &secret).err();
            assert_eq!(refused, Some(KeysError::Public), "{}", encode(wrong));
        }
        for wrong in
            [encode(&[1; SECRET_BYTES - 1]), encode(&[1; SECRET_BYTES + 1]), "?".to_owned()]
        {
            assert_eq!(SubscriptionKeys::parse(&point, &wrong).err(), Some(KeysError::Secret));
        }
    }
}
