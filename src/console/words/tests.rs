//! The habits of each language.

use super::{ConsoleWords, DUTCH, ENGLISH, FRENCH, GERMAN};

const ALL: [&ConsoleWords; 4] = [&GERMAN, &ENGLISH, &DUTCH, &FRENCH];

/// Every text of a language, as `Debug` writes them.
fn texts(words: &ConsoleWords) -> String {
    format!("{words:?}")
}

#[test]
fn people_are_addressed_formally() {
    for (words, familiar) in [
        (&GERMAN, &[" du ", " dir ", " dein", " deine ", " dich "][..]),
        (&DUTCH, &[" je ", " jij ", " jouw "][..]),
        (&FRENCH, &[" tu ", " ton ", " tes "][..]),
    ] {
        for word in familiar {
            assert!(!texts(words).contains(word), "{}: {word}", words.frame.language_name);
        }
    }
}

#[test]
fn french_signs_do_not_begin_a_line() {
    // `Debug` writes the no-break space as an escape.
    let text = texts(&FRENCH).replace("\\u{a0}", "\u{a0}");
    for sign in [" ;", " ?", " !", " :", "« ", " »"] {
        assert!(!text.contains(sign), "{sign:?}");
    }
}

#[test]
fn no_text_is_empty_or_ends_with_a_space() {
    for words in ALL {
        let text = texts(words);
        assert!(!text.contains("\"\""), "{}", words.frame.language_name);
        // What follows a closing quote is a comma or a bracket.
        let ended = text.replace("\" }", "\"}");
        assert!(!ended.contains("\" ") && !ended.contains("  "), "{}", words.frame.language_name);
        for (at, _) in text.match_indices(" \"") {
            assert!(text[..at].ends_with([':', ',']), "{}: {}", words.frame.language_name, &text[..at]);
        }
    }
}

#[test]
fn a_time_is_told_in_its_largest_unit() {
    use std::time::Duration;
    for (seconds, german, english, dutch, french) in [
        (0, "0\u{a0}s", "0\u{a0}s", "0\u{a0}s", "0\u{a0}s"),
        (61, "1\u{a0}min", "1\u{a0}min", "1\u{a0}min", "1\u{a0}min"),
        (7_200, "2\u{a0}h", "2\u{a0}h", "2\u{a0}u", "2\u{a0}h"),
        (172_800, "2\u{a0}T", "2\u{a0}d", "2\u{a0}d", "2\u{a0}j"),
    ] {
        let told = ALL.map(|words| (words.frame.age)(Duration::from_secs(seconds)));
        assert_eq!(told, [german, english, dutch, french], "{seconds} s");
    }
}
