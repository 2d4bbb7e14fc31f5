//! The links and customers that are locked now, a page at a time.
//!
//! No row says that something is locked: it follows from the failures, by the rules of [`crate::policy::lockout`]. So the
//! list is read customer by customer, of those who have failed often enough to be locked.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::policy::lockout::{CUSTOMER_RULE, LINK_RULE};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{InvalidCursor, position_text, read_position};
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;

/// Customers whose failures are read at once.
const CUSTOMERS_AT_ONCE: u32 = 500;

/// A lock that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalLock {
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// The delivery whose link is locked; none if the customer is, with all links.
    pub root: Option<DeliveryId>,
    pub until: Timestamp,
    /// When the last failure was.
    pub last_failure_at: Timestamp,
    /// The deliveries whose links were used for these failures.
    pub roots: Vec<DeliveryId>,
}

impl PortalLock {
    /// Where the list goes on behind it.
    #[must_use]
    pub fn cursor(&self) -> LockCursor {
        LockCursor { tenant: self.tenant.clone(), customer: self.customer.clone(), root: self.root }
    }
}

/// A page of locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockPage {
    /// Customer by customer, of each first the lock of all links.
    pub locks: Vec<PortalLock>,
    /// Where the list goes on, if it does.
    pub next: Option<LockCursor>,
}

/// Where the list of locks goes on: behind this lock, whether it still holds or not. Whoever carries it need not know what
/// it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockCursor {
    tenant: TenantId,
    customer: CustomerId,
    root: Option<DeliveryId>,
}

impl fmt::Display for LockCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&position_text(&(&self.tenant, &self.customer, self.root)))
    }
}

impl FromStr for LockCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (tenant, customer, root): (TenantId, CustomerId, _) = read_position(text)?;
        if [tenant.as_str(), customer.as_str()].iter().any(|id| id.contains('\0')) {
            return Err(InvalidCursor);
        }
        Ok(Self { tenant, customer, root })
    }
}

impl Store {
    /// Up to `limit` of the locks that hold now, behind `after`.
    pub async fn portal_locks(
        &self,
        scope: &TenantScope,
        after: Option<&LockCursor>,
        limit: u32,
    ) -> Result<LockPage, StoreError> {
        let now = self.now();
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut locks = Vec::new();
        let (mut tenant, mut customer) = (TenantId::from(""), CustomerId::from(""));
        if let Some(after) = after {
            let theirs = self.portal_locks_of(&after.tenant, &after.customer, scope).await?;
            locks.extend(theirs.into_iter().filter(|lock| lock.root > after.root));
            (tenant, customer) = (after.tenant.clone(), after.customer.clone());
        }
        let mut connection = self.read().await?;
        while locks.len() <= wanted {
            let failures = failures_behind(&mut connection, scope, (&tenant, &customer), now).await?;
            let Some(last) = failures.last() else { break };
            (tenant, customer) = (last.tenant.clone(), last.customer.clone());
            locks.extend(locks_of(&failures, now));
        }
        let more = locks.len() > wanted;
        locks.truncate(wanted);
        let next = locks.last().filter(|_| more).map(PortalLock::cursor);
        Ok(LockPage { locks, next })
    }

    /// The locks of one customer that hold now: first that of all links, then those of single ones.
    pub async fn portal_locks_of(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
        scope: &TenantScope,
    ) -> Result<Vec<PortalLock>, StoreError> {
        let now = self.now();
        let failures = sql(concat!(
            "SELECT tenant_id, customer_id, root_id, at, counts_for_link, counts_for_customer
            FROM portal_failure WHERE tenant_id = $1 AND customer_id = $2 AND ",
            in_scope!("tenant_id", "$3"),
            " AND at > $4 ORDER BY at DESC"
        ))
        .bind(tenant)
        .bind(customer)
        .bind(scope)
        .bind(now.minus(CUSTOMER_RULE.memory()))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(Failure::read)
        .collect::<Result<Vec<_>, _>>()?;
        Ok(locks_of(&failures, now).collect())
    }
}

/// The failures of the next customers behind this one who may be locked; of each the newest first.
async fn failures_behind(
    on: &mut impl StatementExecutor,
    scope: &TenantScope,
    (tenant, customer): (&TenantId, &CustomerId),
    now: Timestamp,
) -> Result<Vec<Failure>, StoreError> {
    sql(concat!(
        "SELECT failure.tenant_id, failure.customer_id, failure.root_id, failure.at, failure.counts_for_link,
               failure.counts_for_customer
        FROM (SELECT tenant_id, customer_id FROM portal_failure
              WHERE ",
        in_scope!("tenant_id", "$1"),
        " AND (tenant_id, customer_id) > ($2, $3) AND at > $4 AND (counts_for_link OR counts_for_customer)
              -- With fewer nothing is locked.
              GROUP BY tenant_id, customer_id HAVING COUNT(*) >= $5
              ORDER BY tenant_id, customer_id LIMIT $6) AS next_ones
             JOIN portal_failure AS failure
                  ON failure.tenant_id = next_ones.tenant_id AND failure.customer_id = next_ones.customer_id
        WHERE failure.at > $4 ORDER BY failure.tenant_id, failure.customer_id, failure.at DESC"
    ))
    .bind(scope)
    .bind(tenant)
    .bind(customer)
    .bind(now.minus(CUSTOMER_RULE.memory()))
    .bind(LINK_RULE.failures.min(CUSTOMER_RULE.failures))
    .bind(CUSTOMERS_AT_ONCE)
    .all(on)
    .await?
    .iter()
    .map(Failure::read)
    .collect()
}

/// A row of `portal_failure`.
struct Failure {
    tenant: TenantId,
    customer: CustomerId,
    root: DeliveryId,
    at: Timestamp,
    counts_for_link: bool,
    counts_for_customer: bool,
}

impl Failure {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            customer: row.get("customer_id")?,
            root: row.get("root_id")?,
            at: row.get("at")?,
            counts_for_link: row.get("counts_for_link")?,
            counts_for_customer: row.get("counts_for_customer")?,
        })
    }
}

/// The locks of customers whose failures stand together, the newest first: of each first the customer's own.
fn locks_of(failures: &[Failure], now: Timestamp) -> impl Iterator<Item = PortalLock> {
    failures
        .chunk_by(|one, other| (&one.tenant, &one.customer) == (&other.tenant, &other.customer))
        .flat_map(move |theirs| customer_lock(theirs, now).into_iter().chain(link_locks(theirs, now)))
}

/// The lock of a customer with these failures, the newest first.
fn customer_lock(failures: &[Failure], now: Timestamp) -> Option<PortalLock> {
    let that_count: Vec<&Failure> = failures.iter().filter(|failure| failure.counts_for_customer).collect();
    lock(&that_count, CUSTOMER_RULE.locked_until(&times(&that_count), now)?, None)
}

/// The locks of a customer's links.
fn link_locks(failures: &[Failure], now: Timestamp) -> Vec<PortalLock> {
    let of_links: Vec<&Failure> = failures.iter().filter(|failure| failure.counts_for_link).collect();
    let mut roots: Vec<DeliveryId> = of_links.iter().map(|failure| failure.root).collect();
    roots.sort_unstable();
    roots.dedup();
    let lock_of = |root: DeliveryId| {
        let its: Vec<&Failure> = of_links.iter().copied().filter(|failure| failure.root == root).collect();
        lock(&its, LINK_RULE.locked_until(&times(&its), now)?, Some(root))
    };
    roots.into_iter().filter_map(lock_of).collect()
}

fn times(failures: &[&Failure]) -> Vec<Timestamp> {
    failures.iter().map(|failure| failure.at).collect()
}

fn lock(failures: &[&Failure], until: Timestamp, root: Option<DeliveryId>) -> Option<PortalLock> {
    let last = failures.first()?;
    let mut roots: Vec<DeliveryId> = failures.iter().map(|failure| failure.root).collect();
    roots.sort_unstable();
    roots.dedup();
    Some(PortalLock {
        tenant: last.tenant.clone(),
        customer: last.customer.clone(),
        root,
        until,
        last_failure_at: last.at,
        roots,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        for root in [None, Some(DeliveryId(Uuid::from_u128(7)))] {
            let cursor = LockCursor { tenant: "acme".into(), customer: "C \u{e4}\"1".into(), root };
            let text = cursor.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
            assert_eq!(text.parse(), Ok(cursor));
        }
        let nul = LockCursor { tenant: "acme".into(), customer: "C\0".into(), root: None };
        for text in ["", "50", "5.00000000000000000000000000000007", nul.to_string().as_str()] {
            assert_eq!(text.parse::<LockCursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
