//! The habits of each language.

use super::{ConsoleWords, DUTCH, ENGLISH, GERMAN};

const ALL: [&ConsoleWords; 3] = [&GERMAN, &ENGLISH, &DUTCH];

/// Every text of a language, as `Debug` writes them.
fn texts(words: &ConsoleWords) -> String {
    format!("{words:?}")
}

#[test]
fn people_are_addressed_formally() {
    for (words, familiar) in [
        (&GERMAN, &[" du ", " dir ", " dein", " deine ", " dich "][..]),
        (&DUTCH, &[" je ", " jij ", " jouw "][..]),
    ] {
        for word in familiar {
            assert!(!texts(words).contains(word), "{}: {word}", words.frame.language_name);
        }
    }
}

#[test]
fn no_text_is_empty_or_ends_with_a_space() {
    for words in ALL {
        let text = texts(words);
        assert!(!text.contains("\"\""), "{}", words.frame.language_name);
        assert!(!text.contains("\" ") && !text.contains("  "), "{}", words.frame.language_name);
        for (at, _) in text.match_indices(" \"") {
            assert!(text[..at].ends_with([':', ',']), "{}: {}", words.frame.language_name, &text[..at]);
        }
    }
}

#[test]
fn a_time_is_told_in_its_largest_unit() {
    use std::time::Duration;
    for (seconds, german, english, dutch) in [
        (0, "0\u{a0}s", "0\u{a0}s", "0\u{a0}s"),
        (61, "1\u{a0}min", "1\u{a0}min", "1\u{a0}min"),
        (7_200, "2\u{a0}h", "2\u{a0}h", "2\u{a0}u"),
        (172_800, "2\u{a0}T", "2\u{a0}d", "2\u{a0}d"),
    ] {
        let told = ALL.map(|words| (words.frame.age)(Duration::from_secs(seconds)));
        assert_eq!(told, [german, english, dutch], "{seconds} s");
    }
}
