//! Identifiers in addresses.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use crate::event::Malformed;
use crate::event::bounds::{KEY_MAX, identifier};
use crate::model::ids::{CustomerId, TenantId};

/// A tenant's address, as axum hands it over.
pub(super) type TenantPath = Result<Path<String>, PathRejection>;
/// A customer's address, as axum hands it over.
pub(super) type CustomerPath = Result<Path<(String, String)>, PathRejection>;

/// Whom a tenant's address names.
pub(super) fn tenant(path: TenantPath) -> Result<TenantId, Malformed> {
    let Path(tenant) = path.map_err(|_| unreadable("tenant_id"))?;
    identifier("tenant_id", &tenant, KEY_MAX)?;
    Ok(TenantId::from(tenant))
}

/// Whom a customer's address names.
pub(super) fn customer(path: CustomerPath) -> Result<(TenantId, CustomerId), Malformed> {
    let Path((tenant, customer)) = path.map_err(|_| unreadable("customer_id"))?;
    identifier("tenant_id", &tenant, KEY_MAX)?;
    identifier("customer_id", &customer, KEY_MAX)?;
    Ok((TenantId::from(tenant), CustomerId::from(customer)))
}

fn unreadable(name: &str) -> Malformed {
    Malformed::at(name, "is not UTF-8 behind its % escapes")
}
