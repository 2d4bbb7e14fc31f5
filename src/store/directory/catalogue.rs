//! Tenants and customers as the billing system sends them.
//!
//! An upsert that changes nothing writes nothing, so that a nightly import costs little. Dead letters that an upsert
//! resolves are marked in the same transaction ([`crate::store::dead_letter::auto_redrive`]), so a crash loses no mark.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::catalogue_audit::{audit_customers, audit_tenants, master_data};
use super::settings::{SETTINGS_OF_CREATION, insert_settings};
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::customer::{Customer, Postal};
use crate::model::ids::{CustomerId, DeadLetterId, RelayName, TenantId};
use crate::model::settings::VersionedSettings;
use crate::model::tenant::{Tenant, TenantProfile};
use crate::model::verification_key::{RULES_VERSION, calling_code_of};
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::{Row, Value};
use crate::store::dead_letter::auto_redrive::{mark_resolvable_by_customers, mark_resolvable_by_tenants};
use crate::store::lane::load::read_settings;
use crate::store::people::audit::append::changed_members;
use crate::store::search::words;
use crate::store::{Store, Transaction};

/// What an upsert of a tenant did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent answers, each shown by itself")]
pub struct TenantUpserted {
    /// The tenant was not known before.
    pub created: bool,
    /// What its mails show has changed.
    pub profile_changed: bool,
    /// Its relay or its place in the document store has changed.
    pub moved: bool,
    /// The body's settings differ from those that hold; they were not applied.
    pub settings_ignored: bool,
    /// Dead letters that can be put back now.
    pub resolvable: Vec<DeadLetterId>,
}

/// What an upsert of customers did; the counts add up to the distinct customers given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomersUpserted {
    /// Not known before.
    pub created: u64,
    /// Known otherwise before.
    pub changed: u64,
    /// Known just so.
    pub unchanged: u64,
    /// Left out, because their tenant is unknown.
    pub unknown_tenant: Vec<(TenantId, CustomerId)>,
    /// Dead letters that can be put back now.
    pub resolvable: Vec<DeadLetterId>,
}

impl Store {
    /// Remembers a tenant. Its settings count only if it is new; a later difference is reported, never applied.
    pub async fn upsert_tenant(&self, tenant: &Tenant, who: &Actor) -> Result<TenantUpserted, StoreError> {
        let mut upserted = self.upsert_tenants(std::slice::from_ref(tenant), who).await?;
        Ok(upserted.pop().expect("one tenant, one answer"))
    }

    /// Remembers tenants in one transaction; answers in their order. Of a tenant that stands there twice, the last
    /// counts.
    pub async fn upsert_tenants(&self, tenants: &[Tenant], who: &Actor) -> Result<Vec<TenantUpserted>, StoreError> {
        let mut order: Vec<usize> = (0..tenants.len()).collect();
        // In order, so that two imports never wait for each other in a ring.
        order.sort_by_key(|index| &tenants[*index].id);
        let mut answers = vec![TenantUpserted::default(); tenants.len()];
        let mut transaction = self.begin().await?;
        let mut changes = BTreeMap::new();
        for index in order {
            let change;
            (answers[index], change) = self.upsert_tenant_in(&mut transaction, &tenants[index]).await?;
            changes.extend(change.map(|change| (&tenants[index].id, change)));
        }
        audit_tenants(&mut transaction, changes, who, self.now()).await?;
        transaction.commit().await?;
        Ok(answers)
    }

    /// Also what it changed, if anything.
    async fn upsert_tenant_in(
        &self,
        on: &mut Transaction,
        tenant: &Tenant,
    ) -> Result<(TenantUpserted, Option<Json>), StoreError> {
        let prefix = tenant.object_prefix();
        let created = sql("INSERT INTO tenant (id, profile_version, relay, object_prefix, updated_at)
            VALUES ($1, 1, $2, $3, $4) ON CONFLICT (id) DO NOTHING")
        .bind(&tenant.id)
        .bind(&tenant.relay)
        .bind(&prefix)
        .bind(self.now())
        .run(on)
        .await?
            > 0;
        let mut upserted = TenantUpserted { created, ..TenantUpserted::default() };
        let mut change = created.then(|| json!({ "created": true }));
        if created {
            insert_profile(on, tenant, 1).await?;
            let settings = VersionedSettings { version: 1, settings: tenant.settings };
            insert_settings(on, &tenant.id, settings, (SETTINGS_OF_CREATION, None), self.now()).await?;
        } else {
            let known = KnownTenant::lock(on, &tenant.id).await?;
            upserted.settings_ignored = known.tenant.settings != tenant.settings;
            upserted.profile_changed = known.tenant.profile != tenant.profile;
            upserted.moved = known.tenant.relay != tenant.relay || known.tenant.object_prefix() != prefix;
            if upserted.profile_changed || upserted.moved {
                self.change_tenant(on, tenant, &known, upserted.profile_changed).await?;
                change = Some(changed_members(&master_data(&known.tenant), &master_data(tenant)));
            }
        }
        upserted.resolvable = mark_resolvable_by_tenants(on, &[&tenant.id]).await?;
        Ok((upserted, change))
    }

    async fn change_tenant(
        &self,
        on: &mut Transaction,
        tenant: &Tenant,
        known: &KnownTenant,
        profile_changed: bool,
    ) -> Result<(), StoreError> {
        let version = known.profile_version + i64::from(profile_changed);
        if profile_changed {
            sql("UPDATE tenant_profile SET superseded_at = $3 WHERE tenant_id = $1 AND version = $2")
                .bind(&tenant.id)
                .bind(known.profile_version)
                .bind(self.now())
                .run(on)
                .await?;
            insert_profile(on, tenant, version).await?;
        }
        sql("UPDATE tenant SET profile_version = $2, relay = $3, object_prefix = $4, updated_at = $5 WHERE id = $1")
            .bind(&tenant.id)
            .bind(version)
            .bind(&tenant.relay)
            .bind(tenant.object_prefix())
            .bind(self.now())
            .run(on)
            .await?;
        Ok(())
    }

    /// Remembers a customer.
    pub async fn upsert_customer(&self, customer: &Customer, who: &Actor) -> Result<CustomersUpserted, StoreError> {
        self.upsert_customers(std::slice::from_ref(customer), who).await
    }

    /// Remembers customers in one transaction. Of a customer that stands there twice, the last counts.
    pub async fn upsert_customers(&self, customers: &[Customer], who: &Actor) -> Result<CustomersUpserted, StoreError> {
        // One row each, in order: so that two imports never wait for each other in a ring.
        let customers: BTreeMap<_, _> =
            customers.iter().map(|customer| ((&customer.tenant_id, &customer.id), customer)).collect();
        let mut transaction = self.begin().await?;
        let (customers, unknown_tenant) = with_known_tenants(&mut transaction, customers.into_values()).await?;
        let known = known_customers(&mut transaction, &customers).await?;
        let changed: Vec<&Customer> = customers
            .iter()
            .copied()
            .filter(|customer| {
                known.get(&(customer.tenant_id.clone(), customer.id.clone())).is_none_or(|known| known != *customer)
            })
            .collect();
        self.write_customers(&mut transaction, &changed).await?;
        // Also where the name seems to be the same: another import may have changed it since it was read.
        words::replace(&mut transaction, &changed).await?;
        let resolvable =
            mark_resolvable_by_customers(&mut transaction, &customers, &changed, &self.verification).await?;
        audit_customers(&mut transaction, &changed, &known, who, self.now()).await?;
        transaction.commit().await?;
        let count = |number: usize| u64::try_from(number).expect("a usize fits");
        Ok(CustomersUpserted {
            created: count(customers.len() - known.len()),
            changed: count(changed.len() + known.len() - customers.len()),
            unchanged: count(customers.len() - changed.len()),
            unknown_tenant,
            resolvable,
        })
    }

    async fn write_customers(&self, on: &mut Transaction, customers: &[&Customer]) -> Result<(), StoreError> {
        if customers.is_empty() {
            return Ok(());
        }
        let now = self.now();
        sql("WITH {rows} INSERT INTO customer ({columns}) SELECT {columns} FROM rows WHERE TRUE
            ON CONFLICT (tenant_id, id) DO UPDATE SET type = excluded.type, name = excluded.name,
                   address = excluded.address, locale = excluded.locale, country = excluded.country,
                   postcode = excluded.postcode, house_number = excluded.house_number, mobile = excluded.mobile,
                   postcode_key = excluded.postcode_key, house_number_key = excluded.house_number_key,
                   mobile_country = excluded.mobile_country, verification_rules = excluded.verification_rules,
                   -- What the provider refused was that number, not another.
                   mobile_refused_at = CASE WHEN customer.mobile = excluded.mobile THEN customer.mobile_refused_at END,
                   updated_at = excluded.updated_at")
        .batch(rows!(customers, |customer| let keys = customer.verification_keys(); {
            tenant_id: text = &customer.tenant_id,
            id: text = &customer.id,
            type: text = customer.kind,
            name: text = &customer.name,
            address: text = &customer.address,
            locale: text = &customer.locale,
            country: text = &customer.postal.country,
            postcode: text = &customer.postal.postcode,
            house_number: text = &customer.postal.house_number,
            mobile: text = &customer.mobile,
            postcode_key: text = keys.postcode,
            house_number_key: text = keys.house_number,
            mobile_country: bigint = customer.mobile.as_deref().and_then(calling_code_of),
            verification_rules: bigint = RULES_VERSION,
            updated_at: bigint = now,
        }))
        .run(on)
        .await?;
        Ok(())
    }

    /// A tenant with what holds for it now.
    pub async fn tenant(&self, id: &TenantId, scope: &TenantScope) -> Result<Option<Tenant>, StoreError> {
        let row = sql(concat!(
            "SELECT tenant.id, tenant.relay, tenant.object_prefix, tenant.profile_version,
                   tenant_profile.body, settings.version, settings.sensitive_attachments, settings.portal_level,
                   settings.portal_primary, settings.portal_secondary
            FROM tenant JOIN tenant_settings AS settings ON settings.tenant_id = tenant.id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
            WHERE tenant.id = $1 AND ",
            in_scope!("tenant.id", "$2")
        ))
        .bind(id)
        .bind(scope)
        .optional(&mut self.read().await?)
        .await?;
        row.map(|row| Ok(KnownTenant::read(&row)?.tenant)).transpose()
    }

    /// Every tenant's name and relay, in order.
    pub async fn tenant_relays(&self) -> Result<Vec<(TenantId, RelayName)>, StoreError> {
        sql("SELECT id, relay FROM tenant ORDER BY id")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok((row.get("id")?, row.get("relay")?)))
            .collect()
    }

    pub async fn customer(
        &self,
        tenant: &TenantId,
        id: &CustomerId,
        scope: &TenantScope,
    ) -> Result<Option<Customer>, StoreError> {
        let row =
            sql(concat!("SELECT * FROM customer WHERE tenant_id = $1 AND id = $2 AND ", in_scope!("tenant_id", "$3")))
                .bind(tenant)
                .bind(id)
                .bind(scope)
                .optional(&mut self.read().await?)
                .await?;
        row.as_ref().map(read_customer).transpose()
    }
}

/// A tenant as it stood before an upsert.
struct KnownTenant {
    tenant: Tenant,
    profile_version: i64,
}

impl KnownTenant {
    /// Reads the tenant and locks it, as intake does: neither sees half of the other's work.
    async fn lock(on: &mut Transaction, id: &TenantId) -> Result<Self, StoreError> {
        sql("SELECT id FROM tenant WHERE id = $1 {postgres: FOR NO KEY UPDATE}").bind(id).one(on).await?;
        let row = sql("SELECT tenant.id, tenant.relay, tenant.object_prefix, tenant.profile_version,
                   tenant_profile.body, settings.version, settings.sensitive_attachments, settings.portal_level,
                   settings.portal_primary, settings.portal_secondary
            FROM tenant JOIN tenant_settings AS settings ON settings.tenant_id = tenant.id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
            WHERE tenant.id = $1")
        .bind(id)
        .one(on)
        .await?;
        Self::read(&row)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let tenant = Tenant {
            id: row.get("id")?,
            relay: row.get("relay")?,
            object_prefix: Some(row.get("object_prefix")?),
            profile: row.json::<TenantProfile>("body")?,
            settings: read_settings(row)?.settings,
        };
        Ok(Self { tenant, profile_version: row.get("profile_version")? })
    }
}

async fn insert_profile(on: &mut Transaction, tenant: &Tenant, version: i64) -> Result<(), StoreError> {
    let body = serde_json::to_string(&tenant.profile).expect("a profile is always JSON");
    sql("INSERT INTO tenant_profile (tenant_id, version, body) VALUES ($1, $2, $3)")
        .bind(&tenant.id)
        .bind(version)
        .bind(body)
        .run(on)
        .await?;
    Ok(())
}

/// Parts the customers of known tenants from the others.
async fn with_known_tenants<'c>(
    on: &mut Transaction,
    customers: impl Iterator<Item = &'c Customer>,
) -> Result<(Vec<&'c Customer>, Vec<(TenantId, CustomerId)>), StoreError> {
    let customers: Vec<&Customer> = customers.collect();
    let mut tenants: Vec<&TenantId> = customers.iter().map(|customer| &customer.tenant_id).collect();
    tenants.dedup();
    let known: HashSet<TenantId> = sql("WITH {rows} SELECT tenant.id FROM rows JOIN tenant ON tenant.id = rows.id")
        .rows("id text", tenants.iter().map(|id| [(*id).into()]))
        .all(on)
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect::<Result<_, _>>()?;
    let (customers, strangers): (Vec<_>, Vec<_>) =
        customers.into_iter().partition(|customer| known.contains(&customer.tenant_id));
    Ok((customers, strangers.iter().map(|customer| (customer.tenant_id.clone(), customer.id.clone())).collect()))
}

async fn known_customers(
    on: &mut Transaction,
    customers: &[&Customer],
) -> Result<HashMap<(TenantId, CustomerId), Customer>, StoreError> {
    sql("WITH {rows} SELECT customer.* FROM rows
            JOIN customer ON customer.tenant_id = rows.tenant_id AND customer.id = rows.id")
    .rows("tenant_id text, id text", customers.iter().map(|customer| key(customer)))
    .all(on)
    .await?
    .iter()
    .map(|row| {
        let customer = read_customer(row)?;
        Ok(((customer.tenant_id.clone(), customer.id.clone()), customer))
    })
    .collect()
}

fn key(customer: &Customer) -> [Value<'_>; 2] {
    [(&customer.tenant_id).into(), (&customer.id).into()]
}

pub(in crate::store) fn read_customer(row: &Row) -> Result<Customer, StoreError> {
    Ok(Customer {
        tenant_id: row.get("tenant_id")?,
        id: row.get("id")?,
        kind: row.get("type")?,
        name: row.get("name")?,
        address: row.get("address")?,
        locale: row.get("locale")?,
        postal: Postal {
            country: row.get("country")?,
            postcode: row.get("postcode")?,
            house_number: row.get("house_number")?,
        },
        mobile: row.get("mobile")?,
    })
}
