//! Where deliveries are made: by intake, by a redrive, by a resend.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::PlanInputs;
use crate::clock::Timestamp;
use crate::compose::Templates;
use crate::store::Store;
use crate::wake::Wakes;

/// What is needed to make deliveries.
#[derive(Debug)]
pub struct DeliveryFactory {
    /// Where they go.
    pub store: Store,
    /// Wakes the lanes when there are new deliveries.
    pub wakes: Wakes,
    /// The templates of today.
    pub templates: Arc<Templates>,
    pub template_version: String,
    /// Fingerprint of the newest key for portal tokens.
    pub link_key: String,
    /// How long an unknown customer is waited for.
    pub customer_wait: Duration,
}

impl DeliveryFactory {
    /// What a plan is made with at `now`.
    pub(crate) fn plan_inputs<'a>(&'a self, now: Timestamp, new_id: &'a (dyn Fn() -> Uuid + Sync)) -> PlanInputs<'a> {
        let Self { templates, template_version, link_key, customer_wait, .. } = self;
        PlanInputs { now, templates, template_version, link_key, customer_wait: *customer_wait, new_id }
    }
}
