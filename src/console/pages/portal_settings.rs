//! Settings → Customer portal: what is chosen, what follows from it, and what was chosen before.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use strum::VariantArray as _;

use super::answer::answer;
use super::format::{TimeTag, grouped};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use super::work_list::TenantChoice;
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::console::terms::{NavItem, SettingsProblem};
use crate::console::words::{ConsoleWords, SettingsWords};
use crate::model::customer::CustomerType;
use crate::model::settings::{PortalLevel, SensitiveAttachments, Settings, VerificationMethod};
use crate::model::state::Decision;
use crate::policy::decision::PortalAccess;
use crate::policy::permission::Permission;

pub struct PortalSettingsPage<'a> {
    pub tenant: &'a TenantName,
    /// Those that can be chosen.
    pub tenants: &'a [TenantName],
    /// What holds now, and its version.
    pub saved: Settings,
    pub version: i64,
    /// What stands in the form: `saved`, or what was chosen and not saved.
    pub draft: Settings,
    /// What follows from `draft`; none where that is no valid choice.
    pub foreseen: Option<&'a ForeseenSettings>,
    pub problem: Option<SettingsProblem>,
    pub reason: &'a str,
    /// Whether text messages can be sent at all.
    pub has_sms_provider: bool,
    /// The newest first.
    pub versions: &'a [SettingsVersionRow],
    /// Paths of the mail and of the portal page as customers would see them.
    pub mail_preview: Option<&'a str>,
    pub portal_preview: Option<&'a str>,
    /// The signed-in person's own address: a test goes there.
    pub test_address: Option<&'a str>,
}

pub struct ForeseenSettings {
    pub consequences: Vec<ConsequenceRow>,
    pub customers: u64,
    /// Customers that must be verified and whom no chosen method can.
    pub unverifiable: u64,
    pub warnings: Vec<SettingsWarning>,
    pub what_if: Option<WhatIf>,
}

/// What one kind of customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsequenceRow {
    /// None: the type is unknown.
    pub customer_type: Option<CustomerType>,
    pub mail: Decision,
    pub access: PortalAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsWarning {
    /// Documents leave by mail although the portal hides or gates them.
    AttachedThoughGated,
    /// `exclude` and `inaccessible`: the documents can be reached nowhere.
    DocumentsNowhere,
    /// The link alone opens the documents.
    NotRequired,
    /// A chosen method that so many customers cannot use.
    MethodUnusable {
        method: VerificationMethod,
        customers: u64,
    },
    NoSmsProvider,
}

/// What the draft would have changed, of the tenant's newest deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhatIf {
    pub deliveries: u64,
    pub days: u32,
    /// With documents, and now with a link.
    pub to_link: u64,
    /// With a link, and now with documents.
    pub to_attach: u64,
    /// Not at all: no method would verify the customer.
    pub not_sent: u64,
    /// With a link as before, but the portal would ask more, or less.
    pub stricter: u64,
    pub looser: u64,
}

pub struct SettingsVersionRow {
    pub version: i64,
    pub settings: Settings,
    pub at: Timestamp,
    pub by: Option<String>,
    pub reason: Option<String>,
}

#[derive(Template)]
#[template(path = "console/portal_settings.html")]
struct PortalSettingsTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static SettingsWords,
    page: &'a PortalSettingsPage<'a>,
    tenants: Vec<TenantChoice<'a>>,
    levels: Vec<SettingChoice>,
    methods: Vec<SettingChoice>,
    primary: Vec<SettingChoice>,
    secondary: Vec<SettingChoice>,
    attachments: Vec<SettingChoice>,
    draft: DraftFields,
    is_draft: bool,
    can_change: bool,
    problem: Option<&'static str>,
    foreseen: Option<ForeseenView>,
    versions: Vec<VersionView<'a>>,
    current_version: String,
    test: Option<String>,
}

/// One option of a setting.
struct SettingChoice {
    value: &'static str,
    name: &'static str,
    means: &'static str,
    is_chosen: bool,
}

/// What the form that saves brings back: exactly the choice whose consequences are shown.
struct DraftFields {
    level: &'static str,
    primary: &'static str,
    secondary: &'static str,
    attachments: &'static str,
}

impl DraftFields {
    fn of(settings: Settings) -> Self {
        let chosen = settings.portal_authentication;
        Self {
            level: chosen.level.into(),
            primary: chosen.primary.map_or("", Into::into),
            secondary: chosen.secondary.map_or("", Into::into),
            attachments: settings.sensitive_attachments.into(),
        }
    }
}

struct ForeseenView {
    rows: Vec<ConsequenceView>,
    customers: String,
    is_bad: bool,
    warnings: Vec<String>,
    what_if: Option<WhatIfView>,
}

struct ConsequenceView {
    customer: &'static str,
    mail: &'static str,
    mail_icon: Icon,
    asks: &'static str,
}

struct WhatIfView {
    title: String,
    rows: Vec<(String, &'static str, bool)>,
}

struct VersionView<'a> {
    version: i64,
    name: String,
    title: String,
    level: &'static str,
    methods: String,
    attachments: &'static str,
    at: TimeTag,
    by: &'a str,
    reason: &'a str,
    is_current: bool,
}

#[must_use]
pub fn portal_settings(layout: &ConsoleLayout<'_>, page: &PortalSettingsPage<'_>) -> Response {
    let words = layout.words();
    let own = &words.settings;
    let chosen = page.draft.portal_authentication;
    let tenants = page.tenants.iter().map(|tenant| TenantChoice {
        id: &tenant.id,
        name: &tenant.name,
        is_chosen: tenant.id == page.tenant.id,
    });
    let template = PortalSettingsTemplate {
        layout: layout.view(NavItem::Settings),
        words: own,
        page,
        tenants: tenants.collect(),
        levels: LEVELS
            .map(|level| choice(level.into(), (own.level)(level), (own.level_means)(level), level == chosen.level))
            .into(),
        methods: VerificationMethod::VARIANTS
            .iter()
            .map(|one| choice(one.into(), (own.method)(*one), (own.method_strength)(*one), false))
            .collect(),
        primary: method_choices(own, chosen.primary),
        secondary: method_choices(own, chosen.secondary),
        attachments: SensitiveAttachments::VARIANTS
            .iter()
            .map(|one| {
                let is_chosen = *one == page.draft.sensitive_attachments;
                choice(one.into(), (own.attachment)(*one), (own.attachment_means)(*one), is_chosen)
            })
            .collect(),
        draft: DraftFields::of(page.draft),
        is_draft: page.draft != page.saved,
        can_change: layout.principal.may(Permission::ChangeSettings),
        problem: page.problem.map(own.problem),
        foreseen: page.foreseen.map(|foreseen| foreseen_view(layout.language, foreseen)),
        versions: page.versions.iter().map(|row| version_view(words, page.version, row)).collect(),
        current_version: (words.invoice.version)(page.version),
        test: page.test_address.map(own.send_test),
    };
    let status = match page.problem {
        None => StatusCode::OK,
        Some(SettingsProblem::ChangedMeanwhile) => StatusCode::CONFLICT,
        Some(SettingsProblem::Invalid(_) | SettingsProblem::ReasonMissing) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    answer(status, layout.language, &template)
}

/// In the order of the tenants' handbook, then the one that it does not have.
const LEVELS: [PortalLevel; 5] = [
    PortalLevel::EveryPage,
    PortalLevel::Sensitive,
    PortalLevel::SensitiveForPrivate,
    PortalLevel::Inaccessible,
    PortalLevel::NotRequired,
];

const fn choice(value: &'static str, name: &'static str, means: &'static str, is_chosen: bool) -> SettingChoice {
    SettingChoice { value, name, means, is_chosen }
}

/// The methods, and none of them.
fn method_choices(words: &SettingsWords, chosen: Option<VerificationMethod>) -> Vec<SettingChoice> {
    let methods = VerificationMethod::VARIANTS.iter();
    std::iter::once(choice("", words.no_method, "", chosen.is_none()))
        .chain(methods.map(|one| choice(one.into(), (words.method)(*one), "", chosen == Some(*one))))
        .collect()
}

fn foreseen_view(language: ConsoleLanguage, foreseen: &ForeseenSettings) -> ForeseenView {
    let words = language.words();
    let number = |number| grouped(language, number);
    let own = &words.settings;
    let row = |row: &ConsequenceRow| ConsequenceView {
        customer: match row.customer_type {
            Some(kind) => (words.customers.kind)(Some(kind)),
            None => own.unknown_kind,
        },
        mail: (own.mail)(row.mail),
        mail_icon: if row.mail == Decision::Attach { Icon::Paperclip } else { Icon::Link },
        asks: (own.asks)(row.access),
    };
    ForeseenView {
        rows: foreseen.consequences.iter().map(row).collect(),
        customers: match foreseen.unverifiable {
            0 => (own.all_verifiable)(&number(foreseen.customers)),
            some => (own.unverifiable)(&number(some), &number(foreseen.customers)),
        },
        is_bad: foreseen.unverifiable > 0,
        warnings: foreseen.warnings.iter().map(|one| warning_sentence(language, *one)).collect(),
        what_if: foreseen.what_if.map(|what_if| WhatIfView {
            title: (own.what_if)(&number(what_if.deliveries), what_if.days),
            rows: [
                (what_if.to_link, own.to_link, false),
                (what_if.to_attach, own.to_attach, false),
                (what_if.not_sent, own.not_sent, true),
                (what_if.stricter, own.stricter, false),
                (what_if.looser, own.looser, false),
            ]
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, text, is_bad)| (number(count), text, is_bad))
            .collect(),
        }),
    }
}

fn warning_sentence(language: ConsoleLanguage, warning: SettingsWarning) -> String {
    let words = &language.words().settings;
    match warning {
        SettingsWarning::AttachedThoughGated => words.attached_though_gated.to_owned(),
        SettingsWarning::DocumentsNowhere => words.documents_nowhere.to_owned(),
        SettingsWarning::NotRequired => words.not_required_warning.to_owned(),
        SettingsWarning::MethodUnusable { method, customers } => {
            (words.method_unusable)((words.method)(method), &grouped(language, customers))
        }
        SettingsWarning::NoSmsProvider => words.no_sms_provider.to_owned(),
    }
}

fn version_view<'a>(words: &'static ConsoleWords, current: i64, row: &'a SettingsVersionRow) -> VersionView<'a> {
    let own = &words.settings;
    let chosen = row.settings.portal_authentication;
    let methods: Vec<_> = [chosen.primary, chosen.secondary].into_iter().flatten().map(own.method).collect();
    VersionView {
        version: row.version,
        name: (words.invoice.version)(row.version),
        title: (own.restore_title)(row.version),
        level: (own.level)(chosen.level),
        methods: methods.join(", "),
        attachments: (own.attachment)(row.settings.sensitive_attachments),
        at: TimeTag(row.at),
        by: row.by.as_deref().unwrap_or(own.unknown_author),
        reason: row.reason.as_deref().unwrap_or_default(),
        is_current: row.version == current,
    }
}
