//! The pages of tenants, settings and the audit log, with sample data.

use std::time::Duration;

use axum::response::Response;

use super::format::encoded;
use super::sample::{ConsoleSample, now};
use super::samples_of_invoices::invoice_rows;
use super::*;
use crate::console::language::ConsoleLanguage;
use crate::model::audit::AuditAction;
use crate::model::customer::CustomerType;
use crate::model::settings::{
    InvalidSettings, PortalAuthentication, PortalLevel, SensitiveAttachments, Settings, VerificationMethod,
};
use crate::model::state::Decision;
use crate::model::work::WorkKind;
use crate::policy::decision::PortalAccess;

pub(super) fn settings_pages(sample: &ConsoleSample, language: ConsoleLanguage) -> Vec<(&'static str, Response)> {
    let settings = |draft, problem, what_if| portal(sample, language, draft, problem, what_if);
    let meanwhile = Some(SettingsProblem::ChangedMeanwhile);
    let refused = Some(SettingsProblem::Test(TestProblem::Refused));
    let invalid = Some(SettingsProblem::Invalid(InvalidSettings::PrimaryMissing));
    vec![
        ("settings", settings(chosen(PortalLevel::SensitiveForPrivate), None, WhatIfAnswer::NotAsked)),
        ("settings-draft", settings(chosen(PortalLevel::Inaccessible), None, WhatIfAnswer::Compared(changed()))),
        ("settings-as-before", settings(chosen(PortalLevel::Sensitive), None, WhatIfAnswer::Compared(none_changed()))),
        ("settings-invalid", settings(chosen(PortalLevel::EveryPage), invalid, WhatIfAnswer::NotAsked)),
        ("settings-meanwhile", settings(chosen(PortalLevel::NotRequired), meanwhile, WhatIfAnswer::Busy)),
        ("settings-test-refused", settings(chosen(PortalLevel::Sensitive), refused, WhatIfAnswer::Busy)),
        ("settings-choice", choice(sample, language, false)),
        ("settings-choice-none", choice(sample, language, true)),
        ("settings-mail", mail(sample, language, true)),
        ("settings-mail-none", mail(sample, language, false)),
        ("tenants", tenant_list(sample, language, false)),
        ("tenants-none", tenant_list(sample, language, true)),
        ("tenant", one_tenant(sample, language, false)),
        ("tenant-paused", one_tenant(sample, language, true)),
        ("audit", audit_log(sample, language, false)),
        ("audit-none", audit_log(sample, language, true)),
    ]
}

fn chosen(level: PortalLevel) -> Settings {
    let primary = level.verifies().then_some(VerificationMethod::SmsOtp);
    let secondary = level.verifies().then_some(VerificationMethod::PostcodeHouseNumber);
    Settings {
        sensitive_attachments: SensitiveAttachments::ExcludeForPrivate,
        portal_authentication: PortalAuthentication { level, primary, secondary },
    }
}

fn none_changed() -> WhatIf {
    WhatIf { deliveries: 18_204, days: 30, ..WhatIf::default() }
}

fn changed() -> WhatIf {
    WhatIf {
        to_link: 8_120,
        to_attach: 3,
        not_sent: 41,
        now_sent: 7,
        stricter: 9_990,
        looser: 12,
        undecided: 2,
        ..none_changed()
    }
}

fn some_warnings() -> Vec<SettingsWarning> {
    vec![SettingsWarning::MethodUnusable { method: VerificationMethod::SmsOtp, customers: 312 }]
}

fn all_warnings() -> Vec<SettingsWarning> {
    let others = [
        SettingsWarning::AttachedThoughGated,
        SettingsWarning::DocumentsNowhere,
        SettingsWarning::NotTransmitted,
        SettingsWarning::NotRequired,
        SettingsWarning::NoSmsProvider,
    ];
    some_warnings().into_iter().chain(others).collect()
}

fn portal(
    sample: &ConsoleSample,
    language: ConsoleLanguage,
    draft: Settings,
    problem: Option<SettingsProblem>,
    what_if: WhatIfAnswer,
) -> Response {
    let tenants = [sample.tenant(), TenantName { id: "seestadt".to_owned(), name: sample.text("Seestadt Wasser") }];
    let row = |customer_type, mail, access| ConsequenceRow { customer_type, mail, access };
    let unverifiable = if let WhatIfAnswer::Compared(what_if) = what_if { what_if.not_sent } else { 0 };
    let foreseen = ForeseenSettings {
        consequences: vec![
            row(Some(CustomerType::Private), Some(Decision::Link), PortalAccess::Verified),
            row(Some(CustomerType::Business), Some(Decision::Attach), PortalAccess::Open),
            row(None, None, PortalAccess::Verified),
        ],
        customers: 5_210,
        unverifiable,
        warnings: if draft.portal_authentication.level.verifies() { some_warnings() } else { all_warnings() },
        what_if,
    };
    let version = |version: u32, level, by: Option<&str>| SettingsVersionRow {
        version: i64::from(version),
        settings: chosen(level),
        at: now().minus(Duration::from_hours(24 * u64::from(5 - version))),
        by: by.map(|by| sample.text(by)),
        reason: by.map(|_| sample.text("Agreed with the data protection officer")),
    };
    let versions = [
        version(4, PortalLevel::SensitiveForPrivate, Some("admin@nordlicht.example")),
        version(3, PortalLevel::EveryPage, Some("office@nordlicht.example")),
        version(1, PortalLevel::NotRequired, None),
    ];
    let (reason, address) = (sample.text(""), sample.text("admin@nordlicht.example"));
    let reply = sample.text("550 5.7.1 no test messages, please");
    let previews =
        SettingsPreviews { query: query(sample), has_mail: draft != chosen(PortalLevel::NotRequired), verifies: true };
    let page = PortalSettingsPage {
        tenant: &tenants[0],
        tenants: &tenants,
        saved: chosen(PortalLevel::SensitiveForPrivate),
        version: 4,
        draft,
        foreseen: (!matches!(problem, Some(SettingsProblem::Invalid(_)))).then_some(&foreseen),
        problem,
        reply: matches!(problem, Some(SettingsProblem::Test(_))).then_some(reply.as_str()),
        reason: &reason,
        versions: &versions,
        previews: (!matches!(problem, Some(SettingsProblem::Invalid(_)))).then_some(&previews),
        test_address: Some(&address),
    };
    portal_settings(&sample.layout(language, "/settings/portal?tenant=nordlicht"), &page)
}

/// Tenant and choice, as handlers write them.
fn query(sample: &ConsoleSample) -> String {
    format!("tenant={}&level=sensitive&primary=sms_otp&secondary=&attachments=exclude", encoded(&sample.tenant().id))
}

fn choice(sample: &ConsoleSample, language: ConsoleLanguage, is_empty: bool) -> Response {
    let tenants = [sample.tenant(), TenantName { id: "seestadt".to_owned(), name: sample.text("Seestadt Wasser") }];
    let tenants = if is_empty { &tenants[..0] } else { &tenants[..] };
    let page = TenantChoicePage { tenants, next: (!is_empty).then_some("seestadt") };
    tenant_choice(&sample.layout(language, "/settings/portal"), &page)
}

fn mail(sample: &ConsoleSample, language: ConsoleLanguage, is_sent: bool) -> Response {
    let document =
        DocumentFact { name: sample.text("TEST-0042.pdf"), media_type: "application/pdf".to_owned(), size_bytes: 612 };
    let mail = SampleMail {
        from: sample.text("Nordlicht Energie <rechnung@nordlicht.example>"),
        subject: sample.text("Rechnung TEST-0042"),
        text: sample.text("Guten Tag"),
        attachments: vec![document],
    };
    let (tenant, query, address) = (sample.tenant(), query(sample), sample.text("admin@nordlicht.example"));
    let page = SettingsMailPage {
        tenant: &tenant,
        query: &query,
        customer_type: CustomerType::Business,
        mail: is_sent.then_some(&mail),
        fields: &[("tenant", tenant.id.clone()), ("level", "sensitive".to_owned())],
        test_address: Some(&address),
    };
    settings_mail(&sample.layout(language, "/settings/portal/mail?tenant=nordlicht"), &page)
}

fn tenant_list(sample: &ConsoleSample, language: ConsoleLanguage, is_empty: bool) -> Response {
    let row = |id: &str, name: &str, is_paused: bool, open_work| TenantListRow {
        id: sample.text(id),
        name: sample.text(name),
        sender: sample.text(&format!("rechnung@{id}.example")),
        paused: is_paused.then(|| paused(sample)),
        last_sent_at: (open_work != 0).then(now),
        due: 1_204,
        open_work,
    };
    let rows = [
        row("nordlicht", "Nordlicht Energie", false, 7),
        row("seestadt", "Seestadt Wasser", true, 1),
        row("tulp", "Tulp Telecom", false, 0),
    ];
    let rows = if is_empty { &rows[..0] } else { &rows[..] };
    tenants(&sample.layout(language, "/tenants"), &TenantsPage { rows, next: (!is_empty).then_some("tulp") })
}

fn paused(sample: &ConsoleSample) -> PausedTenant {
    PausedTenant { since: now(), by: sample.text("operations@nordlicht.example"), reason: sample.text("Wrong prices") }
}

fn one_tenant(sample: &ConsoleSample, language: ConsoleLanguage, is_paused: bool) -> Response {
    let TenantName { id, name } = sample.tenant();
    let address = sample.text("rechnung@nordlicht.example");
    let recent = invoice_rows(sample);
    let page = TenantPage {
        id: &id,
        name: &name,
        sender_name: &name,
        sender_address: &address,
        reply_to: Some(&address),
        bounce_address: None,
        locale: "de-DE",
        time_zone: Some("Europe/Berlin"),
        relay: "default",
        paused: is_paused.then(|| paused(sample)),
        sender_held: is_paused.then_some(&address),
        settings: chosen(PortalLevel::Sensitive),
        settings_version: 4,
        counts: &[(WorkKind::Rejected, 3), (WorkKind::Expired, 0)],
        due: 1_204,
        recent: if is_paused { &[] } else { &recent },
    };
    tenant(&sample.layout(language, "/tenants/nordlicht"), &page)
}

fn audit_log(sample: &ConsoleSample, language: ConsoleLanguage, is_empty: bool) -> Response {
    let row = |id: u32, how: &str, action, changes, is_erased: bool| AuditRow {
        id: i64::from(id),
        at: now().minus(Duration::from_mins(u64::from(7 * id))),
        who: sample.text("admin@nordlicht.example"),
        how: how.to_owned(),
        action,
        about: (!is_erased).then(|| sample.text("NE-1049")),
        tenant: Some(sample.text("nordlicht")),
        reason: (!is_erased).then(|| sample.text("The customer gave a new address on the phone")),
        network: Some("192.0.2.0/24".to_owned()),
        changes,
        is_erased,
    };
    let change = |was: Option<&str>, is: Option<&str>| AuditChange {
        what: sample.text("level"),
        was: was.map(|was| sample.text(was)),
        is: is.map(|is| sample.text(is)),
    };
    let changes = vec![change(Some("sensitive"), Some("every_page")), change(None, Some("x")), change(Some("y"), None)];
    let rows = [
        row(1, "operator", AuditAction::InvoiceResent, Vec::new(), false),
        row(2, "operator", AuditAction::SettingsChanged, changes, false),
        row(3, "token", AuditAction::SignInFailed, Vec::new(), false),
        row(4, "command_line", AuditAction::InvoiceViewed, Vec::new(), true),
    ];
    let text = sample.text("");
    let filter = AuditFilter {
        who: &text,
        action: "invoice_resent",
        tenant: &text,
        about: &text,
        since: "2026-11-01",
        until: "",
    };
    let page = AuditPage { filter, rows: if is_empty { &[] } else { &rows }, next: (!is_empty).then_some("4") };
    audit(&sample.layout(language, "/audit?action=invoice_resent"), &page)
}
