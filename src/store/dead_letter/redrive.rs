//! Dead letters on their way back: what they were, and what becomes of them, in the transaction of an intake.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use super::decide::{audit_letters, cancel_duplicates, conclude_letters};
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::incoming::Via;
use crate::model::note::{NoteContent, NoteKind};
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState, DeliveryRole};
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::db::value::Row;
use crate::store::delivery::notes::{NewNote, insert_new_notes, insert_notes};
use crate::store::intake::IntakeTransaction;
use crate::store::intake::new_lane_entry::NewLaneEntry;
use crate::store::lane::held::BY_HAND;
use crate::store::people::audit::append::NewAuditEntry;
use crate::store::search::recipients;
use crate::store::upkeep::concluded_count::count_concluded;

/// A dead letter that is to be put back.
#[derive(Debug, Clone)]
pub struct LetterToRedrive {
    /// Its identifier.
    pub id: DeadLetterId,
    /// Whether it is open still.
    pub state: DeadLetterState,
    /// Why it is dead.
    pub class: ReasonCode,
    /// The same for people.
    pub reason: String,
    /// The dead delivery, if the event became one.
    pub delivery: Option<DeliveryId>,
    /// The event, if it is remembered.
    pub event_key: Option<EventKey>,
    /// Who brought the event, if it is remembered.
    pub via: Option<Via>,
    /// The event's bytes, unless they are forgotten.
    pub body: Option<Bytes>,
}

/// A dead delivery that is to be put back.
#[derive(Debug, Clone)]
pub struct DeadDelivery {
    pub id: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// The main delivery of the same event or resend; itself, if it is one.
    pub main: DeliveryId,
    /// It is a resend: a person may have chosen its recipients.
    pub is_resend: bool,
    /// Whose invoice it is.
    pub tenant: TenantId,
    pub customer: CustomerId,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// The last claim.
    pub claim: u32,
    /// The fingerprint of the key of its portal token.
    pub link_key: String,
    /// Which token of its root it is.
    pub link_generation: u32,
    /// That token is out already.
    pub link_is_out: bool,
    /// That token was revoked.
    pub link_is_revoked: bool,
    /// The last token of its root that is out.
    pub link_generation_last: Option<u32>,
}

/// A dead delivery with its new snapshot and its place in a lane.
#[derive(Debug, Clone)]
pub struct BroughtBack {
    /// Its place in a lane.
    pub entry: NewLaneEntry,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// The customer's name now.
    pub customer_name: String,
    /// The language and region of the mail (BCP 47).
    pub locale: String,
    /// The tenant's profile that holds now.
    pub profile_version: i64,
    /// The templates of today.
    pub template_version: String,
    /// The moment of the snapshot.
    pub snapshot_at: Timestamp,
    /// The fingerprint of the key of its portal token.
    pub link_key: String,
    /// Which token of its root it is.
    pub link_generation: u32,
    /// What people should know of it.
    pub notes: Vec<NoteKind>,
}

impl Store {
    /// Reads dead letters that are to be put back, in no particular order; unknown ones are left out.
    pub async fn letters_to_redrive(&self, letters: &[DeadLetterId]) -> Result<Vec<LetterToRedrive>, StoreError> {
        sql("WITH {rows}
            SELECT dead_letter.id, dead_letter.state, dead_letter.class, dead_letter.reason, dead_letter.delivery_id,
                   dead_letter.event_key, event.via, COALESCE(dead_letter.body, event.body) AS bytes
            FROM rows JOIN dead_letter ON dead_letter.id = rows.id
                 LEFT JOIN event ON event.key = dead_letter.event_key")
        .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(LetterToRedrive {
                id: row.get("id")?,
                state: row.get("state")?,
                class: row.get("class")?,
                reason: row.get("reason")?,
                delivery: row.get("delivery_id")?,
                event_key: row.get("event_key")?,
                via: row.get("via")?,
                body: row.get::<Option<Vec<u8>>>("bytes")?.map(Bytes::from),
            })
        })
        .collect()
    }
}

impl IntakeTransaction {
    /// The state of each of these letters; it stays until the transaction ends, unless this one changes it.
    pub async fn lock_letters(
        &mut self,
        letters: &[DeadLetterId],
    ) -> Result<HashMap<DeadLetterId, DeadLetterState>, StoreError> {
        sql("WITH {rows} SELECT id, state FROM dead_letter WHERE id IN (SELECT id FROM rows)
            ORDER BY id {postgres: FOR UPDATE}")
        .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("state")?)))
        .collect()
    }

    /// Reads deliveries that are dead, and locks them.
    pub async fn dead_deliveries(&mut self, deliveries: &[DeliveryId]) -> Result<Vec<DeadDelivery>, StoreError> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        sql("WITH {rows}
            SELECT delivery.id, delivery.role, delivery.main_id, delivery.resend_of IS NOT NULL AS is_resend, delivery.tenant_id,
                   delivery.customer_id, delivery.recipients, delivery.expires_at, delivery.claim, delivery.link_key,
                   delivery.link_generation, link.root_id IS NOT NULL AS link_is_out,
                   link.revoked_at IS NOT NULL AS link_is_revoked,
                   -- A revoked token is followed by one that was never out.
                   (SELECT CAST(MAX(generation) AS BIGINT) FROM portal_link
                    WHERE portal_link.root_id = delivery.root_id) AS link_generation_last
            FROM rows JOIN delivery ON delivery.id = rows.id
                 LEFT JOIN portal_link AS link ON link.root_id = delivery.root_id
                                              AND link.generation = delivery.link_generation
            WHERE delivery.concluded = 'dead' ORDER BY delivery.id {postgres: FOR UPDATE OF delivery}")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .all(&mut self.transaction)
        .await?
        .iter()
        .map(read_dead)
        .collect()
    }

    /// Puts dead deliveries back into their lanes, each with its new snapshot. What a person holds stays held, unless a
    /// person puts it back (`by_person`): that is a decision of its own.
    pub async fn bring_back(&mut self, back: &[BroughtBack], by_person: bool) -> Result<(), StoreError> {
        let Some(first) = back.first() else { return Ok(()) };
        let held = if by_person { HashSet::new() } else { self.held_by_hand(back).await? };
        sql("WITH {rows}
            UPDATE delivery SET {assignments},
                   -- How it ended, and the message that was not accepted, are not its own any more.
                   concluded = NULL, concluded_at = NULL, class = NULL, reason = NULL, phase = NULL, code = NULL,
                   attempts = 0, tripped_at = NULL, held_by_hand = NULL, decision = NULL, portal_access = NULL,
                   portal_method = NULL, decision_reason = NULL, decision_inputs = NULL, message_id = NULL,
                   message_sha256 = NULL, message_date = NULL, message_size = NULL, attachments = NULL
            FROM rows WHERE delivery.id = rows._id AND delivery.concluded = 'dead'")
        .batch(rows!(back, |back| {
            _id: uuid = back.entry.delivery,
            recipients: text = serde_json::to_string(&back.recipients).expect("recipients are always JSON"),
            customer_name: text = &back.customer_name,
            locale: text = &back.locale,
            profile_version: bigint = back.profile_version,
            template_version: text = &back.template_version,
            snapshot_at: bigint = back.snapshot_at,
            link_key: text = &back.link_key,
            link_generation: bigint = back.link_generation,
            expires_at: bigint = back.entry.expires_at,
        }))
        .run(&mut self.transaction)
        .await?;
        let recipients = back.iter().map(|back| (back.entry.delivery, back.recipients.as_slice()));
        recipients::replace(&mut self.transaction, recipients).await?;
        let entry = |back: &BroughtBack| {
            let by_hand = held.contains(&back.entry.delivery).then(|| BY_HAND.to_owned());
            NewLaneEntry { held: by_hand.or_else(|| back.entry.held.clone()), ..back.entry.clone() }
        };
        let entries: Vec<NewLaneEntry> = back.iter().map(entry).collect();
        self.insert_lane_entries(&entries).await?;
        let notes = |back: &BroughtBack| {
            let delivery = back.entry.delivery;
            back.notes.clone().into_iter().map(move |kind| NewNote { delivery, kind })
        };
        insert_new_notes(&mut self.transaction, &back.iter().flat_map(notes).collect::<Vec<_>>(), self.now).await?;
        let fewer = -i64::try_from(back.len()).expect("a count of rows");
        count_concluded(&mut self.transaction, first.entry.delivery, &BTreeMap::from([(Concluded::Dead, fewer)])).await
    }

    /// Which of these a person holds; [`Self::dead_deliveries`] has locked them.
    async fn held_by_hand(&mut self, back: &[BroughtBack]) -> Result<HashSet<DeliveryId>, StoreError> {
        sql("WITH {rows} SELECT id FROM delivery WHERE id IN (SELECT id FROM rows) AND held_by_hand IS NOT NULL")
            .rows("id uuid", back.iter().map(|back| [back.entry.delivery.into()]))
            .all(&mut self.transaction)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect()
    }

    /// Cancels dead deliveries in whose place another one of the same invoice stands: each with that one.
    pub async fn cancel_duplicates(&mut self, duplicates: &[(DeliveryId, DeliveryId)]) -> Result<(), StoreError> {
        cancel_duplicates(&mut self.transaction, duplicates, self.now).await
    }

    /// Concludes letters that were put back, and notes it at their deliveries.
    pub async fn conclude_redriven(
        &mut self,
        letters: &[DeadLetterId],
        state: DeadLetterState,
        who: &str,
        note: &NoteContent,
    ) -> Result<(), StoreError> {
        let (now, said) = (self.now, note.to_string());
        let concluded = conclude_letters(&mut self.transaction, letters, state, who, Some(&said), now).await?;
        let deliveries: Vec<DeliveryId> = concluded.into_iter().filter_map(|(_, delivery)| delivery).collect();
        insert_notes(&mut self.transaction, &deliveries, who, note, now).await
    }

    /// Keeps that a person has put letters back; nothing but the commit comes after it.
    pub async fn audit_redriven(&mut self, letters: &[DeadLetterId], who: &Actor) -> Result<(), StoreError> {
        let letters = letters.iter().copied().collect();
        let entry = NewAuditEntry::new(AuditAction::DeadLettersRedriven, who);
        audit_letters(&mut self.transaction, &letters, entry, self.now).await
    }
}

fn read_dead(row: &Row) -> Result<DeadDelivery, StoreError> {
    Ok(DeadDelivery {
        id: row.get("id")?,
        role: row.get("role")?,
        main: row.get("main_id")?,
        is_resend: row.get("is_resend")?,
        tenant: row.get("tenant_id")?,
        customer: row.get("customer_id")?,
        recipients: row.json("recipients")?,
        expires_at: row.get("expires_at")?,
        claim: row.get("claim")?,
        link_key: row.get("link_key")?,
        link_generation: row.get("link_generation")?,
        link_is_out: row.get("link_is_out")?,
        link_is_revoked: row.get("link_is_revoked")?,
        link_generation_last: row
            .get::<Option<i64>>("link_generation_last")?
            .map(|last| u32::try_from(last).unwrap_or(u32::MAX)),
    })
}
