//! The idempotency key that a request works under.

use uuid::Uuid;

use crate::sha256::Sha256;

/// An idempotency key, and the claim that one request has on it.
///
/// Whatever the request changes marks the key in the same transaction: the change is made under this claim or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedKey {
    /// Of who asks, the route and the key.
    pub id: Sha256,
    /// Of this request alone: it is worthless once another one has taken the key.
    pub claim: Uuid,
}
