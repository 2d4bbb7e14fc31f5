//! New entries.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::chain::{AuditDetail, AuditNetwork, ChainedEntry};
use super::head::{AuditHead, LockedHead};
use crate::clean;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::secrets::{AuditKeys, audit_salt};
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::people::idempotency::mark_acted;
use crate::store::{Store, Transaction};

/// The longest subject, in characters: longer than any id or number.
const SUBJECT_CHARS_MAX: usize = 300;
/// The longest reason or name that is kept, in characters.
const TEXT_CHARS_MAX: usize = 2_000;
/// The largest old and new values that are kept, in bytes.
const CHANGE_BYTES_MAX: usize = 16_384;

/// What the audit log is to keep of an act.
#[derive(Debug, Clone)]
pub struct NewAuditEntry<'a> {
    pub action: AuditAction,
    pub actor: &'a Actor,
    pub tenant: Option<&'a TenantId>,
    /// Whose personal data it is about; what names people in it goes with their erasure.
    pub customer: Option<&'a CustomerId>,
    /// What was acted upon. Never erased: no name, no address.
    pub subject: Option<Cow<'a, str>>,
    pub reason: Option<&'a str>,
    /// What was and what is, or how many.
    pub change: Option<Json>,
}

impl<'a> NewAuditEntry<'a> {
    /// With the actor's reason, if there is one.
    #[must_use]
    pub fn new(action: AuditAction, actor: &'a Actor) -> Self {
        let reason = actor.reason.as_deref();
        Self { action, actor, tenant: None, customer: None, subject: None, reason, change: None }
    }

    #[must_use]
    pub fn of_tenant(self, tenant: &'a TenantId) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    #[must_use]
    pub fn of_customer(self, tenant: &'a TenantId, customer: &'a CustomerId) -> Self {
        Self { tenant: Some(tenant), customer: Some(customer), ..self }
    }

    #[must_use]
    pub fn about(self, subject: impl Into<Cow<'a, str>>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    #[must_use]
    pub fn because(self, reason: &'a str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    #[must_use]
    pub fn with(self, change: Json) -> Self {
        Self { change: Some(change), ..self }
    }

    /// What names people, bounded.
    fn detail(&self, change: Option<&Json>) -> AuditDetail {
        let part = |text: &str| clean::marked_part(text, TEXT_CHARS_MAX);
        AuditDetail {
            salt: audit_salt().to_vec(),
            name: part(self.actor.name()),
            reason: self.reason.map(part),
            change: change.map(kept_change),
        }
    }
}

/// Old and new values as they are kept.
pub(super) fn kept_change(change: &Json) -> String {
    let text = change.to_string();
    if text.len() > CHANGE_BYTES_MAX { json!({ "omitted_bytes": text.len() }).to_string() } else { text }
}

/// What of two JSON objects differs: each member with its old and its new value.
#[must_use]
pub fn changed_members(old: &Json, new: &Json) -> Json {
    let (Json::Object(before), Json::Object(after)) = (old, new) else { return json!({ "old": old, "new": new }) };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    let change = |name: &String| (name.clone(), json!({ "old": before.get(name), "new": after.get(name) }));
    Json::Object(names.into_iter().filter(differs).map(change).collect())
}

impl Store {
    /// The same store; entries of the audit log are signed with these keys.
    #[must_use]
    pub fn with_audit_keys(self, audit_keys: AuditKeys) -> Self {
        Self { audit_keys, ..self }
    }

    /// Keeps an act that changes nothing in the database, or one that is not done in one transaction of it.
    pub async fn audit(&self, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        self.audit_at(entry, self.now()).await
    }

    /// The same, of an act of that moment.
    pub async fn audit_at(&self, entry: &NewAuditEntry<'_>, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        append(&mut transaction, entry, at).await?;
        transaction.commit().await
    }
}

/// Keeps the act whose transaction this is, and marks the idempotency key that it is done under, if there is one; fails if
/// another request has that key by now. The last statement before the commit: the row that it locks is everybody's.
pub(in crate::store) async fn append(
    on: &mut Transaction,
    entry: &NewAuditEntry<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let actor = entry.actor;
    // Of an act in several transactions, each of them is made under the key or not at all.
    if let Some(key) = &actor.key {
        mark_acted(on, key, now).await?;
    }
    if actor.is_recorded() {
        return Ok(());
    }
    let keys = on.audit_keys.clone();
    let key = keys.newest();
    let named = actor.named_act();
    // What an act of many parts changes, no single part says.
    let detail = entry.detail(named.map_or(entry.change.as_ref(), |act| act.change.as_ref()));
    let network = actor.network.as_ref().map(|network| AuditNetwork {
        salt: audit_salt().to_vec(),
        network: clean::marked_part(network, SUBJECT_CHARS_MAX),
    });
    let (action, subject) = match named {
        Some(act) => (act.action, Some(act.subject)),
        None => (entry.action, entry.subject.as_deref()),
    };
    let (tenant, customer) = if named.is_some() { (None, None) } else { (entry.tenant, entry.customer) };
    let kind = actor.principal.kind;
    let last = LockedHead::take(on).await?;
    let chained = ChainedEntry {
        sequence: last.head.sequence + 1,
        // The clocks of two workers differ a little; the order of the log is that of its times.
        at: last.at.max(now),
        action: action.into_str().to_owned(),
        who_kind: kind.into_str().to_owned(),
        who_id: kind.id(),
        tenant: tenant.map(|tenant| tenant.as_str().to_owned()),
        customer: customer.map(|customer| customer.as_str().to_owned()),
        subject: subject.map(|subject| clean::marked_part(subject, SUBJECT_CHARS_MAX)),
        key: key.fingerprint().to_owned(),
        detail_hmac: detail.hmac(key),
        network_hmac: network.as_ref().map(|network| network.hmac(key)),
        previous_hash: last.head.hash,
    };
    let hash = chained.hash(key);
    insert(on, &chained, hash, &detail, network.as_ref()).await?;
    let head = AuditHead { sequence: chained.sequence, hash };
    LockedHead { head, at: chained.at }.move_to(on).await?;
    actor.mark_recorded();
    Ok(())
}

async fn insert(
    on: &mut Transaction,
    entry: &ChainedEntry,
    hash: Sha256,
    detail: &AuditDetail,
    network: Option<&AuditNetwork>,
) -> Result<(), StoreError> {
    sql("INSERT INTO audit_entry (sequence, at, action, who_kind, who_id, tenant_id, customer_id, subject, key,
                                 detail_hmac, network_hmac, previous_hash, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
    .bind(entry.sequence)
    .bind(entry.at)
    .bind(&entry.action)
    .bind(&entry.who_kind)
    .bind(entry.who_id)
    .bind(&entry.tenant)
    .bind(&entry.customer)
    .bind(&entry.subject)
    .bind(&entry.key)
    .bind(entry.detail_hmac)
    .bind(entry.network_hmac)
    .bind(entry.previous_hash)
    .bind(hash)
    .run(on)
    .await?;
    sql("INSERT INTO audit_detail (sequence, salt, name, reason, change) VALUES ($1, $2, $3, $4, $5)")
        .bind(entry.sequence)
        .bind(&*detail.salt)
        .bind(&detail.name)
        .bind(&detail.reason)
        .bind(&detail.change)
        .run(on)
        .await?;
    if let Some(network) = network {
        sql("INSERT INTO audit_network (sequence, salt, network) VALUES ($1, $2, $3)")
            .bind(entry.sequence)
            .bind(&*network.salt)
            .bind(&network.network)
            .run(on)
            .await?;
    }
    Ok(())
}

/// Whose delivery it is, for the entry of an act upon it.
pub(in crate::store) async fn whose_delivery(
    on: &mut Transaction,
    delivery: DeliveryId,
) -> Result<(TenantId, CustomerId), StoreError> {
    let row = sql("SELECT tenant_id, customer_id FROM delivery WHERE id = $1").bind(delivery).one(on).await?;
    Ok((row.get("tenant_id")?, row.get("customer_id")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let old = json!({ "level": "sensitive", "primary": "sms_otp", "gone": 1 });
        let new = json!({ "level": "every_page", "primary": "sms_otp", "new": [2] });
        let expected = json!({
            "gone": { "old": 1, "new": null },
            "level": { "old": "sensitive", "new": "every_page" },
            "new": { "old": null, "new": [2] },
        });
        assert_eq!(changed_members(&old, &new), expected);
        assert_eq!(changed_members(&old, &old), json!({}));
        assert_eq!(changed_members(&json!(1), &json!(2)), json!({ "old": 1, "new": 2 }));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let actor = Actor::command_line("ada").because("x".repeat(5_000));
        let entry = NewAuditEntry::new(AuditAction::SettingsChanged, &actor).with(json!("y".repeat(20_000)));
        let detail = entry.detail(entry.change.as_ref());
        assert_eq!(detail.reason.map(|reason| reason.chars().count()), Some(TEXT_CHARS_MAX));
        assert_eq!(detail.change.as_deref(), Some("{\"omitted_bytes\":20002}"));
    }
}
