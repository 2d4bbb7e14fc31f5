//! Templates by version: today's, and those that older deliveries were made with.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::compose::Templates;

/// Templates by version.
#[derive(Debug)]
pub struct TemplateCache {
    today: Arc<Templates>,
    older: Mutex<HashMap<String, Arc<Templates>>>,
}

impl TemplateCache {
    #[must_use]
    pub fn new(today: Arc<Templates>) -> Self {
        Self { today, older: Mutex::default() }
    }

    pub(in crate::dispatch) fn today(&self) -> Arc<Templates> {
        Arc::clone(&self.today)
    }

    pub(in crate::dispatch) fn get(&self, version: &str) -> Option<Arc<Templates>> {
        if version == self.today.version() {
            return Some(Arc::clone(&self.today));
        }
        self.older.lock().get(version).cloned()
    }

    pub(in crate::dispatch) fn add(&self, version: &str, templates: Templates) -> Arc<Templates> {
        let templates = Arc::new(templates);
        let mut older = self.older.lock();
        Arc::clone(older.entry(version.to_owned()).or_insert(templates))
    }
}
