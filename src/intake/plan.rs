//! What becomes of each event of a batch.
//!
//! Pure: the events, what the database holds about them, and a source of identifiers in; rows out. It runs while the
//! tenants' rows are locked, so what was read still holds when its rows are written.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::locale::{ChosenLocale, locale};
use super::parsed::{Again, Parsed};
use super::recipients::{Recipients, main_and_bcc};
use crate::clock::Timestamp;
use crate::compose::Templates;
use crate::event::{self, ClaimedIdentity, Dropped, InvoiceSent, Malformed, Recipient};
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryRole, EventState};
use crate::sha256::Sha256;
use crate::store::{
    ConcludedAtOnce, CustomerSnapshot, EventChange, EventFate, IntakeContext, IntakeRows, KnownEvent, NewDeadLetter,
    NewDelivery, NewEvent, NewLaneEntry, NewNote, TenantSnapshot, invoice_digest,
};

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is a delivery now.
    Accepted(DeliveryId),
    /// It was taken in before, with the same content.
    Duplicate,
    /// It was taken in before and stands in the dead-letter list: publishing it again puts it back.
    Redrive(DeadLetterId),
    /// The invoice was taken in under another event id within a day; the cancelled delivery.
    DuplicateInvoice(DeliveryId),
    /// It waits for its customer.
    Waiting,
    DeadLetter(ReasonCode),
}

/// What the plan is made with.
pub struct PlanInputs<'a> {
    pub now: Timestamp,
    /// The templates of today.
    pub templates: &'a Templates,
    pub template_version: &'a str,
    /// Fingerprint of the newest key for portal tokens.
    pub link_key: &'a str,
    /// How long an unknown customer is waited for.
    pub customer_wait: Duration,
    /// Makes an identifier.
    pub new_id: &'a (dyn Fn() -> Uuid + Sync),
}

/// The rows of a batch, and what they mean for each event.
#[derive(Debug, Default)]
pub struct IntakePlan {
    /// To be written in one transaction.
    pub rows: IntakeRows,
    /// One for each event, in order.
    pub verdicts: Vec<Verdict>,
    /// Of events that are dead already and stay so: what each is dead for now. Not to be written as another letter.
    pub still_dead: Vec<NewDeadLetter>,
}

/// Plans a batch of events of these tenants.
#[must_use]
pub fn plan(
    batch: &[Parsed],
    tenants: &[TenantSnapshot],
    context: &IntakeContext,
    inputs: &PlanInputs<'_>,
) -> IntakePlan {
    let mut planner = Planner {
        tenants: tenants.iter().map(|tenant| (&tenant.id, tenant)).collect(),
        customers: context.customers.iter().map(|customer| ((&customer.tenant, &customer.id), customer)).collect(),
        known: context.events.iter().map(|event| (event.key, event)).collect(),
        // The oldest comes last, and stays.
        same_invoices: context.same_invoices.iter().rev().map(|same| (same.invoice_sha256, same.event)).collect(),
        new: HashMap::new(),
        inputs,
        rows: IntakeRows::default(),
        still_dead: Vec::new(),
    };
    let verdicts = batch.iter().map(|parsed| planner.place(parsed)).collect();
    IntakePlan { rows: planner.rows, verdicts, still_dead: planner.still_dead }
}

struct Planner<'a> {
    tenants: HashMap<&'a TenantId, &'a TenantSnapshot>,
    customers: HashMap<(&'a TenantId, &'a CustomerId), &'a CustomerSnapshot>,
    known: HashMap<EventKey, &'a KnownEvent>,
    /// Who brought an invoice first.
    same_invoices: HashMap<Sha256, EventKey>,
    /// Events of this very batch, which the database does not hold yet.
    new: HashMap<EventKey, Sha256>,
    inputs: &'a PlanInputs<'a>,
    rows: IntakeRows,
    still_dead: Vec<NewDeadLetter>,
}

/// An event of which deliveries are made.
#[derive(Clone, Copy)]
struct TakenSource<'a> {
    event: &'a InvoiceSent,
    tenant: &'a TenantSnapshot,
    customer: &'a CustomerSnapshot,
    locale: &'a str,
    main: DeliveryId,
}

impl<'a> Planner<'a> {
    fn place(&mut self, parsed: &'a Parsed) -> Verdict {
        if parsed.again.as_ref().is_some_and(|again| self.is_concluded_elsewhere(again)) {
            return Verdict::Duplicate;
        }
        let event = match &parsed.event {
            Ok(event) => event,
            Err(fault) => return self.unreadable(parsed, fault),
        };
        if parsed.again.is_none()
            && let Some(verdict) = self.seen_before(parsed, event)
        {
            return verdict;
        }
        let Some(tenant) = self.tenants.get(&event.data.tenant_id).copied() else {
            let reason = format!("unknown tenant \"{}\"", event.data.tenant_id);
            return self.dead_event(parsed, event, ReasonCode::UnknownTenant, reason);
        };
        if let Err(fault) = event::check_objects(&event.data, &tenant.object_prefix) {
            let fault = fault.of(Some((event.source.clone(), event.id.clone())));
            return self.unreadable(parsed, &fault);
        }
        let Some(customer) = self.customers.get(&(&event.data.tenant_id, &event.data.customer_id)).copied() else {
            return self.wait_for_customer(parsed, event);
        };
        self.accept(parsed, event, tenant, customer)
    }

    /// Whether another worker has looked at an event that waited since the batch was read: what becomes of it is
    /// decided there.
    fn is_concluded_elsewhere(&self, again: &Again) -> bool {
        again.from == EventState::Waiting
            && self.known.get(&again.key).is_none_or(|known| known.state != EventState::Waiting)
    }

    /// The rules about `(source, id)`.
    fn seen_before(&mut self, parsed: &Parsed, event: &InvoiceSent) -> Option<Verdict> {
        let key = event.key();
        let (content, dead_letter) = match (self.known.get(&key), self.new.get(&key)) {
            (Some(known), _) => (known.content_sha256, known.dead_letter),
            (None, Some(content)) => (*content, None),
            (None, None) => return None,
        };
        if content != event.content_sha256 {
            let reason = "an event with this source and id was taken in before, with other content".to_owned();
            let letter = NewDeadLetter {
                body: Some(parsed.body.clone()),
                once: Some(once(&event.source, &event.id, parsed.body_sha256())),
                ..self.letter_of(event, ReasonCode::ConflictingEvent, reason)
            };
            self.rows.dead_letters.push(NewDeadLetter { event_key: None, ..letter });
            return Some(Verdict::DeadLetter(ReasonCode::ConflictingEvent));
        }
        Some(match dead_letter {
            // What the broker hands over again, or has given up, is no publisher's wish.
            Some(letter) if !parsed.redelivered && !parsed.given_up => Verdict::Redrive(letter),
            _ => Verdict::Duplicate,
        })
    }

    /// A body that is no event. It leaves no event behind, so that a corrected one may use its id; but one that is
    /// known as an event stands in one place: what waited for its customer until the tenant's prefix changed, or until
    /// another version of this program read it, is dead from now on and waits no more.
    fn unreadable(&mut self, parsed: &Parsed, fault: &Malformed) -> Verdict {
        let class = if parsed.given_up { ReasonCode::Poison } else { ReasonCode::Malformed };
        let letter = self.letter_of_bytes(parsed, fault, class);
        match &parsed.again {
            None => self.rows.dead_letters.push(letter),
            Some(again) if again.from == EventState::Dead => self.still_dead.push(again.name(letter)),
            Some(again) => {
                self.rows.changes.push(EventChange {
                    key: again.key,
                    from: again.from,
                    to: EventFate::Dead,
                    invoice_sha256: None,
                });
                self.rows.dead_letters.push(again.name(letter));
            }
        }
        Verdict::DeadLetter(class)
    }

    /// A dead letter that keeps the bytes.
    fn letter_of_bytes(&self, parsed: &Parsed, fault: &Malformed, class: ReasonCode) -> NewDeadLetter {
        let (source, event_id) = fault.source_and_id.clone().unzip();
        // Support knows tenant and number, and nothing else of it. They are what the bytes claim.
        let ClaimedIdentity { tenant, customer, invoice_number } = ClaimedIdentity::of(&parsed.body);
        let once = once(source.as_deref().unwrap_or(""), event_id.as_deref().unwrap_or(""), parsed.body_sha256());
        NewDeadLetter {
            source,
            event_id,
            tenant,
            customer,
            invoice_number,
            body: Some(parsed.body.clone()),
            once: Some(once),
            ..self.letter(class, &[&fault.cause()], fault.summary())
        }
    }

    fn wait_for_customer(&mut self, parsed: &Parsed, event: &InvoiceSent) -> Verdict {
        // Who has waited in vain is dead; who is put back from the dead-letter list waits anew.
        if parsed.stood() != Some(EventState::Waiting) {
            let until = self.inputs.now.plus(self.inputs.customer_wait);
            self.remember(parsed, event, None, EventFate::WaitUntil(until));
            return Verdict::Waiting;
        }
        let reason = format!("unknown customer \"{}\" of tenant \"{}\"", event.data.customer_id, event.data.tenant_id);
        self.dead_event(parsed, event, ReasonCode::UnknownCustomer, reason)
    }

    /// An event of which no delivery can be made yet.
    fn dead_event(&mut self, parsed: &Parsed, event: &InvoiceSent, class: ReasonCode, reason: String) -> Verdict {
        let letter = self.letter_of(event, class, reason);
        if parsed.stood() == Some(EventState::Dead) {
            self.still_dead.push(letter);
        } else {
            self.remember(parsed, event, None, EventFate::Dead);
            self.rows.dead_letters.push(letter);
        }
        Verdict::DeadLetter(class)
    }

    /// Makes the deliveries of an event: one for To and Cc, one for each Bcc.
    fn accept(
        &mut self,
        parsed: &Parsed,
        event: &InvoiceSent,
        tenant: &TenantSnapshot,
        customer: &CustomerSnapshot,
    ) -> Verdict {
        let main = DeliveryId((self.inputs.new_id)());
        let locale = locale(self.inputs.templates, event, customer.locale.as_deref(), &tenant.profile.locale);
        let taken = TakenSource { event, tenant, customer, locale: &locale.tag, main };
        self.remember(parsed, event, Some(customer), EventFate::Accepted(main));
        let (recipients, bcc) = main_and_bcc(&event.data, &customer.name, &customer.address);
        if self.is_same_invoice(event, customer) {
            let reason = "the same invoice was taken in under another event id within 24 hours".to_owned();
            let concluded =
                ConcludedAtOnce { concluded: Concluded::Cancelled, class: ReasonCode::DuplicateInvoice, reason };
            let delivery = self.delivery(&taken, main, DeliveryRole::Main, recipients.list);
            self.rows.deliveries.push(NewDelivery { concluded: Some(concluded), ..delivery });
            return Verdict::DuplicateInvoice(main);
        }
        let notes = notes(event, &locale, &recipients);
        self.rows.notes.extend(notes.into_iter().map(|kind| NewNote { delivery: main, kind }));
        for recipients in bcc {
            let id = DeliveryId((self.inputs.new_id)());
            self.owe(&taken, id, DeliveryRole::Bcc, recipients);
        }
        self.owe(&taken, main, DeliveryRole::Main, recipients)
    }

    /// Whether another event brought the same invoice; notes this one.
    fn is_same_invoice(&mut self, event: &InvoiceSent, customer: &CustomerSnapshot) -> bool {
        let invoice = invoice_digest(&event.data, Some(&customer.address));
        *self.same_invoices.entry(invoice).or_insert(event.key()) != event.key()
    }

    /// Puts a delivery into its lane, or into the dead-letter list if no recipient can receive it.
    fn owe(&mut self, taken: &TakenSource<'_>, id: DeliveryId, role: DeliveryRole, recipients: Recipients) -> Verdict {
        let delivery = self.delivery(taken, id, role, recipients.list);
        let Some(fault) = recipients.fault else {
            self.rows.lane_entries.push(NewLaneEntry {
                delivery: id,
                relay: taken.tenant.relay.clone(),
                tenant: delivery.invoice.tenant.clone(),
                customer: delivery.invoice.customer.clone(),
                due_at: delivery.snapshot_at,
                express: false,
                expires_at: delivery.expires_at,
                claim: 0,
                decision: None,
                message_date: None,
                held: None,
            });
            self.rows.deliveries.push(delivery);
            return Verdict::Accepted(id);
        };
        let class = ReasonCode::InvalidRecipient;
        let hint = fault.hint().to_owned();
        let letter = self.letter_of(taken.event, class, fault.reason.clone());
        let letter = NewDeadLetter { delivery: Some(id), hint, ..letter };
        self.rows.dead_letters.push(letter);
        let concluded = ConcludedAtOnce { concluded: Concluded::Dead, class, reason: fault.reason };
        self.rows.deliveries.push(NewDelivery { concluded: Some(concluded), ..delivery });
        Verdict::DeadLetter(class)
    }

    fn delivery(
        &self,
        taken: &TakenSource<'_>,
        id: DeliveryId,
        role: DeliveryRole,
        recipients: Vec<Recipient>,
    ) -> NewDelivery {
        let TakenSource { event, tenant, customer, locale, main } = *taken;
        let data = &event.data;
        // The Date header names the moment from which the message may go out.
        let snapshot_at = data.not_before.map_or(self.inputs.now, |moment| moment.max(self.inputs.now));
        NewDelivery {
            id,
            root: id,
            role,
            main,
            event_key: event.key(),
            resend_of: None,
            resend_reason: None,
            invoice: data.invoice_ref(),
            recipients,
            customer_name: customer.name.clone(),
            locale: locale.to_owned(),
            profile_version: tenant.profile_version,
            template_version: self.inputs.template_version.to_owned(),
            snapshot_at,
            link_key: self.inputs.link_key.to_owned(),
            link_generation: 0,
            link_only: false,
            expires_at: data.expires_at,
            created_at: self.inputs.now,
            concluded: None,
        }
    }

    /// Writes the event down, or what has become of one that is known.
    fn remember(&mut self, parsed: &Parsed, event: &InvoiceSent, customer: Option<&CustomerSnapshot>, fate: EventFate) {
        let key = event.key();
        if let Some(Again { from, .. }) = parsed.again {
            let invoice_sha256 = customer.map(|customer| invoice_digest(&event.data, Some(&customer.address)));
            self.rows.changes.push(EventChange { key, from, to: fate, invoice_sha256 });
            return;
        }
        self.new.insert(key, event.content_sha256);
        self.rows.events.push(NewEvent {
            key,
            source: event.source.clone(),
            event_id: event.id.clone(),
            content_sha256: event.content_sha256,
            invoice_sha256: invoice_digest(&event.data, customer.map(|customer| customer.address.as_str())),
            invoice: event.data.invoice_ref(),
            body: parsed.body.clone(),
            via: parsed.via,
            received_at: self.inputs.now,
            fate,
        });
    }

    /// A dead letter about a readable event.
    fn letter_of(&self, event: &InvoiceSent, class: ReasonCode, reason: String) -> NewDeadLetter {
        let data = &event.data;
        let cause = match class {
            ReasonCode::UnknownTenant => data.tenant_id.to_string(),
            ReasonCode::UnknownCustomer => format!("{} {}", data.tenant_id, data.customer_id),
            ReasonCode::InvalidRecipient => reason.clone(),
            _ => event.source.clone(),
        };
        NewDeadLetter {
            event_key: Some(event.key()),
            source: Some(event.source.clone()),
            event_id: Some(event.id.clone()),
            tenant: Some(data.tenant_id.clone()),
            customer: Some(data.customer_id.clone()),
            invoice_number: Some(data.invoice.number.clone()),
            ..self.letter(class, &[&cause], reason)
        }
    }

    fn letter(&self, class: ReasonCode, cause: &[&str], reason: String) -> NewDeadLetter {
        NewDeadLetter::new((self.inputs.new_id)(), class, cause, reason, self.inputs.now)
    }
}

/// What people should know of how an event was read: what of it is not used, and who gets no mail.
#[must_use]
pub fn notes(event: &InvoiceSent, locale: &ChosenLocale, recipients: &Recipients) -> Vec<NoteKind> {
    // The locale has a note of its own, which says what is used instead.
    let dropped = event.dropped.iter().filter(|dropped| **dropped != Dropped::Locale);
    let dropped = dropped.map(|value| NoteKind::EventValueLeftOut { value: *value });
    dropped.chain(locale.note.clone()).chain(recipients.left_out.iter().cloned()).collect()
}

/// What the same fault of the same event is known by, however often it comes.
fn once(source: &str, id: &str, body: Sha256) -> Sha256 {
    Sha256::of(format!("{source}\0{id}\0{body}").as_bytes())
}
