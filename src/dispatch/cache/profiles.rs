//! Tenants' profiles by version: the same one is read for every mail of a tenant, and parsed once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::ids::TenantId;
use crate::model::tenant::TenantProfile;

/// So many profiles are kept; then the cache is emptied.
const PROFILES_MAX: usize = 10_000;

/// The profiles that mails were lately made with.
#[derive(Debug, Default)]
pub struct Profiles(Mutex<HashMap<(TenantId, i64), Arc<TenantProfile>>>);

impl Profiles {
    /// The profile of `tenant` in `version`, whose JSON is `body`.
    pub fn get(&self, tenant: &TenantId, version: i64, body: &str) -> Result<Arc<TenantProfile>, serde_json::Error> {
        let mut profiles = self.0.lock();
        if let Some(profile) = profiles.get(&(tenant.clone(), version)) {
            return Ok(Arc::clone(profile));
        }
        let profile = Arc::new(serde_json::from_str::<TenantProfile>(body)?);
        if profiles.len() >= PROFILES_MAX {
            profiles.clear();
        }
        profiles.insert((tenant.clone(), version), Arc::clone(&profile));
        Ok(profile)
    }
}
