//! Makes texts from outside fit to be seen: names, lines and file names.
//!
//! Nothing that passes here can break a line, turn the direction of writing, or hide characters.

use std::fmt::Write as _;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use crate::event::MediaType;

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 120;
/// The longest file name, in characters, extension included.
pub const FILE_NAME_CHARS_MAX: usize = 31;

/// A name for people: NFC, one line, no control or bidi characters, at most [`NAME_CHARS_MAX`] characters.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME_CHARS_MAX)
}

/// One line of text: NFC, single spaces, no control or bidi characters, at most `chars_max` characters.
#[must_use]
pub fn line(text: &str, chars_max: usize) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, ' ' | '\u{2028}' | '\u{2029}') {
            if !words.is_empty() && !words.ends_with(' ') {
                words.push(' ');
            }
        } else if !is_invisible(c) {
            words.push(c);
        }
    }
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&words);
    let cut = composed.char_indices().nth(chars_max).map_or(composed.len(), |(at, _)| at);
    composed[..cut].trim_end_matches(' ').to_owned()
}

/// Several lines of text, each cleaned; empty ones are dropped.
#[must_use]
pub fn lines(text: &str, lines_max: usize, chars_max: usize) -> Vec<String> {
    text.lines().map(|text| line(text, chars_max)).filter(|line| !line.is_empty()).take(lines_max).collect()
}

/// Characters that change what is read without being seen: bidi controls ([UAX #9]), zero-width and tag characters.
///
/// The zero-width joiners U+200C and U+200D stay: names in Persian and Indic scripts are written with them.
///
/// [UAX #9]: https://www.unicode.org/reports/tr9/
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The file names of a mail's attachments, one for each `(name, media type)`, in order.
///
/// Each is ASCII, `[A-Za-z0-9._-]`, at most [`FILE_NAME_CHARS_MAX`] characters, has its media type's extension, is
/// neither hidden nor a device of Windows, and differs from the others in more than case.
#[must_use]
pub fn file_names<'a>(wanted: impl IntoIterator<Item = (&'a str, MediaType)>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for (name, media_type) in wanted {
        let extension = media_type.extension();
        let stem = stem(name, media_type);
        let mut file_name = with_suffix(&stem, "", extension);
        let mut count = 1_u32;
        while taken.iter().any(|other| other.eq_ignore_ascii_case(&file_name)) {
            count += 1;
            file_name = with_suffix(&stem, &format!("-{count}"), extension);
        }
        taken.push(file_name);
    }
    taken
}

/// `stem`, shortened as far as needed, `suffix` and extension.
fn with_suffix(stem: &str, suffix: &str, extension: &str) -> String {
    let room = FILE_NAME_CHARS_MAX - suffix.len() - 1 - extension.len();
    let short = stem[..stem.len().min(room)].trim_end_matches(is_joint);
    format!("{short}{suffix}.{extension}")
}

/// The name without folders and extension, in the characters that every system takes.
fn stem(name: &str, media_type: MediaType) -> String {
    let name = line(name, 255);
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = strip_extension(name, media_type);
    let mut ascii = String::with_capacity(stem.len());
    for c in stem.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' => ascii.push(c),
            '.' | '-' | '_' if !ascii.ends_with(is_joint) => ascii.push(c),
            '.' | '-' | '_' => {}
            _ if c.is_whitespace() && !ascii.ends_with(is_joint) => ascii.push('_'),
            _ if c.is_whitespace() => {}
            _ => transliterate(c, &mut ascii),
        }
    }
    let ascii = ascii.trim_matches(is_joint);
    match ascii {
        "" => "document".to_owned(),
        _ if is_device(ascii) => format!("document-{ascii}"),
        _ => ascii.to_owned(),
    }
}

const fn is_joint(c: char) -> bool {
    matches!(c, '.' | '-' | '_')
}

/// Takes off the extension of any type that a mail may carry, so that a wrong one cannot stand before the right one.
fn strip_extension(name: &str, media_type: MediaType) -> &str {
    let Some((stem, extension)) = name.rsplit_once('.') else { return name };
    let known = |known: &MediaType| extension.eq_ignore_ascii_case(known.extension());
    let is_jpeg = media_type == MediaType::Jpeg && extension.eq_ignore_ascii_case("jpeg");
    if MediaType::ALL.iter().any(known) || is_jpeg { stem } else { name }
}

/// The usual ASCII spelling of a letter: two letters where a language has that custom, else without its accent.
fn transliterate(c: char, ascii: &mut String) {
    let spelling = match c {
        'ä' | 'æ' => "ae",
        'ö' | 'ø' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'Ä' | 'Æ' => "Ae",
        'Ö' | 'Ø' | 'Œ' => "Oe",
        'Ü' => "Ue",
        'ẞ' => "SS",
        'å' => "aa",
        'Å' => "Aa",
        'þ' => "th",
        'Þ' => "Th",
        'ð' | 'đ' => "d",
        'Ð' | 'Đ' => "D",
        'ł' => "l",
        'Ł' => "L",
        'ı' => "i",
        '€' => "EUR",
        _ => "",
    };
    match spelling {
        "" => {
            let mut buffer = [0; 4];
            let decomposed =
                DecomposingNormalizerBorrowed::new_nfd().normalize(c.encode_utf8(&mut buffer)).into_owned();
            match decomposed.chars().next() {
                Some(base) if base.is_ascii_alphanumeric() => ascii.push(base),
                // A combining mark alone, or a letter of another script: a joint stands for it.
                _ if !ascii.ends_with(is_joint) => ascii.push('-'),
                _ => {}
            }
        }
        letters => {
            // Writing to a String cannot fail.
            let _ = ascii.write_str(letters);
        }
    }
}

/// Names that Windows gives to devices, whatever follows the first dot.
fn is_device(stem: &str) -> bool {
    let first = stem.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        first.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    matches!(first.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_one_visible_line() {
        for (text, expected) in [
            ("Käufer & Söhne OHG", "Käufer & Söhne OHG"),
            ("Ka\u{308}ufer", "Käufer"),
            ("  two   spaces \t", "two spaces"),
            ("Evil\r\nBcc: x@y", "Evil Bcc: x@y"),
            ("a\u{202e}gpj.exe\u{202c}", "agpj.exe"),
            ("a\u{2066}b\u{2069}\u{200b}\u{feff}", "ab"),
            ("nul\0byte", "nul byte"),
            ("line\u{2028}separator\u{85}next", "line separator next"),
            ("\u{200e}\r\n", ""),
        ] {
            assert_eq!(name(text), expected, "{text:?}");
        }
        assert_eq!(name(&"ä".repeat(500)).chars().count(), NAME_CHARS_MAX);
    }

    #[test]
    fn file_names_are_short_ascii_with_the_right_extension() {
        use MediaType::{Jpeg, Pdf, Xml};
        for (wanted, media_type, expected) in [
            ("R-2026-0042.pdf", Pdf, "R-2026-0042.pdf"),
            ("Größe & Maß März.PDF", Pdf, "Groesse_Mass_Maerz.pdf"),
            ("Überweisungsträger für Ärzte, Köln und Nürnberg.pdf", Pdf, "Ueberweisungstraeger_fuer_A.pdf"),
            ("Reçu n° 5.pdf", Pdf, "Recu_n-5.pdf"),
            ("../../etc/passwd", Pdf, "passwd.pdf"),
            ("C:\\temp\\a.pdf", Pdf, "a.pdf"),
            (".htaccess", Xml, "htaccess.xml"),
            ("invoice.pdf.exe", Pdf, "invoice.pdf.exe.pdf"),
            ("invoice.pdf", Xml, "invoice.xml"),
            ("photo.jpeg", Jpeg, "photo.jpg"),
            ("CON", Pdf, "document-CON.pdf"),
            ("lpt1.txt.pdf", Pdf, "document-lpt1.txt.pdf"),
            ("", Pdf, "document.pdf"),
            ("請求書.pdf", Pdf, "document.pdf"),
            ("a\"; filename=\"b.exe", Pdf, "a-filename-b.exe.pdf"),
            ("a\r\nX-Evil: 1.pdf", Pdf, "a_X-Evil-1.pdf"),
            ("\u{202e}fdp.exe", Pdf, "fdp.exe.pdf"),
        ] {
            assert_eq!(file_names([(wanted, media_type)]), [expected], "{wanted:?}");
        }
    }

    #[test]
    fn names_within_a_mail_differ_in_more_than_case() {
        let long = "a".repeat(40);
        let names = file_names([
            ("a.pdf", MediaType::Pdf),
            ("A.pdf", MediaType::Pdf),
            ("a.pdf", MediaType::Xml),
            (long.as_str(), MediaType::Pdf),
            (long.as_str(), MediaType::Pdf),
        ]);
        assert_eq!(
            names,
            ["a.pdf", "A-2.pdf", "a.xml", "aaaaaaaaaaaaaaaaaaaaaaaaaaa.pdf", "aaaaaaaaaaaaaaaaaaaaaaaaa-2.pdf"]
        );
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_visible_line_and_stays_so(text in any::<String>()) {
            let cleaned = name(&text);
            prop_assert!(cleaned.chars().count() <= NAME_CHARS_MAX);
            prop_assert!(!cleaned.chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert!(ComposingNormalizerBorrowed::new_nfc().is_normalized(&cleaned));
            prop_assert_eq!(name(&cleaned), cleaned);
        }

        #[test]
        fn any_names_become_distinct_safe_file_names(
            wanted in proptest::collection::vec((any::<String>(), 0..MediaType::ALL.len()), 0..12),
        ) {
            let wanted: Vec<_> =
                wanted.iter().map(|(name, index)| (name.as_str(), MediaType::ALL[*index])).collect();
            let names = file_names(wanted.iter().copied());
            prop_assert_eq!(names.len(), wanted.len());
            for (at, (name, (_, media_type))) in names.iter().zip(&wanted).enumerate() {
                let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                prop_assert!(name.len() <= FILE_NAME_CHARS_MAX && name.bytes().all(is_safe), "{name}");
                let stem = name.strip_suffix(&format!(".{}", media_type.extension()));
                prop_assert!(stem.is_some_and(|stem| !stem.is_empty() && !is_device(stem)), "{name}");
                prop_assert!(name.as_bytes()[0].is_ascii_alphanumeric(), "{name}");
                prop_assert!(!names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)), "{name}");
            }
        }
    }
}
