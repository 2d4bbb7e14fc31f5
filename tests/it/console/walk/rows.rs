//! The routes of the console, and how each is asked for something of a tenant.

use invoice_dispatcher::policy::permission::Permission;
use reqwest::Method;

use super::world::Sample;

/// One route and method.
pub(super) struct Row {
    pub(super) method: Method,
    /// As the router names it.
    pub(super) route: &'static str,
    pub(super) needs: Needs,
    pub(super) foreign: Foreign,
    /// The request for something of this tenant; right but for who sends it.
    pub(super) ask: fn(&Sample) -> Asked,
    /// It answers whoever may ask; not where it needs more than the samples have.
    pub(super) can_be_shown: bool,
    /// A list names what is in it.
    pub(super) names_things: bool,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.route)
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Somebody with a role that has it.
    Role(Permission),
    /// Whoever has signed in, about themselves.
    SignIn,
    Nothing,
}

/// What somebody gets who may ask, for something of a tenant that is not theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// 404, as for what nobody has.
    NotThere,
    /// An answer without anything of that tenant, which changes nothing of it.
    Nothing,
    /// There is none: it is of the whole installation, or of whoever asks.
    Never,
}

/// A request.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) sent: Sent,
}

/// What a request has in its body.
pub(super) enum Sent {
    Nothing,
    /// The form token is added to it.
    Form(Vec<(&'static str, String)>),
    Body {
        media_type: &'static str,
        bytes: Vec<u8>,
    },
}

impl Row {
    pub(super) fn new(
        method: Method,
        route: &'static str,
        needs: Needs,
        foreign: Foreign,
        ask: fn(&Sample) -> Asked,
    ) -> Self {
        Self { method, route, needs, foreign, ask, can_be_shown: true, names_things: true }
    }

    /// Something of a tenant is read.
    fn page(route: &'static str, permission: Permission, ask: fn(&Sample) -> Asked) -> Self {
        Self::new(Method::GET, route, Needs::Role(permission), Foreign::NotThere, ask)
    }

    /// A list over tenants.
    fn list(route: &'static str, permission: Permission, ask: fn(&Sample) -> Asked) -> Self {
        Self::new(Method::GET, route, Needs::Role(permission), Foreign::Nothing, ask)
    }

    /// Something of a tenant is changed.
    fn form(route: &'static str, permission: Permission, ask: fn(&Sample) -> Asked) -> Self {
        Self::new(Method::POST, route, Needs::Role(permission), Foreign::NotThere, ask)
    }

    /// Something of the installation is read or changed.
    fn shared(method: Method, route: &'static str, permission: Permission, ask: fn(&Sample) -> Asked) -> Self {
        Self::new(method, route, Needs::Role(permission), Foreign::Never, ask)
    }

    /// Somebody's own account.
    fn own(method: Method, route: &'static str, ask: fn(&Sample) -> Asked) -> Self {
        Self::new(method, route, Needs::SignIn, Foreign::Never, ask)
    }

    /// The way in.
    fn entrance(method: Method, route: &'static str) -> Self {
        Self::new(method, route, Needs::Nothing, Foreign::Never, |_| get("/sign-in"))
    }
}

pub(super) fn get(path: impl Into<String>) -> Asked {
    Asked { path: path.into(), sent: Sent::Nothing }
}

fn post(path: impl Into<String>, fields: &[(&'static str, &str)]) -> Asked {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Asked { path: path.into(), sent: Sent::Form(fields) }
}

/// The form of an act upon a delivery, with the reason that most of them want.
fn act(delivery: impl std::fmt::Display, what: &str) -> Asked {
    post(format!("/deliveries/{delivery}/{what}"), &[("reason", "forged")])
}

/// Every route of the console.
pub(super) fn console() -> Vec<Row> {
    [entrance(), own(), invoices(), customers_and_tenants(), settings(), installation()].into_iter().flatten().collect()
}

fn entrance() -> Vec<Row> {
    [
        (Method::GET, "/sign-in"),
        (Method::POST, "/sign-in"),
        (Method::GET, "/sign-in/code"),
        (Method::POST, "/sign-in/code"),
        (Method::GET, "/invitation/{token}"),
        (Method::POST, "/invitation/{token}"),
        (Method::POST, "/language"),
        // What a frame without cookies loads; it is found by its digest alone.
        (Method::GET, "/logo/{sha256}"),
    ]
    .map(|(method, route)| Row::entrance(method, route))
    .into()
}

fn own() -> Vec<Row> {
    vec![
        Row::own(Method::GET, "/account", |_| get("/account")),
        Row::own(Method::GET, "/account/totp", |_| get("/account/totp")),
        Row::own(Method::POST, "/account/totp", |_| post("/account/totp", &[("code", "000000")])),
        Row::own(Method::POST, "/account/password", |_| post("/account/password", &[("current", "a guess")])),
        Row::own(Method::POST, "/account/recovery-codes", |_| post("/account/recovery-codes", &[("code", "000000")])),
        Row::own(Method::POST, "/account/sessions/{session}/end", |sample| {
            post(format!("/account/sessions/{}/end", sample.session), &[])
        }),
        Row::own(Method::POST, "/account/sessions/end-others", |_| post("/account/sessions/end-others", &[])),
        Row::own(Method::POST, "/sign-out", |_| post("/sign-out", &[])),
    ]
}

fn invoices() -> Vec<Row> {
    use Permission::{
        Acknowledge, Cancel, Conclude, ExportInvoices, LiftLocks, ReadPersonalData, Resend, RevokeLinks, ViewInvoices,
    };
    vec![
        Row::list("/", ViewInvoices, |sample| get(format!("/?tenant={}", sample.tenant))),
        Row {
            names_things: false,
            ..Row::list("/work-list/news", ViewInvoices, |sample| {
                get(format!("/work-list/news?since=2020-01-01T00:00:00Z&tenant={}", sample.tenant))
            })
        },
        Row::list("/search", ViewInvoices, |_| get("/search?q=R-only")),
        Row::list("/search.csv", ExportInvoices, |_| get("/search.csv?q=R-only")),
        Row::page("/invoices", ViewInvoices, |sample| get(format!("/invoices?tenant={}&number=R-sent", sample.tenant))),
        Row::page("/deliveries/{id}", ViewInvoices, |sample| get(format!("/deliveries/{}", sample.sent))),
        // The samples' messages were never composed, and cannot be rebuilt.
        Row {
            can_be_shown: false,
            ..Row::page("/deliveries/{id}/mail", ReadPersonalData, |sample| {
                get(format!("/deliveries/{}/mail", sample.sent))
            })
        },
        Row {
            can_be_shown: false,
            ..Row::page("/deliveries/{id}/mail/html", ReadPersonalData, |sample| {
                get(format!("/deliveries/{}/mail/html", sample.sent))
            })
        },
        Row::form("/deliveries/{id}/acknowledge", Acknowledge, |sample| act(sample.rejected, "acknowledge")),
        Row::form("/deliveries/{id}/send-now", Cancel, |sample| act(sample.due, "send-now")),
        Row::form("/deliveries/{id}/cancel", Cancel, |sample| act(sample.due, "cancel")),
        Row::form("/deliveries/{id}/mark-sent", Conclude, |sample| act(sample.uncertain, "mark-sent")),
        Row::form("/deliveries/{id}/revoke-links", RevokeLinks, |sample| act(sample.sent, "revoke-links")),
        Row::form("/deliveries/{id}/lift-lock", LiftLocks, |sample| act(sample.sent, "lift-lock")),
        Row::page("/resend", Resend, |sample| get(format!("/resend?delivery={}", sample.sent))),
        Row::form("/resend", Resend, |sample| {
            post("/resend", &[("delivery", &sample.sent.to_string()), ("reason", "forged")])
        }),
    ]
}

fn customers_and_tenants() -> Vec<Row> {
    use Permission::{PauseTenant, ViewCustomers, ViewTenants};
    vec![
        Row::page("/customers/{tenant}/{customer}", ViewCustomers, |sample| {
            get(format!("/customers/{}/C-1", sample.tenant))
        }),
        Row::list("/tenants", ViewTenants, |_| get("/tenants")),
        Row::page("/tenants/{tenant}", ViewTenants, |sample| get(format!("/tenants/{}", sample.tenant))),
        Row::form("/tenants/{tenant}/pause", PauseTenant, |sample| {
            post(format!("/tenants/{}/pause", sample.tenant), &[("reason", "forged")])
        }),
        Row::form("/tenants/{tenant}/resume", PauseTenant, |sample| {
            post(format!("/tenants/{}/resume", sample.tenant), &[])
        }),
    ]
}

/// The fields of a choice of settings.
fn choice(path: &str, sample: &Sample) -> Asked {
    let fields = [
        ("tenant", sample.tenant.as_str()),
        ("version", "1"),
        ("restore", "1"),
        ("level", "not_required"),
        ("primary", "postcode_house_number"),
        ("attachments", "include"),
        ("reason", "forged"),
    ];
    post(path, &fields)
}

fn settings() -> Vec<Row> {
    use Permission::{ChangeSettings, ViewSettings};
    let of = |path: &'static str, ask: fn(&Sample) -> Asked| Row::page(path, ViewSettings, ask);
    vec![
        of("/settings/portal", |sample| get(format!("/settings/portal?tenant={}", sample.tenant))),
        of("/settings/portal/mail", |sample| get(format!("/settings/portal/mail?tenant={}", sample.tenant))),
        of("/settings/portal/mail/html", |sample| get(format!("/settings/portal/mail/html?tenant={}", sample.tenant))),
        of("/settings/portal/page", |sample| get(format!("/settings/portal/page?tenant={}", sample.tenant))),
        Row::form("/settings/portal", ChangeSettings, |sample| choice("/settings/portal", sample)),
        Row::form("/settings/portal/restore", ChangeSettings, |sample| choice("/settings/portal/restore", sample)),
        // The walk has no relay.
        Row {
            can_be_shown: false,
            ..Row::form("/settings/portal/test", ChangeSettings, |sample| choice("/settings/portal/test", sample))
        },
    ]
}

/// An act upon an operator.
fn of_operator(route: &'static str, ask: fn(&Sample) -> Asked) -> Row {
    Row::shared(Method::POST, route, Permission::ManageOperators, ask)
}

fn installation() -> Vec<Row> {
    use Permission::{ExportAudit, ManageOperators, ManageTokens, ViewAudit};
    vec![
        Row::list("/audit", ViewAudit, |sample| get(format!("/audit?tenant={}", sample.tenant))),
        Row::list("/audit.csv", ExportAudit, |sample| get(format!("/audit.csv?tenant={}", sample.tenant))),
        Row::shared(Method::GET, "/operators", ManageOperators, |_| get("/operators")),
        of_operator("/operators", |_| post("/operators", &[("email", "eve@acme.example"), ("role", "admin")])),
        of_operator("/operators/{id}", |sample| {
            post(format!("/operators/{}", sample.operator), &[("role", "admin"), ("tenants", "")])
        }),
        of_operator("/operators/{id}/invite", |sample| post(format!("/operators/{}/invite", sample.operator), &[])),
        of_operator("/operators/{id}/reset-totp", |sample| {
            post(format!("/operators/{}/reset-totp", sample.operator), &[])
        }),
        of_operator("/operators/{id}/disable", |sample| post(format!("/operators/{}/disable", sample.operator), &[])),
        of_operator("/operators/{id}/enable", |sample| post(format!("/operators/{}/enable", sample.operator), &[])),
        Row::shared(Method::GET, "/tokens", ManageTokens, |_| get("/tokens")),
        Row::shared(Method::POST, "/tokens", ManageTokens, |_| {
            post("/tokens", &[("name", "eve"), ("role", "admin"), ("tenants", "")])
        }),
        Row::shared(Method::POST, "/tokens/{id}/revoke", ManageTokens, |sample| {
            post(format!("/tokens/{}/revoke", sample.token), &[])
        }),
    ]
}
