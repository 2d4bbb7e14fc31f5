//! The database: events, deliveries and their states, dead letters, settings. All SQL is in this module, a file per
//! noun.
//!
//! PostgreSQL and SQLite behave alike. A statement is written once wherever both understand it ([`db::statement`]); one
//! conformance suite (`tests/it/store/`) runs on both.
//!
//! No transaction is open and no row is locked while SMTP or the document store works: what a worker owns is
//! recorded in committed rows, and every later write names the claim it rests on.

mod db;
mod dead_letter;
mod delivery;
mod directory;
mod intake;
mod lane;
mod outbox;
mod people;
mod portal;
mod search;
mod support;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::{Executor, PgConnection, PgPool};
use tokio::time::timeout;
use uuid::Uuid;

pub use db::connect::{OpenError, is_protected};
pub use db::connection::DatabaseDeadlines;
pub use db::error::StoreError;
pub use db::page::{Cursor, InvalidCursor, Page, PageRequest};
pub use db::schema::{Migration, Schema};
pub use dead_letter::changed_cause::ChangedCause;
pub use dead_letter::decide::Restored;
pub use dead_letter::list::{DeadLetter, DeadLetterFilter, DeadLetterGroup};
pub use dead_letter::redrive::{BroughtBack, DeadDelivery, LetterToRedrive};
pub use delivery::decide::{Acted, MarkedSent};
pub use delivery::event_status::{EventReport, ReportedEvent};
pub use delivery::explain::{ExplainedAttempt, ExplainedDelivery, ExplainedEvent, ExplainedLink, Explanation};
pub use delivery::identity::DeliveryIdentity;
pub use delivery::kept_message::KeptMessage;
pub use delivery::left_recipients::{LeftRecipients, TriedRecipients};
pub use delivery::list::DeliveryFilter;
pub use delivery::notes::{NewNote, Note};
pub use delivery::past_deliveries::{PAST_DAYS, PAST_DELIVERIES_MAX, PastCompared};
pub use delivery::resend::{Newest, Standing};
pub use delivery::row::Delivery;
pub use directory::catalogue::{CustomersUpserted, TenantUpserted};
pub use directory::erase::{Erased, Leftovers};
pub use directory::settings::{SETTINGS_OF_CREATION, SettingsChange, SettingsPut};
pub use intake::invoice_digest::invoice_digest;
pub use intake::new_dead_letter::NewDeadLetter;
pub use intake::new_delivery::{ConcludedAtOnce, NewDelivery};
pub use intake::new_event::{EventFate, NewEvent};
pub use intake::new_lane_entry::NewLaneEntry;
pub use intake::same_invoice::{Newer, Revived};
pub use intake::{
    CustomerSnapshot, EventChange, Inserted, IntakeContext, IntakeRows, IntakeTransaction, KnownEvent, SameInvoice,
    TenantSnapshot, WaitingEvent,
};
pub use lane::claim::{Claimed, Fence, HeldRow};
pub use lane::data_permit::{DataPermitAnswer, DataPermitRequest};
pub use lane::held::TENANT_PAUSED;
pub use lane::hold::{HeldCounts, LetGoCounts};
pub use lane::load::DeliveryContext;
pub use lane::lost_deliveries::{LostBy, TrippedAttempt};
pub use lane::pause::{PauseChange, TenantPause};
pub use lane::record::attempt_record::{
    BackToDue, Conclusion, NewAttempt, NextState, Record, Recorded, RemainderDelivery,
};
pub use lane::relay::connection_share::SharingLane;
pub use lane::relay::refused_credentials::RefusedCredentials;
pub use lane::relay::refusing_relay::RefusingRelay;
pub use lane::relay::relay_state::RelayState;
pub use lane::sender::sender_history::EndedAttempt;
pub use lane::sender::sender_hold::{ChangedProfile, SenderHold};
pub use lane::sender::sender_trial::NextTrial;
pub use lane::takeover::{Leaving, TAKEOVERS_MAX, TakenOver};
pub use lane::worker::WorkerHeartbeat;
pub use outbox::outcomes::WaitingOutcomes;
pub use people::audit::append::{NewAuditEntry, changed_members};
pub use people::audit::head::{AuditHead, InvalidAuditHead};
pub use people::audit::proof::{AuditFault, AuditProof};
pub use people::audit::search::{AuditRecord, AuditSearch, ChangedMember};
pub use people::idempotency::{IDEMPOTENCY_LEASE, KeyClaim, KeyedAnswer, KeyedRequest};
pub use people::invitation::{Invited, NewInvitation, OpenInvitation};
pub use people::operator::{NewOperator, Operator, OperatorAdded, OperatorChange};
pub use people::session::{ListedSession, NewOperatorSession, OperatorSession};
pub use people::sign_in::{SignInAccount, SignInAdmission, SignInAttempt};
pub use people::sign_in_count::UnknownSignIns;
pub use people::token::{ListedToken, LiveToken, NewApiToken, TokenOwner};
pub use people::totp::StoredTotp;
pub use portal::challenge::{BegunVerification, MethodChoice, SentCode, VerificationOf};
pub use portal::event::NewPortalEvent;
pub use portal::fresh_link::{AskedLink, FRESH_LINK_WINDOW, NewestSent, Renewal};
pub use portal::invoices::{ListedInvoice, VerifiedCustomer};
pub use portal::links::{LinkFilter, LinkSelection, LinkState, NewPortalLink, PortalLink};
pub use portal::lock_list::{LockCursor, LockPage, PortalLock};
pub use portal::lockout::{VerificationAdmission, VerificationAttempt};
pub use portal::logo::LogoSaved;
pub use portal::proxy::UndeclaredProxy;
pub use portal::session::{NewPortalOpening, NewVerification};
pub use portal::sms_log::{NewSms, SmsReservation, SmsResult};
pub use portal::timeline::PortalEvent;
pub use portal::visit::{CustomerNow, FoundLink, PortalVerification, PortalVisit};
pub use search::catalogue::ListedTenant;
pub use search::cursor::FindCursor;
pub use search::find::{FindPage, FindRequest, FoundBy, FoundEvent, FoundItem, SearchHits};
pub use search::find_invoices::{InvoiceHit, InvoiceHitPage};
pub use search::numbered::NumberedInvoice;
pub use search::plans::{SearchStatement, search_statements};
pub use support::acknowledge::Acknowledged;
pub use support::tenant_overview::TenantOverview;
pub use support::work_list::{WORK_COUNTED_MAX, WorkItem, WorkListFilter};
pub use upkeep::checkup::{KeyUse, LaneCounts};
pub use upkeep::reconciliation::{BookedDelivery, BookedEvent, BookedLetter, BookedPage};
pub use upkeep::retention::{Forgotten, RetentionTimes};

use crate::backoff::Delays;
use crate::clock::{Clock, Timestamp};
use crate::model::ids::RelayName;
pub use crate::model::state::Concluded;
use crate::model::verification::VerificationConfig;
use crate::secrets::{AddressKeys, AuditKeys, SealingKeys};
use db::connect::{LockFile, Pools};
pub(crate) use db::connection::DatabaseConnection;
use db::connection::{Handle, Overdue};
use db::migrations;
use db::patience::Patience;
use db::statement::{StatementExecutor, sql};
pub use db::unreachable::ContactError;
use db::unreachable::{explain, none_in_time};

/// How long the migrations of one upgrade may take together.
const MIGRATION_DEADLINE: Duration = Duration::from_hours(1);

/// Customers whose keys are made anew in one transaction.
const KEYS_AT_ONCE: u32 = 1_000;

/// How long connections may take to close.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// The database, shared cheaply.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<StoreInner>,
    /// Whether the ends of deliveries go into the outbox of outcomes, too.
    outcomes: bool,
    /// The relays by which what is uncertain is sent once more.
    resent_by: Arc<[RelayName]>,
    /// What recipients are written down as, to be searched.
    address_keys: AddressKeys,
    /// What entries of the audit log are signed with.
    audit_keys: AuditKeys,
    /// What answers to requests with an idempotency key are encrypted with; none is kept without.
    answer_keys: Option<SealingKeys>,
    /// What customers can be verified by, when a change of theirs may resolve a dead letter.
    verification: VerificationConfig,
}

#[derive(Debug)]
struct StoreInner {
    pools: Pools,
    deadlines: DatabaseDeadlines,
    /// When an answer was overdue last.
    overdue: Overdue,
    clock: Clock,
    /// Who holds the leases of this process.
    holder: Uuid,
    /// How long to wait before the next try after a failure.
    patience: Patience,
    /// Keeps other workers away from an SQLite file for as long as this store lives.
    lock: Option<Arc<LockFile>>,
}

impl Store {
    /// Opens the database of a worker: `postgres://…`, or `sqlite://PATH` (made if it does not exist).
    ///
    /// PostgreSQL is not contacted yet ([`Store::wait_until_reachable`] does that). An SQLite file is locked, so
    /// that no second worker takes over what this one sends.
    ///
    /// # Errors
    /// If the address cannot be understood, or the file cannot be opened or is another worker's.
    pub async fn open(url: &str, clock: Clock) -> Result<Self, OpenError> {
        Self::open_sized(url, db::connect::POSTGRES_CONNECTIONS_MAX, clock).await
    }

    /// As [`Store::open`], with so many connections to PostgreSQL at most.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_sized(url: &str, connections_max: u32, clock: Clock) -> Result<Self, OpenError> {
        Self::connect(url, db::connect::DatabaseAccess::Worker, connections_max, DatabaseDeadlines::default(), clock)
            .await
    }

    /// Opens the database of a command that may run beside a worker: as [`Store::open`], without the worker's lock.
    ///
    /// # Errors
    /// If the address cannot be understood, or the file cannot be opened.
    pub async fn open_beside(url: &str, clock: Clock) -> Result<Self, OpenError> {
        Self::open_impatient(url, DatabaseDeadlines::default(), clock).await
    }

    /// As [`Store::open_beside`], with other deadlines.
    ///
    /// # Errors
    /// As [`Store::open_beside`].
    pub async fn open_impatient(url: &str, deadlines: DatabaseDeadlines, clock: Clock) -> Result<Self, OpenError> {
        Self::connect(
            url,
            db::connect::DatabaseAccess::Command,
            db::connect::POSTGRES_CONNECTIONS_MAX,
            deadlines,
            clock,
        )
        .await
    }

    async fn connect(
        url: &str,
        access: db::connect::DatabaseAccess,
        connections_max: u32,
        deadlines: DatabaseDeadlines,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let overdue = Overdue::default();
        let (pools, lock) = db::connect::open(url, access, connections_max, deadlines, &overdue).await?;
        let holder = clock.new_id();
        let patience = Patience::new(&clock);
        let inner = StoreInner { pools, deadlines, overdue, clock, holder, patience, lock: lock.map(Arc::new) };
        Ok(Self {
            inner: Arc::new(inner),
            outcomes: false,
            resent_by: Arc::default(),
            address_keys: AddressKeys::default(),
            audit_keys: AuditKeys::default(),
            answer_keys: None,
            verification: VerificationConfig::with_sms_anywhere(),
        })
    }

    /// Names this process to others that would hold the same lease.
    fn holder(&self) -> Uuid {
        self.inner.holder
    }

    /// The clock that is aligned to this database.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The time now, as this database sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Whether one process owns this database, so that workers of earlier runs are known to be dead.
    #[must_use]
    pub fn is_single_process(&self) -> bool {
        matches!(self.inner.pools, Pools::Sqlite { .. })
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.write().await?;
        let answer = match connection.handle()? {
            Handle::Postgres(on) => timeout(MIGRATION_DEADLINE, migrate_postgres(on)).await,
            Handle::Sqlite(on) => timeout(MIGRATION_DEADLINE, migrations::SQLITE.run_direct(None, on, false))
                .await
                .map(|done| done.map_err(sqlx::Error::from)),
        };
        connection.judge(answer)?;
        // SQLite has one connection that writes.
        drop(connection);
        while self.renew_verification_keys(KEYS_AT_ONCE).await? > 0 {}
        Ok(())
    }

    /// Whether every migration of this build has been applied.
    pub async fn schema_is_current(&self) -> Result<bool, StoreError> {
        let mut connection = self.write().await?;
        let deadline = connection.deadline();
        let (migrations, answer) = match connection.handle()? {
            Handle::Postgres(on) => (&migrations::POSTGRES, timeout(deadline, applied_migrations(on)).await),
            Handle::Sqlite(on) => (&migrations::SQLITE, timeout(deadline, applied_migrations(on)).await),
        };
        let applied = connection.judge(answer)?;
        Ok(migrations
            .iter()
            .filter(|migration| !migration.migration_type.is_down_migration())
            .all(|migration| applied.contains(&migration.version)))
    }

    /// Reads the database's time and sets the clock by it.
    pub async fn align_clock(&self) -> Result<Timestamp, StoreError> {
        let row = sql("{postgres: SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS now_ms}
                       {sqlite: SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now_ms}")
        .one(&mut self.read().await?)
        .await?;
        let now = row.get("now_ms")?;
        self.inner.clock.align(now);
        Ok(now)
    }

    /// Waits until what just failed for want of the database is worth another try: until it answers, and longer each
    /// time that things fail again soon. A database whose disk is full answers all the while.
    pub async fn wait_to_try_again(&self) {
        tokio::time::sleep(self.inner.patience.after_failure()).await;
        self.wait_until_reachable().await;
    }

    /// Does `work`, again and again while the database is away. What it had done when the answer was lost, it does
    /// again.
    pub(crate) async fn insist<T, F>(&self, work: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match work().await {
                Err(error) if error.is_unavailable() => tracing::warn!("waiting for the database: {error}"),
                done => return done,
            }
            self.wait_to_try_again().await;
        }
    }

    /// Waits until the database answers.
    pub async fn wait_until_reachable(&self) {
        let mut delays = Delays::for_database(&self.inner.clock);
        // Boxed: this is rare, and every caller's future would contain it.
        while let Err(error) = Box::pin(self.answers()).await {
            tracing::debug!(%error, "the database does not answer yet");
            tokio::time::sleep(delays.next_delay()).await;
        }
    }

    /// Asks the database for nothing, to see whether it answers and takes writes.
    pub async fn answers(&self) -> Result<(), StoreError> {
        sql("SELECT 1 AS one
            {postgres: WHERE NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'}")
        .optional(&mut self.write().await?)
        .await?
        .map(drop)
        .ok_or_else(|| StoreError::Unavailable("the database is read-only".into()))
    }

    /// Closes every connection; what is running ends first, unless that takes too long.
    pub async fn close(&self) {
        let closing = async {
            match &self.inner.pools {
                Pools::Postgres(pool) => pool.close().await,
                Pools::Sqlite { writer, readers } => {
                    readers.close().await;
                    writer.close().await;
                }
            }
        };
        if timeout(CLOSE_DEADLINE, closing).await.is_err() {
            tracing::debug!("connections to the database did not close in time");
        }
    }

    /// A connection for reading; on SQLite it never waits for the writer.
    pub(crate) async fn read(&self) -> Result<DatabaseConnection, StoreError> {
        let StoreInner { pools, deadlines, overdue, .. } = &*self.inner;
        Ok(match pools {
            Pools::Postgres(pool) => self.lend(pool).await?,
            Pools::Sqlite { readers, .. } => {
                DatabaseConnection::sqlite(readers.acquire().await?, *deadlines, overdue.clone())
            }
        })
    }

    async fn lend(&self, pool: &PgPool) -> Result<DatabaseConnection, StoreError> {
        let StoreInner { deadlines, overdue, .. } = &*self.inner;
        match pool.acquire().await {
            Ok(connection) => Ok(DatabaseConnection::postgres(connection, *deadlines, overdue.clone())),
            // Boxed: rare, and large.
            Err(sqlx::Error::PoolTimedOut) => Err(Box::pin(none_in_time(pool, deadlines.acquire / 4)).await),
            Err(error) => Err(explain(error, &pool.connect_options()).into()),
        }
    }

    /// A connection for single statements that write, each committed by itself.
    pub(crate) async fn write(&self) -> Result<DatabaseConnection, StoreError> {
        let StoreInner { pools, deadlines, overdue, .. } = &*self.inner;
        Ok(match pools {
            Pools::Postgres(pool) => self.lend(pool).await?,
            Pools::Sqlite { writer, .. } => {
                DatabaseConnection::sqlite(writer.acquire().await?, *deadlines, overdue.clone())
            }
        })
    }

    /// A transaction that writes; rolled back unless it is committed.
    ///
    /// On SQLite it owns the one writer from its beginning (`BEGIN IMMEDIATE`), so that reading and then writing
    /// never meets another's write.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        let mut connection = self.write().await?;
        db::statement::count();
        connection.begin().await?;
        Ok(Transaction {
            connection,
            outcomes: self.outcomes,
            address_keys: self.address_keys.clone(),
            audit_keys: self.audit_keys.clone(),
        })
    }
}

/// The bound of everyday statements would end a migration that goes through a large table.
async fn migrate_postgres(on: &mut PgConnection) -> Result<(), sqlx::Error> {
    let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut *on).await?;
    if encoding != "UTF8" {
        let problem =
            format!("the database's encoding is {encoding}; create it with ENCODING 'UTF8' TEMPLATE template0");
        return Err(sqlx::Error::Configuration(problem.into()));
    }
    on.execute(sqlx::raw_sql("SET statement_timeout = 0")).await?;
    let migrated = migrations::POSTGRES.run_direct(None, on, false).await;
    on.execute(sqlx::raw_sql("RESET statement_timeout")).await?;
    Ok(migrated?)
}

async fn applied_migrations<C: Migrate>(connection: &mut C) -> Result<Vec<i64>, sqlx::Error> {
    connection.ensure_migrations_table("_sqlx_migrations").await?;
    let applied = connection.list_applied_migrations("_sqlx_migrations").await?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

impl StatementExecutor for DatabaseConnection {
    fn connection(&mut self) -> &mut DatabaseConnection {
        self
    }
}

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: DatabaseConnection,
    /// As of its [`Store`].
    outcomes: bool,
    address_keys: AddressKeys,
    audit_keys: AuditKeys,
}

impl Transaction {
    /// Makes everything that the transaction did durable.
    ///
    /// # Errors
    /// An unavailable database may have committed nonetheless: a caller that repeats the work must find that out.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        db::statement::count();
        self.connection.commit().await
    }
}

impl StatementExecutor for Transaction {
    fn connection(&mut self) -> &mut DatabaseConnection {
        &mut self.connection
    }
}
