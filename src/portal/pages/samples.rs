//! Every page, with sample data and with hostile data.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::{
    CodePage, CodeProblem, CodeStage, DocumentAccess, InvoicePage, InvoiceRow, InvoicesPage, OpenPage, PageLayout,
    PostcodePage,
};
use super::{
    cookies_off, document_unavailable, documents_closed, failed, form_outdated, fresh_link_asked, invoice, invoices,
    later, link_expired, link_unknown, locked, no_method, not_found, open, session_ended, session_over, too_many,
    verify_code, verify_postcode,
};
use crate::event::{Document, DocumentRole, Invoice, MediaType};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::logo::LogoRef;
use crate::model::tenant::{Branding, Contact, Sender, TenantProfile};
use crate::portal::language::{Language, LanguageWish, PageLanguage};
use crate::sha256::Sha256;

/// A rendered page.
pub(super) struct RenderedPage {
    pub(super) name: &'static str,
    pub(super) language: Language,
    pub(super) status: StatusCode,
    pub(super) html: String,
}

/// Texts that break out of what does not escape them; with a bidi override, and as long as the edge lets them be.
pub(super) const HOSTILE: &str = "\"'></title></p><script>alert(1)</script>\u{202e}<!-- & ';--";

/// What a page is about.
pub(super) struct PageSample {
    tenant: TenantProfile,
    logo: Option<LogoRef>,
    invoice: Invoice,
    documents: Vec<Document>,
    token: String,
    csrf: String,
    digits: String,
}

impl PageSample {
    pub(super) fn ordinary() -> Self {
        Self {
            tenant: TenantProfile {
                name: "Nordlicht Energie".to_owned(),
                sender: Sender {
                    name: "Nordlicht".to_owned(),
                    address: "rechnung@nordlicht.example".to_owned(),
                    reply_to: None,
                    bounce_address: None,
                },
                locale: "de-DE".to_owned(),
                time_zone: Some("Europe/Berlin".to_owned()),
                contact: Contact {
                    email: Some("kundenservice@nordlicht.example".to_owned()),
                    phone: Some("+49 40 5550 1234".to_owned()),
                    url: Some("https://nordlicht.example/kontakt".to_owned()),
                },
                legal_footer: Some("Nordlicht Energie GmbH · Hafenstr. 1 · 20457 Hamburg · HRB 12345".to_owned()),
                imprint_url: Some("https://nordlicht.example/impressum".to_owned()),
                privacy_url: Some("https://nordlicht.example/datenschutz".to_owned()),
                branding: Branding { colour: Some("#0a6b4f".to_owned()) },
            },
            logo: None,
            invoice: Invoice {
                id: "inv-1041".to_owned(),
                number: "NE-1041".to_owned(),
                kind: InvoiceKind::Invoice,
                reminder_level: None,
                issue_date: jiff::civil::date(2026, 11, 20),
                due_date: Some(jiff::civil::date(2026, 12, 4)),
                currency: "EUR".to_owned(),
                total: "1190.00".parse().unwrap(),
                amount_due: Some("890.50".parse().unwrap()),
                payment_reference: Some("RF18 5390 0754 7034".to_owned()),
                buyer_reference: Some("Bestellung 4711".to_owned()),
            },
            documents: vec![
                document("NE-1041.pdf", DocumentRole::InvoicePdf, MediaType::Pdf, 81_234),
                document("NE-1041.xml", DocumentRole::InvoiceXml, MediaType::Xml, 12_345),
                document("NE-1041-Zählerablesung.pdf", DocumentRole::Attachment, MediaType::Pdf, 1_434_321),
            ],
            token: "Zm9vYmFyYmF6".to_owned(),
            csrf: "c3JmLXRva2Vu".to_owned(),
            digits: "12".to_owned(),
        }
    }

    pub(super) fn hostile() -> Self {
        let mut sample = Self::ordinary();
        let long: String = HOSTILE.chars().chain("Ω".repeat(255).chars()).take(255).collect();
        sample.tenant.name = long.clone();
        sample.tenant.contact = Contact {
            email: Some("\"'><script>@x.example".to_owned()),
            phone: Some(HOSTILE.to_owned()),
            url: Some("javascript:alert(1)//https://x.example/\"><script>".to_owned()),
        };
        sample.tenant.legal_footer = Some(format!("{HOSTILE}\n{HOSTILE}"));
        sample.tenant.imprint_url = Some(format!("https://x.example/{HOSTILE}"));
        sample.tenant.privacy_url = Some("data:text/html,<script>alert(1)</script>".to_owned());
        sample.tenant.branding.colour = Some("#0a6b4f;}</style><script>".to_owned());
        sample.logo = Some(LogoRef { sha256: Sha256::of(b"logo"), width: 400, height: 120 });
        sample.invoice.number = long.clone();
        sample.invoice.payment_reference = Some(long.clone());
        sample.invoice.buyer_reference = Some(long.clone());
        sample.invoice.currency = "\"><b".to_owned();
        for document in &mut sample.documents {
            document.name = Some(format!("{long}.pdf"));
        }
        // Tokens are never shown: they stand in hidden fields as they came.
        sample.token = HOSTILE.replace('\u{202e}', "");
        sample.csrf = sample.token.clone();
        sample.digits = "\"><".to_owned();
        sample
    }

    /// Every page in one language.
    pub(super) async fn pages(&self, language: Language) -> Vec<RenderedPage> {
        let mut pages = Vec::new();
        for (name, response) in self.responses(page_language(language)) {
            let status = response.status();
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{name}");
            let body = to_bytes(response.into_body(), 1 << 20).await.expect("a page in memory");
            let html = String::from_utf8(body.into()).expect("a page is UTF-8");
            pages.push(RenderedPage { name, language, status, html });
        }
        pages
    }

    fn layout(&self, language: PageLanguage) -> PageLayout<'_> {
        PageLayout {
            language,
            tenant: Some(&self.tenant),
            logo: self.logo,
            path: Some("/invoices/0"),
            csrf: Some(&self.csrf),
        }
    }

    fn responses(&self, language: PageLanguage) -> Vec<(&'static str, Response)> {
        let layout = self.layout(language);
        let before = PageLayout { csrf: None, path: Some("/i/token"), ..layout };
        let stranger = PageLayout::of_stranger(language);
        let quarter = Duration::from_mins(15);
        let path = "/invoices/0";
        let mut pages = vec![
            ("open", open(&before, &OpenPage { path: &format!("/i/{}", "token") })),
            ("no-method", no_method(&layout)),
            ("locked", locked(&layout, quarter)),
            ("locked-for-a-day", locked(&layout, Duration::from_secs(80_000))),
            ("too-many", too_many(&stranger, quarter)),
            ("session-over", session_over(&stranger)),
            ("session-ended", session_ended(&before)),
            ("cookies-off", cookies_off(&before)),
            ("documents-closed", documents_closed(&layout, path)),
            ("link-expired", link_expired(&before, &self.token)),
            ("link-unknown", link_unknown(&stranger, &self.token)),
            ("fresh-link-asked", fresh_link_asked(&stranger)),
            ("document-unavailable", document_unavailable(&layout, path)),
            ("form-outdated", form_outdated(&stranger)),
            ("not-found", not_found(&stranger)),
            ("failed", failed(&stranger)),
            ("later", later(&stranger, Duration::from_millis(9_500))),
        ];
        pages.extend(self.verification(layout, path));
        pages.extend(self.invoice_pages(&layout, path));
        pages
    }

    fn verification<'a>(&self, layout: PageLayout<'a>, path: &'a str) -> Vec<(&'static str, Response)> {
        let action = "/invoices/0/verification";
        let postcode = |is_wrong| PostcodePage { path: action, back: Some(path), is_wrong };
        let sent = CodeStage::Sent { again_after: Duration::from_secs(54) };
        let soon = CodeStage::Sent { again_after: Duration::ZERO };
        let code = |stage, problem| {
            let page = CodePage { path: action, back: None, last_digits: Some(&self.digits), stage, problem };
            verify_code(&layout, &page)
        };
        let unnamed = CodePage { path: action, back: None, last_digits: None, stage: CodeStage::ToSend, problem: None };
        let limit = CodeProblem::Limit { wait: Duration::from_mins(8) };
        vec![
            ("postcode", verify_postcode(&layout, &postcode(false))),
            ("postcode-wrong", verify_postcode(&layout, &postcode(true))),
            ("code-to-send", code(CodeStage::ToSend, None)),
            ("code-to-send-unnamed", verify_code(&layout, &unnamed)),
            ("code", code(sent, None)),
            ("code-wrong", code(soon, Some(CodeProblem::Wrong))),
            ("code-missing", code(soon, Some(CodeProblem::Missing))),
            ("code-not-sent", code(CodeStage::ToSend, Some(CodeProblem::NotSent))),
            ("code-limit", code(soon, Some(limit))),
        ]
    }

    fn invoice_pages(&self, layout: &PageLayout<'_>, path: &str) -> Vec<(&'static str, Response)> {
        let mailed_on = jiff::civil::date(2026, 11, 23);
        let page = |one: &Invoice, documents: DocumentAccess<'_>, has_list| {
            let deadline = (one.kind == InvoiceKind::Reminder).then(|| jiff::civil::date(2026, 12, 18));
            invoice(layout, &InvoicePage { path, invoice: one, deadline, mailed_on, documents, has_list })
        };
        let all = DocumentAccess::Open(&self.documents);
        let kind = |kind, reminder_level, amount_due: Option<&str>| Invoice {
            kind,
            reminder_level,
            amount_due: amount_due.map(|amount| amount.parse().expect("an amount")),
            ..self.invoice.clone()
        };
        let credit_note = kind(InvoiceKind::CreditNote, None, None);
        let reminder = kind(InvoiceKind::Reminder, Some(2), Some("890.50"));
        let row = |invoice| InvoiceRow { path, invoice, mailed_on };
        let rows = [row(&self.invoice), row(&reminder), row(&credit_note)];
        vec![
            ("invoice", page(&self.invoice, all, true)),
            ("invoice-to-verify", page(&self.invoice, DocumentAccess::AfterVerification { count: 3 }, false)),
            ("invoice-to-verify-one", page(&self.invoice, DocumentAccess::AfterVerification { count: 1 }, false)),
            ("invoice-closed", page(&self.invoice, DocumentAccess::Closed { count: 3 }, false)),
            ("invoice-closed-one", page(&self.invoice, DocumentAccess::Closed { count: 1 }, false)),
            ("invoice-nothing", page(&kind(InvoiceKind::Invoice, None, Some("0")), all, false)),
            ("invoice-credit", page(&kind(InvoiceKind::Invoice, None, Some("-5.10")), all, false)),
            ("credit-note", page(&credit_note, DocumentAccess::Open(&self.documents[..1]), false)),
            ("reminder", page(&reminder, DocumentAccess::Open(&[]), false)),
            ("invoices", invoices(layout, &InvoicesPage { rows: &rows })),
            ("invoices-none", invoices(layout, &InvoicesPage { rows: &[] })),
        ]
    }
}

fn page_language(language: Language) -> PageLanguage {
    let uri: Uri = format!("/?lang={}", language.code()).parse().expect("a path");
    LanguageWish::of(&uri, &HeaderMap::new()).for_customer("de-DE")
}

fn document(name: &str, role: DocumentRole, media_type: MediaType, size: u64) -> Document {
    Document {
        id: name.to_owned(),
        role,
        name: Some(name.to_owned()),
        media_type,
        size,
        sha256: Sha256::of(name.as_bytes()),
        object: format!("nordlicht/{name}"),
    }
}
