//! Names for what the database must be able to compare and nobody may read there.

use std::sync::Arc;

use ring::hmac;
use secrecy::ExposeSecret;

use super::SecretKeys;

/// The subkeys of one purpose, newest first: the newest names, each is recognised.
#[derive(Debug, Clone)]
pub struct HmacKeys(Arc<[hmac::Key]>);

impl HmacKeys {
    pub(super) fn of(keys: &SecretKeys, label: &str) -> Self {
        let key = |subkey: &secrecy::SecretSlice<u8>| hmac::Key::new(hmac::HMAC_SHA256, subkey.expose_secret());
        Self(keys.subkeys(label).iter().map(key).collect())
    }

    /// HMAC-SHA256 of the parts by the newest key. Each part counts with its length, so that `ab`, `c` is not `a`, `bc`.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        tag(self.0.first().expect("SecretKeys holds at least one key"), parts)
    }

    /// The HMACs of the parts by every key, the newest first.
    #[must_use]
    pub fn all(&self, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.0.iter().map(|key| tag(key, parts)).collect()
    }

    /// Whether `tag` is the parts' by any of the keys, compared in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let message = message(parts);
        self.0.iter().any(|key| hmac::verify(key, &message, tag).is_ok())
    }
}

pub(super) fn tag(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    hmac::sign(key, &message(parts)).as_ref().try_into().expect("an HMAC-SHA256 has 32 bytes")
}

fn message(parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str, label: &str) -> HmacKeys {
        SecretKeys::parse(text).expect("keys").hmac_keys(label)
    }

    #[test]
    fn a_name_is_of_one_purpose_and_of_parts_as_they_are_divided() {
        let (older, newer) = ("0b".repeat(32), "07".repeat(32));
        let one = keys(&older, "one");
        let name = one.sign(&[b"ab", b"c"]);
        assert!(one.verify(&[b"ab", b"c"], &name));
        assert!(!one.verify(&[b"a", b"bc"], &name) && !one.verify(&[b"abc"], &name));
        assert!(!keys(&older, "two").verify(&[b"ab", b"c"], &name));
        let both = keys(&format!("{newer},{older}"), "one");
        assert!(both.verify(&[b"ab", b"c"], &name), "older keys recognise theirs");
        assert_eq!(both.all(&[b"ab", b"c"]), [both.sign(&[b"ab", b"c"]), name]);
        assert!(!one.verify(&[b"ab", b"c"], &name[..31]) && !one.verify(&[b"ab", b"c"], b""));
    }
}
