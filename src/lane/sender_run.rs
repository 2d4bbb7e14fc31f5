//! When a relay refuses a sender rather than single mails.
//!
//! Pure: how attempts of one sender at one relay ended goes in, a trip comes out. A tenant whose sender the relay does
//! not take would else make a dead letter of every invoice of its batch.

use std::collections::VecDeque;

use super::ended::Ended;
use crate::class::Class;
use crate::ids::DeliveryId;
use crate::relay::outcome::Phase;

/// So many in a row are the sender's fault …
const IN_A_ROW: usize = 5;
/// … or half of so many.
const WINDOW: usize = 20;

/// An answer that may speak of the sender: the same one again and again does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where in the conversation.
    pub phase: Phase,
    /// The codes, as `550 5.7.1`.
    pub code: String,
}

impl Refusal {
    /// The answer that ended an attempt, if it may speak of the sender: a refusal; a bare 550 to RCPT, which many
    /// relays also give to senders; a 4.7.x, by which policy defers
    /// ([RFC 3463 §3.8](https://www.rfc-editor.org/rfc/rfc3463#section-3.8)).
    pub fn of(ended: &Ended) -> Option<Self> {
        let (phase, reply) = (ended.phase?, ended.reply.as_ref()?);
        let suspicious = match ended.class {
            Class::Refused => true,
            Class::Rejected => reply.enhanced.is_none(),
            Class::Deferred => matches!(reply.enhanced, Some((4, 7, _))),
            _ => false,
        };
        suspicious.then(|| Self { phase, code: reply.codes() })
    }
}

/// One attempt that the relay answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which claim of it.
    pub claim: u32,
    /// Attempts consumed before this one.
    pub attempts: u32,
    /// The answer, if it may speak of the sender.
    pub refusal: Option<Refusal>,
}

/// The relay refuses the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderTrip {
    /// With this answer.
    pub refusal: Refusal,
    /// The attempts that got it.
    pub attempts: Vec<Answered>,
}

/// The last attempts of one sender at one relay, each delivery once: a mail that is refused at every retry says
/// nothing about the others.
#[derive(Debug, Default)]
pub struct SenderRun {
    last: VecDeque<Answered>,
}

impl SenderRun {
    /// Takes an attempt in; says whether the sender is to be held by it. It says so again until somebody drops the run.
    pub fn observe(&mut self, attempt: Answered) -> Option<SenderTrip> {
        self.last.retain(|earlier| earlier.delivery != attempt.delivery);
        let refusal = attempt.refusal.clone();
        self.last.push_back(attempt);
        if self.last.len() > WINDOW {
            self.last.pop_front();
        }
        let refusal = refusal?;
        let same = |answered: &&Answered| answered.refusal.as_ref() == Some(&refusal);
        let in_a_row = self.last.iter().rev().take_while(same).count();
        let of_all = self.last.iter().filter(same).count();
        let trips = in_a_row >= IN_A_ROW || (self.last.len() >= WINDOW && of_all * 2 >= WINDOW);
        trips.then(|| self.of(&refusal))
    }

    /// The attempts that got this answer.
    pub fn of(&self, refusal: &Refusal) -> SenderTrip {
        let same = |answered: &&Answered| answered.refusal.as_ref() == Some(refusal);
        SenderTrip { refusal: refusal.clone(), attempts: self.last.iter().filter(same).cloned().collect() }
    }

    /// Nothing in it speaks against the sender.
    pub fn is_clean(&self) -> bool {
        self.last.iter().all(|answered| answered.refusal.is_none())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::relay::outcome::Reply;

    fn answered(n: u128, code: Option<&str>) -> Answered {
        let refusal = code.map(|code| Refusal { phase: Phase::Rcpt, code: code.to_owned() });
        Answered { delivery: DeliveryId(Uuid::from_u128(n)), claim: 1, attempts: 0, refusal }
    }

    /// After how many attempts it trips; each letter is one: `.` another answer, others a code each.
    fn trips_at(letters: &str) -> Option<usize> {
        let mut run = SenderRun::default();
        letters
            .chars()
            .zip(1_u128..)
            .position(|(letter, n)| {
                let code = letter.to_string();
                run.observe(answered(n, (letter != '.').then_some(code.as_str()))).is_some()
            })
            .map(|index| index + 1)
    }

    #[test]
    fn a_sender_is_held_as_the_answers_say() {
        let table: &[(&str, Option<usize>)] = &[
            ("aaaa", None),
            ("aaaaa", Some(5)),
            ("aaaa.aaaa.", None),
            ("aaaabaaaab", None),
            ("aaaabbbbb", Some(9)),
            ("a.a.a.a.a.a.a.a.a.a.", None),
            (".a.a.a.a.a.a.a.a.a.a", Some(20)),
            ("..a..a..a..a..a..a..a..a..a..a..a..a..a", None),
            ("....................aaaaa", Some(25)),
        ];
        for (letters, expected) in table {
            assert_eq!(trips_at(letters), *expected, "{letters}");
        }
    }

    #[test]
    fn one_delivery_again_and_again_is_one() {
        let mut run = SenderRun::default();
        for _ in 0..30 {
            assert_eq!(run.observe(answered(1, Some("a"))), None);
        }
        assert!(!run.is_clean());
    }

    #[test]
    fn only_answers_that_may_speak_of_the_sender_count() {
        let ended = |class, phase, reply: &str| {
            let (code, text) = reply.split_once(' ').expect("a code and a text");
            Ended {
                phase: Some(phase),
                reply: Some(Reply::new(code.parse().expect("a code"), text)),
                ..Ended::before(class, "")
            }
        };
        let table = [
            (ended(Class::Refused, Phase::Mail, "550 5.7.1 no"), Some("550 5.7.1")),
            (ended(Class::Refused, Phase::FinalDot, "554 no"), Some("554")),
            (ended(Class::Rejected, Phase::Rcpt, "550 no"), Some("550")),
            (ended(Class::Rejected, Phase::Rcpt, "550 5.1.1 no"), None),
            (ended(Class::Deferred, Phase::Mail, "451 4.7.1 later"), Some("451 4.7.1")),
            (ended(Class::Deferred, Phase::Mail, "451 4.3.0 later"), None),
            (ended(Class::Accepted, Phase::FinalDot, "250 2.0.0 ok"), None),
            (Ended::before(Class::Refused, "nobody answered"), None),
        ];
        for (ended, expected) in table {
            assert_eq!(Refusal::of(&ended).map(|refusal| refusal.code).as_deref(), expected, "{ended:?}");
        }
    }

    proptest! {
        #[test]
        fn a_trip_names_what_got_the_answer_and_at_least_five(letters in "[ab.]{0,60}") {
            let mut run = SenderRun::default();
            for (letter, n) in letters.chars().zip(1_u128..) {
                let code = letter.to_string();
                let attempt = answered(n, (letter != '.').then_some(code.as_str()));
                if let Some(trip) = run.observe(attempt.clone()) {
                    prop_assert_eq!(Some(&trip.refusal), attempt.refusal.as_ref());
                    prop_assert!(trip.attempts.len() >= IN_A_ROW);
                    prop_assert!(trip.attempts.contains(&attempt));
                    prop_assert!(trip.attempts.iter().all(|other| other.refusal == attempt.refusal));
                }
                prop_assert!(run.last.len() <= WINDOW);
            }
        }
    }
}
