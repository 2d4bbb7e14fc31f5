//! Who acts, and for which tenants: people, tokens, and whoever is at this machine.
//!
//! What a role may do is decided in `policy/permission.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use super::ids::{OperatorId, TenantId, TokenId};

/// What somebody is allowed to do, as one word.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Role {
    /// Sees invoices, customers and states; personal data is masked.
    Viewer,
    /// Helps customers: reads one invoice whole, resends it, revokes links.
    Support,
    /// Keeps deliveries going: dead letters, relays, raw events.
    Operations,
    /// Everything.
    Admin,
    /// The administrator of some tenants, always named ones.
    TenantAdmin,
    /// The billing system: publishes events, writes tenants and customers, reads neither. Tokens only.
    Billing,
}

impl Role {
    /// Whether a person can have it; the others are of tokens only.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        !matches!(self, Self::Billing)
    }

    /// Whether it is given for named tenants only, never for all.
    #[must_use]
    pub const fn needs_tenants(self) -> bool {
        matches!(self, Self::TenantAdmin)
    }
}

/// The tenants that somebody may see and change. Every query behind console and API takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantScope {
    /// Every tenant, also those that are still to come.
    All,
    /// These; none, if it is empty.
    Of(Arc<BTreeSet<TenantId>>),
}

impl TenantScope {
    /// These tenants and no others.
    #[must_use]
    pub fn of(tenants: impl IntoIterator<Item = TenantId>) -> Self {
        Self::Of(Arc::new(tenants.into_iter().collect()))
    }

    #[must_use]
    pub fn allows(&self, tenant: &TenantId) -> bool {
        self.tenants().is_none_or(|tenants| tenants.contains(tenant))
    }

    /// What is left of it beside a tenant that somebody asks for: that one, or nothing.
    #[must_use]
    pub fn narrowed_to(&self, tenant: Option<&TenantId>) -> Self {
        match tenant {
            None => self.clone(),
            Some(tenant) => Self::of(self.allows(tenant).then(|| tenant.clone())),
        }
    }

    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// The tenants it is limited to; none if it is all of them.
    #[must_use]
    pub fn tenants(&self) -> Option<&BTreeSet<TenantId>> {
        match self {
            Self::All => None,
            Self::Of(tenants) => Some(tenants),
        }
    }
}

/// How far somebody has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SessionStage {
    /// The password was right; a code of the app, or a recovery code, is asked for.
    Code,
    /// The password was right; an app is to be set up first.
    Enrol,
    /// Everything that the role may do.
    Open,
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum InvitationKind {
    /// The first password of an account.
    Invitation,
    /// A new one, after the old one was taken away.
    Reset,
}

/// Whose request or command it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub kind: PrincipalKind,
    /// As histories show it: an operator's address, a token's name.
    pub name: Arc<str>,
    pub role: Role,
    pub scope: TenantScope,
}

/// How somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person who has signed in.
    Operator(OperatorId),
    /// A program with a token of the list.
    Token(TokenId),
    /// A program with the token of the configuration, `API_TOKEN`.
    BootstrapToken,
    /// Whoever reaches the listener on loopback while nobody has to sign in.
    ThisMachine,
    /// Whoever can run commands against the database.
    CommandLine,
}

impl PrincipalKind {
    /// The one spelling, without the id.
    #[must_use]
    pub const fn into_str(self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Token(_) => "token",
            Self::BootstrapToken => "bootstrap_token",
            Self::ThisMachine => "this_machine",
            Self::CommandLine => "command_line",
        }
    }

    /// The row that it is of.
    #[must_use]
    pub const fn id(self) -> Option<Uuid> {
        match self {
            Self::Operator(id) => Some(id.0),
            Self::Token(id) => Some(id.0),
            Self::BootstrapToken | Self::ThisMachine | Self::CommandLine => None,
        }
    }
}

impl Principal {
    /// A program that shows `API_TOKEN`.
    #[must_use]
    pub fn bootstrap_token() -> Self {
        Self::unlimited(PrincipalKind::BootstrapToken, "API_TOKEN")
    }

    /// Whoever asks from this machine while nobody has to sign in.
    #[must_use]
    pub fn this_machine() -> Self {
        Self::unlimited(PrincipalKind::ThisMachine, "this machine")
    }

    /// Whoever runs a command: `name` says who, as histories show it.
    #[must_use]
    pub fn command_line(name: &str) -> Self {
        Self::unlimited(PrincipalKind::CommandLine, name)
    }

    fn unlimited(kind: PrincipalKind, name: &str) -> Self {
        Self { kind, name: name.into(), role: Role::Admin, scope: TenantScope::All }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_its_tenants_and_no_others() {
        let (acme, beta) = (TenantId::from("acme"), TenantId::from("beta"));
        assert!(TenantScope::All.allows(&acme) && TenantScope::All.is_all());
        let of_acme = TenantScope::of([acme.clone()]);
        assert!(of_acme.allows(&acme) && !of_acme.allows(&beta) && !of_acme.is_all());
        assert!(!TenantScope::of([]).allows(&acme), "an empty list is nobody, not everybody");
        assert_eq!(TenantScope::All.narrowed_to(Some(&acme)), of_acme);
        assert_eq!(of_acme.narrowed_to(None), of_acme);
        assert_eq!(of_acme.narrowed_to(Some(&beta)), TenantScope::of([]));
    }
}
