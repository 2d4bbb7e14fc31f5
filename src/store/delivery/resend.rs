//! A delivery that takes the place of another, in the transaction of an intake.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::decide::take_due_out;
use super::notes::insert_notes;
use crate::clock::Timestamp;
use crate::model::ids::{DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::note::{NoteContent, NoteKind, superseded_because};
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState, DeliveryState};
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::dead_letter::decide::{conclude_letters, move_deliveries};
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::intake::IntakeTransaction;
use crate::store::lane::takeover::conclude_left;
use crate::store::people::audit::append::{NewAuditEntry, append};

/// The newest main delivery of an invoice, a credit note or a reminder.
#[derive(Debug, Clone)]
pub struct Newest {
    pub id: DeliveryId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// The event it was made of.
    pub event_key: EventKey,
    pub invoice: InvoiceRef,
    /// A person made it, in place of an earlier one.
    pub is_resend: bool,
    /// The event's bytes, unless they are forgotten.
    pub body: Option<Bytes>,
}

/// Where each of several deliveries stands.
type States = BTreeMap<DeliveryId, DeliveryState>;

/// A main delivery and its rests, locked until the transaction ends.
struct Family {
    members: Vec<DeliveryId>,
    /// Their open dead letters.
    letters: Vec<DeadLetterId>,
    /// Where the main delivery stands.
    was: DeliveryState,
    /// One of them is being sent.
    sending: bool,
}

/// What became of the deliveries whose place a resend takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// None of them is sent any more.
    Concluded {
        /// Where the main one stood, once no other transaction could move it.
        was: DeliveryState,
    },
    /// One is being sent at this moment: the transaction must not commit.
    Sending,
    /// Another transaction moved one while they were being locked: drop the transaction and begin anew.
    Overtaken,
}

impl IntakeTransaction {
    /// The newest main delivery of each invoice, credit note and reminder with this number or identifier, the newest
    /// first, at most `limit`: an invoice and its reminder often share the number. One that was cancelled as a
    /// duplicate stands behind the one that it duplicates, and a superseded one behind what took its place.
    pub async fn newest_deliveries(
        &mut self,
        tenant: &TenantId,
        invoice: &str,
        limit: u32,
    ) -> Result<Vec<Newest>, StoreError> {
        sql("SELECT ranked.id, ranked.created_at, delivery_state.state, ranked.event_key, ranked.tenant_id,
                   ranked.customer_id, ranked.invoice_id, ranked.invoice_number, ranked.kind,
                   ranked.resend_of IS NOT NULL AS is_resend, event.body
            FROM (SELECT delivery.*, ROW_NUMBER() OVER (
                      PARTITION BY invoice_id, kind
                      -- One that another took the place of, or duplicates, stands behind that.
                      ORDER BY (CASE WHEN class IN ('superseded', 'duplicate_invoice') THEN 1 ELSE 0 END),
                               created_at DESC, id DESC) AS place
                  FROM delivery
                  WHERE role = 'main'
                    AND id IN (SELECT id FROM delivery WHERE tenant_id = $1 AND invoice_number = $2
                               UNION SELECT id FROM delivery WHERE tenant_id = $1 AND invoice_id = $2)) AS ranked
                 JOIN delivery_state ON delivery_state.id = ranked.id
                 LEFT JOIN event ON event.key = ranked.event_key
            WHERE ranked.place = 1
            ORDER BY ranked.created_at DESC, ranked.id DESC LIMIT $3")
        .bind(tenant)
        .bind(invoice)
        .bind(limit)
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| {
            Ok(Newest {
                id: row.get("id")?,
                created_at: row.get("created_at")?,
                state: row.get("state")?,
                event_key: row.get("event_key")?,
                invoice: read_invoice(row)?,
                is_resend: row.get("is_resend")?,
                body: row.get::<Option<Vec<u8>>>("body")?.map(Bytes::from),
            })
        })
        .collect()
    }

    /// Concludes what is left to send or unknown of a main delivery and its rests, because `by` takes its place.
    ///
    /// Moving a delivery locks its lane entry, its dead letter or its own row first. So the whole family
    /// is locked first and looked at afterwards: a late answer that makes an uncertain one due, or a sender's hold
    /// that takes a rejected one back, comes before the look or finds what was decided here.
    pub async fn supersede(
        &mut self,
        tenant: &TenantId,
        newest: &Newest,
        by: DeliveryId,
        who: &str,
    ) -> Result<Standing, StoreError> {
        let now = self.now;
        let reason = superseded_because(false);
        let Some(Family { members, letters, was, sending }) = self.lock_family(tenant, newest).await? else {
            return Ok(Standing::Overtaken);
        };
        if sending {
            return Ok(Standing::Sending);
        }
        let left = take_due_out(&mut self.transaction, &members).await?;
        conclude_left(&mut self.transaction, &left, Concluded::Cancelled, ReasonCode::Superseded, reason, now).await?;
        let cancelled: Vec<DeliveryId> = left.iter().map(|left| left.delivery).collect();
        self.note_superseded(&cancelled, by, who, false).await?;
        let note = format!("resent as {by}");
        conclude_letters(&mut self.transaction, &letters, DeadLetterState::Redriven, who, Some(&note), now).await?;
        for from in [Concluded::Dead, Concluded::Uncertain] {
            let was_uncertain = from == Concluded::Uncertain;
            let why = Some((ReasonCode::Superseded, superseded_because(was_uncertain)));
            let moved =
                move_deliveries(&mut self.transaction, &members, (from, Concluded::Cancelled), why, now).await?;
            self.note_superseded(&moved, by, who, was_uncertain).await?;
        }
        Ok(Standing::Concluded { was })
    }

    /// Notes who did what to a delivery.
    pub async fn note(&mut self, delivery: DeliveryId, who: &str, note: &NoteContent) -> Result<(), StoreError> {
        insert_notes(&mut self.transaction, &[delivery], who, note, self.now).await
    }

    /// Keeps the act whose transaction this is in the audit log; nothing but the commit comes after it.
    pub async fn audit(&mut self, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        append(&mut self.transaction, entry, self.now).await
    }

    /// Locks a main delivery and its rests, in the order of every transaction: places in lanes, dead letters,
    /// deliveries. `None` if one has moved meanwhile: its new place in a lane must not be locked after its delivery.
    async fn lock_family(&mut self, tenant: &TenantId, newest: &Newest) -> Result<Option<Family>, StoreError> {
        let members = self.family(tenant, newest).await?;
        let in_lane = self.lock_in_lane(&members).await?;
        let letters = self.lock_letters_of(&members).await?;
        let concluded = self.lock_deliveries(&members).await?;
        // A delivery that was being sent may have left a rest behind; one that had ended may have a place in its lane.
        if self.family(tenant, newest).await? != members || self.in_lane(&members).await? != in_lane {
            return Ok(None);
        }
        let Some(was) = in_lane.get(&newest.id).or_else(|| concluded.get(&newest.id)).copied() else {
            return Ok(None);
        };
        let sending = in_lane.values().any(|state| *state == DeliveryState::Sending);
        Ok(Some(Family { members, letters, was, sending }))
    }

    /// A main delivery and its rests.
    async fn family(&mut self, tenant: &TenantId, newest: &Newest) -> Result<Vec<DeliveryId>, StoreError> {
        let ids: BTreeSet<DeliveryId> = sql("SELECT id FROM delivery
            WHERE tenant_id = $1 AND invoice_number = $2 AND main_id = $3 AND role <> 'bcc'")
        .bind(tenant)
        .bind(&newest.invoice.number)
        .bind(newest.id)
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect::<Result<_, _>>()?;
        Ok(ids.into_iter().collect())
    }

    async fn lock_in_lane(&mut self, deliveries: &[DeliveryId]) -> Result<States, StoreError> {
        sql("WITH {rows} SELECT delivery_id, state FROM lane_entry WHERE delivery_id IN (SELECT id FROM rows)
            ORDER BY delivery_id {postgres: FOR UPDATE}")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| Ok((row.get("delivery_id")?, row.get("state")?)))
        .collect()
    }

    async fn in_lane(&mut self, deliveries: &[DeliveryId]) -> Result<States, StoreError> {
        sql("WITH {rows} SELECT delivery_id, state FROM lane_entry WHERE delivery_id IN (SELECT id FROM rows)")
            .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
            .all(&mut self.transaction)
            .await?
            .iter()
            .map(|row| Ok((row.get("delivery_id")?, row.get("state")?)))
            .collect()
    }

    async fn lock_letters_of(&mut self, deliveries: &[DeliveryId]) -> Result<Vec<DeadLetterId>, StoreError> {
        sql("WITH {rows} SELECT id FROM dead_letter
            WHERE delivery_id IN (SELECT id FROM rows) AND delivery_id IS NOT NULL AND state = 'open'
            ORDER BY id {postgres: FOR UPDATE}")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
    }

    /// How each has ended that has; all of them are locked.
    async fn lock_deliveries(&mut self, deliveries: &[DeliveryId]) -> Result<States, StoreError> {
        let rows = sql("WITH {rows} SELECT id, concluded FROM delivery WHERE id IN (SELECT id FROM rows)
            ORDER BY id {postgres: FOR UPDATE}")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut self.transaction)
        .await?;
        let mut concluded = States::new();
        for row in &rows {
            if let Some(end) = row.get::<Option<Concluded>>("concluded")? {
                concluded.insert(row.get("id")?, DeliveryState::Concluded(end));
            }
        }
        Ok(concluded)
    }

    async fn note_superseded(
        &mut self,
        deliveries: &[DeliveryId],
        by: DeliveryId,
        who: &str,
        was_uncertain: bool,
    ) -> Result<(), StoreError> {
        let note = NoteKind::Superseded { by, was_uncertain };
        insert_notes(&mut self.transaction, deliveries, who, &note.into(), self.now).await
    }
}
