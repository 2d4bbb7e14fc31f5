//! How the database is reached.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, PgConnection, PgPool, SqlitePool};

use super::connection::{DatabaseDeadlines, Overdue, is_alive};

use crate::private_file;

/// Statements of one role each: intake, claims, records, sweeps, the heartbeat, and the console's.
pub(in crate::store) const POSTGRES_CONNECTIONS_MAX: u32 = 12;
const SQLITE_READERS_MAX: u32 = 4;
/// How long an SQLite statement may wait for another process that writes.
const BUSY_DEADLINE: Duration = Duration::from_secs(10);
/// Every statement of a run stays prepared.
const STATEMENTS_MAX: usize = 400;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address cannot be understood.
    #[error("the database address cannot be used: {0}")]
    Address(String),
    /// The folder or the file cannot be used.
    #[error("the database file {path} cannot be opened: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system or SQLite says.
        cause: String,
    },
    /// Another worker works on it.
    #[error(
        "the database file {path} is in use by another worker (it holds {path}.lock): stop that one first, or use PostgreSQL to run several"
    )]
    InUse {
        /// The file.
        path: String,
    },
}

/// Who opens a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum DatabaseAccess {
    /// A worker: on SQLite the only one.
    Worker,
    /// A command, perhaps beside a worker.
    Command,
}

/// The connections, by kind of database.
#[derive(Debug)]
pub(in crate::store) enum Pools {
    Postgres(PgPool),
    Sqlite {
        /// SQLite has one writer at a time; with one connection it never waits for itself.
        writer: SqlitePool,
        readers: SqlitePool,
    },
}

/// The lock on an SQLite file; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(in crate::store) struct LockFile {
    _file: File,
}

pub(in crate::store) async fn open(
    url: &str,
    access: DatabaseAccess,
    connections_max: u32,
    deadlines: DatabaseDeadlines,
    overdue: &Overdue,
) -> Result<(Pools, Option<LockFile>), OpenError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((open_postgres(url, connections_max, deadlines, overdue.clone())?, None));
    }
    let Some(path) = url.strip_prefix("sqlite://") else {
        return Err(OpenError::Address("it must begin with postgres:// or sqlite://".to_owned()));
    };
    if path.is_empty() || path.starts_with(":memory:") || path.contains('?') {
        return Err(OpenError::Address("sqlite:// must be followed by the path of a file".to_owned()));
    }
    open_sqlite(Path::new(path), access, deadlines).await
}

fn open_postgres(
    url: &str,
    connections_max: u32,
    deadlines: DatabaseDeadlines,
    overdue: Overdue,
) -> Result<Pools, OpenError> {
    let options = postgres_options(url, deadlines)?;
    let pool = PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(deadlines.acquire)
        .after_connect(|connection, _| Box::pin(check_client_while_working(connection)))
        // It would cost a round trip each time. Only what may be dead is asked.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let overdue = overdue.clone();
            Box::pin(async move { is_alive(connection, meta, &overdue, deadlines.acquire / 4).await })
        })
        .connect_lazy_with(options);
    Ok(Pools::Postgres(pool))
}

fn postgres_options(url: &str, deadlines: DatabaseDeadlines) -> Result<PgConnectOptions, OpenError> {
    Ok(PgConnectOptions::from_str(url)
        .map_err(|error| OpenError::Address(error.to_string()))?
        .application_name("invoice-dispatcher")
        .statement_cache_capacity(STATEMENTS_MAX)
        .options([
            ("idle_in_transaction_session_timeout", deadlines.idle_in_transaction.as_millis()),
            // A statement that takes longer is lost work.
            ("statement_timeout", deadlines.server_statement().as_millis()),
        ])
        .options([
            // What was committed was promised: it is on disk, whatever the server's default.
            ("synchronous_commit", "on"),
            // A transaction that is left open would block the vacuum: it is bounded above.
            // The server forgets a client that the network has swallowed, with the locks that its transaction holds.
            // Our own socket is sqlx's, which sets none of this: here a deadline closes the connection. A server whose
            // system does not know one of these goes on without it.
            ("tcp_user_timeout", "30s"),
            ("tcp_keepalives_idle", "30s"),
            ("tcp_keepalives_interval", "10s"),
            ("tcp_keepalives_count", "3"),
            // Every statement finds its rows by key. A plan that was made and kept while a table was small would read
            // the whole table once it has grown, until the next ANALYZE: measured, that costs more than half the speed.
            ("random_page_cost", "1.1"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            // A prepared statement is planned once a connection, not once a run: its arrays hold a batch of whatever
            // size, and planning costs more than running it.
            ("plan_cache_mode", "force_generic_plan"),
            // What is switched off above counts as very dear, and what is dear would be compiled.
            ("jit", "off"),
        ]))
}

/// Whether the connection to this PostgreSQL cannot be read or changed on the way: it is on this machine, or proves who
/// it is.
#[must_use]
pub fn is_protected(url: &str) -> bool {
    let Ok(options) = PgConnectOptions::from_str(url) else { return false };
    let is_here = |host: &str| {
        host.starts_with('/')
            || host.eq_ignore_ascii_case("localhost")
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    options.get_socket().is_some()
        || is_here(options.get_host())
        || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)
}

/// Has the server look now and then whether the client of a long statement is still there, and give up if not.
///
/// Not by the options: where the system cannot tell that a connection was closed (Windows), the server refuses the
/// setting, and with an option every connection.
async fn check_client_while_working(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let set = sqlx::raw_sql("SET client_connection_check_interval = '10s'");
    match connection.execute(set).await {
        Err(sqlx::Error::Database(refusal)) => {
            tracing::debug!("the database refused the session's timeouts: {refusal}");
            Ok(())
        }
        answer => answer.map(|_| ()),
    }
}

async fn open_sqlite(
    path: &Path,
    access: DatabaseAccess,
    deadlines: DatabaseDeadlines,
) -> Result<(Pools, Option<LockFile>), OpenError> {
    let failed = |cause: String| OpenError::File { path: path.display().to_string(), cause };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_file::create_folder(folder).map_err(|error| failed(error.to_string()))?;
    }
    let lock = match access {
        DatabaseAccess::Worker => Some(lock(path)?),
        DatabaseAccess::Command => None,
    };
    make_private(path).map_err(|error| failed(error.to_string()))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose the last commits when the power fails.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted or overwritten is zeroed where that costs no write more; an erasure writes the file anew.
        .pragma("secure_delete", "FAST")
        .busy_timeout(BUSY_DEADLINE)
        .statement_cache_capacity(STATEMENTS_MAX);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(deadlines.acquire * 3)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await
        .map_err(|error| failed(error.to_string()))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS_MAX)
        .acquire_timeout(deadlines.acquire)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "ON"));
    Ok((Pools::Sqlite { writer, readers }, lock))
}

/// Makes the database file before SQLite does, for its owner only; the files beside it take its mode. What an earlier
/// version made is closed to others.
fn make_private(path: &Path) -> std::io::Result<()> {
    // Never opened if it is there: closing it again would let go of the locks that this process holds on it by another
    // connection
    // (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
    match private_file::options().write(true).create_new(true).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        Ok(_) | Err(_) => {}
    }
    ["", "-wal", "-shm", ".lock"].into_iter().try_for_each(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        private_file::close_to_others(Path::new(&name))
    })
}

fn lock(path: &Path) -> Result<LockFile, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |cause: std::io::Error| OpenError::File { path: path.display().to_string(), cause: cause.to_string() };
    let file =
        private_file::options().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(LockFile { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
