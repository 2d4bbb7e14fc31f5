//! Checks of single values, for events and for the catalogue: what passes here, PostgreSQL takes too.

use std::fmt;

use super::{Malformed, language_tag};
use crate::clean;
use crate::clock::Timestamp;

/// Lengths are counted in characters, except where a name says bytes.
pub const KEY_MAX: usize = 255;
/// The longest name of a person, a company or a file.
pub const NAME_MAX: usize = 255;
/// The longest mail address: 64 before the @ and 255 after it (RFC 5321 §4.5.3.1).
pub const ADDRESS_MAX: usize = 320;
/// The longest key in the document store. (S3 takes 1024.)
pub const OBJECT_BYTES_MAX: usize = 512;

/// The years that a date or a moment may have.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;
/// 2200-01-01T00:00:00Z in milliseconds.
const MOMENT_END_MS: i64 = 7_258_118_400_000;

/// Text that may be empty.
///
/// # Errors
/// If it is longer than `length_max` characters or contains NUL, which PostgreSQL refuses.
pub fn loose_text(path: impl fmt::Display, text: &str, length_max: usize) -> Result<(), Malformed> {
    // The length in bytes bounds the length in characters: most texts need no counting.
    if text.len() > length_max && text.chars().count() > length_max {
        return Err(Malformed::at(path, format!("is longer than {length_max} characters")));
    }
    if text.contains('\0') {
        return Err(Malformed::at(path, "contains the character NUL"));
    }
    Ok(())
}

/// Text that says something.
///
/// # Errors
/// As [`loose_text`], and if it is blank.
pub fn text(path: impl fmt::Display, text: &str, length_max: usize) -> Result<(), Malformed> {
    if text.trim().is_empty() {
        return Err(Malformed::at(path, "is empty"));
    }
    loose_text(path, text, length_max)
}

/// One line of text, which may be empty: a name that is cleaned where people read it.
///
/// # Errors
/// As [`loose_text`], and if it contains control characters.
pub fn name(path: impl fmt::Display, text: &str, length_max: usize) -> Result<(), Malformed> {
    loose_text(&path, text, length_max)?;
    if text.contains(char::is_control) {
        return Err(Malformed::at(path, "contains a control character"));
    }
    Ok(())
}

/// One line of text, which may be empty, and which people read as it is: a number or a reference.
///
/// # Errors
/// As [`name`], and if it contains characters that cleaning would drop: an email would show another number.
pub fn line(path: impl fmt::Display, text: &str, length_max: usize) -> Result<(), Malformed> {
    name(&path, text, length_max)?;
    match text.chars().find(|c| clean::is_dropped(*c)) {
        Some(c) => {
            let problem = format!("contains the invisible character U+{:04X}", u32::from(c));
            Err(Malformed::at(path, problem))
        }
        None => Ok(()),
    }
}

/// An identifier of another system: compared, never cleaned, so it has no invisible characters.
///
/// # Errors
/// As [`text`] and [`line`], and if it begins or ends with white space.
pub fn identifier(path: impl fmt::Display, value: &str, length_max: usize) -> Result<(), Malformed> {
    text(&path, value, length_max)?;
    line(&path, value, length_max)?;
    if value.trim().len() != value.len() {
        return Err(Malformed::at(path, "begins or ends with white space"));
    }
    Ok(())
}

/// A language tag (BCP 47), brought into its canonical form.
///
/// # Errors
/// If it is none.
pub fn locale(path: impl fmt::Display, tag: &mut String) -> Result<(), Malformed> {
    *tag =
        language_tag::canonical(tag).ok_or_else(|| Malformed::at(path, "is not a language tag (BCP 47) like de-DE"))?;
    Ok(())
}

/// A moment that an invoice may have to do with.
///
/// # Errors
/// If it lies before 1970 or after 2199.
pub fn moment(path: impl fmt::Display, moment: Timestamp) -> Result<(), Malformed> {
    if (0..MOMENT_END_MS).contains(&moment.0) { Ok(()) } else { Err(implausible(path)) }
}

/// A date that an invoice may have to do with.
///
/// # Errors
/// If it lies before 1970 or after 2199.
pub fn date(path: impl fmt::Display, date: jiff::civil::Date) -> Result<(), Malformed> {
    if YEARS.contains(&date.year()) { Ok(()) } else { Err(implausible(path)) }
}

fn implausible(path: impl fmt::Display) -> Malformed {
    Malformed::at(path, format!("is not between the years {} and {}", YEARS.start(), YEARS.end()))
}

/// A key in the document store: segments with `/` between them, and no way out.
///
/// # Errors
/// If it is a URL, absolute, leaves its folder by `.` or `..`, or has characters that no key needs.
pub fn object_key(path: impl fmt::Display, key: &str) -> Result<(), Malformed> {
    let problem = if key.is_empty() {
        "is empty"
    } else if key.len() > OBJECT_BYTES_MAX {
        return Err(Malformed::at(path, format!("is longer than {OBJECT_BYTES_MAX} bytes")));
    } else if key.contains("://") {
        "is a URL; it must be a key in the document store"
    } else if key.starts_with('/') {
        "begins with /; it must be a key in the document store"
    } else if key.contains('\\') {
        "contains a backslash; segments of a key are separated by /"
    } else if key.contains(char::is_control) {
        "contains a control character"
    } else if key.split('/').any(str::is_empty) {
        "has an empty segment"
    } else if key.split('/').any(|segment| matches!(segment, "." | "..")) {
        "has a segment . or .., which could leave the tenant's folder"
    } else {
        return Ok(());
    };
    Err(Malformed::at(path, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(loose_text("x", &"ä".repeat(255), 255).is_ok());
        assert!(loose_text("x", &"ä".repeat(256), 255).is_err());
        assert!(loose_text("x", "a\0b", 255).is_err());
        assert!(loose_text("x", "line\r\nline", 255).is_ok(), "cleaned when it is shown");
        assert!(text("x", " \u{a0}", 255).is_err());
        for broken in ["R-1\nR-2", "R\t1", "\u{1b}[2J", "\u{7f}", "\u{9b}31m"] {
            assert!(line("x", broken, 255).is_err(), "{broken:?}");
        }
        assert!(line("x", "", 255).is_ok() && line("x", " Käufer & Söhne ", 255).is_ok());
        assert!(identifier("x", "a\u{85}b", 255).is_err());
        for hidden in ['\u{ad}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2060}', '\u{2069}', '\u{feff}'] {
            let number = format!("R-{hidden}1");
            let refused = line("data.invoice.number", &number, 128).expect_err("an email would show R-1").to_string();
            let expected = format!("data.invoice.number: contains the invisible character U+{:04X}", u32::from(hidden));
            assert_eq!(refused, expected);
            assert!(identifier("x", &number, 255).is_err(), "{number:?}");
            assert_eq!(name("x", &number, 255), Ok(()), "a name is cleaned");
        }
        for shown in ["R-1/2026 №5", "請求書-2", "نمی\u{200c}خواهم", "R\u{a0}1"] {
            assert_eq!(line("x", shown, 255), Ok(()), "{shown}");
        }
        assert!(identifier("x", "a ", 255).is_err());
    }

    #[test]
    fn a_key_stays_in_its_folder() {
        for key in ["acme/2026/R-1.pdf", "acme/Rechnung Müller & Söhne.pdf", "a/..b/c..", "a/%2e%2e/b", "x"] {
            assert_eq!(object_key("object", key), Ok(()), "{key}");
        }
        for key in [
            "",
            "/etc/passwd",
            "a/../b",
            "..",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "https://a.example/b",
            "s3://b/k",
            "a\\..\\b",
            "a\nb",
            "a\0b",
        ] {
            assert!(object_key("object", key).is_err(), "{key}");
        }
        assert!(object_key("object", &"x".repeat(513)).is_err());
    }

    #[test]
    fn the_last_moment_is_the_end_of_2199() {
        let end = Timestamp::parse("2200-01-01T00:00:00Z").expect("a moment");
        assert_eq!(end.0, MOMENT_END_MS);
        assert!(moment("time", end).is_err());
        assert!(moment("time", Timestamp(end.0 - 1)).is_ok());
    }
}
