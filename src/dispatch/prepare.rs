//! A claimed delivery → the mail that is ready for the wire, or why there is none.

use std::time::Duration;

use super::attempt_end::AttemptResult;
use super::context::Context;
use super::limits::memory::MailMemory;
use super::portal_token::PortalToken;
use crate::clock::Timestamp;
use crate::compose::{self, ComposeError, Mail, Snapshot};
use crate::documents::DocumentError;
use crate::event::{self, Document, InvoiceData, LoadedDocument};
use crate::failpoint::{self, Failpoint};
use crate::model::reason::ReasonCode;
use crate::model::state::{Decision, DeliveryRole};
use crate::model::verification::VerificationConfig;
use crate::policy::decision::{self, Inputs, Plan, PortalAccess, Reason, Terms};
use crate::policy::sender_key::MailSender;
use crate::relay::RelayConfig;
use crate::sha256::Sha256;
use crate::store::{Claimed, DeliveryContext};

/// What was decided, why, and upon what.
#[derive(Debug, Clone, Copy)]
pub struct Decided {
    /// What the mail holds.
    pub plan: Plan,
    /// What a retry is bound by.
    pub terms: Terms,
    /// Why.
    pub reason: Reason,
    /// Everything the decision was made of.
    pub inputs: Inputs,
}

/// A mail, and why it is as it is.
#[derive(Debug)]
pub struct Prepared {
    /// The documents' part of the decision.
    pub decided: Decided,
    /// What was decided upon, as it is recorded: JSON of [`Inputs`].
    pub decision_inputs: String,
    pub mail: Mail,
    /// The mail is what an earlier attempt was permitted to hand over, byte for byte: it never grows too old.
    pub repeats: bool,
    /// It can do without the copies and the Reply-To that need SMTPUTF8, and was never permitted to go out.
    pub has_spare_utf8: bool,
    /// Whom the relay knows it to be from.
    pub sender: MailSender,
    /// The delivery has held its sender before, which the relay took again.
    pub has_held_sender: bool,
    /// The portal token that it carries, of a link mail.
    pub link: Option<PortalToken>,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// Its share of the worker's memory; free when the attempt has ended.
    pub memory: MailMemory,
}

/// What is to be made of a delivery, before memory is taken for it.
#[derive(Debug)]
pub struct Draft {
    /// What the event says.
    pub data: InvoiceData,
    /// Documents or a link.
    pub decided: Decided,
}

/// Decides what is to be made of a delivery.
///
/// # Errors
/// [`AttemptResult`] with the class that says why there is no mail.
pub fn draft(
    context: &Context,
    relay: &RelayConfig,
    claimed: &Claimed,
    delivery: &DeliveryContext,
) -> Result<Draft, AttemptResult> {
    let data = event_data(delivery)?;
    let past = Past { earlier: claimed.earlier, refused_for_size: claimed.refused_for_size };
    let decided = decide(delivery, &data.documents, past, relay.message_bytes_max, &context.verification)?;
    if may_not_follow(claimed, decided.terms) {
        let why = "the relay may hold the message, and by now less may be shown than it shows";
        return Err(AttemptResult::before(ReasonCode::Uncertain, why));
    }
    if decided.plan == Plan::Attach {
        // Before memory is waited for: what pauses must not stand in the way of what does not.
        let ticket = context.documents.ticket(delivery.invoice.tenant.as_str(), &context.clock, relay.connections);
        drop(ticket.map_err(|paused| document_failed(&paused))?);
    }
    Ok(Draft { data, decided })
}

/// Reads the documents, composes.
///
/// # Errors
/// [`AttemptResult`] with the class that says why there is no mail.
pub async fn prepare(
    context: &Context,
    relay: &RelayConfig,
    claimed: &Claimed,
    delivery: &DeliveryContext,
    draft: Draft,
    mut memory: MailMemory,
) -> Result<Prepared, AttemptResult> {
    let started_at = context.clock.now();
    let Draft { data, decided } = draft;
    let Composed { mail, repeats, has_spare_utf8, link } =
        composed(context, relay, claimed, delivery, data, decided, &mut memory).await?;
    // Otherwise the recipient could get two different messages with one Message-ID.
    if claimed.may_be_out && claimed.message_sha256 != Some(mail.sha256) {
        let why = "the relay may hold the message, and the same bytes cannot be composed any more: what it is made of \
                   has changed (PORTAL_URL, say)";
        return Err(AttemptResult::before(ReasonCode::Uncertain, why));
    }
    let decision_inputs = serde_json::to_string(&decided.inputs).expect("a decision's inputs are JSON");
    let sender = MailSender::new(&relay.name, mail.envelope.sender.as_ref(), &mail.from);
    let has_held_sender = delivery.has_held_sender;
    Ok(Prepared {
        decided,
        decision_inputs,
        mail,
        repeats,
        has_spare_utf8,
        sender,
        has_held_sender,
        link,
        started_at,
        memory,
    })
}

/// Composes the mail of a delivery again that waited so long for its turn that its Date is not true any more. What was
/// decided stays: whether that still holds, the permit asks.
///
/// # Errors
/// As [`prepare`]; the mail is then gone.
pub async fn compose_again(
    context: &Context,
    relay: &RelayConfig,
    claimed: &Claimed,
    delivery: &DeliveryContext,
    prepared: &mut Prepared,
) -> Result<(), AttemptResult> {
    // First: the mail's share of the memory is for one of the two.
    context.buffers.give_back(std::mem::take(&mut prepared.mail.bytes));
    let data = event_data(delivery)?;
    let composed = composed(context, relay, claimed, delivery, data, prepared.decided, &mut prepared.memory).await?;
    prepared.mail = composed.mail;
    Ok(())
}

/// A mail, with what is true of it alone.
struct Composed {
    mail: Mail,
    repeats: bool,
    has_spare_utf8: bool,
    link: Option<PortalToken>,
}

/// Reads the documents, and makes the mail of what was decided.
async fn composed(
    context: &Context,
    relay: &RelayConfig,
    claimed: &Claimed,
    delivery: &DeliveryContext,
    data: InvoiceData,
    decided: Decided,
    memory: &mut MailMemory,
) -> Result<Composed, AttemptResult> {
    let plan = decided.plan;
    let documents = documents(context, relay, delivery, &data, plan, memory).await?;
    failpoint::reach(Failpoint::AfterDocuments);
    let templates = context.templates(&delivery.template_version).await?;
    let (portal_link, link) = portal_link(context, delivery, &data, plan)?;
    let portal_method = decided.terms.portal.and_then(|portal| portal.method);
    let mut snapshot = Snapshot { portal_link, portal_method, ..snapshot(context, delivery, data)? };
    if claimed.without_utf8 {
        snapshot.leave_spare_utf8_out();
    }
    // What was permitted once keeps its bytes.
    let has_spare_utf8 = claimed.message_sha256.is_none() && !claimed.may_be_out && snapshot.has_spare_utf8();
    let mut dated = |date: Timestamp| {
        snapshot.date = date;
        compose::compose_into(context.buffers.take(), &templates, &snapshot, plan, &documents)
            .map_err(|error| compose_failed(&error))
    };
    if let Some(date) = date_before(claimed, decided.terms) {
        let mail = dated(date)?;
        if claimed.message_sha256.is_none_or(|permitted| permitted == mail.sha256) {
            failpoint::reach(Failpoint::AfterCompose);
            return Ok(Composed { mail, repeats: true, has_spare_utf8, link });
        }
        // Stricter by now, or made of something else: another message, of today.
        context.buffers.give_back(mail.bytes);
    }
    let mail = dated(context.clock.now())?;
    failpoint::reach(Failpoint::AfterCompose);
    Ok(Composed { mail, repeats: false, has_spare_utf8, link })
}

/// The Date that the message was permitted with before; none of one that never was, which is as old as it is.
fn date_before(claimed: &Claimed, terms: Terms) -> Option<Timestamp> {
    let root = claimed.message_date.filter(|_| claimed.earlier.is_some_and(|earlier| !terms.differ_from(earlier)));
    match claimed.message_sha256 {
        Some(_) => claimed.message_date,
        // A rest: what it repeats was permitted for its root.
        None => root,
    }
}

/// Whether an earlier attempt may have put a message on its way that was decided less strictly: another one never
/// follows it by itself.
fn may_not_follow(claimed: &Claimed, terms: Terms) -> bool {
    claimed.may_be_out && claimed.earlier.is_none_or(|earlier| terms.differ_from(earlier))
}

fn event_data(delivery: &DeliveryContext) -> Result<InvoiceData, AttemptResult> {
    event::reread(&delivery.event_body).map_err(|fault| {
        AttemptResult::before(ReasonCode::Internal, format!("the stored event cannot be read again: {fault}"))
    })
}

/// What earlier attempts say about the decision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Past {
    /// What they decided.
    pub earlier: Option<Terms>,
    /// The relay has refused the message for its size.
    pub refused_for_size: bool,
}

/// Documents or a link, by what the database holds now.
///
/// # Errors
/// [`AttemptResult`] if neither would be right.
pub fn decide(
    delivery: &DeliveryContext,
    documents: &[Document],
    past: Past,
    message_bytes_max: u64,
    verification: &VerificationConfig,
) -> Result<Decided, AttemptResult> {
    let inputs = Inputs {
        settings: delivery.settings.settings,
        settings_version: delivery.settings.version,
        customer_type: delivery.customer_type,
        verification: delivery.verification,
        sms_available: verification.reaches(delivery.verification),
        encoded_bytes: compose::encoded_bytes(documents),
        message_bytes_max,
        refused_for_size: past.refused_for_size,
        link_only: delivery.link_only,
        earlier: past.earlier,
    };
    let ruling =
        decision::rule(&inputs).map_err(|refusal| AttemptResult::before(refusal.class(), refusal.to_string()))?;
    Ok(Decided { plan: ruling.plan, terms: ruling.terms(), reason: ruling.reason, inputs })
}

/// The documents of an attach mail; of a link, the certainty that the portal can show them, as far as the store
/// answers.
async fn documents(
    context: &Context,
    relay: &RelayConfig,
    delivery: &DeliveryContext,
    data: &InvoiceData,
    plan: Plan,
    memory: &mut MailMemory,
) -> Result<Vec<LoadedDocument>, AttemptResult> {
    let (store, clock) = (&context.documents, &context.clock);
    let loaded = match plan {
        Plan::Attach => match store.ticket(delivery.invoice.tenant.as_str(), clock, relay.connections) {
            Ok(ticket) => {
                if ticket.may_take_long() {
                    // It may take the whole deadline: mails of tenants whose documents come are made meanwhile.
                    memory.no_longer_ahead();
                }
                store.load_with(ticket, &data.documents, clock).await
            }
            Err(paused) => Err(paused),
        },
        // If the portal is closed, or the message is a Bcc, which has no link, the documents are not needed.
        Plan::Link { access: PortalAccess::Closed } => Ok(Vec::new()),
        Plan::Link { .. } if delivery.role == DeliveryRole::Bcc => Ok(Vec::new()),
        Plan::Link { .. } => store.check_presence(&data.documents, clock).await.map(|()| Vec::new()),
    };
    loaded.map_err(|error| document_failed(&error))
}

fn document_failed(error: &DocumentError) -> AttemptResult {
    let (class, pause) = match error {
        DocumentError::Missing { .. } => (ReasonCode::DocumentMissing, Duration::ZERO),
        DocumentError::Mismatch { .. } => (ReasonCode::DocumentMismatch, Duration::ZERO),
        DocumentError::Unavailable { .. } => (ReasonCode::Dependency, Duration::ZERO),
        DocumentError::Paused { after } => (ReasonCode::Dependency, *after),
    };
    AttemptResult { pause, ..AttemptResult::before(class, error.to_string()) }
}

fn compose_failed(error: &ComposeError) -> AttemptResult {
    let class = match error {
        ComposeError::InvalidAddress { .. } => ReasonCode::InvalidRecipient,
        ComposeError::Template { .. } => ReasonCode::Internal,
    };
    AttemptResult::before(class, error.to_string())
}

/// A link and its token for a main mail without documents; a Bcc never carries one.
fn portal_link(
    context: &Context,
    delivery: &DeliveryContext,
    data: &InvoiceData,
    plan: Plan,
) -> Result<(Option<String>, Option<PortalToken>), AttemptResult> {
    if plan.decision() == Decision::Attach || delivery.role == DeliveryRole::Bcc {
        return Ok((None, None));
    }
    let key = context.link_keys.by_fingerprint(&delivery.link_key).ok_or_else(|| {
        AttemptResult::before(
            ReasonCode::Internal,
            format!("SECRET_KEYS no longer holds the key {} that this delivery's link is made with", delivery.link_key),
        )
    })?;
    let token = key.link_token(delivery.root.0, delivery.link_generation);
    let link = PortalToken {
        sha256: Sha256::of(token.as_bytes()),
        key_fingerprint: delivery.link_key.clone(),
        generation: delivery.link_generation,
        due_date: data.invoice.due_date,
    };
    Ok((Some(format!("{}/i/{token}", context.portal_url)), Some(link)))
}

fn snapshot(context: &Context, delivery: &DeliveryContext, data: InvoiceData) -> Result<Snapshot, AttemptResult> {
    let tenant = context.profiles.get(&delivery.invoice.tenant, delivery.profile_version, &delivery.profile).map_err(
        |error| AttemptResult::before(ReasonCode::Internal, format!("the tenant's profile cannot be read: {error}")),
    )?;
    Ok(Snapshot {
        root: delivery.root,
        data,
        tenant,
        customer_name: delivery.customer_name.clone(),
        locale: delivery.locale.clone(),
        recipients: delivery.recipients.clone(),
        shown: delivery.shown.clone(),
        date: delivery.snapshot_at,
        portal_link: None,
        portal_method: None,
    })
}
