//! Makes texts from outside fit to be seen: in emails, logs, lists, databases and file names.
//!
//! Numbers, names and replies come from outside. A line break in one makes two log lines of one, an escape sequence
//! moves the cursor or sets the window's title, a bidi control turns around what follows ([UAX #9]).
//!
//! [UAX #9]: https://www.unicode.org/reports/tr9/

use icu_normalizer::ComposingNormalizerBorrowed;

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 120;

/// What takes the place of what must not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleaning {
    /// Nothing or a space: for texts that are read. Runs of spaces and control characters become one space, invisible
    /// characters go, what is left is composed (NFC). A text that is cut ends with `…`, so that a part is not taken for
    /// the whole.
    Composed,
    /// U+FFFD, so that it shows that something was there; a line break or a tab becomes a space.
    Marked,
    /// Nothing.
    Removed,
}

/// One line of text, in which nothing breaks the line, steers a terminal or turns the direction of writing.
fn clean(text: &str, cleaning: Cleaning, chars_max: usize) -> String {
    match cleaning {
        Cleaning::Composed => cut(&composed(text), chars_max),
        Cleaning::Marked => text.chars().map(marked_char).take(chars_max).collect(),
        Cleaning::Removed => text.chars().filter(|c| !is_unsafe(*c)).take(chars_max).collect(),
    }
}

/// A name for people: one line, at most [`NAME_CHARS_MAX`] characters.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME_CHARS_MAX)
}

/// One line to be read: NFC, single spaces, no control, bidi or invisible characters, at most `chars_max` characters.
/// A longer one ends with `…`.
#[must_use]
pub fn line(text: &str, chars_max: usize) -> String {
    clean(text, Cleaning::Composed, chars_max)
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

/// The text with a mark (U+FFFD) for each unsafe character, and a space for a line break or tab: for terminals, and for
/// texts that are evidence, as those of a faulty event.
#[must_use]
pub fn marked(text: &str) -> String {
    marked_part(text, usize::MAX)
}

/// The same, cut at `chars_max` characters.
#[must_use]
pub fn marked_part(text: &str, chars_max: usize) -> String {
    clean(text, Cleaning::Marked, chars_max)
}

/// The text without its unsafe characters, cut at `chars_max` characters.
#[must_use]
pub fn stripped(text: &str, chars_max: usize) -> String {
    clean(text, Cleaning::Removed, chars_max)
}

/// Whether a character ends a line, steers a terminal or turns the direction of writing: C0, DEL and C1 controls, the
/// line and paragraph separators, and bidi controls.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text that is read as by [`line()`] has lost this character: a control, bidi or invisible one.
#[must_use]
pub fn is_dropped(c: char) -> bool {
    is_unsafe(c) || is_invisible(c)
}

/// Characters that change what is read without being seen: zero-width and tag characters, fillers, interlinear marks.
///
/// The zero-width joiners U+200C and U+200D stay: names in Persian and Indic scripts are written with them.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

fn marked_char(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn composed(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, ' ' | '\u{2028}' | '\u{2029}') {
            if !words.is_empty() && !words.ends_with(' ') {
                words.push(' ');
            }
        } else if !is_dropped(c) {
            words.push(c);
        }
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(words.trim()).into_owned()
}

fn cut(text: &str, chars_max: usize) -> String {
    let Some(last_max) = chars_max.checked_sub(1) else { return String::new() };
    let mut rest = text.char_indices().skip(last_max);
    match (rest.next(), rest.next()) {
        (Some((last, _)), Some(_)) => format!("{}…", text[..last].trim_end()),
        _ => text.to_owned(),
    }
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
        assert_eq!((name("\u{a0}a\u{a0}b\u{3000}"), name("a\u{200b}\u{3000}")), ("a\u{a0}b".into(), "a".into()));
        assert_eq!((line("abc", 1), line("a", 1), line("a", 0)), ("…".into(), "a".into(), String::new()));
    }

    #[test]
    fn marks_show_where_something_was_and_nothing_else_changes() {
        let hostile = " R-1\r\n\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}ä\t\u{200b}";
        assert_eq!(marked(hostile), " R-1  \u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}ä \u{200b}");
        assert_eq!((marked_part(hostile, 3), stripped(hostile, 5)), (" R-".into(), " R-1[".into()));
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_visible_line_and_stays_so(text in any::<String>()) {
            let cleaned = name(&text);
            prop_assert!(cleaned.chars().count() <= NAME_CHARS_MAX);
            prop_assert!(!cleaned.chars().any(is_dropped));
            prop_assert!(ComposingNormalizerBorrowed::new_nfc().is_normalized(&cleaned));
            prop_assert_eq!(cleaned.trim(), cleaned.as_str());
            prop_assert_eq!(name(&cleaned), cleaned);
        }
    }
}
