//! What templates see of a tenant, made once for a profile.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Serde;

use super::colour::Colours;
use super::tenant_view::TenantView;
use crate::model::tenant::TenantProfile;

/// Profiles whose values are kept on a thread.
const KEPT_MAX: usize = 64;

/// A tenant as templates see it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct TenantValues {
    /// [`TenantView`].
    pub(super) tenant: Value,
    /// [`Colours`].
    pub(super) colour: Value,
}

struct KeptValues {
    /// As long as it is held, no other profile has its address in memory.
    _profile: Arc<TenantProfile>,
    values: TenantValues,
}

thread_local! {
    static KEPT: RefCell<HashMap<*const TenantProfile, KeptValues>> = RefCell::default();
}

impl TenantValues {
    /// Of a profile that many mails share: to check its addresses and find readable colours for each mail anew would be a
    /// thirtieth of what the worker computes for a link.
    pub(super) fn of(profile: &Arc<TenantProfile>) -> Self {
        KEPT.with_borrow_mut(|kept| {
            let key = Arc::as_ptr(profile);
            if kept.len() >= KEPT_MAX && !kept.contains_key(&key) {
                kept.clear();
            }
            let made = || KeptValues { _profile: Arc::clone(profile), values: Self::make(profile) };
            kept.entry(key).or_insert_with(made).values.clone()
        })
    }

    fn make(profile: &TenantProfile) -> Self {
        Self {
            tenant: Value::from(Serde(TenantView::of(profile))),
            colour: Value::from(Serde(Colours::of(profile.branding.colour.as_deref()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Profiles come and go, and a later one may lie where an earlier one lay.
    #[test]
    fn each_profile_has_its_own_values() {
        for n in 0..3 * KEPT_MAX {
            let profile = serde_json::json!({
                "name": format!("Tenant {n}"),
                "sender": { "name": "Billing", "address": "billing@tenant.example" },
                "locale": "en-GB",
            });
            let profile: Arc<TenantProfile> = Arc::new(serde_json::from_value(profile).expect("a profile"));
            for _ in 0..2 {
                let name = TenantValues::of(&profile).tenant.get_attr("name").expect("a tenant has a name");
                assert_eq!(name.as_str(), Some(profile.name.as_str()));
            }
        }
    }
}
