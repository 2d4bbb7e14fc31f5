//! Whose request it is.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::refusal::ApiRefusal;
use crate::model::access::{Principal, TenantScope};
use crate::model::ids::TenantId;

/// Whose request it is, as the access check before every route found it.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) Principal);

impl Caller {
    /// The tenants that they may see and change; every query takes it.
    pub(super) const fn scope(&self) -> &TenantScope {
        &self.0.scope
    }

    /// Refuses a tenant of others just as one that nobody knows: that it is there is not said either.
    pub(super) fn expect_in_scope(&self, tenant: &TenantId) -> Result<(), ApiRefusal> {
        if self.scope().allows(tenant) { Ok(()) } else { Err(ApiRefusal::UnknownTenant(tenant.clone())) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().cloned().expect("no route is without the access check")))
    }
}
