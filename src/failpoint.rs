//! Places at which a test kills, stops or breaks the real process, to see what the next one makes of it.
//!
//! The environment names them: `FAILPOINT=after_claim:exit` ends the process there as `kill -9` would,
//! `after_documents:panic@3` panics there the third time it is reached, `after_dot:stop` stands still (SIGSTOP) until
//! SIGCONT. Several are parted by commas. A release build has none of this: there, [`reach`] is empty and
//! [`is_armed`] always says no.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A place, and what a process that ends there proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Failpoint {
    /// Messages are here and nothing is stored: the broker hands them over again.
    AfterReceive,
    /// Everything of a batch is written and not committed: nothing has happened.
    BeforeIntakeCommit,
    /// The batch is durable and its bringer does not know: it comes again, and counts as a duplicate.
    AfterIntakeCommit,
    /// The intake is done and the broker does not know: as above.
    BeforeAck,
    /// The broker has forgotten the batch: the database alone holds it.
    AfterAck,
    /// The row is ours and nothing was done: it is due again.
    AfterClaim,
    /// The documents are read.
    AfterDocuments,
    /// The mail is composed.
    AfterCompose,
    /// The recipients are accepted and DATA is not permitted yet: it is due again.
    BeforeDataStart,
    /// DATA is permitted and not begun: no other process can know that, so it is uncertain.
    AfterDataStart,
    /// The relay has one half of the message, and waits for the other.
    InData,
    /// The relay has the whole message and has not answered.
    AfterDot,
    /// The relay has answered and only this process knows.
    AfterAnswer,
    /// How it ended is known and not written.
    BeforeRecord,
    /// How it ended is written and not committed.
    BeforeRecordCommit,
    /// How it ended is durable.
    AfterRecord,
    /// A dead letter is about to be published.
    BeforeMirror,
    /// The broker has confirmed it and the database does not know: a second copy may follow, and is removed.
    AfterMirrorConfirm,
    /// The database knows that it is published.
    AfterMirrorMark,
    /// The broker has confirmed outcomes and the database does not know: they are published again, under the same ids.
    AfterOutcomeConfirm,
    /// A redrive is written and not committed: the letter stands as before.
    BeforeRedriveCommit,
    /// A redrive is durable and the operator does not know: the letter is concluded, and cannot be redriven twice.
    AfterRedriveCommit,
    /// A resend is written and not committed: everything stands as before.
    BeforeResendCommit,
    /// A resend is durable and the person does not know.
    AfterResendCommit,
    /// A visitor of the portal asks for the list of invoices: a panic shows what visitors see of a fault.
    PortalList,
}

/// Does what the environment asks for at this place: usually nothing, and in a release build never anything.
#[inline]
pub fn reach(point: Failpoint) {
    #[cfg(debug_assertions)]
    armed::reach(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

/// Whether the environment asks for anything at this place: in a release build never.
#[inline]
#[must_use]
pub fn is_armed(point: Failpoint) -> bool {
    #[cfg(debug_assertions)]
    let armed = armed::is_armed(point);
    #[cfg(not(debug_assertions))]
    let armed = {
        let _ = point;
        false
    };
    armed
}

#[cfg(debug_assertions)]
mod armed {
    use std::process::{Command, abort};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Failpoint;

    /// Names the armed places.
    const VARIABLE: &str = "FAILPOINT";

    static ARMED: LazyLock<Vec<Armed>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| Armed::parse(part).unwrap_or_else(|| refuse(part))).collect()
    });

    /// What happens at a place.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Act {
        Exit,
        Panic,
        Stop,
    }

    #[derive(Debug)]
    struct Armed {
        point: Failpoint,
        act: Act,
        /// It happens the so-manieth time that the place is reached, from 1, and only then.
        at: u32,
        reached: AtomicU32,
    }

    impl Armed {
        /// Reads `place:act` or `place:act@3`.
        fn parse(text: &str) -> Option<Self> {
            let (point, act) = text.split_once(':')?;
            let (act, at) = act.split_once('@').unwrap_or((act, "1"));
            let act = match act {
                "exit" => Act::Exit,
                "panic" => Act::Panic,
                "stop" => Act::Stop,
                _ => return None,
            };
            let at = at.parse().ok().filter(|at| *at > 0)?;
            Some(Self { point: point.parse().ok()?, act, at, reached: AtomicU32::new(0) })
        }

        fn is_due(&self, point: Failpoint) -> bool {
            self.point == point && self.reached.fetch_add(1, Ordering::SeqCst) + 1 == self.at
        }
    }

    /// A test that means nothing must not pass.
    fn refuse(part: &str) -> ! {
        eprintln!("{VARIABLE}: {part:?} is no place and act, as after_claim:exit@2");
        abort()
    }

    pub(super) fn is_armed(point: Failpoint) -> bool {
        ARMED.iter().any(|armed| armed.point == point)
    }

    pub(super) fn reach(point: Failpoint) {
        for armed in ARMED.iter().filter(|armed| armed.is_due(point)) {
            match armed.act {
                // Nothing is unwound, flushed or closed.
                Act::Exit => abort(),
                Act::Panic => panic!("the failpoint {point} panics, as {VARIABLE} asks"),
                Act::Stop => stand_still(),
            }
        }
    }

    /// The signal takes effect when the system comes to it, which may be later. So the helper ends only once the
    /// process has stood still and goes on, and this thread, which waits for the helper, does nothing between.
    fn stand_still() {
        let own = std::process::id();
        let stands_still = format!("grep -q '^State:.T' /proc/{own}/status");
        let script = format!(
            "kill -STOP {own} && until {stands_still}; do kill -0 {own} || exit; done; while {stands_still}; do sleep 0.01; done"
        );
        let _ = Command::new("sh").args(["-c", &script]).status();
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_place_is_reached_the_so_manieth_time_only() {
            let armed = Armed::parse("after_claim:panic@2").expect("a place and an act");
            assert_eq!(armed.act, Act::Panic);
            let due = |point| armed.is_due(point);
            assert_eq!([due(Failpoint::AfterClaim), due(Failpoint::AfterDot)], [false, false]);
            assert_eq!([due(Failpoint::AfterClaim), due(Failpoint::AfterClaim)], [true, false]);
        }

        #[test]
        fn what_names_no_place_is_refused() {
            for text in ["", "after_claim", "after_claim:sleep", "nowhere:exit", "after_claim:exit@0"] {
                assert!(Armed::parse(text).is_none(), "{text}");
            }
        }
    }
}
