//! The routes of the API, and how each is asked for something of a tenant.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::policy::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use super::api_people_rows::people;
use super::rows::{Asked, Foreign, Needs, Row, Sent, get};
use super::world::Sample;
use crate::portal::pages_load_what_they_name::LOGO;
use crate::store::scopes::numbered;

/// The samples' events, in an address.
const SOURCE: &str = "https%3A%2F%2Fbilling.example%2Ftest";

pub(super) fn row(
    method: Method,
    route: &'static str,
    permission: Permission,
    foreign: Foreign,
    ask: fn(&Sample) -> Asked,
) -> Row {
    Row::new(method, route, Needs::Role(permission), foreign, ask)
}

fn body(path: impl Into<String>, media_type: &'static str, bytes: Vec<u8>) -> Asked {
    Asked { path: path.into(), sent: Sent::Body { media_type, bytes } }
}

pub(super) fn json_body(path: impl Into<String>, value: &Value) -> Asked {
    body(path, "application/json", value.to_string().into_bytes())
}

pub(super) fn of_tenant(sample: &Sample, rest: &str) -> String {
    format!("/api/v1/tenants/{}{rest}", sample.tenant)
}

/// Every route of the API. One that is served needs a row here.
pub(super) fn api() -> Vec<Row> {
    [events(), catalogue(), links(), audit(), people()].into_iter().flatten().collect()
}

fn events() -> Vec<Row> {
    use Permission::{PublishEvents, ViewEventStatus};
    vec![
        row(Method::GET, "/api/v1/events", ViewEventStatus, Foreign::NotThere, |sample| {
            get(format!("/api/v1/events?source={SOURCE}&id=sent-{}", sample.tenant))
        }),
        row(Method::POST, "/api/v1/events", PublishEvents, Foreign::NotThere, |sample| {
            let event = numbered(sample.tenant.as_str(), "forged").to_string();
            body("/api/v1/events", "application/cloudevents+json", event.into_bytes())
        }),
    ]
}

fn catalogue() -> Vec<Row> {
    use Permission::{ChangeSettings, ViewCustomers, ViewSettings, ViewTenants, WriteCustomers, WriteTenants};
    let (tenant, logo) = ("/api/v1/tenants/{tenant_id}", "/api/v1/tenants/{tenant_id}/logo");
    let settings = "/api/v1/tenants/{tenant_id}/settings";
    let customer = "/api/v1/tenants/{tenant_id}/customers/{customer_id}";
    vec![
        row(Method::GET, tenant, ViewTenants, Foreign::NotThere, |sample| get(of_tenant(sample, ""))),
        row(Method::PUT, tenant, WriteTenants, Foreign::NotThere, |sample| {
            let sender = json!({ "name": "eve", "address": "eve@evil.example" });
            let tenant =
                json!({ "name": "eve", "locale": "de-DE", "sender": sender, "settings": portal_settings("include") });
            json_body(of_tenant(sample, ""), &tenant)
        }),
        row(Method::GET, logo, ViewTenants, Foreign::NotThere, |sample| get(of_tenant(sample, "/logo"))),
        row(Method::PUT, logo, WriteTenants, Foreign::NotThere, |sample| {
            body(of_tenant(sample, "/logo"), "image/png", STANDARD.decode(LOGO).expect("base64"))
        }),
        row(Method::DELETE, logo, WriteTenants, Foreign::NotThere, |sample| get(of_tenant(sample, "/logo"))),
        row(Method::GET, settings, ViewSettings, Foreign::NotThere, |sample| get(of_tenant(sample, "/settings"))),
        row(Method::PUT, settings, ChangeSettings, Foreign::NotThere, |sample| {
            json_body(of_tenant(sample, "/settings"), &portal_settings("include"))
        }),
        row(Method::GET, customer, ViewCustomers, Foreign::NotThere, |sample| get(of_tenant(sample, "/customers/C-1"))),
        row(Method::PUT, customer, WriteCustomers, Foreign::NotThere, |sample| {
            let customer = json!({ "type": "private", "name": "Eve", "address": "eve@evil.example" });
            json_body(of_tenant(sample, "/customers/C-1"), &customer)
        }),
    ]
}

pub(super) fn portal_settings(attachments: &str) -> Value {
    let portal = json!({ "level": "sensitive", "primary": "postcode_house_number" });
    json!({ "sensitive_attachments": attachments, "portal_authentication": portal })
}

fn links() -> Vec<Row> {
    use Permission::{LiftLocks, RevokeLinks, ViewInvoices};
    vec![
        row(Method::GET, "/api/v1/links", ViewInvoices, Foreign::Nothing, |sample| {
            get(format!("/api/v1/links?tenant_id={}", sample.tenant))
        }),
        row(Method::POST, "/api/v1/links/find", ViewInvoices, Foreign::Nothing, |sample| {
            json_body("/api/v1/links/find", &json!({ "tenant_id": sample.tenant }))
        }),
        row(Method::POST, "/api/v1/links/revoke", RevokeLinks, Foreign::Nothing, |sample| {
            json_body("/api/v1/links/revoke", &json!({ "tenant_id": sample.tenant, "reason": "forged" }))
        }),
        row(Method::GET, "/api/v1/portal-locks", ViewInvoices, Foreign::Nothing, |sample| {
            get(format!("/api/v1/portal-locks?tenant_id={}", sample.tenant))
        }),
        row(Method::POST, "/api/v1/portal-locks/lift", LiftLocks, Foreign::NotThere, |sample| {
            let lift = json!({ "tenant_id": sample.tenant, "customer_id": "C-1", "reason": "forged" });
            json_body("/api/v1/portal-locks/lift", &lift)
        }),
    ]
}

fn audit() -> Vec<Row> {
    use Permission::{ExportAudit, ViewAudit};
    vec![
        row(Method::GET, "/api/v1/audit", ViewAudit, Foreign::Nothing, |sample| {
            get(format!("/api/v1/audit?tenant_id={}", sample.tenant))
        }),
        row(Method::GET, "/api/v1/audit.csv", ExportAudit, Foreign::Nothing, |sample| {
            get(format!("/api/v1/audit.csv?tenant_id={}", sample.tenant))
        }),
    ]
}
