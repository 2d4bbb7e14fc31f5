//! What the audit log keeps of tenants and customers that were written.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, TenantId};
use crate::model::tenant::Tenant;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::people::audit::append::{NewAuditEntry, append, changed_members};

/// What became of tenants, by one entry for all of them.
pub(super) async fn audit_tenants(
    on: &mut Transaction,
    mut changes: BTreeMap<&TenantId, Json>,
    who: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = NewAuditEntry::new(AuditAction::TenantsWritten, who);
    let entry = match changes.len() {
        0 => return Ok(()),
        1 => {
            let (tenant, change) = changes.pop_first().expect("there is one");
            entry.of_tenant(tenant).about(tenant.as_str()).with(change)
        }
        number => entry.with(json!({ "tenants": number })),
    };
    append(on, &entry, now).await
}

/// What became of customers, by one entry for all of them. What of a customer was changed is named, not repeated: master data are the billing system's.
pub(super) async fn audit_customers(
    on: &mut Transaction,
    changed: &[&Customer],
    known: &HashMap<(TenantId, CustomerId), Customer>,
    who: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = NewAuditEntry::new(AuditAction::CustomersWritten, who);
    let before = |customer: &Customer| known.get(&(customer.tenant_id.clone(), customer.id.clone()));
    let entry = match changed {
        [] => return Ok(()),
        [one] => {
            let json = |customer: &Customer| serde_json::to_value(customer).expect("a customer is always JSON");
            let change = match before(one) {
                Some(before) => {
                    let members = changed_members(&json(before), &json(one));
                    json!({ "changed": members.as_object().map(|members| members.keys().collect::<Vec<_>>()) })
                }
                None => json!({ "created": true }),
            };
            entry.of_customer(&one.tenant_id, &one.id).about(one.id.as_str()).with(change)
        }
        [first, others @ ..] => {
            let created = changed.iter().filter(|customer| before(customer).is_none()).count();
            let change = json!({ "created": created, "changed": changed.len() - created });
            let of_one = others.iter().all(|other| other.tenant_id == first.tenant_id);
            NewAuditEntry { tenant: of_one.then_some(&first.tenant_id), ..entry }.with(change)
        }
    };
    append(on, &entry, now).await
}

/// What an upsert may change of a tenant that is known.
pub(super) fn master_data(tenant: &Tenant) -> Json {
    let mut json = serde_json::to_value(&tenant.profile).expect("a profile is always JSON");
    json["relay"] = json!(tenant.relay);
    json["object_prefix"] = json!(tenant.object_prefix());
    json
}
