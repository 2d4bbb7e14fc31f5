//! What the entries of the audit log are chained with.

use std::fmt;
use std::sync::Arc;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::ExposeSecret as _;

use super::{SecretKeys, fingerprint, hmac_keys};
use crate::sha256::Sha256;

/// The purpose of the subkey. Part of every entry that was ever written: never changes.
const LABEL: &str = "invoice-dispatcher audit log v1";

/// The fingerprint of entries that are written where no secret keys are known. No installation writes them.
const NO_KEY: &str = "none";

/// Bytes of a salt: too many to be guessed.
pub const SALT_BYTES: usize = 16;

/// The subkeys of the audit log, newest first: the newest signs, each proves its own entries.
#[derive(Debug, Clone)]
pub struct AuditKeys(Arc<[AuditKey]>);

/// One of them. Shows itself by its fingerprint.
#[derive(Clone)]
pub struct AuditKey {
    fingerprint: String,
    key: hmac::Key,
}

impl AuditKeys {
    #[must_use]
    pub fn of(keys: &SecretKeys) -> Self {
        let key = |subkey: &secrecy::SecretSlice<u8>| AuditKey {
            fingerprint: fingerprint(subkey.expose_secret()),
            key: hmac::Key::new(hmac::HMAC_SHA256, subkey.expose_secret()),
        };
        Self(keys.subkeys(LABEL).iter().map(key).collect())
    }

    /// The key that new entries are signed with.
    #[must_use]
    pub fn newest(&self) -> &AuditKey {
        self.0.first().expect("there is at least one key")
    }

    /// The key that an entry was signed with.
    #[must_use]
    pub fn by_fingerprint(&self, fingerprint: &str) -> Option<&AuditKey> {
        self.0.iter().find(|key| key.fingerprint == fingerprint)
    }
}

impl Default for AuditKeys {
    fn default() -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, LABEL.as_bytes());
        Self(Arc::new([AuditKey { fingerprint: NO_KEY.to_owned(), key }]))
    }
}

impl AuditKey {
    /// 8 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// HMAC-SHA256 of the parts, each with its length.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> Sha256 {
        Sha256(hmac_keys::tag(&self.key, parts))
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.fingerprint)
    }
}

/// A salt, from the system's randomness: once it is deleted, what was signed with it cannot be guessed, not even by
/// who has the key.
///
/// # Panics
/// If the system has no randomness: nothing that is secret could be made then.
#[must_use]
pub fn audit_salt() -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new().fill(&mut salt).expect("the system has randomness");
    salt
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
    const NEWER: &str = "0707070707070707070707070707070707070707070707070707070707070707";

    fn keys(text: &str) -> AuditKeys {
        AuditKeys::of(&SecretKeys::parse(text).expect("keys"))
    }

    #[test]
    fn an_older_key_proves_what_it_signed() {
        let (older, both) = (keys(OLDER), keys(&format!("{NEWER},{OLDER}")));
        let signed = older.newest().sign(&[b"one", b"two"]);
        assert_ne!(both.newest().sign(&[b"one", b"two"]), signed);
        let found = both.by_fingerprint(older.newest().fingerprint()).expect("it is still there");
        assert_eq!(found.sign(&[b"one", b"two"]), signed);
        assert_ne!(found.sign(&[b"onet", b"wo"]), signed, "each part counts with its length");
        assert!(keys(NEWER).by_fingerprint(older.newest().fingerprint()).is_none());
        assert_eq!(AuditKeys::default().newest().fingerprint(), NO_KEY);
        assert!(both.by_fingerprint(NO_KEY).is_none(), "with secret keys, nothing is believed without one");
        assert_ne!(audit_salt(), audit_salt());
    }
}
