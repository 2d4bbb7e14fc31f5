//! What may stand as an address in an envelope or a header.
//!
//! Stricter than [RFC 5321 §4.1.2]: no quoted local parts and no address literals. Invoices are not sent to such
//! an address, and without them no address can hold a space, a comma or an angle bracket: nothing from an event can
//! add a recipient, a header or an SMTP command.
//!
//! [RFC 5321 §4.1.2]: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2

use std::fmt;

use lettre::Address;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// The longest local part, in octets ([RFC 5321 §4.5.3.1.1](https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1)).
const LOCAL_PART_OCTETS_MAX: usize = 64;
/// The longest address: a path of 256 octets ([RFC 5321 §4.5.3.1.3]) less its angle brackets.
///
/// [RFC 5321 §4.5.3.1.3]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.3
const ADDRESS_OCTETS_MAX: usize = 254;

/// A mail address that has been checked; its domain is ASCII, an internationalised one as A-labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MailAddress(Address);

/// Why a text is no address; a fragment that fits "the address cannot be used: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum InvalidAddress {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// No `@`.
    #[error("it has no @")]
    AtMissing,
    /// Longer than SMTP allows.
    #[error("it is longer than 254 octets, or its part before the @ longer than 64")]
    TooLong,
    /// Two addresses or more.
    #[error("it holds more than one address; write a recipient for each")]
    Several,
    /// A name and an address in angle brackets.
    #[error("it holds more than the address; write the address alone, and a name in a field of its own")]
    Named,
    /// What stands before the `@`.
    #[error("the part before the @ may only hold letters, digits, single dots and !#$%&'*+-/=?^_`{{|}}~")]
    LocalPart,
    /// What stands after the `@`.
    #[error("the part after the @ is not a domain name")]
    Domain,
}

impl MailAddress {
    /// Checks an address and makes A-labels of an internationalised domain
    /// ([RFC 5891](https://www.rfc-editor.org/rfc/rfc5891)). White space around it is ignored, line ends too: a field
    /// of a file often ends with one.
    ///
    /// # Errors
    /// [`InvalidAddress`] with the first fault.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidAddress::Empty);
        }
        if holds_several(text) {
            return Err(InvalidAddress::Several);
        }
        if text.contains('<') && text.ends_with('>') {
            return Err(InvalidAddress::Named);
        }
        if text.len() > ADDRESS_OCTETS_MAX {
            return Err(InvalidAddress::TooLong);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidAddress::AtMissing)?;
        check_local_part(local)?;
        let domain = ascii_domain(domain).ok_or(InvalidAddress::Domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_OCTETS_MAX {
            return Err(InvalidAddress::TooLong);
        }
        Address::new(local, &domain).map(Self).map_err(|_| InvalidAddress::LocalPart)
    }

    /// The address as it stands in envelope and header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// What two ways of writing one mailbox share. RFC 5321 §2.4 lets a host tell `One` from `one`; none is known that
    /// does.
    #[must_use]
    pub fn mailbox(&self) -> String {
        self.as_str().to_lowercase()
    }

    /// The domain, ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// Whether only a relay with SMTPUTF8 ([RFC 6531](https://www.rfc-editor.org/rfc/rfc6531)) can take it: its local
    /// part, for which no ASCII form exists, is not ASCII.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.0.user().is_ascii()
    }

    /// The address for an envelope.
    #[must_use]
    pub fn to_lettre(&self) -> Address {
        self.0.clone()
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether several addresses stand in it, as in a field of a form: with a comma, a semicolon or white space between.
fn holds_several(text: &str) -> bool {
    let is_separator = |c: char| matches!(c, ',' | ';') || c.is_whitespace();
    text.split(is_separator).filter(|part| part.contains('@')).nth(1).is_some()
}

/// A dot-atom ([RFC 5322 §3.2.3]), or letters and digits of other scripts ([RFC 6532 §3.2]).
///
/// [RFC 5322 §3.2.3]: https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3
/// [RFC 6532 §3.2]: https://www.rfc-editor.org/rfc/rfc6532#section-3.2
fn check_local_part(local: &str) -> Result<(), InvalidAddress> {
    if local.len() > LOCAL_PART_OCTETS_MAX {
        return Err(InvalidAddress::TooLong);
    }
    let is_atext = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)) {
        Ok(())
    } else {
        Err(InvalidAddress::LocalPart)
    }
}

/// The domain as ASCII: A-labels ([RFC 5890 §2.3.2.1]) of letters, digits and hyphens, within the bounds of DNS.
///
/// [RFC 5890 §2.3.2.1]: https://www.rfc-editor.org/rfc/rfc5890#section-2.3.2.1
#[must_use]
pub fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_is_number = ascii.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    (ascii.len() <= 253 && ascii.split('.').all(is_label) && !last_is_number).then_some(ascii)
}

/// An address as SMTP spells it, so that a recipient is found by what the relay was asked for: the domain as A-label.
/// What is none is left as it is.
#[must_use]
pub fn in_smtp(text: &str) -> String {
    MailAddress::parse(text).map_or_else(|_| text.to_owned(), |address| address.to_lettre().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_addresses_are_taken_with_an_ascii_domain() {
        for (text, expected) in [
            ("ap@customer.example", "ap@customer.example"),
            (" ap@customer.example ", "ap@customer.example"),
            ("ap@customer.example\n", "ap@customer.example"),
            ("\t\u{a0}ap@customer.example\r\n\r\n", "ap@customer.example"),
            ("AP+rechnung@Customer.EXAMPLE", "AP+rechnung@customer.example"),
            ("o'brien@example.ie", "o'brien@example.ie"),
            ("rechnung@käufer-söhne.example", "rechnung@xn--kufer-shne-t5a6r.example"),
            ("buchhaltung@straße.example", "buchhaltung@xn--strae-oqa.example"),
            ("müller@example.de", "müller@example.de"),
            ("a@localhost", "a@localhost"),
        ] {
            let address = MailAddress::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert!(address.domain().is_ascii());
            if text.contains("käufer") {
                assert!(address.as_str().starts_with("rechnung@xn--"), "{address}");
            } else {
                assert_eq!(address.as_str(), expected);
            }
        }
    }

    #[test]
    fn only_a_local_part_beyond_ascii_needs_smtputf8() {
        assert!(MailAddress::parse("müller@example.de").unwrap().needs_smtputf8());
        assert!(!MailAddress::parse("mueller@müller.de").unwrap().needs_smtputf8());
    }

    #[test]
    fn what_could_say_more_than_one_address_is_refused() {
        for text in [
            "",
            "   ",
            "nobody",
            "@example.com",
            "a@",
            "a@b>, <evil@e",
            "a@b, evil@e",
            "a@b\r\nBcc: evil@e",
            "a\r\nRCPT TO:<evil@e>@b",
            "a@b\0",
            "a b@c",
            "\"a b\"@c",
            "\"a>, <evil@e\"@c",
            "<a@b>",
            "Name <a@b>",
            "a@b c",
            "a..b@c",
            ".a@c",
            "a.@c",
            "a@b..c",
            "a@-b.c",
            "a@b_c.d",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@b@c",
            "a\u{202e}b@c.example",
            "a\u{a0}b@c.example",
            "a@b\u{2028}c",
        ] {
            assert!(MailAddress::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(MailAddress::parse(&format!("{}@b.example", "a".repeat(65))).unwrap_err(), InvalidAddress::TooLong);
        assert_eq!(MailAddress::parse(&format!("a@{}.example", "b".repeat(250))).unwrap_err(), InvalidAddress::TooLong);
    }

    #[test]
    fn a_fault_says_what_people_see() {
        for (text, expected) in [
            (" \n", InvalidAddress::Empty),
            ("a@x.example; b@y.example", InvalidAddress::Several),
            ("a@x.example,b@y.example", InvalidAddress::Several),
            ("a@x.example b@y.example", InvalidAddress::Several),
            ("a@x.example\r\nb@y.example", InvalidAddress::Several),
            ("A <a@x.example>, B <b@y.example>", InvalidAddress::Several),
            ("Accounts Payable <ap@customer.example>", InvalidAddress::Named),
            ("<ap@customer.example>", InvalidAddress::Named),
            ("a@b@c", InvalidAddress::LocalPart),
            ("a b@c", InvalidAddress::LocalPart),
            ("a@b c", InvalidAddress::Domain),
            ("ap(at)customer.example", InvalidAddress::AtMissing),
        ] {
            assert_eq!(MailAddress::parse(text), Err(expected), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_is_one_word_with_an_ascii_domain(text in "\\PC{0,20}[@<>, \r\n\"]{0,3}\\PC{0,20}") {
            if let Ok(address) = MailAddress::parse(&text) {
                let bad = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
                proptest::prop_assert!(!address.as_str().contains(bad), "{address:?}");
                proptest::prop_assert!(address.domain().is_ascii());
                proptest::prop_assert_eq!(&MailAddress::parse(address.as_str()).expect("it reads back"), &address);
            }
        }
    }
}
