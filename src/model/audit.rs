//! What people do that the audit log keeps.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// One kind of act. A name that was ever written stays: entries are proven with it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum AuditAction {
    /// An operator signed in with password and, where asked for, code.
    SignedIn,
    SignedOut,
    /// A wrong password or code for an account that exists.
    SignInFailed,
    /// A sign-in that was not even compared: too many failed before, or the account is disabled.
    SignInRefused,
    /// An operator ended another of the own sessions, or it made room for a further one.
    SessionEnded,
    PasswordChanged,
    /// A second factor was set up.
    SecondFactorAdded,
    SecondFactorRemoved,
    RecoveryCodesMade,
    /// A recovery code took the place of the second factor.
    RecoveryCodeUsed,

    OperatorAdded,
    /// A one-time link for an operator was made.
    OperatorInvited,
    /// The link was used, and a password chosen.
    InvitationAccepted,
    /// Role or tenants.
    OperatorChanged,
    /// Password and second factor were taken away; a new invitation follows.
    OperatorReset,
    OperatorDisabled,
    OperatorEnabled,
    TokenMade,
    TokenRevoked,

    /// One invoice with names and addresses as they are.
    InvoiceViewed,
    /// One customer, likewise.
    CustomerViewed,
    /// A message as it was sent.
    MessageViewed,
    /// The bytes of an event.
    EventViewed,
    /// A list with names and addresses as they are, on a terminal.
    ListViewed,
    /// A list as a file.
    ListExported,
    /// Pages of the audit log.
    AuditViewed,
    AuditExported,

    InvoiceResent,
    DeliveryCancelled,
    DeliverySentNow,
    DeliveryMarkedSent,
    DeliveriesHeld,
    DeliveriesReleased,
    DeadLettersRedriven,
    DeadLettersDiscarded,
    DeadLettersRestored,
    /// An entry was taken off the work list.
    WorkAcknowledged,
    EventsPublished,

    RelayPaused,
    RelayResumed,
    SenderReleased,
    LinksRevoked,
    PortalLocksLifted,

    SettingsChanged,
    /// A test message was handed to a relay, or that was tried.
    TestSent,
    TenantsWritten,
    TenantPaused,
    TenantResumed,
    LogoWritten,
    LogoRemoved,
    CustomersWritten,
    CustomerErased,
    /// Tenants, logos and customers of a file.
    CatalogueImported,
}

impl AuditAction {
    /// Whether somebody tried in vain.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::SignInFailed | Self::SignInRefused)
    }
}
