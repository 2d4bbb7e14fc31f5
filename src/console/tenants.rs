//! `/tenants`: who sends, whether their mail goes, and what waits.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed, done_at, reason};
use super::customer::segment;
use super::facts::{Reader, invoice_rows};
use super::pages::{self, ActionDone, PausedTenant, TenantListRow, TenantPage, TenantsPage};
use super::signed::{Signed, SignedForm};
use crate::model::ids::TenantId;
use crate::policy::permission::Permission;
use crate::store::{DeliveryFilter, PageRequest, PauseChange, TenantOverview, TenantPause};

/// Tenants of one page.
const ROWS: u32 = 50;
/// Deliveries on the page of one tenant.
const RECENT: u32 = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TenantsQuery {
    after: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PauseFields {
    reason: String,
}

pub(super) async fn list(
    State(console): State<Console>,
    signed: Signed,
    Query(query): Query<TenantsQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewTenants)?;
    let scope = &signed.principal.scope;
    let after = Some(query.after.as_str()).filter(|id| !id.is_empty()).map(TenantId::from);
    let mut tenants = console.store.tenant_overviews(scope, after.as_ref(), ROWS + 1).await.or_failed(&signed)?;
    let more = tenants.len() > ROWS as usize;
    tenants.truncate(ROWS as usize);
    let next = tenants.last().filter(|_| more).map(|last| last.id.to_string());
    let reader = Reader::of_principal(&signed.principal);
    let rows: Vec<TenantListRow> = tenants.into_iter().map(|tenant| row(tenant, &reader)).collect();
    Ok(pages::tenants(&signed.layout(), &TenantsPage { rows: &rows, next: next.as_deref() }))
}

fn row(tenant: TenantOverview, reader: &Reader) -> TenantListRow {
    TenantListRow {
        id: tenant.id.to_string(),
        name: tenant.profile.name,
        sender: tenant.profile.sender.address,
        paused: tenant.pause.map(|pause| paused(pause, reader)),
        last_sent_at: tenant.last_sent_at,
        due: tenant.due,
        open_work: tenant.open_work,
    }
}

fn paused(pause: TenantPause, reader: &Reader) -> PausedTenant {
    PausedTenant { since: pause.paused_at, by: pause.paused_by, reason: reader.text(&pause.reason) }
}

pub(super) async fn show(State(console): State<Console>, signed: Signed, Path(id): Path<String>) -> HandlerAnswer {
    signed.require(Permission::ViewTenants)?;
    let (store, scope) = (&console.store, &signed.principal.scope);
    let id = TenantId::from(id);
    let tenant = store.tenant_overview(scope, &id).await.or_failed(&signed)?.ok_or_else(|| signed.not_found())?;
    let settings = store.settings(&id, scope).await.or_failed(&signed)?.ok_or_else(|| signed.not_found())?;
    let counts = store.work_counts(scope, Some(&id)).await.or_failed(&signed)?;
    let filter = DeliveryFilter { tenant: Some(id.clone()), ..DeliveryFilter::default() };
    let recent =
        store.deliveries(&filter, scope, PageRequest { limit: RECENT, after: None }).await.or_failed(&signed)?.items;
    let profile = &tenant.profile;
    let sender = &profile.sender;
    let envelope = sender.bounce_address.as_deref().unwrap_or(&sender.address);
    let holds = store.sender_holds().await.or_failed(&signed)?;
    let held = holds.iter().find(|hold| hold.relay == tenant.relay && hold.holds(envelope, &sender.address));
    let recent = invoice_rows(&recent);
    let view = TenantPage {
        id: id.as_str(),
        name: &profile.name,
        sender_name: &sender.name,
        sender_address: &sender.address,
        reply_to: sender.reply_to.as_deref(),
        bounce_address: sender.bounce_address.as_deref(),
        locale: &profile.locale,
        time_zone: profile.time_zone.as_deref(),
        relay: tenant.relay.as_str(),
        paused: tenant.pause.clone().map(|pause| paused(pause, &Reader::of_principal(&signed.principal))),
        sender_held: held.map(|hold| hold.description.as_str()),
        settings: settings.settings,
        settings_version: settings.version,
        counts: &counts,
        due: tenant.due,
        recent: &recent,
    };
    Ok(pages::tenant(&signed.layout(), &view))
}

fn path(tenant: &TenantId) -> String {
    format!("/tenants/{}", segment(tenant.as_str()))
}

/// Lets a form pass that pauses or resumes a tenant of the person's scope.
fn allowed(signed: &Signed, tenant: &TenantId) -> Result<(), Response> {
    signed.require(Permission::PauseTenant)?;
    if signed.principal.scope.allows(tenant) { Ok(()) } else { Err(signed.not_found()) }
}

fn changed(signed: &Signed, tenant: &TenantId, change: PauseChange, done: ActionDone) -> HandlerAnswer {
    match change {
        // Somebody was first: it stands as this person wanted it.
        PauseChange::Done { .. } | PauseChange::Unchanged => Ok(done_at(&path(tenant), done)),
        PauseChange::UnknownTenant => Err(signed.not_found()),
    }
}

pub(super) async fn pause(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, form: fields }: SignedForm<PauseFields>,
) -> HandlerAnswer {
    let tenant = TenantId::from(id);
    allowed(&signed, &tenant)?;
    let Some(reason) = reason(&fields.reason) else { return Err(pages::conflict(&signed.front())) };
    let change = console.store.pause_tenant(&tenant, &signed.actor(), reason).await.or_failed(&signed)?;
    changed(&signed, &tenant, change, ActionDone::Paused)
}

pub(super) async fn resume(
    State(console): State<Console>,
    Path(id): Path<String>,
    SignedForm { signed, .. }: SignedForm<PauseFields>,
) -> HandlerAnswer {
    let tenant = TenantId::from(id);
    allowed(&signed, &tenant)?;
    let change = console.store.resume_tenant(&tenant, &signed.actor()).await.or_failed(&signed)?;
    changed(&signed, &tenant, change, ActionDone::Resumed)
}
