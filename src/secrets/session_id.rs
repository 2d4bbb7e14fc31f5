//! The identifier of a browser's session: a secret that the browser has and the database does not.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::sha256::Sha256;

/// Bytes of an identifier: too many to be guessed.
const ID_BYTES: usize = 32;

/// The identifier of a session. Shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId([u8; ID_BYTES]);

impl SessionId {
    /// A new one, from the system's randomness.
    ///
    /// # Panics
    /// If the system has no randomness: nothing that is secret could be made then.
    #[must_use]
    pub fn random() -> Self {
        let mut id = [0; ID_BYTES];
        SystemRandom::new().fill(&mut id).expect("the system has randomness");
        Self(id)
    }

    /// The one that a cookie's value is; none if it cannot be one.
    #[must_use]
    pub fn parse(cookie: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// As a cookie's value: 43 characters of base64url.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// As the database knows it. A plain digest is enough: 32 random bytes cannot be tried out.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_comes_back_from_its_cookie_and_shows_nothing() {
        let id = SessionId::random();
        assert_eq!(SessionId::parse(&id.to_cookie()), Some(id.clone()));
        assert_ne!(SessionId::random(), id);
        assert_eq!(format!("{id:?}"), "SessionId(…)");
        for wrong in ["", "x", &"A".repeat(42), &"A".repeat(44), &format!("{}=", id.to_cookie()), "\u{e9}"] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong:?}");
        }
    }
}
