//! Lists of tenants and customers, and customers by the words of their names.

use std::collections::BTreeMap;

use super::text::{Needle, beginning_with};
use crate::model::access::TenantScope;
use crate::model::customer::Customer;
use crate::model::ids::{CustomerId, RelayName, TenantId};
use crate::model::tenant::TenantProfile;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::directory::catalogue::read_customer;

/// Customers of a common word that are looked through for the other words.
const LOOKED_THROUGH_MAX: u32 = 5_000;

/// The words of a range, of all tenants.
macro_rules! words_of_all {
    () => {
        concat!("customer_word WHERE word >= $1 AND word < $2 AND ", in_scope!("tenant_id", "$3"))
    };
}

/// The first `$4` words of a range of each tenant, read where the index holds that tenant's. Both forms are loops over
/// the tenants to either database: the limit within keeps it from reading the range of all tenants instead.
macro_rules! words_of_tenants {
    () => {
        "{postgres: json_array_elements_text(CAST($3 AS JSON)) AS scoped (id) CROSS JOIN LATERAL (
                SELECT tenant_id, customer_id FROM customer_word
                WHERE tenant_id = scoped.id AND word >= $1 AND word < $2 ORDER BY word LIMIT $4) AS theirs}
         {sqlite: json_each($3) AS scoped CROSS JOIN customer_word
                ON tenant_id = scoped.value AND (word, customer_id) IN (
                    SELECT word, customer_id FROM customer_word
                    WHERE tenant_id = scoped.value AND word >= $1 AND word < $2 ORDER BY word LIMIT $4)}"
    };
}

/// Customers that have one of these words, and one of each given range.
macro_rules! customers_with {
    ($($words:tt)*) => {
        concat!(
            "WITH {rows},
            picked AS MATERIALIZED (SELECT tenant_id, customer_id FROM ",
            $($words)*,
            ")
            SELECT customer.* FROM (SELECT DISTINCT tenant_id, customer_id FROM picked) AS found
                 JOIN customer ON customer.tenant_id = found.tenant_id AND customer.id = found.customer_id
            WHERE NOT EXISTS (SELECT 1 FROM rows WHERE NOT EXISTS (
                -- By the customer, who has few words; never by the word, which many may share.
                SELECT 1 FROM customer_word AS other
                WHERE other.tenant_id = found.tenant_id AND other.customer_id = found.customer_id
                  AND other.word || '' >= rows.low AND other.word || '' < rows.high))
            ORDER BY found.tenant_id, found.customer_id LIMIT $5"
        )
    };
}

/// How many customers have one of these words, up to a limit.
macro_rules! counted {
    ($($words:tt)*) => {
        concat!("SELECT COUNT(*) AS customers FROM (SELECT 1 AS one FROM ", $($words)*, " LIMIT $4) AS counted")
    };
}

pub(super) const CUSTOMERS_WITH: &str = customers_with!(words_of_all!(), " ORDER BY word LIMIT $4");
/// The same of some tenants: of all tenants' words, those of a small one may be the last that are reached.
pub(super) const CUSTOMERS_OF_TENANTS_WITH: &str = customers_with!(words_of_tenants!());

pub(super) const COUNTED: &str = counted!(words_of_all!());
pub(super) const COUNTED_OF_TENANTS: &str = counted!(words_of_tenants!());

/// A tenant in a list.
#[derive(Debug, Clone)]
pub struct ListedTenant {
    pub id: TenantId,
    /// The relay that sends its mail.
    pub relay: RelayName,
    /// What its mails show now.
    pub profile: TenantProfile,
}

impl Store {
    /// Up to `limit` tenants behind `after`, in the order of their ids.
    pub async fn tenants(
        &self,
        scope: &TenantScope,
        after: Option<&TenantId>,
        limit: u32,
    ) -> Result<Vec<ListedTenant>, StoreError> {
        sql(concat!(
            "SELECT tenant.id, tenant.relay, tenant_profile.body
            FROM tenant JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                           AND tenant_profile.version = tenant.profile_version
            WHERE tenant.id > $1 AND ",
            in_scope!("tenant.id", "$2"),
            " ORDER BY tenant.id LIMIT $3"
        ))
        .bind(after.map_or("", TenantId::as_str))
        .bind(scope)
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| Ok(ListedTenant { id: row.get("id")?, relay: row.get("relay")?, profile: row.json("body")? }))
        .collect()
    }

    /// Up to `limit` customers of a tenant behind `after`, in the order of their ids.
    pub async fn customers(
        &self,
        tenant: &TenantId,
        scope: &TenantScope,
        after: Option<&CustomerId>,
        limit: u32,
    ) -> Result<Vec<Customer>, StoreError> {
        sql(concat!(
            "SELECT * FROM customer WHERE tenant_id = $1 AND id > $2 AND ",
            in_scope!("tenant_id", "$3"),
            " ORDER BY id LIMIT $4"
        ))
        .bind(tenant)
        .bind(after.map_or("", CustomerId::as_str))
        .bind(scope)
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(read_customer)
        .collect()
    }

    /// Customers whose id begins with this text, or whose name has words that begin with each of its words; at most
    /// `limit`, and whether there are more.
    pub async fn customers_named(
        &self,
        text: &str,
        scope: &TenantScope,
        limit: u32,
    ) -> Result<(Vec<Customer>, bool), StoreError> {
        match Needle::read(text) {
            Some(needle) => self.customers_like(&needle, scope, limit).await,
            None => Ok((Vec::new(), false)),
        }
    }

    pub(super) async fn customers_like(
        &self,
        needle: &Needle,
        scope: &TenantScope,
        limit: u32,
    ) -> Result<(Vec<Customer>, bool), StoreError> {
        let mut found = BTreeMap::new();
        let by_id = [needle.customer.clone()];
        let mut ways = vec![&by_id[..]];
        if needle.words != by_id && !needle.words.is_empty() {
            ways.push(&needle.words);
        }
        let mut unseen = false;
        for words in ways {
            let (customers, is_common) = self.customers_with(words, scope, limit.saturating_add(1)).await?;
            unseen |= is_common;
            for customer in customers {
                found.insert((customer.tenant_id.clone(), customer.id.clone()), customer);
            }
        }
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = unseen || found.len() > wanted;
        Ok((found.into_values().take(wanted).collect(), more))
    }

    /// Customers that have a word that begins so for each of these; whether even the rarest of the words is so common
    /// that not all who have it were looked through.
    async fn customers_with(
        &self,
        words: &[String],
        scope: &TenantScope,
        limit: u32,
    ) -> Result<(Vec<Customer>, bool), StoreError> {
        let Some((having, rarest)) = self.rarest(words, scope).await? else { return Ok((Vec::new(), false)) };
        let (low, high) = beginning_with(&words[rarest]);
        let others = words.iter().enumerate().filter(|(index, _)| *index != rarest);
        let others: Vec<(String, String)> = others.map(|(_, word)| beginning_with(word)).collect();
        let is_common = having >= i64::from(LOOKED_THROUGH_MAX);
        let customers = sql(if scope.is_all() { CUSTOMERS_WITH } else { CUSTOMERS_OF_TENANTS_WITH })
            .bind(low)
            .bind(high)
            .bind(scope)
            .bind(looked_through(scope, is_common))
            .bind(limit)
            .rows("low text, high text", others.iter().map(|(low, high)| [low.into(), high.into()]))
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(read_customer)
            .collect::<Result<_, _>>()?;
        Ok((customers, is_common))
    }

    /// Which of the words the fewest customers have, and how many (up to a limit); none if no customer has one of them.
    async fn rarest(&self, words: &[String], scope: &TenantScope) -> Result<Option<(i64, usize)>, StoreError> {
        let mut rarest: Option<(i64, usize)> = None;
        for (index, word) in words.iter().enumerate() {
            let (low, high) = beginning_with(word);
            let row = sql(if scope.is_all() { COUNTED } else { COUNTED_OF_TENANTS })
                .bind(low)
                .bind(high)
                .bind(scope)
                .bind(LOOKED_THROUGH_MAX)
                .one(&mut self.read().await?)
                .await?;
            let customers: i64 = row.get("customers")?;
            if customers == 0 {
                return Ok(None);
            }
            rarest = rarest.min(Some((customers, index))).or(Some((customers, index)));
        }
        Ok(rarest)
    }
}

/// Of how many words of a range the customers are looked through: of a common one some of each tenant, so that neither the
/// first of many tenants have them all, nor all of them five thousand each.
fn looked_through(scope: &TenantScope, is_common: bool) -> u32 {
    match scope.tenants() {
        Some(tenants) if is_common => {
            LOOKED_THROUGH_MAX.div_ceil(u32::try_from(tenants.len()).unwrap_or(u32::MAX).max(1))
        }
        _ => LOOKED_THROUGH_MAX,
    }
}
