//! What the audit log says, newest first.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, TenantId};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::statement::{Statement, built_sql};
use crate::store::db::value::{Row, Value};

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// A name as the entries show it, or the id of an operator or token.
    pub who: Option<String>,
    pub action: Option<AuditAction>,
    pub tenant: Option<TenantId>,
    /// What was acted upon, exactly.
    pub subject: Option<String>,
}

/// An entry as it can be read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub sequence: i64,
    pub at: Timestamp,
    pub action: AuditAction,
    /// `operator`, `token`, `bootstrap_token`, `this_machine` or `command_line`.
    pub who_kind: String,
    pub who_id: Option<Uuid>,
    /// Erased with a customer whom the entry named.
    pub who: Option<String>,
    pub tenant: Option<TenantId>,
    pub customer: Option<CustomerId>,
    pub subject: Option<String>,
    pub reason: Option<String>,
    pub change: Option<Json>,
    /// Deleted after 7 days.
    pub network: Option<String>,
    pub is_erased: bool,
}

impl AuditRecord {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let who: Option<String> = row.get("name")?;
        let change: Option<String> = row.get("change")?;
        Ok(Self {
            sequence: row.get("sequence")?,
            at: row.get("at")?,
            action: row.get("action")?,
            who_kind: row.get("who_kind")?,
            who_id: row.get("who_id")?,
            is_erased: who.is_none(),
            who,
            tenant: row.get("tenant_id")?,
            customer: row.get("customer_id")?,
            subject: row.get("subject")?,
            reason: row.get("reason")?,
            // What somebody wrote into it by hand is shown as it is; the proof finds it.
            change: change.map(|change| serde_json::from_str(&change).unwrap_or(Json::String(change))),
            network: row.get("network")?,
        })
    }

    /// What was and what is, a member each; of what is only a number or a list, that alone.
    #[must_use]
    pub fn changes(&self) -> Vec<ChangedMember> {
        let Some(Json::Object(members)) = &self.change else {
            let lone = self.change.iter().map(|is| ChangedMember { what: String::new(), was: None, is: shown(is) });
            return lone.collect();
        };
        let of = |(what, member): (&String, &Json)| match (member.get("old"), member.get("new")) {
            (Some(old), Some(new)) => changed(what, old, new),
            _ => vec![ChangedMember { what: what.clone(), was: None, is: shown(member) }],
        };
        members.iter().flat_map(of).collect()
    }

    /// Where a list goes on behind it.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.at, id: Uuid::from_u128(u128::try_from(self.sequence).unwrap_or_default()) }
    }
}

/// A member of what an entry changed, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedMember {
    pub what: String,
    pub was: Option<String>,
    pub is: Option<String>,
}

/// Of two objects, the members in which they differ.
fn changed(what: &str, old: &Json, new: &Json) -> Vec<ChangedMember> {
    let (Json::Object(before), Json::Object(after)) = (old, new) else {
        return vec![ChangedMember { what: what.to_owned(), was: shown(old), is: shown(new) }];
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |object: &Map<String, Json>, name: &String| object.get(name).cloned().unwrap_or_default();
    let members = names.into_iter().map(|name| (name, value(before, name), value(after, name)));
    members
        .filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| ChangedMember { what: format!("{what}.{name}"), was: shown(&was), is: shown(&is) })
        .collect()
}

fn shown(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

impl Store {
    /// Entries that somebody of this scope may see, newest first. What is of no tenant is seen by whom all are open to.
    pub async fn audit_entries(
        &self,
        scope: &TenantScope,
        filter: &AuditSearch,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let rows = statement(scope, filter, page).all(&mut self.read().await?).await?;
        Page::of(&rows, page.limit, AuditRecord::read, AuditRecord::cursor)
    }
}

/// Only the conditions that are asked for, so that each list has an index that serves it.
fn statement<'v>(scope: &TenantScope, filter: &'v AuditSearch, page: PageRequest) -> Statement<'v> {
    let mut text = String::from(
        "SELECT audit_entry.sequence, audit_entry.at, audit_entry.action, audit_entry.who_kind, audit_entry.who_id,
                audit_entry.tenant_id, audit_entry.customer_id, audit_entry.subject, audit_detail.name,
                audit_detail.reason, audit_detail.change, audit_network.network
         FROM audit_entry LEFT JOIN audit_detail ON audit_detail.sequence = audit_entry.sequence
              LEFT JOIN audit_network ON audit_network.sequence = audit_entry.sequence
         WHERE TRUE",
    );
    let mut values: Vec<Value<'v>> = Vec::new();
    let mut and = |condition: &str, value: Value<'v>| {
        values.push(value);
        text.push_str(" AND ");
        text.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    // The times of the entries rise with their numbers.
    if let Some(since) = filter.since {
        and(
            "audit_entry.sequence >= COALESCE((SELECT sequence FROM audit_entry WHERE at >= ? ORDER BY at, sequence LIMIT 1),
                                              9223372036854775807)",
            since.into(),
        );
    }
    if let Some(until) = filter.until {
        and(
            "audit_entry.sequence < COALESCE((SELECT sequence FROM audit_entry WHERE at >= ? ORDER BY at, sequence LIMIT 1),
                                             9223372036854775807)",
            until.into(),
        );
    }
    if let Some(after) = page.after {
        let sequence = i64::try_from(after.id.as_u128()).unwrap_or(i64::MAX);
        and("audit_entry.sequence < ?", sequence.into());
    }
    if let Some(who) = &filter.who {
        match Uuid::try_parse(who) {
            Ok(id) => and("audit_entry.who_id = ?", id.into()),
            Err(_) => and("audit_detail.name = ?", who.into()),
        }
    }
    if let Some(action) = filter.action {
        and("audit_entry.action = ?", action.into_str().into());
    }
    if let Some(tenant) = &filter.tenant {
        and("audit_entry.tenant_id = ?", tenant.into());
    }
    if let Some(subject) = &filter.subject {
        and("audit_entry.subject = ?", subject.into());
    }
    if let Some(tenants) = scope.tenants() {
        let tenants = serde_json::to_string(tenants).expect("ids are always JSON");
        and(
            "audit_entry.tenant_id IN ({postgres: SELECT json_array_elements_text(CAST(? AS json))}
                                       {sqlite: SELECT value FROM json_each(?)})",
            tenants.into(),
        );
    }
    values.push(page.limit.saturating_add(1).into());
    text.push_str(" ORDER BY audit_entry.sequence DESC LIMIT $");
    text.push_str(&values.len().to_string());
    built_sql(text, values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_shown_member_by_member() {
        let record = |change: Json| AuditRecord {
            sequence: 1,
            at: Timestamp(0),
            action: AuditAction::SettingsChanged,
            who_kind: "operator".to_owned(),
            who_id: None,
            who: None,
            tenant: None,
            customer: None,
            subject: None,
            reason: None,
            change: Some(change),
            network: None,
            is_erased: false,
        };
        let changed = |what: &str, was: Option<&str>, is: Option<&str>| ChangedMember {
            what: what.to_owned(),
            was: was.map(str::to_owned),
            is: is.map(str::to_owned),
        };
        let change =
            json!({ "level": { "old": "sensitive", "new": null }, "links": 3, "version": { "old": 1, "new": 2 } });
        let expected = [
            changed("level", Some("sensitive"), None),
            changed("links", None, Some("3")),
            changed("version", Some("1"), Some("2")),
        ];
        assert_eq!(record(change).changes(), expected);
        let level = |level: &str| json!({ "level": level, "primary": "sms_otp" });
        let nested = json!({ "portal": { "old": level("sensitive"), "new": level("every_page") } });
        assert_eq!(record(nested).changes(), [changed("portal.level", Some("sensitive"), Some("every_page"))]);
        assert_eq!(record(json!("odd")).changes(), [changed("", None, Some("odd"))]);
    }
}
