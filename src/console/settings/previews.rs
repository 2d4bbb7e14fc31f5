//! The email and the portal's page as customers would see them, with a made-up invoice.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::ChosenTenant;
use super::settings_fields::{SettingsFields, choice_fields, choice_query};
use crate::compose::date::day_in;
use crate::console::Console;
use crate::console::answers::{HandlerAnswer, OrFailed};
use crate::console::facts::documents;
use crate::console::pages::{self, SampleMail, SettingsMailPage, SettingsPreviews};
use crate::console::signed::Signed;
use crate::model::customer::CustomerType;
use crate::model::logo::LogoRef;
use crate::model::settings::Settings;
use crate::model::tenant::Tenant;
use crate::operator::settings_sample::{EmailPreview, SampleRequest};
use crate::policy::decision::PortalAccess;
use crate::policy::permission::Permission;
use crate::sha256::Sha256;
use crate::web::{PreviewStep, PreviewedPage, kept_for_good};

/// What the sample of the portal's page may do: show itself with the portal's styles and the tenant's logo.
const PORTAL_FRAME_POLICY: &str = "sandbox; default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; \
                                   base-uri 'none'; frame-ancestors 'self'";

/// What a page about `draft` shows beside it.
pub(super) fn of(console: &Console, tenant: &Tenant, draft: Settings) -> SettingsPreviews {
    let private = console.settings.sample(tenant, draft, CustomerType::Private);
    SettingsPreviews {
        query: choice_query(&tenant.id, draft),
        has_mail: private.delivery().is_ok(),
        verifies: access(&private).verifies(),
    }
}

/// What the portal would ask.
fn access(sample: &SampleRequest<'_>) -> PortalAccess {
    PortalAccess::of(sample.settings.portal_authentication.level, Some(sample.customer_type))
}

/// The tenant, and the choice that is to be shown; what cannot be saved cannot be shown either.
async fn chosen(
    console: &Console,
    signed: &Signed,
    fields: &SettingsFields,
) -> Result<(ChosenTenant, Settings), Response> {
    signed.require(Permission::ViewSettings)?;
    let chosen = ChosenTenant::read(console, signed, fields).await?;
    let draft = fields.draft(chosen.saved.settings);
    if draft.validate().is_err() {
        return Err(signed.not_found());
    }
    Ok((chosen, draft))
}

/// The email's texts; none where no email would be sent.
fn email(console: &Console, signed: &Signed, sample: &SampleRequest<'_>) -> Result<Option<EmailPreview>, Response> {
    let Ok(delivery) = sample.delivery() else { return Ok(None) };
    delivery.email(console.settings.templates()).map(Some).map_err(|error| {
        tracing::warn!("the email of {} cannot be shown: {error}", sample.tenant.id);
        pages::failed(&signed.front())
    })
}

/// `/settings/portal/mail`.
pub(in crate::console) async fn mail(
    State(console): State<Console>,
    signed: Signed,
    Query(fields): Query<SettingsFields>,
) -> HandlerAnswer {
    let (chosen, draft) = chosen(&console, &signed, &fields).await?;
    let sample = console.settings.sample(&chosen.tenant, draft, fields.customer_type());
    let sender = &chosen.tenant.profile.sender;
    let mail = email(&console, &signed, &sample)?.map(|email| SampleMail {
        from: format!("{} <{}>", sender.name, sender.address),
        subject: email.texts.subject,
        text: email.texts.text,
        attachments: documents(&email.attachments),
    });
    let id = &chosen.tenant.id;
    let view = SettingsMailPage {
        tenant: &chosen.name(),
        query: &choice_query(id, draft),
        customer_type: sample.customer_type,
        mail: mail.as_ref(),
        fields: &choice_fields(id, draft),
        test_address: signed.principal.may(Permission::ChangeSettings).then_some(&*signed.principal.name),
    };
    Ok(pages::settings_mail(&signed.layout(), &view))
}

/// `/settings/portal/mail/html`: what the frame shows. Its own policy forbids scripts, forms and whatever would be loaded.
pub(in crate::console) async fn html(
    State(console): State<Console>,
    signed: Signed,
    Query(fields): Query<SettingsFields>,
) -> HandlerAnswer {
    let (chosen, draft) = chosen(&console, &signed, &fields).await?;
    let sample = console.settings.sample(&chosen.tenant, draft, fields.customer_type());
    let email = email(&console, &signed, &sample)?.ok_or_else(|| signed.not_found())?;
    Ok(pages::mail_frame(email.texts.html))
}

/// `/settings/portal/page`: drawn by the portal, for a frame that runs nothing.
pub(in crate::console) async fn page(
    State(console): State<Console>,
    signed: Signed,
    Query(fields): Query<SettingsFields>,
) -> HandlerAnswer {
    let (chosen, draft) = chosen(&console, &signed, &fields).await?;
    let tenant = &chosen.tenant;
    let logo = console.store.logo_of(&tenant.id, &signed.principal.scope).await.or_failed(&signed)?;
    let sample = console.settings.sample(tenant, draft, fields.customer_type());
    let mut page = console.portal_preview.page(&PreviewedPage {
        tenant: &tenant.profile,
        logo: logo.map(|logo| LogoRef { sha256: logo.sha256, width: logo.width, height: logo.height }),
        data: &sample.invoice(),
        access: access(&sample),
        method: sample.method(),
        step: match fields.step.as_str() {
            "verification" => PreviewStep::Verification,
            "verified" => PreviewStep::Verified,
            _ => PreviewStep::Opened,
        },
        mailed_on: day_in(sample.now, tenant.profile.time_zone.as_deref()),
    });
    // It is shown, whatever the customer would be refused.
    *page.status_mut() = StatusCode::OK;
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PORTAL_FRAME_POLICY));
    Ok(page)
}

/// `/logo/{sha256}`: a frame that may do nothing shows no cookie either, so it is there for whoever knows its digest, as in
/// the portal.
pub(in crate::console) async fn logo(
    State(console): State<Console>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let Some(sha256) = name.ok().and_then(|Path(name)| Sha256::from_hex(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match console.store.logo(sha256).await {
        Ok(Some(logo)) => kept_for_good(logo.format.into_str(), logo.bytes),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!("failed to read a tenant's logo: {error}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
