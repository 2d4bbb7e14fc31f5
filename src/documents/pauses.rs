//! Who waits when the document store hangs. Pure: the time is handed in.
//!
//! A load that hangs holds a place in its lane, so that mails which need no document, and other tenants' mails, would
//! wait behind it. After two loads in a row that brought nothing, that tenant's loads pause; then one at a time tries
//! whether the store answers again. By tenant, since a tenant has a prefix of its own, and what hangs may be there only.
//! While nobody at all is answered, the loads of the other tenants are trials, too, and few at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a tenant's documents are not asked for after the store has hung.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
/// How soon a mail looks again that could not try now.
const NEXT_LOOK: Duration = Duration::from_secs(5);
/// Loads without an answer, one after the other, that make a pause: one document that cannot be read makes none.
const HANGS_TO_PAUSE: u32 = 2;
/// Trials at once, over all tenants.
const TRIALS_MAX: u32 = 2;
/// A load that brings nothing for so long hangs …
const SILENCE_MIN: Duration = Duration::from_secs(2);
/// … unless trials have shown that the store is slower.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Tenants that are remembered; with more, those whose pause is over are forgotten.
const TENANTS_MAX: usize = 1_024;

/// What may be asked of the store for one mail.
#[derive(Debug)]
pub(super) enum Turn {
    /// Ask: as ever, or as a trial.
    Load(Ticket),
    /// Come again after this time.
    Paused(Duration),
}

/// Pauses of one document store, by tenant; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    tenants: HashMap<String, Tenant>,
    /// Over all tenants, since the last answer to anybody.
    hangs_in_a_row: u32,
    trials: u32,
    /// How slow trials have shown the store to be: their answers came after so long.
    answers_after: Duration,
}

#[derive(Debug, Default)]
struct Tenant {
    hangs_in_a_row: u32,
    /// By any monotonic time.
    until: Option<Duration>,
    trial: bool,
}

/// The right to one load. Whoever gives it up without a word frees its trial and shows nothing.
#[derive(Debug)]
pub struct Ticket {
    pauses: Pauses,
    tenant: String,
    /// How long nothing may come; none: a trial has all the time that a load may take.
    pub(super) silence: Option<Duration>,
}

impl Pauses {
    /// Whether this tenant's documents may be asked for `now`.
    pub(super) fn turn(&self, tenant: &str, now: Duration) -> Turn {
        let mut state = self.state();
        let suspect = state.hangs_in_a_row >= HANGS_TO_PAUSE;
        let known = state.tenants.get(tenant);
        let until = known.and_then(|known| known.until);
        if let Some(left) = until.and_then(|until| until.checked_sub(now)).filter(|left| !left.is_zero()) {
            return Turn::Paused(left);
        }
        let mut silence = Some((state.answers_after * 2).clamp(SILENCE_MIN, SILENCE_MAX));
        if suspect || until.is_some() {
            if state.trials >= TRIALS_MAX || known.is_some_and(|known| known.trial) {
                return Turn::Paused(NEXT_LOOK);
            }
            state.trials += 1;
            state.tenant(tenant, now).trial = true;
            silence = None;
        }
        Turn::Load(Ticket { pauses: self.clone(), tenant: tenant.to_owned(), silence })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tenant(&mut self, tenant: &str, now: Duration) -> &mut Tenant {
        if self.tenants.len() >= TENANTS_MAX {
            self.tenants.retain(|_, tenant| tenant.trial || tenant.until.is_some_and(|until| until > now));
        }
        self.tenants.entry(tenant.to_owned()).or_default()
    }
}

impl Ticket {
    /// Whether the store has hung before: this load may take long.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.silence.is_none()
    }

    /// The store has answered after `took`, whatever it said.
    pub(super) fn answered(self, took: Duration) {
        let mut state = self.pauses.state();
        state.hangs_in_a_row = 0;
        if self.is_trial() {
            state.answers_after = took;
            if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
                (tenant.hangs_in_a_row, tenant.until) = (0, None);
            }
        } else if state.tenants.get(&self.tenant).is_some_and(|tenant| !tenant.trial) {
            // Of a tenant that has a trial under way, the trial decides.
            state.tenants.remove(&self.tenant);
        }
    }

    /// Nothing came of it, `now`.
    pub(super) fn hung(self, now: Duration) {
        let mut state = self.pauses.state();
        state.hangs_in_a_row += 1;
        let is_trial = self.is_trial();
        let tenant = state.tenant(&self.tenant, now);
        tenant.hangs_in_a_row += 1;
        if is_trial || tenant.hangs_in_a_row >= HANGS_TO_PAUSE {
            tenant.until = Some(now + PAUSE);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_trial() {
            return;
        }
        let mut state = self.pauses.state();
        state.trials -= 1;
        if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
            tenant.trial = false;
            if tenant.until.is_none() && tenant.hangs_in_a_row == 0 {
                state.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ticket(pauses: &Pauses, tenant: &str, now: Duration) -> Ticket {
        match pauses.turn(tenant, now) {
            Turn::Load(ticket) => ticket,
            Turn::Paused(rest) => panic!("{tenant} is paused for {rest:?}"),
        }
    }

    fn paused(pauses: &Pauses, tenant: &str, now: Duration) -> Duration {
        match pauses.turn(tenant, now) {
            Turn::Load(_) => panic!("{tenant} may ask"),
            Turn::Paused(rest) => rest,
        }
    }

    #[test]
    fn one_load_that_hangs_pauses_nothing() {
        let pauses = Pauses::default();
        for second in 0..10 {
            ticket(&pauses, "a", at(second)).hung(at(second));
            ticket(&pauses, "a", at(second)).answered(at(0));
        }
        assert!(!ticket(&pauses, "a", at(10)).is_trial());
        assert!(pauses.state().tenants.is_empty());
    }

    #[test]
    fn a_tenant_whose_loads_hang_pauses_and_others_do_not() {
        let pauses = Pauses::default();
        let both = [ticket(&pauses, "a", at(0)), ticket(&pauses, "a", at(0))];
        ticket(&pauses, "b", at(1)).answered(at(0));
        for load in both {
            load.hung(at(2));
        }
        ticket(&pauses, "b", at(2)).answered(at(0));
        assert_eq!(paused(&pauses, "a", at(3)), at(29));
        assert!(!ticket(&pauses, "b", at(3)).is_trial());
        // One trial at a time; an answer to it ends the pause.
        let trial = ticket(&pauses, "a", at(32));
        assert!(trial.is_trial());
        assert_eq!(paused(&pauses, "a", at(32)), NEXT_LOOK);
        trial.answered(at(0));
        assert!(!ticket(&pauses, "a", at(32)).is_trial());
        assert!(pauses.state().tenants.is_empty());
    }

    #[test]
    fn a_store_that_answers_nobody_is_asked_by_few() {
        let pauses = Pauses::default();
        ticket(&pauses, "a", at(0)).hung(at(2));
        ticket(&pauses, "b", at(0)).hung(at(2));
        let trials = [ticket(&pauses, "c", at(3)), ticket(&pauses, "d", at(3))];
        assert!(trials.iter().all(Ticket::is_trial));
        assert_eq!(paused(&pauses, "e", at(3)), NEXT_LOOK);
        let [c, d] = trials;
        c.hung(at(30));
        assert_eq!(paused(&pauses, "c", at(30)), PAUSE);
        let e = ticket(&pauses, "e", at(30));
        d.answered(at(1));
        assert!(!ticket(&pauses, "f", at(30)).is_trial(), "somebody was answered");
        drop(e);
        assert_eq!(pauses.state().trials, 0);
    }

    #[test]
    fn a_store_that_trials_show_to_be_slow_gets_more_time() {
        let pauses = Pauses::default();
        for _ in 0..2 {
            let load = ticket(&pauses, "a", at(0));
            assert_eq!(load.silence, Some(SILENCE_MIN));
            load.hung(at(0));
        }
        ticket(&pauses, "a", at(40)).answered(at(6));
        assert_eq!(ticket(&pauses, "a", at(50)).silence, Some(at(12)));
        drop(ticket(&pauses, "a", at(50)));
        assert!(pauses.state().tenants.is_empty());
    }
}
