//! What a connection knows of the messages that come in by it: how many bytes are in memory, which bodies were cut,
//! and which message came last.

use std::collections::HashMap;
use std::fmt;

use parking_lot::{Mutex, MutexGuard};

use crate::broker::consumer::window::Window;
use crate::model::incoming::WholeBody;
use crate::sha256::Sha256;

/// Bytes of messages in memory by one connection, give or take the last one.
const WINDOW_BYTES_MAX: u64 = 4 << 20;

/// Which bodies are passed on whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) struct BodyLimit {
    /// A larger one is cut.
    pub(in crate::broker) bytes_max: u64,
    /// What is passed on of it.
    pub(in crate::broker) bytes_kept: u64,
}

/// Shared by a connection's stream, which fills it, and its subscriptions.
#[derive(Debug)]
pub(in crate::broker) struct IncomingBodies {
    /// Without one every body is passed on whole.
    limit: Option<BodyLimit>,
    pub(in crate::broker) window: Window,
    /// By channel and delivery tag, until the message is handed out.
    cut: Mutex<HashMap<(u16, u64), WholeBody>>,
    last: Mutex<Option<LastMessage>>,
}

/// The message that came last; for people, who have to find it if the connection fails with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::broker) struct LastMessage {
    routing_key: String,
    message_id: String,
    body_bytes: u64,
}

impl IncomingBodies {
    pub(in crate::broker) fn new(limit: Option<BodyLimit>) -> Self {
        Self { limit, window: Window::new(WINDOW_BYTES_MAX), cut: Mutex::default(), last: Mutex::default() }
    }

    /// How many bytes of a body of `size` are passed on. None once the connection closes: the broker may have sent as many
    /// messages as the prefetch allows, and none of them is taken in.
    pub(in crate::broker) fn bytes_passed(&self, size: u64) -> u64 {
        match self.limit {
            _ if self.window.is_open() => 0,
            Some(limit) if size > limit.bytes_max => limit.bytes_kept,
            _ => size,
        }
    }

    pub(in crate::broker) fn record_cut(&self, channel: u16, delivery_tag: u64, bytes: u64, sha256: &[u8]) {
        let sha256 = Sha256(sha256.try_into().expect("SHA-256 has 32 bytes"));
        lock(&self.cut).insert((channel, delivery_tag), WholeBody { bytes, sha256 });
    }

    /// What the body of this message was before it was cut, if it was.
    pub(in crate::broker) fn take_cut(&self, channel: u16, delivery_tag: u64) -> Option<WholeBody> {
        lock(&self.cut).remove(&(channel, delivery_tag))
    }

    pub(in crate::broker) fn note_delivery(&self, routing_key: &str) {
        let mut last = lock(&self.last);
        let last = last.get_or_insert_default();
        last.routing_key.clear();
        last.routing_key.push_str(routing_key);
    }

    pub(in crate::broker) fn note_properties(&self, body_bytes: u64, message_id: Option<&str>) {
        if let Some(last) = &mut *lock(&self.last) {
            last.body_bytes = body_bytes;
            last.message_id.clear();
            last.message_id.push_str(message_id.unwrap_or_default());
        }
    }

    /// Nothing is wrong with the message that came last.
    pub(in crate::broker) fn forget_last_message(&self) {
        *lock(&self.last) = None;
    }

    /// The message that came last, if one did.
    pub(in crate::broker) fn last_message(&self) -> Option<LastMessage> {
        lock(&self.last).clone()
    }
}

impl fmt::Display for LastMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { routing_key, message_id, body_bytes } = self;
        write!(f, "routing key {routing_key:?}, {body_bytes} bytes")?;
        if message_id.is_empty() { Ok(()) } else { write!(f, ", message id {message_id:?}") }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
