//! The habits of each language.

use std::collections::BTreeSet;

use strum::VariantArray as _;

use super::{ConsoleWords, DUTCH, ENGLISH, FRENCH, GERMAN};
use crate::model::audit::AuditAction;

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
fn each_audit_action_has_words_of_its_own() {
    for words in ALL {
        let language = words.frame.language_name;
        let mut seen = BTreeSet::new();
        for action in AuditAction::VARIANTS {
            let name = (words.audit.action_name)(*action);
            assert!(!name.is_empty() && name == name.trim(), "{language}: {action}: {name:?}");
            assert!(seen.insert(name), "{language}: {action}: {name} stands twice");
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

#[test]
fn one_is_said_as_one() {
    let unverifiable = |some, all| ALL.map(|words| (words.settings.unverifiable)(some, all));
    assert_eq!(
        unverifiable("1", "6"),
        [
            "1 von 6 Kunden könnte sich nicht ausweisen: Rechnungen an ihn würden nicht gesendet.",
            "1 of 6 customers could not be verified: their invoices would not be sent.",
            "1 van de 6 klanten zou zich niet kunnen verifiëren: facturen aan deze klant zouden niet verstuurd worden.",
            "1 client sur 6 ne pourrait pas être vérifié\u{a0}: ses factures ne partiraient pas.",
        ]
    );
    let starts = [["2 von 6 Kunden könnten", "Der einzige Kunde könnte"], ["2 of 6", "The only customer"]];
    for (place, [many, only]) in starts.into_iter().enumerate() {
        assert!(unverifiable("2", "6")[place].starts_with(many) && unverifiable("1", "1")[place].starts_with(only));
    }
    let all_sent = |all| ALL.map(|words| (words.settings.all_sent)(all));
    for (count, expected) in [
        ("0", ["kein Kunde", "No customer", "geen klant", "Aucun client"]),
        ("1", ["den einzigen Kunden", "the only customer", "de enige klant", "du seul client"]),
        ("5.210", ["alle 5.210 Kunden", "all 5.210 customers", "alle 5.210 klanten", "des 5.210 clients"]),
    ] {
        for (told, words) in all_sent(count).iter().zip(expected) {
            assert!(told.contains(words), "{count}: {told}");
        }
    }
    for (words, expected) in ALL.iter().zip(["der neuesten Zustellung ", "newest delivery ", "verzending ", "envoi "]) {
        let told = (words.settings.what_if)("1", 30);
        assert!(told.contains(expected) && !told.contains('1'), "{told}");
    }
}

#[test]
fn nothing_is_singular_in_french() {
    let told = |count: u8| {
        let (work, access) = (&FRENCH.work, &FRENCH.access);
        let results = (work.result_count)(count.into(), false);
        [results, (work.further_count)(count.into()), (access.recovery_left)(count.into())]
    };
    assert_eq!(told(0), ["0 résultat", "0 autre résultat", "Il reste 0 code."]);
    assert_eq!(told(1), ["1 résultat", "1 autre résultat", "Il reste 1 code."]);
    assert_eq!(told(2), ["2 résultats", "2 autres résultats", "Il reste 2 codes."]);
}
