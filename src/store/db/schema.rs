//! The schema: which migrations this build has, and which of them the database has.

use sqlx::migrate::Migrator;

use super::connect::Pools;
use super::error::StoreError;
use super::migrations;
use super::statement::{StatementExecutor, sql};
use crate::store::Store;

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// What it does, in a word or two.
    pub name: String,
}

/// The schema of a database, beside this build's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// What the database has, oldest first.
    pub applied: Vec<Migration>,
    /// What this build has and the database has not.
    pub missing: Vec<Migration>,
    /// What the database has and this build does not know: a later version made it.
    pub unknown: Vec<Migration>,
}

impl Schema {
    /// Its version: the last migration's number, 0 of an empty database.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.applied.last().map_or(0, |migration| migration.version)
    }

    /// Whether it is this build's.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty()
    }
}

impl Store {
    /// Compares the database's schema with this build's; changes nothing.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let migrator: &Migrator = match &self.inner.pools {
            Pools::Postgres(_) => &migrations::POSTGRES,
            Pools::Sqlite { .. } => &migrations::SQLITE,
        };
        let wanted: Vec<Migration> = migrator
            .iter()
            .filter(|migration| !migration.migration_type.is_down_migration())
            .map(|migration| Migration { version: migration.version, name: migration.description.to_string() })
            .collect();
        let applied = applied(&mut self.read().await?).await?;
        let among =
            |migrations: &[Migration], one: &Migration| migrations.iter().any(|other| other.version == one.version);
        Ok(Schema {
            missing: wanted.iter().filter(|migration| !among(&applied, migration)).cloned().collect(),
            unknown: applied.iter().filter(|migration| !among(&wanted, migration)).cloned().collect(),
            applied,
        })
    }
}

async fn applied(on: &mut impl StatementExecutor) -> Result<Vec<Migration>, StoreError> {
    let table = sql("SELECT 1 AS one {postgres: WHERE to_regclass('_sqlx_migrations') IS NOT NULL}
        {sqlite: FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'}");
    if table.optional(on).await?.is_none() {
        return Ok(Vec::new());
    }
    sql("SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version")
        .all(on)
        .await?
        .iter()
        .map(|row| Ok(Migration { version: row.get("version")?, name: row.get("description")? }))
        .collect()
}
