//! Which senders are held, because a relay refuses them, and which relays refuse every sender.
//!
//! Nothing is counted in memory. When a message was refused, the replies to the same sender are read from the database,
//! whichever worker sent them ([`sender_trip`]). A hold is a committed row that all workers obey: a delivery of a held
//! sender goes back to its lane when its turn comes, and is not claimed again until the hold ends, by a trial that
//! works, by hand, or because the tenant has another sender. How a trial ended is read from its attempt, so it makes no
//! difference which worker made it, or whether that worker is still alive.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::held_sender::{self, hold_back, new_hold, send_again, verdict};
use super::known_holds::KnownHolds;
use super::refusing;
use crate::compose;
use crate::dispatch::attempt_end::AttemptResult;
use crate::dispatch::prepare::Prepared;
use crate::model::ids::{DeliveryId, RelayName};
use crate::model::mail_address::MailAddress;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::tenant::TenantProfile;
use crate::policy::sender_key::{MailSender, SenderKey};
use crate::policy::sender_trial::{HoldReason, PUT_OFF, TrialVerdict, trial_delay, trials_at_once};
use crate::policy::sender_trip::{self, LOST_WITHIN, TripKind};
use crate::store::{Claimed, LostBy, NextState, NextTrial, RefusingRelay, SenderHold, Store, StoreError};
use crate::telemetry::Masked;

/// How often the shared rows are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Every so many looks, what no hold holds any more is let go, and what was lost meanwhile comes back.
const LOOKS_TO_LET_GO: u32 = 5;
/// So many deliveries come back in one transaction; the rest follows.
const RETURNED_MAX: u32 = 500;
/// Refusals older than a week do not count.
const ROW_WITHIN: Duration = Duration::from_hours(7 * 24);

/// The senders and relays that one worker knows to be held or refusing.
#[derive(Debug)]
pub struct SenderGuard {
    store: Store,
    /// How many senders of each relay are tried at once.
    trials_max: HashMap<RelayName, u32>,
    known: Mutex<KnownHolds>,
}

/// An attempt that ended, as far as it speaks of its sender.
#[derive(Debug)]
pub struct SeenAttempt {
    relay: RelayName,
    sender: MailSender,
    delivery: DeliveryId,
    evidence: SenderEvidence,
}

#[derive(Debug)]
enum SenderEvidence {
    /// The relay took it, although the sender is held.
    Accepted,
    /// The relay refused it, as it may refuse its sender.
    Refused { phase: Phase },
    /// The hold was known: it has gone back.
    HeldBack(Arc<SenderHold>),
    /// It has gone back, and its sender is to be held.
    Limited(Box<SenderHold>),
}

impl SenderGuard {
    /// A guard that knows nothing yet; each relay has so many connections.
    pub fn new(store: Store, connections: &HashMap<RelayName, u32>) -> Self {
        let trials_max = connections.iter().map(|(relay, all)| (relay.clone(), trials_at_once(*all))).collect();
        Self { store, trials_max, known: Mutex::default() }
    }

    /// Looks at the shared rows until told to stop, and has held senders tried when it is time.
    pub async fn watch(&self, stop: CancellationToken) {
        for look in 0_u32.. {
            if let Err(error) = self.round(look).await {
                warn!("failed to read the held senders: {error}");
            }
            tokio::select! {
                () = self.store.clock().sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn round(&self, look: u32) -> Result<(), StoreError> {
        self.look().await?;
        let (mut holds, refusing) = self.known().all();
        // The sender whose trial is most overdue is next.
        holds.sort_by_key(|hold| hold.trial_at);
        let mut trials: HashMap<&RelayName, u32> = HashMap::new();
        for hold in holds.iter().filter(|hold| hold.trial_delivery.is_some()) {
            *trials.entry(&hold.relay).or_default() += 1;
        }
        let thorough = look.is_multiple_of(LOOKS_TO_LET_GO);
        for relay in &refusing {
            // A hold that began at the same moment.
            if holds.iter().any(|hold| refusing::is_part_of(hold, relay)) {
                self.store.dissolve_holds(relay).await?;
            }
            if thorough {
                self.store.return_refused(relay, relay.lost_since(), RETURNED_MAX).await?;
            }
        }
        for hold in &holds {
            if thorough {
                self.return_lost(hold).await?;
                self.follow_tenants(hold).await?;
                // Checked when the hold began; repeated here in case that worker failed.
                if hold.held_since.plus(refusing::TOGETHER) > self.store.now()
                    && self.refuses_every_sender(hold).await?
                {
                    continue;
                }
            }
            self.try_sender(hold, trials.entry(&hold.relay).or_default()).await?;
        }
        if thorough {
            self.store.let_senders_go().await?;
        }
        Ok(())
    }

    /// Reads the shared rows.
    async fn look(&self) -> Result<(), StoreError> {
        let holds = self.store.sender_holds().await?;
        let refusing = self.store.refusing_relays().await?;
        self.known().replace(holds, refusing);
        Ok(())
    }

    /// Ends a trial that has come to its end, and begins one that is due; `trials` go on at its relay.
    async fn try_sender(&self, hold: &SenderHold, trials: &mut u32) -> Result<(), StoreError> {
        let now = self.store.now();
        let Some(delivery) = hold.trial_delivery else {
            let at_once_max = self.trials_max.get(&hold.relay).copied().unwrap_or(1);
            if hold.trial_at <= now && *trials < at_once_max && self.store.begin_trial(hold, at_once_max).await? {
                *trials += 1;
            }
            return Ok(());
        };
        let after = hold.trial_claim.unwrap_or_default();
        let Some(ended) = self.store.attempt_after(&hold.relay, delivery, after).await? else { return Ok(()) };
        *trials = trials.saturating_sub(1);
        let next = match verdict(hold, &ended) {
            TrialVerdict::Taken => return self.works_again(hold).await,
            TrialVerdict::Refused => {
                let at = now.plus(trial_delay(hold.reason, hold.trials + 1));
                NextTrial { at, refused: true, repeat: None }
            }
            // Greylisting defers a recipient once and accepts it later: the same delivery is tried once more, not
            // twice.
            TrialVerdict::PutOff => {
                let repeat = Some(delivery).filter(|_| hold.repeat_delivery != Some(delivery));
                NextTrial { at: now.plus(PUT_OFF), refused: false, repeat }
            }
            TrialVerdict::Unanswered => NextTrial { at: now, refused: false, repeat: None },
        };
        self.store.end_trial(hold, next).await.map(drop)
    }

    /// The hold that keeps a delivery from being sent, if one does. A person's own wish goes through.
    pub async fn holds_before(&self, claimed: &Claimed, prepared: &Prepared) -> Option<Arc<SenderHold>> {
        if self.known().holds_none() {
            return None;
        }
        let holds = || {
            let hold = self.known().hold(&claimed.relay, &prepared.sender)?;
            let may_try = claimed.express || hold.trial_delivery == Some(claimed.delivery);
            (!may_try).then_some(hold)
        };
        holds()?;
        // It may have ended, or begun a trial, since the last look.
        if let Err(error) = self.look().await {
            warn!("failed to read the held senders: {error}");
        }
        holds()
    }

    /// What is recorded in place of the attempt's own result if the relay is known to refuse its sender, or every
    /// sender: the delivery is due again, as if it had not been tried. A message that the relay may hold already is
    /// left out, so that the end of a hold does not send it again.
    pub fn instead(&self, claimed: &Claimed, prepared: &Prepared, ended: &AttemptResult) -> Option<NextState> {
        let now = self.store.now();
        if claimed.may_be_out {
            return None;
        }
        let known = self.known();
        if let Some(hold) = known.hold(&claimed.relay, &prepared.sender) {
            let of_trial = hold.trial_delivery == Some(claimed.delivery);
            let held = match held_sender::verdict_of(&hold, ended) {
                TrialVerdict::Refused => true,
                TrialVerdict::PutOff => of_trial,
                TrialVerdict::Taken | TrialVerdict::Unanswered => false,
            };
            return held.then(|| hold_back(claimed, ended.class, hold.description.clone(), now));
        }
        if let Some(hold) = self.hold_by_limit(claimed, prepared, ended) {
            return Some(hold_back(claimed, ended.class, hold.description, now));
        }
        let refusing = known.refusing(&claimed.relay)?;
        // In any phase: the relay may refuse every sender with another reply by now.
        ended.may_be_the_senders().then(|| send_again(claimed, ended, refusing.reason(), now))
    }

    /// The hold of a sender that has sent as much as the relay allows for now: one such reply is enough.
    fn hold_by_limit(&self, claimed: &Claimed, prepared: &Prepared, ended: &AttemptResult) -> Option<SenderHold> {
        let (phase, code) = (ended.phase.filter(|_| ended.sender_limited)?, ended.code()?);
        let now = self.store.now();
        Some(new_hold(&claimed.relay, &prepared.sender, HoldReason::DailyLimit, (phase, &code), (now, now)))
    }

    /// What of an attempt that ended speaks for or against its sender; of most attempts nothing does. `held` says that
    /// it went back, since its sender was known to be held.
    pub fn seen(
        &self,
        claimed: &Claimed,
        prepared: &Prepared,
        ended: &AttemptResult,
        held: bool,
    ) -> Option<SeenAttempt> {
        if claimed.may_be_out {
            return None;
        }
        let hold = || self.known().hold(&claimed.relay, &prepared.sender);
        let evidence = if ended.class == ReasonCode::Accepted {
            hold().map(|_| SenderEvidence::Accepted)?
        } else if held {
            match hold() {
                Some(hold) => SenderEvidence::HeldBack(hold),
                None => SenderEvidence::Limited(Box::new(self.hold_by_limit(claimed, prepared, ended)?)),
            }
        } else if ended.may_be_the_senders() {
            SenderEvidence::Refused { phase: ended.phase? }
        } else {
            return None;
        };
        let (relay, sender) = (claimed.relay.clone(), prepared.sender.clone());
        Some(SeenAttempt { relay, sender, delivery: claimed.delivery, evidence })
    }

    /// Takes an attempt in, once its end is recorded.
    pub async fn observe(&self, seen: SeenAttempt) {
        let acted = match &seen.evidence {
            SenderEvidence::Limited(hold) => self.limited(hold, seen.delivery).await,
            SenderEvidence::Accepted => self.accepted(&seen).await,
            // Of a trial it is kept when the trial ends.
            SenderEvidence::HeldBack(hold) if hold.trial_delivery == Some(seen.delivery) => Ok(()),
            SenderEvidence::HeldBack(hold) => self.store.keep_tripped(hold, seen.delivery).await,
            SenderEvidence::Refused { phase } => self.refused(&seen, *phase).await,
        };
        if let Err(error) = acted {
            warn!(relay = %seen.relay, "failed to update the hold of a sender: {error}");
        }
    }

    async fn limited(&self, hold: &SenderHold, delivery: DeliveryId) -> Result<(), StoreError> {
        self.hold_sender(hold.clone(), None).await?;
        self.store.keep_tripped(hold, delivery).await
    }

    async fn accepted(&self, seen: &SeenAttempt) -> Result<(), StoreError> {
        let hold = self.known().hold(&seen.relay, &seen.sender);
        match hold {
            Some(hold) => self.works_again(&hold).await,
            None => Ok(()),
        }
    }

    /// Reads how the relay replied to this sender before, and holds the sender if it was refused several times in a
    /// row.
    async fn refused(&self, seen: &SeenAttempt, phase: Phase) -> Result<(), StoreError> {
        let SeenAttempt { relay, sender, delivery, .. } = seen;
        // The hold, or that every sender is refused, may have been written since the last look.
        self.look().await?;
        let (hold, refusing) = {
            let known = self.known();
            (known.hold(relay, sender), known.refusing(relay))
        };
        if let Some(hold) = hold {
            return self.return_lost(&hold).await;
        }
        if let Some(refusing) = refusing {
            return self.store.return_refused(&refusing, refusing.lost_since(), RETURNED_MAX).await.map(drop);
        }
        let keys = held_sender::keys(sender, phase);
        let accepted = self.store.last_accepted(relay, &keys).await?;
        let week_ago = self.store.now().minus(ROW_WITHIN);
        let since = accepted.map_or(week_ago, |accepted| accepted.max(week_ago));
        let (dates, answers): (Vec<_>, Vec<_>) =
            self.store.refusals_since(relay, &keys, since, accepted).await?.into_iter().unzip();
        let Some(current) = answers.iter().position(|answer| answer.delivery == *delivery) else { return Ok(()) };
        let Some(trip) = sender_trip::judge(&answers, current, Phase::Rcpt) else { return Ok(()) };
        let reason = match trip.kind {
            TripKind::Refused => HoldReason::Refused,
            TripKind::SameWords => HoldReason::SameWords,
        };
        let now = self.store.now();
        let hold = new_hold(relay, sender, reason, (phase, &answers[current].code), (dates[trip.first], now));
        self.hold_sender(hold, Some(*delivery)).await
    }

    async fn hold_sender(&self, hold: SenderHold, tripped_by: Option<DeliveryId>) -> Result<(), StoreError> {
        let (relay, keys, now) = (hold.relay.clone(), hold.keys(), self.store.now());
        let lost =
            LostBy { relay: &relay, keys: &keys, phase: hold.phase, code: &hold.code, since: now.minus(LOST_WITHIN) };
        let lost = self.store.lost_deliveries(&lost, RETURNED_MAX).await?;
        let Some((hold, new)) = self.store.hold_sender(&hold, &lost, tripped_by).await? else { return Ok(()) };
        if new && self.refuses_every_sender(&hold).await? {
            return self.look().await;
        }
        if new {
            warn!(
                relay = %relay, phase = %hold.phase, code = hold.code, reason = %hold.reason,
                "the relay {relay} refuses the sender {}: its deliveries are held; relays list shows it",
                Masked(&hold.envelope_sender)
            );
        }
        self.known().add(hold);
        Ok(())
    }

    /// Whether a second sender is refused like this one, and no message was accepted since: then the relay refuses
    /// every sender, its breaker opens, and the holds end.
    async fn refuses_every_sender(&self, hold: &SenderHold) -> Result<bool, StoreError> {
        if hold.reason == HoldReason::DailyLimit {
            return Ok(false);
        }
        // A hold that nothing waits for may be of a tenant that has another sender by now, and that one is refused,
        // too.
        let holds = self.store.held_senders().await?;
        let holds = holds.into_iter().filter(|(other, waiting)| *waiting > 0 || other.trial_delivery.is_some());
        let holds: Vec<SenderHold> = holds.map(|(other, _)| other).collect();
        let Some(first) = refusing::first_refusal_together(hold, &holds) else { return Ok(false) };
        let all_senders = SenderKey::all_senders(&hold.relay);
        if self.store.last_accepted(&hold.relay, &all_senders).await?.is_some_and(|accepted| accepted >= first) {
            return Ok(false);
        }
        let now = self.store.now();
        let refusing =
            RefusingRelay { relay: hold.relay.clone(), phase: hold.phase, code: hold.code.clone(), since: now };
        if self.store.refuse_every_sender(&refusing, now.plus(trial_delay(HoldReason::SameWords, 0))).await? {
            warn!(relay = %refusing.relay, "the breaker opens: {}", refusing.reason());
        }
        self.store.return_refused(&refusing, refusing.lost_since(), RETURNED_MAX).await?;
        self.store.let_senders_go().await?;
        Ok(true)
    }

    /// Brings back what the held sender lost: shortly before its hold began, or by attempts that went on meanwhile,
    /// whose workers did not know of it or have died.
    async fn return_lost(&self, hold: &SenderHold) -> Result<(), StoreError> {
        match hold.lost_since() {
            Some(since) => self.store.return_lost(hold, since, RETURNED_MAX).await.map(drop),
            None => Ok(()),
        }
    }

    async fn works_again(&self, hold: &SenderHold) -> Result<(), StoreError> {
        self.return_lost(hold).await?;
        if self.store.end_hold(hold).await? {
            info!(relay = %hold.relay, "the relay accepts the sender {} again", Masked(&hold.envelope_sender));
        }
        self.known().remove(hold);
        self.store.let_senders_go().await.map(drop)
    }

    /// Gives held deliveries the new sender of a tenant that has changed it, and so ends their hold.
    async fn follow_tenants(&self, hold: &SenderHold) -> Result<(), StoreError> {
        for changed in self.store.changed_profiles(hold).await? {
            let sender = serde_json::from_str::<TenantProfile>(&changed.body).ok().and_then(|profile| {
                let from = MailAddress::parse(&profile.sender.address).ok()?;
                let envelope = compose::envelope_sender(&profile).ok()?;
                Some(MailSender::new(&hold.relay, envelope.as_ref(), from.as_str()))
            });
            if sender.is_some_and(|sender| !hold.holds(&sender.envelope, &sender.from)) {
                let freed = self.store.take_new_sender(hold, &changed).await?;
                info!(relay = %hold.relay, count = freed, "deliveries of {} take its new sender", changed.tenant);
                // No tenant has this sender any more: it is not listed, and does not count as a second refused sender.
                self.store.end_empty_hold(hold).await?;
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, KnownHolds> {
        self.known.lock()
    }
}
