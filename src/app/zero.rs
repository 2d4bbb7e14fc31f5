//! Every series that is known at the start, at zero: a counter that appears with its first event has no growth that an
//! alarm could see, and a series that does not exist looks like a process that does not measure it.

use std::collections::BTreeSet;

use metrics::{counter, gauge, histogram};
use strum::VariantArray as _;

use crate::broker::{MIRROR_ACTIONS, RECONNECT_REASONS};
use crate::intake::COUNTED_RESULTS;
use crate::model::ids::RelayName;
use crate::model::incoming::Via;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::settings::VerificationMethod;
use crate::model::state::Decision;
use crate::operator::fresh_link::FRESH_LINK_RESULTS;
use crate::operator::sign_in::SIGN_IN_RESULTS;
use crate::policy::decision::Reason;
use crate::telemetry::metric;

/// The loops of one process that begin anew after a panic.
const LOOPS: [&str; 11] = [
    "batcher",
    "consumer",
    "gate",
    "heartbeat",
    "lane",
    "mirror",
    "outcomes",
    "recorder",
    "sender guard",
    "sign-in journal",
    "sweeper",
];

/// Starts counters and histograms; the gauges say nothing before they are known.
pub(super) fn start_counters<'a>(relays: impl IntoIterator<Item = &'a RelayName>) {
    for via in Via::VARIANTS {
        for result in results(*via) {
            counter!(metric::EVENTS_CONSUMED, "source" => via.into_str(), "result" => result).increment(0);
        }
    }
    for relay in relays.into_iter().map(RelayName::to_string) {
        for (phase, class) in ends() {
            let (phase, class) = (phase.into_str(), class.into_str());
            counter!(metric::ATTEMPTS, "relay" => relay.clone(), "phase" => phase, "class" => class).increment(0);
        }
        for class in ends().into_iter().map(|(_, class)| class).collect::<BTreeSet<_>>() {
            // Made, it is shown.
            let _ = histogram!(metric::ATTEMPT_SECONDS, "relay" => relay.clone(), "class" => class.into_str());
        }
    }
    for decision in Decision::VARIANTS {
        let _ = histogram!(metric::END_TO_END_SECONDS, "decision" => decision.into_str());
        for reason in Reason::VARIANTS.iter().filter(|reason| reason.leads_to(*decision)) {
            let (decision, reason) = (decision.into_str(), reason.into_str());
            counter!(metric::DECISIONS, "decision" => decision, "reason" => reason).increment(0);
        }
    }
    for reason in ["duplicate_event", "duplicate_invoice"] {
        counter!(metric::DUPLICATES_SUPPRESSED, "reason" => reason).increment(0);
    }
    for reason in RECONNECT_REASONS {
        counter!(metric::AMQP_RECONNECTS, "reason" => reason).increment(0);
    }
    for action in MIRROR_ACTIONS {
        counter!(metric::DEAD_LETTER_MIRROR, "action" => action).increment(0);
    }
    let _ = histogram!(metric::DEAD_LETTER_PASS_SECONDS);
    gauge!(metric::DEAD_LETTER_PASS_REMAINING).set(0.0);
    for name in LOOPS {
        counter!(metric::PANICS, "loop" => name).increment(0);
    }
    for kind in PortalEventKind::VARIANTS {
        counter!(metric::PORTAL_EVENTS, "kind" => kind.into_str()).increment(0);
    }
    for result in FRESH_LINK_RESULTS {
        counter!(metric::PORTAL_FRESH_LINKS, "result" => result).increment(0);
    }
    counter!(metric::PORTAL_LINKS_REVOKED).increment(0);
    counter!(metric::API_UNAUTHORISED).increment(0);
    for result in SIGN_IN_RESULTS {
        counter!(metric::SIGN_INS, "result" => result).increment(0);
    }
    start_counters_of_portal();
    counter!(metric::DATABASE_STATEMENTS).increment(0);
}

fn start_counters_of_portal() {
    for method in VerificationMethod::VARIANTS {
        for result in ["passed", "failed"] {
            counter!(metric::PORTAL_VERIFICATIONS, "method" => method.into_str(), "result" => result).increment(0);
        }
    }
    for result in ["locked", "too_many"] {
        counter!(metric::PORTAL_VERIFICATIONS, "method" => "any", "result" => result).increment(0);
    }
    for result in ["sent", "refused", "failed", "unanswered", "down", "limited"] {
        counter!(metric::SMS, "result" => result).increment(0);
    }
    counter!(metric::SMS_PUMPING).increment(0);
}

/// Starts the gauges that a worker keeps itself: what it takes for true until it knows better.
pub(super) fn start_gauges_of_worker(relays: &BTreeSet<RelayName>) {
    gauge!(metric::WORKER_HEARTBEAT_AGE_SECONDS).set(0.0);
    for relay in relays.iter().map(RelayName::to_string) {
        for name in [metric::BREAKER_STATE, metric::CREDENTIALS_REFUSED, metric::SENDER_HELD] {
            gauge!(name, "relay" => relay.clone()).set(0.0);
        }
    }
}

/// What becomes of events that come this way.
fn results(via: Via) -> Vec<&'static str> {
    let classes = [
        ReasonCode::Malformed,
        ReasonCode::ConflictingEvent,
        ReasonCode::UnknownTenant,
        ReasonCode::UnknownCustomer,
        ReasonCode::InvalidRecipient,
        ReasonCode::NoVerificationMethod,
    ];
    let mut results: Vec<&'static str> = classes.map(|class| class.into_str()).into();
    // Only the broker gives up, and only in its queues a dead letter can be moved by hand.
    let by_broker = ["stale_redrive"];
    results.extend(COUNTED_RESULTS.into_iter().filter(|result| via == Via::Amqp || !by_broker.contains(result)));
    if via == Via::Amqp {
        results.push(ReasonCode::Poison.into_str());
    }
    results
}

/// Where an attempt may end, and how.
fn ends() -> Vec<(Phase, ReasonCode)> {
    let about_the_message = [
        ReasonCode::Deferred,
        ReasonCode::Rejected,
        ReasonCode::TooLarge,
        ReasonCode::Refused,
        ReasonCode::UnsupportedAddress,
    ];
    let mut ends = vec![(Phase::FinalDot, ReasonCode::Accepted), (Phase::FinalDot, ReasonCode::Uncertain)];
    for phase in Phase::VARIANTS {
        ends.push((*phase, ReasonCode::RelayUnavailable));
        match phase {
            Phase::Mail | Phase::Rcpt | Phase::Data | Phase::FinalDot => {
                ends.extend(about_the_message.map(|class| (*phase, class)));
            }
            Phase::Transfer => ends.push((*phase, ReasonCode::Deferred)),
            _ => {}
        }
    }
    ends
}
