//! Redrives dead letters: on an operator's request, or automatically when the missing tenant or customer was imported.
//!
//! A dead delivery keeps its id and its Message-ID and takes a new snapshot, so that a corrected address or sender is
//! used; attachments or a link are decided anew. An event that never became a delivery goes through intake once more.
//! Both happen in one transaction that also concludes the dead letter, so a crash leaves nothing half done.
//!
//! Meanwhile the invoice may have come under another event id and been sent. Then an automatic redrive cancels the dead
//! delivery as a duplicate, and a person's redrive is refused, unless the person wants the invoice sent all the same.

use super::redriven::Fate;
use crate::model::access::TenantScope;
use crate::operator::redriven::{By, RedriveError, Redriven};
use futures_util::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use tracing::{Instrument as _, info, warn};

use crate::bisect::bisect;
use crate::event;
use crate::failpoint::{self, Failpoint};
use crate::intake::{DUPLICATE_INVOICE_WINDOW, DeliveryFactory, LetterRedriven, ROUNDS_MAX, RedrivesLetters, Verdict};
use crate::model::actor::Actor;
use crate::model::ids::DeadLetterId;
use crate::model::note::NoteKind;
use crate::model::state::DeadLetterState;
use crate::operator::foresight::{Foreseen, Foresight, IntendedDelivery};
use crate::store::{ChangedCause, DeadLetterFilter, Inserted, LetterToRedrive, PageRequest, Store, StoreError};

use crate::telemetry::span;

use super::redrive_batch::{KnownRows, Planned, Round, cause_after_auto_redrive};

/// Letters in one transaction.
const BATCH_MAX: u32 = 200;

/// How many dead letters are checked concurrently for whether they would fail again.
const LOOKS_MAX: usize = 8;

/// What became of many letters.
#[derive(Debug, Default)]
pub struct RedriveResults {
    /// Those that are back.
    pub redriven: Vec<Redriven>,
    /// Those that are not.
    pub failed: Vec<(DeadLetterId, RedriveError)>,
    /// Why the rest was not tried: the database does not answer any more. What stands above is done all the same.
    pub interrupted: Option<StoreError>,
}

/// Puts dead letters back.
#[derive(Debug, Clone)]
pub struct Redrive {
    factory: Arc<DeliveryFactory>,
    despite_newer: bool,
    foresight: Option<Arc<Foresight>>,
}

impl Redrive {
    /// A service whose deliveries this factory makes.
    #[must_use]
    pub const fn new(factory: Arc<DeliveryFactory>) -> Self {
        Self { factory, despite_newer: false, foresight: None }
    }

    /// The same service; what would fail again for the reason that it is dead for, as far as that can be seen, is left.
    #[must_use]
    pub fn looking_ahead(self, foresight: Option<Arc<Foresight>>) -> Self {
        Self { foresight, ..self }
    }

    /// The same service; whether what a person puts back is sent although another delivery sends the same invoice, or
    /// may.
    #[must_use]
    pub fn despite_newer(&self, despite_newer: bool) -> Self {
        Self { despite_newer, ..self.clone() }
    }

    fn person<'a>(&self, actor: &'a Actor) -> By<'a> {
        By::Person { who: actor.name(), actor: Some(actor), despite_newer: self.despite_newer }
    }

    /// Puts one letter back.
    ///
    /// # Errors
    /// Why it stands as before.
    pub async fn letter(&self, letter: DeadLetterId, who: &Actor) -> Result<Redriven, RedriveError> {
        self.one(letter, self.person(who)).await
    }

    async fn one(&self, letter: DeadLetterId, by: By<'_>) -> Result<Redriven, RedriveError> {
        let mut many = self.many(&[letter], by).await?;
        match many.failed.pop() {
            Some((_, error)) => Err(error),
            None => Ok(many.redriven.pop().expect("one letter, one answer")),
        }
    }

    /// Puts letters back, in batches, as ordinary traffic.
    pub async fn letters(&self, letters: &[DeadLetterId], who: &Actor) -> Result<RedriveResults, StoreError> {
        self.many(letters, self.person(&who.in_one_act())).await
    }

    /// Puts back every open letter that `filter` wants, in batches, as ordinary traffic: those that are dead when it
    /// begins, newest first.
    pub async fn all(&self, filter: &DeadLetterFilter, who: &Actor) -> Result<RedriveResults, StoreError> {
        let who = &who.in_one_act();
        let filter = DeadLetterFilter { concluded: false, ..filter.clone() };
        let mut many = RedriveResults::default();
        let mut after = None;
        loop {
            let page = match self
                .factory
                .store
                .dead_letters(&filter, &who.principal.scope, PageRequest { limit: BATCH_MAX, after })
                .await
            {
                Ok(page) => page,
                Err(error) if many.redriven.is_empty() && many.failed.is_empty() => return Err(error),
                Err(error) => return Ok(RedriveResults { interrupted: Some(error), ..many }),
            };
            let letters: Vec<DeadLetterId> = page.items.iter().map(|letter| letter.id).collect();
            let part = match self.many(&letters, self.person(who)).await {
                Ok(part) => part,
                Err(error) => RedriveResults { interrupted: Some(error), ..RedriveResults::default() },
            };
            many.redriven.extend(part.redriven);
            many.failed.extend(part.failed);
            many.interrupted = part.interrupted;
            match page.next {
                Some(next) if many.interrupted.is_none() => after = Some(next),
                _ => return Ok(many),
            }
        }
    }

    /// Redrives up to `limit` dead letters whose cause is gone; returns how many. One that fails again stays open for a
    /// person to decide. The sweeper calls this periodically, and an upsert of a tenant or customer at once.
    pub async fn auto_redrive(&self, limit: u32) -> Result<usize, StoreError> {
        let letters = self.factory.store.resolvable_dead_letters(limit).await?;
        let many = self.many(&letters, By::AutoRedrive).await?;
        let failed: Vec<DeadLetterId> = many.failed.iter().map(|(letter, _)| *letter).collect();
        for (letter, error) in &many.failed {
            warn!(dead_letter.id = %letter, "a dead letter whose cause is resolved cannot be redriven: {error}");
        }
        self.factory.store.mark_not_resolvable(&failed).await?;
        if !many.redriven.is_empty() {
            info!(count = many.redriven.len(), "redrove dead letters whose cause is resolved");
        }
        match many.interrupted {
            Some(error) => Err(error),
            None => Ok(many.redriven.len()),
        }
    }

    async fn many(&self, letters: &[DeadLetterId], by: By<'_>) -> Result<RedriveResults, StoreError> {
        self.parts(letters, by).instrument(span::redrive(letters.len())).await
    }

    async fn parts(&self, letters: &[DeadLetterId], by: By<'_>) -> Result<RedriveResults, StoreError> {
        let mut many = RedriveResults::default();
        let mut seen = HashSet::new();
        let letters: Vec<DeadLetterId> = letters.iter().copied().filter(|letter| seen.insert(*letter)).collect();
        for part in letters.chunks(BATCH_MAX as usize) {
            if let Err(error) = self.part(part, by, &mut many).await {
                if many.redriven.is_empty() && many.failed.is_empty() {
                    return Err(error);
                }
                many.interrupted = Some(error);
                break;
            }
        }
        if !many.redriven.is_empty() {
            self.factory.wakes.wake_all();
        }
        Ok(many)
    }

    async fn part(&self, letters: &[DeadLetterId], by: By<'_>, many: &mut RedriveResults) -> Result<(), StoreError> {
        let (letters, foreign) = self.split_by_scope(letters, by).await?;
        let letters = &*letters;
        many.failed.extend(foreign.into_iter().map(|letter| (letter, RedriveError::Unknown)));
        let Ahead { fails, causes, proven } = self.look_ahead(letters, by).await?;
        self.factory.store.change_causes(&causes).await?;
        let part: Vec<DeadLetterId> = letters.iter().copied().filter(|letter| !fails.contains_key(letter)).collect();
        // The database may refuse a value of one of them: the others are put back all the same.
        let results = bisect(&part, StoreError::is_about_a_row, |part| self.commit(part, &proven, by)).await?;
        many.failed.extend(fails);
        for (letter, result) in part.iter().zip(results) {
            match result {
                Ok(Ok(redriven)) => many.redriven.push(redriven),
                Ok(Err(error)) => many.failed.push((*letter, error)),
                Err(error) => many.failed.push((*letter, error.into())),
            }
        }
        Ok(())
    }

    /// Those that are there for whoever asks, and the others.
    async fn split_by_scope(
        &self,
        letters: &[DeadLetterId],
        by: By<'_>,
    ) -> Result<(Vec<DeadLetterId>, Vec<DeadLetterId>), StoreError> {
        match by {
            By::Person { actor: Some(actor), .. } if !actor.principal.scope.is_all() => {
                let seen = self.factory.store.dead_letters_in_scope(letters, &actor.principal.scope).await?;
                Ok(letters.iter().copied().partition(|letter| seen.contains(letter)))
            }
            _ => Ok((letters.to_vec(), Vec::new())),
        }
    }

    /// Which of the letters would fail again for the reason that they are dead for, and of which that reason is gone.
    ///
    /// Documents are read for it, so no transaction is open meanwhile.
    async fn look_ahead(&self, letters: &[DeadLetterId], by: By<'_>) -> Result<Ahead, StoreError> {
        let mut ahead = Ahead::default();
        let Some(foresight) = &self.foresight else { return Ok(ahead) };
        let store = &self.factory.store;
        let looked_at = store.letters_to_redrive(letters).await?.into_iter().filter(|letter| {
            letter.state == DeadLetterState::Open && letter.delivery.is_some() && Foresight::sees(letter.class)
        });
        let mut looks = stream::iter(looked_at.map(|letter| async move {
            let fault = fault_ahead(foresight, store, &letter).await;
            fault.map(|fault| (letter, fault))
        }))
        .buffer_unordered(LOOKS_MAX);
        while let Some(looked) = looks.next().await {
            match looked? {
                (_, RedriveForecast::Unknown) => {}
                (letter, RedriveForecast::Well) => drop(ahead.proven.insert(letter.id)),
                // Who wants it anyway may know more than is seen from here.
                (_, RedriveForecast::Fails(_)) if matches!(by, By::Person { despite_newer: true, .. }) => {}
                (letter, RedriveForecast::Fails(Foreseen { class, reason })) => {
                    let error = RedriveError::SameFault { class, reason, hint: class.hint().to_owned() };
                    ahead.causes.extend(cause_after_auto_redrive(&letter, &error, by));
                    ahead.fails.insert(letter.id, error);
                }
            }
        }
        Ok(ahead)
    }

    /// Puts letters back in one transaction.
    async fn commit(
        &self,
        ids: &[DeadLetterId],
        proven: &HashSet<DeadLetterId>,
        by: By<'_>,
    ) -> Result<Vec<Result<Redriven, RedriveError>>, StoreError> {
        let store = &self.factory.store;
        for _ in 0..ROUNDS_MAX {
            let letters = store.letters_to_redrive(ids).await?;
            let mut round = Round::of(ids, letters, proven);
            let mut transaction = store.begin_intake(&round.tenants()).await?;
            round.keep_open(&transaction.lock_letters(ids).await?);
            let since = transaction.now().minus(DUPLICATE_INVOICE_WINDOW);
            let mut context = transaction.context(&round.event_keys(), &round.customers(), &[], since).await?;
            context.same_invoices = transaction.same_invoices(&round.invoices(&context), since).await?;
            let dead = transaction.dead_deliveries(&round.deliveries()).await?;
            let newer = transaction.newer_deliveries(&round.revived(&context)).await?;
            let Planned { rows, back, duplicates } = {
                let new_id = || store.clock().new_id();
                let inputs = self.factory.plan_inputs(transaction.now(), &new_id);
                let known = KnownRows { tenants: transaction.tenants(), context: &context, dead: &dead, newer: &newer };
                round.plan(&known, &inputs, by)
            };
            if transaction.insert(&rows).await? == Inserted::Overtaken {
                continue;
            }
            transaction.bring_back(&back, matches!(by, By::Person { .. })).await?;
            transaction.change_causes(round.causes()).await?;
            let (state, who, note) = match by {
                By::Person { who, .. } => (DeadLetterState::Redriven, who, NoteKind::Redriven),
                By::AutoRedrive => (DeadLetterState::Cured, "dispatcher", NoteKind::Cured),
            };
            transaction.conclude_redriven(&round.redriven(), state, who, &note.into()).await?;
            transaction.cancel_duplicates(&duplicates).await?;
            if let By::Person { actor: Some(actor), .. } = by {
                transaction.audit_redriven(&round.redriven(), actor).await?;
            }
            failpoint::reach(Failpoint::BeforeRedriveCommit);
            transaction.commit().await?;
            failpoint::reach(Failpoint::AfterRedriveCommit);
            return Ok(round.into_answers(ids));
        }
        Err(StoreError::Unavailable(
            "other workers were first with events of these letters, again and again".to_owned(),
        ))
    }
}

/// What is known of letters before they are put back.
#[derive(Default)]
struct Ahead {
    /// They would fail again.
    fails: HashMap<DeadLetterId, RedriveError>,
    /// What they are dead for now, where that is something else than before.
    causes: Vec<ChangedCause>,
    /// What they are dead for is gone.
    proven: HashSet<DeadLetterId>,
}

/// What is seen of one letter.
enum RedriveForecast {
    /// Its event cannot be read any more, or its delivery is gone: others say so.
    Unknown,
    /// Nothing speaks against it.
    Well,
    /// It would fail again.
    Fails(Foreseen),
}

async fn fault_ahead(
    foresight: &Foresight,
    store: &Store,
    letter: &LetterToRedrive,
) -> Result<RedriveForecast, StoreError> {
    let delivery = match letter.delivery {
        Some(id) => store.delivery(id, &TenantScope::All).await?,
        None => None,
    };
    let event = letter.body.as_deref().map(event::parse);
    let (Some(delivery), Some(Ok(event))) = (delivery, event) else { return Ok(RedriveForecast::Unknown) };
    let wanted = IntendedDelivery { data: &event.data, link_only: delivery.link_only, role: delivery.role };
    Ok(foresight.fault(wanted).await?.map_or(RedriveForecast::Well, RedriveForecast::Fails))
}

impl RedrivesLetters for Redrive {
    fn redrive<'a>(&'a self, letter: DeadLetterId, who: &'a str) -> BoxFuture<'a, Result<LetterRedriven, StoreError>> {
        Box::pin(async move {
            let by = By::Person { who, actor: None, despite_newer: self.despite_newer };
            let error = match self.one(letter, by).await {
                Ok(redriven) => return Ok(LetterRedriven::Back(verdict(redriven.fate))),
                Err(error) => error,
            };
            let class = match &error {
                RedriveError::Unknown => return Ok(LetterRedriven::Unknown),
                RedriveError::NotOpen(_) | RedriveError::NotDead => return Ok(LetterRedriven::Concluded),
                RedriveError::NotRedrivable { class, .. } | RedriveError::SameFault { class, .. } => Some(*class),
                RedriveError::Forgotten | RedriveError::Newer(_) | RedriveError::Store(_) => None,
            };
            match error {
                RedriveError::Store(error) => Err(error),
                error => Ok(LetterRedriven::Stays { class, why: error.to_string() }),
            }
        })
    }
}

/// What became of an event whose letter is back, as intake says it.
const fn verdict(fate: Fate) -> Verdict {
    match fate {
        Fate::Due(delivery) => Verdict::Accepted(delivery),
        Fate::Waiting => Verdict::Waiting,
        Fate::Duplicate => Verdict::Duplicate,
        Fate::DuplicateInvoice(delivery) => Verdict::DuplicateInvoice(delivery),
        Fate::DeadOtherwise(class) => Verdict::DeadLetter(class),
    }
}
