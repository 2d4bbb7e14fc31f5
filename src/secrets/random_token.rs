//! Random tokens: whoever has one is let in, and the database knows its digest alone.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::base32;
use crate::sha256::Sha256;

/// Bytes of a token: too many to be guessed, so that a plain digest of it is enough.
const TOKEN_BYTES: usize = 32;

/// How a token of the API begins, so that scanners for leaked secrets find it.
const API_TOKEN_PREFIX: &str = "idt_";

/// Bytes of a recovery code: a person types it, and few are tried.
const RECOVERY_CODE_BYTES: usize = 10;

/// Bytes from the system's randomness.
///
/// # Panics
/// If the system has no randomness: nothing that is secret could be made then.
pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// What a program shows as `Authorization: Bearer`. Shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(String);

impl ApiToken {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{API_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_BYTES>())))
    }

    /// The one that a program shows; none if it cannot be one of these.
    #[must_use]
    pub fn parse(shown: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(shown.strip_prefix(API_TOKEN_PREFIX)?).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(shown.to_owned()))
    }

    /// How it begins: tells it from others, and is no help in guessing it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0[..API_TOKEN_PREFIX.len() + 4]
    }

    /// For the one time that it is shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As the database knows it.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }
}

/// What stands in the link of an invitation. Shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationToken([u8; TOKEN_BYTES]);

impl InvitationToken {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(random_bytes())
    }

    /// The one of a link; none if it cannot be one.
    #[must_use]
    pub fn parse(in_link: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(in_link).ok()?.try_into().ok().map(Self)
    }

    /// As it stands in the link: 43 characters of base64url.
    #[must_use]
    pub fn in_link(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// As the database knows it.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.0)
    }
}

/// What stands in for an authenticator app, once. Shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(base32::encode(&random_bytes::<RECOVERY_CODE_BYTES>()))
    }

    /// The one that somebody typed: case, spaces and hyphens do not count. None if it cannot be one.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let is_between = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2014}' | '\u{2212}');
        let length = RECOVERY_CODE_BYTES * 8 / 5;
        let code: String = typed.chars().filter(|c| !is_between(*c)).take(length + 1).collect();
        let code = code.to_ascii_uppercase();
        (code.len() == length && code.bytes().all(base32::is_digit)).then_some(Self(code))
    }

    /// In groups of four: `ABCD-EFGH-IJKL-MNOP`.
    #[must_use]
    pub fn shown(&self) -> String {
        base32::grouped(&self.0, '-')
    }

    /// As the database knows it.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }
}

macro_rules! shows_nothing {
    ($($name:ident),+) => {
        $(
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(concat!(stringify!($name), "(…)"))
                }
            }
        )+
    };
}
shows_nothing!(ApiToken, InvitationToken, RecoveryCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_api_says_what_it_is_and_comes_back_from_its_text() {
        let token = ApiToken::random();
        assert!(token.expose().starts_with("idt_") && token.expose().len() == 47);
        assert_eq!(ApiToken::parse(token.expose()), Some(token.clone()));
        assert_ne!(ApiToken::random(), token);
        let bare = &token.expose()[4..];
        for wrong in ["", "idt_", bare, &format!("idt_{}", &bare[1..]), &format!("{}A", token.expose()), "idt_\u{e9}"] {
            assert_eq!(ApiToken::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(format!("{token:?}"), "ApiToken(…)");
    }

    #[test]
    fn an_invitation_comes_back_from_its_link() {
        let token = InvitationToken::random();
        assert_eq!(InvitationToken::parse(&token.in_link()), Some(token.clone()));
        for wrong in ["", "x", &"A".repeat(42), &"A".repeat(44)] {
            assert_eq!(InvitationToken::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(format!("{token:?}"), "InvitationToken(…)");
    }

    #[test]
    fn a_recovery_code_may_be_typed_as_people_type() {
        let code = RecoveryCode::random();
        let shown = code.shown();
        assert_eq!((shown.len(), shown.matches('-').count()), (19, 3));
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('-', "")] {
            assert_eq!(RecoveryCode::parse(&typed), Some(code.clone()), "{typed}");
        }
        for wrong in ["", "ABCD", "ABCD-EFGH-IJKL-MNO1", "ABCD-EFGH-IJKL-MNOPQ", "0123-4567-89AB-CDEF"] {
            assert_eq!(RecoveryCode::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(format!("{code:?}"), "RecoveryCode(…)");
    }
}
