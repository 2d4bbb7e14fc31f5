//! The list of dead letters: what cannot be sent, why, and what to do about it.
//!
//! It stays quick with 100,000 of them: each list is read along an index, and the groups are counted along one.

use std::collections::BTreeMap;

use bytes::Bytes;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::DeadLetterState;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::list::looked_through;

/// What cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its identifier.
    pub id: DeadLetterId,
    /// Whether a person must act still.
    pub state: DeadLetterState,
    /// The dead delivery, if the event became one.
    pub delivery: Option<DeliveryId>,
    /// The event, if it is remembered.
    pub event_key: Option<EventKey>,
    /// Who published the event, if that could be read.
    pub source: Option<String>,
    /// The publisher's name for it, if that could be read.
    pub event_id: Option<String>,
    /// Whose invoice it is, if that could be read; or what the bytes claim ([`DeadLetter::is_claimed`]).
    pub tenant: Option<TenantId>,
    /// Whom it is for, if that could be read.
    pub customer: Option<CustomerId>,
    /// The invoice, if that could be read.
    pub invoice_number: Option<String>,
    /// Invoice, credit note or reminder, if that could be read.
    pub kind: Option<InvoiceKind>,
    /// Why, for programs.
    pub class: ReasonCode,
    /// Where in the SMTP conversation.
    pub phase: Option<Phase>,
    /// What the relay said, as `550 5.7.1`.
    pub code: Option<String>,
    /// Why, for people.
    pub reason: String,
    pub hint: String,
    /// SMTP transactions that were made for its delivery until then.
    pub attempts: u32,
    /// Dead letters with one cause share it.
    pub fingerprint: String,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    /// When it was acted upon.
    pub concluded_at: Option<Timestamp>,
    /// Who acted.
    pub concluded_by: Option<String>,
    /// What they said about it.
    pub note: Option<String>,
}

/// Which dead letters are wanted; each part narrows.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Those that were acted upon, instead of the open ones.
    pub concluded: bool,
    pub class: Option<ReasonCode>,
    pub tenant: Option<TenantId>,
    /// Of this cause.
    pub fingerprint: Option<String>,
    /// That last failed (or, if concluded, were concluded) at this moment or after it.
    pub since: Option<Timestamp>,
}

/// Open dead letters of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterGroup {
    /// How many.
    pub count: i64,
    /// When the first of them failed last.
    pub oldest: Timestamp,
    /// The newest of them, as an example; its class, phase and code are the group's.
    pub example: DeadLetter,
}

/// What [`DeadLetter::read`] needs of `dead_letter`. The kind is the event's; attempts are counted as for deliveries:
/// what was tried until then.
macro_rules! dead_letter_columns {
    () => {
        "dead_letter.*, (SELECT known.kind FROM event AS known WHERE known.key = dead_letter.event_key) AS kind,
         (SELECT CAST(COUNT(*) AS INTEGER) FROM attempt
          WHERE attempt.delivery_id = dead_letter.delivery_id AND attempt.ended_at <= dead_letter.last_failed_at) AS tried"
    };
}
pub(in crate::store) use dead_letter_columns;

/// Builds the list's statement for one leading column; the others only filter what it finds.
macro_rules! list_statement {
    ($leading:literal) => {
        concat!(
            "SELECT ",
            dead_letter_columns!(),
            " FROM dead_letter WHERE state = 'open' AND ",
            $leading,
            " AND (last_failed_at, id) < ($1, $2) AND last_failed_at >= $3
              AND ($4 IS NULL OR fingerprint = $4) AND ($5 IS NULL OR tenant_id = $5) AND ($6 IS NULL OR class = $6)
              AND ",
            in_scope!("tenant_id", "$8"),
            " ORDER BY last_failed_at DESC, id DESC LIMIT $7"
        )
    };
}

const CONCLUDED: &str = concat!(
    "SELECT ",
    dead_letter_columns!(),
    " FROM dead_letter
    WHERE concluded_at IS NOT NULL AND (concluded_at, id) < ($1, $2) AND concluded_at >= $3
      AND ($4 IS NULL OR fingerprint = $4) AND ($5 IS NULL OR tenant_id = $5) AND ($6 IS NULL OR class = $6) AND ",
    in_scope!("tenant_id", "$8"),
    " ORDER BY concluded_at DESC, id DESC LIMIT $7"
);

/// Dead letters whose ids lie in a range: of the first of all tenants, those of a scope.
pub(in crate::store) const LETTERS_BETWEEN: &str = concat!(
    "SELECT id FROM (SELECT id, tenant_id FROM dead_letter WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $5) AS found
    WHERE ",
    in_scope!("tenant_id", "$3"),
    " ORDER BY id LIMIT $4"
);

/// A dead letter by its id, and the bytes of its event.
pub(in crate::store) const LETTER: &str = concat!(
    "SELECT ",
    dead_letter_columns!(),
    ", COALESCE(dead_letter.body, event.body) AS bytes
    FROM dead_letter LEFT JOIN event ON event.key = dead_letter.event_key
    WHERE dead_letter.id = $1 AND ",
    in_scope!("dead_letter.tenant_id", "$2")
);

impl Store {
    /// Dead letters, newest first.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        scope: &TenantScope,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let text = match filter {
            DeadLetterFilter { concluded: true, .. } => CONCLUDED,
            DeadLetterFilter { fingerprint: Some(_), .. } => list_statement!("fingerprint = $4"),
            DeadLetterFilter { tenant: Some(_), .. } => list_statement!("tenant_id = $5"),
            DeadLetterFilter { class: Some(_), .. } => list_statement!("class = $6"),
            _ => list_statement!("TRUE"),
        };
        let after = page.after.unwrap_or(Cursor::BEGIN);
        let rows = sql(text)
            .bind(after.at)
            .bind(after.id)
            .bind(filter.since.unwrap_or(Timestamp(i64::MIN)))
            .bind(&filter.fingerprint)
            .bind(&filter.tenant)
            .bind(filter.class)
            .bind(page.limit.saturating_add(1))
            .bind(scope)
            .all(&mut self.read().await?)
            .await?;
        Page::of(&rows, page.limit, DeadLetter::read, |letter| Cursor {
            at: letter.concluded_at.filter(|_| filter.concluded).unwrap_or(letter.last_failed_at),
            id: letter.id.0,
        })
    }

    /// Open dead letters by cause, the most frequent first.
    pub async fn dead_letter_groups(
        &self,
        scope: &TenantScope,
        limit: u32,
    ) -> Result<Vec<DeadLetterGroup>, StoreError> {
        sql(concat!(
            "WITH cause AS MATERIALIZED (
                SELECT fingerprint AS cause, COUNT(*) AS letters, MIN(last_failed_at) AS oldest
                FROM dead_letter WHERE state = 'open' AND ",
            in_scope!("tenant_id", "$2"),
            " GROUP BY fingerprint
                ORDER BY COUNT(*) DESC, fingerprint LIMIT $1)
            SELECT cause.letters, cause.oldest, ",
            dead_letter_columns!(),
            " FROM cause JOIN dead_letter ON dead_letter.id = (
                SELECT newest.id FROM dead_letter AS newest
                WHERE newest.state = 'open' AND newest.fingerprint = cause.cause AND ",
            in_scope!("newest.tenant_id", "$2"),
            " ORDER BY newest.last_failed_at DESC, newest.id DESC LIMIT 1)
            ORDER BY cause.letters DESC, cause.cause"
        ))
        .bind(limit)
        .bind(scope)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(DeadLetterGroup {
                count: row.get("letters")?,
                oldest: row.get("oldest")?,
                example: DeadLetter::read(row)?,
            })
        })
        .collect()
    }

    /// Up to `limit` dead letters whose ids lie in this range, both ends included; in the order of their ids.
    pub async fn dead_letters_between(
        &self,
        range: (Uuid, Uuid),
        scope: &TenantScope,
        limit: u32,
    ) -> Result<Vec<DeadLetterId>, StoreError> {
        sql(LETTERS_BETWEEN)
            .bind(range.0)
            .bind(range.1)
            .bind(scope)
            .bind(limit)
            .bind(looked_through(scope, limit))
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| row.get("id"))
            .collect()
    }

    /// A dead letter and the bytes of its event, unless they are forgotten.
    pub async fn dead_letter(
        &self,
        id: DeadLetterId,
        scope: &TenantScope,
    ) -> Result<Option<(DeadLetter, Option<Bytes>)>, StoreError> {
        let row = sql(LETTER).bind(id).bind(scope).optional(&mut self.read().await?).await?;
        row.map(|row| Ok((DeadLetter::read(&row)?, row.get::<Option<Vec<u8>>>("bytes")?.map(Bytes::from)))).transpose()
    }

    /// How many dead letters of each class are open.
    pub async fn open_dead_letters(&self) -> Result<BTreeMap<ReasonCode, i64>, StoreError> {
        sql("SELECT class, COUNT(*) AS letters FROM dead_letter WHERE state = 'open' GROUP BY class")
            .all(&mut self.read().await?)
            .await?
            .iter()
            .map(|row| Ok((row.get("class")?, row.get("letters")?)))
            .collect()
    }

    /// Since when the oldest open dead letter lies.
    pub async fn oldest_dead_letter(&self) -> Result<Option<Timestamp>, StoreError> {
        sql("SELECT MIN(last_failed_at) AS oldest FROM dead_letter WHERE state = 'open'")
            .one(&mut self.read().await?)
            .await?
            .get("oldest")
    }
}

impl DeadLetter {
    /// Whether tenant, customer and number are what bytes claim that could not be read as an event.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.event_key.is_none() && self.class != ReasonCode::ConflictingEvent
    }

    pub(in crate::store) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            state: row.get("state")?,
            delivery: row.get("delivery_id")?,
            event_key: row.get("event_key")?,
            source: row.get("source")?,
            event_id: row.get("event_id")?,
            tenant: row.get("tenant_id")?,
            customer: row.get("customer_id")?,
            invoice_number: row.get("invoice_number")?,
            class: row.get("class")?,
            phase: row.get("phase")?,
            code: row.get("code")?,
            reason: row.get("reason")?,
            hint: row.get("hint")?,
            kind: row.get("kind")?,
            attempts: row.get("tried")?,
            fingerprint: row.get("fingerprint")?,
            first_failed_at: row.get("first_failed_at")?,
            last_failed_at: row.get("last_failed_at")?,
            concluded_at: row.get("concluded_at")?,
            concluded_by: row.get("concluded_by")?,
            note: row.get("note")?,
        })
    }
}
