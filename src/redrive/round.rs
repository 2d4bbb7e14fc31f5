//! The letters of one transaction: what may go back, what is written for it, and each one's answer. Pure.

use std::collections::{HashMap, HashSet};

use super::{By, Fate, RedriveError, Redriven, snapshot};
use crate::class::Class;
use crate::event::{self, InvoiceSent};
use crate::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, Sha256, TenantId};
use crate::intake::{self, Making, Parsed, Verdict, Via};
use crate::store::{
    BroughtBack, DeadDelivery, DeadLetterState, EventState, IntakeFacts, IntakeRows, LetterToRedrive, TenantFacts,
};

/// The letters of one transaction.
pub(super) struct Round {
    /// Letters whose events could be read, or not.
    work: Vec<Work>,
    answers: HashMap<DeadLetterId, Result<Redriven, RedriveError>>,
}

/// One letter that may go back.
struct Work {
    letter: LetterToRedrive,
    parsed: Parsed,
}

/// What a round writes.
pub(super) struct Planned {
    pub(super) rows: IntakeRows,
    pub(super) back: Vec<BroughtBack>,
}

impl Round {
    pub(super) fn of(ids: &[DeadLetterId], letters: Vec<LetterToRedrive>) -> Self {
        let mut round = Self { work: Vec::new(), answers: HashMap::new() };
        let mut letters: HashMap<DeadLetterId, LetterToRedrive> =
            letters.into_iter().map(|letter| (letter.id, letter)).collect();
        for id in ids {
            let answer = letters.remove(id).ok_or(RedriveError::Unknown).and_then(Work::of);
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

    pub(super) fn invoices(&self) -> Vec<Sha256> {
        self.events().map(|event| event::invoice_sha256(&event.data)).collect()
    }

    pub(super) fn deliveries(&self) -> Vec<DeliveryId> {
        self.work.iter().filter_map(|work| work.letter.delivery).collect()
    }

    /// Somebody else may have acted since the letters were read.
    pub(super) fn keep_open(&mut self, open: &HashSet<DeadLetterId>) {
        let (work, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.work).into_iter().partition(|work| open.contains(&work.letter.id));
        self.work = work;
        for work in gone {
            self.fail(work.letter.id, RedriveError::NotOpen(DeadLetterState::Redriven));
        }
    }

    pub(super) fn plan(
        &mut self,
        tenants: &[TenantFacts],
        facts: &IntakeFacts,
        dead: &[DeadDelivery],
        making: &Making<'_>,
        by: By<'_>,
    ) -> Planned {
        let (with_delivery, without): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.work).into_iter().partition(|work| work.letter.delivery.is_some());
        let back = self.plan_deliveries(with_delivery, tenants, facts, dead, making, by);
        let rows = self.plan_events(without, tenants, facts, making, by);
        Planned { rows, back }
    }

    fn plan_deliveries(
        &mut self,
        work: Vec<Work>,
        tenants: &[TenantFacts],
        facts: &IntakeFacts,
        dead: &[DeadDelivery],
        making: &Making<'_>,
        by: By<'_>,
    ) -> Vec<BroughtBack> {
        let dead: HashMap<DeliveryId, &DeadDelivery> = dead.iter().map(|delivery| (delivery.id, delivery)).collect();
        let mut back = Vec::new();
        for Work { letter, parsed } in work {
            let brought = letter
                .delivery
                .and_then(|delivery| dead.get(&delivery))
                .ok_or(RedriveError::NotDead)
                .and_then(|dead| snapshot::take(dead, &parsed, tenants, facts, making, by));
            match brought {
                Ok((brought, ignored_expiry)) => {
                    let fate = Fate::Due(brought.entry.delivery);
                    self.answers.insert(letter.id, Ok(Redriven { letter: letter.id, fate, ignored_expiry }));
                    back.push(brought);
                }
                Err(error) => self.fail(letter.id, error),
            }
        }
        back
    }

    /// Sends events through intake once more, without those that would fail as before.
    fn plan_events(
        &mut self,
        work: Vec<Work>,
        tenants: &[TenantFacts],
        facts: &IntakeFacts,
        making: &Making<'_>,
        by: By<'_>,
    ) -> IntakeRows {
        let mut taken = HashSet::new();
        let (mut letters, mut batch) = (Vec::new(), Vec::new());
        for Work { letter, mut parsed } in work {
            parsed.again = stands_dead(&parsed, facts);
            let again = parsed.event.as_ref().is_ok_and(|event| !taken.insert(event.key()));
            match same_fault(&letter, &parsed, tenants, facts, making) {
                // Two letters of one event: the first puts it back.
                None if again => self.fail(letter.id, RedriveError::NotDead),
                None => {
                    letters.push(letter.id);
                    batch.push(parsed);
                }
                Some(fault) => self.fail(letter.id, fault),
            }
        }
        let mut plan = intake::plan(&batch, tenants, facts, making);
        for ((letter, parsed), verdict) in letters.into_iter().zip(&batch).zip(&plan.verdicts) {
            let expiry = parsed.event.as_ref().ok().and_then(|event| event.data.expires_at);
            let fate = fate(*verdict);
            let ignored_expiry = expiry.filter(|_| matches!((fate, by), (Fate::Due(_), By::Person(_))));
            self.answers.insert(letter, Ok(Redriven { letter, fate, ignored_expiry }));
        }
        if let By::Person(_) = by {
            plan.rows.deliveries.iter_mut().for_each(|delivery| delivery.expires_at = None);
            plan.rows.lane_entries.iter_mut().for_each(|entry| entry.expires_at = None);
        }
        plan.rows
    }

    pub(super) fn redriven(&self) -> Vec<DeadLetterId> {
        self.answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(letter, _)| *letter).collect()
    }

    pub(super) fn into_answers(mut self, ids: &[DeadLetterId]) -> Vec<Result<Redriven, RedriveError>> {
        ids.iter().map(|id| self.answers.remove(id).expect("every letter has its answer")).collect()
    }
}

impl Work {
    fn of(letter: LetterToRedrive) -> Result<Self, RedriveError> {
        let class = letter.class;
        if letter.state != DeadLetterState::Open {
            return Err(RedriveError::NotOpen(letter.state));
        }
        if !class.redrivable() {
            return Err(RedriveError::NotRedrivable { class, hint: class.hint() });
        }
        let body = letter.body.clone().ok_or(RedriveError::Forgotten)?;
        let parsed = Parsed {
            event: event::parse(&body),
            body,
            via: letter.via.unwrap_or(Via::File),
            // Not a publisher's wish to redrive: that is what happens here.
            redelivered: true,
            given_up: class == Class::Poison,
            again: None,
        };
        Ok(Self { letter, parsed })
    }
}

/// Whether the event is remembered as dead, so that intake takes it once more.
fn stands_dead(parsed: &Parsed, facts: &IntakeFacts) -> Option<EventState> {
    let event = parsed.event.as_ref().ok()?;
    let known = facts.events.iter().find(|known| known.key == event.key())?;
    let same = known.content_sha256 == event.content_sha256;
    (same && known.state == EventState::Dead).then_some(EventState::Dead)
}

/// Why intake would leave the event where it is, if it would.
fn same_fault(
    letter: &LetterToRedrive,
    parsed: &Parsed,
    tenants: &[TenantFacts],
    facts: &IntakeFacts,
    making: &Making<'_>,
) -> Option<RedriveError> {
    let trial = intake::plan(std::slice::from_ref(parsed), tenants, facts, making);
    let Some(Verdict::DeadLetter(class)) = trial.verdicts.first().copied() else { return None };
    if !trial.rows.events.is_empty() || !trial.rows.changes.is_empty() {
        return None;
    }
    let reason = trial.rows.dead_letters.first().map_or_else(|| letter.reason.clone(), |found| found.reason.clone());
    Some(RedriveError::SameFault { class, reason, hint: class.hint() })
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
