//! Erasing a customer: what names them goes, what the books need stays under their number.
//!
//! Also what no column says is theirs: bytes that could not be read as an event, and what people noted. What is out of
//! reach (backups, logs, a mailbox) is said to the person who erases.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::person::Person;
use super::reasons::{erase_notes, erase_reasons_that_name};
use crate::event::{Recipient, RecipientRole};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::note::NoteKind;
use crate::model::state::{Concluded, DeadLetterState};
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::dead_letter::decide::{conclude_letters, move_deliveries};
use crate::store::delivery::erased::ERASED;
use crate::store::delivery::notes::insert_notes;
use crate::store::intake::IntakeTransaction;
use crate::store::people::audit::append::{NewAuditEntry, append};
use crate::store::people::audit::erase::erase_audit_details;
use crate::store::people::idempotency::forget_answers;
use crate::store::portal::challenge::erase_portal_verifications;
use crate::store::portal::event::erase_portal_events;
use crate::store::portal::lockout::erase_portal_failures;
use crate::store::portal::session::erase_portal_sessions;
use crate::store::portal::sms_log::erase_sms_log;
use crate::store::search::{recipients, words};
use crate::store::{DatabaseConnection, Store, Transaction};

/// Bodies that are looked through at once: each may have a megabyte.
const BODIES_MAX: u32 = 16;

/// What became of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// Nothing that can be found names the customer any more.
    Done {
        /// Deliveries that named them.
        deliveries: u64,
        /// Dead letters that named them; those that the broker's queue still holds leave it with the next pass.
        letters: u64,
        /// Dead letters that were discarded, because they cannot be sent any more.
        discarded: u64,
        /// What may still lie in the database's files.
        leftovers: Leftovers,
    },
    /// So many of their deliveries and events are under way: nothing was erased. Cancel them first, or wait.
    UnderWay(u64),
    /// They are unknown.
    Unknown,
}

/// What may still lie in the database's files of what was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftovers {
    /// Nothing: the file was written anew.
    Nothing,
    /// PostgreSQL keeps old versions of rows until a vacuum has run, and its log of changes for longer.
    OldRowVersions,
    /// SQLite's file could not be written anew; why.
    FreePages(String),
}

/// What is to be erased: locked, with the customer's record emptied, and not committed.
struct Erasure {
    intake: IntakeTransaction,
    person: Person,
    deliveries: Vec<DeliveryId>,
    letters: Vec<DeadLetterId>,
    /// Events whose bodies are forgotten.
    events: Vec<EventKey>,
}

impl Store {
    /// Erases a customer. Mails to them cannot be made or shown again; that and when they were sent stays known.
    pub async fn erase_customer(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
        who: &Actor,
    ) -> Result<Erased, StoreError> {
        let Erasure { mut intake, person, deliveries, letters, events } =
            match self.begin_erasure(tenant, customer).await? {
                Ok(erasure) => erasure,
                Err(instead) => return Ok(instead),
            };
        let on = &mut intake.transaction;
        // A reason that names the person would stay where everything else is erased.
        let reason = who.reason.as_deref().filter(|reason| !person.is_named_in(reason));
        let signature = if reason.is_some() { who.signature() } else { who.name().to_owned() };
        let now = self.now();
        let (state, note) = (DeadLetterState::Discarded, "the customer was erased");
        erase_letters(on, &letters).await?;
        let discarded = conclude_letters(on, &letters, state, &signature, Some(note), now).await?;
        let dead: Vec<DeliveryId> = discarded.iter().filter_map(|(_, delivery)| *delivery).collect();
        move_deliveries(on, &dead, (Concluded::Dead, Concluded::Discarded), None, now).await?;
        erase_deliveries(on, &deliveries).await?;
        words::erase(on, tenant, customer).await?;
        erase_reasons_that_name(on, tenant, &person).await?;
        forget_bodies(on, &events).await?;
        erase_portal_failures(on, tenant, customer).await?;
        erase_portal_verifications(on, tenant, customer).await?;
        erase_sms_log(on, tenant, customer).await?;
        erase_portal_sessions(on, tenant, customer).await?;
        erase_portal_events(on, tenant, customer).await?;
        insert_notes(on, &deliveries, &signature, &NoteKind::CustomerErased.into(), now).await?;
        erase_audit_details(on, tenant, customer, &person).await?;
        forget_answers(on).await?;
        let change = json!({ "deliveries": deliveries.len(), "dead_letters": letters.len() });
        let entry = NewAuditEntry::new(AuditAction::CustomerErased, who).of_customer(tenant, customer);
        let entry = NewAuditEntry { reason, ..entry.about(customer.as_str()).with(change) };
        append(on, &entry, now).await?;
        intake.commit().await?;
        Ok(Erased::Done {
            deliveries: deliveries.len() as u64,
            letters: letters.len() as u64,
            discarded: discarded.len() as u64,
            leftovers: self.overwrite_freed().await,
        })
    }

    /// How many deliveries and dead letters [`Store::erase_customer`] would take in now; none if it would erase
    /// nothing. Nothing is changed.
    pub async fn look_at_erasure(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let erasure = self.begin_erasure(tenant, customer).await?;
        Ok(erasure.ok().map(|erasure| (erasure.deliveries.len() as u64, erasure.letters.len() as u64)))
    }

    /// Locks and collects what names the customer, and empties their record; or says why nothing is erased.
    async fn begin_erasure(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
    ) -> Result<Result<Erasure, Erased>, StoreError> {
        let whose = Whose { tenant, customer };
        let person = whose.person(&mut self.read().await?).await?;
        // Looking through all bodies takes its time, and no caller waits for it.
        let (mut letters, last) = letters_that_name(&mut self.read().await?, &person, None).await?;
        let mut intake = self.begin_intake(std::slice::from_ref(tenant)).await?;
        let on = &mut intake.transaction;
        let known = sql(
            "UPDATE customer SET name = $3, address = '', type = NULL, locale = NULL, country = NULL, postcode = NULL,
                   house_number = NULL, mobile = NULL, postcode_key = NULL, house_number_key = NULL,
                   mobile_country = NULL, mobile_refused_at = NULL, updated_at = $4
            WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(customer)
        .bind(ERASED)
        .bind(self.now())
        .run(on)
        .await?;
        // Locked first: a late answer that makes one due again comes before, and it is under way; or after, and it sees
        // that the customer is erased.
        let (deliveries, mut events) = whose.deliveries(on).await?;
        let under_way = whose.under_way(on).await?;
        if under_way > 0 {
            return Ok(Err(Erased::UnderWay(under_way)));
        }
        let (own_letters, letters_events) = whose.letters(on).await?;
        events.extend(letters_events);
        letters.extend(own_letters);
        letters.extend(letters_that_name(on, &person, last).await?.0);
        if known == 0 && deliveries.is_empty() && letters.is_empty() {
            return Ok(Err(Erased::Unknown));
        }
        let letters = letters.into_iter().collect();
        Ok(Ok(Erasure { intake, person, deliveries, letters, events }))
    }

    /// Writes SQLite's file anew and empties its log, so that nothing of what was deleted or changed ever lies in free
    /// pages, in the gaps of pages, or in the log.
    async fn overwrite_freed(&self) -> Leftovers {
        if !self.is_single_process() {
            return Leftovers::OldRowVersions;
        }
        match self.vacuum().await {
            Ok(true) => Leftovers::Nothing,
            Ok(false) => Leftovers::FreePages("another process reads the database".to_owned()),
            Err(error) => Leftovers::FreePages(error.to_string()),
        }
    }

    /// Whether the log could be emptied, too.
    async fn vacuum(&self) -> Result<bool, StoreError> {
        let mut connection = self.write().await?;
        sql("VACUUM").run(&mut connection).await?;
        let row = sql("PRAGMA wal_checkpoint(TRUNCATE)").one(&mut connection).await?;
        Ok(row.get::<i64>("busy")? == 0)
    }
}

/// Whose rows.
struct Whose<'a> {
    tenant: &'a TenantId,
    customer: &'a CustomerId,
}

impl Whose<'_> {
    /// What names them, before it is erased: also where no column says whose it is.
    async fn person(&self, on: &mut DatabaseConnection) -> Result<Person, StoreError> {
        let mut texts = Vec::new();
        let mut mobile: Option<String> = None;
        let known = sql("SELECT name, address, mobile FROM customer WHERE tenant_id = $1 AND id = $2")
            .bind(self.tenant)
            .bind(self.customer)
            .optional(on)
            .await?;
        if let Some(row) = known {
            texts.extend([row.get("name")?, row.get("address")?]);
            mobile = row.get("mobile")?;
        }
        let rows = sql("SELECT DISTINCT customer_name, recipients FROM delivery
            WHERE tenant_id = $1 AND customer_id = $2 AND role <> 'bcc'")
        .bind(self.tenant)
        .bind(self.customer)
        .all(on)
        .await?;
        for row in &rows {
            texts.push(row.get("customer_name")?);
            // A Cc may be another person's, their tax adviser's for instance.
            let to = row.json::<Vec<Recipient>>("recipients")?.into_iter();
            texts.extend(to.filter(|to| to.role == RecipientRole::To).map(|to| to.address));
        }
        texts.retain(|text| text != ERASED);
        Ok(Person::new(self.tenant, self.customer, texts).reached_at(mobile.as_deref()))
    }

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
        let rows = sql("SELECT id, event_key FROM delivery WHERE tenant_id = $1 AND customer_id = $2
            ORDER BY id {postgres: FOR UPDATE}")
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
    // The reason of a cancellation, resend or discard may name whom it was for.
    erase_notes(on, deliveries).await?;
    // What a relay said may repeat the address.
    sql("WITH {rows} UPDATE attempt SET reply = NULL, refused = NULL WHERE delivery_id IN (SELECT id FROM rows)")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql("WITH {rows} UPDATE delivery SET recipients = '[]', customer_name = $1, reason = NULL, resend_reason = NULL
        WHERE id IN (SELECT id FROM rows)")
    .bind(ERASED)
    .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
    .run(on)
    .await?;
    recipients::delete(on, deliveries.iter().copied()).await?;
    sql("WITH {rows} UPDATE outcome SET reason = NULL WHERE delivery_id IN (SELECT id FROM rows)")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    sql("WITH {rows} DELETE FROM portal_link WHERE root_id IN (SELECT id FROM rows)")
        .rows("id uuid", deliveries.iter().map(|delivery| [(*delivery).into()]))
        .run(on)
        .await?;
    Ok(())
}

/// Dead letters behind `after` whose bytes name the person, though no column does; and the last that was looked at.
async fn letters_that_name(
    on: &mut impl StatementExecutor,
    person: &Person,
    after: Option<DeadLetterId>,
) -> Result<(BTreeSet<DeadLetterId>, Option<DeadLetterId>), StoreError> {
    let (mut found, mut last) = (BTreeSet::new(), after);
    loop {
        let rows = sql("SELECT id, body FROM dead_letter
            WHERE id > $1 AND body IS NOT NULL AND octet_length(body) > 0 ORDER BY id LIMIT $2")
        .bind(last.map_or(Uuid::nil(), |letter| letter.0))
        .bind(BODIES_MAX)
        .all(on)
        .await?;
        for row in &rows {
            let id = row.get("id")?;
            last = Some(id);
            if person.is_named_in_event(&row.get::<Vec<u8>>("body")?) {
                found.insert(id);
            }
        }
        if rows.is_empty() {
            return Ok((found, last));
        }
    }
}

async fn erase_letters(on: &mut impl StatementExecutor, letters: &[DeadLetterId]) -> Result<(), StoreError> {
    sql("WITH {rows} UPDATE dead_letter SET reason = $1, body = CASE WHEN body IS NOT NULL THEN $2 END,
               note = CASE WHEN note IS NOT NULL THEN $1 END
        WHERE id IN (SELECT id FROM rows)")
    .bind(ERASED)
    .bind(&[][..])
    .rows("id uuid", letters.iter().map(|letter| [(*letter).into()]))
    .run(on)
    .await?;
    Ok(())
}

async fn forget_bodies(on: &mut impl StatementExecutor, events: &[EventKey]) -> Result<(), StoreError> {
    sql("WITH {rows} UPDATE event SET body = NULL WHERE key IN (SELECT key FROM rows)")
        .rows("key uuid", events.iter().map(|event| [(*event).into()]))
        .run(on)
        .await?;
    Ok(())
}
