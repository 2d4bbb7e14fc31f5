//! Mail addresses taken out of text from outside.
//!
//! Relays repeat the recipient they were given, as it is or in one of many spellings; their words end in logs, lists,
//! the API, dead letters and events for the billing system. So they are masked where they come in. Only the attempt
//! keeps the reply as it was.
//!
//! Known addresses are found however they are written: in any case, in angle brackets or quotes, percent-encoded
//! (`ap%40customer.example`), rewritten for forwarding (`SRS0=…=customer.example=ap@…`, `b+ap=customer.example@…`),
//! with a domain in A-labels or not, with `?` for each octet that is not ASCII, and broken by a line's end. Of
//! addresses that we do not know, another delivery's recipient's perhaps, whatever looks like one is found, also with
//! blanks in it.

use std::ops::Range;

use super::mask::Masked;
use crate::clean::is_unsafe;

/// What stands between local part and domain, in the forms that relays use. Without white space.
const SEPARATORS: &[&str] =
    &["@", "=", "%", "%40", "=40", "+40", "&#64;", "&#x40;", "&commat;", "(at)", "[at]", "<at>", "at"];
/// What stands between a domain and the local part behind it: SRS (`=`), VERP (`+`, `-`), bang paths.
const SEPARATORS_REVERSED: &[&str] = &["=", "!", "+", "-"];
/// A text that still holds an address after so many rounds is withheld as a whole.
const ROUNDS_MAX: usize = 8;
/// What stands in its place.
const WITHHELD: &str = "(words withheld: they name a recipient)";

/// The addresses that a text may name.
#[derive(Debug, Clone, Default)]
pub struct AddressMask {
    known: Vec<KnownAddress>,
}

/// An address in its spellings.
#[derive(Debug, Clone)]
struct KnownAddress {
    locals: Vec<Vec<char>>,
    domains: Vec<Vec<char>>,
    /// What stands in its place.
    shown: String,
    /// What stands in the place of its local part alone.
    shown_local: String,
}

impl AddressMask {
    /// A mask for these addresses; what has no `@` is no address.
    #[must_use]
    pub fn of<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { known: addresses.into_iter().filter_map(KnownAddress::of).collect() }
    }

    /// A text, perhaps of several parties, without the known addresses.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for _ in 0..ROUNDS_MAX {
            let found = self.whole_addresses(&masked);
            if found.is_empty() {
                return masked;
            }
            masked = replaced(&masked, &found);
        }
        WITHHELD.to_owned()
    }

    /// A relay's words without the known addresses, without their local parts where these stand alone, and without
    /// whatever else looks like an address: it may be where a customer has their mail forwarded to.
    #[must_use]
    pub fn reply(&self, reply: &str) -> String {
        let masked = self.text(reply);
        let masked = replaced(&masked, &self.local_parts(&masked));
        // Whatever was put in may have joined with what stood beside it.
        self.text(&without_any_address(&masked))
    }

    /// A text without whatever looks like an address.
    #[must_use]
    pub fn text_without_addresses(&self, text: &str) -> String {
        without_any_address(&self.text(text))
    }

    fn whole_addresses(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut found = Vec::new();
        for letters in [letters(text, false), letters(text, true)] {
            for at in 0..letters.len() {
                let length = self.known.iter().find_map(|known| Some((known.length_at(&letters[at..])?, known)));
                if let Some((length, known)) = length {
                    found.push((letters[at].range.start..letters[at + length - 1].range.end, known.shown.as_str()));
                }
            }
        }
        found
    }

    fn local_parts(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let letters = letters(text, true);
        let mut found = Vec::new();
        for at in 0..letters.len() {
            for known in &self.known {
                let length = known.locals.iter().find_map(|local| starts_with(&letters[at..], local)).unwrap_or(0);
                if length == 0 {
                    continue;
                }
                let range = letters[at].range.start..letters[at + length - 1].range.end;
                if stands_alone(text, &range) {
                    found.push((range, known.shown_local.as_str()));
                    break;
                }
            }
        }
        found
    }
}

impl KnownAddress {
    fn of(address: &str) -> Option<Self> {
        let address = address.trim();
        let (local, domain) = address.rsplit_once('@')?;
        let mut known =
            Self { locals: Vec::new(), domains: Vec::new(), shown: String::new(), shown_local: String::new() };
        // A tag behind + is the recipient's own; many relays name the mailbox without it.
        let mailbox = local.split('+').next().unwrap_or(local);
        for spelling in [local.to_owned(), question_marks(local), mailbox.to_owned()] {
            known.add_local(&spelling);
        }
        // Nothing but blanks in quotes: what follows them must do.
        if known.locals.is_empty() {
            known.locals.push(Vec::new());
        }
        let (unicode, _) = idna::domain_to_unicode(domain);
        let ascii = idna::domain_to_ascii(domain).unwrap_or_default();
        for spelling in [domain.to_owned(), ascii, question_marks(&unicode), unicode] {
            let spelling = plain(&letters(&spelling, false));
            if !spelling.is_empty() && !known.domains.contains(&spelling) {
                known.domains.push(spelling);
            }
        }
        // A local part that is blank or looks masked already must not pass for its own mask.
        let masked = Masked(address).to_string();
        let candidates = [masked, format!("***@{domain}"), "***".to_owned()];
        let fits = |shown: &String| {
            let letters = letters(shown, false);
            (0..letters.len()).all(|at| known.length_at(&letters[at..]).is_none())
        };
        let shown = candidates.into_iter().find(fits).unwrap_or_default();
        let first = local.chars().next().filter(|c| c.is_alphanumeric() && local.chars().count() > 1);
        known.shown_local = first.map_or_else(|| "***".to_owned(), |first| format!("{first}***"));
        known.shown = shown;
        Some(known)
    }

    /// Both as it is written and with its percent signs decoded, as it may come from a relay that decodes.
    fn add_local(&mut self, spelling: &str) {
        for decoded in [false, true] {
            let spelling = plain(&letters(spelling, decoded));
            if !spelling.is_empty() && !self.locals.contains(&spelling) {
                self.locals.push(spelling);
            }
        }
    }

    /// How many letters of `text` are this address, if it begins so.
    fn length_at(&self, text: &[FoldedChar]) -> Option<usize> {
        let forward = || joined(text, &self.locals, SEPARATORS, &self.domains);
        forward().or_else(|| joined(text, &self.domains, SEPARATORS_REVERSED, &self.locals))
    }
}

/// How many letters of `text` are one of `first`, one of `separators` and one of `second`; the most of all ways.
fn joined(text: &[FoldedChar], first: &[Vec<char>], separators: &[&str], second: &[Vec<char>]) -> Option<usize> {
    let begins = first.iter().filter_map(|first| starts_with(text, first));
    let goes_on = begins.flat_map(|at| {
        separators.iter().filter_map(move |separator| {
            let behind = at + starts_with(&text[at..], &separator.chars().collect::<Vec<_>>())?;
            Some(behind)
        })
    });
    goes_on.filter_map(|at| second.iter().filter_map(|second| Some(at + starts_with(&text[at..], second)?)).max()).max()
}

fn starts_with(text: &[FoldedChar], wanted: &[char]) -> Option<usize> {
    let same = text.len() >= wanted.len() && text.iter().zip(wanted).all(|(letter, wanted)| letter.char == *wanted);
    same.then_some(wanted.len())
}

/// A letter of a text, in lower case, and where it stands there.
struct FoldedChar {
    char: char,
    range: Range<usize>,
}

fn plain(letters: &[FoldedChar]) -> Vec<char> {
    letters.iter().map(|letter| letter.char).collect()
}

/// The letters of a text without what may stand between those of an address: white space, quotes, backslashes and what
/// are invisible; `%41` and its like as what they stand for, if `decoded`.
fn letters(text: &str, decoded: bool) -> Vec<FoldedChar> {
    let mut found = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        let (chars, length) = match decoded.then(|| percent_run(&text[at..])).flatten() {
            Some((decoded, length)) => (decoded, length),
            None => (char.to_string(), char.len_utf8()),
        };
        let is_between = |c: &char| {
            c.is_whitespace()
                || is_unsafe(*c)
                || matches!(c, '"' | '\\' | '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{ad}')
        };
        // By way of upper case, where ß is SS: so it stands in an address written in capitals.
        let folded = chars.chars().filter(|c| !is_between(c)).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        found.extend(folded.map(|char| FoldedChar { char, range: at..at + length }));
        at += length;
    }
    found
}

/// What the escape at the beginning of `text` stands for, and its length: one character, of as many octets as it needs.
fn percent_run(text: &str) -> Option<(String, usize)> {
    let octet = |at: usize| {
        let digits = text.get(at + 1..at + 3).filter(|_| text.as_bytes().get(at) == Some(&b'%'))?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
    };
    let octets: Vec<u8> = (0..4).map_while(|index| octet(index * 3)).collect();
    let whole = (1..=octets.len()).find_map(|count| Some((std::str::from_utf8(&octets[..count]).ok()?, count)));
    match whole {
        Some((char, count)) => Some((char.to_owned(), count * 3)),
        None => octets.first().map(|octet| (char::from(*octet).to_string(), 3)),
    }
}

/// Our SMTP client reads replies as ASCII, with `?` for every other octet.
fn question_marks(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { "?".repeat(c.len_utf8()) }).collect()
}

/// Whether the range is not part of a longer word.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | '*');
    let before = text[..range.start].chars().next_back();
    let mut behind = text[range.end..].chars();
    match (before, behind.next()) {
        (Some(before), _) if is_word(before) => false,
        // The end of a sentence, or the next part of a name.
        (_, Some('.')) => !behind.next().is_some_and(is_word),
        (_, Some(behind)) => !is_word(behind),
        (_, None) => true,
    }
}

/// The text with each range replaced; of those that overlap the first, grown by the others.
fn replaced(text: &str, found: &[(Range<usize>, &str)]) -> String {
    let mut found = found.to_vec();
    found.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
    let mut merged: Vec<(Range<usize>, &str)> = Vec::new();
    for (range, shown) in found {
        match merged.last_mut() {
            Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push((range, shown)),
        }
    }
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for (range, shown) in merged {
        masked.push_str(&text[at..range.start]);
        masked.push_str(shown);
        at = range.end;
    }
    masked.push_str(&text[at..]);
    masked
}

/// What stands for the sign in an address that is not among the known ones.
const SIGNS: &[&str] = &["@", "\u{ff20}", "%40", "=40", "&#64;", "&#x40;", "&commat;", "(at)", "[at]", "<at>"];

/// The text with the local part of everything that looks like an address masked.
fn without_any_address(text: &str) -> String {
    // Of the same length as the text, octet by octet.
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, sign) in SIGNS.iter().flat_map(|sign| lower.match_indices(sign)) {
        let local = local_before(text, at);
        let shown = &text[local.clone()];
        let is_apart = local.end < at;
        if !shown.is_empty() && !shown.ends_with("***") && names_host(text, &local, at + sign.len(), is_apart) {
            found.push((local, shown_local(shown)));
        }
    }
    let found: Vec<(Range<usize>, &str)> = found.iter().map(|(range, shown)| (range.clone(), shown.as_str())).collect();
    replaced(text, &found)
}

fn is_atom(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

/// The local part that ends before the sign at `at`, or a few blanks before it; also one in quotes, and one whose
/// letters stand apart from each other.
fn local_before(text: &str, at: usize) -> Range<usize> {
    let before = text[..at].trim_end();
    if let Some(quoted) = before.strip_suffix('"') {
        return quoted.rfind('"').unwrap_or(0)..before.len();
    }
    let mut start = before.trim_end_matches(is_atom).len();
    if start == before.len() {
        return start..start;
    }
    let is_letter = |range: &str| range.chars().count() == 1;
    while is_letter(&text[start..before.len()].chars().take_while(|c| is_atom(*c)).collect::<String>()) {
        let Some(rest) = text[..start].strip_suffix(char::is_whitespace) else { break };
        let next = rest.trim_end_matches(is_atom).len();
        if !is_letter(&rest[next..]) {
            break;
        }
        start = next;
    }
    start..before.len()
}

/// Whether a host stands at `at`, behind a sign. Where blanks stand around the sign, as in prose, a name without a dot
/// is no host unless the whole is in angle brackets.
fn names_host(text: &str, local: &Range<usize>, at: usize, is_apart: bool) -> bool {
    let behind = text[at..].trim_start();
    if !behind.starts_with(|c: char| c.is_alphanumeric() || c == '[') {
        return false;
    }
    if !is_apart && behind.len() == text[at..].len() {
        return true;
    }
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    let host: String = behind.chars().take_while(|c| is_host(*c) || c.is_whitespace()).collect();
    let first = host.split_whitespace().next().unwrap_or_default().trim_end_matches(['.', ':']);
    let is_bracketed = text[..local.start].trim_end().ends_with('<') && behind[host.len()..].starts_with('>');
    first.contains('.') || is_bracketed || host.split_whitespace().nth(1).is_some_and(|next| next.starts_with('.'))
}

fn shown_local(local: &str) -> String {
    let first = local.chars().find(|c| c.is_alphanumeric()).filter(|_| local.chars().count() > 1);
    first.map_or_else(|| "***".to_owned(), |first| format!("{first}***"))
}

#[cfg(test)]
mod tests;
