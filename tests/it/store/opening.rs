//! Opening a database: addresses, locks, migrations, clocks, absence.

use std::time::Duration;

use invoice_dispatcher::clock::{Clock, Timestamp};
use invoice_dispatcher::store::{DatabaseDeadlines, OpenError, Store};

use crate::harness::LOOK;
use crate::harness::database::{TestDatabase, migrations, on_both_databases};

on_both_databases!(
    the_schema_is_current_after_migrating,
    the_schema_can_be_taken_away_and_made_again,
    the_clock_is_set_by_the_database,
);

async fn the_schema_is_current_after_migrating(database: TestDatabase) {
    assert!(database.store.schema_is_current().await.expect("answered"));
    database.store.migrate().await.expect("a second run changes nothing");
    database.execute("DELETE FROM _sqlx_migrations").await;
    assert!(!database.store.schema_is_current().await.expect("answered"));
}

async fn the_schema_can_be_taken_away_and_made_again(database: TestDatabase) {
    let kind = if database.store.is_single_process() { "sqlite" } else { "postgres" };
    for away in migrations(kind, "down").into_iter().rev() {
        database.execute(away).await;
    }
    assert!(database.try_execute("SELECT 1 FROM delivery_state").await.is_err());
    database.execute("DELETE FROM _sqlx_migrations").await;
    database.store.migrate().await.expect("nothing of it was left");
    database.assert_ledger().await;
}

async fn the_clock_is_set_by_the_database(database: TestDatabase) {
    let clock = Clock::system();
    clock.align(Timestamp(0));
    let store = Store::open_beside(&database.url, clock.clone()).await.expect("the database opens");
    store.wait_until_reachable().await;
    let now = store.align_clock().await.expect("answered");
    assert!(now > Timestamp(1_700_000_000_000), "{now}");
    assert!(clock.now() >= now);
    store.close().await;
}

/// As a migration waits that goes through a large table: for longer than any statement of a worker may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_is_not_bound_as_statements_are() {
    let database = TestDatabase::postgres().await;
    let deadlines = DatabaseDeadlines { statement: Duration::from_millis(400), ..DatabaseDeadlines::default() };
    let store = Store::open_impatient(&database.url, deadlines, Clock::system()).await.expect("an address");
    let busy = database.begin("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").await;
    let migrating = tokio::spawn({
        let store = store.clone();
        async move { store.migrate().await }
    });
    let waits_long = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND clock_timestamp() > query_start + INTERVAL '800 milliseconds'";
    let waiting = async {
        while database.number(waits_long).await == 0 {
            assert!(!migrating.is_finished(), "it gave up");
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it waits");
    busy.commit().await;
    migrating.await.expect("the task ends").expect("it waited as long as it had to");

    // The bound of statements holds again on that connection.
    let busy = database.begin("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").await;
    assert!(store.schema_is_current().await.is_err_and(|error| error.is_unavailable()));
    busy.commit().await;
    store.close().await;
}

#[tokio::test]
async fn a_second_worker_on_one_sqlite_file_is_reported_so() {
    let database = TestDatabase::sqlite().await;
    let second = Store::open(&database.url, Clock::system()).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    let command = Store::open_beside(&database.url, Clock::system()).await.expect("a command may work beside it");
    command.answers().await.expect("answered");
}

#[tokio::test]
async fn an_address_that_names_no_database_is_refused() {
    for address in ["mysql://x", "sqlite://", "sqlite://:memory:", "sqlite://a?mode=ro", "postgres://h:port/x"] {
        let opened = Store::open(address, Clock::system()).await;
        assert!(matches!(opened, Err(OpenError::Address(_))), "{address}: {opened:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    // No server listens on port 1.
    let store = Store::open("postgres://x@127.0.0.1:1/x", Clock::system()).await.expect("the address can be read");
    let error = store.answers().await.expect_err("no server answers");
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn a_postgresql_that_was_cut_off_is_unavailable_and_then_answers_again() {
    let database = TestDatabase::postgres().await;
    database.store.answers().await.expect("answered");
    database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    if let Err(error) = database.store.answers().await {
        assert!(error.is_unavailable(), "{error}");
    }
    database.store.wait_until_reachable().await;
}

#[tokio::test]
async fn a_postgresql_whose_texts_are_not_utf_8_is_refused() {
    let database = TestDatabase::postgres().await;
    let name = format!("it_ascii_{}", Clock::system().new_id().simple());
    let create = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    database.execute(create).await;
    let mut url: url::Url = database.url.parse().expect("the address is one");
    url.set_path(&name);
    let store = Store::open(url.as_str(), Clock::system()).await.expect("it opens");
    let refused = store.migrate().await.expect_err("it is not UTF-8").to_string();
    store.close().await;
    database.execute(format!("DROP DATABASE {name}")).await;
    assert!(refused.contains("the database's encoding is SQL_ASCII; create it with ENCODING 'UTF8'"), "{refused}");
}
