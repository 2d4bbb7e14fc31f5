//! The outbox of outcomes that are still to be published to the billing system ([`crate::broker`]).
//!
//! Rows are written in the transaction that concludes a main delivery, and deleted when the broker has them. None
//! is written while outcomes are off ([`Store::with_outcomes`]).

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::incoming::IntakeUnavailable;
use crate::model::outbox::{OutcomeOutbox, PendingOutcome};
use crate::model::state::Concluded;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::{Store, Transaction};

/// The lease of the one worker that publishes outcomes.
const OUTCOMES: &str = "outcomes";

/// Outcomes that wait for the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingOutcomes {
    /// How many.
    pub count: u64,
    /// Since when the first of them waits.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// The same database; whether the ends of deliveries are written into the outbox of outcomes, too.
    #[must_use]
    pub fn with_outcomes(self, outcomes: bool) -> Self {
        Self { outcomes, ..self }
    }

    /// How many outcomes wait, and since when.
    pub async fn waiting_outcomes(&self) -> Result<WaitingOutcomes, StoreError> {
        let (count, oldest) =
            self.waiting("SELECT COUNT(*) AS number, MIN(concluded_at) AS oldest FROM outcome").await?;
        Ok(WaitingOutcomes { count, oldest })
    }

    /// How many dead letters wait for their mirror, and since when the first of them does.
    pub async fn waiting_mirror_entries(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        self.waiting(
            "SELECT COUNT(*) AS number, MIN(last_failed_at) AS oldest FROM dead_letter WHERE mirror = 'pending'",
        )
        .await
    }

    async fn waiting(&self, counted: &'static str) -> Result<(u64, Option<Timestamp>), StoreError> {
        let row = sql(counted).one(&mut self.read().await?).await?;
        Ok((u64::try_from(row.get::<i64>("number")?).unwrap_or(0), row.get("oldest")?))
    }

    /// Since when the message waits that has waited longest for the broker: a dead letter for its mirror, or an
    /// outcome.
    pub async fn outbox_oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let letters = "SELECT last_failed_at AS since FROM dead_letter WHERE mirror = 'pending' ORDER BY id LIMIT 1";
        let outcomes = "SELECT concluded_at AS since FROM outcome ORDER BY number LIMIT 1";
        let on = &mut self.read().await?;
        let mut oldest: Option<Timestamp> = None;
        for first in [Some(letters), self.outcomes.then_some(outcomes)].into_iter().flatten() {
            if let Some(row) = sql(first).optional(on).await? {
                let since = row.get("since")?;
                oldest = Some(oldest.map_or(since, |oldest| oldest.min(since)));
            }
        }
        Ok(oldest)
    }
}

impl OutcomeOutbox for Store {
    async fn hold_outcome_lease(&self, lease: Duration) -> Result<bool, IntakeUnavailable> {
        Ok(self.hold_lease(OUTCOMES, lease).await?)
    }

    async fn release_outcome_lease(&self) -> Result<(), IntakeUnavailable> {
        Ok(self.release_lease(OUTCOMES).await?)
    }

    async fn next_outcomes(&self, limit: u32) -> Result<Vec<PendingOutcome>, IntakeUnavailable> {
        let outcomes = sql("SELECT outcome.*, delivery.tenant_id, delivery.customer_id, delivery.invoice_id,
                   delivery.invoice_number, delivery.kind, event.source, event.event_id
            FROM outcome JOIN delivery ON delivery.id = outcome.delivery_id
                 JOIN event ON event.key = delivery.event_key
            ORDER BY outcome.number LIMIT $1")
        .bind(limit)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(read)
        .collect::<Result<_, _>>()?;
        Ok(outcomes)
    }

    async fn forget_outcomes(&self, outcomes: &[PendingOutcome]) -> Result<(), IntakeUnavailable> {
        if outcomes.is_empty() {
            return Ok(());
        }
        sql("WITH {rows} DELETE FROM outcome WHERE number IN (SELECT number FROM rows)")
            .rows("number bigint", outcomes.iter().map(|outcome| [outcome.number.into()]))
            .run(&mut self.write().await?)
            .await?;
        Ok(())
    }
}

/// Writes the outcomes of those among these deliveries that are main ones and have just concluded with an outcome
/// that is published.
pub(in crate::store) async fn insert_outcomes(
    on: &mut Transaction,
    concluded: impl IntoIterator<Item = (DeliveryId, Concluded)>,
) -> Result<(), StoreError> {
    if !on.outcomes {
        return Ok(());
    }
    let published: Vec<DeliveryId> =
        concluded.into_iter().filter(|(_, concluded)| is_published(*concluded)).map(|(delivery, _)| delivery).collect();
    if published.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO outcome (delivery_id, concluded, concluded_at, class, decision, reason, code, message_id)
        SELECT delivery.id, delivery.concluded, delivery.concluded_at, delivery.class, delivery.decision, delivery.reason,
               delivery.code, delivery.message_id
        FROM rows JOIN delivery ON delivery.id = rows.delivery_id
        WHERE delivery.role = 'main'")
    .rows("delivery_id uuid", published.into_iter().map(|delivery| [delivery.into()]))
    .run(on)
    .await?;
    Ok(())
}

/// Whether the outcome is published. An uncertain delivery is decided by a person first, and discarding a dead letter
/// does not change the outcome that was published: dead.
const fn is_published(concluded: Concluded) -> bool {
    match concluded {
        Concluded::Sent | Concluded::Rejected | Concluded::Dead | Concluded::Cancelled | Concluded::Expired => true,
        Concluded::Uncertain | Concluded::Discarded => false,
    }
}

fn read(row: &Row) -> Result<PendingOutcome, StoreError> {
    Ok(PendingOutcome {
        number: row.get("number")?,
        delivery: row.get("delivery_id")?,
        concluded: row.get("concluded")?,
        concluded_at: row.get("concluded_at")?,
        class: row.get("class")?,
        decision: row.get("decision")?,
        reason: row.get("reason")?,
        code: row.get("code")?,
        message_id: row.get("message_id")?,
        invoice: read_invoice(row)?,
        event_source: row.get("source")?,
        event_id: row.get("event_id")?,
    })
}
