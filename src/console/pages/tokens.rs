//! The tokens that programs use.

use crate::clock::Timestamp;
use crate::model::access::Role;

pub struct TokensPage<'a> {
    pub rows: &'a [TokenRow],
    /// Made just before: shown once.
    pub new: Option<NewToken<'a>>,
    pub problem: Option<TokenProblem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProblem {
    NameMissing,
    NameTaken,
    RoleMissing,
    TenantsMissing,
    TenantUnknown,
    ExpiryUnusable,
}

pub struct TokenRow {
    pub id: String,
    pub name: String,
    /// Its first characters, as logs show it.
    pub prefix: String,
    pub role: Role,
    /// None for all.
    pub tenants: Option<Vec<String>>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

pub struct NewToken<'a> {
    pub name: &'a str,
    pub token: &'a str,
}
