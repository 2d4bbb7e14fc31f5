//! The tenants that somebody may see, as a row holds them.

use serde_json::{Value as Json, json};

use crate::model::access::TenantScope;
use crate::model::ids::TenantId;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;

/// Every tenant: no list, so that a list that is lost is never every tenant.
const EVERY_TENANT: &str = "*";

pub(super) fn written(scope: &TenantScope) -> String {
    match scope.tenants() {
        None => EVERY_TENANT.to_owned(),
        Some(tenants) => serde_json::to_string(tenants).expect("a list of texts is JSON"),
    }
}

/// As the audit log shows it.
pub(super) fn shown(scope: &TenantScope) -> Json {
    scope.tenants().map_or_else(|| json!(EVERY_TENANT), |tenants| json!(tenants))
}

/// Reads the column `name`, which holds a scope.
pub(super) fn read_scope(row: &Row, name: &str) -> Result<TenantScope, StoreError> {
    let text: String = row.get(name)?;
    if text == EVERY_TENANT {
        return Ok(TenantScope::All);
    }
    let tenants: Vec<TenantId> = row.json(name)?;
    Ok(TenantScope::of(tenants))
}

impl Store {
    /// The first tenant of a scope that is not known.
    pub async fn unknown_tenant(&self, scope: &TenantScope) -> Result<Option<TenantId>, StoreError> {
        let Some(tenants) = scope.tenants() else { return Ok(None) };
        let row = sql("WITH {rows} SELECT rows.id FROM rows
            WHERE NOT EXISTS (SELECT 1 FROM tenant WHERE tenant.id = rows.id) ORDER BY rows.id LIMIT 1")
        .rows("id text", tenants.iter().map(|tenant| [tenant.into()]))
        .optional(&mut self.read().await?)
        .await?;
        row.map(|row| row.get("id")).transpose()
    }
}
