//! The benchmark's own SQL: a database for the run, a past for it, and what came of its mails.

use std::collections::BTreeMap;
use std::str::FromStr;

use invoice_dispatcher::clock::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Row as _, SqlitePool};

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
pub struct Server(PgConnectOptions);

impl Server {
    /// The server of this database.
    pub fn of(url: &str) -> sqlx::Result<Self> {
        Ok(Self(PgConnectOptions::from_str(url)?))
    }

    /// Whether the database of the address holds any deliveries.
    pub async fn holds_deliveries(&self) -> sqlx::Result<bool> {
        let mut connection = self.0.connect().await?;
        let table = connection.fetch_one("SELECT to_regclass('delivery') IS NOT NULL").await?;
        let holds = table.try_get(0)?
            && connection.fetch_one("SELECT EXISTS (SELECT 1 FROM delivery)").await?.try_get::<bool, _>(0)?;
        connection.close().await?;
        Ok(holds)
    }

    /// Makes the database `name` (letters, digits and underscores) on the server; returns its address.
    pub async fn create(&self, name: &str) -> sqlx::Result<String> {
        self.execute(format!("CREATE DATABASE {name}")).await?;
        Ok(self.0.clone().database(name).to_url_lossy().to_string())
    }

    /// Drops the database `name`, whoever uses it.
    pub async fn drop(&self, name: &str) -> sqlx::Result<()> {
        self.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
    }

    async fn execute(&self, text: String) -> sqlx::Result<()> {
        let mut connection: PgConnection = self.0.connect().await?;
        connection.execute(AssertSqlSafe(text)).await?;
        connection.close().await
    }
}

/// The run's database, looked at from outside the worker.
pub enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// Runs a query on either.
macro_rules! on {
    ($database:expr, $pool:ident => $query:expr) => {
        match $database {
            Database::Postgres($pool) => $query,
            Database::Sqlite($pool) => $query,
        }
    };
}

const SENT_MAILS: &str = "
    SELECT event.received_at, MAX(attempt.started_at), MAX(attempt.ended_at), delivery.concluded_at,
           delivery.message_size, delivery.decision
    FROM event JOIN delivery ON delivery.id = event.delivery_id
         JOIN attempt ON attempt.delivery_id = delivery.id
    WHERE event.source = $1 AND delivery.concluded = 'sent'
    GROUP BY delivery.id, event.received_at, delivery.concluded_at, delivery.message_size, delivery.decision";

const CONCLUDED: &str = "SELECT concluded, CAST(SUM(count) AS BIGINT) FROM concluded_count GROUP BY concluded";

impl Database {
    /// Opens the database, whose schema is there.
    pub async fn open(url: &str) -> sqlx::Result<Self> {
        Ok(if url.starts_with("sqlite:") {
            Self::Sqlite(SqlitePoolOptions::new().max_connections(1).connect(url).await?)
        } else {
            Self::Postgres(PgPoolOptions::new().max_connections(1).connect(url).await?)
        })
    }

    /// The kind of database.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// Ends its connection.
    pub async fn close(&self) {
        on!(self, pool => pool.close().await);
    }

    /// The mails whose events came from `source` and that were sent, in no particular order.
    pub async fn sent_mails(&self, source: &str) -> sqlx::Result<Vec<SentMail>> {
        let rows: Vec<(i64, i64, i64, i64, i64, String)> =
            on!(self, pool => sqlx::query_as(SENT_MAILS).bind(source).fetch_all(pool).await?);
        let mail = |(received, started, ended, concluded, bytes, decision): (_, _, _, _, i64, String)| SentMail {
            received_at: Timestamp(received),
            started_at: Timestamp(started),
            ended_at: Timestamp(ended),
            concluded_at: Timestamp(concluded),
            message_bytes: u64::try_from(bytes).unwrap_or(0),
            is_link: decision == "link",
        };
        Ok(rows.into_iter().map(mail).collect())
    }

    /// How many deliveries ended how.
    pub async fn concluded(&self) -> sqlx::Result<BTreeMap<String, i64>> {
        let rows: Vec<(String, i64)> = on!(self, pool => sqlx::query_as(CONCLUDED).fetch_all(pool).await?);
        Ok(rows.into_iter().collect())
    }

    /// When a relay last answered.
    pub async fn last_answer(&self) -> sqlx::Result<Option<Timestamp>> {
        let moment: Option<i64> =
            on!(self, pool => sqlx::query_scalar("SELECT MAX(ended_at) FROM attempt").fetch_one(pool).await?);
        Ok(moment.map(Timestamp))
    }

    /// Writes a past: `count` deliveries that were sent before `now`, with their events and attempts.
    pub async fn add_past(&self, count: u32, now: Timestamp) -> sqlx::Result<()> {
        // Small, so that none takes long on a slow disk.
        const STEP: u32 = 2_000;
        for first in (0..count).step_by(usize::try_from(STEP).expect("32 bits fit")) {
            let last = first.saturating_add(STEP).min(count) - 1;
            on!(self, pool => {
                let mut transaction = pool.begin().await?;
                for text in self.past() {
                    let query = sqlx::query(AssertSqlSafe(text)).bind(i64::from(first)).bind(i64::from(last)).bind(now.0);
                    query.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            });
        }
        Ok(())
    }

    /// The statements of a past, for the numbers `$1` to `$2`.
    fn past(&self) -> [String; 3] {
        let (begin, numbers, id, event_digest, invoice_digest) = match self {
            Self::Postgres(_) => (
                "WITH",
                "SELECT * FROM generate_series($1::BIGINT, $2::BIGINT)",
                "('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::UUID",
                "sha256(n::TEXT::BYTEA)",
                "sha256(('i' || n)::BYTEA)",
            ),
            Self::Sqlite(_) => (
                "WITH RECURSIVE",
                "SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2",
                "unhex(printf('00000000000040008000%012x', n))",
                "randomblob(32)",
                "randomblob(32)",
            ),
        };
        let keyed = format!(
            "{begin} numbers (n) AS ({numbers}),
             keyed AS (SELECT n, $3 - 86400000 - n AS moment, {id} AS id FROM numbers)"
        );
        [
            format!(
                "{keyed}
                INSERT INTO event (key, source, event_id, content_sha256, invoice_sha256, tenant_id, customer_id,
                                   invoice_id, invoice_number, kind, body, via, received_at, state, delivery_id)
                SELECT id, 'past', 'past-' || n, {event_digest}, {invoice_digest}, 'past', 'C-1', 'past-' || n,
                       'P-' || n, 'invoice', NULL, 'file', moment, 'accepted', id FROM keyed"
            ),
            format!(
                "{keyed}
                INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                                      invoice_number, kind, recipients, customer_name, locale, profile_version,
                                      template_version, snapshot_at, link_key, created_at, concluded, concluded_at,
                                      class, attempts, claim, decision, message_sha256, message_date, message_size,
                                      attachments)
                SELECT id, id, 'main', id, id, 'past', 'C-1', 'past-' || n, 'P-' || n, 'invoice',
                       '[]', 'Past', 'de-DE', 1, 'past', moment, 'past',
                       moment, 'sent', moment, 'accepted', 1, 1, 'attach', {event_digest}, moment, 60000,
                       '[]' FROM keyed"
            ),
            format!(
                "{keyed}
                INSERT INTO attempt (delivery_id, claim, worker_id, relay, started_at, ended_at, phase, class, code,
                                     decision)
                SELECT id, 1, id, 'default', moment, moment, 'final_dot', 'accepted', '250', 'attach' FROM keyed"
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use invoice_dispatcher::clock::Clock;
    use invoice_dispatcher::store::Store;

    use super::*;

    #[tokio::test]
    async fn a_past_is_of_the_schema_as_it_is() {
        let (clock, folder) = (Clock::system(), tempfile::tempdir().expect("a folder"));
        let server = Server::of(&std::env::var("TEST_DATABASE_URL").expect("scripts/test names a PostgreSQL"));
        let server = server.expect("an address");
        let name = format!("bench_test_{}", clock.new_id().simple());
        let sqlite = format!("sqlite://{}", folder.path().join("dispatcher.db").display());
        for url in [sqlite, server.create(&name).await.expect("created")] {
            let store = Store::open_beside(&url, clock.clone()).await.expect("opens");
            store.migrate().await.expect("migrated");
            let database = Database::open(&url).await.expect("opens");
            database.add_past(5, clock.now()).await.expect("written");
            let mails = database.sent_mails("past").await.expect("read");
            assert!(
                mails.len() == 5 && mails.iter().all(|mail| mail.message_bytes == 60_000 && !mail.is_link),
                "{mails:?}"
            );
            let last = mails.iter().map(|mail| mail.ended_at).max();
            assert_eq!(database.last_answer().await.expect("read"), last);
            assert!(database.concluded().await.expect("read").is_empty(), "nothing was counted");
            database.close().await;
            store.close().await;
        }
        server.drop(&name).await.expect("dropped");
    }
}
