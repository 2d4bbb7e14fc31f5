//! What stands around every page: the navigation, the search, who is signed in.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::model::access::Principal;

/// What a page for somebody who is signed in is told besides its own content.
#[derive(Debug, Clone, Copy)]
pub struct ConsoleLayout<'a> {
    pub language: ConsoleLanguage,
    /// Decides what the page offers.
    pub principal: &'a Principal,
    /// The session's form token.
    pub csrf: &'a str,
    /// Path and query of the page, to come back to it.
    pub path: &'a str,
    pub now: Timestamp,
    /// How many entries of the work list wait; none where it was not counted.
    pub open_work: Option<u64>,
    /// What was done just before, by the `done` of the query.
    pub done: Option<ActionDone>,
}

/// What a page for somebody who is not signed in is told.
#[derive(Debug, Clone, Copy)]
pub struct SignedOutLayout<'a> {
    pub language: ConsoleLanguage,
    /// Path and query of the page, to come back to it; none for answers to POST.
    pub path: Option<&'a str>,
}

/// One entry of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum NavItem {
    Work,
    Search,
    Tenants,
    Settings,
    Operators,
    Tokens,
    Audit,
    Account,
}

/// A tenant as pages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantName {
    pub id: String,
    pub name: String,
}

/// What a page says was done just before; its spelling is the `done` of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ActionDone {
    Resent,
    /// The same form was sent twice; the first one counts.
    ResentBefore,
    Cancelled,
    SentNow,
    MarkedSent,
    Acknowledged,
    LinksRevoked,
    LockLifted,
    Paused,
    Resumed,
    SettingsSaved,
    SettingsUnchanged,
    TestSent,
    OperatorChanged,
    OperatorDisabled,
    OperatorEnabled,
    TotpReset,
    TokenRevoked,
    PasswordChanged,
    TotpSetUp,
    SessionEnded,
    OtherSessionsEnded,
}
