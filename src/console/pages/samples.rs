//! Every page, with sample data and with hostile data.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::sample::{ConsoleSample, now};
use super::samples_of_invoices::invoice_pages;
use super::samples_of_settings::settings_pages;
use super::*;
use crate::console::language::ConsoleLanguage;
use crate::model::access::Role;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::work::WorkKind;

/// A rendered page.
pub(super) struct RenderedConsolePage {
    pub(super) name: &'static str,
    pub(super) language: ConsoleLanguage,
    pub(super) status: StatusCode,
    pub(super) html: String,
}

impl ConsoleSample {
    /// Every page in one language.
    pub(super) async fn pages(&self, language: ConsoleLanguage) -> Vec<RenderedConsolePage> {
        let mut pages = Vec::new();
        let mut all = self.entrance(language);
        all.extend(self.people(language));
        all.extend(self.lists(language));
        all.extend(invoice_pages(self, language));
        all.extend(settings_pages(self, language));
        all.extend(notices(language));
        for (name, response) in all {
            let status = response.status();
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{name}");
            let body = to_bytes(response.into_body(), 1 << 20).await.expect("a page in memory");
            let html = String::from_utf8(body.into()).expect("a page is UTF-8");
            pages.push(RenderedConsolePage { name, language, status, html });
        }
        pages
    }

    fn entrance(&self, language: ConsoleLanguage) -> Vec<(&'static str, Response)> {
        let layout = SignedOutLayout { language, path: Some("/sign-in") };
        let email = self.text("admin@nordlicht.example");
        let sign = |problem, has_no_operators| {
            let page =
                SignInPage { email: &email, next: Some(&email), problem, has_no_operators, is_signed_out: false };
            sign_in(&layout, &page)
        };
        let limit = SignInProblem::Limit { wait: Duration::from_mins(15) };
        let code = |problem| sign_in_code(&layout, &CodeEntryPage { next: Some(&email), problem });
        let enrol = |problem| {
            let page = InvitationPage { path: "/invitation/x", email: &email, name: &email, problem };
            invitation(&layout, &page)
        };
        let qr: Vec<Vec<bool>> = (0..21).map(|y| (0..21).map(|x| (x * y + x) % 3 == 0).collect()).collect();
        let totp = |problem| {
            let page = TotpSetUpPage {
                csrf: &self.csrf,
                uri: "otpauth://totp/Invoice%20dispatcher:admin?secret=JBSWY3DPEHPK3PXP",
                secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                qr: &qr,
                secret_seal: &self.csrf,
                is_required: true,
                problem,
            };
            totp_set_up(&layout, &page)
        };
        let codes: Vec<String> = (0..8).map(|at| format!("k7f2-9qx{at}")).collect();
        let short = EnrolmentProblem::PasswordTooShort { chars_min: 12 };
        vec![
            ("sign-in", sign(None, false)),
            ("sign-in-first", sign(None, true)),
            ("sign-in-wrong", sign(Some(SignInProblem::Wrong), false)),
            ("sign-in-limit", sign(Some(limit), false)),
            ("sign-in-busy", sign(Some(SignInProblem::Busy), false)),
            ("sign-in-late", sign(Some(SignInProblem::TooLate), false)),
            ("code", code(None)),
            ("code-wrong", code(Some(SignInProblem::Wrong))),
            ("invitation", enrol(None)),
            ("invitation-short", enrol(Some(short))),
            ("totp", totp(None)),
            ("totp-wrong", totp(Some(EnrolmentProblem::CodeWrong))),
            ("recovery-codes", recovery_codes(&layout, &RecoveryCodesPage { codes: &codes, next: "/" })),
        ]
    }

    fn people(&self, language: ConsoleLanguage) -> Vec<(&'static str, Response)> {
        let session = |hours, is_current| SessionRow {
            id: "0197-1".to_owned(),
            started_at: now().minus(Duration::from_hours(hours)),
            last_seen_at: now(),
            network: Some("192.0.2.0/24".to_owned()),
            browser: Some(self.text("Firefox on Linux")),
            is_current,
        };
        let sessions = [session(2, true), session(30, false)];
        let email = self.text("admin@nordlicht.example");
        let account_page = |has_totp, problem| {
            let page = AccountPage {
                email: &email,
                name: &email,
                tenants: None,
                has_totp,
                recovery_codes_left: 7,
                sessions: &sessions,
                problem,
            };
            account(&self.layout(language, "/account"), &page)
        };
        vec![
            ("account", account_page(true, None)),
            ("account-wrong", account_page(false, Some(AccountProblem::Wrong))),
            ("operators", self.operators(language, false)),
            ("operators-refused", self.operators(language, true)),
            ("tokens", self.tokens(language, false)),
            ("tokens-none", self.tokens(language, true)),
        ]
    }

    fn operators(&self, language: ConsoleLanguage, is_refused: bool) -> Response {
        let row = |name: &str, role, state, has_totp, is_self| OperatorRow {
            id: format!("id-{name}"),
            email: self.text(&format!("{name}@nordlicht.example")),
            name: self.text(name),
            role,
            tenants: (role == Role::TenantAdmin).then(|| vec![self.text("nordlicht"), self.text("seestadt")]),
            state,
            has_totp,
            last_sign_in_at: has_totp.then(now),
            is_self,
        };
        let until = now().plus(Duration::from_hours(72));
        let rows = [
            row("admin", Role::Admin, OperatorState::Active, true, true),
            row("support", Role::Support, OperatorState::Active, false, false),
            row("office", Role::TenantAdmin, OperatorState::Invited { until }, false, false),
            row("auditor", Role::Viewer, OperatorState::InvitationExpired, false, false),
            row("operations", Role::Operations, OperatorState::Disabled, true, false),
        ];
        let email = self.text("office@nordlicht.example");
        let problem = OperatorProblem::TenantsMissing;
        let form =
            OperatorForm { email: &email, name: &email, role: Some(Role::TenantAdmin), tenants: &email, problem };
        let url = "https://console.nordlicht.example/invitation/4mAxQ9vC0o7w0bT1yKkLr2Zt8uVn5sXp";
        let invitation = InvitationLink { email: &email, url, until };
        let page = OperatorsPage {
            rows: &rows,
            invitation: (!is_refused).then_some(invitation),
            refused: is_refused.then_some(form),
        };
        operators(&self.layout(language, "/operators"), &page)
    }

    fn tokens(&self, language: ConsoleLanguage, is_empty: bool) -> Response {
        let row = |name: &str, role, expires: Option<u64>, is_revoked: bool| TokenRow {
            id: format!("id-{name}"),
            name: self.text(name),
            prefix: "idt_7kQ2".to_owned(),
            role,
            tenants: None,
            created_at: now().minus(Duration::from_hours(2_000)),
            created_by: self.text("admin@nordlicht.example"),
            expires_at: expires.map(|hours| now().plus(Duration::from_hours(hours))),
            revoked_at: is_revoked.then(now),
            last_used_at: expires.map(|_| now()),
        };
        let rows = [
            row("billing eu-1", Role::Billing, Some(4_000), false),
            row("crm", Role::Support, None, false),
            row("old script", Role::Admin, Some(0), false),
            row("lost laptop", Role::Viewer, Some(90), true),
        ];
        let rows = if is_empty { &rows[..0] } else { &rows[..] };
        let name = self.text("crm");
        let new = NewToken { name: &name, token: "idt_7kQ2b3dS9fLr2Zt8uVn5sXp4mAxQ9vC0o7w0bT1yKk" };
        let page = TokensPage {
            rows,
            new: (!is_empty).then_some(new),
            problem: is_empty.then_some(TokenProblem::NameMissing),
        };
        tokens(&self.layout(language, "/tokens"), &page)
    }

    fn lists(&self, language: ConsoleLanguage) -> Vec<(&'static str, Response)> {
        let tenants = [self.tenant(), TenantName { id: "seestadt".to_owned(), name: self.text("Seestadt Wasser") }];
        let rows = self.work_rows();
        let counts = [
            (WorkKind::Rejected, 3),
            (WorkKind::Expired, 1),
            (WorkKind::Duplicate, 1),
            (WorkKind::Uncertain, 2),
            (WorkKind::NoVerificationMethod, 0),
        ];
        let work = |rows: &[WorkRow], acknowledged, next| {
            let tenant = Some(tenants[0].id.as_str());
            let filter = WorkFilter { kind: None, tenant, acknowledged };
            let page = WorkListPage { filter, counts: &counts, tenants: &tenants, rows, next };
            let mut layout = self.layout(language, "/?tenant=nordlicht");
            layout.done = Some(ActionDone::Acknowledged);
            work_list(&layout, &page)
        };
        let query = self.text("NE-10");
        let hits = self.hits();
        let find = |query: &str, hits: &[SearchHit], next: Option<&str>| {
            let path = "/search?q=NE-10";
            let customer = CustomerHit {
                tenant: self.tenant(),
                id: self.text("C-1042"),
                name: self.text("Käufer & Söhne OHG"),
                address: self.text("a…@c….example"),
            };
            let customers = if hits.is_empty() { &[][..] } else { &[customer][..] };
            let (is_first, more_customers, several_ids) = (true, next.is_some(), next.is_some());
            let page = SearchPage { query, is_first, hits, customers, more_customers, several_ids, next };
            search(&self.layout(language, path), &page)
        };
        vec![
            ("work", work(&rows, false, Some("2026/x"))),
            ("work-none", work(&[], false, None)),
            ("work-acknowledged", work(&rows[3..4], true, None)),
            ("work-acknowledged-none", work(&[], true, None)),
            ("search", find(&query, &hits, Some("a/b"))),
            ("search-none", find(&query, &[], None)),
            ("search-empty", find(" ", &[], None)),
        ]
    }

    fn work_rows(&self) -> Vec<WorkRow> {
        let row = |kind, number: &str, hours, detail: Option<&str>, is_acknowledged: bool| WorkRow {
            id: format!("0197a4c2-{number}"),
            kind,
            tenant: self.tenant(),
            number: self.text(number),
            invoice_kind: InvoiceKind::Invoice,
            customer: self.text("C-1042 · K… & S… OHG"),
            detail: detail.map(|detail| self.text(detail)),
            since: now().minus(Duration::from_mins(hours)),
            acknowledged: is_acknowledged
                .then(|| Acknowledgement { by: self.text("support@nordlicht.example"), at: now() }),
        };
        vec![
            row(WorkKind::Rejected, "NE-1049", 26, Some("550 5.1.1"), false),
            row(WorkKind::Uncertain, "NE-1033", 190, None, false),
            row(WorkKind::Duplicate, "NE-1012", 1_500, None, false),
            row(WorkKind::Expired, "NE-0998", 4_600, None, true),
            row(WorkKind::NoVerificationMethod, "NE-0871", 9_000, Some("no mobile number on record"), false),
        ]
    }

    fn hits(&self) -> Vec<SearchHit> {
        use crate::model::state::{Concluded, DeliveryState};
        let hit = |number: &str, standing, needs_you, matched| SearchHit {
            tenant: self.tenant(),
            number: self.text(number),
            invoice_kind: Some(InvoiceKind::Invoice),
            customer: self.text("C-1042 · K… & S… OHG"),
            recipient: Some(self.text("a…@c….example")),
            standing,
            needs_you,
            at: now(),
            matched,
        };
        let state = |concluded| InvoiceStanding::Delivery(DeliveryState::Concluded(concluded));
        vec![
            hit("NE-1042", state(Concluded::Sent), false, MatchedBy::Number),
            hit("NE-1049", state(Concluded::Rejected), true, MatchedBy::NumberPrefix),
            hit("NE-1050", InvoiceStanding::Delivery(DeliveryState::Due), false, MatchedBy::Recipient),
            hit("NE-1051", InvoiceStanding::EventWaiting, false, MatchedBy::CustomerName),
            hit("NE-1052", InvoiceStanding::EventDead, true, MatchedBy::Event),
        ]
    }
}

fn notices(language: ConsoleLanguage) -> Vec<(&'static str, Response)> {
    let layout = SignedOutLayout { language, path: None };
    let wait = Duration::from_secs(9);
    vec![
        ("not-found", not_found(&layout)),
        ("forbidden", forbidden(&layout)),
        ("form-outdated", form_outdated(&layout)),
        ("form-unreadable", form_unreadable(&layout)),
        ("cursor-unknown", cursor_unknown(&layout)),
        ("conflict", conflict(&layout)),
        ("session-over", session_over(&layout)),
        ("invitation-unknown", invitation_unknown(&layout)),
        ("too-many", too_many(&layout, wait)),
        ("failed", failed(&layout)),
        ("unavailable", unavailable(&layout, wait)),
    ]
}
