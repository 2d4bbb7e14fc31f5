//! Connections of a lane that wait for an email, and so hold places at the relay that others may need.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How long they may take to close; each says QUIT first.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);

/// The connections of one lane in one worker that wait for an email.
#[derive(Debug, Default)]
pub struct IdleConnections(watch::Sender<IdleState>);

#[derive(Debug, Clone, Copy, Default)]
struct IdleState {
    /// That wait, and may go on to.
    idle: usize,
    /// That waited when they were asked to close, and have not yet.
    closing: usize,
    /// How often they were asked to close.
    asked: u64,
}

/// A connection that waits.
#[derive(Debug)]
pub struct Idle<'a> {
    all: &'a IdleConnections,
    /// How often they had been asked to close when it began to wait.
    asked_before: u64,
}

impl IdleConnections {
    /// A connection begins to wait.
    #[must_use]
    pub fn enter(&self) -> Idle<'_> {
        let mut asked_before = 0;
        self.0.send_modify(|state| {
            state.idle += 1;
            asked_before = state.asked;
        });
        Idle { all: self, asked_before }
    }

    /// Has those close that wait now, and waits until they have; says whether there were any.
    pub async fn close(&self) -> bool {
        let mut any = false;
        self.0.send_modify(|state| {
            state.asked += 1;
            state.closing += std::mem::take(&mut state.idle);
            any = state.closing > 0;
        });
        if any {
            let mut states = self.0.subscribe();
            // Connections that do not close in time still count at the relay.
            let _ = timeout(CLOSE_TIME_MAX, states.wait_for(|state| state.closing == 0)).await;
        }
        any
    }
}

impl Idle<'_> {
    /// Waits until it is asked to close.
    pub async fn asked_to_close(&self) {
        // The sender outlives `self`, so waiting cannot fail.
        let _ = self.all.0.subscribe().wait_for(|state| state.asked > self.asked_before).await;
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.all.0.send_modify(|state| {
            if state.asked > self.asked_before {
                state.closing -= 1;
            } else {
                state.idle -= 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn those_that_wait_are_asked_and_waited_for() {
        let all = IdleConnections::default();
        assert!(!all.close().await, "none waits");
        let first = all.enter();
        let mut closing = Box::pin(all.close());
        assert!((&mut closing).now_or_never().is_none(), "it has not closed yet");
        assert!(first.asked_to_close().now_or_never().is_some());
        let second = all.enter();
        assert!(second.asked_to_close().now_or_never().is_none(), "it came later");
        drop(first);
        assert!(closing.await);
        drop(second);
        assert!(!all.close().await);
    }
}
