//! Logos of tenants.

use serde_json::json;

use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::TenantId;
use crate::model::logo::{Logo, LogoFormat, LogoRef};
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::people::audit::append::{NewAuditEntry, append};

/// What giving a tenant a logo did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoSaved {
    Created,
    Changed,
    Unchanged,
    /// There is no such tenant.
    UnknownTenant,
}

impl Store {
    /// Gives a tenant its logo, in place of the one that it has.
    pub async fn save_logo(&self, tenant: &TenantId, logo: &Logo, who: &Actor) -> Result<LogoSaved, StoreError> {
        let mut transaction = self.begin().await?;
        let known = sql("SELECT tenant_logo.sha256 FROM tenant
                 LEFT JOIN tenant_logo ON tenant_logo.tenant_id = tenant.id
            WHERE tenant.id = $1 {postgres: FOR NO KEY UPDATE OF tenant}")
        .bind(tenant)
        .optional(&mut transaction)
        .await?;
        let Some(known) = known else { return Ok(LogoSaved::UnknownTenant) };
        let earlier = known.get::<Option<Sha256>>("sha256")?;
        let saved = match earlier {
            None => LogoSaved::Created,
            Some(sha256) if sha256 == logo.sha256 => return Ok(LogoSaved::Unchanged),
            Some(_) => LogoSaved::Changed,
        };
        sql("INSERT INTO tenant_logo (tenant_id, sha256, format, width, height, image, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (tenant_id) DO UPDATE SET sha256 = excluded.sha256, format = excluded.format,
                   width = excluded.width, height = excluded.height, image = excluded.image,
                   updated_at = excluded.updated_at")
        .bind(tenant)
        .bind(logo.sha256)
        .bind(logo.format)
        .bind(logo.width)
        .bind(logo.height)
        .bind(&*logo.bytes)
        .bind(self.now())
        .run(&mut transaction)
        .await?;
        let entry = NewAuditEntry::new(AuditAction::LogoWritten, who).of_tenant(tenant).about(tenant.as_str());
        let entry = entry.with(json!({ "sha256": { "old": earlier, "new": logo.sha256 } }));
        append(&mut transaction, &entry, self.now()).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// Takes a tenant's logo away; whether it had one.
    pub async fn delete_logo(&self, tenant: &TenantId, who: &Actor) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let deleted = sql("DELETE FROM tenant_logo WHERE tenant_id = $1 RETURNING sha256")
            .bind(tenant)
            .optional(&mut transaction)
            .await?;
        let Some(deleted) = deleted else { return Ok(false) };
        let entry = NewAuditEntry::new(AuditAction::LogoRemoved, who).of_tenant(tenant).about(tenant.as_str());
        let entry = entry.with(json!({ "sha256": { "old": deleted.get::<Sha256>("sha256")?, "new": null } }));
        append(&mut transaction, &entry, self.now()).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A tenant's logo.
    pub async fn logo_of(&self, tenant: &TenantId, scope: &TenantScope) -> Result<Option<Logo>, StoreError> {
        sql(concat!(
            "SELECT sha256, format, width, height, image FROM tenant_logo WHERE tenant_id = $1 AND ",
            in_scope!("tenant_id", "$2")
        ))
        .bind(tenant)
        .bind(scope)
        .optional(&mut self.read().await?)
        .await?
        .as_ref()
        .map(read_logo)
        .transpose()
    }

    /// The logo with this digest, whosoever it is.
    pub async fn logo(&self, sha256: Sha256) -> Result<Option<Logo>, StoreError> {
        sql("SELECT sha256, format, width, height, image FROM tenant_logo WHERE sha256 = $1 LIMIT 1")
            .bind(sha256)
            .optional(&mut self.read().await?)
            .await?
            .as_ref()
            .map(read_logo)
            .transpose()
    }
}

/// The logo of a row that joins `tenant_logo` and names its columns `logo_sha256`, `logo_width` and `logo_height`.
pub(super) fn read_logo_ref(row: &Row) -> Result<Option<LogoRef>, StoreError> {
    let Some(sha256) = row.get("logo_sha256")? else { return Ok(None) };
    Ok(Some(LogoRef { sha256, width: row.get("logo_width")?, height: row.get("logo_height")? }))
}

fn read_logo(row: &Row) -> Result<Logo, StoreError> {
    Ok(Logo {
        format: row.get::<LogoFormat>("format")?,
        width: row.get("width")?,
        height: row.get("height")?,
        bytes: row.get::<Vec<u8>>("image")?.into(),
        sha256: row.get("sha256")?,
    })
}
