//! What stands around every page: the navigation, the search, who is signed in.

use super::icon::Icon;
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::console::terms::{ActionDone, NavItem};
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

/// A tenant as pages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantName {
    pub id: String,
    pub name: String,
}

impl<'a> ConsoleLayout<'a> {
    pub(super) const fn words(&self) -> &'static ConsoleWords {
        self.language.words()
    }

    /// `current` is the entry of the navigation that the page belongs to.
    pub(super) fn view(&self, current: NavItem) -> FrameView<'a> {
        let words = self.words();
        let item = |item: NavItem| NavLinkView {
            path: nav_path(item),
            icon: nav_icon(item),
            name: (words.frame.nav)(item),
            is_current: item == current,
            count: if item == NavItem::Work { self.open_work.filter(|count| *count > 0) } else { None },
        };
        let offered = |items: &[NavItem]| -> Vec<NavLinkView> {
            items.iter().filter(|one| is_offered(**one, self.principal)).map(|one| item(*one)).collect()
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

const fn nav_path(item: NavItem) -> &'static str {
    match item {
        NavItem::Work => "/",
        NavItem::Search => "/search",
        NavItem::Tenants => "/tenants",
        NavItem::Settings => "/settings/portal",
        NavItem::Operators => "/operators",
        NavItem::Tokens => "/tokens",
        NavItem::Audit => "/audit",
        NavItem::Account => "/account",
    }
}

const fn nav_icon(item: NavItem) -> Icon {
    match item {
        NavItem::Work => Icon::Inbox,
        NavItem::Search => Icon::Search,
        NavItem::Tenants => Icon::Building2,
        NavItem::Settings => Icon::SlidersHorizontal,
        NavItem::Operators => Icon::Users,
        NavItem::Tokens => Icon::KeyRound,
        NavItem::Audit => Icon::ScrollText,
        NavItem::Account => Icon::CircleUser,
    }
}

fn is_offered(item: NavItem, principal: &Principal) -> bool {
    match item {
        NavItem::Work | NavItem::Search => principal.may(Permission::ViewInvoices),
        NavItem::Tenants => principal.may(Permission::ViewTenants),
        NavItem::Settings => principal.may(Permission::ViewSettings),
        NavItem::Operators => principal.may(Permission::ManageOperators),
        NavItem::Tokens => principal.may(Permission::ManageTokens),
        NavItem::Audit => principal.may(Permission::ViewAudit),
        NavItem::Account => true,
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
