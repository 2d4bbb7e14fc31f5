//! When a relay refuses a sender rather than single mails.
//!
//! Pure: what the relay answered to a sender's mails since it accepted one goes in, a trip comes out. A tenant whose
//! sender the relay does not take would else make a dead letter, or a rejection, of every invoice of its batch.

use std::collections::HashSet;
use std::time::Duration;

use crate::model::ids::DeliveryId;
use crate::model::reason::ReasonCode;

/// So many refusals in a row are the sender's fault …
const REFUSED_MIN: usize = 5;
/// … where a recipient was named, only if they were for so many domains.
const REFUSED_DOMAINS_MIN: usize = 3;
/// So many rejections in a row without an enhanced code and in the same words are the sender's fault, too …
const SAME_WORDS_MIN: usize = 10;
/// … if they were for so many domains.
const SAME_WORDS_DOMAINS_MIN: usize = 5;

/// A trip takes back what was lost in so long a time before it.
pub const LOST_WITHIN: Duration = Duration::from_mins(10);

/// An answer that ended an attempt; `P` is the phase of the conversation, the earlier the smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAnswer<P> {
    /// Whose attempt it was.
    pub delivery: DeliveryId,
    /// Where in the conversation it came.
    pub phase: P,
    /// Refused or rejected.
    pub class: ReasonCode,
    /// The relay's codes, as `550 5.7.1`.
    pub code: String,
    /// What the relay said, as [`super::refusal_words::same_words`] gives it.
    pub words: String,
    /// The domain of the recipient, if it is known.
    pub domain: Option<String>,
    /// It has not held its sender before.
    pub counts: bool,
}

/// How a row of answers speaks of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TripKind {
    /// By refusals of one code.
    Refused,
    /// By rejections in the same words.
    SameWords,
}

/// The relay refuses the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderTrip {
    pub kind: TripKind,
    /// Which answer began the row: its index among those that were judged.
    pub first: usize,
}

/// Whether a rejection says nothing but its basic code: many relays give that to senders, too.
#[must_use]
pub fn is_bare(code: &str) -> bool {
    !code.contains(' ')
}

/// Whether a relay may mean the sender by an answer: its class, and the relay's codes; none if it did not answer.
#[must_use]
pub fn may_be_the_senders(class: ReasonCode, code: Option<&str>) -> bool {
    match class {
        ReasonCode::Refused => code.is_some(),
        ReasonCode::Rejected => code.is_some_and(is_bare),
        _ => false,
    }
}

/// Whether the sender of `newest_first` is refused, by the answer that came now, `newest_first[current]`. `rcpt` is the
/// phase in which recipients are named. What the relay accepted in between is the caller's to look at: only answers
/// since then are given.
#[must_use]
pub fn judge<P: Copy + Ord>(newest_first: &[PastAnswer<P>], current: usize, rcpt: P) -> Option<SenderTrip> {
    let answer = newest_first.get(current).filter(|answer| answer.counts)?;
    match answer.class {
        ReasonCode::Refused => refused(newest_first, answer, rcpt),
        ReasonCode::Rejected if answer.phase == rcpt && is_bare(&answer.code) => same_words(newest_first, answer),
        _ => None,
    }
}

/// Other refusals in between change nothing: the sender was not taken there either.
fn refused<P: Copy + Ord>(newest_first: &[PastAnswer<P>], answer: &PastAnswer<P>, rcpt: P) -> Option<SenderTrip> {
    let domains_min = if answer.phase == rcpt { REFUSED_DOMAINS_MIN } else { 0 };
    let mut row = RefusalRow::default();
    for (index, past) in newest_first.iter().enumerate() {
        if past.class == ReasonCode::Refused && past.phase == answer.phase && past.code == answer.code {
            if row.is_long_enough_with(past, REFUSED_MIN, domains_min) {
                return Some(SenderTrip { kind: TripKind::Refused, first: index });
            }
        } else if shows_the_sender_is_taken(past, answer.phase) {
            return None;
        }
    }
    None
}

/// Any other answer in between tells the recipients apart, so the sender is not meant.
fn same_words<P: Copy + Ord>(newest_first: &[PastAnswer<P>], answer: &PastAnswer<P>) -> Option<SenderTrip> {
    let mut row = RefusalRow::default();
    for (index, past) in newest_first.iter().enumerate() {
        if (past.class, past.phase, &past.code, &past.words)
            != (answer.class, answer.phase, &answer.code, &answer.words)
        {
            return None;
        }
        if row.is_long_enough_with(past, SAME_WORDS_MIN, SAME_WORDS_DOMAINS_MIN) {
            return Some(SenderTrip { kind: TripKind::SameWords, first: index });
        }
    }
    None
}

/// Whether an answer shows that the relay takes the sender at `phase`: the conversation went on behind it, or the
/// recipient was refused for a reason of its own.
fn shows_the_sender_is_taken<P: Copy + Ord>(past: &PastAnswer<P>, phase: P) -> bool {
    past.phase > phase || (past.phase == phase && past.class == ReasonCode::Rejected && !is_bare(&past.code))
}

/// Answers of one row: each delivery counts once, since a mail that is refused again and again says nothing about others.
#[derive(Default)]
struct RefusalRow<'a> {
    deliveries: HashSet<DeliveryId>,
    domains: HashSet<&'a str>,
}

impl<'a> RefusalRow<'a> {
    fn is_long_enough_with<P>(&mut self, past: &'a PastAnswer<P>, min: usize, domains_min: usize) -> bool {
        if past.counts {
            self.deliveries.insert(past.delivery);
            self.domains.extend(past.domain.as_deref());
        }
        self.deliveries.len() >= min && self.domains.len() >= domains_min
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const MAIL: u8 = 1;
    const RCPT: u8 = 2;
    const DOT: u8 = 3;

    fn answer(n: usize, phase: u8, class: ReasonCode, code: &str) -> PastAnswer<u8> {
        PastAnswer {
            delivery: DeliveryId(Uuid::from_u128(n as u128)),
            phase,
            class,
            code: code.to_owned(),
            words: "no".to_owned(),
            domain: Some(format!("d{n}.example")),
            counts: true,
        }
    }

    /// The answers that `letters` spell, the newest last, and whether the newest trips.
    fn judged(letters: &str, change: impl Fn(usize, &mut PastAnswer<u8>)) -> Option<TripKind> {
        let mut answers: Vec<_> = letters
            .chars()
            .enumerate()
            .map(|(n, letter)| {
                let mut answer = match letter {
                    'm' => answer(n, MAIL, ReasonCode::Refused, "550 5.7.1"),
                    'r' => answer(n, RCPT, ReasonCode::Refused, "550 5.7.1"),
                    's' => answer(n, RCPT, ReasonCode::Refused, "550 5.7.515"),
                    'd' => answer(n, DOT, ReasonCode::Refused, "554"),
                    'b' => answer(n, RCPT, ReasonCode::Rejected, "550"),
                    'u' => answer(n, RCPT, ReasonCode::Rejected, "550 5.1.1"),
                    _ => panic!("an unknown letter"),
                };
                change(n, &mut answer);
                answer
            })
            .collect();
        answers.reverse();
        judge(&answers, 0, RCPT).map(|trip| trip.kind)
    }

    #[test]
    fn a_sender_is_held_as_the_answers_say() {
        let (refused, same) = (Some(TripKind::Refused), Some(TripKind::SameWords));
        let table = [
            ("mmmm", None),
            ("mmmmm", refused),
            ("rrrrr", refused),
            ("rrrr", None),
            ("ddddd", refused),
            // Another refusal in between, or a recipient's own before the dot, shows nothing.
            ("rrsrrr", refused),
            ("ddududd", refused),
            // The recipient's own refusal, or an answer in a later phase, shows that the sender is taken.
            ("rrrurr", None),
            ("mmmumm", None),
            ("rrdrrr", None),
            ("ururrrrr", refused),
            ("bbbbbbbbb", None),
            ("bbbbbbbbbb", same),
            ("bbbbbubbbbb", None),
            ("uuuuuuuuuuuuuuu", None),
            ("", None),
        ];
        for (letters, expected) in table {
            assert_eq!(judged(letters, |_, _| ()), expected, "{letters}");
        }
    }

    #[test]
    fn an_answer_that_says_nothing_of_its_recipient_may_be_the_senders() {
        let table = [
            (ReasonCode::Refused, Some("550 5.7.1"), true),
            (ReasonCode::Refused, None, false),
            (ReasonCode::Rejected, Some("550"), true),
            (ReasonCode::Rejected, Some("550 5.1.1"), false),
            (ReasonCode::Deferred, Some("451"), false),
            (ReasonCode::Accepted, Some("250"), false),
        ];
        for (class, code, expected) in table {
            assert_eq!(may_be_the_senders(class, code), expected, "{class} {code:?}");
        }
    }

    #[test]
    fn at_rcpt_the_domains_count() {
        let over = |domains: usize| {
            move |n: usize, answer: &mut PastAnswer<u8>| answer.domain = Some(format!("d{}", n % domains))
        };
        assert_eq!(judged(&"r".repeat(30), over(2)), None);
        assert_eq!(judged("rrrrr", over(3)), Some(TripKind::Refused));
        assert_eq!(judged(&"d".repeat(5), over(1)), Some(TripKind::Refused));
        assert_eq!(judged(&"b".repeat(30), over(4)), None);
        assert_eq!(judged(&"b".repeat(10), over(5)), Some(TripKind::SameWords));
        assert_eq!(judged(&"b".repeat(30), |_, answer| answer.domain = None), None);
    }

    #[test]
    fn other_words_are_other_recipients() {
        let words =
            |n: usize, answer: &mut PastAnswer<u8>| answer.words = if n == 4 { "full".into() } else { "no".into() };
        assert_eq!(judged(&"b".repeat(12), words), None);
        assert_eq!(judged(&"b".repeat(15), words), Some(TripKind::SameWords));
    }

    #[test]
    fn one_delivery_again_and_again_is_one_and_what_tripped_before_is_none() {
        assert_eq!(judged(&"m".repeat(30), |_, answer| answer.delivery = DeliveryId(Uuid::nil())), None);
        assert_eq!(judged(&"m".repeat(30), |_, answer| answer.counts = false), None);
        assert_eq!(judged("mmmmmmmm", |n, answer| answer.counts = n > 2), Some(TripKind::Refused));
    }

    proptest! {
        #[test]
        fn a_trip_has_enough_answers_behind_it(letters in "[mrsdbu]{0,60}") {
            let needed = match judged(&letters, |_, _| ()) {
                None => return Ok(()),
                Some(TripKind::Refused) => REFUSED_MIN,
                Some(TripKind::SameWords) => SAME_WORDS_MIN,
            };
            let last = letters.chars().last().expect("a trip has answers");
            prop_assert!(letters.chars().filter(|letter| *letter == last).count() >= needed);
            prop_assert!(last != 'u');
        }
    }
}
