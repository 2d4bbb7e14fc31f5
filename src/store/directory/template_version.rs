//! The templates that messages were made with: a message can be made again.

use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

impl Store {
    /// Remembers templates, and that they are in use now: to be noted at every start, before every round of the
    /// retention, which forgets unused ones, and at least once a day by processes that make snapshots.
    pub async fn save_template_version(&self, version: &str, sources: &str) -> Result<(), StoreError> {
        sql("INSERT INTO template_version (version, sources, seen_at) VALUES ($1, $2, $3)
            ON CONFLICT (version) DO UPDATE SET seen_at = excluded.seen_at")
        .bind(version)
        .bind(sources)
        .bind(self.now())
        .run(&mut self.write().await?)
        .await?;
        Ok(())
    }

    /// The templates of `version`, as [`crate::compose::Templates::sources`] wrote them.
    pub async fn template_sources(&self, version: &str) -> Result<Option<String>, StoreError> {
        let row = sql("SELECT sources FROM template_version WHERE version = $1")
            .bind(version)
            .optional(&mut self.read().await?)
            .await?;
        row.map(|row| row.get("sources")).transpose()
    }
}
