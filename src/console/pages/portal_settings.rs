//! Settings → Customer portal: what is chosen, what follows from it, and what was chosen before.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use strum::VariantArray as _;

use super::answer::answer;
use super::format::TimeTag;
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use super::settings_foreseen::{ForeseenSettings, ForeseenView, foreseen_view};
use super::work_list::TenantChoice;
use crate::clock::Timestamp;
use crate::console::terms::{NavItem, SettingsProblem, TestProblem};
use crate::console::words::{ConsoleWords, SettingsWords};
use crate::model::customer::CustomerType;
use crate::model::settings::{PortalLevel, SensitiveAttachments, Settings, VerificationMethod};
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
    /// What a relay answered to a test.
    pub reply: Option<&'a str>,
    pub reason: &'a str,
    /// The newest first.
    pub versions: &'a [SettingsVersionRow],
    pub previews: Option<&'a SettingsPreviews>,
    /// The signed-in person's own address: a test goes there.
    pub test_address: Option<&'a str>,
}

/// What is shown beside the choice: the email and the portal's page, as customers would see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsPreviews {
    /// Tenant and choice, as a query.
    pub query: String,
    /// Whether private customers would be sent an email at all.
    pub has_mail: bool,
    /// Whether the portal asks them who they are.
    pub verifies: bool,
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
    /// Who was faster, where somebody was.
    changed_by: Option<String>,
    foreseen: Option<ForeseenView>,
    previews: Option<PreviewsView>,
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

/// Where the frames and the links below them lead.
struct PreviewsView {
    mail: Option<String>,
    mail_links: [(&'static str, String); 2],
    page: String,
    page_links: Vec<(&'static str, String)>,
}

struct VersionView<'a> {
    version: i64,
    name: String,
    title: String,
    level: String,
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
        changed_by: changed_by(own, page),
        foreseen: page.foreseen.map(|foreseen| foreseen_view(layout.language, foreseen)),
        previews: page.previews.map(|previews| previews_view(words, previews)),
        versions: page.versions.iter().map(|row| version_view(words, page.version, row)).collect(),
        current_version: (words.invoice.version)(page.version),
        test: page.test_address.map(own.send_test),
    };
    let status = match page.problem {
        None => StatusCode::OK,
        Some(SettingsProblem::ChangedMeanwhile) => StatusCode::CONFLICT,
        Some(SettingsProblem::Test(TestProblem::TooSoon)) => StatusCode::TOO_MANY_REQUESTS,
        Some(SettingsProblem::Invalid(_) | SettingsProblem::ReasonMissing | SettingsProblem::Test(_)) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    answer(status, layout.language, &template)
}

/// Whoever changed the settings since the reader has read them.
fn changed_by(words: &SettingsWords, page: &PortalSettingsPage<'_>) -> Option<String> {
    let newest = page.versions.first().filter(|_| page.problem == Some(SettingsProblem::ChangedMeanwhile))?;
    Some((words.changed_by)(newest.by.as_deref().unwrap_or(words.unknown_author)))
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

fn previews_view(words: &ConsoleWords, previews: &SettingsPreviews) -> PreviewsView {
    let own = &words.settings;
    let path = |path: &str, more: &str| format!("/settings/portal/{path}?{}&{more}", previews.query);
    let kind = |kind| (words.customers.kind)(Some(kind));
    let step = |step, name| (name, path("page", &format!("customer=private&step={step}")));
    let steps = [step("verification", own.step_verification), step("verified", own.step_verified)];
    let private = (kind(CustomerType::Private), "customer=private");
    let business = (kind(CustomerType::Business), "customer=business");
    PreviewsView {
        mail: previews.has_mail.then(|| path("mail/html", private.1)),
        mail_links: [private, business].map(|(name, customer)| (name, path("mail", customer))),
        page: path("page", private.1),
        page_links: steps
            .into_iter()
            .filter(|_| previews.verifies)
            .chain([(business.0, path("page", business.1))])
            .collect(),
    }
}

/// Without the mark of a note that only the choices have below them.
pub(super) fn level_name(words: &SettingsWords, level: PortalLevel) -> String {
    (words.level)(level).replace('*', "")
}

fn version_view<'a>(words: &'static ConsoleWords, current: i64, row: &'a SettingsVersionRow) -> VersionView<'a> {
    let own = &words.settings;
    let chosen = row.settings.portal_authentication;
    let methods: Vec<_> = [chosen.primary, chosen.secondary].into_iter().flatten().map(own.method).collect();
    VersionView {
        version: row.version,
        name: (words.invoice.version)(row.version),
        title: (own.restore_title)(row.version),
        level: level_name(own, chosen.level),
        methods: methods.join(", "),
        attachments: (own.attachment)(row.settings.sensitive_attachments),
        at: TimeTag(row.at),
        by: row.by.as_deref().unwrap_or(own.unknown_author),
        reason: row.reason.as_deref().unwrap_or_default(),
        is_current: row.version == current,
    }
}
