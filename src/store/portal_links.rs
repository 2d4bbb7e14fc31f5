//! Links into the portal, known by the digests of their tokens.

use super::Store;
use super::error::StoreError;
use super::statement::sql;
use crate::ids::Sha256;
use crate::tenant::TenantProfile;

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
