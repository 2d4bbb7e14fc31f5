//! Signal → drain → abort; and whether the process lives and is ready.
//!
//! The first SIGTERM or SIGINT cancels a token: loops stop taking work and finish what is under way, up to a deadline.
//! The second ends the process at once; what was under way is taken over by other workers, or after a restart.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use parking_lot::{Mutex, MutexGuard};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(const_into_str)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    #[strum(serialize = "SIGINT")]
    Interrupt,
    /// SIGTERM: the service manager.
    #[strum(serialize = "SIGTERM")]
    Terminate,
}

impl Signal {
    /// What the process exits with when the signal ends it: 128 + the signal's number, as shells show it.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Listens for signals from now on: the first cancels the returned token, the second ends the process.
///
/// # Errors
/// If the system does not let us listen.
pub fn drain_on_signal() -> std::io::Result<CancellationToken> {
    let mut signals = Signals::listen()?;
    let drain = CancellationToken::new();
    let token = drain.clone();
    tokio::spawn(async move {
        let first = signals.next().await;
        tracing::info!(
            signal = first.into_str(),
            "{first} received: finishing what is under way; a second signal ends at once"
        );
        token.cancel();
        let second = signals.next().await;
        tracing::warn!(signal = second.into_str(), "{second} received again: ending at once");
        std::process::exit(second.exit_code());
    });
    Ok(drain)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        // An error means that nobody can press Ctrl-C: there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

/// Waits until every task of `tasks` has ended, for `grace` at most; says how many have not.
///
/// Call it when the tasks know that they shall end.
pub async fn drained_within(tasks: &TaskTracker, grace: Duration) -> Result<(), usize> {
    tasks.close();
    tokio::time::timeout(grace, tasks.wait()).await.map_err(|_| tasks.len())
}

/// Where events come from, as far as readiness goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntakeReadiness {
    /// No broker is configured, or this process does not consume.
    Off,
    /// Events are taken from the broker.
    Consuming,
    /// Events are taken from the broker, but for those behind one message; says which. That is ready: the message is
    /// the same for every worker, and a person has to take it out.
    Hindered(String),
    /// Not consuming, on purpose; says why. That is ready: a restart would not help.
    Paused(String),
    /// Not consuming, against our will; says why.
    Broken(String),
}

/// What readiness is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessState {
    /// Why the database is not reached, if so.
    pub database: Result<(), String>,
    /// Where events come from.
    pub intake: IntakeReadiness,
    /// The process is about to end.
    pub draining: bool,
}

impl ReadinessState {
    /// Why the process is not ready; empty if it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let database = self.database.as_ref().err().map(|why| format!("the database is not reached: {why}"));
        let intake = match &self.intake {
            IntakeReadiness::Broken(why) => Some(format!("events are not consumed: {why}")),
            IntakeReadiness::Off
            | IntakeReadiness::Consuming
            | IntakeReadiness::Hindered(_)
            | IntakeReadiness::Paused(_) => None,
        };
        let draining = self.draining.then(|| "the process is ending".to_owned());
        [database, intake, draining].into_iter().flatten().collect()
    }
}

/// Whether the process is ready; shared between those who know and those who ask.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Sender<ReadinessState>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Not ready yet: the database was not reached, and nothing is consumed.
    #[must_use]
    pub fn new() -> Self {
        let database = Err("not tried yet".to_owned());
        Self(watch::Sender::new(ReadinessState { database, intake: IntakeReadiness::Off, draining: false }))
    }

    /// The database was reached, or not and why.
    pub fn database(&self, reached: Result<(), String>) {
        self.change(|state| state.database = reached);
    }

    /// What became of the intake.
    pub fn intake(&self, intake: IntakeReadiness) {
        self.change(|state| state.intake = intake);
    }

    /// The process is about to end.
    pub fn draining(&self) {
        self.change(|state| state.draining = true);
    }

    /// What is known now.
    #[must_use]
    pub fn now(&self) -> ReadinessState {
        self.0.borrow().clone()
    }

    /// Waits until `wanted` holds.
    pub async fn wait_for(&self, wanted: impl FnMut(&ReadinessState) -> bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }

    fn change(&self, change: impl FnOnce(&mut ReadinessState)) {
        self.0.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }
}

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

    #[test]
    fn ready_is_database_reached_and_consuming_or_not_on_purpose() {
        let why = || "because".to_owned();
        let cases = [
            (Ok(()), IntakeReadiness::Off, false, 0),
            (Ok(()), IntakeReadiness::Consuming, false, 0),
            (Ok(()), IntakeReadiness::Paused(why()), false, 0),
            (Ok(()), IntakeReadiness::Broken(why()), false, 1),
            (Err(why()), IntakeReadiness::Consuming, false, 1),
            (Ok(()), IntakeReadiness::Consuming, true, 1),
            (Err(why()), IntakeReadiness::Broken(why()), true, 3),
        ];
        for (database, intake, draining, reasons) in cases {
            let state = ReadinessState { database, intake, draining };
            assert_eq!(state.reasons().len(), reasons, "{state:?}");
        }
        assert_eq!(Readiness::new().now().reasons(), ["the database is not reached: not tried yet"]);
    }

    #[tokio::test]
    async fn who_waits_for_readiness_is_woken() {
        let readiness = Readiness::new();
        let waiter = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.wait_for(|state| state.reasons().is_empty()).await }
        });
        readiness.database(Ok(()));
        waiter.await.expect("no panic");
        readiness.draining();
        assert!(readiness.now().draining);
    }

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
                tokio::time::sleep(Duration::from_millis(5)).await;
                assert!(liveness.stuck(Instant::now()).is_empty(), "after {:?}", first.elapsed());
            }
        });
        waiting.await;
        assert_eq!(liveness.stuck(Instant::now() + Duration::from_millis(500)), ["lane default"]);
    }

    #[test]
    fn a_loop_that_stands_still_or_is_lost_is_told() {
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

    #[tokio::test]
    async fn a_drain_waits_for_tasks_up_to_its_deadline() {
        let tasks = TaskTracker::new();
        let end = CancellationToken::new();
        tasks.spawn(end.clone().cancelled_owned());
        assert_eq!(drained_within(&tasks, Duration::from_millis(20)).await, Err(1));
        end.cancel();
        assert_eq!(drained_within(&tasks, Duration::from_secs(30)).await, Ok(()));
    }

    /// The child of the next test: says when it listens and when it drains, and never ends by itself.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_process_that_drains_for_ever() {
        if std::env::var_os("LIFECYCLE_TEST_CHILD").is_some() {
            let drain = drain_on_signal().expect("the system lets us listen");
            println!("\nlistening");
            drain.cancelled().await;
            println!("\ndraining");
            std::future::pending::<()>().await;
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_first_signal_drains_and_the_second_aborts() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};

        for (first, second, code) in [("-TERM", "-INT", 130), ("-INT", "-TERM", 143)] {
            let mut child = Command::new(std::env::current_exe().expect("this binary"))
                .args(["--exact", "--nocapture", "lifecycle::tests::a_process_that_drains_for_ever"])
                .env("LIFECYCLE_TEST_CHILD", "1")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the child starts");
            let pid = child.id().to_string();
            let signal =
                |name: &str| assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
            let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
            assert!(lines.any(|line| line == "listening"));
            signal(first);
            assert!(lines.any(|line| line == "draining"));
            signal(second);
            assert_eq!(child.wait().expect("the child ends").code(), Some(code));
        }
    }
}
