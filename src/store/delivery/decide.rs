//! What people decide about single deliveries.

use serde_json::json;

use super::left_recipients::{insert_rest, left_recipients};
use super::notes::insert_notes;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::DeliveryId;
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryState};
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::dead_letter::decide::move_deliveries;
use crate::store::lane::held::TENANT_PAUSED;
use crate::store::lane::hold_mark::unmark_one;
use crate::store::lane::takeover::{Left, conclude_left};
use crate::store::people::audit::append::{NewAuditEntry, append, whose_delivery};
use crate::store::{Store, Transaction};

/// What became of a person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acted {
    /// It holds.
    Done,
    /// The delivery stands elsewhere than the decision needs.
    NotPossible(DeliveryState),
    /// It waits because its tenant is paused: only the end of the pause lets it go.
    TenantPaused,
    /// There is no such delivery, or none of the tenants of whoever decides.
    Unknown,
}

/// What became of a person's decision that a delivery was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkedSent {
    /// Whether it holds.
    pub acted: Acted,
    /// The delivery by which recipients get the message that the relay had deferred.
    pub rest: Option<DeliveryId>,
    /// There are several recipients, and it is not known which of them the relay had accepted.
    pub recipients_unknown: bool,
}

impl Store {
    /// Stops a delivery that is due.
    pub async fn cancel(&self, delivery: DeliveryId, who: &Actor, reason: &str) -> Result<Acted, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        if !is_there_for(&mut transaction, delivery, who).await? {
            return Ok(Acted::Unknown);
        }
        let left = take_due_out(&mut transaction, &[delivery]).await?;
        if left.is_empty() {
            return stands(&mut transaction, delivery).await;
        }
        conclude_left(&mut transaction, &left, Concluded::Cancelled, ReasonCode::ByHand, reason, now).await?;
        insert_notes(&mut transaction, &[delivery], who.name(), &NoteKind::Cancelled.because(reason), now).await?;
        let entry = NewAuditEntry::new(AuditAction::DeliveryCancelled, who).because(reason);
        audit_delivery(&mut transaction, delivery, entry, now).await?;
        transaction.commit().await?;
        Ok(Acted::Done)
    }

    /// Sends a due delivery now: before its time, ahead of others, and although it is held; not while its tenant is paused.
    pub async fn send_now(&self, delivery: DeliveryId, who: &Actor) -> Result<Acted, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        if !is_there_for(&mut transaction, delivery, who).await? {
            return Ok(Acted::Unknown);
        }
        // It gets its rank, if it has none, within a second.
        let hurried = sql("UPDATE lane_entry SET express = TRUE, held = NULL,
                   due_at = CASE WHEN due_at > $2 THEN $2 ELSE due_at END
            WHERE delivery_id = $1 AND state = 'due' AND (held IS NULL OR held <> $3)")
        .bind(delivery)
        .bind(now)
        .bind(TENANT_PAUSED)
        .run(&mut transaction)
        .await?;
        if hurried == 0 {
            return stands(&mut transaction, delivery).await;
        }
        insert_notes(&mut transaction, &[delivery], who.name(), &NoteKind::SentNow.into(), now).await?;
        let entry = NewAuditEntry::new(AuditAction::DeliverySentNow, who);
        audit_delivery(&mut transaction, delivery, entry, now).await?;
        transaction.commit().await?;
        Ok(Acted::Done)
    }

    /// Decides that an uncertain delivery was sent. Recipients that the relay had deferred get the message by another,
    /// as after a 250.
    pub async fn mark_sent(&self, delivery: DeliveryId, who: &Actor, reason: &str) -> Result<MarkedSent, StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        if !is_there_for(&mut transaction, delivery, who).await? {
            return Ok(MarkedSent { acted: Acted::Unknown, rest: None, recipients_unknown: false });
        }
        let (ends, why) = ((Concluded::Uncertain, Concluded::Sent), Some((ReasonCode::ByHand, reason)));
        let moved = move_deliveries(&mut transaction, &[delivery], ends, why, now).await?;
        if moved.is_empty() {
            let acted = stands(&mut transaction, delivery).await?;
            return Ok(MarkedSent { acted, rest: None, recipients_unknown: false });
        }
        insert_notes(&mut transaction, &[delivery], who.name(), &NoteKind::MarkedSent.because(reason), now).await?;
        // What is left of it goes out: the person has decided, whoever held the delivery before.
        unmark_one(&mut transaction, delivery).await?;
        // The delivery is locked: no late answer adds an attempt meanwhile.
        let left = left_recipients(&mut transaction, delivery).await?;
        let rest = (!left.deferred.is_empty()).then(|| DeliveryId(self.clock().new_id()));
        if let Some(rest) = rest {
            insert_rest(&mut transaction, delivery, rest, &left.deferred, now).await?;
            let note = NoteKind::RestMade { recipients: left.deferred.len(), by: rest };
            insert_notes(&mut transaction, &[delivery], who.name(), &note.into(), now).await?;
        }
        if left.unknown {
            let note = NoteKind::RecipientsUnknown;
            insert_notes(&mut transaction, &[delivery], who.name(), &note.into(), now).await?;
        }
        let change = json!({ "old": Concluded::Uncertain.into_str(), "new": Concluded::Sent.into_str(), "rest": rest });
        let entry = NewAuditEntry::new(AuditAction::DeliveryMarkedSent, who).because(reason).with(change);
        audit_delivery(&mut transaction, delivery, entry, now).await?;
        transaction.commit().await?;
        Ok(MarkedSent { acted: Acted::Done, rest, recipients_unknown: left.unknown })
    }
}

/// Whether the delivery is there for whoever decides. Its tenant never changes: what was so before the act is so in it.
async fn is_there_for(on: &mut Transaction, delivery: DeliveryId, who: &Actor) -> Result<bool, StoreError> {
    let scope: &TenantScope = &who.principal.scope;
    let found = sql(concat!("SELECT 1 AS one FROM delivery WHERE id = $1 AND ", in_scope!("tenant_id", "$2")))
        .bind(delivery)
        .bind(scope)
        .optional(on)
        .await?;
    Ok(found.is_some())
}

/// Keeps an act upon one delivery.
async fn audit_delivery(
    on: &mut Transaction,
    delivery: DeliveryId,
    entry: NewAuditEntry<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (tenant, customer) = whose_delivery(on, delivery).await?;
    append(on, &entry.of_customer(&tenant, &customer).about(delivery.to_string()), now).await
}

/// Takes those that are due out of their lanes.
pub(in crate::store) async fn take_due_out(
    on: &mut impl StatementExecutor,
    deliveries: &[DeliveryId],
) -> Result<Vec<Left>, StoreError> {
    sql("WITH {rows}
        DELETE FROM lane_entry WHERE delivery_id IN (SELECT id FROM rows) AND state = 'due'
        RETURNING delivery_id, attempts, claim, decision, portal_access, portal_method, decision_reason,
                  decision_inputs, message_sha256, message_date, held")
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .all(on)
    .await?
    .iter()
    .map(Left::read)
    .collect()
}

/// Where the delivery stands that could not be acted upon.
async fn stands(on: &mut Transaction, delivery: DeliveryId) -> Result<Acted, StoreError> {
    let row = sql("SELECT delivery_state.state, lane_entry.held
        FROM delivery_state LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery_state.id
        WHERE delivery_state.id = $1")
    .bind(delivery)
    .optional(on)
    .await?;
    let Some(row) = row else { return Ok(Acted::Unknown) };
    let (state, held) = (row.get("state")?, row.get::<Option<String>>("held")?);
    if state == DeliveryState::Due && held.as_deref() == Some(TENANT_PAUSED) {
        return Ok(Acted::TenantPaused);
    }
    // It may have come to be due since the act looked for it; then it is sending or back again by now.
    Ok(Acted::NotPossible(state))
}
