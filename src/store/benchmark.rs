//! What a benchmark needs of the database: one of its own, a past for it, and what came of its mails.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row as _};

use super::Store;
use super::db::error::StoreError;
use super::db::statement::sql;
use crate::clock::Timestamp;
use crate::model::state::Decision;

/// One mail that the relay took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentMail {
    /// When its event was taken in.
    pub received_at: Timestamp,
    /// When its last SMTP transaction began.
    pub started_at: Timestamp,
    /// When the relay answered.
    pub ended_at: Timestamp,
    /// When that was recorded.
    pub concluded_at: Timestamp,
    /// The message's size in bytes.
    pub message_bytes: u64,
    /// It carries a link in place of documents.
    pub is_link: bool,
}

/// A PostgreSQL server, on which a database can be made and dropped.
#[derive(Debug, Clone)]
pub struct ServerAddress(PgConnectOptions);

impl ServerAddress {
    /// The server of this database.
    ///
    /// # Errors
    /// If the address cannot be read.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        Ok(Self(PgConnectOptions::from_str(url)?))
    }

    /// Whether the database of the address holds any deliveries.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn holds_deliveries(&self) -> Result<bool, StoreError> {
        let mut connection = self.connect().await?;
        let table = connection.fetch_one("SELECT to_regclass('delivery') IS NOT NULL").await?;
        let holds = table.try_get(0)?
            && connection.fetch_one("SELECT EXISTS (SELECT 1 FROM delivery)").await?.try_get::<bool, _>(0)?;
        connection.close().await?;
        Ok(holds)
    }

    /// Makes the database `name` (letters, digits and underscores) on the server; returns its address.
    ///
    /// # Errors
    /// If the user may not make databases, or the server does not answer.
    pub async fn create(&self, name: &str) -> Result<String, StoreError> {
        self.execute(format!("CREATE DATABASE {name}")).await?;
        Ok(self.0.clone().database(name).to_url_lossy().to_string())
    }

    /// Drops the database `name`, whoever uses it.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn drop(&self, name: &str) -> Result<(), StoreError> {
        self.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        Ok(self.0.connect().await?)
    }

    async fn execute(&self, text: String) -> Result<(), StoreError> {
        let mut connection = self.connect().await?;
        connection.execute(AssertSqlSafe(text)).await?;
        Ok(connection.close().await?)
    }
}

impl Store {
    /// The mails whose events came from `source` and that were sent, in no particular order.
    pub async fn sent_mails(&self, source: &str) -> Result<Vec<SentMail>, StoreError> {
        sql("SELECT event.received_at, delivery.concluded_at, delivery.message_size, delivery.decision,
                   MAX(attempt.started_at) AS started_at, MAX(attempt.ended_at) AS ended_at
            FROM event JOIN delivery ON delivery.id = event.delivery_id
                 JOIN attempt ON attempt.delivery_id = delivery.id
            WHERE event.source = $1 AND delivery.concluded = 'sent'
            GROUP BY delivery.id, event.received_at, delivery.concluded_at, delivery.message_size, delivery.decision")
        .bind(source)
        .all(&mut self.read().await?)
        .await?
        .iter()
        .map(|row| {
            Ok(SentMail {
                received_at: row.get("received_at")?,
                started_at: row.get("started_at")?,
                ended_at: row.get("ended_at")?,
                concluded_at: row.get("concluded_at")?,
                message_bytes: u64::try_from(row.get::<i64>("message_size")?).unwrap_or(0),
                is_link: row.get::<Decision>("decision")? == Decision::Link,
            })
        })
        .collect()
    }

    /// When a relay last answered.
    pub async fn last_answer(&self) -> Result<Option<Timestamp>, StoreError> {
        sql("SELECT MAX(ended_at) AS ended_at FROM attempt").one(&mut self.read().await?).await?.get("ended_at")
    }

    /// Writes a past: `count` deliveries that were sent before, `count` below 2³², with their events and attempts.
    pub async fn add_past(&self, count: u32) -> Result<(), StoreError> {
        // Small, so that no statement comes near its deadline on a slow disk.
        const STEP: u32 = 2_000;
        for first in (0..count).step_by(usize::try_from(STEP).expect("32 bits fit")) {
            let mut transaction = self.begin().await?;
            for text in PAST {
                let last = first.saturating_add(STEP).min(count) - 1;
                sql(text).bind(first).bind(last).bind(self.now()).run(&mut transaction).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }
}

/// Numbers of `$1` to `$2`, by database.
macro_rules! past {
    ($text:literal) => {
        concat!(
            "WITH {postgres:}{sqlite:RECURSIVE }numbers (n) AS (
                {postgres:SELECT * FROM generate_series($1::BIGINT, $2::BIGINT)}
                {sqlite:SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2}),
            keyed AS (SELECT n, $3 - 86400000 - n AS moment, printf_id AS id FROM (SELECT n,
                {postgres:('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::UUID}
                {sqlite:unhex(printf('00000000000040008000%012x', n))} AS printf_id FROM numbers) AS named) ",
            $text
        )
    };
}

const PAST: [&str; 3] = [
    past!(
        "INSERT INTO event (key, source, event_id, content_sha256, invoice_sha256, tenant_id, customer_id, invoice_id,
                            invoice_number, kind, body, via, received_at, state, delivery_id)
         SELECT id, 'past', 'past-' || n, {postgres:sha256(n::TEXT::BYTEA)}{sqlite:randomblob(32)},
                {postgres:sha256(('i' || n)::BYTEA)}{sqlite:randomblob(32)}, 'past', 'C-1', 'past-' || n, 'P-' || n,
                'invoice', NULL, 'file', moment, 'accepted', id FROM keyed"
    ),
    past!(
        "INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                               invoice_number, kind, recipients, customer_name, locale, profile_version,
                               template_version, snapshot_at, link_key, created_at, concluded, concluded_at, class,
                               attempts, claim, decision, message_sha256, message_size, attachments)
         SELECT id, id, 'main', id, id, 'past', 'C-1', 'past-' || n, 'P-' || n, 'invoice',
                '[]', 'Past', 'de-DE', 1, 'past', moment, 'past',
                moment, 'sent', moment, 'accepted', 1, 1, 'attach',
                {postgres:sha256(n::TEXT::BYTEA)}{sqlite:randomblob(32)}, 60000, '[]' FROM keyed"
    ),
    past!(
        "INSERT INTO attempt (delivery_id, claim, worker_id, relay, started_at, ended_at, phase, class, code, decision)
         SELECT id, 1, id, 'default', moment, moment, 'final_dot', 'accepted', '250', 'attach' FROM keyed"
    ),
];
