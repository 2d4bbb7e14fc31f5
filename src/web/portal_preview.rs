//! How the customers' pages would look: drawn by the portal and shown by the console, which do not know each other.

use std::fmt;

use axum::Router;
use axum::response::Response;

use crate::event::InvoiceData;
use crate::model::logo::LogoRef;
use crate::model::settings::VerificationMethod;
use crate::model::tenant::TenantProfile;
use crate::policy::decision::PortalAccess;

/// Draws the customers' pages for people who are no customers.
pub trait PortalPreview: fmt::Debug + Send + Sync {
    /// A page of a made-up invoice. Its links lead nowhere; beside itself it loads the stylesheets of
    /// [`assets_router`](super::assets_router), those of [`PortalPreview::stylesheets`], and `/logo/{sha256}`.
    fn page(&self, page: &PreviewedPage<'_>) -> Response;

    /// The stylesheets of tenants' colours.
    fn stylesheets(&self) -> Router;
}

/// A page as a customer would see it.
#[derive(Debug, Clone, Copy)]
pub struct PreviewedPage<'a> {
    pub tenant: &'a TenantProfile,
    pub logo: Option<LogoRef>,
    pub data: &'a InvoiceData,
    /// What the portal asks of the customer.
    pub access: PortalAccess,
    /// By which method it verifies; none where nobody is verified, or no method can.
    pub method: Option<VerificationMethod>,
    pub step: PreviewStep,
    /// The day of the email, in the tenant's time zone.
    pub mailed_on: jiff::civil::Date,
}

/// How far the customer has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreviewStep {
    /// The link is opened.
    #[default]
    Opened,
    /// The customer is asked who they are.
    Verification,
    /// The customer is verified.
    Verified,
}
