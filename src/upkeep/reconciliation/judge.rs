//! What is wrong with a row, by what stands beside it. Pure.

use super::evidence::{QueuedEvents, TakenMail};
use super::{Finding, ReconciliationFault};
use crate::model::ids::DeliveryId;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, Decision, DeliveryRole, EventState};
use crate::store::{BookedDelivery, BookedEvent, BookedLetter};
use crate::telemetry::AddressMask;

/// What is wrong with a delivery, by the database alone.
#[must_use]
pub fn delivery(delivery: &BookedDelivery) -> Vec<Finding> {
    let BookedDelivery { concluded, in_lane, accepted, .. } = *delivery;
    let mut faults = Vec::new();
    match (concluded, in_lane) {
        (None, None) => faults.push((ReconciliationFault::InNoState, "neither concluded nor in a lane".to_owned())),
        (Some(concluded), Some(state)) => {
            faults.push((ReconciliationFault::InTwoStates, format!("{concluded}, and {state} in its lane")));
        }
        _ => {}
    }
    match &delivery.event {
        Some((EventState::Waiting | EventState::Dead, _)) => {
            faults
                .push((ReconciliationFault::InTwoStates, "its event counts as one that became no delivery".to_owned()));
        }
        Some((EventState::Accepted, main)) if is_second(delivery, *main) => {
            faults.push((
                ReconciliationFault::SecondDelivery,
                "its event has another, and nobody requested this one".to_owned(),
            ));
        }
        _ => {}
    }
    if concluded == Some(Concluded::Dead) && delivery.open_letters == 0 {
        faults.push((ReconciliationFault::DeadUnseen, "dead, and no dead letter is open".to_owned()));
    }
    if delivery.open_letters > 1 {
        faults.push((ReconciliationFault::InTwoStates, format!("{} dead letters are open", delivery.open_letters)));
    }
    if accepted > 1 {
        faults.push((ReconciliationFault::SentTwice, format!("{accepted} attempts were accepted")));
    }
    // The late answer of an uncertain one that a resend had taken the place of is kept.
    let resent = concluded == Some(Concluded::Cancelled) && delivery.class == Some(ReasonCode::Superseded);
    // A late answer speaks while the second attempt is still under way: only what has ended can contradict it.
    let accepted_late = delivery.accepted_late > 0 && concluded.is_some();
    if (accepted > 0 || accepted_late) && concluded != Some(Concluded::Sent) && !resent {
        faults.push((
            ReconciliationFault::AcceptedNotSent,
            format!("an attempt was accepted, and it is {}", standing(delivery)),
        ));
    }
    if delivery.otherwise > 0 {
        faults.push((
            ReconciliationFault::OtherDecision,
            "the accepted attempt has another decision or message".to_owned(),
        ));
    }
    if concluded == Some(Concluded::Uncertain) && !delivery.has_message && delivery.uncertain == 0 {
        faults.push((ReconciliationFault::UncertainBeforeData, "uncertain, and no message was ever ready".to_owned()));
    }
    faults.into_iter().map(|(fault, detail)| of_delivery(delivery, fault, &detail)).collect()
}

/// Another main delivery than its event's, which no person asked for.
fn is_second(delivery: &BookedDelivery, of_event: Option<DeliveryId>) -> bool {
    delivery.role == DeliveryRole::Main && !delivery.resend && of_event != Some(delivery.id)
}

/// What is wrong with a delivery, by the mails that the relay took of it.
#[must_use]
pub fn taken(delivery: &BookedDelivery, mails: &[&TakenMail]) -> Vec<Finding> {
    let mut faults = Vec::new();
    // One more for each uncertain attempt that the relay's configuration had repeated.
    let allowed = 1 + usize::try_from(delivery.uncertain).unwrap_or(0);
    if let Some(times) = most_for_one_recipient(mails).filter(|times| *times > allowed) {
        faults.push((ReconciliationFault::SentTwice, format!("the relay took it {times} times for one recipient")));
    }
    let by_hand = delivery.class == Some(ReasonCode::ByHand);
    if mails.is_empty() && delivery.concluded == Some(Concluded::Sent) && !by_hand {
        faults.push((ReconciliationFault::NotTaken, "sent, and the relay never took it".to_owned()));
    }
    if !mails.is_empty() && !may_be_taken(delivery) {
        faults.push((ReconciliationFault::NotRecorded, format!("the relay took it, and it is {}", standing(delivery))));
    }
    let differs = |mail: &&TakenMail| match (delivery.decision, delivery.attachments) {
        (Some(Decision::Link), _) => mail.attachments > 0,
        (_, Some(attachments)) => mail.attachments != attachments,
        _ => false,
    };
    if let Some(mail) = mails.iter().copied().find(differs) {
        let recorded = delivery.decision.map_or("nothing", |decision| decision.into_str());
        let detail = format!("recorded as {recorded}, taken with {} documents", mail.attachments);
        faults.push((ReconciliationFault::OtherDecision, detail));
    }
    faults.into_iter().map(|(fault, detail)| of_delivery(delivery, fault, &detail)).collect()
}

fn most_for_one_recipient(mails: &[&TakenMail]) -> Option<usize> {
    let times = |to: &String| mails.iter().filter(|mail| mail.recipients.contains(to)).count();
    mails.iter().flat_map(|mail| &mail.recipients).map(times).max()
}

/// Whether the delivery shows that the relay has it, or may have it.
const fn may_be_taken(delivery: &BookedDelivery) -> bool {
    match delivery.concluded {
        Some(Concluded::Sent | Concluded::Uncertain) => true,
        // A resend took an uncertain one's place, and says so.
        Some(Concluded::Cancelled) => matches!(delivery.class, Some(ReasonCode::Superseded)),
        Some(_) => false,
        // Its worker is about to record it, or the relay's configuration has it repeated.
        None => delivery.has_message || delivery.may_be_out,
    }
}

fn standing(delivery: &BookedDelivery) -> &'static str {
    match (delivery.concluded, delivery.in_lane) {
        (Some(concluded), _) => concluded.into_str(),
        (None, Some(state)) => state.into_str(),
        (None, None) => "in no state",
    }
}

/// What is wrong with an event.
#[must_use]
pub fn event(event: &BookedEvent) -> Option<Finding> {
    // What was made of it may be forgotten too.
    if event.forgotten {
        return None;
    }
    let detail = match event.state {
        EventState::Accepted if !event.has_delivery => "its delivery is not there",
        EventState::Dead if event.letters == 0 => "dead, and no dead letter says why",
        EventState::Dead if event.letters > 1 => {
            return Some(of_event(event, ReconciliationFault::InTwoStates, "two dead letters"));
        }
        _ => return None,
    };
    Some(of_event(event, ReconciliationFault::InNoState, detail))
}

/// What is wrong with an open dead letter.
#[must_use]
pub fn letter(letter: &BookedLetter) -> Option<Finding> {
    let detail = match (letter.delivery, letter.event) {
        (Some((_, Some(Concluded::Dead))), _) | (None, None | Some((_, Some(EventState::Dead)))) => return None,
        (Some((delivery, Some(concluded))), _) => format!("delivery {delivery} is {concluded}"),
        (Some((delivery, None)), _) => format!("delivery {delivery} is not concluded"),
        (None, Some((_, Some(state)))) => format!("its event is {state}"),
        (None, Some((event, None))) => format!("its event {event} is not known"),
    };
    Some(Finding {
        fault: ReconciliationFault::SeenUndead,
        tenant: letter.tenant.clone(),
        invoice: letter.invoice_number.clone(),
        detail: format!("dead letter {} is open, and {detail}", letter.id),
    })
}

/// Published events that the database does not know, unless the messages that are ready may be these.
#[must_use]
pub fn published(missing: &[&(String, String)], queued: &QueuedEvents) -> Vec<Finding> {
    if missing.len() as u64 <= queued.ready {
        return Vec::new();
    }
    let (fault, why) = match queued.uncounted() {
        Some(why) => (ReconciliationFault::Unseen, format!("is not in the database yet; {why}")),
        None => (ReconciliationFault::Lost, format!("{} messages stand in the queues", queued.ready)),
    };
    let finding = |(source, id): &&(String, String)| Finding {
        fault,
        tenant: None,
        invoice: None,
        detail: format!("event {id} of {source} was published, and {why}"),
    };
    missing.iter().map(finding).collect()
}

/// A place in a lane of a delivery that is not there.
#[must_use]
pub fn stray(delivery: DeliveryId) -> Finding {
    let detail = format!("a place in a lane of delivery {delivery}, which is not there");
    Finding { fault: ReconciliationFault::WithoutDelivery, tenant: None, invoice: None, detail }
}

/// A mail that no delivery was found for.
#[must_use]
pub fn stranger(mail: &TakenMail) -> Finding {
    let detail = format!("the relay took {}, and no delivery of it is known", mail.message_id);
    Finding { fault: ReconciliationFault::NotRecorded, tenant: None, invoice: None, detail }
}

/// A row that cannot be read: what is wrong beside that is not known. The sentence names no address.
#[must_use]
pub fn unreadable(row: &str, why: &str) -> Finding {
    let detail = format!("{row}: {}", AddressMask::default().reply(why));
    Finding { fault: ReconciliationFault::Unreadable, tenant: None, invoice: None, detail }
}

/// What the relay accepted, as it did what was uncertain and was sent again: the answer to that came later.
#[must_use]
pub fn twice_by_a_resend(delivery: &BookedDelivery) -> Option<Finding> {
    if delivery.accepted == 0 {
        return None;
    }
    let detail = match delivery.accepted_before {
        Some(original) => format!("accepted, and so was the uncertain {original}, whose place a person had it take"),
        None if delivery.accepted_late > 0 => {
            "accepted, and so was an attempt before, which its relay's on_uncertain had repeated".to_owned()
        }
        None => return None,
    };
    Some(of_delivery(delivery, ReconciliationFault::AcceptedAndResent, &detail))
}

/// A kept count that is too high by `by`.
#[must_use]
pub fn miscounted(concluded: Concluded, by: i64) -> Finding {
    let detail = format!("the kept count of {concluded} differs from the true one by {by}");
    Finding { fault: ReconciliationFault::Miscounted, tenant: None, invoice: None, detail }
}

fn of_delivery(delivery: &BookedDelivery, fault: ReconciliationFault, detail: &str) -> Finding {
    let (tenant, invoice) = (Some(delivery.tenant.clone()), Some(delivery.invoice_number.clone()));
    Finding { fault, tenant, invoice, detail: format!("delivery {}: {detail}", delivery.id) }
}

fn of_event(event: &BookedEvent, fault: ReconciliationFault, detail: &str) -> Finding {
    let (tenant, invoice) = (Some(event.tenant.clone()), Some(event.invoice_number.clone()));
    Finding { fault, tenant, invoice, detail: format!("event {} of {}: {detail}", event.event_id, event.source) }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
