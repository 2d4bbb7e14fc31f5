//! One-time codes: six digits that a text message carries.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// Six digits as text: `012345` has a zero at its front. Does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// A new one, from the system's randomness; each is as likely as any other.
    ///
    /// # Panics
    /// If the system has no randomness: nothing that is secret could be made then.
    #[must_use]
    pub fn random() -> Self {
        let random = SystemRandom::new();
        loop {
            let mut bytes = [0; 4];
            random.fill(&mut bytes).expect("the system has randomness");
            if let Some(code) = Self::from_draw(u32::from_be_bytes(bytes)) {
                return code;
            }
        }
    }

    /// The code of a draw; none of the few draws at the end, by which the first codes would be likelier than the others.
    fn from_draw(draw: u32) -> Option<Self> {
        const USABLE: u32 = u32::MAX / CODES * CODES;
        (draw < USABLE).then(|| Self(format!("{:06}", draw % CODES)))
    }

    /// The code that somebody typed or pasted: spaces and hyphens do not count. None if it is no six digits.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let is_between = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2014}' | '\u{2212}');
        let digits: String = typed.chars().filter(|c| !is_between(*c)).take(7).collect();
        (digits.len() == 6 && digits.bytes().all(|c| c.is_ascii_digit())).then_some(Self(digits))
    }

    /// The six digits, for the text message and for the comparison.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_with_its_zeros() {
        let code = |draw| OneTimeCode::from_draw(draw).map(|code| code.digits().to_owned());
        assert_eq!(code(7).as_deref(), Some("000007"));
        assert_eq!(code(1_012_345).as_deref(), Some("012345"));
        assert_eq!(code(4_293_999_999).as_deref(), Some("999999"));
        assert_eq!(code(4_294_000_000), None, "it would make 000000 likelier");
        assert_eq!(code(u32::MAX), None);
        let random = OneTimeCode::random();
        assert_eq!(OneTimeCode::parse(random.digits()), Some(random.clone()));
        assert_eq!(format!("{random:?}"), "OneTimeCode");
    }

    #[test]
    fn what_is_typed_may_have_spaces_and_hyphens() {
        for typed in ["012345", " 012 345 ", "012-345", "01 23\u{a0}45", "012\u{2013}345\n"] {
            assert_eq!(OneTimeCode::parse(typed).as_ref().map(OneTimeCode::digits), Some("012345"), "{typed:?}");
        }
        for typed in ["", "12345", "0123456", "01234a", "٠١٢٣٤٥", &"0".repeat(1_000)] {
            assert_eq!(OneTimeCode::parse(typed), None, "{typed:?}");
        }
    }
}
