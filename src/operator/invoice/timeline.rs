//! What happened to one document, entry by entry, as one reader may see it.

use std::time::Duration;

use super::history::DocumentHistory;
use crate::clock::Timestamp;
use crate::model::note::NoteKind;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Concluded, DeadLetterState, Decision, DeliveryRole, DeliveryState, EventState};
use crate::operator::masking::Reader;
use crate::operator::resend::LinkCause;
use crate::policy::decision::{Inputs, Plan, PortalAccess, Reason, rule};
use crate::store::{DeadLetter, ExplainedAttempt, ExplainedDelivery, ExplainedEvent, Note};

#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// Which delivery, counted from 1; none where there is one only.
    pub delivery: Option<usize>,
    pub event: TimelineEvent,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TimelineEvent {
    Received {
        source: String,
        /// `queue`, `http`, `file`.
        via: String,
        event_id: String,
        /// Its bytes have been deleted.
        forgotten: bool,
    },
    Waiting {
        class: ReasonCode,
    },
    Made {
        role: DeliveryRole,
        /// As the reader may see them.
        to: Vec<String>,
    },
    Resent {
        by: Option<String>,
        reason: String,
        to: Vec<String>,
        /// The address stands neither in the event nor on record.
        to_unknown_address: bool,
    },
    Decided {
        decision: Decision,
        reason: Reason,
        /// Of [`Reason::LinkOnly`]: who wanted the link.
        link_cause: Option<LinkCause>,
        settings_version: Option<i64>,
        access: Option<PortalAccess>,
        method: Option<VerificationMethod>,
    },
    Attempted {
        number: u32,
        relay: String,
        /// As the relay protocol calls it: `RCPT TO`.
        phase: Option<String>,
        class: ReasonCode,
        code: Option<String>,
        reply: Option<String>,
        took: Option<Duration>,
        next_at: Option<Timestamp>,
    },
    /// An attempt whose end is not known.
    AttemptUnended {
        number: u32,
    },
    Concluded {
        state: Concluded,
        class: Option<ReasonCode>,
    },
    /// By a person or by the program.
    Noted {
        by: String,
        /// An English sentence, the reason included.
        text: String,
        /// The same as facts; none of what another version of this program noted.
        kind: Option<NoteKind>,
        /// In its author's own words.
        reason: Option<String>,
    },
    Acknowledged {
        by: String,
    },
    Portal {
        kind: PortalEventKind,
        detail: Option<String>,
        network: Option<String>,
    },
    LinkRevoked {
        by: Option<String>,
        reason: Option<String>,
    },
    DeadLetter {
        class: ReasonCode,
        reason: String,
    },
    DeadLetterConcluded {
        by: Option<String>,
        note: Option<String>,
        redriven: bool,
    },
}

/// Everything in the order in which it happened.
#[must_use]
pub fn timeline(document: &DocumentHistory, reader: &Reader) -> Vec<TimelineEntry> {
    let many = document.deliveries.len() > 1;
    let mut all: Vec<TimelineEntry> = document.events.iter().flat_map(received).collect();
    for (number, explained) in (1..).zip(&document.deliveries) {
        let entries = of_delivery(explained, reader).into_iter();
        all.extend(entries.map(|entry| TimelineEntry { delivery: many.then_some(number), ..entry }));
    }
    for letter in document.dead_letters.iter().filter(|letter| letter.delivery.is_none()) {
        let (class, reason) = (letter.class, reader.text(&letter.reason));
        all.push(entry(letter.last_failed_at, TimelineEvent::DeadLetter { class, reason }));
    }
    all.extend(document.dead_letters.iter().filter_map(|letter| concluded_letter(letter, reader)));
    // What happened at one moment stays in the order of its causes.
    all.sort_by_key(|entry| entry.at);
    all
}

const fn entry(at: Timestamp, event: TimelineEvent) -> TimelineEntry {
    TimelineEntry { at, delivery: None, event }
}

fn received(event: &ExplainedEvent) -> Vec<TimelineEntry> {
    let came = TimelineEvent::Received {
        source: event.source.clone(),
        via: event.via.into_str().to_owned(),
        event_id: event.id.clone(),
        forgotten: !event.has_body,
    };
    let mut entries = vec![entry(event.received_at, came)];
    if event.state == EventState::Waiting {
        let class = ReasonCode::UnknownCustomer;
        entries.push(entry(event.received_at, TimelineEvent::Waiting { class }));
    }
    entries
}

fn of_delivery(explained: &ExplainedDelivery, reader: &Reader) -> Vec<TimelineEntry> {
    let ExplainedDelivery { delivery, attempts, notes, links, portal } = explained;
    let mut all = vec![entry(delivery.created_at, made(explained, reader))];
    if let Some(decided) = decided(explained) {
        let at = attempts.first().map_or(delivery.concluded_at, |attempt| Some(attempt.started_at));
        all.push(entry(at.unwrap_or(delivery.created_at), decided));
    }
    let ends: Vec<Timestamp> = attempts.iter().skip(1).map(|attempt| attempt.started_at).collect();
    for (index, attempt) in attempts.iter().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let next_at = ends.get(index).copied().or(delivery.due_at);
        all.push(entry(attempt.ended_at, tried(attempt, number, next_at, reader)));
    }
    // The entry of a resend says who and why.
    let is_of_resend = |note: &Note| delivery.resend_reason.is_some() && is_resent(note);
    let others = notes.iter().filter(|note| !is_of_resend(note));
    all.extend(others.map(|note| entry(note.at, noted(note, reader))));
    for link in links {
        if let Some(at) = link.revoked_at {
            let reason = link.revoke_reason.as_deref().map(|reason| reader.text(reason));
            all.push(entry(at, TimelineEvent::LinkRevoked { by: link.revoked_by.clone(), reason }));
        }
    }
    for event in portal {
        let (kind, detail) = (event.kind, event.detail.as_deref().map(|detail| reader.text(detail)));
        // Where somebody sat is personal data, too.
        let network = event.network.clone().filter(|_| reader.whole);
        all.push(entry(event.at, TimelineEvent::Portal { kind, detail, network }));
    }
    all.extend(ended(explained));
    all
}

fn is_resent(note: &Note) -> bool {
    note.kind == Some(NoteKind::Resent)
}

fn noted(note: &Note, reader: &Reader) -> TimelineEvent {
    let by = note.who.clone();
    match &note.kind {
        // Who has seen it stands in a column of its own.
        Some(NoteKind::Acknowledged) => TimelineEvent::Acknowledged { by },
        kind => TimelineEvent::Noted {
            by,
            text: reader.text(&note.what),
            kind: kind.clone(),
            reason: note.reason().map(|reason| reader.text(reason)),
        },
    }
}

fn made(explained: &ExplainedDelivery, reader: &Reader) -> TimelineEvent {
    let delivery = &explained.delivery;
    let to = reader.addresses(&delivery.recipients);
    match &delivery.resend_reason {
        Some(reason) => {
            let note = explained.notes.iter().find(|note| is_resent(note));
            let is_to_new_address = |note: &Note| matches!(note.kind, Some(NoteKind::ToNewAddress { .. }));
            TimelineEvent::Resent {
                by: note.map(|note| note.who.clone()),
                reason: reader.text(reason),
                to,
                to_unknown_address: explained.notes.iter().any(is_to_new_address),
            }
        }
        None => TimelineEvent::Made { role: delivery.role, to },
    }
}

/// What was decided, out of what was recorded to have been decided upon.
fn decided(explained: &ExplainedDelivery) -> Option<TimelineEvent> {
    let delivery = &explained.delivery;
    let (decision, reason) = (delivery.decision?, delivery.decision_reason?);
    let inputs = delivery.decision_inputs.as_deref().and_then(|json| serde_json::from_str::<Inputs>(json).ok());
    let ruling = inputs.and_then(|inputs| rule(&inputs).ok());
    let access = match ruling.map(|ruling| ruling.plan) {
        Some(Plan::Link { access }) => Some(access),
        _ => None,
    };
    let method = ruling.and_then(|ruling| ruling.method);
    let settings_version = inputs.map(|inputs| inputs.settings_version);
    let link_cause = LinkCause::recorded(reason, &explained.notes);
    Some(TimelineEvent::Decided { decision, reason, link_cause, settings_version, access, method })
}

fn tried(attempt: &ExplainedAttempt, number: u32, next_at: Option<Timestamp>, reader: &Reader) -> TimelineEvent {
    TimelineEvent::Attempted {
        number,
        relay: attempt.relay.to_string(),
        phase: attempt.phase.map(|phase| phase.to_string()),
        class: attempt.class,
        code: attempt.code.clone(),
        reply: attempt.reply.as_deref().map(|reply| reader.reply(reply)),
        took: Some(attempt.ended_at.since(attempt.started_at)).filter(|took| *took > Duration::ZERO),
        next_at,
    }
}

/// How it ended: also an attempt of which nothing else is known.
fn ended(explained: &ExplainedDelivery) -> Vec<TimelineEntry> {
    let ExplainedDelivery { delivery, attempts, .. } = explained;
    let Some(at) = delivery.concluded_at else { return Vec::new() };
    let mut entries = Vec::new();
    let is_listed = attempts.iter().any(|attempt| attempt.claim == delivery.claim);
    if delivery.phase.is_some() && !is_listed {
        let number = u32::try_from(attempts.len() + 1).unwrap_or(u32::MAX);
        entries.push(entry(at, TimelineEvent::AttemptUnended { number }));
    }
    if let DeliveryState::Concluded(state) = delivery.state {
        entries.push(entry(at, TimelineEvent::Concluded { state, class: delivery.class }));
    }
    entries
}

fn concluded_letter(letter: &DeadLetter, reader: &Reader) -> Option<TimelineEntry> {
    let event = TimelineEvent::DeadLetterConcluded {
        by: letter.concluded_by.clone(),
        note: letter.note.as_deref().map(|note| reader.text(note)),
        redriven: matches!(letter.state, DeadLetterState::Redriven | DeadLetterState::Cured),
    };
    Some(entry(letter.concluded_at?, event))
}
