//! Text messages that were caught: the demo's provider, which passes none on.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timestamp};

/// Messages that are kept; older ones are forgotten.
const KEPT_MAX: usize = 200;

/// Characters of a message: several segments of any alphabet.
const TEXT_CHARS_MAX: usize = 1_000;

/// A message as it is posted.
#[derive(Debug, Deserialize)]
pub struct PostedText {
    pub to: String,
    #[serde(default)]
    pub from: String,
    pub text: String,
}

/// A message that was caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaughtText {
    /// Counts them, from 1.
    pub number: usize,
    pub to: String,
    pub from: String,
    pub text: String,
    pub received_at: Timestamp,
}

/// The messages, shared cheaply; in memory only: their codes are good for minutes.
#[derive(Debug, Clone)]
pub struct TextMessages {
    caught: Arc<Mutex<Caught>>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Caught {
    count: usize,
    newest_first: VecDeque<CaughtText>,
}

impl TextMessages {
    pub(super) fn new(clock: Clock) -> Self {
        Self { caught: Arc::default(), clock }
    }

    /// Keeps a message; false if it is far too long for one.
    pub(super) fn keep(&self, posted: PostedText) -> bool {
        let PostedText { to, from, text } = posted;
        if [&to, &from, &text].iter().any(|part| part.chars().count() > TEXT_CHARS_MAX) {
            return false;
        }
        let mut caught = self.caught.lock();
        caught.count += 1;
        let number = caught.count;
        caught.newest_first.push_front(CaughtText { number, to, from, text, received_at: self.clock.now() });
        caught.newest_first.truncate(KEPT_MAX);
        true
    }

    /// The messages that are kept, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<CaughtText> {
        self.caught.lock().newest_first.iter().cloned().collect()
    }
}
