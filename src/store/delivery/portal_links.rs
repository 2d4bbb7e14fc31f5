//! Links into the portal, known by the digests of their tokens.

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::tenant::TenantProfile;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};

/// A portal link; the token itself is nowhere.
#[derive(Debug, Clone)]
pub struct NewPortalLink {
    /// The delivery whose token it is.
    pub root: DeliveryId,
    /// Which of its tokens.
    pub generation: u32,
    /// The token's digest.
    pub token_sha256: Sha256,
    /// The fingerprint of the key that it is made with.
    pub key_fingerprint: String,
    /// Until when it opens the portal.
    pub expires_at: Timestamp,
}

impl Store {
    /// Whose invoice the link with this token shows; none if there is no such link, or it has ended.
    pub async fn tenant_of_link(&self, token: Sha256) -> Result<Option<TenantProfile>, StoreError> {
        sql("SELECT tenant_profile.body
            FROM portal_link
                 JOIN delivery ON delivery.id = portal_link.root_id
                 JOIN tenant ON tenant.id = delivery.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
            WHERE portal_link.token_sha256 = $1 AND portal_link.revoked_at IS NULL AND portal_link.expires_at > $2")
        .bind(token)
        .bind(self.now())
        .optional(&mut self.read().await?)
        .await?
        .map(|row| row.json("body"))
        .transpose()
    }
}

/// Remembers links; one that stands already (an earlier attempt's, or of a rest's root) lives longer from now on.
///
/// For SQLite: on PostgreSQL they are written by the statement that starts DATA.
pub(in crate::store) async fn insert_portal_links(
    on: &mut impl StatementExecutor,
    links: &[&NewPortalLink],
) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at)
        SELECT * FROM rows WHERE TRUE
        ON CONFLICT (root_id, generation) DO UPDATE SET expires_at = excluded.expires_at
            WHERE portal_link.expires_at < excluded.expires_at")
    .rows(
        "root_id uuid, generation bigint, token_sha256 bytea, key_fingerprint text, expires_at bigint",
        links.iter().map(|link| {
            [
                link.root.into(),
                link.generation.into(),
                link.token_sha256.into(),
                (&link.key_fingerprint).into(),
                link.expires_at.into(),
            ]
        }),
    )
    .run(on)
    .await?;
    Ok(())
}
