//! What follows from how an attempt ended.
//!
//! Pure: the outcome, how often it was tried, and the schedule in; what becomes of the delivery out. The match is
//! exhaustive, so a new way to end does not compile until it is decided what follows from it.

use crate::model::state::Concluded;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::reason::ReasonCode;
use crate::model::state::OnUncertain;

/// What becomes of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Back to its lane.
    Again {
        /// How long from now.
        after: Duration,
        /// Whether one of its attempts is used up.
        consumed: bool,
    },
    /// It stands where it stands.
    Conclude(Concluded, ReasonCode),
}

/// What a delivery has behind it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact, and all can be true")]
pub struct History {
    /// Whose attempt it was; spreads the delays, so that a burst does not come back as a burst.
    pub delivery: DeliveryId,
    /// Attempts consumed before this one.
    pub attempts: u32,
    pub now: Timestamp,
    /// Since when one of its documents is missed, if it is.
    pub missing_since: Option<Timestamp>,
    /// The documents were attached.
    pub attached: bool,
    /// An earlier attempt was uncertain: the relay may hold the message, and this attempt was the resend.
    pub resent_uncertain: bool,
    /// The whole message was handed over in this attempt.
    pub handed_over: bool,
    /// What its relay's configuration wants then.
    pub on_uncertain: OnUncertain,
    /// What was away is not asked again before this time has passed.
    pub pause: Duration,
    /// It was deferred because its sender has sent what it may for now.
    pub sender_limited: bool,
    /// An address needs SMTPUTF8 that the message can do without, and nothing was permitted to go out yet.
    pub goes_without_utf8: bool,
}

/// When to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The delay after each attempt; one attempt more than delays.
    pub delays: Vec<Duration>,
    /// How long a missing document is waited for.
    pub document_wait: Duration,
}

impl Default for Schedule {
    /// 8 attempts in 14 h 42 min 30 s, and 10 minutes for documents.
    fn default() -> Self {
        let minutes = [2, 10, 30, 120, 240, 480].map(Duration::from_mins);
        Self {
            delays: std::iter::once(Duration::from_secs(30)).chain(minutes).collect(),
            document_wait: Duration::from_mins(10),
        }
    }
}

/// How soon a delivery comes back when its relay, the document store or the database was away. The breaker, not
/// this delay, spares a broken relay.
const AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// How soon a delivery is tried again whose sender has sent what it may for now. Such limits are an hour's or a day's,
/// and none of the deliveries behind them is to blame.
const AFTER_SENDER_LIMIT: Duration = Duration::from_mins(30);

/// How soon a missing document is looked for again.
const DOCUMENT_POLL: Duration = Duration::from_secs(30);

/// What follows from an attempt that ended as `class`.
#[must_use]
pub fn after(class: ReasonCode, history: &History, schedule: &Schedule) -> Next {
    match after_each(class, history, schedule) {
        // A dead letter invites to a redrive, a rejection to a resend; but the relay may hold the message, so a person
        // looks there first.
        Next::Conclude(Concluded::Dead | Concluded::Rejected, _) if history.resent_uncertain => {
            Next::Conclude(Concluded::Uncertain, ReasonCode::Uncertain)
        }
        next => next,
    }
}

fn after_each(class: ReasonCode, history: &History, schedule: &Schedule) -> Next {
    match class {
        ReasonCode::Accepted => Next::Conclude(Concluded::Sent, class),
        // Once is once: the relay may hold the first, and has now had the second.
        ReasonCode::Deferred | ReasonCode::RelayUnavailable if history.resent_uncertain && history.handed_over => {
            Next::Conclude(Concluded::Uncertain, ReasonCode::Uncertain)
        }
        ReasonCode::Deferred if history.sender_limited => {
            Next::Again { after: jittered(AFTER_SENDER_LIMIT, history), consumed: false }
        }
        ReasonCode::Deferred => deferred(history, schedule),
        ReasonCode::RelayUnavailable | ReasonCode::Dependency => {
            Next::Again { after: history.pause + jittered(AFTER_OUTAGE, history), consumed: false }
        }
        ReasonCode::DocumentMissing => document_missing(history, schedule),
        ReasonCode::UnsupportedAddress if history.goes_without_utf8 => {
            Next::Again { after: Duration::ZERO, consumed: false }
        }
        // Once more at once, with a link; the decision says whether that may be.
        ReasonCode::TooLarge if history.attached => Next::Again { after: Duration::ZERO, consumed: false },
        ReasonCode::Uncertain if history.on_uncertain == OnUncertain::Resend && !history.resent_uncertain => {
            Next::Again { after: jittered(AFTER_OUTAGE, history), consumed: true }
        }
        ReasonCode::Uncertain => Next::Conclude(Concluded::Uncertain, class),
        ReasonCode::Rejected => Next::Conclude(Concluded::Rejected, class),
        ReasonCode::Expired => Next::Conclude(Concluded::Expired, class),
        ReasonCode::DuplicateInvoice | ReasonCode::Superseded | ReasonCode::ByHand => {
            Next::Conclude(Concluded::Cancelled, class)
        }
        ReasonCode::TooLarge
        | ReasonCode::Refused
        | ReasonCode::UnsupportedAddress
        | ReasonCode::Malformed
        | ReasonCode::ConflictingEvent
        | ReasonCode::Poison
        | ReasonCode::UnknownTenant
        | ReasonCode::UnknownCustomer
        | ReasonCode::InvalidRecipient
        | ReasonCode::NoVerificationMethod
        | ReasonCode::DocumentMismatch
        | ReasonCode::RetriesExhausted
        | ReasonCode::UnknownRelay
        | ReasonCode::Internal => Next::Conclude(Concluded::Dead, class),
    }
}

fn deferred(history: &History, schedule: &Schedule) -> Next {
    let index = usize::try_from(history.attempts).unwrap_or(usize::MAX);
    match schedule.delays.get(index) {
        Some(delay) => Next::Again { after: jittered(*delay, history), consumed: true },
        None => Next::Conclude(Concluded::Dead, ReasonCode::RetriesExhausted),
    }
}

fn document_missing(history: &History, schedule: &Schedule) -> Next {
    let waited = history.missing_since.map_or(Duration::ZERO, |since| history.now.since(since));
    if waited < schedule.document_wait {
        let left = schedule.document_wait.saturating_sub(waited);
        Next::Again { after: DOCUMENT_POLL.min(left), consumed: false }
    } else {
        Next::Conclude(Concluded::Dead, ReasonCode::DocumentMissing)
    }
}

/// `delay` ± 20 %, always the same for the same attempt of the same delivery.
fn jittered(delay: Duration, history: &History) -> Duration {
    let seed = history.delivery.0.as_u64_pair().1 ^ u64::from(history.attempts).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // SplitMix64's finaliser: neighbouring seeds give unrelated results.
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let per_mille = u32::try_from((mixed ^ (mixed >> 31)) % 401).expect("a remainder below 401 fits") + 800;
    delay * per_mille / 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;
    use uuid::Uuid;

    use super::*;

    fn history(attempts: u32) -> History {
        History {
            delivery: DeliveryId(Uuid::from_u128(7)),
            attempts,
            now: Timestamp(1_000_000),
            missing_since: None,
            attached: false,
            resent_uncertain: false,
            handed_over: false,
            on_uncertain: OnUncertain::Wait,
            pause: Duration::ZERO,
            sender_limited: false,
            goes_without_utf8: false,
        }
    }

    #[test]
    fn what_pauses_is_not_tried_before_the_pause_is_over() {
        let paused = History { pause: Duration::from_secs(30), ..history(0) };
        let Next::Again { after, consumed: false } = after(ReasonCode::Dependency, &paused, &Schedule::default())
        else {
            panic!("nobody is to blame")
        };
        assert!((Duration::from_secs(34)..=Duration::from_secs(36)).contains(&after), "{after:?}");
    }

    #[test]
    fn every_class_has_its_consequence() {
        let schedule = Schedule::default();
        for class in ReasonCode::VARIANTS {
            let expected = match class {
                ReasonCode::Accepted => Some(Concluded::Sent),
                ReasonCode::Rejected => Some(Concluded::Rejected),
                ReasonCode::Uncertain => Some(Concluded::Uncertain),
                ReasonCode::Expired => Some(Concluded::Expired),
                ReasonCode::DuplicateInvoice | ReasonCode::Superseded | ReasonCode::ByHand => {
                    Some(Concluded::Cancelled)
                }
                ReasonCode::Deferred
                | ReasonCode::RelayUnavailable
                | ReasonCode::Dependency
                | ReasonCode::DocumentMissing => None,
                _ => Some(Concluded::Dead),
            };
            match (after(*class, &history(0), &schedule), expected) {
                (Next::Conclude(state, kept), Some(expected)) => assert_eq!((state, kept), (expected, *class)),
                (Next::Again { consumed, .. }, None) => assert_eq!(consumed, *class == ReasonCode::Deferred),
                (next, expected) => panic!("{class}: {next:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn eight_attempts_then_dead() {
        let schedule = Schedule::default();
        let mut total = Duration::ZERO;
        for attempts in 0..7 {
            let Next::Again { after, consumed: true } = after(ReasonCode::Deferred, &history(attempts), &schedule)
            else {
                panic!("attempt {attempts} is not the last");
            };
            total += after;
        }
        let planned: Duration = schedule.delays.iter().sum();
        assert_eq!(planned, Duration::from_secs(52_950));
        assert!(total > planned * 8 / 10 && total < planned * 12 / 10, "{total:?}");
        assert_eq!(
            after(ReasonCode::Deferred, &history(7), &schedule),
            Next::Conclude(Concluded::Dead, ReasonCode::RetriesExhausted)
        );
    }

    #[test]
    fn an_outage_consumes_nothing_however_long_it_lasts() {
        for attempts in [0, 7, 100] {
            for class in [ReasonCode::RelayUnavailable, ReasonCode::Dependency] {
                let next = after(class, &history(attempts), &Schedule::default());
                assert!(matches!(next, Next::Again { consumed: false, .. }), "{next:?}");
            }
        }
    }

    #[test]
    fn an_address_that_can_be_left_out_is_left_out_at_once() {
        let unsupported = |goes_without_utf8| {
            after(ReasonCode::UnsupportedAddress, &History { goes_without_utf8, ..history(3) }, &Schedule::default())
        };
        assert_eq!(unsupported(true), Next::Again { after: Duration::ZERO, consumed: false });
        assert_eq!(unsupported(false), Next::Conclude(Concluded::Dead, ReasonCode::UnsupportedAddress));
    }

    #[test]
    fn a_limit_of_the_sender_consumes_nothing_and_is_waited_for() {
        for attempts in [0, 7, 100] {
            let limited = History { sender_limited: true, ..history(attempts) };
            let Next::Again { after, consumed: false } = after(ReasonCode::Deferred, &limited, &Schedule::default())
            else {
                panic!("no delivery is to blame")
            };
            assert!((Duration::from_mins(24)..=Duration::from_mins(36)).contains(&after), "{after:?}");
        }
    }

    #[test]
    fn what_was_handed_over_twice_is_not_handed_over_again() {
        let resent = |handed_over| History { resent_uncertain: true, handed_over, ..history(1) };
        let uncertain = Next::Conclude(Concluded::Uncertain, ReasonCode::Uncertain);
        for class in [ReasonCode::Deferred, ReasonCode::RelayUnavailable] {
            assert_eq!(after(class, &resent(true), &Schedule::default()), uncertain, "{class}");
            let limited = History { sender_limited: true, ..resent(true) };
            assert_eq!(after(class, &limited, &Schedule::default()), uncertain, "{class}");
            assert!(matches!(after(class, &resent(false), &Schedule::default()), Next::Again { .. }), "{class}");
        }
    }

    #[test]
    fn a_missing_document_is_waited_for_ten_minutes() {
        let schedule = Schedule::default();
        let missed_for = |time: Duration| History { missing_since: Some(history(0).now.minus(time)), ..history(0) };
        let again = |after_secs| Next::Again { after: Duration::from_secs(after_secs), consumed: false };
        assert_eq!(after(ReasonCode::DocumentMissing, &history(0), &schedule), again(30));
        assert_eq!(after(ReasonCode::DocumentMissing, &missed_for(Duration::from_secs(590)), &schedule), again(10));
        assert_eq!(
            after(ReasonCode::DocumentMissing, &missed_for(Duration::from_mins(10)), &schedule),
            Next::Conclude(Concluded::Dead, ReasonCode::DocumentMissing)
        );
    }

    #[test]
    fn uncertain_is_sent_again_once_and_only_where_the_relay_says_so() {
        let schedule = Schedule::default();
        let uncertain = |on_uncertain, resent_uncertain| {
            after(ReasonCode::Uncertain, &History { resent_uncertain, on_uncertain, ..history(0) }, &schedule)
        };
        let stands = Next::Conclude(Concluded::Uncertain, ReasonCode::Uncertain);
        assert_eq!(uncertain(OnUncertain::Wait, false), stands);
        assert_eq!(uncertain(OnUncertain::Resend, true), stands);
        assert!(matches!(uncertain(OnUncertain::Resend, false), Next::Again { .. }));
    }

    #[test]
    fn too_large_is_tried_as_a_link_and_then_given_up() {
        let too_large =
            |attached| after(ReasonCode::TooLarge, &History { attached, ..history(3) }, &Schedule::default());
        assert_eq!(too_large(true), Next::Again { after: Duration::ZERO, consumed: false });
        assert_eq!(too_large(false), Next::Conclude(Concluded::Dead, ReasonCode::TooLarge));
    }

    proptest! {
        #[test]
        fn delays_stay_within_a_fifth(id in any::<u128>(), attempts in 0_u32..7) {
            let schedule = Schedule::default();
            let delay = schedule.delays[attempts as usize];
            let history = History { delivery: DeliveryId(Uuid::from_u128(id)), ..history(attempts) };
            let Next::Again { after, .. } = after(ReasonCode::Deferred, &history, &schedule) else { unreachable!() };
            prop_assert!(after >= delay * 8 / 10 && after <= delay * 12 / 10);
        }
    }
}
