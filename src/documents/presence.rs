//! When the store is asked whether a link's documents are there.
//!
//! A link needs no document to be sent, so that a store which hangs must not hold it up: after a question without an
//! answer in time none is asked for a while, and then one mail asks for all.

use std::time::Duration;

use parking_lot::Mutex;

/// How long the store has for all documents of one link.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
/// How long nothing is asked after a question without an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether the store answered last time.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// By any monotonic time; until then nothing is asked.
    silent_until: Mutex<Option<Duration>>,
}

impl Presence {
    /// Whether the store may be asked `now`. After a silence this says so to one; the others wait for what it finds.
    pub(super) fn may_ask(&self, now: Duration) -> bool {
        let mut silent_until = self.silent_until.lock();
        match *silent_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                *silent_until = Some(now + SILENCE);
                true
            }
        }
    }

    /// The store has answered or, `now`, has not.
    pub(super) fn asked(&self, answered: bool, now: Duration) {
        let mut silent_until = self.silent_until.lock();
        *silent_until = if answered { None } else { Some(now + SILENCE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_silence_one_asks_for_all() {
        let (presence, at) = (Presence::default(), Duration::from_secs);
        assert!(presence.may_ask(at(1)) && presence.may_ask(at(1)));
        presence.asked(false, at(3));
        assert!(!presence.may_ask(at(32)));
        assert!(presence.may_ask(at(33)));
        assert!(!presence.may_ask(at(34)), "one asks already");
        presence.asked(true, at(34));
        assert!(presence.may_ask(at(34)));
    }
}
