//! Deliveries that make another one of the same invoice a duplicate.
//!
//! Two events bring the same invoice if their digests of tenant, invoice id, kind, documents and recipients are equal.
//! A delivery counts while it is sent, or may still be sent or known as sent without a person's doing. One that
//! expired, was rejected, cancelled or discarded, or is dead for a cause that a person must take away, suppresses
//! nothing: otherwise the customer would never get the invoice.

use std::collections::HashMap;

use uuid::Uuid;

use super::{IntakeTransaction, SameInvoice};
use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, EventKey};
use crate::sha256::Sha256;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// How far apart two events that bring the same invoice may have come, in milliseconds.
const APART_MAX_MS: i64 = 24 * 60 * 60 * 1_000;

/// Whether `standing`, a main delivery, makes another one of its invoice a duplicate at the moment `$1`. What is
/// overdue is not sent any more, unless it is on the wire; the dead ones are those of the classes that resolve by
/// themselves.
macro_rules! suppresses_duplicates {
    () => {
        "(standing.concluded IN ('sent', 'uncertain')
          OR (standing.concluded = 'dead'
              AND standing.class IN ('unknown_tenant', 'unknown_customer', 'no_verification_method'))
          OR (standing.concluded IS NULL
              AND (standing.expires_at IS NULL OR standing.expires_at > $1
                   OR EXISTS (SELECT 1 FROM lane_entry WHERE lane_entry.delivery_id = standing.id
                                AND (lane_entry.state = 'sending' OR lane_entry.may_be_out)))))"
    };
}

/// What is asked about: a delivery, or an event that became none.
#[derive(Debug, Clone, Copy)]
pub struct Revived {
    /// What the answer is found by.
    pub id: Uuid,
    /// The delivery that would be sent again, if there is one.
    pub delivery: Option<DeliveryId>,
    /// The event, if it is remembered.
    pub event: Option<EventKey>,
    /// The digest of an event that became no delivery, by what is known of its customer now: the stored one may be of a
    /// time when the customer was unknown.
    pub invoice_sha256: Option<Sha256>,
}

/// A delivery that sends the same invoice, or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newer {
    pub delivery: DeliveryId,
    /// The event it was made of.
    pub event: EventKey,
}

impl Revived {
    #[must_use]
    pub const fn delivery(delivery: DeliveryId) -> Self {
        Self { id: delivery.0, delivery: Some(delivery), event: None, invoice_sha256: None }
    }
}

impl IntakeTransaction {
    /// Deliveries of these invoices whose events came at `since` or later, the oldest first.
    pub async fn same_invoices(
        &mut self,
        invoices: &[Sha256],
        since: Timestamp,
    ) -> Result<Vec<SameInvoice>, StoreError> {
        if invoices.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = invoices.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        // Every main delivery of the event, since a resend has taken the place of the first.
        sql(concat!(
            "WITH {rows}
            SELECT event.invoice_sha256, event.key, standing.id
            FROM rows JOIN event ON event.invoice_sha256 = rows.invoice_sha256
                 JOIN delivery AS standing ON standing.tenant_id = event.tenant_id
                      AND standing.invoice_number = event.invoice_number AND standing.event_key = event.key
                      AND standing.role = 'main'
            WHERE event.received_at >= $2 AND event.state = 'accepted' AND ",
            suppresses_duplicates!(),
            " ORDER BY event.received_at, event.key, standing.created_at, standing.id"
        ))
        .bind(self.now)
        .bind(since)
        .rows("invoice_sha256 bytea", wanted.iter().map(|digest| [(*digest).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| {
            Ok(SameInvoice {
                invoice_sha256: row.get("invoice_sha256")?,
                event: row.get("key")?,
                delivery: row.get("id")?,
            })
        })
        .collect()
    }

    /// As [`newer_deliveries`], in this transaction.
    pub async fn newer_deliveries(&mut self, revived: &[Revived]) -> Result<HashMap<Uuid, Newer>, StoreError> {
        newer_deliveries(&mut self.transaction, revived, self.now).await
    }
}

/// Which of these would be sent beside another delivery of the same invoice, and beside which; the newest counts.
///
/// The caller holds the tenants' rows, so that no other delivery comes in meanwhile.
pub(in crate::store) async fn newer_deliveries(
    on: &mut Transaction,
    revived: &[Revived],
    now: Timestamp,
) -> Result<HashMap<Uuid, Newer>, StoreError> {
    if revived.is_empty() {
        return Ok(HashMap::new());
    }
    // A resend was asked for by a person, who knew what stood beside it: only what came after it counts. It takes the
    // place of a main delivery and its rests, never of a Bcc.
    sql(concat!(
        "WITH {rows}
        SELECT rows.revived, standing.id, standing.event_key
        FROM rows
             LEFT JOIN delivery AS own ON own.id = rows.delivery_id
             LEFT JOIN delivery AS main ON main.id = own.main_id
             JOIN event AS own_event ON own_event.key = COALESCE(rows.event_key, own.event_key)
             JOIN event AS other ON other.invoice_sha256 = COALESCE(rows.invoice_sha256, own_event.invoice_sha256)
                  AND other.received_at >= own_event.received_at - $2
             JOIN delivery AS standing ON standing.tenant_id = other.tenant_id
                  AND standing.invoice_number = other.invoice_number AND standing.event_key = other.key
                  AND standing.role = 'main' AND standing.id IS DISTINCT FROM own.main_id
        WHERE (CASE WHEN standing.event_key <> own_event.key AND main.resend_of IS NULL THEN TRUE
                    WHEN standing.event_key = own_event.key AND own.role = 'bcc' THEN FALSE
                    ELSE standing.created_at > main.created_at
                         OR (standing.created_at = main.created_at AND standing.id > main.id) END)
          AND ",
        suppresses_duplicates!(),
        " ORDER BY standing.created_at, standing.id"
    ))
    .bind(now)
    .bind(APART_MAX_MS)
    .rows(
        "revived uuid, delivery_id uuid, event_key uuid, invoice_sha256 bytea",
        revived.iter().map(|revived| {
            [revived.id.into(), revived.delivery.into(), revived.event.into(), revived.invoice_sha256.into()]
        }),
    )
    .all(on)
    .await?
    .iter()
    .map(|row| Ok((row.get("revived")?, Newer { delivery: row.get("id")?, event: row.get("event_key")? })))
    .collect()
}
