//! Whose rows a statement may read, as a condition of it: what lies outside a scope is never read, rather than left out
//! of an answer.

use std::borrow::Cow;

use super::value::Value;
use crate::model::access::TenantScope;

/// The condition that a tenant is in the scope that is bound at `$place`; every row is, where that is of all tenants.
macro_rules! in_scope {
    ($column:literal, $place:literal) => {
        concat!("(", $place, " IS NULL OR ", $crate::store::db::scope::one_of!($column, $place), ")")
    };
}
pub(in crate::store) use in_scope;

/// The condition that a tenant is one of those that are bound at `$place`.
macro_rules! one_of {
    ($column:literal, $place:literal) => {
        concat!(
            $column,
            " {postgres: = ANY (ARRAY(SELECT json_array_elements_text(CAST(",
            $place,
            " AS JSON))))}{sqlite: IN (SELECT value FROM json_each(",
            $place,
            "))}"
        )
    };
}
pub(in crate::store) use one_of;

impl From<&TenantScope> for Value<'_> {
    /// Every tenant is NULL; else a JSON array of the tenants.
    fn from(scope: &TenantScope) -> Self {
        Self::Text(match scope {
            TenantScope::All => None,
            TenantScope::Of(tenants) => {
                Some(Cow::Owned(serde_json::to_string(&**tenants).expect("texts are always JSON")))
            }
        })
    }
}
