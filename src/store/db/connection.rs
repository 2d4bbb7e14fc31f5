//! A connection out of a pool. It goes back only if every answer came in time; otherwise it is closed.
//!
//! sqlx sets no deadline for what it does when a connection is given back: it pings it, and rolls a transaction back
//! that was not committed. When the network swallows packets without a word (a failover without RST, a firewall that
//! forgot the connection) that waits for as long as the kernel retransmits, 15 minutes, and the connection's place in
//! the pool is gone for so long. So the connection returns itself, under a deadline, and one whose answer is overdue
//! is detached: its socket is closed and its place is free at once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::{Database, Executor, PgConnection, Postgres, Sqlite, SqliteConnection};
use tokio::runtime::Handle as Runtime;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use crate::store::db::error::{StoreError, breaks_connection};

/// A connection that was idle for so long is asked for a sign of life before it is used: firewalls forget what is idle.
/// A worker uses each of its connections more often.
const TRUSTED_IDLE: Duration = Duration::from_secs(20);

/// How long everything may take that is asked of a database.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseDeadlines {
    /// To get a connection out of the pool, or a new one.
    pub acquire: Duration,
    /// To answer a statement; `BEGIN` and `COMMIT` are such. The server's own bound is shorter, so that a server that
    /// answers at all answers first.
    pub statement: Duration,
    /// To roll back and to answer a ping: what happens when a connection is given back.
    pub release: Duration,
    /// How long the server lets a transaction of ours stand open without a statement: others wait so long for the locks of a
    /// process that was frozen.
    pub idle_in_transaction: Duration,
}

impl DatabaseDeadlines {
    /// How long the server works at a statement: 30 s of the 40.
    pub(in crate::store) fn server_statement(&self) -> Duration {
        self.statement * 3 / 4
    }
}

impl Default for DatabaseDeadlines {
    fn default() -> Self {
        Self {
            acquire: Duration::from_secs(5),
            statement: Duration::from_secs(40),
            release: Duration::from_secs(5),
            idle_in_transaction: Duration::from_secs(5),
        }
    }
}

/// When an answer was overdue last: whatever was idle then is suspect, too.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Overdue(Arc<Mutex<Option<Instant>>>);

impl Overdue {
    fn note(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether a connection that has been idle for so long must show that it lives before it is used.
    pub(in crate::store) fn suspects(&self, idle_for: Duration) -> bool {
        let last = *self.0.lock();
        idle_for >= TRUSTED_IDLE || last.is_some_and(|last| last.elapsed() <= idle_for)
    }
}

/// Asks a suspect connection for a sign of life before it is lent; `false` has the pool close it and take the next.
pub(in crate::store) async fn is_alive<C: sqlx::Connection>(
    connection: &mut C,
    meta: PoolConnectionMetadata,
    overdue: &Overdue,
    within: Duration,
) -> Result<bool, sqlx::Error> {
    if !overdue.suspects(meta.idle_for) {
        return Ok(true);
    }
    match timeout(within, connection.ping()).await {
        Ok(answer) => Ok(answer.is_ok()),
        // An error has the pool drop it without a Terminate message that the server would not receive.
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// A connection out of the pool; back in it when dropped, or closed.
#[derive(Debug)]
pub(crate) struct DatabaseConnection {
    lent: Lent,
    deadlines: DatabaseDeadlines,
    overdue: Overdue,
    /// An answer is overdue, or the connection is of no use any more.
    lost: bool,
    /// A transaction is open, and is rolled back before the connection goes back.
    in_transaction: bool,
}

#[derive(Debug)]
enum Lent {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
    /// While it is dropped.
    Gone,
}

/// A borrowed connection, by kind of database.
#[derive(Debug)]
pub(crate) enum Handle<'c> {
    Postgres(&'c mut PgConnection),
    Sqlite(&'c mut SqliteConnection),
}

impl DatabaseConnection {
    pub(in crate::store) fn postgres(
        connection: PoolConnection<Postgres>,
        deadlines: DatabaseDeadlines,
        overdue: Overdue,
    ) -> Self {
        Self { lent: Lent::Postgres(connection), deadlines, overdue, lost: false, in_transaction: false }
    }

    pub(in crate::store) fn sqlite(
        connection: PoolConnection<Sqlite>,
        deadlines: DatabaseDeadlines,
        overdue: Overdue,
    ) -> Self {
        Self { lent: Lent::Sqlite(connection), deadlines, overdue, lost: false, in_transaction: false }
    }

    /// The connection itself. What it answers goes through [`DatabaseConnection::judge`], whatever is asked of it.
    pub(in crate::store) fn handle(&mut self) -> Result<Handle<'_>, StoreError> {
        match &mut self.lent {
            // The next answer would be the last question's.
            _ if self.lost => Err(StoreError::Unavailable("the connection is lost".to_owned())),
            Lent::Postgres(connection) => Ok(Handle::Postgres(connection)),
            Lent::Sqlite(connection) => Ok(Handle::Sqlite(connection)),
            Lent::Gone => unreachable!("a connection is gone only while it is dropped"),
        }
    }

    /// Whether it is SQLite's: a statement more is no round trip more.
    pub(in crate::store) const fn is_sqlite(&self) -> bool {
        matches!(self.lent, Lent::Sqlite(_))
    }

    /// How long a statement may take.
    pub(in crate::store) const fn deadline(&self) -> Duration {
        self.deadlines.statement
    }

    /// Notes what an answer says about the connection; one that is overdue loses it.
    pub(in crate::store) fn judge<T>(
        &mut self,
        answer: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Result<T, StoreError> {
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.lost = breaks_connection(&error);
                Err(error.into())
            }
            Err(_) => {
                self.lost = true;
                self.overdue.note();
                Err(StoreError::Unavailable("no answer came in time".to_owned()))
            }
        }
    }

    /// Begins a transaction, which is rolled back when the connection is dropped before [`DatabaseConnection::commit`].
    ///
    /// On SQLite it is the one writer's from its beginning, so that reading and then writing never meets another's
    /// write.
    pub(in crate::store) async fn begin(&mut self) -> Result<(), StoreError> {
        // Before the question: a caller that stops waiting for its answer leaves a transaction behind.
        self.in_transaction = true;
        self.run("BEGIN", "BEGIN IMMEDIATE").await
    }

    /// Commits what [`DatabaseConnection::begin`] began.
    pub(in crate::store) async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT", "COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn run(&mut self, postgres: &'static str, sqlite: &'static str) -> Result<(), StoreError> {
        let deadline = self.deadline();
        let answer = match self.handle()? {
            Handle::Postgres(on) => {
                timeout(deadline, on.execute(sqlx::raw_sql(postgres))).await.map(|done| done.map(drop))
            }
            Handle::Sqlite(on) => timeout(deadline, on.execute(sqlx::raw_sql(sqlite))).await.map(|done| done.map(drop)),
        };
        self.judge(answer)
    }
}

impl Drop for DatabaseConnection {
    fn drop(&mut self) {
        let (lost, open, within) = (self.lost, self.in_transaction, self.deadlines.release);
        match std::mem::replace(&mut self.lent, Lent::Gone) {
            Lent::Postgres(connection) => give_back(connection, lost, open, within),
            Lent::Sqlite(connection) => give_back(connection, lost, open, within),
            Lent::Gone => {}
        }
    }
}

/// Returns a connection to its pool, in a task of its own; closes it if it is lost or does not answer.
fn give_back<D>(mut connection: PoolConnection<D>, lost: bool, open: bool, within: Duration)
where
    D: Database,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let runtime = match Runtime::try_current() {
        Ok(runtime) if !lost => runtime,
        _ => return drop(connection.detach()),
    };
    runtime.spawn(async move {
        if open {
            // SQLite may have rolled back by itself, as on a full disk, and then refuses: a new connection is as good.
            let rolling_back = connection.execute(sqlx::raw_sql("ROLLBACK"));
            if !matches!(timeout(within, rolling_back).await, Ok(Ok(_))) {
                return drop(connection.detach());
            }
        }
        // What does not come back in time is dropped with this future, and its place is free.
        let returning = connection.return_to_pool();
        if timeout(within, returning).await.is_err() {
            tracing::warn!("a connection to the database did not answer when it was given back; it is closed");
        }
    });
}
