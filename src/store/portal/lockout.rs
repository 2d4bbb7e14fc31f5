//! Wrong answers to verifications: counted before an answer is compared, over links, methods and processes.
//!
//! An attempt is written down as a failure first; only then may its answer be compared, and the right one takes the row
//! away again. So however many answers come at once, no more are compared than the rules of [`crate::policy::lockout`]
//! allow. Whoever asks for an attempt waits for the others of the same customer (an advisory lock on PostgreSQL, the one
//! writer on SQLite).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::note::NoteKind;
use crate::policy::lockout::{CUSTOMER_RULE, LINK_RULE, NETWORK_FAILURES_MAX, NETWORK_WINDOW, network_waits_until};
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::delivery::notes::insert_notes;
use crate::store::people::audit::append::{NewAuditEntry, append};
use crate::store::{Store, Transaction};

/// Failures are kept for so long: then none of them can lock anything any more.
pub(in crate::store) const FAILURES_KEPT: Duration = Duration::from_hours(48);

/// An answer that somebody wants compared.
#[derive(Debug, Clone, Copy)]
pub struct VerificationAttempt<'a> {
    /// The delivery whose link they have.
    pub root: DeliveryId,
    pub tenant: &'a TenantId,
    pub customer: &'a CustomerId,
    /// The network of the peer (/24, /64).
    pub network: Option<&'a str>,
}

/// Whether an answer may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationAdmission {
    /// It may. The attempt counts as failed until [`Store::verification_succeeded`].
    Admitted {
        attempt: Uuid,
        /// If it fails, link or customer is locked by it.
        locks_if_wrong: bool,
    },
    /// The link or the customer is locked.
    Locked { until: Timestamp },
    /// The network has failed too often; nobody is locked.
    TooMany { until: Timestamp },
}

/// The failures that may matter to one attempt, the newest first.
#[derive(Debug, Default)]
struct Failures {
    link: Vec<Timestamp>,
    customer: Vec<Timestamp>,
    network: Vec<Timestamp>,
}

impl Failures {
    async fn read(
        on: &mut impl StatementExecutor,
        attempt: &VerificationAttempt<'_>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let rows = sql("SELECT * FROM (
                SELECT 'link' AS of, at FROM portal_failure
                WHERE root_id = $1 AND counts_for_link AND at > $2 ORDER BY at DESC LIMIT $3) AS link
            UNION ALL SELECT * FROM (
                SELECT 'customer' AS of, at FROM portal_failure
                WHERE tenant_id = $4 AND customer_id = $5 AND counts_for_customer AND at > $6
                ORDER BY at DESC LIMIT $7) AS customer
            UNION ALL SELECT * FROM (
                SELECT 'network' AS of, at FROM portal_failure
                WHERE network = $8 AND at > $9 ORDER BY at DESC LIMIT $10) AS network")
        .bind(attempt.root)
        .bind(now.minus(LINK_RULE.memory()))
        .bind(LINK_RULE.failures)
        .bind(attempt.tenant)
        .bind(attempt.customer)
        .bind(now.minus(CUSTOMER_RULE.memory()))
        .bind(CUSTOMER_RULE.failures)
        .bind(attempt.network)
        .bind(now.minus(NETWORK_WINDOW))
        .bind(NETWORK_FAILURES_MAX)
        .all(on)
        .await?;
        let mut failures = Self::default();
        for row in &rows {
            let at = row.get("at")?;
            match row.get::<String>("of")?.as_str() {
                "link" => failures.link.push(at),
                "customer" => failures.customer.push(at),
                _ => failures.network.push(at),
            }
        }
        for times in [&mut failures.link, &mut failures.customer, &mut failures.network] {
            times.sort_unstable_by(|one, other| other.cmp(one));
        }
        Ok(failures)
    }

    /// Why no further answer is compared now.
    fn refusal(&self, now: Timestamp) -> Option<VerificationAdmission> {
        let locked = [LINK_RULE.locked_until(&self.link, now), CUSTOMER_RULE.locked_until(&self.customer, now)];
        let too_many = || network_waits_until(&self.network, now).map(|until| VerificationAdmission::TooMany { until });
        let locked = locked.into_iter().flatten().max();
        locked.map(|until| VerificationAdmission::Locked { until }).or_else(too_many)
    }
}

impl Store {
    /// Counts an attempt as failed, if it may be made; its answer may then be compared.
    pub async fn admit_verification(
        &self,
        attempt: &VerificationAttempt<'_>,
    ) -> Result<VerificationAdmission, StoreError> {
        // A storm of answers to what is locked already waits for nothing.
        if let Some(refusal) = Failures::read(&mut self.read().await?, attempt, self.now()).await?.refusal(self.now()) {
            return Ok(refusal);
        }
        let mut transaction = self.begin().await?;
        wait_for_others(&mut transaction, attempt).await?;
        // The time after the wait, and a statement of its own: it sees what the others have committed.
        let now = self.now();
        let failures = Failures::read(&mut transaction, attempt, now).await?;
        if let Some(refusal) = failures.refusal(now) {
            return Ok(refusal);
        }
        let id = self.clock().new_id();
        sql("INSERT INTO portal_failure (id, root_id, tenant_id, customer_id, network, at,
                                         counts_for_link, counts_for_customer)
            VALUES ($1, $2, $3, $4, $5, $6, TRUE, TRUE)")
        .bind(id)
        .bind(attempt.root)
        .bind(attempt.tenant)
        .bind(attempt.customer)
        .bind(attempt.network)
        .bind(now)
        .run(&mut transaction)
        .await?;
        transaction.commit().await?;
        let locks_if_wrong =
            LINK_RULE.next_one_locks(&failures.link, now) || CUSTOMER_RULE.next_one_locks(&failures.customer, now);
        Ok(VerificationAdmission::Admitted { attempt: id, locks_if_wrong })
    }

    /// Until when no answer is compared for this link and customer, and for this network.
    pub async fn verification_refusal(
        &self,
        attempt: &VerificationAttempt<'_>,
    ) -> Result<Option<VerificationAdmission>, StoreError> {
        let now = self.now();
        Ok(Failures::read(&mut self.read().await?, attempt, now).await?.refusal(now))
    }

    /// The attempt had the right answer: it is no failure, and the link's earlier ones count no more. The customer's do:
    /// whoever knows one customer's answer does not get new guesses by it.
    pub async fn verification_succeeded(&self, attempt: Uuid, root: DeliveryId) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sql("DELETE FROM portal_failure WHERE id = $1").bind(attempt).run(&mut transaction).await?;
        sql("UPDATE portal_failure SET counts_for_link = FALSE WHERE root_id = $1 AND counts_for_link")
            .bind(root)
            .run(&mut transaction)
            .await?;
        transaction.commit().await
    }

    /// Lifts the locks of a customer and of all their links, and notes that at the deliveries whose links were used; returns
    /// whether there was anything to lift.
    pub async fn lift_portal_locks(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
        who: &Actor,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let roots = sql(concat!(
            "UPDATE portal_failure SET counts_for_link = FALSE, counts_for_customer = FALSE
            WHERE tenant_id = $1 AND customer_id = $2 AND (counts_for_link OR counts_for_customer)
              AND ",
            in_scope!("tenant_id", "$3"),
            " RETURNING root_id"
        ))
        .bind(tenant)
        .bind(customer)
        .bind(&who.principal.scope)
        .all(&mut transaction)
        .await?
        .iter()
        .map(|row| row.get("root_id"))
        .collect::<Result<BTreeSet<DeliveryId>, _>>()?;
        let deliveries: Vec<DeliveryId> = roots.into_iter().collect();
        let note = NoteKind::PortalLockLifted.because(reason);
        let now = self.now();
        insert_notes(&mut transaction, &deliveries, who.name(), &note, now).await?;
        if !deliveries.is_empty() {
            let entry = NewAuditEntry::new(AuditAction::PortalLocksLifted, who).because(reason);
            let entry = entry.of_customer(tenant, customer).about(customer.as_str());
            append(&mut transaction, &entry.with(json!({ "deliveries": deliveries })), now).await?;
        }
        transaction.commit().await?;
        Ok(!deliveries.is_empty())
    }

    /// Deletes up to `limit` failures that can lock nothing any more.
    pub async fn purge_portal_failures(&self, limit: u32) -> Result<u64, StoreError> {
        sql("DELETE FROM portal_failure WHERE id IN (
                SELECT id FROM portal_failure WHERE at < $1 ORDER BY at LIMIT $2)")
        .bind(self.now().minus(FAILURES_KEPT))
        .bind(limit)
        .run(&mut self.write().await?)
        .await
    }
}

/// Deletes the failures of a customer.
pub(in crate::store) async fn erase_portal_failures(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<u64, StoreError> {
    sql("DELETE FROM portal_failure WHERE tenant_id = $1 AND customer_id = $2")
        .bind(tenant)
        .bind(customer)
        .run(on)
        .await
}

/// Waits until the other attempts of the network and of the customer have been counted. Always in this order: no two wait
/// for each other.
async fn wait_for_others(on: &mut Transaction, attempt: &VerificationAttempt<'_>) -> Result<(), StoreError> {
    let key = |parts: [&str; 3]| {
        let digest = Sha256::of(parts.join("\n").as_bytes());
        i64::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
    };
    let network = key(["verification network", attempt.network.unwrap_or_default(), ""]);
    let customer = key(["verification customer", attempt.tenant.as_str(), attempt.customer.as_str()]);
    wait_for(on, network).await?;
    wait_for(on, customer).await
}

/// Waits until no other transaction has this key, and has it until the end of this one. On SQLite, a transaction that
/// writes is alone anyway.
pub(in crate::store) async fn wait_for(on: &mut Transaction, key: i64) -> Result<(), StoreError> {
    sql("SELECT $1 AS key {postgres:, CAST(pg_advisory_xact_lock($1) AS TEXT) AS locked}").bind(key).one(on).await?;
    Ok(())
}
