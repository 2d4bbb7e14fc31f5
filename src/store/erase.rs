//! Erasing a customer: what names them goes, what the books need stays under their number.

use super::dead_letter_acts::{move_deliveries, settle_letters};
use super::error::StoreError;
use super::notes::insert_notes;
use super::state::DeadLetterState;
use super::statement::{Runs, sql};
use super::{Settled, Store, Transaction};
use crate::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};

/// Stands where a name stood.
const ERASED: &str = "(erased)";

/// What became of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// Nothing names the customer any more.
    Done {
        /// Deliveries that named them.
        deliveries: u64,
        /// Dead letters that were discarded, because they cannot be sent any more.
        discarded: u64,
    },
    /// So many of their deliveries and events are under way: nothing was erased. Cancel them first, or wait.
    UnderWay(u64),
    /// Nobody told us of them.
    Unknown,
}

impl Store {
    /// Erases a customer. Mails to them cannot be made or shown again; that and when they were sent stays known.
    pub async fn erase_customer(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
        who: &str,
    ) -> Result<Erased, StoreError> {
        let mut intake = self.begin_intake(std::slice::from_ref(tenant)).await?;
        let on = &mut intake.transaction;
        let known = sql("UPDATE customer SET name = $3, address = '', locale = NULL, country = NULL, postcode = NULL,
                   house_number = NULL, mobile = NULL, updated_at = $4
            WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(customer)
        .bind(ERASED)
        .bind(self.now())
        .run(on)
        .await?;
        let whose = Whose { tenant, customer };
        let under_way = whose.under_way(on).await?;
        if under_way > 0 {
            return Ok(Erased::UnderWay(under_way));
        }
        let (deliveries, mut events) = whose.deliveries(on).await?;
        let (letters, letters_events) = whose.letters(on).await?;
        events.extend(letters_events);
        if known == 0 && deliveries.is_empty() && letters.is_empty() {
            return Ok(Erased::Unknown);
        }
        let now = self.now();
        let (state, note) = (DeadLetterState::Discarded, "the customer was erased");
        let discarded = settle_letters(on, &letters, state, who, Some(note), now).await?;
        let dead: Vec<DeliveryId> = discarded.iter().filter_map(|(_, delivery)| *delivery).collect();
        move_deliveries(on, &dead, (Settled::Dead, Settled::Discarded), None, now).await?;
        erase_deliveries(on, &deliveries).await?;
        erase_letters(on, &letters).await?;
        forget_bodies(on, &events).await?;
        insert_notes(on, &deliveries, who, note, now).await?;
        intake.commit().await?;
        Ok(Erased::Done { deliveries: deliveries.len() as u64, discarded: discarded.len() as u64 })
    }
}

/// Whose rows.
struct Whose<'a> {
    tenant: &'a TenantId,
    customer: &'a CustomerId,
}

impl Whose<'_> {
    async fn under_way(&self, on: &mut Transaction) -> Result<u64, StoreError> {
        let row = sql(
            "SELECT
                (SELECT COUNT(*) FROM lane_entry WHERE tenant_id = $1 AND customer_id = $2)
                + (SELECT COUNT(*) FROM event WHERE tenant_id = $1 AND customer_id = $2 AND state = 'waiting') AS rows",
        )
        .bind(self.tenant)
        .bind(self.customer)
        .one(on)
        .await?;
        Ok(u64::try_from(row.get::<i64>("rows")?).unwrap_or(0))
    }

    async fn deliveries(&self, on: &mut Transaction) -> Result<(Vec<DeliveryId>, Vec<EventKey>), StoreError> {
        let rows = sql("SELECT id, event_key FROM delivery WHERE tenant_id = $1 AND customer_id = $2")
            .bind(self.tenant)
            .bind(self.customer)
            .all(on)
            .await?;
        let deliveries = rows.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
        let events = rows.iter().map(|row| row.get("event_key")).collect::<Result<_, _>>()?;
        Ok((deliveries, events))
    }

    async fn letters(&self, on: &mut Transaction) -> Result<(Vec<DeadLetterId>, Vec<EventKey>), StoreError> {
        let rows = sql("SELECT id, event_key FROM dead_letter
            WHERE tenant_id = $1 AND tenant_id IS NOT NULL AND customer_id = $2")
        .bind(self.tenant)
        .bind(self.customer)
        .all(on)
        .await?;
        let letters = rows.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
        let events = rows
            .iter()
            .filter_map(|row| row.get::<Option<EventKey>>("event_key").transpose())
            .collect::<Result<_, _>>()?;
        Ok((letters, events))
    }
}

async fn erase_deliveries(on: &mut Transaction, deliveries: &[DeliveryId]) -> Result<(), StoreError> {
    // What a relay said may repeat the address.
    sql("WITH {given} UPDATE attempt SET reply = NULL, refused = NULL WHERE delivery_id IN (SELECT id FROM given)")
        .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql("WITH {given} UPDATE delivery SET recipients = '[]', customer_name = $1, reason = NULL, resend_reason = NULL
        WHERE id IN (SELECT id FROM given)")
    .bind(ERASED)
    .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    sql("WITH {given} UPDATE outcome SET reason = NULL WHERE delivery_id IN (SELECT id FROM given)")
        .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql("WITH {given} DELETE FROM portal_link WHERE root_id IN (SELECT id FROM given)")
        .given("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    Ok(())
}

async fn erase_letters(on: &mut impl Runs, letters: &[DeadLetterId]) -> Result<(), StoreError> {
    sql("WITH {given} UPDATE dead_letter SET reason = $1, body = CASE WHEN body IS NOT NULL THEN $2 END
        WHERE id IN (SELECT id FROM given)")
    .bind(ERASED)
    .bind(&[][..])
    .given("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .run(on)
    .await?;
    Ok(())
}

async fn forget_bodies(on: &mut impl Runs, events: &[EventKey]) -> Result<(), StoreError> {
    sql("WITH {given} UPDATE event SET body = NULL WHERE key IN (SELECT key FROM given)")
        .given("key uuid", events.iter().map(|event| [(*event).into()]))
        .run(on)
        .await?;
    Ok(())
}
