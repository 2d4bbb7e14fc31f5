//! The schema's migrations, part of the program: `migrate` needs no files beside it.
//!
//! They are listed by hand because `sqlx::migrate!` costs every build from nothing a second SQLite and second drivers,
//! built for the compiler's side; a test compares the list with the folders.

use std::sync::LazyLock;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The files of the migration `$name` for `$database`.
macro_rules! files {
    ($database:literal, $name:literal) => {
        (
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $database, "/", $name, ".up.sql")),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $database, "/", $name, ".down.sql")),
        )
    };
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        pub(crate) static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(&[$(files!("postgres", $name)),+]));
        pub(crate) static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(&[$(files!("sqlite", $name)),+]));
    };
}

migrations!(
    "0001_initial",
    "0002_portal",
    "0003_people",
    "0004_audit",
    "0005_console",
    "0006_portal_proxies",
    "0007_page_fill",
    "0008_settings_reason",
    "0009_idempotency",
    "0010_sign_in_counts",
    "0011_search",
    "0012_tenant_words",
    "0013_note_kind",
    "0014_holds_of_ended",
    "0015_acted_keys",
    "0016_connection_shares",
);

/// From each migration's `NUMBER_words`, the SQL that makes it and the SQL that takes it back.
fn migrator(pairs: &[(&'static str, &'static str, &'static str)]) -> Migrator {
    let steps = pairs.iter().flat_map(|&(name, up, down)| {
        let (number, words) = name.split_once('_').expect("a migration is named NUMBER_words");
        let version = number.parse().expect("a migration's name begins with its number");
        [(MigrationType::ReversibleUp, up), (MigrationType::ReversibleDown, down)].map(|(kind, text)| {
            let without_transaction = text.starts_with("-- no-transaction");
            Migration::new(version, words.replace('_', " ").into(), kind, text.into_sql_str(), without_transaction)
        })
    });
    Migrator::with_migrations(steps.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn listed(migrator: &Migrator) -> Vec<(i64, String, MigrationType, Vec<u8>, bool)> {
        let of = |one: &Migration| {
            (one.version, one.description.to_string(), one.migration_type, one.checksum.to_vec(), one.no_tx)
        };
        migrator.iter().map(of).collect()
    }

    #[tokio::test]
    async fn the_lists_are_the_folders() {
        for (migrator, folder) in [(&POSTGRES, "migrations/postgres"), (&SQLITE, "migrations/sqlite")] {
            let files =
                Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).await.expect("readable files");
            assert_eq!(listed(migrator), listed(&files), "{folder}");
        }
    }
}
