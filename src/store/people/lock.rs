//! The lock under which an operator is changed.

use super::scope::read_scope;
use crate::model::access::{Principal, PrincipalKind, Role, TenantScope};
use crate::model::ids::OperatorId;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;

/// What a change starts from.
pub(super) struct LockedOperator {
    pub(super) address: String,
    pub(super) role: Role,
    pub(super) scope: TenantScope,
    pub(super) is_disabled: bool,
}

impl LockedOperator {
    /// Themselves, as histories and the audit log name them.
    pub(super) fn principal(&self, id: OperatorId) -> Principal {
        let kind = PrincipalKind::Operator(id);
        Principal { kind, name: self.address.as_str().into(), role: self.role, scope: self.scope.clone() }
    }
}

/// Locks an operator's row, and before it those of all administrators who can sign in: two of them who take each other's
/// rights away at the same moment come one after the other.
pub(super) async fn lock_operator(on: &mut Transaction, id: OperatorId) -> Result<Option<LockedOperator>, StoreError> {
    sql("SELECT id FROM operator
         WHERE id = $1 OR (role = 'admin' AND scope = '*' AND disabled_at IS NULL AND password IS NOT NULL)
         ORDER BY id {postgres: FOR NO KEY UPDATE}")
    .bind(id)
    .all(on)
    .await?;
    // A statement of its own: it sees what the others have committed.
    let row = sql("SELECT address, role, scope, disabled_at IS NOT NULL AS is_disabled FROM operator WHERE id = $1")
        .bind(id)
        .optional(on)
        .await?;
    row.map(|row| {
        Ok(LockedOperator {
            address: row.get("address")?,
            role: row.get("role")?,
            scope: read_scope(&row, "scope")?,
            is_disabled: row.get("is_disabled")?,
        })
    })
    .transpose()
}
