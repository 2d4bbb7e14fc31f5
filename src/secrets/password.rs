//! Passwords, as the database keeps them: argon2id ([RFC 9106]) with a salt of its own each.
//!
//! What is kept is a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$salt$hash`): the costs stand in it, so that they can be
//! raised later and what was made with others is still compared. Both directions take some 20 to 50 ms of a core and 19 MiB:
//! call them where few run at once.
//!
//! [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use icu_normalizer::ComposingNormalizerBorrowed;
use secrecy::{ExposeSecret, SecretString};

use super::random_token::random_bytes;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const COSTS: Costs = Costs { memory_kib: 19_456, passes: 2, lanes: 1 };

/// What is read back may cost so much at most: a changed row must not take the machine's memory.
const COSTS_MAX: Costs = Costs { memory_kib: 262_144, passes: 16, lanes: 4 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Costs {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A password as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Of a new password.
    #[must_use]
    pub fn of(password: &SecretString) -> Self {
        let salt: [u8; SALT_BYTES] = random_bytes();
        let hash = hash(password, &salt, COSTS).expect("our own costs are within argon2's bounds");
        let Costs { memory_kib, passes, lanes } = COSTS;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        Self(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"))
    }

    /// One that no password has, and that costs as much to compare: for accounts that are not there.
    #[must_use]
    pub fn of_nobody() -> Self {
        let Costs { memory_kib, passes, lanes } = COSTS;
        let (salt, hash) = (STANDARD_NO_PAD.encode([0; SALT_BYTES]), STANDARD_NO_PAD.encode([0; HASH_BYTES]));
        Self(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"))
    }

    /// As it stands in the database.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this password's; never, if the text is no hash of ours.
    #[must_use]
    pub fn is_of(&self, password: &SecretString) -> bool {
        let Some((costs, salt, expected)) = self.parts() else { return false };
        let Some(actual) = hash(password, &salt, costs) else { return false };
        // The same time wherever they differ.
        expected.iter().zip(actual).fold(0, |different, (one, other)| different | (one ^ other)) == 0
    }

    /// Whether it was made with other costs than today's, and is to be made anew when the password is known.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.parts().is_none_or(|(costs, _, _)| costs != COSTS)
    }

    fn parts(&self) -> Option<(Costs, Vec<u8>, [u8; HASH_BYTES])> {
        let rest = self.0.strip_prefix("$argon2id$v=19$")?;
        let (costs, rest) = rest.split_once('$')?;
        let (salt, hash) = rest.split_once('$')?;
        let mut costs = costs.split(',');
        let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
        let costs = Costs { memory_kib: cost("m")?, passes: cost("t")?, lanes: cost("p")? };
        let is_bounded = costs.memory_kib <= COSTS_MAX.memory_kib
            && costs.passes <= COSTS_MAX.passes
            && costs.lanes <= COSTS_MAX.lanes;
        let hash = STANDARD_NO_PAD.decode(hash).ok()?.try_into().ok()?;
        is_bounded.then_some((costs, STANDARD_NO_PAD.decode(salt).ok()?, hash))
    }
}

/// None if argon2 refuses the costs or the salt.
fn hash(password: &SecretString, salt: &[u8], costs: Costs) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(HASH_BYTES)).ok()?;
    // Keyboards compose an ä in two ways (NIST SP 800-63B-4 §3.1.1.2).
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(password.expose_secret());
    let mut hash = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(composed.as_bytes(), salt, &mut hash)
        .ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let hash = PasswordHash::of(&password("correct horse battery"));
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash:?}");
        assert!(hash.is_of(&password("correct horse battery")));
        for wrong in ["", "correct horse batter", "Correct horse battery", "correct horse battery "] {
            assert!(!hash.is_of(&password(wrong)), "{wrong:?}");
        }
        assert_ne!(PasswordHash::of(&password("correct horse battery")), hash, "each has a salt of its own");
        assert!(!hash.is_outdated());
        let composed = PasswordHash::of(&password("zw\u{f6}lf Zeichen"));
        assert!(composed.is_of(&password("zwo\u{308}lf Zeichen")), "the same, typed on another keyboard");
    }

    #[test]
    fn what_others_have_made_is_compared_by_its_own_costs() {
        // A vector of the reference implementation (phc-winner-argon2, src/test.c).
        let text = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let hash = PasswordHash::from_text(text.to_owned());
        assert!(hash.is_of(&password("password")) && !hash.is_of(&password("passwore")));
        assert!(hash.is_outdated());
    }

    #[test]
    fn what_is_no_hash_is_nobodys() {
        let good = PasswordHash::of(&password("x"));
        for text in [
            "",
            "x",
            "$argon2id$v=19$m=19456,t=2,p=1$",
            &good.as_str().replace("argon2id", "argon2i"),
            &good.as_str().replace("m=19456", "m=4294967295"),
            &good.as_str().replace("m=19456", "m=-1"),
            &good.as_str()[..good.as_str().len() - 1],
        ] {
            let hash = PasswordHash::from_text(text.to_owned());
            assert!(!hash.is_of(&password("x")) && hash.is_outdated(), "{text}");
        }
        assert!(!PasswordHash::of_nobody().is_of(&password("")));
        assert!(!PasswordHash::of_nobody().is_outdated(), "it costs what the others cost");
    }
}
