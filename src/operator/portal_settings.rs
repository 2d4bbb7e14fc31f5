//! What an administrator asks before settings are saved: what they mean, what they would have changed, how they look.
//!
//! Saving them, and taking an earlier version back, is the store's (`store/directory/settings.rs`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::settings_sample::SampleRequest;
use crate::compose::Templates;
use crate::config::Config;
use crate::model::access::TenantScope;
use crate::model::customer::CustomerType;
use crate::model::ids::TenantId;
use crate::model::settings::Settings;
use crate::model::tenant::Tenant;
use crate::model::verification::VerificationConfig;
use crate::policy::consequences::{Consequences, consequences};
use crate::store::{PastCompared, Store, StoreError};

/// So many comparisons with the past are made at once: each reads up to 20,000 rows.
const COMPARISONS_MAX: usize = 2;
/// How long one waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Looks ahead for a tenant's settings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PortalSettings {
    store: Store,
    config: Arc<Config>,
    templates: Arc<Templates>,
    verification: VerificationConfig,
    comparisons: Arc<Semaphore>,
}

impl PortalSettings {
    #[must_use]
    pub fn new(store: Store, config: Arc<Config>, templates: Arc<Templates>) -> Self {
        Self {
            verification: config.sms.verification(),
            store,
            config,
            templates,
            comparisons: Arc::new(Semaphore::new(COMPARISONS_MAX)),
        }
    }

    /// What customers can be verified by.
    #[must_use]
    pub const fn verification(&self) -> &VerificationConfig {
        &self.verification
    }

    #[must_use]
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// What `settings` mean for the tenant's customers of today.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn foresee(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
        settings: Settings,
    ) -> Result<Consequences, StoreError> {
        let customers = self.store.customer_groups(tenant, scope).await?;
        Ok(consequences(settings, &customers, &self.verification))
    }

    /// Which of the tenant's newest deliveries would have gone otherwise; none if too many ask at once.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn compare(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
        settings: Settings,
    ) -> Result<Option<PastCompared>, StoreError> {
        let Ok(Ok(_turn)) = timeout(TURN_MAX, self.comparisons.acquire()).await else { return Ok(None) };
        self.store.compare_with_past(tenant, scope, settings, &self.verification).await.map(Some)
    }

    /// A made-up invoice under `settings`.
    #[must_use]
    pub fn sample<'a>(
        &'a self,
        tenant: &'a Tenant,
        settings: Settings,
        customer_type: CustomerType,
    ) -> SampleRequest<'a> {
        SampleRequest {
            tenant,
            settings,
            customer_type,
            sends_sms: self.verification.sends_sms(),
            portal_url: self.config.portal.url.as_str().trim_end_matches('/'),
            now: self.store.now(),
        }
    }
}
