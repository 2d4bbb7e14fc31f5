//! The first connection to the database: what does not mend by itself is told from what does.

use sqlx::postgres::PgDatabaseError;

use crate::store::Store;
use crate::store::db::connect::Pools;
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

impl Store {
    /// Connects and asks the database for nothing.
    ///
    /// # Errors
    /// [`ContactError::Store`] of a database that is away; the others say what only a person can mend.
    pub async fn first_contact(&self) -> Result<(), ContactError> {
        if let Pools::Postgres(pool) = &self.inner.pools {
            // Past the store's own way: there the code that the server answers with is lost.
            pool.acquire().await.map_err(why)?;
        }
        Ok(self.answers().await?)
    }
}

fn why(error: sqlx::Error) -> ContactError {
    match &error {
        sqlx::Error::Database(refusal) => {
            let code = refusal.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code);
            match code {
                Some("28P01" | "28000") => ContactError::Login(refusal.message().to_owned()),
                Some("3D000") => ContactError::NoDatabase(refusal.message().to_owned()),
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
        _ => StoreError::from(error).into(),
    }
}
