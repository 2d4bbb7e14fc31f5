//! Who waits when the document store hangs. Pure: the time is handed in.
//!
//! A load that hangs holds a place in its lane, so that mails which need no document, and other tenants' mails, would
//! wait behind it. After two loads in a row that brought nothing, that tenant's loads pause; then one at a time tries
//! whether the store answers again. By tenant, since a tenant has a prefix of its own, and what hangs may be there
//! only. While no load at all is answered, the loads of the other tenants are trials, too, and few at once.
//!
//! A trial that is answered slowly shows that the tenant's documents come so: its loads have the time of a trial from
//! then on, and are few at once, too, so that they take none of the places of those whose documents come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

/// How long a tenant's documents are not asked for after the store has hung.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
/// How soon a mail looks again that could not try now.
const NEXT_LOOK: Duration = Duration::from_secs(5);
/// Loads without an answer, one after the other, that make a pause: one document that cannot be read makes none.
const HANGS_TO_PAUSE: u32 = 2;
/// Trials at once, over all tenants.
const TRIALS_MAX: u32 = 2;
/// A load that brings nothing for so long hangs, unless trials have shown that the store is slower.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// Loads at once of tenants whose documents come slowly, at most; fewer where the lane is narrow. A lane makes four
/// times as many mails at once, at least.
const SLOW_MAX: u32 = 4;
/// How soon a mail looks again that may not ask while these are under way.
const NEXT_SLOW_LOOK: Duration = Duration::from_secs(20);
/// Tenants that are remembered; with more, those whose pause is over are forgotten.
const TENANTS_MAX: usize = 1_024;

/// What may be asked of the store for one mail.
#[derive(Debug)]
pub(super) enum LoadTurn {
    /// Ask: as ever, or as a trial.
    Load(Ticket),
    /// Come again after this time.
    Paused(Duration),
}

/// Pauses of one document store, by tenant; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<PausesState>>);

#[derive(Debug, Default)]
struct PausesState {
    tenants: HashMap<String, TenantPauses>,
    /// Over all tenants, since the last answer to any of them.
    hangs_in_a_row: u32,
    trials: u32,
    slow_loads: u32,
}

#[derive(Debug, Default)]
struct TenantPauses {
    hangs_in_a_row: u32,
    /// By any monotonic time.
    until: Option<Duration>,
    trial: bool,
    /// Its last answer took longer than others wait.
    slow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoadKind {
    Usual,
    Trial,
    Slow,
}

/// The right to one load. Dropping it without a result frees its place and shows nothing.
#[derive(Debug)]
pub struct Ticket {
    pauses: Pauses,
    tenant: String,
    kind: LoadKind,
}

impl Pauses {
    /// Whether this tenant's documents may be asked for `now`, for a lane of so many connections.
    pub(super) fn turn(&self, tenant: &str, now: Duration, connections: u32) -> LoadTurn {
        let mut state = self.state();
        let (slow_max, long_max) = limits(connections);
        let is_full = state.trials + state.slow_loads >= long_max;
        let suspect = state.hangs_in_a_row >= HANGS_TO_PAUSE;
        let known = state.tenants.get(tenant);
        let until = known.and_then(|known| known.until);
        if let Some(left) = until.and_then(|until| until.checked_sub(now)).filter(|left| !left.is_zero()) {
            return LoadTurn::Paused(left);
        }
        let mut kind = LoadKind::Usual;
        if suspect || until.is_some() {
            if is_full || state.trials >= TRIALS_MAX || known.is_some_and(|known| known.trial) {
                return LoadTurn::Paused(NEXT_LOOK);
            }
            state.trials += 1;
            state.tenant(tenant, now).trial = true;
            kind = LoadKind::Trial;
        } else if known.is_some_and(|known| known.slow) {
            if is_full || state.slow_loads >= slow_max {
                return LoadTurn::Paused(NEXT_SLOW_LOOK);
            }
            state.slow_loads += 1;
            kind = LoadKind::Slow;
        }
        LoadTurn::Load(Ticket { pauses: self.clone(), tenant: tenant.to_owned(), kind })
    }

    fn state(&self) -> MutexGuard<'_, PausesState> {
        self.0.lock()
    }
}

/// How many slow loads, and how many that may take long altogether, leave a lane room to claim: it has four places for
/// each connection, and claims when a quarter of them are free. One trial is always possible beside the slow ones.
const fn limits(connections: u32) -> (u32, u32) {
    let slow = if connections / 2 > SLOW_MAX { SLOW_MAX } else { connections / 2 };
    if connections <= 1 { (1, 2) } else { (slow, slow + TRIALS_MAX) }
}

impl PausesState {
    fn tenant(&mut self, tenant: &str, now: Duration) -> &mut TenantPauses {
        if self.tenants.len() >= TENANTS_MAX {
            self.tenants.retain(|_, tenant| tenant.trial || tenant.until.is_some_and(|until| until > now));
        }
        self.tenants.entry(tenant.to_owned()).or_default()
    }
}

impl Ticket {
    /// Whether the store has hung before, or is slow: this load may take long.
    #[must_use]
    pub fn may_take_long(&self) -> bool {
        self.kind != LoadKind::Usual
    }

    /// How long nothing may come; none: all the time that a load may take.
    pub(super) fn silence(&self) -> Option<Duration> {
        (!self.may_take_long()).then_some(SILENCE)
    }

    /// The store has answered, whatever it said; later than others wait, if it is `slow`.
    pub(super) fn answered(self, slow: bool) {
        let mut state = self.pauses.state();
        state.hangs_in_a_row = 0;
        if self.may_take_long() {
            if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
                tenant.hangs_in_a_row = 0;
                tenant.slow = slow;
                if self.kind == LoadKind::Trial {
                    tenant.until = None;
                }
            }
        } else if state.tenants.get(&self.tenant).is_some_and(|tenant| !tenant.trial && !tenant.slow) {
            // Of a tenant that has a trial under way, the trial decides.
            state.tenants.remove(&self.tenant);
        }
    }

    /// Nothing came of it, `now`.
    pub(super) fn hung(self, now: Duration) {
        let mut state = self.pauses.state();
        state.hangs_in_a_row += 1;
        let is_trial = self.kind == LoadKind::Trial;
        let tenant = state.tenant(&self.tenant, now);
        tenant.hangs_in_a_row += 1;
        if is_trial || tenant.hangs_in_a_row >= HANGS_TO_PAUSE {
            tenant.until = Some(now + PAUSE);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.kind == LoadKind::Usual {
            return;
        }
        let mut state = self.pauses.state();
        if self.kind == LoadKind::Slow {
            state.slow_loads -= 1;
        } else {
            state.trials -= 1;
        }
        if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
            tenant.trial &= self.kind != LoadKind::Trial;
            if !tenant.trial && !tenant.slow && tenant.until.is_none() && tenant.hangs_in_a_row == 0 {
                state.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as allow the most.
    const CONNECTIONS: u32 = 2 * SLOW_MAX;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ticket(pauses: &Pauses, tenant: &str, now: Duration) -> Ticket {
        match pauses.turn(tenant, now, CONNECTIONS) {
            LoadTurn::Load(ticket) => ticket,
            LoadTurn::Paused(rest) => panic!("{tenant} is paused for {rest:?}"),
        }
    }

    fn paused(pauses: &Pauses, tenant: &str, now: Duration) -> Duration {
        match pauses.turn(tenant, now, CONNECTIONS) {
            LoadTurn::Load(_) => panic!("{tenant} may ask"),
            LoadTurn::Paused(rest) => rest,
        }
    }

    #[test]
    fn one_load_that_hangs_pauses_nothing() {
        let pauses = Pauses::default();
        for second in 0..10 {
            ticket(&pauses, "a", at(second)).hung(at(second));
            ticket(&pauses, "a", at(second)).answered(false);
        }
        assert!(!ticket(&pauses, "a", at(10)).may_take_long());
        assert!(pauses.state().tenants.is_empty());
    }

    #[test]
    fn a_tenant_whose_loads_hang_pauses_and_others_do_not() {
        let pauses = Pauses::default();
        let both = [ticket(&pauses, "a", at(0)), ticket(&pauses, "a", at(0))];
        ticket(&pauses, "b", at(1)).answered(false);
        for load in both {
            load.hung(at(2));
        }
        ticket(&pauses, "b", at(2)).answered(false);
        assert_eq!(paused(&pauses, "a", at(3)), at(29));
        assert!(!ticket(&pauses, "b", at(3)).may_take_long());
        // One trial at a time; an answer to it ends the pause.
        let trial = ticket(&pauses, "a", at(32));
        assert!(trial.may_take_long());
        assert_eq!(paused(&pauses, "a", at(32)), NEXT_LOOK);
        trial.answered(false);
        assert!(!ticket(&pauses, "a", at(32)).may_take_long());
        assert!(pauses.state().tenants.is_empty());
    }

    #[test]
    fn a_store_that_answers_nobody_is_asked_by_few() {
        let pauses = Pauses::default();
        ticket(&pauses, "a", at(0)).hung(at(2));
        ticket(&pauses, "b", at(0)).hung(at(2));
        let trials = [ticket(&pauses, "c", at(3)), ticket(&pauses, "d", at(3))];
        assert!(trials.iter().all(Ticket::may_take_long));
        assert_eq!(paused(&pauses, "e", at(3)), NEXT_LOOK);
        let [c, d] = trials;
        c.hung(at(30));
        assert_eq!(paused(&pauses, "c", at(30)), PAUSE);
        let e = ticket(&pauses, "e", at(30));
        d.answered(false);
        assert!(!ticket(&pauses, "f", at(30)).may_take_long(), "somebody was answered");
        drop(e);
        assert_eq!(pauses.state().trials, 0);
    }

    #[test]
    fn a_tenant_whose_trial_is_answered_slowly_gets_more_time_and_few_places() {
        let pauses = Pauses::default();
        for _ in 0..2 {
            let load = ticket(&pauses, "a", at(0));
            assert_eq!(load.silence(), Some(SILENCE));
            load.hung(at(0));
        }
        ticket(&pauses, "a", at(40)).answered(true);
        let mut slow: Vec<Ticket> = (0..SLOW_MAX).map(|_| ticket(&pauses, "a", at(50))).collect();
        assert!(slow.iter().all(|load| load.silence().is_none()));
        assert_eq!(paused(&pauses, "a", at(50)), NEXT_SLOW_LOOK);
        assert_eq!(ticket(&pauses, "b", at(50)).silence(), Some(SILENCE), "the others are not slow");
        slow.pop().expect("a few").answered(true);
        assert!(ticket(&pauses, "a", at(51)).may_take_long());
        // They hang again: a pause, and a trial after it.
        slow.pop().expect("a few").hung(at(52));
        slow.pop().expect("a few").hung(at(52));
        assert_eq!(paused(&pauses, "a", at(53)), at(29));
        slow.pop().expect("a few").answered(false);
        ticket(&pauses, "a", at(90)).answered(false);
        assert!(!ticket(&pauses, "a", at(90)).may_take_long(), "it has become as fast as the others'");
        let state = pauses.state();
        assert!(state.tenants.is_empty() && state.slow_loads == 0 && state.trials == 0, "{state:?}");
    }

    #[test]
    fn a_narrow_lane_always_has_places_left() {
        for connections in 1..=100 {
            let (slow, long) = limits(connections);
            let places = connections * 4;
            assert!(slow >= 1 && slow < long && long <= TRIALS_MAX + SLOW_MAX, "{connections}: {slow}, {long}");
            assert!(places - long >= connections, "{connections}: {slow}, {long}");
        }
    }
}
