//! Why the database did not do what it was asked.

use std::borrow::Cow;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why the database did not do what it was asked: whether a row is to blame, or the moment, or this program.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away or overloaded: the same again may work later.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// It rolled everything back for another transaction's sake (a deadlock): the same again will most likely work at
    /// once.
    #[error("the database gave way to another transaction: {0}")]
    GaveWay(String),
    /// Another request has taken the idempotency key that this change was to be made under; nothing was changed.
    #[error("another request has taken the idempotency key of this one")]
    KeyLost,
    /// It refuses a value: the same again will never work. In a batch, only some row is to blame.
    #[error("the database refuses a value ({what}): {cause}")]
    Refused {
        /// The constraint, or the kind of value.
        what: String,
        /// What the database says.
        cause: String,
    },
    /// A stored value cannot be read. Of the rows that were asked for, only some row is to blame.
    #[error("a stored value cannot be read: {0}")]
    Unreadable(String),
    /// The statement and the schema do not fit: a fault of ours, or of who changed the schema. No row is to blame, and
    /// none may suffer for it.
    #[error("the database and this program do not fit: {0}")]
    Bug(String),
}

impl StoreError {
    /// Whether the same again may work later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::GaveWay(_))
    }

    /// Whether some value is to blame.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether some row of the batch is to blame, so that the others go well without it.
    #[must_use]
    pub const fn is_about_a_row(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unreadable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(ref refusal) => {
                let code = refusal.code().unwrap_or(Cow::Borrowed(""));
                let meaning = if refusal.as_error().is::<sqlx::sqlite::SqliteError>() {
                    sqlite_meaning(&code)
                } else {
                    postgres_meaning(&code)
                };
                match meaning {
                    ErrorMeaning::Unavailable => Self::Unavailable(refusal.to_string()),
                    ErrorMeaning::GaveWay => Self::GaveWay(refusal.to_string()),
                    ErrorMeaning::Refused => Self::Refused {
                        what: refusal.constraint().map_or_else(|| format!("code {code}"), str::to_owned),
                        cause: refusal.message().to_owned(),
                    },
                    ErrorMeaning::Bug => Self::Bug(refusal.to_string()),
                }
            }
            sqlx::Error::Migrate(error) => match *error {
                sqlx::migrate::MigrateError::Execute(error) => error.into(),
                sqlx::migrate::MigrateError::ExecuteMigration(error, version) => match Self::from(error) {
                    away @ (Self::Unavailable(_) | Self::GaveWay(_)) => away,
                    other => Self::Bug(format!("migration {version}: {other}")),
                },
                other => Self::Bug(other.to_string()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error.to_string()),
            sqlx::Error::Encode(cause) => Self::Refused { what: "value".to_owned(), cause: cause.to_string() },
            // More than the protocol can carry.
            sqlx::Error::InvalidArgument(cause) => Self::Refused { what: "value".to_owned(), cause },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Unreadable(error.to_string()),
            // Configuration, missing rows, columns and types, savepoints; and what later versions add.
            other => Self::Bug(other.to_string()),
        }
    }
}

/// Whether a connection is of no use after this, although the database may be: it is closed, not returned.
pub(in crate::store) fn breaks_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(refusal) => refusal
            .try_downcast_ref::<PgDatabaseError>()
            .is_some_and(|refusal| has_stale_statement(refusal.code()) || is_fatal(refusal.severity())),
        _ => false,
    }
}

fn is_fatal(severity: PgSeverity) -> bool {
    matches!(severity, PgSeverity::Fatal | PgSeverity::Panic)
}

/// The statements that this connection has prepared are not the server's: a migration changed what one of them returns
/// (`cached plan must not change result type`), or a pooler between us gave us another server connection.
fn has_stale_statement(code: &str) -> bool {
    matches!(code, "0A000" | "26000" | "42P05")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorMeaning {
    Unavailable,
    GaveWay,
    Refused,
    Bug,
}

/// What an SQLSTATE means to us ([PostgreSQL, appendix A]): its class, and what differs from its class.
///
/// [PostgreSQL, appendix A]: https://www.postgresql.org/docs/current/errcodes-appendix.html
fn postgres_meaning(code: &str) -> ErrorMeaning {
    match code {
        // 25006, a read-only transaction: the server has become a replica.
        // 25P03: this worker stood still inside a transaction for too long (a suspended machine, a starved processor),
        // and the server ended the connection; 25P04 is its sister for whole transactions, from PostgreSQL 17 on.
        // 42501: a right was revoked. That concerns every row, and is given back.
        "25006" | "25P03" | "25P04" | "42501" => ErrorMeaning::Unavailable,
        // Serialisation, deadlock.
        "40001" | "40P01" => ErrorMeaning::GaveWay,
        // The next connection prepares it anew.
        _ if has_stale_statement(code) => ErrorMeaning::Unavailable,
        _ => match code.get(..2) {
            // Two rows of one batch meet (cardinality); values out of range or not representable; constraints; a view's
            // check; index entries and rows over the limits.
            Some("21" | "22" | "23" | "44" | "54") => ErrorMeaning::Refused,
            // Connection, authentication, no such database, rolled back for another's sake, resources, locks, shutdown
            // and cancelled statements, system, configuration file, internal.
            Some("08" | "28" | "3D" | "40" | "53" | "55" | "57" | "58" | "F0" | "XX") => ErrorMeaning::Unavailable,
            // Undefined names, wrong types, bad syntax, transactions and cursors in the wrong state, and the like.
            _ => ErrorMeaning::Bug,
        },
    }
}

/// What an SQLite result code means to us ([result codes]); the low byte is the primary one.
///
/// [result codes]: https://www.sqlite.org/rescode.html
fn sqlite_meaning(code: &str) -> ErrorMeaning {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // PERM, ABORT, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, SCHEMA,
        // AUTH, NOTADB.
        Ok(3..=11 | 13..=15 | 17 | 23 | 26) => ErrorMeaning::Unavailable,
        // TOOBIG, CONSTRAINT, MISMATCH, RANGE.
        Ok(18 | 19 | 20 | 25) => ErrorMeaning::Refused,
        // ERROR (among others no such table), INTERNAL, NOTFOUND, EMPTY, MISUSE, NOLFS, FORMAT.
        _ => ErrorMeaning::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlstate_blames_a_value_the_moment_or_the_program() {
        use ErrorMeaning::{Bug, GaveWay, Refused, Unavailable};
        for (code, meaning) in [
            ("21000", Refused),     // one statement would change a row twice
            ("22021", Refused),     // NUL in text
            ("22003", Refused),     // a number out of range
            ("22P02", Refused),     // not a number at all
            ("23502", Refused),     // NOT NULL
            ("23503", Refused),     // FOREIGN KEY
            ("23505", Refused),     // UNIQUE
            ("23514", Refused),     // CHECK
            ("44000", Refused),     // a view's check
            ("54000", Refused),     // an index entry that is too long
            ("54001", Refused),     // a value nested too deeply
            ("08006", Unavailable), // the connection broke
            ("08P01", Unavailable), // a protocol violation, as poolers report it
            ("0A000", Unavailable), // a cached plan must not change its result type: a migration came between
            ("25006", Unavailable), // failed over to a replica
            ("25P03", Unavailable), // stood still inside a transaction
            ("25P04", Unavailable), // a transaction took too long
            ("26000", Unavailable), // the prepared statement is another server connection's
            ("28P01", Unavailable), // the password was changed
            ("3D000", Unavailable), // the database is being restored
            ("40001", GaveWay),     // serialisation
            ("40003", Unavailable), // whether it was committed is not known
            ("40P01", GaveWay),     // deadlock: the other went first
            ("42501", Unavailable), // a right was taken away
            ("42P05", Unavailable), // as 26000
            ("53100", Unavailable), // disk full
            ("53200", Unavailable), // out of memory
            ("53300", Unavailable), // too many connections
            ("55P03", Unavailable), // a lock cannot be had
            ("57014", Unavailable), // statement_timeout
            ("57P01", Unavailable), // shutting down
            ("57P02", Unavailable), // another backend crashed
            ("57P03", Unavailable), // starting up
            ("57P04", Unavailable), // the database was dropped
            ("57P05", Unavailable), // idle for too long
            ("58030", Unavailable), // an I/O error
            ("F0000", Unavailable), // its configuration file
            ("XX000", Unavailable), // internal
            ("XX001", Unavailable), // a damaged page
            ("25001", Bug),         // a transaction in a transaction
            ("25P02", Bug),         // a statement after one that failed
            ("34000", Bug),         // no such cursor
            ("42601", Bug),         // syntax
            ("42703", Bug),         // no such column
            ("42804", Bug),         // of another type
            ("42P01", Bug),         // no such table
            ("P0001", Bug),         // an operator's trigger
            ("", Bug),
        ] {
            assert_eq!(postgres_meaning(code), meaning, "{code}");
        }
        for (code, meaning) in [
            ("275", Refused),     // CHECK
            ("1555", Refused),    // PRIMARY KEY
            ("3091", Refused),    // a type that STRICT refuses
            ("18", Refused),      // too big
            ("5", Unavailable),   // BUSY
            ("517", Unavailable), // BUSY_SNAPSHOT
            ("516", Unavailable), // ABORT_ROLLBACK
            ("10", Unavailable),  // an I/O error
            ("13", Unavailable),  // disk full
            ("8", Unavailable),   // read-only
            ("17", Unavailable),  // another process changed the schema
            ("1", Bug),
            ("21", Bug), // misuse
            ("", Bug),
        ] {
            assert_eq!(sqlite_meaning(code), meaning, "{code}");
        }
    }

    #[test]
    fn what_sqlx_says_blames_a_value_the_moment_or_the_program() {
        type Judge = fn(&StoreError) -> bool;
        let broken = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let column = || sqlx::Error::ColumnDecode { index: "state".to_owned(), source: "no such word".into() };
        let (moment, row): (Judge, Judge) = (StoreError::is_unavailable, StoreError::is_about_a_row);
        let program: Judge = |error| matches!(error, StoreError::Bug(_));
        for (error, blames, breaks) in [
            (sqlx::Error::Io(broken()), moment, true),
            (sqlx::Error::Tls("bad record".into()), moment, true),
            (sqlx::Error::Protocol("unexpected message".to_owned()), moment, true),
            (sqlx::Error::WorkerCrashed, moment, true),
            (sqlx::Error::PoolTimedOut, moment, false),
            (sqlx::Error::PoolClosed, moment, false),
            (sqlx::Error::BeginFailed, moment, false),
            (column(), row, false),
            (sqlx::Error::Decode("not UTF-8".into()), row, false),
            (sqlx::Error::Encode("too long".into()), row, false),
            (sqlx::Error::InvalidArgument("too many".to_owned()), row, false),
            (sqlx::Error::ColumnNotFound("state".to_owned()), program, false),
            (sqlx::Error::ColumnIndexOutOfBounds { index: 3, len: 2 }, program, false),
            (sqlx::Error::TypeNotFound { type_name: "uuid".to_owned() }, program, false),
            (sqlx::Error::RowNotFound, program, false),
            (sqlx::Error::Configuration("no such file".into()), program, false),
        ] {
            assert_eq!(breaks_connection(&error), breaks, "{error:?}");
            let words = format!("{error:?}");
            assert!(blames(&StoreError::from(error)), "{words}");
        }
    }
}
