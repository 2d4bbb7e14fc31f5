//! One's own account: sessions, password, authenticator app, recovery codes.

use crate::clock::Timestamp;

use super::enrolment::EnrolmentProblem;

pub struct AccountPage<'a> {
    pub email: &'a str,
    pub name: &'a str,
    /// The tenants that one is limited to; none for all.
    pub tenants: Option<&'a [String]>,
    pub has_totp: bool,
    pub recovery_codes_left: u32,
    /// The newest first.
    pub sessions: &'a [SessionRow],
    pub problem: Option<AccountProblem>,
}

pub struct SessionRow {
    pub id: String,
    pub started_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// As far as it is still kept.
    pub network: Option<String>,
    /// The browser's name for itself.
    pub browser: Option<String>,
    pub is_current: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountProblem {
    /// The current password, or the code, is not right.
    Wrong,
    NewPassword(EnrolmentProblem),
}
