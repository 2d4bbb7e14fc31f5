//! Makes texts from outside fit to be seen: names and lines.
//!
//! Nothing that passes here can break a line, turn the direction of writing, or hide characters.

use icu_normalizer::ComposingNormalizerBorrowed;

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 120;

/// A name for people: NFC, one line, no control or bidi characters, at most [`NAME_CHARS_MAX`] characters.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME_CHARS_MAX)
}

/// One line of text: NFC, single spaces, no control or bidi characters, at most `chars_max` characters. A longer one
/// ends with `…`, so that nobody takes a part for the whole.
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
    let whole = composed.trim_end_matches(' ');
    let Some(last_max) = chars_max.checked_sub(1) else { return String::new() };
    let mut rest = whole.char_indices().skip(last_max);
    match (rest.next(), rest.next()) {
        (Some((last, _)), Some(_)) => format!("{}…", whole[..last].trim_end_matches(' ')),
        _ => whole.to_owned(),
    }
}

/// One line of text as by [`line()`], but whole, however long it is: the edge bounds what comes here.
#[must_use]
pub fn whole(text: &str) -> String {
    line(text, usize::MAX)
}

/// Several lines of text, each cleaned and whole; empty ones are dropped.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(whole).filter(|line| !line.is_empty()).collect()
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
        assert_eq!(name(&"ä".repeat(120)), "ä".repeat(120), "it fits");
        assert_eq!(name(&format!("{} ", "ä".repeat(120))), "ä".repeat(120), "a space at the end is no character");
        assert_eq!(name(&"ä".repeat(121)), format!("{}…", "ä".repeat(119)), "a cut shows");
        assert_eq!(line("ab cd", 4), "ab…");
        assert_eq!((line("abc", 1), line("a", 1), line("a", 0)), ("…".into(), "a".into(), String::new()));
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
    }
}
