//! A relay's rate, shared by the workers that live.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Lets so many messages a second through.
#[derive(Debug)]
pub struct Rate {
    per_second: Option<f64>,
    live: watch::Receiver<u32>,
    current: Mutex<Option<(u32, Arc<DefaultDirectRateLimiter>)>>,
}

impl Rate {
    /// `per_second` over all workers, of which `live` are alive; without a rate there is no wait.
    #[must_use]
    pub fn new(per_second: Option<f64>, live: watch::Receiver<u32>) -> Self {
        Self { per_second, live, current: Mutex::default() }
    }

    /// Waits for this worker's next turn.
    pub async fn turn(&self) {
        if let Some(limiter) = self.limiter() {
            limiter.until_ready().await;
        }
    }

    /// This worker's share; made anew when a worker comes or goes.
    fn limiter(&self) -> Option<Arc<DefaultDirectRateLimiter>> {
        let per_second = self.per_second?;
        let live = (*self.live.borrow()).max(1);
        let mut current = self.current.lock();
        if current.as_ref().is_none_or(|(divided_by, _)| *divided_by != live) {
            let interval = Duration::from_secs_f64(f64::from(live) / per_second);
            let quota = Quota::with_period(interval)?.allow_burst(NonZeroU32::MIN);
            *current = Some((live, Arc::new(RateLimiter::direct(quota))));
        }
        current.as_ref().map(|(_, limiter)| Arc::clone(limiter))
    }
}
