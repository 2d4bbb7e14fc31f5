//! Which passwords may be chosen. Pure.
//!
//! Length, and nothing that is guessed first; no rules about kinds of characters, and no change after a while
//! ([NIST SP 800-63B-4 §3.1.1.2]).
//!
//! [NIST SP 800-63B-4 §3.1.1.2]: https://pages.nist.gov/800-63-4/sp800-63b.html

/// Characters at least.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Characters at most: a bound on what is hashed.
pub const PASSWORD_CHARS_MAX: usize = 200;

/// Different characters at least: `aaaaaaaaaaaa` and `121212121212` are no passwords.
const DIFFERENT_CHARS_MIN: usize = 5;

/// What passwords are made of that are guessed first: one of these with digits or signs around it is none.
const GUESSED_FIRST: [&str; 30] = [
    "password",
    "passwort",
    "passwd",
    "wachtwoord",
    "motdepasse",
    "qwerty",
    "qwertz",
    "azerty",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "letmein",
    "welcome",
    "welkom",
    "willkommen",
    "bienvenue",
    "iloveyou",
    "ichliebedich",
    "administrator",
    "admin",
    "changeme",
    "secret",
    "geheim",
    "master",
    "football",
    "monkey",
    "dragon",
    "sunshine",
    "invoice",
    "dispatcher",
];

/// Rows of keys and of the alphabet, along which fingers run.
const RUNS: [&str; 5] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
];

/// Why a password cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("has fewer than {PASSWORD_CHARS_MIN} characters")]
    Short,
    #[error("has more than {PASSWORD_CHARS_MAX} characters")]
    Long,
    #[error("repeats few characters")]
    Monotonous,
    #[error("is among the first that are guessed")]
    GuessedFirst,
    #[error("holds the name of the account")]
    HoldsAccount,
}

/// Whether somebody with this address may choose this password.
///
/// # Errors
/// [`WeakPassword`].
pub fn check_password(password: &str, address: &str) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length < PASSWORD_CHARS_MIN {
        return Err(WeakPassword::Short);
    }
    if length > PASSWORD_CHARS_MAX {
        return Err(WeakPassword::Long);
    }
    let lower = password.to_lowercase();
    let different: std::collections::BTreeSet<char> = lower.chars().collect();
    if different.len() < DIFFERENT_CHARS_MIN {
        return Err(WeakPassword::Monotonous);
    }
    let letters: String = lower.chars().filter(|c| c.is_alphabetic()).collect();
    let characters: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    let runs_along =
        |text: &str| !text.is_empty() && RUNS.iter().any(|run| run.contains(text) || reversed(run).contains(text));
    if GUESSED_FIRST.contains(&letters.as_str()) || runs_along(&characters) {
        return Err(WeakPassword::GuessedFirst);
    }
    let account = address.split('@').next().unwrap_or_default().to_lowercase();
    if account.chars().count() >= 4 && lower.contains(&account) && length < account.chars().count() + PASSWORD_CHARS_MIN
    {
        return Err(WeakPassword::HoldsAccount);
    }
    Ok(())
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_and_not_guessed_first_may_be_chosen() {
        for (password, expected) in [
            ("correct horse battery staple", Ok(())),
            ("Rechnungen gehen raus", Ok(())),
            ("zwölf Zeiche", Ok(())),
            ("zwölf Zeich", Err(WeakPassword::Short)),
            ("", Err(WeakPassword::Short)),
            ("Password2026!!", Err(WeakPassword::GuessedFirst)),
            ("  passwort 123456  ", Err(WeakPassword::GuessedFirst)),
            ("ADMINISTRATOR1", Err(WeakPassword::GuessedFirst)),
            ("123456789012", Err(WeakPassword::GuessedFirst)),
            ("qwertyuiopas", Err(WeakPassword::GuessedFirst)),
            ("lkjhgfdsapoi", Err(WeakPassword::GuessedFirst)),
            ("aaaaaaaaaaaaaaaa", Err(WeakPassword::Monotonous)),
            ("121212121212", Err(WeakPassword::Monotonous)),
            ("buchhaltung1!", Err(WeakPassword::HoldsAccount)),
            ("Buchhaltung im dritten Stock", Ok(())),
        ] {
            assert_eq!(check_password(password, "buchhaltung@acme.example"), expected, "{password:?}");
        }
        assert_eq!(check_password(&"abcdefg ".repeat(25), "x@acme.example"), Ok(()));
        assert_eq!(check_password(&"abcdefg ".repeat(26), "x@acme.example"), Err(WeakPassword::Long));
    }
}
