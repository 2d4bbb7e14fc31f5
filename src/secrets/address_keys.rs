//! What the database knows a recipient's mailbox by, so that it can be searched and not read.

use std::sync::Arc;

use ring::hmac;
use secrecy::ExposeSecret;

use super::SecretKeys;

/// The purpose of the subkey that mailboxes are known by.
const LABEL: &str = "invoice-dispatcher recipient addresses v1";

/// Bytes of the HMAC that are kept: of a million mailboxes two share them once in 30 million installations.
const KEY_BYTES: usize = 8;

/// The subkeys that mailboxes are known by, newest first; none where nothing is to be searched.
#[derive(Debug, Clone, Default)]
pub struct AddressKeys(Arc<[hmac::Key]>);

impl AddressKeys {
    /// The subkeys of these keys.
    #[must_use]
    pub fn of(keys: &SecretKeys) -> Self {
        let key = |subkey: &secrecy::SecretSlice<u8>| hmac::Key::new(hmac::HMAC_SHA256, subkey.expose_secret());
        Self(keys.subkeys(LABEL).iter().map(key).collect())
    }

    /// What a mailbox (in lower case) is written down as: by the newest key.
    #[must_use]
    pub fn newest(&self, mailbox: &str) -> Option<i64> {
        self.0.first().map(|key| known_by(key, mailbox))
    }

    /// What a mailbox (in lower case) may have been written down as: by every key, the newest first.
    #[must_use]
    pub fn all(&self, mailbox: &str) -> Vec<i64> {
        self.0.iter().map(|key| known_by(key, mailbox)).collect()
    }
}

fn known_by(key: &hmac::Key, mailbox: &str) -> i64 {
    let tag = hmac::sign(key, mailbox.as_bytes());
    let first = tag.as_ref().first_chunk::<KEY_BYTES>().expect("an HMAC-SHA256 has 32 bytes");
    i64::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
    const NEWER: &str = "0707070707070707070707070707070707070707070707070707070707070707";

    fn keys(text: &str) -> AddressKeys {
        AddressKeys::of(&SecretKeys::parse(text).expect("keys"))
    }

    #[test]
    fn a_mailbox_is_known_by_every_key_in_use() {
        let mailbox = "ap@customer.example";
        let (older, both) = (keys(OLDER), keys(&format!("{NEWER},{OLDER}")));
        assert_eq!(both.all(mailbox)[1], older.newest(mailbox).expect("one key"), "what was written before is found");
        assert_eq!(both.newest(mailbox), Some(both.all(mailbox)[0]));
        assert_ne!(both.all(mailbox)[0], both.all(mailbox)[1]);
        assert_ne!(older.newest(mailbox), older.newest("bp@customer.example"));
        assert_eq!(AddressKeys::default().newest(mailbox), None);
        // Computed independently (Python's hmac): a change here loses every recipient that was written down.
        assert_eq!(older.newest(mailbox), Some(5_381_727_317_875_243_031));
    }
}
