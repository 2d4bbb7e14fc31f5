//! A pool of database connections for HTTP requests.
//!
//! Many requests may use all of these, each for as long as a statement may take; sending and intake have a pool of their
//! own. SQLite has one writer, which all share; the API bounds what requests may write.

use std::sync::Arc;

use crate::store::db::connect::Pools;
use crate::store::db::patience::Patience;
use crate::store::{Store, StoreInner};

/// As many as the API works on at once, and a few for the pages of customers.
const CONNECTIONS_MAX: u32 = 8;

impl Store {
    /// The same database for visitors: neither waits for the other's connections.
    #[must_use]
    pub fn for_visitors(&self) -> Self {
        let inner = StoreInner {
            pools: self.inner.pools.for_visitors(),
            deadlines: self.inner.deadlines,
            overdue: self.inner.overdue.clone(),
            clock: self.inner.clock.clone(),
            holder: self.inner.holder,
            patience: Patience::new(&self.inner.clock),
            lock: self.inner.lock.clone(),
        };
        Self {
            inner: Arc::new(inner),
            outcomes: self.outcomes,
            resent_by: Arc::clone(&self.resent_by),
            address_keys: self.address_keys.clone(),
            audit_keys: self.audit_keys.clone(),
            answer_keys: self.answer_keys.clone(),
            verification: self.verification.clone(),
        }
    }
}

impl Pools {
    /// None is opened before it is needed.
    fn for_visitors(&self) -> Self {
        match self {
            Self::Postgres(pool) => {
                let connections = pool.options().get_max_connections().min(CONNECTIONS_MAX);
                let options = pool.options().clone().max_connections(connections);
                Self::Postgres(options.connect_lazy_with(pool.connect_options().as_ref().clone()))
            }
            Self::Sqlite { writer, readers } => {
                let own = readers.options().clone().connect_lazy_with(readers.connect_options().as_ref().clone());
                Self::Sqlite { writer: writer.clone(), readers: own }
            }
        }
    }
}
