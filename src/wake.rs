//! Tells lanes that something may have become due.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

/// The lanes of this process, by relay.
#[derive(Debug, Clone, Default)]
pub struct Wakes(Arc<HashMap<String, Arc<Notify>>>);

impl Wakes {
    /// One for each of these relays.
    #[must_use]
    pub fn new<'a>(relays: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Arc::new(relays.into_iter().map(|relay| (relay.to_owned(), Arc::new(Notify::new()))).collect()))
    }

    /// What the lane of `relay` waits on.
    #[must_use]
    pub fn of(&self, relay: &str) -> Arc<Notify> {
        self.0.get(relay).cloned().unwrap_or_default()
    }

    /// Wakes every lane; one that is awake looks once more.
    pub fn wake_all(&self) {
        for lane in self.0.values() {
            lane.notify_one();
        }
    }
}
