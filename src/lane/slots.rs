//! How many slots of a lane may work: the relay's connections, divided by the workers that live, and fewer while the
//! relay turns connections away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};

/// How long the slots stay shrunk before one more is tried.
const REGROW: Duration = Duration::from_mins(1);

/// The slots of one lane in one worker.
#[derive(Debug)]
pub struct Slots {
    /// Connections over all workers.
    connections: u32,
    live: watch::Receiver<u32>,
    clock: Clock,
    limit: watch::Sender<usize>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connected: u32,
    /// What the relay seems to allow, and since when.
    shrunk: Option<(u32, Timestamp)>,
}

impl Slots {
    /// So many over all workers, of which `live` are alive.
    #[must_use]
    pub fn new(connections: u32, live: watch::Receiver<u32>, clock: Clock) -> Self {
        let state = Mutex::new(State { connected: 0, shrunk: None });
        let slots = Self { connections: connections.max(1), live, clock, limit: watch::Sender::new(0), state };
        slots.adjust();
        slots
    }

    /// How many slots may work now.
    #[must_use]
    pub fn limit(&self) -> watch::Receiver<usize> {
        self.limit.subscribe()
    }

    /// A connection stands.
    pub fn connected(&self) {
        self.state().connected += 1;
    }

    /// A connection is gone.
    pub fn disconnected(&self) {
        let mut state = self.state();
        state.connected = state.connected.saturating_sub(1);
    }

    /// The relay turned a connection away. If others stand, it has enough of them: the slots shrink to those, and
    /// the relay is not to blame. Says whether that is so.
    pub fn turned_away(&self) -> bool {
        let mut state = self.state();
        if state.connected == 0 {
            return false;
        }
        state.shrunk = Some((state.connected, self.clock.now()));
        drop(state);
        self.adjust();
        true
    }

    /// Sets the limit by what is known now; called now and then.
    pub fn adjust(&self) {
        let share = (self.connections / (*self.live.borrow()).max(1)).max(1);
        let mut state = self.state();
        if let Some((limit, since)) = state.shrunk
            && self.clock.now().since(since) >= REGROW
        {
            state.shrunk = (limit + 1 < share).then(|| (limit + 1, self.clock.now()));
        }
        let limit = state.shrunk.map_or(share, |(limit, _)| limit.clamp(1, share));
        drop(state);
        let limit = usize::try_from(limit).expect("32 bits fit a usize");
        self.limit.send_if_modified(|current| std::mem::replace(current, limit) != limit);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_shared_by_the_living_and_shrink_when_turned_away() {
        let clock = Clock::manual(Timestamp(0));
        let live = watch::Sender::new(1);
        let slots = Slots::new(8, live.subscribe(), clock.clone());
        let limit = || *slots.limit().borrow();
        assert_eq!(limit(), 8);
        live.send_replace(3);
        slots.adjust();
        assert_eq!(limit(), 2);
        live.send_replace(1);
        assert!(!slots.turned_away(), "without another connection the relay is away");
        (0..3).for_each(|_| slots.connected());
        assert!(slots.turned_away());
        assert_eq!(limit(), 3);
        for expected in 4..=8 {
            clock.advance(REGROW);
            slots.adjust();
            assert_eq!(limit(), expected);
        }
    }
}
