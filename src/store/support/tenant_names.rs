//! Tenants as lists name them.

use std::collections::HashMap;

use crate::model::ids::TenantId;
use crate::model::tenant::TenantProfile;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// The names of these tenants; unknown ones are left out.
    pub async fn tenant_names(
        &self,
        tenants: impl IntoIterator<Item = &TenantId>,
    ) -> Result<HashMap<TenantId, String>, StoreError> {
        let mut ids: Vec<&TenantId> = tenants.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        sql("WITH {rows}
            SELECT tenant.id, tenant_profile.body
            FROM rows JOIN tenant ON tenant.id = rows.tenant
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version")
        .rows("tenant text", ids.into_iter().map(|id| [id.into()]))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.json::<TenantProfile>("body")?.name)))
        .collect()
    }
}
