//! `/settings/portal`: what a tenant's administrator chooses, what follows from it before it is saved, what was chosen before.

mod foreseen;
pub(super) mod previews;
mod settings_fields;
pub(super) mod test_mail;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use self::foreseen::foreseen;
use self::settings_fields::SettingsFields;
use super::Console;
use super::answers::{HandlerAnswer, OrFailed, reason};
use super::facts::{Reader, tenant_name};
use super::pages::{
    self, ActionDone, PortalSettingsPage, SettingsProblem, SettingsVersionRow, TenantChoicePage, TenantName,
};
use super::signed::{Signed, SignedForm, see_other};
use crate::model::ids::TenantId;
use crate::model::settings::{Settings, VersionedSettings};
use crate::model::tenant::Tenant;
use crate::policy::permission::Permission;
use crate::store::{SETTINGS_OF_CREATION, SettingsChange, SettingsPut};

/// Tenants that a page names to choose from.
const TENANTS: u32 = 200;
/// Versions that a page shows.
const VERSIONS: u32 = 50;

/// A tenant of the person's scope, and what holds for it.
struct ChosenTenant {
    tenant: Tenant,
    saved: VersionedSettings,
}

impl ChosenTenant {
    async fn read(console: &Console, signed: &Signed, fields: &SettingsFields) -> Result<Self, Response> {
        let (id, scope) = (TenantId::from(fields.tenant.as_str()), &signed.principal.scope);
        let tenant = console.store.tenant(&id, scope).await.or_failed(signed)?.ok_or_else(|| signed.not_found())?;
        let saved = console.store.settings(&id, scope).await.or_failed(signed)?.ok_or_else(|| signed.not_found())?;
        Ok(Self { tenant, saved })
    }

    fn name(&self) -> TenantName {
        tenant_name(&self.tenant.id, Some(&self.tenant.profile.name))
    }
}

/// What stands on the page besides what holds.
struct ShownDraft<'a> {
    draft: Settings,
    problem: Option<SettingsProblem>,
    reply: Option<&'a str>,
    reason: &'a str,
}

impl<'a> ShownDraft<'a> {
    fn of(fields: &'a SettingsFields, draft: Settings, problem: Option<SettingsProblem>) -> Self {
        Self { draft, problem, reply: None, reason: &fields.reason }
    }
}

/// The settings, or a choice whose consequences are asked for.
pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Query(fields): Query<SettingsFields>,
) -> HandlerAnswer {
    signed.require(Permission::ViewSettings)?;
    if fields.tenant.is_empty() {
        return choose(&console, &signed, &fields.after).await;
    }
    let chosen = ChosenTenant::read(&console, &signed, &fields).await?;
    let draft = fields.draft(chosen.saved.settings);
    let problem = draft.validate().err().map(SettingsProblem::Invalid);
    let mut page = page(&console, &signed, &chosen, ShownDraft::of(&fields, draft, problem)).await?;
    // What follows from it was asked; that it cannot be saved is the answer.
    *page.status_mut() = StatusCode::OK;
    Ok(page)
}

/// Whose settings: the only tenant's at once.
async fn choose(console: &Console, signed: &Signed, after: &str) -> HandlerAnswer {
    let after = Some(after).filter(|after| !after.is_empty()).map(TenantId::from);
    let mut tenants = tenants(console, signed, after.as_ref()).await?;
    if let ([only], None) = (tenants.as_slice(), &after) {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("tenant", &only.id).finish();
        return Ok(see_other(&format!("/settings/portal?{query}")));
    }
    let has_more = tenants.len() > TENANTS as usize;
    tenants.truncate(TENANTS as usize);
    let next = tenants.last().filter(|_| has_more).map(|last| last.id.clone());
    let view = TenantChoicePage { tenants: &tenants, next: next.as_deref() };
    Ok(pages::tenant_choice(&signed.layout(), &view))
}

/// One more than a page names says that there are more.
async fn tenants(console: &Console, signed: &Signed, after: Option<&TenantId>) -> Result<Vec<TenantName>, Response> {
    let found = console.store.tenants(&signed.principal.scope, after, TENANTS + 1).await.or_failed(signed)?;
    Ok(found.iter().map(|tenant| tenant_name(&tenant.id, Some(&tenant.profile.name))).collect())
}

async fn page(console: &Console, signed: &Signed, chosen: &ChosenTenant, shown: ShownDraft<'_>) -> HandlerAnswer {
    let ShownDraft { draft, problem, reply, reason } = shown;
    let (id, scope) = (&chosen.tenant.id, &signed.principal.scope);
    let is_valid = draft.validate().is_ok();
    let foreseen = if is_valid { Some(foreseen(console, signed, chosen, draft).await?) } else { None };
    let changes = console.store.settings_changes(id, scope, None, VERSIONS).await.or_failed(signed)?;
    let reader = Reader::of_principal(&signed.principal);
    let versions: Vec<SettingsVersionRow> = changes.into_iter().map(|change| version_row(change, &reader)).collect();
    // Of more than a list can hold, one is chosen by the entry of the navigation.
    let mut tenants = tenants(console, signed, None).await?;
    if tenants.len() > TENANTS as usize {
        tenants.clear();
    }
    let previews = is_valid.then(|| previews::of(console, &chosen.tenant, draft));
    let name = chosen.name();
    let view = PortalSettingsPage {
        tenant: &name,
        tenants: &tenants,
        saved: chosen.saved.settings,
        version: chosen.saved.version,
        draft,
        foreseen: foreseen.as_ref(),
        problem,
        reply,
        reason,
        versions: &versions,
        previews: previews.as_ref(),
        test_address: Some(&signed.principal.name),
    };
    Ok(pages::portal_settings(&signed.layout(), &view))
}

fn version_row(change: SettingsChange, reader: &Reader) -> SettingsVersionRow {
    SettingsVersionRow {
        version: change.version,
        settings: change.settings,
        at: change.changed_at,
        by: Some(change.changed_by).filter(|by| by != SETTINGS_OF_CREATION),
        reason: change.reason.map(|reason| reader.text(&reason)),
    }
}

/// Saves a choice, if what was read still holds.
pub(super) async fn save(
    State(console): State<Console>,
    SignedForm { signed, form: fields }: SignedForm<SettingsFields>,
) -> HandlerAnswer {
    signed.require(Permission::ChangeSettings)?;
    let chosen = ChosenTenant::read(&console, &signed, &fields).await?;
    let draft = fields.draft(chosen.saved.settings);
    let refused = |problem| ShownDraft::of(&fields, draft, Some(problem));
    // First of all: the page that is shown again names the version of now, so that what it asks for then holds.
    if fields.version() != Some(chosen.saved.version) {
        return page(&console, &signed, &chosen, refused(SettingsProblem::ChangedMeanwhile)).await;
    }
    if let Err(invalid) = draft.validate() {
        return page(&console, &signed, &chosen, refused(SettingsProblem::Invalid(invalid))).await;
    }
    let Some(why) = reason(&fields.reason) else {
        return page(&console, &signed, &chosen, refused(SettingsProblem::ReasonMissing)).await;
    };
    let (id, who) = (&chosen.tenant.id, signed.actor());
    let put = console.store.put_settings(id, &draft, fields.version(), Some(why), &who).await.or_failed(&signed)?;
    saved(&console, &signed, &fields, put, draft).await
}

/// Takes what held as an earlier version back, if what was read still holds.
pub(super) async fn restore(
    State(console): State<Console>,
    SignedForm { signed, form: fields }: SignedForm<SettingsFields>,
) -> HandlerAnswer {
    signed.require(Permission::ChangeSettings)?;
    let chosen = ChosenTenant::read(&console, &signed, &fields).await?;
    let now = chosen.saved.settings;
    let refused = |problem| ShownDraft::of(&fields, now, Some(problem));
    if fields.version() != Some(chosen.saved.version) {
        return page(&console, &signed, &chosen, refused(SettingsProblem::ChangedMeanwhile)).await;
    }
    let Some(why) = reason(&fields.reason) else {
        return page(&console, &signed, &chosen, refused(SettingsProblem::ReasonMissing)).await;
    };
    let Ok(earlier) = fields.restore.parse() else { return Err(signed.not_found()) };
    let (id, who) = (&chosen.tenant.id, signed.actor());
    let put =
        console.store.restore_settings(id, earlier, fields.version(), Some(why), &who).await.or_failed(&signed)?;
    saved(&console, &signed, &fields, put, now).await
}

async fn saved(
    console: &Console,
    signed: &Signed,
    fields: &SettingsFields,
    put: SettingsPut,
    draft: Settings,
) -> HandlerAnswer {
    match put {
        SettingsPut::Saved(saved) => {
            let is_new = fields.version() != Some(saved.version);
            let done = if is_new { ActionDone::SettingsSaved } else { ActionDone::SettingsUnchanged };
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair("tenant", &fields.tenant).append_pair("done", done.into_str()).finish();
            Ok(see_other(&format!("/settings/portal?{query}")))
        }
        // Somebody was faster by a moment.
        SettingsPut::Conflict(_) => {
            let chosen = ChosenTenant::read(console, signed, fields).await?;
            let problem = Some(SettingsProblem::ChangedMeanwhile);
            page(console, signed, &chosen, ShownDraft::of(fields, draft, problem)).await
        }
        SettingsPut::UnknownTenant | SettingsPut::UnknownVersion => Err(signed.not_found()),
    }
}
