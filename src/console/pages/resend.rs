//! The plan of a resend: what would be sent, to whom, and what is different, before anything is.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::format::invoice_path;
use super::icon::Icon;
use super::invoice::{DocumentFact, RecipientFact, document, named};
use super::layout::{ConsoleLayout, FrameView, TenantName};
use super::timeline::decision_reason;
use crate::clock::Timestamp;
use crate::compose::money::Money;
use crate::console::terms::{NavItem, ResendProblem};
use crate::console::words::{ConsoleWords, ResendWords};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Decision, DeliveryState};
use crate::operator::resend::LinkCause;
use crate::policy::decision::{PortalAccess, Reason};

pub struct ResendPage<'a> {
    pub tenant: &'a TenantName,
    pub number: &'a str,
    pub kind: InvoiceKind,
    /// The delivery whose invoice is to be sent again.
    pub delivery: &'a str,
    pub form: ResendForm<'a>,
    pub plan: Result<PlannedResend, ResendRefusal>,
    /// What the server answers to the form.
    pub problem: Option<ResendProblem>,
}

/// What was chosen.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResendForm<'a> {
    /// Another address; empty: those of the event or the customer.
    pub to: &'a str,
    pub link_only: bool,
    /// Earlier links go on working.
    pub keep_links: bool,
    pub reason: &'a str,
    pub idempotency_key: &'a str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlannedResend {
    pub recipients: Vec<RecipientFact>,
    pub decision: Decision,
    pub reason: Reason,
    /// Of a link whatever the settings say: who wants it.
    pub link_cause: Option<LinkCause>,
    /// Of a link: what the portal asks.
    pub access: Option<PortalAccess>,
    /// What is attached, or what the link leads to.
    pub documents: Vec<DocumentFact>,
    pub differences: Vec<PlanDifference>,
    pub warnings: Vec<PlanWarning>,
    /// How many links stop working.
    pub links_revoked: u64,
    /// Where the delivery stands whose place it takes.
    pub original: DeliveryState,
    /// Documents would go to an address that neither the event nor the record knows.
    pub needs_attach_confirmation: bool,
    /// It was sent less than a minute ago.
    pub needs_soon_confirmation: bool,
}

/// What is not as it was the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanDifference {
    Recipients { was: Vec<String> },
    Decision { was: Decision },
    Access { was: PortalAccess },
    SettingsVersion { was: i64, is: i64 },
    Sender { was: String, is: String },
    Template,
    Relay { was: String, is: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarning {
    SentAt {
        at: Timestamp,
    },
    /// The earlier one may have arrived: what the relay did with it is not known.
    EarlierUncertain,
    /// The earlier one is cancelled so that it is not sent as well.
    EarlierCancelled,
    /// The same recipients were refused the last time.
    RejectedBefore,
    UnknownAddress,
    /// `expires_at` of the event has passed.
    Expired {
        at: Timestamp,
    },
    /// The customer can reach the documents nowhere.
    DocumentsNowhere,
    TenantPaused,
    /// The relay does not work now: it goes when it does.
    RelayPaused,
    Overdue,
}

/// Why it cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendRefusal {
    /// A worker has it: the page asks again until it has ended.
    Sending,
    /// The event's bytes are deleted.
    Forgotten,
    UnknownCustomer,
    /// The address that was entered; why, as a clause.
    Address(String),
    /// The event's or the customer's address.
    Recipient(String),
    MustFail {
        class: ReasonCode,
        reason: String,
    },
    /// Other deliveries of this number have to be told apart first.
    Ambiguous,
}

#[derive(Template)]
#[template(path = "console/resend.html")]
struct ResendTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static ResendWords,
    title: String,
    tenant: &'a str,
    kind: String,
    back: String,
    delivery: &'a str,
    form: ResendForm<'a>,
    plan: Option<PlanView>,
    refusal: Option<String>,
    /// Where the page asks again until a worker has let go of it.
    follow: Option<String>,
    problem: Option<&'static str>,
}

struct PlanView {
    recipients: Vec<(&'static str, String)>,
    icon: Icon,
    decision: &'static str,
    reason: &'static str,
    access: Option<&'static str>,
    documents: Vec<(String, String)>,
    differences: Vec<String>,
    warnings: Vec<String>,
    needs_attach_confirmation: bool,
    needs_soon_confirmation: bool,
}

#[must_use]
pub fn resend(layout: &ConsoleLayout<'_>, page: &ResendPage<'_>) -> Response {
    let words = layout.words();
    let (plan, refusal) = match &page.plan {
        Ok(plan) => (Some(plan_view(layout, plan)), None),
        Err(refusal) => (None, Some(refusal_sentence(words, refusal))),
    };
    let is_sending = matches!(page.plan, Err(ResendRefusal::Sending));
    let template = ResendTemplate {
        layout: layout.view(NavItem::Search),
        words: &words.resend,
        title: (words.resend.title)(page.number),
        tenant: &page.tenant.name,
        kind: (words.invoice.kind)(page.kind, None),
        back: invoice_path(&page.tenant.id, page.number),
        delivery: page.delivery,
        form: page.form,
        plan,
        refusal,
        follow: is_sending.then(|| format!("/resend?delivery={}", page.delivery)),
        problem: page.problem.map(words.resend.problem),
    };
    let status = match page.problem {
        None => StatusCode::OK,
        Some(ResendProblem::Incomplete) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(ResendProblem::PlanChanged) => StatusCode::CONFLICT,
    };
    answer(status, layout.language, &template)
}

fn plan_view(layout: &ConsoleLayout<'_>, plan: &PlannedResend) -> PlanView {
    let words = layout.words();
    let sizes = Money::new(layout.language.locale());
    let revoked = (plan.links_revoked > 0).then(|| (words.resend.links_revoked)(plan.links_revoked));
    PlanView {
        recipients: plan.recipients.iter().map(|one| ((words.invoice.role)(one.role), named(one))).collect(),
        icon: if plan.decision == Decision::Attach { Icon::Paperclip } else { Icon::Link },
        decision: (words.resend.decision)(plan.decision),
        reason: decision_reason(&words.timeline, plan.reason, plan.link_cause),
        access: plan.access.map(words.timeline.access),
        documents: plan.documents.iter().map(|one| document(&sizes, one)).collect(),
        differences: plan.differences.iter().map(|one| difference(words, one)).collect(),
        warnings: plan.warnings.iter().map(|one| warning(layout, one)).chain(revoked).collect(),
        needs_attach_confirmation: plan.needs_attach_confirmation,
        needs_soon_confirmation: plan.needs_soon_confirmation,
    }
}

fn difference(words: &ConsoleWords, difference: &PlanDifference) -> String {
    let own = &words.resend;
    match difference {
        PlanDifference::Recipients { was } => (own.was_recipients)(&was.join(", ")),
        PlanDifference::Decision { was } => (own.was_decision)(*was).to_owned(),
        PlanDifference::Access { was } => (own.was_access)((words.timeline.access)(*was)),
        PlanDifference::SettingsVersion { was, is } => (own.was_version)(*was, *is),
        PlanDifference::Sender { was, is } => (own.was_sender)(was, is),
        PlanDifference::Template => own.was_template.to_owned(),
        PlanDifference::Relay { was, is } => (own.was_relay)(was, is),
    }
}

fn warning(layout: &ConsoleLayout<'_>, warning: &PlanWarning) -> String {
    let words = layout.words();
    let own = &words.resend;
    match warning {
        PlanWarning::SentAt { at } => (own.sent_ago)(&(words.frame.age)(layout.now.since(*at))),
        PlanWarning::EarlierUncertain => own.earlier_uncertain.to_owned(),
        PlanWarning::EarlierCancelled => own.earlier_cancelled.to_owned(),
        PlanWarning::RejectedBefore => own.rejected_before.to_owned(),
        PlanWarning::UnknownAddress => own.unknown_address.to_owned(),
        PlanWarning::Expired { .. } => own.expired.to_owned(),
        PlanWarning::DocumentsNowhere => own.documents_nowhere.to_owned(),
        PlanWarning::TenantPaused => own.tenant_paused.to_owned(),
        PlanWarning::RelayPaused => own.relay_paused.to_owned(),
        PlanWarning::Overdue => own.overdue.to_owned(),
    }
}

fn refusal_sentence(words: &ConsoleWords, refusal: &ResendRefusal) -> String {
    let own = &words.resend;
    match refusal {
        ResendRefusal::Sending => own.sending.to_owned(),
        ResendRefusal::Forgotten => own.forgotten.to_owned(),
        ResendRefusal::UnknownCustomer => own.unknown_customer.to_owned(),
        ResendRefusal::Address(why) => (own.bad_address)(why),
        ResendRefusal::Recipient(why) => (own.bad_recipient)(why),
        ResendRefusal::MustFail { class, reason } => {
            (own.must_fail)(&format!("{} ({reason})", (words.reasons.class)(*class)))
        }
        ResendRefusal::Ambiguous => own.ambiguous.to_owned(),
    }
}
