//! What each role may do with invoices, tenants, settings and people is what the table of permissions says; who may not, or
//! not with this tenant, changes nothing.

use invoice_dispatcher::model::access::{Principal, Role, TenantScope};
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::policy::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};
use strum::VariantArray as _;

use super::desk::{ApiDesk, Program};
use super::support::{Answer, send};
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(whoever_may_not_is_refused_and_changes_nothing);

/// What is asked of whom.
struct Asked {
    method: Method,
    path: String,
    body: Option<Value>,
    needed: Permission,
    /// A list: what is another tenant's is left out of it, instead of a 404.
    is_list: bool,
}

/// A rejected delivery of acme.
async fn routes(desk: &ApiDesk) -> Vec<Asked> {
    use Permission as May;
    let delivery = desk.send_to("a", "refuse-550-5.1.1@customer.example").await;
    let (id, _) = desk.console.person("somebody@acme.example", Role::Viewer).await;
    let reason = || Some(json!({ "reason": "forged" }));
    let of_delivery = |act: &str| format!("/api/v1/deliveries/{delivery}/{act}");
    let tenant = |act: &str| format!("/api/v1/tenants/acme/{act}");
    let person = |act: &str| format!("/api/v1/operators/{id}/{act}");
    let settings = json!({ "sensitive_attachments": "include", "portal_authentication": { "level": "not_required" } });
    let get = |path: String, needed, is_list| Asked { method: Method::GET, path, body: None, needed, is_list };
    let post = |path: String, body, needed| Asked { method: Method::POST, path, body, needed, is_list: false };
    let (operators, tokens) = ("/api/v1/operators".to_owned(), "/api/v1/tokens".to_owned());
    let new_operator = json!({ "address": "forged@acme.example", "role": "admin" });
    vec![
        get("/api/v1/work-list".to_owned(), May::ViewInvoices, true),
        get("/api/v1/invoices?q=R-".to_owned(), May::ViewInvoices, true),
        get("/api/v1/invoices.csv?q=R-".to_owned(), May::ExportInvoices, true),
        get("/api/v1/tenants".to_owned(), May::ViewTenants, true),
        get(format!("/api/v1/deliveries/{delivery}"), May::ViewInvoices, false),
        get(tenant("invoices/R-a"), May::ViewInvoices, false),
        get(of_delivery("mail"), May::ReadPersonalData, false),
        post(of_delivery("acknowledge"), None, May::Acknowledge),
        post(of_delivery("send-now"), None, May::Cancel),
        post(of_delivery("cancel"), reason(), May::Cancel),
        post(of_delivery("mark-sent"), reason(), May::Conclude),
        post(of_delivery("revoke-links"), reason(), May::RevokeLinks),
        post(of_delivery("resend/plan"), Some(json!({})), May::Resend),
        post(of_delivery("resend"), reason(), May::Resend),
        post(tenant("pause"), reason(), May::PauseTenant),
        post(tenant("resume"), None, May::PauseTenant),
        get(tenant("settings/versions"), May::ViewSettings, false),
        post(tenant("settings/preview"), Some(settings), May::ViewSettings),
        post(tenant("settings/restore"), Some(json!({ "version": 1 })), May::ChangeSettings),
        get(operators.clone(), May::ManageOperators, false),
        post(operators, Some(new_operator), May::ManageOperators),
        get(format!("/api/v1/operators/{id}"), May::ManageOperators, false),
        Asked {
            method: Method::PUT,
            path: format!("/api/v1/operators/{id}"),
            body: Some(json!({ "role": "admin" })),
            needed: May::ManageOperators,
            is_list: false,
        },
        post(person("invite"), None, May::ManageOperators),
        post(person("reset-totp"), None, May::ManageOperators),
        post(person("disable"), None, May::ManageOperators),
        post(person("enable"), None, May::ManageOperators),
        get(tokens.clone(), May::ManageTokens, false),
        post(tokens, Some(json!({ "name": "forged", "role": "admin" })), May::ManageTokens),
        post("/api/v1/tokens/00000000-0000-0000-0000-000000000000/revoke".to_owned(), None, May::ManageTokens),
    ]
}

async fn ask(program: &Program, asked: &Asked) -> Answer {
    let request = program.request(asked.method.clone(), &asked.path).header("if-match", "*");
    send(match &asked.body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// Everything that a request could change. That a list was exported is an entry; of whose rows, none.
async fn rows(desk: &ApiDesk) -> Vec<String> {
    let database = &desk.dispatcher.database;
    let mut rows = database
        .texts(
            "SELECT COALESCE(delivery.concluded, lane_entry.state) || COALESCE(delivery.acknowledged_by, '-')
             FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id ORDER BY delivery.id",
        )
        .await;
    for text in [
        "SELECT id || COALESCE(pause_reason, '-') FROM tenant ORDER BY id",
        "SELECT tenant_id || version FROM tenant_settings ORDER BY tenant_id",
        "SELECT address || role || COALESCE(CAST(disabled_at AS TEXT), '-') FROM operator ORDER BY address",
        "SELECT name || COALESCE(CAST(revoked_at AS TEXT), '-') FROM api_token ORDER BY name",
        "SELECT CAST(COUNT(*) AS TEXT) FROM portal_link WHERE revoked_at IS NOT NULL",
        "SELECT CAST(COUNT(*) AS TEXT) FROM operator_invitation",
        "SELECT CAST(COUNT(*) AS TEXT) FROM audit_entry WHERE action <> 'list_exported'",
    ] {
        rows.extend(database.texts(text).await);
    }
    rows
}

fn may(role: Role, scope: &TenantScope, needed: Permission) -> bool {
    Principal { role, scope: scope.clone(), ..Principal::command_line("test") }.may(needed)
}

async fn whoever_may_not_is_refused_and_changes_nothing(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    desk.dispatcher.add_tenant("beta", "include").await;
    let routes = routes(&desk).await;
    let beta = TenantScope::of([TenantId::from("beta")]);
    let mut programs = Vec::new();
    for role in Role::VARIANTS {
        programs.push((*role, beta.clone(), desk.program_of_beta(*role).await));
        if !role.needs_tenants() {
            programs.push((*role, TenantScope::All, desk.program(*role).await));
        }
    }
    let before = rows(&desk).await;
    for (role, scope, program) in &programs {
        for asked in &routes {
            let is_permitted = may(*role, scope, asked.needed);
            // What may be done to acme is done elsewhere.
            if is_permitted && scope.is_all() {
                continue;
            }
            let (answer, path) = (ask(program, asked).await, &asked.path);
            match (is_permitted, asked.is_list) {
                (false, _) => assert_eq!(answer.json["title"], "not permitted", "{role} {path}: {answer:?}"),
                (true, false) => {
                    answer.refusal(404);
                }
                (true, true) => {
                    assert_eq!(answer.status, 200, "{role} {path}: {answer:?}");
                    assert!(!answer.json.to_string().contains("acme"), "{role} {path}: {answer:?}");
                }
            }
        }
    }
    assert_eq!(rows(&desk).await, before);
    desk.end().await;
}
