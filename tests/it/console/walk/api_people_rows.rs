//! The routes of the API by which people look after invoices, tenants, settings, operators and tokens.

use invoice_dispatcher::policy::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use super::api_rows::{json_body, of_tenant, portal_settings, row};
use super::rows::{Asked, Foreign, Needs, Row, Sent, get};
use super::world::Sample;

/// Each of them.
pub(super) fn people() -> Vec<Row> {
    let me = Row::new(Method::GET, "/api/v1/me", Needs::SignIn, Foreign::Never, |_| get("/api/v1/me"));
    [vec![me], lists(), invoices(), acts(), tenants(), operators(), tokens()].into_iter().flatten().collect()
}

/// A request without a body.
fn bare(path: impl Into<String>) -> Asked {
    Asked { path: path.into(), sent: Sent::Nothing }
}

fn because(path: impl Into<String>) -> Asked {
    json_body(path, &json!({ "reason": "forged" }))
}

fn of_delivery(delivery: impl std::fmt::Display, rest: &str) -> String {
    format!("/api/v1/deliveries/{delivery}{rest}")
}

fn of_operator(sample: &Sample, rest: &str) -> String {
    format!("/api/v1/operators/{}{rest}", sample.operator)
}

fn lists() -> Vec<Row> {
    use Permission::{ExportInvoices, ViewInvoices, ViewTenants};
    let list = |route, permission, ask| row(Method::GET, route, permission, Foreign::Nothing, ask);
    vec![
        list("/api/v1/work-list", ViewInvoices, |sample| get(format!("/api/v1/work-list?tenant_id={}", sample.tenant))),
        list("/api/v1/invoices", ViewInvoices, |_| get("/api/v1/invoices?q=R-only")),
        list("/api/v1/invoices.csv", ExportInvoices, |_| get("/api/v1/invoices.csv?q=R-only")),
        list("/api/v1/tenants", ViewTenants, |_| get("/api/v1/tenants")),
    ]
}

fn invoices() -> Vec<Row> {
    use Permission::{ReadPersonalData, ViewInvoices};
    let page = |route, permission, ask| row(Method::GET, route, permission, Foreign::NotThere, ask);
    vec![
        page("/api/v1/deliveries/{delivery_id}", ViewInvoices, |sample| get(of_delivery(sample.sent, ""))),
        page("/api/v1/tenants/{tenant_id}/invoices/{number}", ViewInvoices, |sample| {
            get(of_tenant(sample, "/invoices/R-sent"))
        }),
        // The samples' messages were never composed, and cannot be rebuilt.
        Row {
            can_be_shown: false,
            ..page("/api/v1/deliveries/{delivery_id}/mail", ReadPersonalData, |sample| {
                get(of_delivery(sample.sent, "/mail"))
            })
        },
    ]
}

fn acts() -> Vec<Row> {
    use Permission::{Acknowledge, Cancel, Conclude, Resend, RevokeLinks};
    let act = |route, permission, ask| row(Method::POST, route, permission, Foreign::NotThere, ask);
    vec![
        act("/api/v1/deliveries/{delivery_id}/acknowledge", Acknowledge, |sample| {
            bare(of_delivery(sample.rejected, "/acknowledge"))
        }),
        act("/api/v1/deliveries/{delivery_id}/send-now", Cancel, |sample| bare(of_delivery(sample.due, "/send-now"))),
        act("/api/v1/deliveries/{delivery_id}/cancel", Cancel, |sample| because(of_delivery(sample.due, "/cancel"))),
        act("/api/v1/deliveries/{delivery_id}/mark-sent", Conclude, |sample| {
            because(of_delivery(sample.uncertain, "/mark-sent"))
        }),
        act("/api/v1/deliveries/{delivery_id}/revoke-links", RevokeLinks, |sample| {
            because(of_delivery(sample.sent, "/revoke-links"))
        }),
        act("/api/v1/deliveries/{delivery_id}/resend", Resend, |sample| because(of_delivery(sample.sent, "/resend"))),
        act("/api/v1/deliveries/{delivery_id}/resend/plan", Resend, |sample| {
            json_body(of_delivery(sample.sent, "/resend/plan"), &json!({}))
        }),
    ]
}

fn tenants() -> Vec<Row> {
    use Permission::{ChangeSettings, PauseTenant, ViewSettings};
    let act = |route, permission, ask| row(Method::POST, route, permission, Foreign::NotThere, ask);
    let versions = "/api/v1/tenants/{tenant_id}/settings/versions";
    vec![
        act("/api/v1/tenants/{tenant_id}/pause", PauseTenant, |sample| because(of_tenant(sample, "/pause"))),
        act("/api/v1/tenants/{tenant_id}/resume", PauseTenant, |sample| bare(of_tenant(sample, "/resume"))),
        row(Method::GET, versions, ViewSettings, Foreign::NotThere, |sample| {
            get(of_tenant(sample, "/settings/versions"))
        }),
        act("/api/v1/tenants/{tenant_id}/settings/preview", ViewSettings, |sample| {
            json_body(of_tenant(sample, "/settings/preview"), &portal_settings("include"))
        }),
        act("/api/v1/tenants/{tenant_id}/settings/restore", ChangeSettings, |sample| {
            json_body(of_tenant(sample, "/settings/restore"), &json!({ "version": 1 }))
        }),
    ]
}

fn admin() -> Value {
    json!({ "address": "eve@acme.example", "role": "admin" })
}

fn operators() -> Vec<Row> {
    let shared = |method, route, ask| row(method, route, Permission::ManageOperators, Foreign::Never, ask);
    let (all, one) = ("/api/v1/operators", "/api/v1/operators/{operator_id}");
    vec![
        shared(Method::GET, all, |_| get("/api/v1/operators")),
        shared(Method::POST, all, |_| json_body("/api/v1/operators", &admin())),
        shared(Method::GET, one, |sample| get(of_operator(sample, ""))),
        shared(Method::PUT, one, |sample| json_body(of_operator(sample, ""), &json!({ "role": "admin" }))),
        shared(Method::POST, "/api/v1/operators/{operator_id}/invite", |sample| bare(of_operator(sample, "/invite"))),
        shared(Method::POST, "/api/v1/operators/{operator_id}/reset-totp", |sample| {
            bare(of_operator(sample, "/reset-totp"))
        }),
        shared(Method::POST, "/api/v1/operators/{operator_id}/disable", |sample| bare(of_operator(sample, "/disable"))),
        shared(Method::POST, "/api/v1/operators/{operator_id}/enable", |sample| bare(of_operator(sample, "/enable"))),
    ]
}

fn tokens() -> Vec<Row> {
    let shared = |method, route, ask| row(method, route, Permission::ManageTokens, Foreign::Never, ask);
    vec![
        shared(Method::GET, "/api/v1/tokens", |_| get("/api/v1/tokens")),
        shared(Method::POST, "/api/v1/tokens", |_| {
            json_body("/api/v1/tokens", &json!({ "name": "eve's own", "role": "admin" }))
        }),
        shared(Method::POST, "/api/v1/tokens/{token_id}/revoke", |sample| {
            bare(format!("/api/v1/tokens/{}/revoke", sample.token))
        }),
    ]
}
