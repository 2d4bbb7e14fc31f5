//! The habits of each language.

use std::time::Duration;

use super::{DUTCH, ENGLISH, FRENCH, GERMAN, Words};

const ALL: [&Words; 4] = [&GERMAN, &DUTCH, &ENGLISH, &FRENCH];

/// Every text of a language, as `Debug` writes them.
fn texts(words: &Words) -> String {
    format!("{words:?}")
}

#[test]
fn customers_are_addressed_formally() {
    for (words, familiar) in [
        (&GERMAN, &[" du ", " dir ", " dein", " deine "][..]),
        (&DUTCH, &[" je ", " jij ", " jouw "][..]),
        (&FRENCH, &[" tu ", " ton ", " tes "][..]),
    ] {
        for word in familiar {
            assert!(!texts(words).contains(word), "{}: {word}", words.language_name);
        }
    }
}

#[test]
fn german_reads_well_in_switzerland_too() {
    assert!(!texts(&GERMAN).contains('ß'));
}

#[test]
fn french_signs_do_not_begin_a_line() {
    // `Debug` writes the no-break space as an escape.
    let text = texts(&FRENCH).replace("\\u{a0}", "\u{a0}");
    for sign in [" ;", " ?", " !", "« ", " »"] {
        assert!(!text.contains(sign), "{sign:?}");
    }
    let before_colon = text.match_indices(" :").count();
    assert_eq!(before_colon, 0, "a plain space stands before a colon");
}

#[test]
fn no_text_begins_or_ends_with_a_space() {
    for words in ALL {
        let text = texts(words);
        // What follows a closing quote is a comma or a bracket, what stands before an opening one a colon or a comma.
        assert!(!text.contains("\" "), "{}", words.language_name);
        for (at, _) in text.match_indices(" \"") {
            assert!(text[..at].ends_with([':', ',']), "{}: {}", words.language_name, &text[..at]);
        }
        assert!(!text.contains("  "), "{}", words.language_name);
    }
}

#[test]
fn waiting_is_rounded_up() {
    for (seconds, german, dutch, english, french) in [
        (0, "in 1 Minute", "over 1 minuut", "in 1 minute", "dans 1 minute"),
        (61, "in 2 Minuten", "over 2 minuten", "in 2 minutes", "dans 2 minutes"),
        (900, "in 15 Minuten", "over 15 minuten", "in 15 minutes", "dans 15 minutes"),
        (7_141, "in 2 Stunden", "over 2 uur", "in 2 hours", "dans 2 heures"),
        (86_400, "in 24 Stunden", "over 24 uur", "in 24 hours", "dans 24 heures"),
    ] {
        let wait = Duration::from_secs(seconds);
        let written = ALL.map(|words| (words.wait)(wait));
        assert_eq!(written, [german, dutch, english, french], "{seconds} s");
    }
}
