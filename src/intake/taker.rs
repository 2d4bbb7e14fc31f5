//! The thin shell around [`plan()`]: reads the facts, writes the rows, wakes the lanes.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tracing::{Instrument as _, Span, error, warn};

use super::{DeliveryFactory, IntakePlan, LetterRedriven, Parsed, RedrivesLetters, Verdict, plan};
use crate::bisect::bisect;
use crate::event::InvoiceSent;
use crate::failpoint::{self, Failpoint};
use crate::model::ids::{DeadLetterId, TenantId};
use crate::model::incoming::{Incoming, IntakeUnavailable, TakesEvents, Via};
use crate::model::reason::ReasonCode;
use crate::sha256::Sha256;
use crate::store::{EventChange, EventFate, Inserted, IntakeRows, NewDeadLetter, StoreError};
use crate::telemetry::{LoggedId, metric, span};

/// How far back the same invoice under another event id is a duplicate.
pub const DUPLICATE_INVOICE_WINDOW: Duration = Duration::from_hours(24);

/// How often a batch begins anew because another worker was first with one of its events. What was read is read again
/// each time, so that a second round is rare.
pub(crate) const ROUNDS_MAX: u32 = 20;

/// Takes events in.
#[derive(Debug, Clone)]
pub struct Intake {
    factory: Arc<DeliveryFactory>,
    redrive: Arc<dyn RedrivesLetters>,
}

impl Intake {
    /// An intake whose deliveries this factory makes; dead letters whose events come again go to `redrive`.
    #[must_use]
    pub fn new(factory: Arc<DeliveryFactory>, redrive: Arc<dyn RedrivesLetters>) -> Self {
        Self { factory, redrive }
    }

    /// Takes a batch in and says what became of each, in order.
    ///
    /// An event that the database refuses is a dead letter; the others are taken in all the same.
    pub async fn take(&self, batch: &[Parsed]) -> Result<Vec<Verdict>, StoreError> {
        let span = span::intake_batch(batch.first().map_or("", |parsed| parsed.via.into_str()), batch.len());
        self.take_all(batch).instrument(span).await
    }

    async fn take_all(&self, batch: &[Parsed]) -> Result<Vec<Verdict>, StoreError> {
        let results = bisect(batch, StoreError::is_about_a_row, |part| self.commit(part)).await?;
        // Also where one of them fails now: the others are committed, and brought again they are duplicates.
        let mut verdicts = Vec::with_capacity(batch.len());
        for (parsed, result) in batch.iter().zip(results) {
            verdicts.push(match result {
                Ok(Verdict::Redrive(letter)) => self.published_again(letter).await,
                Ok(verdict) => Ok(verdict),
                Err(refusal) => self.refused(parsed, &refusal).await,
            });
        }
        self.factory.wakes.wake_all();
        for (parsed, verdict) in batch.iter().zip(&verdicts) {
            if let Ok(verdict) = verdict {
                log(parsed, *verdict);
            }
        }
        verdicts.into_iter().collect()
    }

    /// Commits a batch in one transaction.
    async fn commit(&self, batch: &[Parsed]) -> Result<Vec<Verdict>, StoreError> {
        for _ in 0..ROUNDS_MAX {
            let events = || batch.iter().filter_map(|parsed| parsed.event.as_ref().ok());
            let tenants: Vec<TenantId> = events().map(|event| event.data.tenant_id.clone()).collect();
            // Also of those that cannot be read any more: another worker may have looked at them.
            let key = |parsed: &Parsed| match (&parsed.again, &parsed.event) {
                (Some(again), _) => Some(again.key),
                (None, event) => event.as_ref().ok().map(InvoiceSent::key),
            };
            let keys: Vec<_> = batch.iter().filter_map(key).collect();
            let customers: Vec<_> =
                events().map(|event| (event.data.tenant_id.clone(), event.data.customer_id.clone())).collect();

            let mut transaction = self.factory.store.begin_intake(&tenants).await?;
            let since = transaction.now().minus(DUPLICATE_INVOICE_WINDOW);
            let mut context = transaction.context(&keys, &customers, &[], since).await?;
            // Whom a mail without a `to` goes to is known by now.
            let invoices = context.invoice_digests(events().map(|event| &event.data));
            context.same_invoices = transaction.same_invoices(&invoices, since).await?;
            let new_id = || self.factory.store.clock().new_id();
            let inputs = self.factory.plan_inputs(transaction.now(), &new_id);
            let IntakePlan { rows, verdicts, still_dead: _ } = plan(batch, transaction.tenants(), &context, &inputs);
            if transaction.insert(&rows).await? == Inserted::Overtaken {
                continue;
            }
            failpoint::reach(Failpoint::BeforeIntakeCommit);
            transaction.commit().await?;
            failpoint::reach(Failpoint::AfterIntakeCommit);
            return Ok(verdicts);
        }
        Err(StoreError::Unavailable("other workers were first with events of this batch, again and again".to_owned()))
    }

    /// The same event again, of which a dead letter stands: its publisher wants it sent.
    async fn published_again(&self, letter: DeadLetterId) -> Result<Verdict, StoreError> {
        Ok(match self.redrive.redrive(letter, "publisher").await? {
            LetterRedriven::Back(verdict) => verdict,
            LetterRedriven::Stays { class: Some(class), .. } => Verdict::DeadLetter(class),
            LetterRedriven::Stays { class: None, .. } | LetterRedriven::Unknown | LetterRedriven::Concluded => {
                Verdict::Duplicate
            }
        })
    }

    /// An operator moved a dead letter from the broker's dead-letter queue back to dispatch.
    ///
    /// One that stays open goes back to the queue, which it has left. One that is concluded counts as stale. One that
    /// this database does not know (another installation's, or from after the backup that it was restored from) may be
    /// the only copy: false, and it is to be taken in as an ordinary event.
    async fn moved_by_hand(&self, letter: DeadLetterId) -> Result<bool, StoreError> {
        match self.redrive.redrive(letter, "broker").await? {
            LetterRedriven::Back(_) => {}
            LetterRedriven::Unknown => return Ok(false),
            LetterRedriven::Concluded => {
                counter!(metric::EVENTS_CONSUMED, "source" => Via::Amqp.into_str(), "result" => "stale_redrive")
                    .increment(1);
            }
            LetterRedriven::Stays { why, .. } => {
                warn!(dead_letter.id = %letter, "a dead letter that was moved to dispatch is not redriven: {why}");
                self.factory.store.mirror_again(letter).await?;
            }
        }
        Ok(true)
    }

    /// The database refuses a value of this event, which passed every check at the edge: it is kept as bytes.
    async fn refused(&self, parsed: &Parsed, refusal: &StoreError) -> Result<Verdict, StoreError> {
        error!("failed to store an event: {refusal}");
        let now = self.factory.store.now();
        let id = self.factory.store.clock().new_id();
        let reason = "the database refuses a value of this event".to_owned();
        let letter = NewDeadLetter {
            once: Some(Sha256::of(&parsed.body)),
            body: Some(parsed.body.clone()),
            ..NewDeadLetter::new(id, ReasonCode::Internal, &["database"], reason, now)
        };
        let mut rows = IntakeRows::default();
        rows.dead_letters.push(match &parsed.again {
            // It stands in one place: what waited is dead from now on.
            Some(again) => {
                rows.changes.push(EventChange {
                    key: again.key,
                    from: again.from,
                    to: EventFate::Dead,
                    invoice_sha256: None,
                });
                again.name(letter)
            }
            None => letter,
        });
        let mut transaction = self.factory.store.begin_intake(&[]).await?;
        // If another worker was first with a known event, its result is recorded already.
        if transaction.insert(&rows).await? != Inserted::Overtaken {
            transaction.commit().await?;
        }
        Ok(Verdict::DeadLetter(ReasonCode::Internal))
    }
}

/// What an event is counted as, beside the reason codes of dead letters.
pub const COUNTED_RESULTS: [&str; 5] = ["accepted", "duplicate_event", "duplicate_invoice", "waiting", "stale_redrive"];

/// Counts and logs what became of an event.
fn log(parsed: &Parsed, verdict: Verdict) {
    if parsed.again.is_some() && verdict == Verdict::Duplicate {
        // Not brought twice: another worker looked at it first, and has counted it.
        return;
    }
    let result = match verdict {
        Verdict::Accepted(_) | Verdict::Redrive(_) => "accepted",
        Verdict::Duplicate => "duplicate_event",
        Verdict::DuplicateInvoice(_) => "duplicate_invoice",
        Verdict::Waiting => "waiting",
        Verdict::DeadLetter(class) => class.into_str(),
    };
    counter!(metric::EVENTS_CONSUMED, "source" => parsed.via.into_str(), "result" => result).increment(1);
    if matches!(verdict, Verdict::Duplicate | Verdict::DuplicateInvoice(_)) {
        counter!(metric::DUPLICATES_SUPPRESSED, "reason" => result).increment(1);
    }
    let span = parsed.event.as_ref().map(|event| span::event(&event.id, &event.source, event.traceparent.as_deref()));
    let _inside = span.as_ref().map(Span::enter);
    match (&parsed.event, verdict) {
        (Ok(event), Verdict::DeadLetter(class)) => {
            let (number, tenant) = (LoggedId(&event.data.invoice.number), LoggedId(event.data.tenant_id.as_str()));
            warn!(
                invoice.number = %number, tenant = %tenant, event.id = %LoggedId(&event.id),
                "the invoice {number} of {tenant} cannot be sent: {class}"
            );
        }
        (Err(fault), _) => warn!("a message is not a valid event: {}", fault.for_log()),
        _ => {}
    }
}

impl TakesEvents for Intake {
    async fn take_in(&self, batch: Vec<Incoming>) -> Result<(), IntakeUnavailable> {
        let unavailable = |error: StoreError| IntakeUnavailable(error.to_string());
        let mut events = Vec::with_capacity(batch.len());
        for incoming in batch {
            let is_done = match incoming.dead_letter_id {
                Some(letter) => self.moved_by_hand(letter).await.map_err(unavailable)?,
                None => false,
            };
            if !is_done {
                events.push(incoming);
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<Parsed> = events.into_iter().map(Parsed::of).collect();
        self.take(&events).await.map(drop).map_err(unavailable)
    }

    async fn wait_until_reachable(&self) {
        self.factory.store.wait_until_reachable().await;
    }
}
