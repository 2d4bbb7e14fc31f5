//! What of a customer's record is compared when they prove who they are: postcode and house number in one writing each,
//! and the country of the mobile number.
//!
//! A record and what a customer types are normalised by the same rules, so that `NL-1234 ab` is `1234AB`. The result is
//! kept beside the record with [`RULES_VERSION`], and computed anew when the rules change. What cannot be compared (a
//! P.O. box, a postcode of another form, no number) has no key: it is unusable, and never equal to anything.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secrets::HmacKeys;

/// The version of the rules in this file: raise it with each change of what a key is.
pub const RULES_VERSION: i64 = 1;

/// The purpose of the subkey that records are named with ([`VerificationKeys::hmac`]).
pub const RECORD_LABEL: &str = "invoice-dispatcher verification record v1";

/// A country's calling code: 49 of `+49 351 123456`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallingCode(pub u16);

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// What a customer is verified against, as it is compared. Does not show itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct VerificationKeys {
    /// By whose rules the postcode was written (ISO 3166-1 alpha-2).
    pub country: Option<String>,
    pub postcode: Option<String>,
    pub house_number: Option<String>,
    /// The mobile number on record (E.164).
    pub mobile: Option<String>,
    /// The SMS provider has refused that number for good.
    pub mobile_refused: bool,
}

impl VerificationKeys {
    /// The keys of a record.
    #[must_use]
    pub fn of(country: Option<&str>, postcode: Option<&str>, house_number: Option<&str>, mobile: Option<&str>) -> Self {
        Self {
            country: country.map(str::to_owned),
            postcode: postcode.and_then(|written| postcode_key(country, written)),
            house_number: house_number.and_then(house_number_key),
            mobile: mobile.map(str::to_owned),
            mobile_refused: false,
        }
    }

    /// Whether somebody who answers so knows postcode and house number. What is missing or unusable on record is answered
    /// by nothing.
    #[must_use]
    pub fn are_answered_by(&self, postcode: &str, house_number: &str) -> bool {
        let answer = Self::of(self.country.as_deref(), Some(postcode), Some(house_number), None);
        let is_equal = |own: &Option<String>, given: &Option<String>| own.is_some() && own == given;
        is_equal(&self.postcode, &answer.postcode) & is_equal(&self.house_number, &answer.house_number)
    }

    /// Names the record by an HMAC: what a verification was proven against. Another record has another name.
    #[must_use]
    pub fn hmac(&self, keys: &HmacKeys) -> [u8; 32] {
        keys.sign(&self.parts())
    }

    /// Whether `name` is this record's, under any of the keys.
    #[must_use]
    pub fn has_hmac(&self, keys: &HmacKeys, name: &[u8]) -> bool {
        keys.verify(&self.parts(), name)
    }

    fn parts(&self) -> [&[u8]; 3] {
        [&self.postcode, &self.house_number, &self.mobile].map(|part| part.as_deref().unwrap_or_default().as_bytes())
    }
}

impl fmt::Debug for VerificationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKeys")
            .field("country", &self.country)
            .field("postcode", &self.postcode.is_some())
            .field("house_number", &self.house_number.is_some())
            .field("mobile", &self.mobile.is_some())
            .field("mobile_refused", &self.mobile_refused)
            .finish()
    }
}

/// A postcode in the one writing in which it is compared, by the rules of `country` (ISO 3166-1 alpha-2); none if it is
/// no postcode of that country, or a P.O. box.
#[must_use]
pub fn postcode_key(country: Option<&str>, written: &str) -> Option<String> {
    let code = alphanumerics(without_country(written.trim()));
    if is_po_box(written) || is_po_box(&code) {
        return None;
    }
    let digits = |count: usize| code.len() == count && code.bytes().all(|c| c.is_ascii_digit());
    let is_one = match country.map(str::to_ascii_uppercase).as_deref() {
        Some("NL") => is_dutch(&code),
        Some("DE" | "FR") => digits(5),
        Some("BE" | "AT" | "LU" | "CH") => digits(4),
        // GB and IE mix letters and digits; of other countries no form is known here.
        _ => !code.is_empty(),
    };
    is_one.then_some(code)
}

/// `1234AB`.
fn is_dutch(code: &str) -> bool {
    code.len() == 6
        && code
            .bytes()
            .enumerate()
            .all(|(place, c)| if place < 4 { c.is_ascii_digit() } else { c.is_ascii_uppercase() })
}

/// A house number in the one writing in which it is compared: its first digits, without leading zeros. An addition
/// (`12a`, `12-3`, `12 bus 4`) does not count. None of a P.O. box.
#[must_use]
pub fn house_number_key(written: &str) -> Option<String> {
    if is_po_box(written) {
        return None;
    }
    let from = written.find(|c: char| c.is_ascii_digit())?;
    let digits = written[from..].split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    Some(digits.trim_start_matches('0').to_owned()).filter(|number| !number.is_empty())
}

/// The calling code of a mobile number in E.164.
///
/// The plan of [ITU-T E.164](https://www.itu.int/rec/T-REC-E.164): zones 1 and 7 have one digit, the codes listed here
/// two, all others three.
#[must_use]
pub fn calling_code_of(mobile: &str) -> Option<CallingCode> {
    const TWO_DIGITS: [u16; 43] = [
        20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61,
        62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95,
    ];
    let digits = mobile.strip_prefix('+')?;
    let first = |count: usize| {
        let code = digits.get(..count).filter(|code| code.bytes().all(|c| c.is_ascii_digit()))?;
        code.parse::<u16>().ok()
    };
    let (one, two) = (first(1)?, first(2)?);
    let code = match one {
        0 => return None,
        1 | 7 => one,
        _ if two == 98 || TWO_DIGITS.contains(&two) => two,
        _ => first(3)?,
    };
    Some(CallingCode(code))
}

/// Letters and digits, in capitals.
fn alphanumerics(text: &str) -> String {
    // In capitals first: some letters become two characters, of which one is no letter.
    text.chars().flat_map(char::to_uppercase).filter(|c| c.is_alphanumeric()).collect()
}

/// Without the letters that stand for a country, as in `D-01067`. Only with the hyphen: `L4X 1A1` begins with a letter of
/// its own.
fn without_country(written: &str) -> &str {
    const COUNTRIES: [&str; 8] = ["NL", "D", "DE", "B", "A", "L", "CH", "F"];
    let Some((before, after)) = written.split_once(['-', '\u{2010}', '\u{2011}', '\u{2013}']) else { return written };
    let before = before.trim_end();
    if COUNTRIES.iter().any(|country| country.eq_ignore_ascii_case(before)) { after } else { written }
}

/// Whether letters are fetched there: whoever knows a P.O. box's number need not live anywhere.
fn is_po_box(written: &str) -> bool {
    const ANYWHERE: [&str; 9] = [
        "postfach",
        "pobox",
        "postofficebox",
        "postbus",
        "boitepostale",
        "boîtepostale",
        "casepostale",
        "casellapostale",
        "apartado",
    ];
    // All that stands before the number: Boîte postale, Case postale, Course spéciale, Postfach.
    const ABBREVIATED: [&str; 4] = ["bp", "cp", "cs", "pf"];
    let letters =
        |text: &str| -> String { text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect() };
    let before_number =
        written.split(|c: char| c.is_ascii_digit()).next().filter(|before| before.len() < written.len());
    let all = letters(written);
    ANYWHERE.iter().any(|word| all.contains(word))
        || before_number.is_some_and(|before| ABBREVIATED.contains(&letters(before).as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretKeys;

    #[test]
    fn postcodes_are_written_in_one_way_by_country() {
        let cases = [
            (Some("NL"), "1234 ab", Some("1234AB")),
            (Some("NL"), "NL-1234AB", Some("1234AB")),
            (Some("NL"), "nl - 1234 AB", Some("1234AB")),
            (Some("NL"), "1234", None),
            (Some("NL"), "1234567", None),
            (Some("NL"), "12345A", None),
            (Some("DE"), "01067", Some("01067")),
            (Some("de"), " 010 67 ", Some("01067")),
            (Some("DE"), "D-01067", Some("01067")),
            (Some("DE"), "DE-01067", Some("01067")),
            (Some("DE"), "D01067", None),
            (Some("DE"), "1067", None),
            (Some("DE"), "01067 Dresden", None),
            (Some("BE"), "B-1000", Some("1000")),
            (Some("BE"), "1000", Some("1000")),
            (Some("AT"), "A-1010", Some("1010")),
            (Some("LU"), "L\u{2013}1234", Some("1234")),
            (Some("CH"), "CH-8001", Some("8001")),
            (Some("CH"), "80010", None),
            (Some("GB"), "sw1a 1aa", Some("SW1A1AA")),
            (Some("GB"), "SW1A1AA", Some("SW1A1AA")),
            (Some("IE"), "D02 x285", Some("D02X285")),
            (Some("FR"), "F-75001", Some("75001")),
            (Some("FR"), "75001", Some("75001")),
            (Some("FR"), "7500", None),
            (Some("PL"), "00-950", Some("00950")),
            (Some("SE"), "SE-111 22", Some("SE11122")),
            (None, "d-01067", Some("01067")),
            (None, "01067", Some("01067")),
            (None, "abc 1", Some("ABC1")),
            (None, "", None),
            (None, " - ", None),
            (None, "Postfach 12 34", None),
            (Some("GB"), "PO Box 9", None),
        ];
        for (country, written, expected) in cases {
            assert_eq!(postcode_key(country, written).as_deref(), expected, "{country:?} {written:?}");
        }
    }

    #[test]
    fn of_a_house_number_its_first_digits_count() {
        let cases = [
            ("12", Some("12")),
            ("12a", Some("12")),
            ("12-3", Some("12")),
            ("12 bus 4", Some("12")),
            ("12 bte 4", Some("12")),
            ("Haus 012", Some("12")),
            ("Nr. 7/9", Some("7")),
            ("BP Tankstelle 3", Some("3")),
            ("", None),
            ("s/n", None),
            ("0", None),
            ("Postfach 12 34", None),
            ("P.O. Box 12", None),
            ("Post Office Box 12", None),
            ("Postbus 90", None),
            ("BP 12", None),
            ("B.P. 12", None),
            ("Boîte Postale 12", None),
            ("Case postale 12", None),
            ("CS 12345", None),
            ("Pf. 12", None),
            ("٣", None),
        ];
        for (written, expected) in cases {
            assert_eq!(house_number_key(written).as_deref(), expected, "{written:?}");
        }
    }

    #[test]
    fn a_number_says_which_country_it_calls() {
        let cases = [
            ("+4915112345678", Some(49)),
            ("+31612345678", Some(31)),
            ("+35212345678", Some(352)),
            ("+35312345678", Some(353)),
            ("+12025550123", Some(1)),
            ("+79161234567", Some(7)),
            ("+420601123456", Some(420)),
            ("+989121234567", Some(98)),
            ("+99", None),
            ("+0151", None),
            ("4915112345678", None),
            ("+4", None),
            ("+é1234567", None),
        ];
        for (mobile, expected) in cases {
            assert_eq!(calling_code_of(mobile), expected.map(CallingCode), "{mobile}");
        }
    }

    #[test]
    fn an_answer_is_right_in_any_writing_and_never_where_nothing_is_on_record() {
        let keys = VerificationKeys::of(Some("NL"), Some("1234AB"), Some("12 bus 4"), None);
        for (postcode, house_number, expected) in [
            ("nl-1234 ab", "012a", true),
            ("1234AB", "12", true),
            ("1234AC", "12", false),
            ("1234AB", "13", false),
            ("1234AB", "", false),
            ("", "12", false),
            ("", "", false),
        ] {
            assert_eq!(keys.are_answered_by(postcode, house_number), expected, "{postcode} {house_number}");
        }
        for unusable in [
            VerificationKeys::default(),
            VerificationKeys::of(Some("DE"), Some("01067"), Some("Postfach 12"), None),
            VerificationKeys::of(Some("DE"), None, Some("12"), None),
        ] {
            for (postcode, house_number) in
                [("", ""), ("01067", ""), ("01067", "12"), ("01067", "Postfach 12"), ("", "12")]
            {
                assert!(!unusable.are_answered_by(postcode, house_number), "{unusable:?}");
            }
        }
    }

    #[test]
    fn another_record_has_another_name() {
        let keys = |text: &str| SecretKeys::parse(text).expect("keys").hmac_keys(RECORD_LABEL);
        let (older, newer) = ("0b".repeat(32), "07".repeat(32));
        let record = |postcode, house_number, mobile| VerificationKeys::of(Some("DE"), postcode, house_number, mobile);
        let one = record(Some("01067"), Some("12a"), Some("+4915112345678"));
        let name = one.hmac(&keys(&older));
        assert!(record(Some("D-01067"), Some("012"), Some("+4915112345678")).has_hmac(&keys(&older), &name));
        assert!(one.has_hmac(&keys(&format!("{newer},{older}")), &name), "a change of the secret keys changes nothing");
        assert!(!one.has_hmac(&keys(&newer), &name));
        for other in [
            record(Some("01067"), Some("13"), Some("+4915112345678")),
            record(Some("01067"), Some("12"), Some("+4915112345679")),
            record(Some("01067"), Some("12"), None),
            record(None, Some("12"), Some("+4915112345678")),
            VerificationKeys::default(),
        ] {
            assert!(!other.has_hmac(&keys(&older), &name), "{other:?}");
        }
        assert!(!format!("{one:?}").contains("01067") && !format!("{one:?}").contains("15112345678"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_normalised_stays_as_it_is(
            country in proptest::option::of("[A-Z]{2}|NL|DE|BE|GB|FR"),
            written in "\\PC{0,16}|[A-Z]{0,2}-?[0-9 ]{3,6}[a-z]{0,2}",
        ) {
            if let Some(key) = postcode_key(country.as_deref(), &written) {
                proptest::prop_assert_eq!(postcode_key(country.as_deref(), &key), Some(key));
            }
            if let Some(key) = house_number_key(&written) {
                proptest::prop_assert_eq!(house_number_key(&key), Some(key));
            }
        }

        #[test]
        fn any_number_has_a_calling_code_or_none(digits in "\\+[0-9]{0,15}|\\PC{0,16}") {
            if let Some(code) = calling_code_of(&digits) {
                proptest::prop_assert!(digits.starts_with(&code.to_string()));
            }
        }
    }
}
