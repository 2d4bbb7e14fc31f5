//! The timeline of one invoice, as support reads it: where it stands and what to do, then all that happened, in order.

use crate::cli::lookup::which_invoice::quoted;
use crate::cli::terminal::format::{moment, recipients, recipients_whole, relative, size, why};
use crate::cli::terminal::output::Output;
use crate::cli::terminal::report::TextReport;
use crate::clock::Timestamp;
use crate::compose::Attachment;
use crate::event::Recipient;
use crate::model::ids::TenantId;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState, Decision, DeliveryRole, DeliveryState};
use crate::operator::invoice::wait_reason::LaneConditions;
use crate::operator::resend::LinkCause;
use crate::store::{
    DeadLetter, Delivery, ExplainedAttempt, ExplainedDelivery, ExplainedEvent, ExplainedLink, Explanation,
    NumberedInvoice, PortalEvent,
};
use crate::telemetry::AddressMask;

/// The widest name of a fact.
const INDENT: usize = 15;
/// The width of a moment.
const TIME_INDENT: usize = 24;

/// Everything that is known of one invoice, and how it is to be shown.
pub(in crate::cli) struct Timeline {
    pub(in crate::cli) tenant: TenantId,
    /// As the person named it.
    pub(in crate::cli) invoice: String,
    /// The same number, as no more than events claim it.
    pub(in crate::cli) strays: Vec<NumberedInvoice>,
    pub(in crate::cli) explanation: Explanation,
    /// What holds deliveries up besides themselves.
    pub(in crate::cli) conditions: LaneConditions,
    /// Addresses are shown whole.
    pub(in crate::cli) addresses: bool,
    pub(in crate::cli) now: Timestamp,
}

impl Timeline {
    /// For people.
    pub(in crate::cli) fn text(&self, output: Output) -> String {
        let mut report = TextReport::new(output);
        let now = self.current_state();
        report.headline(&format!("{} of {}: {}", self.named(), self.tenant, now.word));
        report.gap();
        report.line("now", now.tint, INDENT, &now.means);
        report.fact("what to do", INDENT, &now.todo);
        for stray in &self.strays {
            report.fact("claimed too", INDENT, &claimed_too(stray));
        }
        report.gap();
        report.headline("What happened");
        for (at, text) in self.history() {
            report.fact(&moment(at), TIME_INDENT, &text);
        }
        for (index, delivery) in self.explanation.deliveries.iter().enumerate() {
            self.add_delivery(&mut report, index, delivery);
        }
        for letter in &self.explanation.dead_letters {
            self.add_dead_letter(&mut report, letter);
        }
        self.masked(report.finish())
    }

    /// A text of ours or of an operator's without the recipients.
    pub(in crate::cli) fn masked(&self, text: String) -> String {
        if self.addresses { text } else { self.mask().text(&text) }
    }

    /// A relay's words, without whomever they name.
    pub(in crate::cli) fn masked_reply(&self, words: &str) -> String {
        if self.addresses { words.to_owned() } else { self.mask().reply(words) }
    }

    fn mask(&self) -> AddressMask {
        let deliveries = self.explanation.deliveries.iter();
        let recipients = deliveries.flat_map(|explained| &explained.delivery.recipients);
        AddressMask::of(recipients.map(|recipient| recipient.address.as_str()))
    }

    pub(in crate::cli) fn number(&self) -> &str {
        let delivery = self.explanation.deliveries.first();
        delivery.map_or(&self.invoice, |explained| &explained.delivery.invoice.number)
    }

    /// Its number, and its kind where that is known.
    fn named(&self) -> String {
        match self.newest() {
            Some(newest) => format!("{} {}", newest.invoice.kind.label(), self.number()),
            None => self.number().to_owned(),
        }
    }

    /// Everything in the order in which it happened.
    fn history(&self) -> Vec<(Timestamp, String)> {
        let many = self.explanation.deliveries.len() > 1;
        let mut all: Vec<(Timestamp, String)> = self.explanation.events.iter().map(received).collect();
        for (index, explained) in self.explanation.deliveries.iter().enumerate() {
            let which = if many { format!("[{}] ", index + 1) } else { String::new() };
            let delivery = &explained.delivery;
            let to = self.recipients(&delivery.recipients);
            all.push((delivery.created_at, format!("{which}{} to {to}", made(delivery))));
            let tries = explained.attempts.iter().zip(1..);
            let tries = tries.map(|(attempt, number)| (attempt.ended_at, self.tried(attempt, number)));
            let notes = explained.notes.iter().map(|note| (note.at, format!("{}: {}", note.who, note.what)));
            let revoked = explained.links.iter().filter_map(|link| Some((link.revoked_at?, revoked(link))));
            let portal = explained.portal.iter().map(|event| (event.at, in_portal(event)));
            let happened = tries.chain(notes).chain(revoked).chain(portal);
            all.extend(happened.map(|(at, text)| (at, format!("{which}{text}"))));
            if let (Some(at), Some(text)) = (delivery.concluded_at, unended(explained)) {
                all.push((at, format!("{which}{text}")));
            }
            if let (Some(at), DeliveryState::Concluded(concluded)) = (delivery.concluded_at, delivery.state) {
                all.push((at, format!("{which}{}", ended(delivery, concluded))));
            }
        }
        for letter in self.explanation.dead_letters.iter().filter(|letter| letter.delivery.is_none()) {
            all.push((letter.last_failed_at, format!("dead letter {}: {}", letter.class, letter.reason)));
            all.extend(letter.concluded_at.map(|at| (at, concluded(letter))));
        }
        // What happened at one moment stays in the order of its causes.
        all.sort_by_key(|(at, _)| *at);
        all
    }

    fn add_delivery(&self, report: &mut TextReport, index: usize, explained: &ExplainedDelivery) {
        let delivery = &explained.delivery;
        report.gap();
        let role = match delivery.role {
            DeliveryRole::Main if delivery.resend_of.is_some() => "resend",
            DeliveryRole::Main => "mail",
            DeliveryRole::Bcc => "Bcc mail",
            DeliveryRole::Rest => "rest of the recipients",
        };
        report.headline(&format!("[{}] {role}, {}: {}", index + 1, delivery.invoice.kind.label(), delivery.state));
        report.fact("delivery", INDENT, &delivery.id.to_string());
        report.fact("to", INDENT, &self.recipients(&delivery.recipients));
        if let (Some(decision), Some(reason)) = (delivery.decision, delivery.decision_reason) {
            let cause = LinkCause::recorded(reason, &explained.notes);
            report.fact("decision", INDENT, &format!("{decision}: {}", why(reason, cause)));
        }
        let attachments: Vec<Attachment> =
            delivery.attachments.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        for attachment in attachments {
            let Attachment { name, media_type, size: bytes, .. } = attachment;
            report.fact("attached", INDENT, &format!("{name}  {media_type}, {}", size(bytes)));
        }
        if let Some(id) = &delivery.message_id {
            report.fact("Message-ID", INDENT, &format!("<{id}>"));
        }
        if let Some(date) = delivery.message_date {
            report.fact("Date", INDENT, &moment(date));
        }
        if let Some(digest) = &delivery.message_sha256 {
            report.fact("SHA-256", INDENT, &digest.to_string());
        }
        for link in &explained.links {
            let stands = match link.revoked_at {
                Some(at) => format!("revoked {}", relative(at, self.now)),
                None if link.expires_at <= self.now => format!("expired {}", relative(link.expires_at, self.now)),
                None => format!("works until {}", moment(link.expires_at)),
            };
            let Ok(generation) = usize::try_from(link.generation) else { continue };
            let which = if generation == 0 { String::new() } else { format!("number {}, ", generation + 1) };
            report.fact("portal link", INDENT, &format!("{which}{stands}"));
        }
    }

    fn add_dead_letter(&self, report: &mut TextReport, letter: &DeadLetter) {
        report.gap();
        report.headline(&format!("dead letter, {}", letter.state));
        report.fact("id", INDENT, &letter.id.to_string());
        report.fact("why", INDENT, &format!("{}: {}", letter.class, letter.reason));
        if letter.is_claimed() {
            report.fact(
                "found by",
                INDENT,
                "tenant and number that the event claims; it could not be read as an event",
            );
        }
        if letter.state == DeadLetterState::Open {
            report.fact("what to do", INDENT, &self.todo_of(letter));
        } else {
            report.fact("concluded", INDENT, &concluded(letter));
        }
    }

    /// `number` counts the attempts of its delivery, as lists and dead letters count them.
    fn tried(&self, attempt: &ExplainedAttempt, number: usize) -> String {
        let decision = attempt.decision.map(|decision| format!(" with {}", said(decision))).unwrap_or_default();
        let phase = attempt.phase.map(|phase| format!(" at {phase}")).unwrap_or_default();
        let reply = attempt.reply.as_deref().map(|reply| self.masked_reply(reply));
        let answer: Vec<&str> = attempt.code.iter().chain(&reply).map(String::as_str).collect();
        let answer = if answer.is_empty() { String::new() } else { format!(": {}", answer.join(" ")) };
        let besides =
            if attempt.refused.is_some() { "; some recipients were not accepted (--json names them)" } else { "" };
        format!("attempt {number} over {}{decision}: {}{phase}{answer}{besides}", attempt.relay, attempt.class)
    }

    pub(super) fn recipients(&self, list: &[Recipient]) -> String {
        if self.addresses { recipients_whole(list) } else { recipients(list) }
    }
}

/// The attempt whose end was not recorded, if there is one.
fn unended(explained: &ExplainedDelivery) -> Option<String> {
    let ExplainedDelivery { delivery, attempts, .. } = explained;
    let is_listed = attempts.iter().any(|attempt| attempt.claim == delivery.claim);
    let phase = delivery.phase.filter(|_| !is_listed)?;
    Some(format!("attempt {} had begun {phase}; its worker ended before it told how that ended", attempts.len() + 1))
}

/// Another event that claims the same number.
fn claimed_too(stray: &NumberedInvoice) -> String {
    let NumberedInvoice { tenant, number, tenant_is_known, .. } = stray;
    let (what, which) =
        if *tenant_is_known { ("an event that could not be read", "") } else { ("an event", ", which is not known") };
    let (tenant, number) = (quoted(tenant.as_str()), quoted(number));
    format!("{what} claims this number of the tenant {tenant}{which}: `explain --tenant {tenant} --invoice {number}`")
}

fn received(event: &ExplainedEvent) -> (Timestamp, String) {
    let forgotten = if event.has_body { "" } else { "; its bytes have been deleted" };
    let text = format!(
        "event {} came from {} by {}, {}{forgotten}",
        event.id,
        event.source,
        event.via,
        event.invoice.kind.label()
    );
    (event.received_at, text)
}

fn made(delivery: &Delivery) -> String {
    match (&delivery.resend_reason, delivery.role) {
        (Some(reason), _) => format!("resent ({reason})"),
        (None, DeliveryRole::Main) => "a delivery was created".to_owned(),
        (None, DeliveryRole::Bcc) => "a Bcc delivery was created".to_owned(),
        (None, DeliveryRole::Rest) => "a delivery for the remaining recipients was created".to_owned(),
    }
}

const fn said(decision: Decision) -> &'static str {
    match decision {
        Decision::Attach => "documents",
        Decision::Link => "a link",
    }
}

fn ended(delivery: &Delivery, concluded: Concluded) -> String {
    match delivery.class {
        Some(class) if class != ReasonCode::Accepted => format!("{concluded} ({class})"),
        _ => concluded.to_string(),
    }
}

/// What a visitor did.
fn in_portal(event: &PortalEvent) -> String {
    let detail = event.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let from = event.network.as_deref().map(|network| format!(" (from {network})")).unwrap_or_default();
    format!("portal: {}{detail}{from}", did(event.kind))
}

const fn did(kind: PortalEventKind) -> &'static str {
    match kind {
        PortalEventKind::Opened => "link opened",
        PortalEventKind::VerificationAsked => "verification asked",
        PortalEventKind::Verified => "verified",
        PortalEventKind::VerificationFailed => "verification failed",
        PortalEventKind::Locked => "locked",
        PortalEventKind::Downloaded => "downloaded",
        PortalEventKind::FreshLinkAsked => "fresh link asked for",
    }
}

/// By whom a link was revoked and why, as far as that is known.
fn revoked(link: &ExplainedLink) -> String {
    let by = link.revoked_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let why = link.revoke_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("portal link revoked{by}{why}")
}

/// How a dead letter was concluded, and by whom.
pub(super) fn concluded(letter: &DeadLetter) -> String {
    let who = letter.concluded_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let note = letter.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("dead letter {} {}{who}{note}", letter.class, letter.state)
}
