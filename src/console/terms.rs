//! What pages tell apart, and the words of each language name: states, actions, problems.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::model::settings::InvalidSettings;
pub use crate::operator::invoice::InvoiceStanding;

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

/// Why the entered password or code is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentProblem {
    PasswordTooShort {
        chars_min: usize,
    },
    PasswordTooLong {
        bytes_max: usize,
    },
    /// It is the address or the name, or one of the most used.
    PasswordGuessable,
    PasswordsDiffer,
    CodeWrong,
    NameMissing,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProblem {
    NameMissing,
    NameTaken,
    RoleMissing,
    TenantsMissing,
    TenantUnknown,
    ExpiryUnusable,
}

/// What of it the query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    Number,
    NumberPrefix,
    Customer,
    CustomerName,
    Recipient,
    MessageId,
    Delivery,
    Event,
}

/// What somebody can do with it; which are offered follows from its state and the person's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceAction {
    Resend,
    SendNow,
    Cancel,
    MarkSent,
    Acknowledge,
    RevokeLinks,
    LiftLock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageProof {
    /// Rebuilt, and its sha256 is the one that was recorded.
    Proven,
    /// Rebuilt with today's template: its sha256 differs from what was sent.
    Differs,
    /// It has not been sent yet: how it would be now.
    NotSentYet,
}

/// Why a form that asks for a resend did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendProblem {
    /// It lacks a reason or a confirmation.
    Incomplete,
    /// What would be sent is not what was shown.
    PlanChanged,
}

/// Why the settings were not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsProblem {
    Invalid(InvalidSettings),
    ReasonMissing,
    /// Somebody else has changed them meanwhile.
    ChangedMeanwhile,
    /// They were not to be saved: a test was not sent.
    Test(TestProblem),
}

/// Why no test was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestProblem {
    /// One a minute.
    TooSoon,
    /// Customers of this type would be sent nothing.
    NoMail,
    /// No relay of the tenant's is configured, or it is not to be used now.
    NoRelay,
    /// An address or a template of the tenant cannot be used.
    Unmakeable,
    Unreachable,
    /// The relay said no.
    Refused,
    /// It may have taken it.
    Unanswered,
}
