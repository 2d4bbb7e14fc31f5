//! By what an installation's portal is known from outside.

/// Where the portal says whose it is ([RFC 8615](https://www.rfc-editor.org/rfc/rfc8615)).
pub const PORTAL_ANSWER_PATH: &str = "/.well-known/invoice-dispatcher";

/// What it answers there: the fingerprint of the newest link key, which names the key and tells nothing of it.
#[must_use]
pub fn portal_answer(fingerprint: &str) -> String {
    format!("invoice-dispatcher portal {fingerprint}")
}
