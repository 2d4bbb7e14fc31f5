//! The text message that carries a code: one segment, for people, and for browsers that offer to fill the code in.

use super::gsm7::{SEGMENT, folded, is_in_alphabet};

/// The text with a code, in the language of `locale` (BCP 47; others read English), for the page on `host`.
///
/// Its last line is what [WebOTP](https://wicg.github.io/sms-one-time-codes/) reads: a browser fills the code in on that
/// host's pages alone. It never takes more than one segment: a long name is cut.
#[must_use]
pub fn code_text(locale: &str, tenant: &str, code: &str, host: &str) -> String {
    let (before, after, nameless) = match locale.split('-').next().unwrap_or_default() {
        "de" => ("ist Ihr Code für", "Er gilt 5 Minuten.", "diese Seite"),
        "nl" => ("is uw code voor", "Hij is 5 minuten geldig.", "deze pagina"),
        "fr" => ("est votre code pour", "Il est valable 5 minutes.", "cette page"),
        _ => ("is your code for", "It is valid for 5 minutes.", "this page"),
    };
    let bound = format!("\n@{host} #{code}");
    let sentence = |name: &str| format!("{code} {before} {name}. {after}");
    let room = SEGMENT.checked_sub(sentence("").chars().count() + bound.chars().count());
    // A host's name has no other characters; one that leaves no room for the sender's name is left out.
    let (room, bound) = match room.filter(|room| *room >= 12 && host.chars().all(is_in_alphabet)) {
        Some(room) => (room, bound.as_str()),
        None => (SEGMENT - sentence("").chars().count(), ""),
    };
    let name: String = folded(tenant).chars().take(room).collect();
    let name = name.trim_end_matches([' ', '.', '-', ',']);
    format!("{}{bound}", sentence(if name.is_empty() { nameless } else { name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_segment_and_ends_as_browsers_read_it() {
        let long = "Gemeinnützige Wohnungsbaugenossenschaft der Eisenbahner ".repeat(9);
        let host = "a.".repeat(120);
        let names = ["Acme GmbH", &long, "Москва", "", "x\n@evil.example #000000", "Strom {24} ·"];
        for locale in ["de-DE", "nl-NL", "en-GB", "fr-FR", "pl-PL", ""] {
            for name in names {
                for host in ["portal.example", "127.0.0.1", "::1", &host] {
                    let text = code_text(locale, name, "012345", host);
                    assert!(text.chars().count() <= SEGMENT, "{text}");
                    assert!(text.chars().all(|c| c == '\n' || is_in_alphabet(c)), "{text}");
                    let last = text.lines().last().expect("a line");
                    assert_eq!(last == format!("@{host} #012345"), host.len() < 100, "{text}");
                    assert!(text.lines().count() <= 2 && text.starts_with("012345 "), "{text}");
                }
            }
        }
    }

    #[test]
    fn each_language_has_its_sentence() {
        let text = |locale| code_text(locale, "Acme GmbH", "012345", "portal.example");
        assert_eq!(text("de-AT"), "012345 ist Ihr Code für Acme GmbH. Er gilt 5 Minuten.\n@portal.example #012345");
        assert_eq!(text("nl"), "012345 is uw code voor Acme GmbH. Hij is 5 minuten geldig.\n@portal.example #012345");
        assert_eq!(
            text("fr-BE"),
            "012345 est votre code pour Acme GmbH. Il est valable 5 minutes.\n@portal.example #012345"
        );
        assert_eq!(
            text("en"),
            "012345 is your code for Acme GmbH. It is valid for 5 minutes.\n@portal.example #012345"
        );
    }
}
