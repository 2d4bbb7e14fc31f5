//! How long a client may take for each part of an exchange.
//!
//! All are totals: a client that sends a byte now and then is no better than one that is silent. What may be large has
//! time by its size, at a rate that any line has.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bytes that a client takes or gives in a second at least, once its time for the beginning is over.
const BYTES_PER_SECOND_MIN: u64 = 16 << 10;

/// How long each part of an exchange may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpDeadlines {
    /// From its first byte (on a new connection: from the connection) to the end of a request's head.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// The body of a request, and more by its size. Handlers that read bodies have less time, and speak first.
    pub(super) body: Duration,
    /// From the end of a request to the beginning of its answer. Handlers have less time, and speak first.
    pub(super) work: Duration,
    /// Until the client has taken what is written; again and again as long as it takes enough in each such time. (Not
    /// by all that was taken: the system's buffers take megabytes at once, for a client that reads nothing.)
    pub(super) write: Duration,
    /// What is enough in each such time.
    pub(super) write_bytes_min: u64,
}

impl HttpDeadlines {
    pub(super) const DEFAULT: Self = Self {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(1),
        body: Duration::from_secs(25),
        work: Duration::from_secs(75),
        write: Duration::from_secs(20),
        write_bytes_min: 20 * BYTES_PER_SECOND_MIN,
    };
    /// As the default, for downloads by phones on a bad line: who takes 1 kB a second is not cut off.
    ///
    /// What a slow client has taken is seen in steps only, whenever a third of the socket's buffer is free: with
    /// [`Limits::for_customers`](super::Limits::for_customers) such a step is some 40 kB, 40 s at that rate. So the
    /// time is several steps long.
    pub(super) const SLOW_READERS: Self =
        Self { write: Duration::from_mins(3), write_bytes_min: 60_000, ..Self::DEFAULT };
    /// A probe is asked from nearby, and answered from memory.
    pub(super) const PROBE: Self = Self {
        head: Duration::from_secs(2),
        idle: Duration::from_secs(2),
        body: Duration::from_secs(2),
        work: Duration::from_secs(5),
        write: Duration::from_secs(5),
        write_bytes_min: 5 * BYTES_PER_SECOND_MIN,
    };
}

/// Where an exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpPhase {
    /// The head of a request comes, or is to come on a new connection.
    Head,
    /// Nothing of the next request has come.
    Idle,
    /// The body of the request comes.
    Body,
    /// The request is here, its answer is not.
    Work,
    /// The answer is being written.
    Answer,
}

/// Where the exchange of one connection is, and since when.
#[derive(Debug)]
pub(super) struct ExchangeProgress {
    state: Mutex<DeadlineState>,
    changed: Notify,
}

#[derive(Debug)]
struct DeadlineState {
    phase: HttpPhase,
    since: Instant,
    /// Of the body, in [`HttpPhase::Body`].
    received: u64,
    /// All of the answer is made; some of it may still have to be written.
    answer_is_made: bool,
    /// Since when the client has not taken all that was written, and what it has taken since; begins anew with each
    /// [`HttpDeadlines::write`].
    unwritten: Option<(Instant, u64)>,
}

impl ExchangeProgress {
    pub(super) fn new() -> Self {
        let state = DeadlineState {
            phase: HttpPhase::Head,
            since: Instant::now(),
            received: 0,
            answer_is_made: false,
            unwritten: None,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Bytes have come.
    pub(super) fn received(&self, count: usize) {
        let mut state = self.state();
        match state.phase {
            HttpPhase::Idle if count > 0 => self.enter(state, HttpPhase::Head),
            HttpPhase::Body => state.received += count as u64,
            _ => {}
        }
    }

    /// The head of a request is whole.
    pub(super) fn head_received(&self, has_body: bool) {
        self.enter(self.state(), if has_body { HttpPhase::Body } else { HttpPhase::Work });
    }

    /// The body is whole, or the rest of it is not needed.
    pub(super) fn body_received(&self) {
        let state = self.state();
        if state.phase == HttpPhase::Body {
            self.enter(state, HttpPhase::Work);
        }
    }

    pub(super) fn answer_begins(&self) {
        let mut state = self.state();
        state.answer_is_made = false;
        self.enter(state, HttpPhase::Answer);
    }

    /// Nothing more will be written of the answer than what is written already.
    pub(super) fn answer_is_made(&self) {
        self.state().answer_is_made = true;
    }

    /// Something is to be written.
    pub(super) fn writes(&self) {
        let mut state = self.state();
        if state.unwritten.is_none() {
            state.unwritten = Some((Instant::now(), 0));
            drop(state);
            self.changed.notify_one();
        }
    }

    /// The client's side has taken so many bytes.
    pub(super) fn written(&self, count: usize) {
        if let Some((_, taken)) = &mut self.state().unwritten {
            *taken += count as u64;
        }
    }

    /// Everything is written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        state.unwritten = None;
        if state.phase == HttpPhase::Answer && state.answer_is_made {
            self.enter(state, HttpPhase::Idle);
        }
    }

    /// Since when the connection has been waiting for a request, if it is.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        matches!(state.phase, HttpPhase::Head | HttpPhase::Idle).then_some(state.since)
    }

    /// Waits until the client has taken longer than it may; says for what.
    pub(super) async fn overdue(&self, deadlines: &HttpDeadlines) -> &'static str {
        loop {
            let next = self.state().next_deadline(deadlines, Instant::now());
            let changed = self.changed.notified();
            match next {
                Some((deadline, what)) if deadline <= Instant::now() => return what,
                // Bytes that come meanwhile move the deadline: it is looked at again.
                Some((deadline, _)) => drop(tokio::time::timeout_at(deadline, changed).await),
                None => changed.await,
            }
        }
    }

    fn enter(&self, mut state: MutexGuard<'_, DeadlineState>, phase: HttpPhase) {
        (state.phase, state.since, state.received) = (phase, Instant::now(), 0);
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, DeadlineState> {
        self.state.lock()
    }
}

impl DeadlineState {
    /// What is due next, and for what.
    fn next_deadline(&mut self, deadlines: &HttpDeadlines, now: Instant) -> Option<(Instant, &'static str)> {
        if let Some((since, taken)) = self.unwritten
            && now >= since + deadlines.write
            && taken >= deadlines.write_bytes_min
        {
            self.unwritten = Some((now, 0));
        }
        let of_phase = match self.phase {
            HttpPhase::Head => Some((self.since + deadlines.head, "the head of a request")),
            HttpPhase::Idle => Some((self.since + deadlines.idle, "the next request")),
            HttpPhase::Body => Some((self.since + deadlines.body + by_size(self.received), "the body of a request")),
            HttpPhase::Work => Some((self.since + deadlines.work, "an answer")),
            // Making it may take long; what is made must be taken.
            HttpPhase::Answer => None,
        };
        let of_writing = self.unwritten.map(|(since, _)| (since + deadlines.write, "the client to take an answer"));
        of_phase.into_iter().chain(of_writing).min_by_key(|(deadline, _)| *deadline)
    }
}

const fn by_size(bytes: u64) -> Duration {
    Duration::from_millis(bytes * 1_000 / BYTES_PER_SECOND_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what_is_due(progress: &ExchangeProgress) -> (&'static str, Duration) {
        let mut state = progress.state();
        let next = state.next_deadline(&HttpDeadlines::DEFAULT, Instant::now());
        let Some((deadline, what)) = next else { return ("", Duration::ZERO) };
        let since = if what.contains("take an answer") { state.unwritten.expect("written").0 } else { state.since };
        (what, deadline - since)
    }

    #[test]
    fn each_part_of_an_exchange_has_its_deadline() {
        let progress = ExchangeProgress::new();
        progress.received(10);
        assert_eq!(what_is_due(&progress), ("the head of a request", Duration::from_secs(10)));
        progress.head_received(true);
        progress.received(32 << 10);
        assert_eq!(what_is_due(&progress), ("the body of a request", Duration::from_secs(27)));
        assert!(progress.waiting_since().is_none());
        progress.body_received();
        assert_eq!(what_is_due(&progress), ("an answer", Duration::from_secs(75)));
        progress.answer_begins();
        progress.writes();
        progress.written(16 << 10);
        assert_eq!(what_is_due(&progress), ("the client to take an answer", Duration::from_secs(20)));
        progress.flushed();
        assert_eq!(what_is_due(&progress).0, "", "whoever makes the answer may take long");
        progress.answer_is_made();
        progress.flushed();
        assert_eq!(what_is_due(&progress), ("the next request", Duration::from_mins(1)));
        progress.received(1);
        assert_eq!(what_is_due(&progress), ("the head of a request", Duration::from_secs(10)));
    }

    #[test]
    fn an_answer_may_take_long_while_the_client_takes_enough() {
        let (progress, write) = (ExchangeProgress::new(), HttpDeadlines::DEFAULT.write);
        progress.answer_begins();
        progress.writes();
        let due = |now| progress.state().next_deadline(&HttpDeadlines::DEFAULT, now).expect("something is written").0;
        let began = due(Instant::now()) - write;
        progress.written(320 << 10);
        assert_eq!(due(began + write / 2), began + write);
        assert_eq!(due(began + write), began + write * 2, "enough was taken");
        progress.written((320 << 10) - 1);
        assert_eq!(due(began + write * 2), began + write * 2, "now it was not");
    }

    #[test]
    fn further_requests_give_no_time_to_who_does_not_read() {
        let progress = ExchangeProgress::new();
        progress.head_received(false);
        progress.answer_begins();
        progress.writes();
        progress.answer_is_made();
        let begun = progress.state().unwritten;
        progress.head_received(false);
        progress.writes();
        assert_eq!(progress.state().unwritten, begun);
        assert_eq!(what_is_due(&progress).0, "the client to take an answer");
    }
}
