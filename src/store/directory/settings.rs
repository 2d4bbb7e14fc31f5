//! What tenants' administrators have chosen, and who chose it when.

use std::collections::BTreeMap;

use serde_json::json;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::TenantId;
use crate::model::settings::{Settings, VersionedSettings};
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::erased::ERASED;
use crate::store::directory::person::{NEEDLES, Person, names_person};
use crate::store::lane::load::read_settings;
use crate::store::people::audit::append::{NewAuditEntry, append, changed_members};
use crate::store::{Store, Transaction};

/// Who chose the settings that a tenant began with.
pub const SETTINGS_OF_CREATION: &str = "created with the tenant";

/// What became of new settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsPut {
    /// They hold; the version is as before if they are what held already.
    Saved(VersionedSettings),
    /// They were changed meanwhile: these hold.
    Conflict(VersionedSettings),
    /// The tenant is unknown.
    UnknownTenant,
    /// The tenant never had the version that was to be restored.
    UnknownVersion,
}

/// Settings that held from some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsChange {
    pub version: i64,
    /// What was chosen.
    pub settings: Settings,
    /// Since when they hold.
    pub changed_at: Timestamp,
    /// Who chose them.
    pub changed_by: String,
    /// Why, where somebody said so.
    pub reason: Option<String>,
}

impl Store {
    /// The settings that hold for a tenant.
    pub async fn settings(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
    ) -> Result<Option<VersionedSettings>, StoreError> {
        let row = sql(concat!("SELECT * FROM tenant_settings WHERE tenant_id = $1 AND ", in_scope!("tenant_id", "$2")))
            .bind(tenant)
            .bind(scope)
            .optional(&mut self.read().await?)
            .await?;
        row.as_ref().map(read_settings).transpose()
    }

    /// The settings that hold for each tenant.
    pub async fn all_settings(&self) -> Result<BTreeMap<TenantId, Settings>, StoreError> {
        sql("SELECT * FROM tenant_settings")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok((row.get("tenant_id")?, read_settings(row)?.settings)))
            .collect()
    }

    /// Saves valid settings, if those of version `if_match` still hold (or whatever holds, without one). Once this has
    /// committed, no message starts that was decided upon the old ones. Without a `reason` the actor's own counts.
    pub async fn put_settings(
        &self,
        tenant: &TenantId,
        settings: &Settings,
        if_match: Option<i64>,
        reason: Option<&str>,
        who: &Actor,
    ) -> Result<SettingsPut, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(current) = lock_settings(&mut transaction, tenant).await? else {
            return Ok(SettingsPut::UnknownTenant);
        };
        let change = ChosenSettings { settings: *settings, restored: None, reason, who };
        self.save_settings(transaction, tenant, current, if_match, change).await
    }

    /// Saves what held as an earlier `version` once more, as a new version; otherwise as [`Store::put_settings`].
    pub async fn restore_settings(
        &self,
        tenant: &TenantId,
        version: i64,
        if_match: Option<i64>,
        reason: Option<&str>,
        who: &Actor,
    ) -> Result<SettingsPut, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(current) = lock_settings(&mut transaction, tenant).await? else {
            return Ok(SettingsPut::UnknownTenant);
        };
        let row = sql("SELECT settings FROM settings_change WHERE tenant_id = $1 AND version = $2")
            .bind(tenant)
            .bind(version)
            .optional(&mut transaction)
            .await?;
        let Some(row) = row else { return Ok(SettingsPut::UnknownVersion) };
        let change = ChosenSettings { settings: row.json("settings")?, restored: Some(version), reason, who };
        self.save_settings(transaction, tenant, current, if_match, change).await
    }

    async fn save_settings(
        &self,
        mut transaction: Transaction,
        tenant: &TenantId,
        current: VersionedSettings,
        if_match: Option<i64>,
        chosen: ChosenSettings<'_>,
    ) -> Result<SettingsPut, StoreError> {
        let ChosenSettings { settings, restored, reason, who } = chosen;
        if if_match.is_some_and(|version| version != current.version) {
            return Ok(SettingsPut::Conflict(current));
        }
        if current.settings == settings {
            return Ok(SettingsPut::Saved(current));
        }
        let saved = VersionedSettings { version: current.version + 1, settings };
        let now = self.now();
        let reason = reason.or(who.reason.as_deref());
        insert_settings(&mut transaction, tenant, saved, (who.name(), reason), now).await?;
        let json = |settings: &Settings| serde_json::to_value(settings).expect("settings are always JSON");
        let mut change = changed_members(&json(&current.settings), &json(&settings));
        change["version"] = json!({ "old": current.version, "new": saved.version });
        if let Some(version) = restored {
            change["restored_version"] = json!(version);
        }
        let entry = NewAuditEntry::new(AuditAction::SettingsChanged, who).of_tenant(tenant).about(tenant.as_str());
        let entry = NewAuditEntry { reason, ..entry.with(change) };
        append(&mut transaction, &entry, now).await?;
        transaction.commit().await?;
        Ok(SettingsPut::Saved(saved))
    }

    /// Settings that held for a tenant, of versions before `before` if it names one, newest first; `limit` of them at most.
    pub async fn settings_changes(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<SettingsChange>, StoreError> {
        sql(concat!(
            "SELECT version, settings, changed_at, changed_by, reason FROM settings_change
            WHERE tenant_id = $1 AND version < $3 AND ",
            in_scope!("tenant_id", "$2"),
            " ORDER BY version DESC LIMIT $4"
        ))
        .bind(tenant)
        .bind(scope)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(SettingsChange {
                version: row.get("version")?,
                settings: row.json("settings")?,
                changed_at: row.get("changed_at")?,
                changed_by: row.get("changed_by")?,
                reason: row.get("reason")?,
            })
        })
        .collect()
    }
}

/// Takes from the versions of the tenant's settings why they were chosen, where that names a person.
pub(super) async fn erase_settings_reasons(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    person: &Person,
) -> Result<(), StoreError> {
    sql(concat!(
        "WITH {rows} UPDATE settings_change SET reason = $1 WHERE tenant_id = $2 AND reason IS NOT NULL AND ",
        names_person!("settings_change.reason")
    ))
    .bind(ERASED)
    .bind(tenant)
    .rows(NEEDLES, person.needles())
    .run(on)
    .await?;
    Ok(())
}

/// What somebody wants to hold, and why.
struct ChosenSettings<'a> {
    settings: Settings,
    /// The version that they held as before.
    restored: Option<i64>,
    reason: Option<&'a str>,
    who: &'a Actor,
}

/// What holds now, until the transaction ends.
async fn lock_settings(on: &mut Transaction, tenant: &TenantId) -> Result<Option<VersionedSettings>, StoreError> {
    let row = sql("SELECT * FROM tenant_settings WHERE tenant_id = $1 {postgres: FOR UPDATE}")
        .bind(tenant)
        .optional(on)
        .await?;
    row.as_ref().map(read_settings).transpose()
}

/// Lets settings hold, and remembers who chose them and why.
pub(in crate::store) async fn insert_settings(
    on: &mut Transaction,
    tenant: &TenantId,
    saved: VersionedSettings,
    (who, reason): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let VersionedSettings { version, settings } = saved;
    let portal = settings.portal_authentication;
    sql("INSERT INTO tenant_settings (tenant_id, version, sensitive_attachments, portal_level, portal_primary,
                                     portal_secondary)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant_id) DO UPDATE SET version = excluded.version,
               sensitive_attachments = excluded.sensitive_attachments, portal_level = excluded.portal_level,
               portal_primary = excluded.portal_primary, portal_secondary = excluded.portal_secondary")
    .bind(tenant)
    .bind(version)
    .bind(settings.sensitive_attachments)
    .bind(portal.level)
    .bind(portal.primary)
    .bind(portal.secondary)
    .run(on)
    .await?;
    let body = serde_json::to_string(&settings).expect("settings are always JSON");
    sql("INSERT INTO settings_change (tenant_id, version, settings, changed_at, changed_by, reason)
        VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(tenant)
    .bind(version)
    .bind(body)
    .bind(now)
    .bind(who)
    .bind(reason)
    .run(on)
    .await?;
    Ok(())
}
