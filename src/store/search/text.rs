//! What a person typed, as each index knows it. Pure.

use uuid::Uuid;

use super::recipients::mailbox;
use crate::clean;

/// The longest text that is searched, in characters.
pub const TEXT_CHARS_MAX: usize = 320;
/// Letters of a word that are kept.
const WORD_CHARS_MAX: usize = 40;
/// Words of a text that are searched.
const WORDS_MAX: usize = 6;
/// Fewer digits of an id would name many things.
const DIGITS_MIN: usize = 4;
const DIGITS_MAX: usize = 32;

/// Blanks that a number may be written with: as the schema's `number_key` leaves them out.
const BLANKS: [char; 4] = [' ', '\u{a0}', '\u{2007}', '\u{202f}'];

/// A range of texts: from the first, before the second.
pub(super) type TextRange = (String, String);

/// What a person typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    /// It may be a number; not all letters change case alike, so there may be several.
    pub(super) numbers: Vec<String>,
    /// It may be words of a name, or a customer's id.
    pub(super) words: Vec<String>,
    /// It may be a customer's id.
    pub(super) customer: String,
    /// It may be an address.
    pub(super) mailbox: Option<String>,
    /// It may be a Message-ID of ours: the delivery that it names.
    pub(super) root: Option<Uuid>,
    /// It may be the first digits of a delivery's or a dead letter's id: the lowest and the highest such id.
    pub(super) ids: Option<(Uuid, Uuid)>,
    /// It may be a publisher's name for an event: as it was typed, and in the cases that such names are written in. They
    /// are kept as they were published, and the databases' indexes know no case.
    pub(super) events: Vec<String>,
}

impl Needle {
    /// Reads what a person typed; none if there is nothing to search.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| *c != '\0').take(TEXT_CHARS_MAX).collect();
        let bare = bare(text.trim());
        let (local, has_domain) = bare.rsplit_once('@').map_or((bare, false), |(local, _)| (local, true));
        let root = Uuid::try_parse(local).ok().filter(|_| has_domain);
        (!bare.is_empty()).then(|| Self {
            numbers: numbers(bare),
            words: words(bare).into_iter().take(WORDS_MAX).collect(),
            customer: id_word(bare),
            mailbox: (has_domain && root.is_none()).then(|| mailbox(bare)),
            root,
            ids: id_range(bare),
            events: distinct([bare.to_owned(), bare.to_lowercase(), bare.to_uppercase()]),
        })
    }

    /// Whether what has this number is found by it.
    pub(super) fn finds_number(&self, number: &str) -> bool {
        let key = number_key(number);
        self.numbers.iter().any(|beginning| key.starts_with(beginning.as_str()))
    }
}

/// What is meant of an address, or of a Message-ID, as mail programs copy them: `Ada <ada@x.example>`,
/// `mailto:ada@x.example?subject=Invoice`, `<id@x.example>`.
fn bare(text: &str) -> &str {
    let text = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((before, within)) if before.trim().is_empty() || within.contains('@') => within.trim(),
        _ => text,
    };
    match text.split_at_checked("mailto:".len()) {
        // RFC 6068 §2: what follows a question mark are headers.
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => {
            address.split_once('?').map_or(address, |(address, _)| address).trim()
        }
        _ => text,
    }
}

fn distinct<const N: usize>(texts: [String; N]) -> Vec<String> {
    let mut distinct = Vec::with_capacity(N);
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

/// The key of a number, as the schema makes it: without blanks, and with the letters a to z in upper case. Other letters
/// keep their case, since the databases fold them by rules of their own; a search tries them in both cases
/// ([`numbers`]).
pub(in crate::store) fn number_key(text: &str) -> String {
    text.chars().filter(|c| !BLANKS.contains(c) && !c.is_control()).collect::<String>().to_ascii_uppercase()
}

/// The keys that a number may have in the database.
pub(super) fn numbers(text: &str) -> Vec<String> {
    let bare = number_key(text);
    // The database changes the case of ASCII letters only: others stand as they were published.
    let cases = [bare.to_uppercase(), bare.to_lowercase().to_ascii_uppercase(), bare];
    let mut keys: Vec<String> = cases.into_iter().filter(|key| !key.is_empty()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The words of a name, each [`folded`], in their order.
pub(super) fn words(name: &str) -> Vec<String> {
    let name = clean::whole(name);
    let words = name.split(|c: char| !c.is_alphanumeric()).map(folded).filter(|word| !word.is_empty());
    words.map(|word| word.chars().take(WORD_CHARS_MAX).collect()).collect()
}

/// A customer's id as a word.
pub(super) fn id_word(id: &str) -> String {
    folded(&id.chars().filter(|c| !BLANKS.contains(c)).collect::<String>())
}

/// The text without its case, by Unicode's rules: `Straße`, `STRASSE` and `STRAẞE` are one word.
///
/// Upper case tells what belongs together (ß is SS, ς and σ are Σ); lower case before it takes in what is upper case alone
/// (ẞ). Each character by itself: where a word ends must not count, for the beginning of a word is searched, too.
fn folded(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    let folded = lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    // What is left of the Turkish İ.
    folded.filter(|c| *c != '\u{307}').collect()
}

/// Every text that begins with this one. No text of ours holds the last character of all.
pub(super) fn beginning_with(text: &str) -> TextRange {
    (text.to_owned(), format!("{text}\u{10ffff}"))
}

/// The ids that begin with these digits.
fn id_range(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let filled = |with: &str| Uuid::try_parse(&format!("{digits}{}", with.repeat(DIGITS_MAX - digits.len()))).ok();
    filled("0").zip(filled("f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_blanks_of_a_number_are_forgiven() {
        for text in ["R-2026-0042", " r-2026-0042 ", "r - 2026 - 0042", "R\u{a0}-\u{202f}2026-0042"] {
            assert_eq!(numbers(text), ["R-2026-0042"], "{text}");
        }
        // Of whatever case it was published in.
        assert_eq!(numbers("rÄ-1"), ["RÄ-1", "Rä-1"]);
        assert!(numbers(" ").is_empty());
    }

    #[test]
    fn case_of_a_word_is_forgiven_by_the_rules_of_unicode() {
        for text in ["Straße", "STRASSE", "STRAẞE", "strasse"] {
            assert_eq!((words(text), id_word(text)), (vec!["strasse".to_owned()], "strasse".to_owned()), "{text}");
        }
        assert_eq!(words("ΟΔΥΣΣΕΥΣ"), words("Οδυσσευς"));
        // A beginning that ends in the letter which is written otherwise at a word's end.
        assert!(words("Οδυσσευς")[0].starts_with(&words("ΟΔΥΣ")[0]));
        assert_eq!(words("İstanbul"), ["istanbul"]);
        assert_eq!(words("KÄUFER & Söhne"), ["käufer", "söhne"]);
    }

    #[test]
    fn an_address_is_found_as_mail_programs_copy_it() {
        for text in [
            "ap@customer.example",
            "<ap@customer.example>",
            "Accounts Payable <AP@customer.example>",
            "\"Payable, Accounts\" < ap@customer.example >",
            "mailto:ap@customer.example",
            "MAILTO:ap@customer.example?subject=R-1",
            "<mailto:ap@customer.example>",
        ] {
            let needle = Needle::read(text).expect("a text");
            assert_eq!(needle.mailbox.as_deref(), Some("ap@customer.example"), "{text}");
        }
        assert_eq!(Needle::read("a <b>").expect("a text").mailbox, None);
    }

    #[test]
    fn a_text_is_read_in_every_way_that_it_may_mean() {
        let id = "0199f0c2-7a10-7cc0-8000-3b6f0d2a9e11";
        let by_message = Needle::read(&format!(" <{id}@acme.example> ")).expect("a text");
        assert_eq!((by_message.root.map(|root| root.to_string()).as_deref(), by_message.mailbox), (Some(id), None));
        let by_address = Needle::read("AP@Customer.example").expect("a text");
        assert_eq!((by_address.root, by_address.mailbox.as_deref()), (None, Some("ap@customer.example")));
        let by_id = Needle::read("0199F0C2").expect("a text");
        let (low, high) = by_id.ids.expect("digits");
        assert_eq!(low.to_string(), "0199f0c2-0000-0000-0000-000000000000");
        assert_eq!(high.to_string(), "0199f0c2-ffff-ffff-ffff-ffffffffffff");
        let by_name = Needle::read("Käufer & SÖHNE").expect("a text");
        assert_eq!((by_name.words.as_slice(), by_name.ids), (&["käufer".to_owned(), "söhne".to_owned()][..], None));
        assert_eq!(Needle::read("C- 1042").expect("a text").customer, "c-1042");
        assert_eq!(Needle::read("Evt-A").expect("a text").events, ["Evt-A", "evt-a", "EVT-A"]);
        for nothing in ["", "  ", "<>", "\0"] {
            assert_eq!(Needle::read(nothing), None);
        }
    }
}
