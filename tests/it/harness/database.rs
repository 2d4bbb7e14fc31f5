//! A fresh, migrated database for each test, and gone after it.
//!
//! PostgreSQL is the server that `TEST_DATABASE_URL` names (`scripts/test` starts one). Each test's database is a copy
//! of a template that is migrated once and named by the migrations' content.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use invoice_dispatcher::clock::{Clock, Timestamp};
use invoice_dispatcher::store::Store;
use invoice_dispatcher::upkeep::reconciliation::{self, Evidence};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Row as _, SqlitePool};
use tempfile::TempDir;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::LOOK;

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a statement past the store waits for another writer on SQLite, who may have stood still in a transaction.
const BUSY_PATIENCE: Duration = Duration::from_mins(1);

/// Where a test's manual clock starts: 2026-11-23T09:30:00Z.
pub(crate) const START: Timestamp = Timestamp(1_795_426_200_000);

/// An identifier that nothing else has.
pub(crate) fn new_id() -> Uuid {
    Clock::system().new_id()
}

/// One test's database; the same one when cloned.
#[derive(Clone)]
pub(crate) struct TestDatabase {
    /// The store under test.
    pub(crate) store: Store,
    /// The store's clock, which the test moves.
    pub(crate) clock: Clock,
    /// The database's address, for a second store or another process.
    pub(crate) url: String,
    raw: Raw,
    /// Dropped last: it takes the database with it.
    _place: Arc<Place>,
}

/// A way past the store, for looking and for samples.
#[derive(Clone)]
enum Raw {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

enum Place {
    Postgres {
        name: String,
    },
    /// On a server that ends with the scenario.
    PrivatePostgres,
    Sqlite {
        _folder: TempDir,
    },
}

impl TestDatabase {
    /// A database on PostgreSQL, whose store has a manual clock.
    pub(crate) async fn postgres() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(make_template).await;
        let name = format!("it_{}", new_id().simple());
        let mut admin = admin_options().connect().await.expect("TEST_DATABASE_URL answers");
        execute_on(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let options = admin_options().database(&name);
        let url = options.to_url_lossy().to_string();
        let raw = PgPool::connect_lazy_with(options);
        Self::with(url, Raw::Postgres(raw), Place::Postgres { name }).await
    }

    /// A database of its own on the private PostgreSQL at this address.
    pub(crate) async fn postgres_at(server: &str) -> Self {
        let name = format!("it_{}", new_id().simple());
        let options: PgConnectOptions = server.parse().expect("a postgres:// address");
        let mut admin = options.clone().connect().await.expect("the server answers");
        execute_on(&mut admin, format!("CREATE DATABASE {name}")).await;
        let options = options.database(&name);
        let url = options.to_url_lossy().to_string();
        let raw = PgPool::connect_lazy_with(options);
        Self::with(url, Raw::Postgres(raw), Place::PrivatePostgres).await
    }

    /// A database on SQLite, whose store has a manual clock.
    pub(crate) async fn sqlite() -> Self {
        Self::sqlite_at(tempfile::tempdir().expect("a temporary folder can be made")).await
    }

    async fn sqlite_at(folder: TempDir) -> Self {
        let path = folder.path().join("data").join("dispatcher.db");
        let url = format!("sqlite://{}", path.display());
        let options: SqliteConnectOptions = url.parse().expect("the address can be read");
        let raw = SqlitePool::connect_lazy_with(options.busy_timeout(BUSY_PATIENCE));
        Self::with(url, Raw::Sqlite(raw), Place::Sqlite { _folder: folder }).await
    }

    /// A database on SQLite in this folder, which the caller keeps.
    pub(crate) async fn sqlite_in(folder: &Path) -> Self {
        let place = tempfile::tempdir_in(folder).expect("a temporary folder can be made");
        Self::sqlite_at(place).await
    }

    /// A database on SQLite that another process may own.
    pub(crate) async fn sqlite_unlocked() -> Self {
        Self::sqlite().await.unlocked().await
    }

    /// The same database, which another process may own.
    pub(crate) async fn unlocked(mut self) -> Self {
        let beside = Store::open_beside(&self.url, self.clock.clone()).await.expect("the database opens");
        std::mem::replace(&mut self.store, beside).close().await;
        self
    }

    async fn with(url: String, raw: Raw, place: Place) -> Self {
        let clock = Clock::manual(START);
        let store = Store::open(&url, clock.clone()).await.expect("the database opens");
        // Every other one is a copy that is migrated already.
        if !matches!(place, Place::Postgres { .. }) {
            store.migrate().await.expect("the migrations apply");
        }
        Self { store, clock, url, raw, _place: Arc::new(place) }
    }

    /// Runs statements past the store.
    pub(crate) async fn execute(&self, text: impl Into<String>) -> u64 {
        self.try_execute(text).await.expect("the statement is right")
    }

    /// Runs statements past the store, which the database may refuse.
    pub(crate) async fn try_execute(&self, text: impl Into<String>) -> Result<u64, sqlx::Error> {
        let text = AssertSqlSafe(text.into());
        Ok(match &self.raw {
            Raw::Postgres(pool) => sqlx::raw_sql(text).execute(pool).await?.rows_affected(),
            Raw::Sqlite(pool) => sqlx::raw_sql(text).execute(pool).await?.rows_affected(),
        })
    }

    /// Takes one migration away, and applies it again; `look` sees the rows after each.
    pub(crate) async fn migrate_down_and_up(&self, name: &str, mut look: impl AsyncFnMut(&str)) {
        // The first statement has a connection of SQLite read the schema again that another one has changed meanwhile.
        let (kind, first) = match self.raw {
            Raw::Sqlite(_) => ("sqlite", "SELECT COUNT(*) FROM sqlite_schema;"),
            Raw::Postgres(_) => ("postgres", ""),
        };
        for way in ["down", "up"] {
            let path = format!("{}/migrations/{kind}/{name}.{way}.sql", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("a migration is text");
            self.execute(format!("{first}\n{text}")).await;
            look(way).await;
        }
    }

    /// Runs statements past the store in a transaction, which keeps their locks until it is committed.
    pub(crate) async fn begin(&self, text: impl Into<String>) -> OpenTransaction {
        let text = AssertSqlSafe(text.into());
        match &self.raw {
            Raw::Postgres(pool) => {
                let mut transaction = pool.begin().await.expect("the server answers");
                sqlx::raw_sql(text).execute(&mut *transaction).await.expect("the statement is right");
                OpenTransaction::Postgres(transaction)
            }
            Raw::Sqlite(pool) => {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.expect("the file answers");
                sqlx::raw_sql(text).execute(&mut *transaction).await.expect("the statement is right");
                OpenTransaction::Sqlite(transaction)
            }
        }
    }

    /// Has PostgreSQL refuse what writes to this database, or take it again, as when a server becomes a replica and is
    /// made the primary again. A session keeps what it began with, so all that stand are ended.
    pub(crate) async fn set_read_only(&self, is_read_only: bool) {
        let name = self.texts("SELECT CAST(current_database() AS TEXT)").await.remove(0);
        let value = if is_read_only { "on" } else { "off" };
        // By way of another database: in its own a session that may only read could not end that.
        let mut admin = admin_options().connect().await.expect("TEST_DATABASE_URL answers");
        // One after the other: who connects between them must find the change committed.
        execute_on(&mut admin, format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}")).await;
        let end = format!(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
             WHERE datname = '{name}' AND backend_type = 'client backend'"
        );
        execute_on(&mut admin, end).await;
        admin.close().await.expect("the connection closes");
    }

    /// Waits until a statement waits for another's lock. On SQLite that cannot be seen, and need not be: nothing is
    /// read before the one writer is free.
    pub(crate) async fn until_a_statement_waits(&self) {
        if matches!(self.raw, Raw::Sqlite(_)) {
            return;
        }
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let seen = async {
            while self.number(waiting).await == 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.expect("a statement waits for a lock");
    }

    /// The one number that `text` selects.
    pub(crate) async fn number(&self, text: impl Into<String>) -> i64 {
        let text = AssertSqlSafe(text.into());
        match &self.raw {
            Raw::Postgres(pool) => sqlx::query_scalar(text).fetch_one(pool).await,
            Raw::Sqlite(pool) => sqlx::query_scalar(text).fetch_one(pool).await,
        }
        .expect("the statement selects a number")
    }

    /// The texts that `text` selects.
    pub(crate) async fn texts(&self, text: impl Into<String>) -> Vec<String> {
        let text = AssertSqlSafe(text.into());
        match &self.raw {
            Raw::Postgres(pool) => sqlx::query_scalar(text).fetch_all(pool).await,
            Raw::Sqlite(pool) => sqlx::query_scalar(text).fetch_all(pool).await,
        }
        .expect("the statement selects texts")
    }

    /// The lines of a plan that `text`, whose last statement is an `EXPLAIN`, shows.
    pub(crate) async fn plan(&self, text: &str) -> Vec<String> {
        let column = |row: Result<String, sqlx::Error>| row.expect("a plan is text");
        match &self.raw {
            Raw::Postgres(pool) => {
                let rows = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).fetch_all(pool).await;
                rows.expect("the statement is right").iter().map(|row| column(row.try_get(0))).collect()
            }
            Raw::Sqlite(pool) => {
                let rows = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).fetch_all(pool).await;
                rows.expect("the statement is right").iter().map(|row| column(row.try_get("detail"))).collect()
            }
        }
    }

    /// Checks the promise that everything is in exactly one state, and that the kept counts are the true ones.
    pub(crate) async fn assert_ledger(&self) {
        assert_adds_up(&self.store, &Evidence::default()).await;
    }
}

/// A transaction that is open past the store; rolled back unless it is committed.
pub(crate) enum OpenTransaction {
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

impl OpenTransaction {
    pub(crate) async fn commit(self) {
        match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::Sqlite(transaction) => transaction.commit().await,
        }
        .expect("the transaction commits");
    }
}

/// Checks that the books of a database and what else is known fit together.
pub(crate) async fn assert_adds_up(store: &Store, evidence: &Evidence) {
    let ledger = reconciliation::audit(store, evidence).await.expect("the database answers");
    assert!(ledger.balances(), "the books do not add up: {ledger:#?}");
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Postgres { name } = self else { return };
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // Drop cannot wait inside the test's runtime, also not when the test fails.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                if let Ok(mut admin) = admin_options().connect().await {
                    execute_on(&mut admin, statement).await;
                }
            });
        });
        let many = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        // The server may wait for another scenario of this runtime, which is about to say its password.
        let dropped = if many { tokio::task::block_in_place(|| dropping.join()) } else { dropping.join() }.is_ok();
        assert!(dropped || std::thread::panicking(), "the test's database could not be dropped");
    }
}

fn admin_options() -> PgConnectOptions {
    std::env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL names a PostgreSQL server (scripts/test starts one)")
        .parse()
        .expect("TEST_DATABASE_URL is a postgres:// address")
}

async fn execute_on(connection: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.expect("the server lets us make databases");
}

/// The text of every migration for one kind of database, `up` or `down`, oldest first.
pub(crate) fn migrations(kind: &str, way: &str) -> Vec<String> {
    let folder = format!("{}/migrations/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).expect("the folder of migrations").map(|file| file.expect("a file").path());
    let wanted = format!(".{way}.sql");
    let mut files: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with(&wanted)).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).expect("a migration is text")).collect()
}

/// Makes the template unless an earlier run has; returns its name.
async fn make_template() -> String {
    let mut hasher = DefaultHasher::new();
    for text in migrations("postgres", "up") {
        text.hash(&mut hasher);
    }
    let name = format!("invoice_dispatcher_template_{:016x}", hasher.finish());
    let mut admin = admin_options().connect().await.expect("TEST_DATABASE_URL answers");
    execute_on(&mut admin, "SELECT pg_advisory_lock(4919)".to_owned()).await;
    let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .expect("the server lists its databases");
    if known == 0 {
        let unfinished = format!("{name}_unfinished");
        execute_on(&mut admin, format!("DROP DATABASE IF EXISTS {unfinished}")).await;
        execute_on(&mut admin, format!("CREATE DATABASE {unfinished}")).await;
        let url = admin_options().database(&unfinished).to_url_lossy().to_string();
        let store = Store::open(&url, Clock::system()).await.expect("the template opens");
        store.migrate().await.expect("the migrations apply");
        store.close().await;
        execute_on(&mut admin, format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
    }
    admin.close().await.expect("the connection closes");
    name
}

/// Makes of each function, which takes a [`TestDatabase`], a test on SQLite and one on PostgreSQL.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::harness::database::TestDatabase::sqlite().await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::harness::database::TestDatabase::postgres().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_databases;
