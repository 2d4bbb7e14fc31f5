//! Secrets that the database holds and must give back whole: encrypted under a subkey, bound to whose they are.
//!
//! `ChaCha20-Poly1305` ([RFC 8439]) with a random nonce of 96 bits: a key would have to seal billions of secrets before two
//! nonces meet. It seals one for each operator, or one for each request of a program that names an idempotency key.
//!
//! [RFC 8439]: https://www.rfc-editor.org/rfc/rfc8439

use std::fmt;
use std::sync::Arc;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretSlice};

use super::random_token::random_bytes;
use super::{LINK_LABEL, SecretKeys, fingerprint, subkey};

/// The subkeys of one purpose, newest first: the newest seals, each opens what it has sealed.
#[derive(Clone)]
pub struct SealingKeys(Arc<[SealingKey]>);

struct SealingKey {
    /// Of the secret key, as links name it: what `doctor` compares.
    fingerprint: String,
    key: LessSafeKey,
}

/// An encrypted secret, as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The fingerprint of the secret key that opens it.
    pub key: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl SealingKeys {
    pub(super) fn of(keys: &SecretKeys, label: &str) -> Self {
        let key = |secret: &SecretSlice<u8>| SealingKey {
            fingerprint: fingerprint(&subkey(secret.expose_secret(), LINK_LABEL)),
            key: LessSafeKey::new(
                UnboundKey::new(&CHACHA20_POLY1305, &subkey(secret.expose_secret(), label))
                    .expect("a subkey has the 32 bytes that the cipher wants"),
            ),
        };
        Self(keys.0.iter().map(key).collect())
    }

    /// Encrypts `secret` by the newest key. It opens for the same `owner` alone.
    #[must_use]
    pub fn seal(&self, secret: &[u8], owner: &[u8]) -> Sealed {
        let newest = self.newest();
        let nonce: [u8; NONCE_LEN] = random_bytes();
        let mut bytes = secret.to_vec();
        newest
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut bytes)
            .expect("a secret is short enough to be sealed");
        Sealed { key: newest.fingerprint.clone(), bytes: [&nonce[..], &bytes[..]].concat() }
    }

    /// The secret; none if its key is missing, it is another's, or it was changed.
    #[must_use]
    pub fn open(&self, sealed: &Sealed, owner: &[u8]) -> Option<SecretSlice<u8>> {
        let key = self.0.iter().find(|key| key.fingerprint == sealed.key)?;
        let (nonce, ciphertext) = sealed.bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = ciphertext.to_vec();
        let secret = key.key.open_in_place(nonce, Aad::from(owner), &mut bytes).ok()?;
        Some(SecretSlice::from(secret.to_vec()))
    }

    /// The fingerprint of the key that seals now: what another one has sealed is to be sealed anew.
    #[must_use]
    pub fn newest_fingerprint(&self) -> &str {
        &self.newest().fingerprint
    }

    fn newest(&self) -> &SealingKey {
        self.0.first().expect("SecretKeys holds at least one key")
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.fingerprint)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> SecretKeys {
        SecretKeys::parse(text).expect("keys")
    }

    fn opened(keys: &SealingKeys, sealed: &Sealed, owner: &[u8]) -> Option<Vec<u8>> {
        keys.open(sealed, owner).map(|secret| secret.expose_secret().to_vec())
    }

    #[test]
    fn a_secret_opens_for_its_owner_under_its_key_and_purpose_alone() {
        let (older, newer) = ("0b".repeat(32), "07".repeat(32));
        let one = keys(&older).sealing_keys("one");
        let sealed = one.seal(b"a secret of 20 bytes", b"owner");
        assert_eq!(opened(&one, &sealed, b"owner").as_deref(), Some(&b"a secret of 20 bytes"[..]));
        assert_eq!(sealed.key, keys(&older).link_keys().newest().fingerprint(), "the name that `doctor` knows");
        assert!(!sealed.bytes.windows(8).any(|part| part == b"a secret"));

        assert_eq!(opened(&one, &sealed, b"another"), None);
        assert_eq!(opened(&keys(&older).sealing_keys("two"), &sealed, b"owner"), None);
        assert_eq!(opened(&keys(&newer).sealing_keys("one"), &sealed, b"owner"), None);
        for place in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[place] ^= 1;
            assert_eq!(opened(&one, &changed, b"owner"), None, "byte {place}");
        }
        for length in [0, 1, NONCE_LEN, sealed.bytes.len() - 1] {
            let cut = Sealed { bytes: sealed.bytes[..length].to_vec(), ..sealed.clone() };
            assert_eq!(opened(&one, &cut, b"owner"), None, "{length} bytes");
        }
    }

    #[test]
    fn after_a_change_of_the_keys_both_open_and_the_newest_seals() {
        let (older, newer) = ("0b".repeat(32), "07".repeat(32));
        let before = keys(&older).sealing_keys("one").seal(b"secret", b"owner");
        let both = keys(&format!("{newer},{older}")).sealing_keys("one");
        assert_eq!(opened(&both, &before, b"owner").as_deref(), Some(&b"secret"[..]));
        let after = both.seal(b"secret", b"owner");
        assert_ne!(before.key, after.key);
        assert_eq!(after.key, both.newest_fingerprint());
        assert_ne!(both.seal(b"secret", b"owner").bytes, after.bytes, "no nonce twice");
    }
}
