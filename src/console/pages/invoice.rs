//! The page of one invoice number: each document under it, where it stands, what happened, what can be done.

use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use rust_decimal::Decimal;

use super::answer::answer_polled;
use super::format::{Pill, TimeTag, customer_path, moves, standing_pill, tenant_path, waits_for_person};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use super::timeline::{TimelineEntry, TimelineView, timeline_view};
use super::work_list::Acknowledgement;
use crate::clock::Timestamp;
use crate::compose::date::Dates;
use crate::compose::money::Money;
use crate::console::terms::{InvoiceAction, InvoiceStanding, NavItem};
use crate::console::words::{ConsoleWords, InvoiceWords};
use crate::event::RecipientRole;
use crate::model::access::Principal;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryState};
use crate::policy::permission::Permission;

pub struct InvoiceNumberPage<'a> {
    pub tenant: &'a TenantName,
    pub number: &'a str,
    pub customer_id: Option<&'a str>,
    /// As the reader may see it.
    pub customer_name: Option<&'a str>,
    /// Invoice, reminders, credit note: the newest first. Empty where only events claim the number.
    pub sections: &'a [InvoiceSection],
}

/// One document under the number.
pub struct InvoiceSection {
    /// The newest delivery of it; none if there is only an event.
    pub delivery: Option<String>,
    pub kind: InvoiceKind,
    pub reminder_level: Option<u8>,
    pub standing: InvoiceStanding,
    pub class: Option<ReasonCode>,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When its last state began.
    pub since: Timestamp,
    /// What the relay answered when it took the message.
    pub accepted: Option<String>,
    /// What the relay or the check answered, for people; of what was taken, what else there is to say.
    pub detail: Option<String>,
    pub acknowledged: Option<Acknowledgement>,
    /// Whether its bytes are still there to be sent again.
    pub can_be_resent: bool,
    /// In the order in which it happened.
    pub timeline: Vec<TimelineEntry>,
    pub facts: InvoiceFacts,
}

/// What stands beside the timeline.
pub struct InvoiceFacts {
    pub issue_date: Option<jiff::civil::Date>,
    pub due_date: Option<jiff::civil::Date>,
    pub total: Option<Decimal>,
    pub amount_due: Option<Decimal>,
    pub currency: String,
    pub recipients: Vec<RecipientFact>,
    pub documents: Vec<DocumentFact>,
    pub links: Vec<LinkFact>,
    /// Until when verification is locked.
    pub locked_until: Option<Timestamp>,
    pub relay: Option<String>,
    pub attempts: u32,
    pub message_id: Option<String>,
    /// Whether there is a message to look at.
    pub has_message: bool,
    pub settings_version: Option<i64>,
    pub event_id: Option<String>,
    pub event_source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFact {
    pub role: RecipientRole,
    /// As the reader may see it.
    pub address: String,
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFact {
    pub name: String,
    pub media_type: String,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFact {
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub opened: u64,
}

#[derive(Template)]
#[template(path = "console/invoice.html")]
struct InvoiceNumberTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static InvoiceWords,
    tenant: &'a str,
    tenant_path: String,
    number: &'a str,
    customer: Option<CustomerView<'a>>,
    sections: Vec<SectionView<'a>>,
    /// Where the page asks again while something moves.
    follow: Option<&'a str>,
    is_masked: bool,
}

struct CustomerView<'a> {
    path: String,
    id: &'a str,
    name: &'a str,
}

struct SectionView<'a> {
    anchor: String,
    kind: String,
    pill: Pill,
    since: TimeTag,
    next: Option<TimeTag>,
    /// The sentence with the relay's answer, if it took the message.
    accepted: Option<String>,
    happened: &'static str,
    class: Option<&'static str>,
    todo: &'static str,
    detail: Option<&'a str>,
    acknowledged: Option<String>,
    acknowledged_at: Option<TimeTag>,
    actions: Vec<ActionView>,
    timeline: Vec<TimelineView>,
    facts: Vec<FactRow>,
    recipients: Vec<(&'static str, String)>,
    documents: Vec<(String, String)>,
    links: Vec<LinkView>,
    mail: Option<String>,
}

struct ActionView {
    label: &'static str,
    /// The label without the mark that a dialog follows.
    verb: &'static str,
    class: &'static str,
    icon: Icon,
    how: ActionForm,
    /// Of the dialog, if there is one.
    id: String,
    means: &'static str,
}

/// How an action is started.
enum ActionForm {
    /// Another page comes first.
    Visit(String),
    /// At once.
    Post(String),
    /// After a reason in a dialog.
    Ask(String),
}

/// One line of the facts.
pub(super) struct FactRow {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// Shown as code, with a button that copies it.
    pub(super) is_code: bool,
}

struct LinkView {
    text: &'static str,
    at: Option<TimeTag>,
    opened: String,
    works: bool,
}

/// `if_none_match` is the request's header: the page asks again while something moves.
#[must_use]
pub fn invoice(
    layout: &ConsoleLayout<'_>,
    page: &InvoiceNumberPage<'_>,
    if_none_match: Option<&HeaderValue>,
) -> Response {
    let words = layout.words();
    let is_moving = page.sections.iter().any(|section| moves(section.standing));
    let template = InvoiceNumberTemplate {
        layout: layout.view(NavItem::Search),
        words: &words.invoice,
        tenant: &page.tenant.name,
        tenant_path: tenant_path(&page.tenant.id),
        number: page.number,
        customer: page.customer_id.map(|id| CustomerView {
            path: customer_path(&page.tenant.id, id),
            id,
            name: page.customer_name.unwrap_or_default(),
        }),
        sections: page.sections.iter().enumerate().map(|(at, section)| section_view(layout, at, section)).collect(),
        follow: is_moving.then_some(layout.path),
        is_masked: !layout.principal.may(Permission::ReadPersonalData),
    };
    answer_polled(layout.language, &template, if_none_match)
}

fn section_view<'a>(layout: &ConsoleLayout<'_>, at: usize, section: &'a InvoiceSection) -> SectionView<'a> {
    let words = layout.words();
    let needs_you = waits_for_person(section.standing, section.class) && section.acknowledged.is_none();
    let (happened, todo) = told(words, section);
    let facts = &section.facts;
    let sizes = Money::new(layout.language.locale());
    SectionView {
        anchor: format!("kind-{}", at + 1),
        kind: (words.invoice.kind)(section.kind, section.reminder_level),
        pill: standing_pill(words, section.standing, needs_you),
        since: TimeTag(section.since),
        next: section.next_at.map(TimeTag),
        accepted: section.accepted.as_deref().map(words.reasons.accepted),
        happened,
        class: section.class.filter(|class| *class != ReasonCode::Accepted).map(words.reasons.class),
        todo,
        detail: section.detail.as_deref(),
        acknowledged: section.acknowledged.as_ref().map(|one| (words.invoice.acknowledged_by)(&one.by)),
        acknowledged_at: section.acknowledged.as_ref().map(|one| TimeTag(one.at)),
        actions: action_views(layout, at, section),
        timeline: section.timeline.iter().map(|entry| timeline_view(words, entry)).collect(),
        facts: fact_rows(layout, facts, section.delivery.as_deref()),
        recipients: facts.recipients.iter().map(|one| ((words.invoice.role)(one.role), named(one))).collect(),
        documents: facts.documents.iter().map(|one| document(&sizes, one)).collect(),
        links: facts.links.iter().map(|link| link_view(layout, link)).collect(),
        mail: section.delivery.as_ref().filter(|_| facts.has_message).map(|id| format!("/deliveries/{id}/mail")),
    }
}

/// What happened, and what to do.
fn told(words: &ConsoleWords, section: &InvoiceSection) -> (&'static str, &'static str) {
    let reasons = &words.reasons;
    match section.standing {
        InvoiceStanding::Delivery(DeliveryState::Due) => (reasons.due, reasons.due_todo),
        InvoiceStanding::Delivery(DeliveryState::Sending) => (reasons.sending, reasons.sending_todo),
        InvoiceStanding::Delivery(DeliveryState::Concluded(state)) => {
            let happened = match section.accepted {
                Some(_) => reasons.accepted_means,
                None => (reasons.concluded)(state, section.class),
            };
            (happened, (reasons.concluded_todo)(state, section.class))
        }
        InvoiceStanding::EventWaiting => ((reasons.event_waiting)(section.class), reasons.event_waiting_todo),
        InvoiceStanding::EventDead => {
            let class = section.class.unwrap_or(ReasonCode::Internal);
            ((reasons.concluded)(Concluded::Dead, Some(class)), (reasons.dead_todo)(class))
        }
    }
}

/// What can be done with it by this person, the most likely first. The server decides again when it is asked.
pub(super) fn actions(principal: &Principal, now: Timestamp, section: &InvoiceSection) -> Vec<InvoiceAction> {
    use Concluded::{Cancelled, Expired, Rejected, Uncertain};
    let state = match section.standing {
        InvoiceStanding::Delivery(state) => Some(state),
        InvoiceStanding::EventWaiting | InvoiceStanding::EventDead => None,
    };
    let concluded = match state {
        Some(DeliveryState::Concluded(concluded)) => Some(concluded),
        _ => None,
    };
    let is_due = state == Some(DeliveryState::Due);
    let is_duplicate = concluded == Some(Cancelled) && section.class == Some(ReasonCode::DuplicateInvoice);
    let is_listed = is_duplicate || matches!(concluded, Some(Rejected | Expired));
    let has_link = section.facts.links.iter().any(|link| link.revoked_at.is_none() && link.expires_at > now);
    let is_locked = section.facts.locked_until.is_some_and(|until| until > now);
    let can_resend = section.can_be_resent && state.is_some() && state != Some(DeliveryState::Sending);
    let waits_long = section.next_at.is_some_and(|at| at > now);
    [
        (InvoiceAction::MarkSent, concluded == Some(Uncertain), Permission::Conclude),
        (InvoiceAction::SendNow, is_due && waits_long, Permission::Cancel),
        (InvoiceAction::Resend, can_resend, Permission::Resend),
        (InvoiceAction::Acknowledge, is_listed && section.acknowledged.is_none(), Permission::Acknowledge),
        (InvoiceAction::Cancel, is_due, Permission::Cancel),
        (InvoiceAction::RevokeLinks, has_link, Permission::RevokeLinks),
        (InvoiceAction::LiftLock, is_locked, Permission::LiftLocks),
    ]
    .into_iter()
    .filter(|(_, is_possible, permission)| *is_possible && principal.may(*permission))
    .map(|(action, ..)| action)
    .collect()
}

fn action_views(layout: &ConsoleLayout<'_>, at: usize, section: &InvoiceSection) -> Vec<ActionView> {
    let words = layout.words();
    let Some(delivery) = &section.delivery else { return Vec::new() };
    let view = |(place, action): (usize, InvoiceAction)| {
        let path = |verb: &str| format!("/deliveries/{delivery}/{verb}");
        let (icon, how) = match action {
            InvoiceAction::Resend => (Icon::Send, ActionForm::Visit(format!("/resend?delivery={delivery}"))),
            InvoiceAction::SendNow => (Icon::Play, ActionForm::Post(path("send-now"))),
            InvoiceAction::Acknowledge => (Icon::Check, ActionForm::Post(path("acknowledge"))),
            InvoiceAction::Cancel => (Icon::Ban, ActionForm::Ask(path("cancel"))),
            InvoiceAction::MarkSent => (Icon::MailCheck, ActionForm::Ask(path("mark-sent"))),
            InvoiceAction::RevokeLinks => (Icon::Link2Off, ActionForm::Ask(path("revoke-links"))),
            InvoiceAction::LiftLock => (Icon::LockOpen, ActionForm::Ask(path("lift-lock"))),
        };
        let label = (words.invoice.action)(action);
        ActionView {
            label,
            verb: verb(label),
            class: if place == 0 { "button" } else { "button second" },
            icon,
            how,
            id: format!("ask-{}-{place}", at + 1),
            means: (words.invoice.action_means)(action),
        }
    };
    actions(layout.principal, layout.now, section).into_iter().enumerate().map(view).collect()
}

/// What a dialog is headed with, whose button's label ends with `…`.
pub(super) fn verb(label: &'static str) -> &'static str {
    label.trim_end_matches('…').trim_end()
}

fn fact_rows(layout: &ConsoleLayout<'_>, facts: &InvoiceFacts, delivery: Option<&str>) -> Vec<FactRow> {
    let words = &layout.words().invoice;
    let (money, dates) = (Money::new(layout.language.locale()), Dates::new(layout.language.locale()));
    let amount = |amount: Option<Decimal>| amount.map(|amount| money.format(amount, &facts.currency));
    let text = |label, value: Option<String>| value.map(|value| FactRow { label, value, is_code: false });
    let code =
        |label, value: Option<&str>| value.map(|value| FactRow { label, value: value.to_owned(), is_code: true });
    let attempts = (facts.attempts > 0).then(|| facts.attempts.to_string());
    [
        text(words.total, amount(facts.total)),
        text(words.amount_due, amount(facts.amount_due).filter(|_| facts.amount_due != facts.total)),
        text(words.issued, facts.issue_date.map(|date| dates.long(date))),
        text(words.due, facts.due_date.map(|date| dates.long(date))),
        text(words.relay, facts.relay.clone()),
        text(words.attempts, attempts),
        text(words.settings_version, facts.settings_version.map(words.version)),
        code("Message-ID", facts.message_id.as_deref()),
        code(words.delivery, delivery),
        code(words.event, facts.event_id.as_deref()),
        text(words.event_source, facts.event_source.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn named(recipient: &RecipientFact) -> String {
    match &recipient.name {
        Some(name) => format!("{name} <{}>", recipient.address),
        None => recipient.address.clone(),
    }
}

/// Its name, its type and size.
pub(super) fn document(sizes: &Money, document: &DocumentFact) -> (String, String) {
    (document.name.clone(), format!("{} · {}", document.media_type, sizes.file_size(document.size_bytes)))
}

fn link_view(layout: &ConsoleLayout<'_>, link: &LinkFact) -> LinkView {
    let words = &layout.words().invoice;
    let (text, at) = match link.revoked_at {
        Some(at) => (words.link_revoked, Some(at)),
        None if link.expires_at <= layout.now => (words.link_expired, Some(link.expires_at)),
        None => (words.link_works, Some(link.expires_at)),
    };
    let works = link.revoked_at.is_none() && link.expires_at > layout.now;
    LinkView { text, at: at.map(TimeTag), opened: (words.link_opened)(link.opened), works }
}
