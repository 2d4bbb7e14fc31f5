//! Whether the loops of the process turn: what `/livez` says.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use parking_lot::{Mutex, MutexGuard};

/// A loop that has not turned for so long stands still. The longest turn that is none of its fault is a few statements
/// at the end of their deadlines.
const STUCK_AFTER: Duration = Duration::from_mins(3);

/// `telemetry::metric` describes it.
const PANICS: &str = "invoice_mail_panics_total";

/// How long a loop that panicked rests before it begins anew.
const REST_AFTER_PANIC: Duration = Duration::from_secs(1);

/// Whether the loops turn. Each has a [`Pulse`] and beats it at each turn, whatever came of that turn.
#[derive(Debug, Clone)]
pub struct Liveness(Arc<Loops>);

#[derive(Debug)]
struct Loops {
    /// How long a turn may take.
    limit: Duration,
    beats: Mutex<Beats>,
}

#[derive(Debug, Default)]
struct Beats {
    /// Every pulse ever taken has its number.
    taken: u64,
    /// Name and last beat of each loop, by its pulse's number.
    last: BTreeMap<u64, (String, Beat)>,
}

#[derive(Debug, Clone, Copy)]
enum Beat {
    /// The last one.
    At(Instant),
    /// The loop is gone, and did not say that it was done.
    Lost,
}

impl Default for Liveness {
    fn default() -> Self {
        Self::with_limit(STUCK_AFTER)
    }
}

impl Liveness {
    /// No loops yet, each of whose turns may take so long.
    #[must_use]
    pub fn with_limit(limit: Duration) -> Self {
        Self(Arc::new(Loops { limit, beats: Mutex::default() }))
    }

    /// A pulse for the loop `name`. One of the same name that was lost is forgotten: this one goes on in its place.
    #[must_use]
    pub fn pulse(&self, name: impl Into<String>) -> Pulse {
        let name = name.into();
        let mut beats = self.beats();
        beats.last.retain(|_, (other, beat)| *other != name || matches!(beat, Beat::At(_)));
        beats.taken += 1;
        let number = beats.taken;
        beats.last.insert(number, (name, Beat::At(Instant::now())));
        drop(beats);
        Pulse { liveness: self.clone(), number, done: false }
    }

    /// The loops that stand still at `now`; empty if the process lives.
    #[must_use]
    pub fn stuck(&self, now: Instant) -> Vec<String> {
        let late = |beat: &Beat| match beat {
            Beat::At(last) => now.saturating_duration_since(*last) > self.0.limit,
            Beat::Lost => true,
        };
        self.beats().last.values().filter(|(_, beat)| late(beat)).map(|(name, _)| name.clone()).collect()
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        // A map of instants is right whatever its holder was doing when it panicked.
        self.0.beats.lock()
    }
}

/// The pulse of one loop. Dropped without [`Pulse::done`], by a panic for instance, the loop counts as stuck.
#[derive(Debug)]
pub struct Pulse {
    liveness: Liveness,
    number: u64,
    done: bool,
}

impl Pulse {
    /// The loop has turned.
    pub fn beat(&self) {
        if let Some((_, beat)) = self.liveness.beats().last.get_mut(&self.number) {
            *beat = Beat::At(Instant::now());
        }
    }

    /// Waits for something that may take as long as it likes: for work, for its time to come, for a server that is away.
    /// Such a wait is no standing still. The work itself is never waited for so.
    pub async fn during<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        self.beat();
        loop {
            match tokio::time::timeout(self.liveness.0.limit / 4, &mut waiting).await {
                Ok(done) => {
                    self.beat();
                    return done;
                }
                Err(_) => self.beat(),
            }
        }
    }

    /// The loop ends as it should.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let mut beats = self.liveness.beats();
        if self.done {
            beats.last.remove(&self.number);
        } else if let Some((_, beat)) = beats.last.get_mut(&self.number) {
            *beat = Beat::Lost;
        }
    }
}

/// Runs a loop until it ends by itself. A panic in it is logged and counted, and it begins anew: what it had begun is
/// found again in the database.
pub async fn keep_running<F>(name: &str, mut run: impl FnMut() -> F)
where
    F: Future<Output = ()>,
{
    while AssertUnwindSafe(run()).catch_unwind().await.is_err() {
        // What the panic said was logged by the panic hook.
        tracing::error!("the {name} panicked, and begins anew");
        metrics::counter!(PANICS, "loop" => name.to_owned()).increment(1);
        tokio::time::sleep(REST_AFTER_PANIC).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_is_stuck_until_it_runs_again() {
        let liveness = Liveness::default();
        let mut runs = 0;
        keep_running("sweeper", || {
            runs += 1;
            let (first, pulse) = (runs == 1, liveness.pulse("sweeper"));
            let liveness = liveness.clone();
            async move {
                assert!(liveness.stuck(Instant::now()).is_empty());
                assert!(!first, "the first run panics");
                pulse.done();
            }
        })
        .await;
        assert_eq!(runs, 2);
        assert!(liveness.stuck(Instant::now() + STUCK_AFTER * 2).is_empty(), "it ended in order");
    }

    #[tokio::test]
    async fn whoever_waits_lives_and_whoever_works_for_too_long_does_not() {
        let liveness = Liveness::with_limit(Duration::from_millis(400));
        let pulse = liveness.pulse("lane default");
        let first = Instant::now();
        let waiting = pulse.during(async {
            while first.elapsed() < Duration::from_secs(2) {
                let slept = Instant::now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                // Where the machine itself stood still, the wait has had no turn to beat yet.
                let stuck = liveness.stuck(Instant::now());
                assert!(
                    stuck.is_empty() || slept.elapsed() > Duration::from_millis(200),
                    "after {:?}",
                    first.elapsed()
                );
            }
        });
        waiting.await;
        assert_eq!(liveness.stuck(Instant::now() + Duration::from_millis(500)), ["lane default"]);
    }

    #[test]
    fn a_loop_that_stands_still_or_is_lost_is_reported() {
        let liveness = Liveness::with_limit(Duration::from_secs(30));
        let pulse = liveness.pulse("sweeper");
        let now = Instant::now();
        assert!(liveness.stuck(now).is_empty());
        assert_eq!(liveness.stuck(now + Duration::from_mins(1)), ["sweeper"]);
        pulse.done();
        assert!(liveness.stuck(now + Duration::from_mins(1)).is_empty());

        drop(liveness.pulse("lane"));
        assert_eq!(liveness.stuck(now), ["lane"]);
        let again = liveness.pulse("lane");
        assert!(liveness.stuck(now).is_empty(), "started again");
        again.done();
    }
}
