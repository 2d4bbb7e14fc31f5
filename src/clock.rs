//! The only place that reads the clock or makes random numbers.
//!
//! Due times are the database's time, so that workers with wrong clocks agree. A [`Clock`] is therefore aligned to
//! the database now and then ([`Clock::align`]) and runs on the machine's monotonic time in between: a jump of the
//! machine's clock moves nothing. A manual clock lets a test own time.

mod manual;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use manual::ManualTime;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z; written as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and a time after it.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(millis(time)))
    }

    /// This moment less a time before it.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(millis(time)))
    }

    /// The time from `earlier` to this moment; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment for calendar arithmetic.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The moment that `text` names in RFC 3339.
    ///
    /// # Errors
    /// If `text` is not an RFC 3339 date and time with an offset.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self(moment.as_millisecond()))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("is not an RFC 3339 date and time"))
    }
}

/// Where time comes from.
#[derive(Debug, Clone)]
pub struct Clock(TimeSource);

#[derive(Debug, Clone)]
enum TimeSource {
    System(Arc<SystemSource>),
    Manual(Arc<ManualTime>),
}

#[derive(Debug)]
struct SystemSource {
    started: Instant,
    /// Wall-clock milliseconds at `started`, as the database sees it once aligned.
    epoch_ms: AtomicI64,
}

impl Clock {
    /// The machine's clock, until it is aligned to a database's.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
    pub fn system() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(TimeSource::System(Arc::new(SystemSource {
            started: Instant::now(),
            epoch_ms: AtomicI64::new(millis(wall)),
        })))
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(TimeSource::Manual(Arc::new(ManualTime::new(start.0))))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            TimeSource::System(source) => {
                Timestamp(source.epoch_ms.load(Ordering::Relaxed)).plus(source.started.elapsed())
            }
            TimeSource::Manual(time) => Timestamp(time.now_ms()),
        }
    }

    /// Time since some fixed moment; it never jumps, whatever the database says.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            TimeSource::System(source) => source.started.elapsed(),
            TimeSource::Manual(time) => Duration::from_millis(u64::try_from(time.now_ms()).unwrap_or(0)),
        }
    }

    /// Sets this clock and its clones to the database's time, which was `database_now` at this moment.
    ///
    /// A manual clock stays as it is.
    pub fn align(&self, database_now: Timestamp) {
        if let TimeSource::System(source) = &self.0 {
            source.epoch_ms.store(database_now.minus(source.started.elapsed()).0, Ordering::Relaxed);
        }
    }

    /// Waits until `time` has passed on this clock.
    pub async fn sleep(&self, time: Duration) {
        match &self.0 {
            TimeSource::System(_) => tokio::time::sleep(time).await,
            TimeSource::Manual(manual) => manual.sleep(time).await,
        }
    }

    /// Waits until work must have ended that takes `time` at most: who does it does not sleep meanwhile, in the sense of
    /// [`Clock::all_asleep`].
    pub async fn deadline(&self, time: Duration) {
        match &self.0 {
            TimeSource::System(_) => tokio::time::sleep(time).await,
            TimeSource::Manual(manual) => manual.pass(time).await,
        }
    }

    /// Moves a manual clock, and wakes who sleeps on it. The machine's clock is not ours to move.
    pub fn advance(&self, time: Duration) {
        if let TimeSource::Manual(manual) = &self.0 {
            manual.advance(time);
        }
    }

    /// Waits until every task that the last [`Clock::advance`] woke sleeps again: a test that lets time pass so gives
    /// them the time to do their work. A task that ends instead is waited for in vain. Returns at once on the
    /// machine's clock.
    pub async fn all_asleep(&self) {
        if let TimeSource::Manual(manual) = &self.0 {
            manual.all_asleep().await;
        }
    }

    /// A new time-ordered identifier (UUID version 7).
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where identifiers are made")]
    pub fn new_id(&self) -> Uuid {
        match &self.0 {
            TimeSource::System(_) => Uuid::now_v7(),
            TimeSource::Manual(_) => {
                let now = u64::try_from(self.now().0).unwrap_or(0);
                let random = Uuid::now_v7().into_bytes();
                uuid::Builder::from_unix_timestamp_millis(now, random[6..].try_into().expect("16 − 6 = 10 bytes"))
                    .into_uuid()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aligned_clock_shows_the_databases_time() {
        let clock = Clock::system();
        clock.align(Timestamp(1_000_000));
        let now = clock.now();
        assert!((1_000_000..1_010_000).contains(&now.0), "{now:?}");
    }

    #[test]
    fn whatever_the_databases_time_does_the_monotonic_time_goes_on() {
        let clock = Clock::system();
        let before = clock.monotonic();
        for database_now in [0, 4_000_000_000_000, 1_000_000] {
            clock.align(Timestamp(database_now));
            assert!(clock.now().since(Timestamp(database_now)) < Duration::from_secs(10));
        }
        assert!(clock.monotonic().saturating_sub(before) < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn time_waits_until_who_woke_sleeps_again() {
        let clock = Clock::manual(Timestamp(0));
        let worked = Arc::new(AtomicI64::new(0));
        for _ in 0..3 {
            let (clock, worked) = (clock.clone(), worked.clone());
            tokio::spawn(async move {
                loop {
                    clock.sleep(Duration::from_secs(1)).await;
                    tokio::select! {
                        biased;
                        () = clock.deadline(Duration::from_hours(1)) => {}
                        () = tokio::task::yield_now() => { worked.fetch_add(1, Ordering::Relaxed); }
                    }
                }
            });
        }
        // A dropped sleep is not waited for.
        let _ = tokio::time::timeout(Duration::ZERO, clock.sleep(Duration::from_secs(2))).await;
        tokio::task::yield_now().await;
        for round in 1..=4 {
            clock.advance(Duration::from_secs(1));
            clock.all_asleep().await;
            assert_eq!(worked.load(Ordering::Relaxed), 3 * round);
        }
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_test_moves_time() {
        let clock = Clock::manual(Timestamp(0));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_hours(2)).await }
        });
        // The sleeper has to sleep before the clock moves, else it sleeps from the later time on, for ever.
        tokio::task::yield_now().await;
        clock.advance(Duration::from_hours(3));
        sleeper.await.expect("the sleeper ends");
        assert_eq!(clock.now().to_string(), "1970-01-01T03:00:00Z");
    }
}
