//! The first connection to the database: faults that waiting does not mend are distinguished from outages.

use super::unreachable::{ContactError, try_connection};
use crate::store::Store;
use crate::store::db::connect::Pools;

impl Store {
    /// Connects and asks the database for nothing.
    ///
    /// # Errors
    /// [`ContactError::Store`] of a database that is away; the others say what only a person can mend.
    pub async fn first_contact(&self) -> Result<(), ContactError> {
        if let Pools::Postgres(pool) = &self.inner.pools {
            // Past the pool, which would try a server that refuses connections for seconds, and not say why.
            try_connection(pool, self.inner.deadlines.acquire).await?;
        }
        Ok(self.answers().await?)
    }
}
