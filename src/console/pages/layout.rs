//! What stands around every page: the navigation, the search, who is signed in.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::format::encoded;
use super::icon::Icon;
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::console::words::{ConsoleWords, FrameWords};
use crate::model::access::{Principal, PrincipalKind};
use crate::policy::permission::Permission;
use crate::web::Asset;

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

impl<'a> ConsoleLayout<'a> {
    pub(super) const fn words(&self) -> &'static ConsoleWords {
        self.language.words()
    }

    /// `current` is the entry of the navigation that the page belongs to.
    pub(super) fn view(&self, current: NavItem) -> FrameView<'a> {
        let words = self.words();
        let item = |item: NavItem| NavLinkView {
            path: item.path(),
            icon: item.icon(),
            name: (words.frame.nav)(item),
            is_current: item == current,
            count: if item == NavItem::Work { self.open_work.filter(|count| *count > 0) } else { None },
        };
        let offered = |items: &[NavItem]| -> Vec<NavLinkView> {
            items.iter().filter(|item| item.is_offered(self.principal)).map(|one| item(*one)).collect()
        };
        FrameView {
            code: self.language.code(),
            words: &words.frame,
            assets: AssetPaths::new(),
            languages: languages(self.language),
            nav: offered(&[NavItem::Work, NavItem::Search, NavItem::Tenants, NavItem::Settings]),
            admin: offered(&[NavItem::Operators, NavItem::Tokens, NavItem::Audit]),
            account: matches!(self.principal.kind, PrincipalKind::Operator(_)),
            is_account: current == NavItem::Account,
            who: &self.principal.name,
            role: (words.frame.role)(self.principal.role),
            csrf: self.csrf,
            path: self.path,
            done: self.done.map(words.frame.done),
            title: (words.frame.nav)(current),
            query: "",
        }
    }
}

impl SignedOutLayout<'_> {
    pub(super) const fn words(&self) -> &'static ConsoleWords {
        self.language.words()
    }

    pub(super) fn view(&self) -> FrontView<'_> {
        FrontView {
            code: self.language.code(),
            words: &self.words().frame,
            assets: AssetPaths::new(),
            languages: languages(self.language),
            path: self.path,
        }
    }
}

impl NavItem {
    const fn path(self) -> &'static str {
        match self {
            Self::Work => "/",
            Self::Search => "/search",
            Self::Tenants => "/tenants",
            Self::Settings => "/settings/portal",
            Self::Operators => "/operators",
            Self::Tokens => "/tokens",
            Self::Audit => "/audit",
            Self::Account => "/account",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Work => Icon::Inbox,
            Self::Search => Icon::Search,
            Self::Tenants => Icon::Building2,
            Self::Settings => Icon::SlidersHorizontal,
            Self::Operators => Icon::Users,
            Self::Tokens => Icon::KeyRound,
            Self::Audit => Icon::ScrollText,
            Self::Account => Icon::CircleUser,
        }
    }

    fn is_offered(self, principal: &Principal) -> bool {
        match self {
            Self::Work | Self::Search => principal.may(Permission::ViewInvoices),
            Self::Tenants => principal.may(Permission::ViewTenants),
            Self::Settings => principal.may(Permission::ViewSettings),
            Self::Operators => principal.may(Permission::ManageOperators),
            Self::Tokens => principal.may(Permission::ManageTokens),
            Self::Audit => principal.may(Permission::ViewAudit),
            Self::Account => true,
        }
    }
}

/// What the templates see of the frame.
pub(super) struct FrameView<'a> {
    pub(super) code: &'static str,
    pub(super) words: &'static FrameWords,
    pub(super) assets: AssetPaths,
    pub(super) languages: Vec<LanguageChoice>,
    pub(super) nav: Vec<NavLinkView>,
    pub(super) admin: Vec<NavLinkView>,
    /// Whether the reader is a person with an account.
    pub(super) account: bool,
    pub(super) is_account: bool,
    pub(super) who: &'a str,
    pub(super) role: &'static str,
    pub(super) csrf: &'a str,
    pub(super) path: &'a str,
    pub(super) done: Option<&'static str>,
    /// The name of the page that is open, if it stands in the navigation.
    pub(super) title: &'static str,
    /// What stands in the search field.
    pub(super) query: &'a str,
}

/// What the templates see around pages for somebody who is not signed in.
pub(super) struct FrontView<'a> {
    pub(super) code: &'static str,
    pub(super) words: &'static FrameWords,
    pub(super) assets: AssetPaths,
    pub(super) languages: Vec<LanguageChoice>,
    pub(super) path: Option<&'a str>,
}

pub(super) struct NavLinkView {
    pub(super) path: &'static str,
    pub(super) icon: Icon,
    pub(super) name: &'static str,
    pub(super) is_current: bool,
    pub(super) count: Option<u64>,
}

pub(super) struct LanguageChoice {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) is_current: bool,
}

fn languages(current: ConsoleLanguage) -> Vec<LanguageChoice> {
    let choice = |language: ConsoleLanguage| LanguageChoice {
        code: language.code(),
        name: language.words().frame.language_name,
        is_current: language == current,
    };
    ConsoleLanguage::ALL.into_iter().map(choice).collect()
}

/// What every page loads.
pub(super) struct AssetPaths {
    pub(super) icon: &'static str,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) htmx: &'static str,
    pub(super) font: &'static str,
}

impl AssetPaths {
    fn new() -> Self {
        Self {
            icon: Asset::Icon.path(),
            style: Asset::ConsoleStyle.path(),
            script: Asset::ConsoleScript.path(),
            htmx: Asset::Htmx.path(),
            font: Asset::Inter.path(),
        }
    }
}

/// The page that a permanent link of a tenant leads to, with what it asks for.
pub(super) fn with_tenant(path: &str, tenant: &str) -> String {
    format!("{path}?tenant={}", encoded(tenant))
}
