//! How many bytes of messages are in memory at once.

use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};

/// Bytes of messages handed over by a connection and not acked yet, and their bound.
///
/// The prefetch counts messages, whatever their size; this counts bytes. While it is full, nothing more is read from
/// the connection, so what follows waits in the broker.
#[derive(Debug)]
pub(in crate::broker) struct Window {
    bytes_max: u64,
    state: Mutex<WindowState>,
}

#[derive(Debug, Default)]
struct WindowState {
    bytes: u64,
    /// The connection closes: nothing waits any more, so that its last answers get through.
    is_open: bool,
    /// Who waits for room.
    waiting: Option<Waker>,
}

impl Window {
    pub(in crate::broker) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// Makes room for the next message, if there is any room at all: a message is never larger than what may be in
    /// memory, so the bound is exceeded by one message at most.
    pub(in crate::broker) fn take(&self, bytes: u64) -> bool {
        let mut state = self.state();
        let is_free = state.is_open || state.bytes < self.bytes_max;
        if is_free {
            state.bytes += bytes;
        }
        is_free
    }

    /// The messages were acked.
    pub(in crate::broker) fn give_back(&self, bytes: u64) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        if state.bytes < self.bytes_max {
            state.wake();
        }
    }

    /// From now on nothing waits: what stands behind the messages, the answer to a close, is to be read. The messages
    /// themselves are not taken any more, and pass without their bodies.
    pub(in crate::broker) fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        state.wake();
    }

    pub(in crate::broker) fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// Wakes this task when there is room; false if there is room already.
    pub(in crate::broker) fn wake_when_free(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.is_open || state.bytes < self.bytes_max {
            return false;
        }
        state.waiting = Some(waker.clone());
        true
    }

    fn state(&self) -> MutexGuard<'_, WindowState> {
        self.state.lock()
    }
}

impl WindowState {
    fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}
