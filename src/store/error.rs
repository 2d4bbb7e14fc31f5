//! Why the database did not do what it was asked.

use std::borrow::Cow;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, overloaded, or gave way to another transaction: the same again may work later.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// It refuses a value: the same again will never work. In a batch, only some row is to blame.
    #[error("the database refuses a value ({what}): {cause}")]
    Refused {
        /// The constraint, or the kind of value.
        what: String,
        /// What the database says.
        cause: String,
    },
    /// The statement and the schema do not fit, or a stored value cannot be read: a fault of ours.
    #[error("the database and this program do not fit: {0}")]
    Bug(String),
}

impl StoreError {
    /// Whether the same again may work later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether some value is to blame.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
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
                    Meaning::Unavailable => Self::Unavailable(refusal.to_string()),
                    Meaning::Refused => Self::Refused {
                        what: refusal.constraint().map_or_else(|| format!("code {code}"), str::to_owned),
                        cause: refusal.message().to_owned(),
                    },
                    Meaning::Bug => Self::Bug(refusal.to_string()),
                }
            }
            sqlx::Error::Migrate(error) => match *error {
                sqlx::migrate::MigrateError::Execute(error) => error.into(),
                sqlx::migrate::MigrateError::ExecuteMigration(error, version) => match Self::from(error) {
                    Self::Unavailable(cause) => Self::Unavailable(cause),
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
            other => Self::Bug(other.to_string()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Unavailable,
    Refused,
    Bug,
}

/// What an SQLSTATE means to us ([PostgreSQL, appendix A]).
///
/// [PostgreSQL, appendix A]: https://www.postgresql.org/docs/current/errcodes-appendix.html
fn postgres_meaning(code: &str) -> Meaning {
    match code {
        // A read-only transaction: the server has become a replica.
        "25006" => Meaning::Unavailable,
        // Undefined names, wrong types, bad syntax.
        _ if code.starts_with("42") => Meaning::Bug,
        // Values out of range or not representable; constraints; index entries and rows over the limits.
        _ if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) => Meaning::Refused,
        // Connection, authentication, no such database, rolled back for another's sake, resources, locks, shutdown,
        // system, internal.
        _ if ["08", "28", "3D", "40", "53", "55", "57", "58", "XX"].iter().any(|class| code.starts_with(class)) => {
            Meaning::Unavailable
        }
        _ => Meaning::Bug,
    }
}

/// What an SQLite result code means to us ([result codes]); the low byte is the primary one.
///
/// [result codes]: https://www.sqlite.org/rescode.html
fn sqlite_meaning(code: &str) -> Meaning {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
        Ok(5 | 6 | 7 | 8 | 9 | 10 | 11 | 13 | 14 | 15 | 26) => Meaning::Unavailable,
        // TOOBIG, CONSTRAINT, MISMATCH, RANGE.
        Ok(18 | 19 | 20 | 25) => Meaning::Refused,
        _ => Meaning::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_are_refused() {
        for (code, meaning) in [
            ("22021", Meaning::Refused),     // NUL in text
            ("22003", Meaning::Refused),     // a number out of range
            ("23514", Meaning::Refused),     // CHECK
            ("54000", Meaning::Refused),     // an index entry that is too long
            ("40P01", Meaning::Unavailable), // deadlock: the other went first
            ("57P01", Meaning::Unavailable), // shutting down
            ("57014", Meaning::Unavailable), // statement_timeout
            ("53300", Meaning::Unavailable), // too many connections
            ("25006", Meaning::Unavailable), // failed over to a replica
            ("42P01", Meaning::Bug),         // no such table
        ] {
            assert_eq!(postgres_meaning(code), meaning, "{code}");
        }
        for (code, meaning) in [
            ("275", Meaning::Refused),     // CHECK
            ("1555", Meaning::Refused),    // PRIMARY KEY
            ("3091", Meaning::Refused),    // a type that STRICT refuses
            ("517", Meaning::Unavailable), // BUSY_SNAPSHOT
            ("13", Meaning::Unavailable),  // disk full
            ("1", Meaning::Bug),
        ] {
            assert_eq!(sqlite_meaning(code), meaning, "{code}");
        }
    }
}
