//! The letters of one transaction: what may go back, what is written for it, and each one's answer. Pure.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::redriven::{By, Fate, RedriveError, Redriven};
use super::resnapshot;
use crate::event::{self, InvoiceSent};
use crate::intake::{self, Again, Parsed, PlanInputs, Verdict};
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::incoming::{BODY_BYTES_KEPT, Via};
use crate::model::reason::{ReasonCode, fingerprint};
use crate::model::state::{DeadLetterState, DeliveryRole, EventState};
use crate::sha256::Sha256;
use crate::store::{
    BroughtBack, ChangedCause, DeadDelivery, IntakeContext, IntakeRows, LetterToRedrive, NewDeadLetter, Newer, Revived,
    SameInvoice, TenantSnapshot,
};

/// The letters of one transaction.
pub(super) struct Round {
    /// Letters whose events could be read, or not.
    work: Vec<LetterWork>,
    answers: HashMap<DeadLetterId, Result<Redriven, RedriveError>>,
    /// What letters that stay are dead for now, where that is something else than before.
    causes: Vec<ChangedCause>,
}

/// One letter that may go back.
struct LetterWork {
    letter: LetterToRedrive,
    parsed: Parsed,
}

/// What a round writes.
pub(super) struct Planned {
    pub(super) rows: IntakeRows,
    pub(super) back: Vec<BroughtBack>,
    /// Dead deliveries that are cancelled, each because of another one.
    pub(super) duplicates: Vec<(DeliveryId, DeliveryId)>,
}

/// What the database holds about the letters of a round.
pub(super) struct KnownRows<'a> {
    pub(super) tenants: &'a [TenantSnapshot],
    pub(super) context: &'a IntakeContext,
    pub(super) dead: &'a [DeadDelivery],
    /// Deliveries that send the same invoices, or may, by letter.
    pub(super) newer: &'a HashMap<Uuid, Newer>,
}

impl KnownRows<'_> {
    /// The delivery that sends the same invoice, or may, unless the person wants it sent all the same.
    fn newer(&self, letter: &LetterToRedrive, by: By<'_>) -> Option<Newer> {
        if let By::Person { despite_newer: true, .. } = by {
            return None;
        }
        self.newer.get(&letter.id.0).copied()
    }
}

impl Round {
    /// What the `proven` letters are dead for is known to be gone.
    pub(super) fn of(ids: &[DeadLetterId], letters: Vec<LetterToRedrive>, proven: &HashSet<DeadLetterId>) -> Self {
        let mut round = Self { work: Vec::new(), answers: HashMap::new(), causes: Vec::new() };
        let mut letters: HashMap<DeadLetterId, LetterToRedrive> =
            letters.into_iter().map(|letter| (letter.id, letter)).collect();
        for id in ids {
            let letter = letters.remove(id).ok_or(RedriveError::Unknown);
            let answer = letter.and_then(|letter| LetterWork::of(letter, proven.contains(id)));
            match answer {
                Ok(work) => round.work.push(work),
                Err(error) => round.fail(*id, error),
            }
        }
        round
    }

    fn fail(&mut self, id: DeadLetterId, error: RedriveError) {
        self.answers.insert(id, Err(error));
    }

    fn events(&self) -> impl Iterator<Item = &InvoiceSent> {
        self.work.iter().filter_map(|work| work.parsed.event.as_ref().ok())
    }

    pub(super) fn tenants(&self) -> Vec<TenantId> {
        self.events().map(|event| event.data.tenant_id.clone()).collect()
    }

    pub(super) fn event_keys(&self) -> Vec<EventKey> {
        let keys: HashSet<EventKey> = self.events().map(InvoiceSent::key).collect();
        keys.into_iter().collect()
    }

    pub(super) fn customers(&self) -> Vec<(TenantId, CustomerId)> {
        self.events().map(|event| (event.data.tenant_id.clone(), event.data.customer_id.clone())).collect()
    }

    pub(super) fn invoices(&self, context: &IntakeContext) -> Vec<Sha256> {
        context.invoice_digests(self.events().map(|event| &event.data))
    }

    /// What the letters would bring back.
    pub(super) fn revived(&self, context: &IntakeContext) -> Vec<Revived> {
        let revived = |LetterWork { letter, parsed }: &LetterWork| Revived {
            id: letter.id.0,
            delivery: letter.delivery,
            event: letter.event_key,
            invoice_sha256: invoice(parsed, context).filter(|_| letter.delivery.is_none()),
        };
        self.work.iter().map(revived).collect()
    }

    pub(super) fn deliveries(&self) -> Vec<DeliveryId> {
        self.work.iter().filter_map(|work| work.letter.delivery).collect()
    }

    /// Leaves out dead letters that were concluded since they were read.
    pub(super) fn keep_open(&mut self, states: &HashMap<DeadLetterId, DeadLetterState>) {
        for work in std::mem::take(&mut self.work) {
            match states.get(&work.letter.id) {
                Some(DeadLetterState::Open) => self.work.push(work),
                Some(concluded) => self.fail(work.letter.id, RedriveError::NotOpen(*concluded)),
                None => self.fail(work.letter.id, RedriveError::Unknown),
            }
        }
    }

    pub(super) fn plan(&mut self, known: &KnownRows<'_>, inputs: &PlanInputs<'_>, by: By<'_>) -> Planned {
        let (with_delivery, without): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.work).into_iter().partition(|work| work.letter.delivery.is_some());
        let mut planned = Planned { rows: IntakeRows::default(), back: Vec::new(), duplicates: Vec::new() };
        // Of one invoice under two event ids both may be dead: the first that goes back stands in the other's way.
        let mut first = HashMap::new();
        self.plan_deliveries(with_delivery, known, inputs, by, &mut first, &mut planned);
        planned.rows = self.plan_events(without, known, inputs, by, &first);
        planned
    }

    fn plan_deliveries(
        &mut self,
        work: Vec<LetterWork>,
        known: &KnownRows<'_>,
        inputs: &PlanInputs<'_>,
        by: By<'_>,
        first: &mut HashMap<Sha256, DeliveryId>,
        planned: &mut Planned,
    ) {
        let dead: HashMap<DeliveryId, &DeadDelivery> =
            known.dead.iter().map(|delivery| (delivery.id, delivery)).collect();
        for LetterWork { letter, parsed } in work {
            let Some(own) = letter.delivery.and_then(|delivery| dead.get(&delivery)).copied() else {
                self.fail(letter.id, RedriveError::NotDead);
                continue;
            };
            match (in_the_way(&letter, &parsed, own, known, by, first), by) {
                (Some(newer), By::Person { .. }) => {
                    self.fail(letter.id, RedriveError::Newer(newer));
                    continue;
                }
                (Some(newer), By::AutoRedrive) => {
                    let fate = Fate::DuplicateInvoice(own.id);
                    self.answers.insert(letter.id, Ok(Redriven { letter: letter.id, fate, ignored_expiry: None }));
                    planned.duplicates.push((own.id, newer));
                    continue;
                }
                (None, _) => {}
            }
            match resnapshot::take(own, &parsed, known.tenants, known.context, inputs, by) {
                Ok((brought, ignored_expiry)) => {
                    let fate = Fate::Due(brought.entry.delivery);
                    self.answers.insert(letter.id, Ok(Redriven { letter: letter.id, fate, ignored_expiry }));
                    if let Some(invoice) = invoice(&parsed, known.context).filter(|_| own.role != DeliveryRole::Bcc) {
                        first.entry(invoice).or_insert(own.main);
                    }
                    planned.back.push(brought);
                }
                Err(error) => {
                    self.causes.extend(cause_after_auto_redrive(&letter, &error, by));
                    self.fail(letter.id, error);
                }
            }
        }
    }

    /// Sends events through intake once more, without those that would fail as before.
    fn plan_events(
        &mut self,
        work: Vec<LetterWork>,
        known: &KnownRows<'_>,
        inputs: &PlanInputs<'_>,
        by: By<'_>,
        first: &HashMap<Sha256, DeliveryId>,
    ) -> IntakeRows {
        let context = context_for(known, &work, by);
        let mut taken = HashSet::new();
        let (mut letters, mut batch) = (Vec::new(), Vec::new());
        for LetterWork { letter, mut parsed } in work {
            parsed.again = stands_dead(&parsed, &context);
            let again = parsed.event.as_ref().is_ok_and(|event| !taken.insert(event.key()));
            let newer = match by {
                By::Person { despite_newer: false, .. } => newer_than_event(&letter, &parsed, known, &context, first),
                By::Person { .. } | By::AutoRedrive => None,
            };
            if let Some(cause) = remaining_cause(&letter, &parsed, known.tenants, &context, inputs) {
                let ChangedCause { class, reason, hint, .. } = cause.clone();
                if class != letter.class || reason != letter.reason {
                    self.causes.push(cause);
                }
                self.fail(letter.id, RedriveError::SameFault { class, reason, hint });
            } else if again {
                // Two letters of one event: the first puts it back.
                self.fail(letter.id, RedriveError::NotDead);
            } else if let Some(newer) = newer {
                self.fail(letter.id, RedriveError::Newer(newer));
            } else {
                letters.push(letter.id);
                batch.push(parsed);
            }
        }
        let mut plan = intake::plan(&batch, known.tenants, &context, inputs);
        for ((letter, parsed), verdict) in letters.into_iter().zip(&batch).zip(&plan.verdicts) {
            let expiry = parsed.event.as_ref().ok().and_then(|event| event.data.expires_at);
            let fate = fate(*verdict);
            let ignored_expiry = expiry.filter(|_| matches!((fate, by), (Fate::Due(_), By::Person { .. })));
            self.answers.insert(letter, Ok(Redriven { letter, fate, ignored_expiry }));
        }
        if let By::Person { .. } = by {
            plan.rows.deliveries.iter_mut().for_each(|delivery| delivery.expires_at = None);
            plan.rows.lane_entries.iter_mut().for_each(|entry| entry.expires_at = None);
        }
        plan.rows
    }

    pub(super) fn causes(&self) -> &[ChangedCause] {
        &self.causes
    }

    pub(super) fn redriven(&self) -> Vec<DeadLetterId> {
        self.answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(letter, _)| *letter).collect()
    }

    pub(super) fn into_answers(mut self, ids: &[DeadLetterId]) -> Vec<Result<Redriven, RedriveError>> {
        ids.iter().map(|id| self.answers.remove(id).expect("every letter has its answer")).collect()
    }
}

impl LetterWork {
    fn of(letter: LetterToRedrive, is_proven: bool) -> Result<Self, RedriveError> {
        let class = letter.class;
        if letter.state != DeadLetterState::Open {
            return Err(RedriveError::NotOpen(letter.state));
        }
        if !class.redrivable() && !is_proven {
            return Err(RedriveError::NotRedrivable { class, hint: class.hint() });
        }
        let body = letter.body.clone().ok_or(RedriveError::Forgotten)?;
        if matches!(class, ReasonCode::Malformed | ReasonCode::Poison) && body.len() == BODY_BYTES_KEPT {
            // The beginning of a body that was far too large; it may read like an event by itself.
            return Err(RedriveError::SameFault { class, reason: letter.reason, hint: class.hint().to_owned() });
        }
        let parsed = Parsed {
            event: event::parse(&body),
            body,
            whole: None,
            via: letter.via.unwrap_or(Via::File),
            // Not a publisher's wish to redrive: that is what happens here.
            redelivered: true,
            given_up: class == ReasonCode::Poison,
            again: None,
        };
        Ok(Self { letter, parsed })
    }
}

/// The digest of the invoice that a letter is about.
fn invoice(parsed: &Parsed, context: &IntakeContext) -> Option<Sha256> {
    let event = parsed.event.as_ref().ok()?;
    context.invoice_digests(std::iter::once(&event.data)).pop()
}

/// The delivery in whose presence a dead one is not sent again.
fn in_the_way(
    letter: &LetterToRedrive,
    parsed: &Parsed,
    own: &DeadDelivery,
    known: &KnownRows<'_>,
    by: By<'_>,
    first: &HashMap<Sha256, DeliveryId>,
) -> Option<DeliveryId> {
    if let Some(newer) = known.newer(letter, by) {
        return Some(newer.delivery);
    }
    if let By::Person { despite_newer: true, .. } = by {
        return None;
    }
    first.get(&invoice(parsed, known.context)?).copied().filter(|main| *main != own.main)
}

/// As [`in_the_way`], for an event that became no delivery.
fn newer_than_event(
    letter: &LetterToRedrive,
    parsed: &Parsed,
    known: &KnownRows<'_>,
    context: &IntakeContext,
    first: &HashMap<Sha256, DeliveryId>,
) -> Option<DeliveryId> {
    let event = parsed.event.as_ref().ok()?;
    let invoice = invoice(parsed, context)?;
    let of_database = known.newer.get(&letter.id.0).map(|newer| newer.delivery);
    let of_context = || {
        let same = context.same_invoices.iter().rev();
        same.into_iter().find(|same| same.invoice_sha256 == invoice && same.event != event.key())
    };
    of_database.or_else(|| of_context().map(|same| same.delivery)).or_else(|| first.get(&invoice).copied())
}

/// The context for intake, with deliveries of the same invoices that came while the events were dead letters, also more
/// than a day later; without any if the person wants the invoices sent all the same.
fn context_for(known: &KnownRows<'_>, work: &[LetterWork], by: By<'_>) -> IntakeContext {
    let mut context = known.context.clone();
    if let By::Person { despite_newer: true, .. } = by {
        context.same_invoices.clear();
        return context;
    }
    for LetterWork { letter, parsed } in work {
        if let (Some(newer), Some(invoice_sha256)) = (known.newer.get(&letter.id.0), invoice(parsed, known.context)) {
            context.same_invoices.push(SameInvoice { invoice_sha256, event: newer.event, delivery: newer.delivery });
        }
    }
    context
}

/// Whether the event is remembered as dead, so that intake takes it once more.
fn stands_dead(parsed: &Parsed, context: &IntakeContext) -> Option<Again> {
    let event = parsed.event.as_ref().ok()?;
    let known = context.events.iter().find(|known| known.key == event.key())?;
    let same = known.content_sha256 == event.content_sha256;
    (same && known.state == EventState::Dead).then(|| Again {
        key: known.key,
        from: EventState::Dead,
        tenant: event.data.tenant_id.clone(),
        customer: event.data.customer_id.clone(),
        invoice_number: event.data.invoice.number.clone(),
    })
}

/// What intake would leave the event dead for, if it would.
fn remaining_cause(
    letter: &LetterToRedrive,
    parsed: &Parsed,
    tenants: &[TenantSnapshot],
    context: &IntakeContext,
    inputs: &PlanInputs<'_>,
) -> Option<ChangedCause> {
    let trial = intake::plan(std::slice::from_ref(parsed), tenants, context, inputs);
    let Some(Verdict::DeadLetter(_)) = trial.verdicts.first() else { return None };
    if !trial.rows.events.is_empty() || !trial.rows.changes.is_empty() {
        return None;
    }
    let found = trial.still_dead.into_iter().chain(trial.rows.dead_letters).next()?;
    let NewDeadLetter { class, reason, hint, fingerprint, .. } = found;
    Some(ChangedCause { letter: letter.id, class, reason, hint, fingerprint })
}

/// What a letter is dead for after what it lacked has come; none if a person asks, who may mend that and ask again.
pub(super) fn cause_after_auto_redrive(
    letter: &LetterToRedrive,
    error: &RedriveError,
    by: By<'_>,
) -> Option<ChangedCause> {
    let (RedriveError::SameFault { class, reason, hint }, By::AutoRedrive) = (error, by) else { return None };
    let (class, reason, hint) = (*class, reason.clone(), hint.clone());
    let fingerprint = fingerprint(&[class.into_str(), &reason]);
    (class != letter.class).then_some(ChangedCause { letter: letter.id, class, reason, hint, fingerprint })
}

fn fate(verdict: Verdict) -> Fate {
    match verdict {
        Verdict::Accepted(delivery) => Fate::Due(delivery),
        Verdict::Duplicate | Verdict::Redrive(_) => Fate::Duplicate,
        Verdict::DuplicateInvoice(delivery) => Fate::DuplicateInvoice(delivery),
        Verdict::Waiting => Fate::Waiting,
        Verdict::DeadLetter(class) => Fate::DeadOtherwise(class),
    }
}

#[cfg(test)]
mod tests;
