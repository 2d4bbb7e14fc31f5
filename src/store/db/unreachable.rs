//! Why no connection to PostgreSQL can be had, as the server or the system says it, and what to do about it.
//!
//! sqlx's pool tries again until its time is over, whatever the server says, and then reports only a timeout. So
//! after a timeout one connection is tried outside the pool, whose error says why.

use std::io::{self, ErrorKind};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};
use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::time::timeout;

use crate::store::db::error::StoreError;

/// Why the database cannot be used at the start.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// The password or the user (SQLSTATE 28P01, 28000).
    #[error("the database refuses who DATABASE_URL says we are ({0}); correct its user and password")]
    Login(String),
    /// The server has no such database (3D000).
    #[error("the server has no database of this name ({0}); create it, or correct DATABASE_URL")]
    NoDatabase(String),
    /// TLS is refused, or the server's certificate is not trusted.
    #[error(
        "TLS with the database fails ({0}); correct the server's certificate, or sslmode and sslrootcert in DATABASE_URL"
    )]
    Tls(String),
    /// What any statement meets; the same again may work later if it says so.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// While a process runs all of them are waited for: the password may be put right at the server.
impl From<ContactError> for StoreError {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Store(error) => error,
            unmendable => Self::Unavailable(unmendable.to_string()),
        }
    }
}

/// Makes one connection beside the pool's, and closes it.
pub(in crate::store) async fn try_connection(pool: &PgPool, within: Duration) -> Result<(), ContactError> {
    let options = pool.connect_options();
    let error = match timeout(within, options.connect()).await {
        Ok(Ok(connection)) => {
            // The server notices by itself if the farewell is lost.
            let _ = timeout(within, connection.close()).await;
            return Ok(());
        }
        Ok(Err(error)) => error,
        Err(_) => sqlx::Error::Io(ErrorKind::TimedOut.into()),
    };
    Err(explain(error, &options))
}

/// Why the pool had no connection for us in time: none is to be had, or all are in use.
pub(in crate::store) async fn none_in_time(pool: &PgPool, within: Duration) -> StoreError {
    if let Err(error) = try_connection(pool, within).await {
        return error.into();
    }
    StoreError::Unavailable(format!(
        "it answers, but each of the {} connections to it is in use, and none came free in time; find out what makes its \
         answers slow, or raise database.connections_max",
        pool.options().get_max_connections()
    ))
}

/// What an error means that came of connecting.
pub(in crate::store) fn explain(error: sqlx::Error, options: &PgConnectOptions) -> ContactError {
    match &error {
        sqlx::Error::Database(refusal) => {
            let message = refusal.message();
            match refusal.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code) {
                Some("28P01" | "28000") => ContactError::Login(message.to_owned()),
                Some("3D000") => ContactError::NoDatabase(message.to_owned()),
                Some("53300") => unavailable(format!(
                    "it takes no more connections ({message}); raise its max_connections, or lower \
                     database.connections_max of each process"
                )),
                Some("57P03") => unavailable(format!("{message}; wait until it has started")),
                _ => StoreError::from(error).into(),
            }
        }
        sqlx::Error::Tls(cause) => ContactError::Tls(cause.to_string()),
        // rustls speaks through the socket, so what it finds comes as an I/O error.
        sqlx::Error::Io(cause)
            if cause.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) =>
        {
            ContactError::Tls(cause.to_string())
        }
        sqlx::Error::Io(cause) => unavailable(of_system(cause, options)),
        _ => StoreError::from(error).into(),
    }
}

fn unavailable(what: String) -> ContactError {
    StoreError::Unavailable(what).into()
}

/// What the system says, and where.
fn of_system(cause: &io::Error, options: &PgConnectOptions) -> String {
    let host = options.get_host();
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{host}:{}", options.get_port()),
    };
    match cause.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => format!(
            "nothing listens at {place} ({cause}); start PostgreSQL there, or correct host and port in DATABASE_URL"
        ),
        ErrorKind::TimedOut => format!(
            "no answer from {place} in time; look at the network and its firewalls, or correct host and port in \
             DATABASE_URL"
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            format!("{place} cannot be reached ({cause}); look at the network, or correct the host in DATABASE_URL")
        }
        // The resolver's errors have no kind of their own.
        _ if cause.to_string().contains("lookup") => {
            format!("the host {host} cannot be resolved ({cause}); correct DATABASE_URL, or the name service")
        }
        _ => format!("the connection to {place} failed ({cause}); look at the server's log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_comes_with_the_place_and_what_to_do() {
        let options = PgConnectOptions::new_without_pgpass().host("db.example").port(5433);
        let said = |kind: ErrorKind| of_system(&kind.into(), &options);
        for (kind, begin, remedy) in [
            (ErrorKind::ConnectionRefused, "nothing listens at db.example:5433 (", "; start PostgreSQL there"),
            (ErrorKind::TimedOut, "no answer from db.example:5433 in time", "; look at the network"),
            (ErrorKind::HostUnreachable, "db.example:5433 cannot be reached (", "; look at the network"),
            (ErrorKind::ConnectionReset, "the connection to db.example:5433 failed (", "; look at the server's log"),
        ] {
            let said = said(kind);
            assert!(said.starts_with(begin) && said.contains(remedy), "{said}");
        }
        let unresolved = io::Error::other("failed to lookup address information: Name or service not known");
        assert!(of_system(&unresolved, &options).starts_with("the host db.example cannot be resolved ("));
        let socket = options.socket("/run/postgresql");
        assert!(of_system(&ErrorKind::NotFound.into(), &socket).contains("/run/postgresql"));
    }
}
