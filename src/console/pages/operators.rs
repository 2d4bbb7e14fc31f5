//! The people who may sign in.

use crate::clock::Timestamp;
use crate::model::access::Role;

pub struct OperatorsPage<'a> {
    pub rows: &'a [OperatorRow],
    /// Of whoever was just added or invited again: shown once.
    pub invitation: Option<InvitationLink<'a>>,
    /// What was entered, and why it was refused (a sentence in the person's language, or of the store).
    pub refused: Option<OperatorForm<'a>>,
}

pub struct OperatorForm<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub role: Option<Role>,
    pub tenants: &'a str,
    pub problem: OperatorProblem,
}

/// Why an operator is not added or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorProblem {
    AddressUnusable,
    AddressTaken,
    RoleMissing,
    /// The role is given for named tenants only.
    TenantsMissing,
    TenantUnknown,
    /// Somebody has to be able to manage operators.
    LastAdmin,
}

pub struct OperatorRow {
    pub id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// None for all.
    pub tenants: Option<Vec<String>>,
    pub state: OperatorState,
    pub has_totp: bool,
    pub last_sign_in_at: Option<Timestamp>,
    pub is_self: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorState {
    Active,
    Invited { until: Timestamp },
    /// Neither a password nor an invitation that still works.
    InvitationExpired,
    Disabled,
}

pub struct InvitationLink<'a> {
    pub email: &'a str,
    /// The whole address.
    pub url: &'a str,
    pub until: Timestamp,
}
