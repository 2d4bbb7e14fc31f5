//! Whether a relay says the same of different recipients.

/// A relay's words without what differs from one recipient to the next: addresses, host names, identifiers and times.
/// Two refusals that differ in nothing else give the same text.
#[must_use]
pub fn same_words(reply: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    // Angle brackets and parentheses enclose addresses and identifiers, also in the middle of a word: `to=<a@b>`.
    for word in
        reply.split(|letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | '(' | ')' | '[' | ']'))
    {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        if !word.is_empty() && !is_particular(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}

/// Whether a word names a person, a thing or a moment: it holds a digit, an `@`, a dot or a colon inside, or it is the
/// name of a day or a month.
fn is_particular(word: &str) -> bool {
    const CALENDAR: &[&str] = &[
        "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
        "oct", "nov", "dec",
    ];
    word.chars().any(|letter| letter.is_numeric() || matches!(letter, '@' | '.' | ':' | '=' | '%'))
        || CALENDAR.contains(&word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_from_one_recipient_to_the_next_is_taken_out() {
        let table = [
            ("<ap@a.example>: Sender verify failed", "<k.b@b.example>: Sender verify failed", "sender verify failed"),
            ("Sender verify failed", "sender verify FAILED.", "sender verify failed"),
            (
                "relay not permitted for ap@a.example (id 4Xy7-b1)",
                "relay not permitted for b@c.example (id 9Zz0-c2)",
                "relay not permitted for id",
            ),
            (
                "rejected at Mon, 23 Nov 2026 09:30:00 +0100",
                "rejected at Tue, 1 Dec 2026 10:31:02 +0100",
                "rejected at",
            ),
            ("to=<a@b.example> mx1.relay.example refuses", "to=<c@d.example> mx2.relay.example refuses", "to refuses"),
            ("", "550", ""),
        ];
        for (one, other, expected) in table {
            assert_eq!((same_words(one).as_str(), same_words(other).as_str()), (expected, expected));
        }
        assert_ne!(same_words("no such user"), same_words("mailbox unavailable"));
    }

    proptest! {
        #[test]
        fn once_more_changes_nothing(text in ".{0,80}") {
            let words = same_words(&text);
            prop_assert_eq!(same_words(&words), words.clone());
            prop_assert!(!words.contains('@') && !words.chars().any(|letter| letter.is_ascii_digit()));
        }

        #[test]
        fn an_address_and_an_identifier_make_no_difference(
            before in "[a-z ]{0,30}", after in "[a-z ]{0,30}", local in "[a-zA-Z.+-]{1,12}", domain in "[a-z]{1,10}", id in "[A-F]{1,4}[0-9]{1,6}",
        ) {
            let bare = same_words(&format!("{before} {after}"));
            prop_assert_eq!(same_words(&format!("{before} <{local}@{domain}.example> {after}")), bare.clone());
            prop_assert_eq!(same_words(&format!("{before} {local}@{domain}.example: {after}")), bare.clone());
            prop_assert_eq!(same_words(&format!("{before} ({id}) {after}")), bare);
        }
    }
}
