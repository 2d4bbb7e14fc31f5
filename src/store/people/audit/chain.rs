//! What the chain of the audit log covers. Pure.
//!
//! Each entry holds the hash of the one before it, and its own: an HMAC under a subkey of the secret keys over its
//! columns. What names people (name, reason, old and new values) and the network stand in rows of their own with a
//! random salt each, and the entry holds only their HMACs. So they can be deleted, and nothing of the chain changes.
//!
//! The layout of what is signed never changes: entries of 24 months are proven by it.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::secrets::AuditKey;
use crate::sha256::Sha256;

/// An entry as the chain covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct ChainedEntry {
    pub(in crate::store) sequence: i64,
    pub(in crate::store) at: Timestamp,
    pub(in crate::store) action: String,
    pub(in crate::store) who_kind: String,
    pub(in crate::store) who_id: Option<Uuid>,
    pub(in crate::store) tenant: Option<String>,
    pub(in crate::store) customer: Option<String>,
    pub(in crate::store) subject: Option<String>,
    /// The fingerprint of the key that signs it.
    pub(in crate::store) key: String,
    pub(in crate::store) detail_hmac: Sha256,
    pub(in crate::store) network_hmac: Option<Sha256>,
    pub(in crate::store) previous_hash: Sha256,
}

impl ChainedEntry {
    pub(in crate::store) fn hash(&self, key: &AuditKey) -> Sha256 {
        let id = self.who_id.map(Uuid::into_bytes);
        key.sign(&[
            b"entry",
            &self.sequence.to_be_bytes(),
            &self.at.0.to_be_bytes(),
            self.action.as_bytes(),
            self.who_kind.as_bytes(),
            &optional(id.as_ref().map(|id| &id[..])),
            &optional(self.tenant.as_deref().map(str::as_bytes)),
            &optional(self.customer.as_deref().map(str::as_bytes)),
            &optional(self.subject.as_deref().map(str::as_bytes)),
            self.key.as_bytes(),
            self.detail_hmac.as_bytes(),
            &optional(self.network_hmac.as_ref().map(Sha256::as_bytes)),
            self.previous_hash.as_bytes(),
        ])
    }
}

/// What names people in an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct AuditDetail {
    pub(in crate::store) salt: Vec<u8>,
    pub(in crate::store) name: String,
    pub(in crate::store) reason: Option<String>,
    /// JSON.
    pub(in crate::store) change: Option<String>,
}

impl AuditDetail {
    pub(in crate::store) fn hmac(&self, key: &AuditKey) -> Sha256 {
        key.sign(&[
            b"detail",
            &self.salt,
            self.name.as_bytes(),
            &optional(self.reason.as_deref().map(str::as_bytes)),
            &optional(self.change.as_deref().map(str::as_bytes)),
        ])
    }
}

/// The network that an act came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct AuditNetwork {
    pub(in crate::store) salt: Vec<u8>,
    pub(in crate::store) network: String,
}

impl AuditNetwork {
    pub(in crate::store) fn hmac(&self, key: &AuditKey) -> Sha256 {
        key.sign(&[b"network", &self.salt, self.network.as_bytes()])
    }
}

/// Where the retention has cut: the entry that was the last to be deleted.
pub(in crate::store) fn checkpoint_hmac(key: &AuditKey, sequence: i64, at: Timestamp, hash: Sha256) -> Sha256 {
    key.sign(&[b"checkpoint", &sequence.to_be_bytes(), &at.0.to_be_bytes(), hash.as_bytes()])
}

/// Nothing is not the same as an empty text.
fn optional(value: Option<&[u8]>) -> Vec<u8> {
    value.map_or_else(Vec::new, |value| [&[1], value].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{AuditKeys, SecretKeys};

    fn entry() -> ChainedEntry {
        ChainedEntry {
            sequence: 7,
            at: Timestamp(1_000),
            action: "links_revoked".to_owned(),
            who_kind: "operator".to_owned(),
            who_id: Some(Uuid::from_u128(5)),
            tenant: Some("acme".to_owned()),
            customer: None,
            subject: Some(String::new()),
            key: "0a0b0c0d".to_owned(),
            detail_hmac: Sha256([1; 32]),
            network_hmac: None,
            previous_hash: Sha256([2; 32]),
        }
    }

    #[test]
    fn every_column_counts() {
        let keys = AuditKeys::of(&SecretKeys::parse(&"0b".repeat(32)).expect("a key"));
        let key = keys.newest();
        let hash = entry().hash(key);
        let other = Sha256([9; 32]);
        for changed in [
            ChainedEntry { sequence: 8, ..entry() },
            ChainedEntry { at: Timestamp(1_001), ..entry() },
            ChainedEntry { action: "links_revokee".to_owned(), ..entry() },
            ChainedEntry { who_kind: "token".to_owned(), ..entry() },
            ChainedEntry { who_id: None, ..entry() },
            ChainedEntry { tenant: Some("beta".to_owned()), ..entry() },
            ChainedEntry { customer: Some("C-1".to_owned()), ..entry() },
            ChainedEntry { subject: None, ..entry() },
            ChainedEntry { subject: Some("x".to_owned()), ..entry() },
            ChainedEntry { key: "0a0b0c0e".to_owned(), ..entry() },
            ChainedEntry { detail_hmac: other, ..entry() },
            ChainedEntry { network_hmac: Some(other), ..entry() },
            ChainedEntry { previous_hash: other, ..entry() },
        ] {
            assert_ne!(changed.hash(key), hash, "{changed:?}");
        }
        // Computed independently (Python's hmac): a change here makes every log look edited.
        assert_eq!(hash.to_string(), "c2dfc6c35fe08ea24af098bb53ed9fb40552a0ad07b392971759a1fb121272cf");
    }

    #[test]
    fn details_are_covered_with_their_salt() {
        let keys = AuditKeys::default();
        let detail = AuditDetail { salt: vec![3; 16], name: "ada".to_owned(), reason: None, change: None };
        let hmac = detail.hmac(keys.newest());
        for changed in [
            AuditDetail { salt: vec![4; 16], ..detail.clone() },
            AuditDetail { name: "bob".to_owned(), ..detail.clone() },
            AuditDetail { reason: Some(String::new()), ..detail.clone() },
            AuditDetail { change: Some("{}".to_owned()), ..detail },
        ] {
            assert_ne!(changed.hmac(keys.newest()), hmac);
        }
    }
}
