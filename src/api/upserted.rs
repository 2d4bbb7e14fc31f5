//! What a PUT did to a tenant or a customer.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What a PUT did to a tenant or a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Upserted {
    /// It was not known before.
    Created,
    /// It was known otherwise before.
    Changed,
    /// It was known just so.
    Unchanged,
}

impl Upserted {
    pub(super) const fn of(created: bool, changed: bool) -> Self {
        match (created, changed) {
            (true, _) => Self::Created,
            (false, true) => Self::Changed,
            (false, false) => Self::Unchanged,
        }
    }

    /// RFC 9110 §9.3.4: 201: the PUT made something.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Created => StatusCode::CREATED,
            Self::Changed | Self::Unchanged => StatusCode::OK,
        }
    }
}
