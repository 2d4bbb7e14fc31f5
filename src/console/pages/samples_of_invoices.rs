//! The pages of invoices, resends, mails, customers and tenants, with sample data.

use std::time::Duration;

use axum::response::Response;

use super::sample::{ConsoleSample, at, now};
use super::*;
use crate::console::language::ConsoleLanguage;
use crate::event::RecipientRole;
use crate::model::customer::CustomerType;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::note::NoteKind;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Concluded, Decision, DeliveryRole, DeliveryState};
use crate::operator::resend::LinkCause;
use crate::policy::decision::{PortalAccess, Reason};

pub(super) fn invoice_pages(sample: &ConsoleSample, language: ConsoleLanguage) -> Vec<(&'static str, Response)> {
    let state = |concluded| InvoiceStanding::Delivery(DeliveryState::Concluded(concluded));
    let due = InvoiceStanding::Delivery(DeliveryState::Due);
    let one = |standing, class| show(sample, language, &[section(sample, standing, class)]);
    let two = [section(sample, due, None), section(sample, state(Concluded::Sent), Some(ReasonCode::Accepted))];
    let plan = |plan, problem| plan_page(sample, language, plan, problem);
    let refusal = |refusal| plan(Err(refusal), None);
    vec![
        ("invoice-rejected", one(state(Concluded::Rejected), Some(ReasonCode::Rejected))),
        ("invoice-uncertain", one(state(Concluded::Uncertain), Some(ReasonCode::Uncertain))),
        ("invoice-dead", one(state(Concluded::Dead), Some(ReasonCode::NoVerificationMethod))),
        ("invoice-duplicate", one(state(Concluded::Cancelled), Some(ReasonCode::DuplicateInvoice))),
        ("invoice-waiting", one(InvoiceStanding::EventWaiting, Some(ReasonCode::UnknownCustomer))),
        ("invoice-malformed", one(InvoiceStanding::EventDead, Some(ReasonCode::Malformed))),
        ("invoice-two", show(sample, language, &two)),
        ("invoice-resent", show(sample, language, &[resent(sample)])),
        ("resend", plan(Ok(planned(sample, false)), None)),
        ("resend-changed", plan(Ok(planned(sample, false)), Some(ResendProblem::PlanChanged))),
        ("resend-elsewhere", plan(Ok(planned(sample, true)), Some(ResendProblem::Incomplete))),
        ("resend-sending", refusal(ResendRefusal::Sending)),
        ("resend-forgotten", refusal(ResendRefusal::Forgotten)),
        ("resend-unknown-customer", refusal(ResendRefusal::UnknownCustomer)),
        ("resend-address", refusal(ResendRefusal::Address(sample.text("it has no @")))),
        ("resend-recipient", refusal(ResendRefusal::Recipient(sample.text("ap@customer has no domain")))),
        (
            "resend-must-fail",
            refusal(ResendRefusal::MustFail {
                class: ReasonCode::NoVerificationMethod,
                reason: sample.text("no mobile"),
            }),
        ),
        ("resend-ambiguous", refusal(ResendRefusal::Ambiguous)),
        ("mail", mail(sample, language, MessageProof::Proven)),
        ("mail-differs", mail(sample, language, MessageProof::Differs)),
        ("mail-not-sent", mail(sample, language, MessageProof::NotSentYet)),
        ("customer", one_customer(sample, language, true)),
        ("customer-new", one_customer(sample, language, false)),
    ]
}

fn show(sample: &ConsoleSample, language: ConsoleLanguage, sections: &[InvoiceSection]) -> Response {
    let (tenant, number) = (sample.tenant(), sample.text("NE-1049"));
    let (id, name) = (sample.text("C-1042"), sample.text("Käufer & Söhne OHG"));
    let page = InvoiceNumberPage {
        tenant: &tenant,
        number: &number,
        customer_id: Some(&id),
        customer_name: Some(&name),
        sections,
    };
    invoice(&sample.layout(language, "/invoices?tenant=nordlicht&number=NE-1049"), &page, None)
}

fn section(sample: &ConsoleSample, standing: InvoiceStanding, class: Option<ReasonCode>) -> InvoiceSection {
    let is_event = matches!(standing, InvoiceStanding::EventWaiting | InvoiceStanding::EventDead);
    let is_reminder = matches!(standing, InvoiceStanding::Delivery(DeliveryState::Due));
    let accepted = (class == Some(ReasonCode::Accepted)).then(|| sample.text("250 2.0.0 queued as 4hT9"));
    let refused = || sample.text("550 5.1.1 <ap@customer.example>: Recipient address rejected: User unknown");
    InvoiceSection {
        delivery: (!is_event).then(|| "0197a4c2-8f3e-7d21-b5aa-3c5de8a1f042".to_owned()),
        kind: if is_reminder { InvoiceKind::Reminder } else { InvoiceKind::Invoice },
        reminder_level: is_reminder.then_some(2),
        standing,
        class,
        next_at: is_reminder.then(|| now().plus(Duration::from_mins(12))),
        since: at("2026-11-23T10:16:04Z"),
        detail: accepted.is_none().then(refused),
        accepted,
        acknowledged: None,
        can_be_resent: true,
        timeline: timeline(sample),
        facts: facts(sample),
    }
}

/// Rejected at first, and sent to another address after a call.
fn resent(sample: &ConsoleSample) -> InvoiceSection {
    let sent = InvoiceStanding::Delivery(DeliveryState::Concluded(Concluded::Sent));
    let decided = || TimelineEvent::Decided {
        decision: Decision::Link,
        reason: Reason::PrivateCustomer,
        link_cause: None,
        settings_version: Some(4),
        access: Some(PortalAccess::Verified),
        method: Some(VerificationMethod::SmsOtp),
    };
    let attempt = |class, code: &str, reply: &str, millis| TimelineEvent::Attempted {
        number: 1,
        relay: sample.text("default"),
        phase: Some(sample.text(if class == ReasonCode::Accepted { "final dot" } else { "RCPT TO" })),
        class,
        code: Some(code.to_owned()),
        reply: Some(sample.text(reply)),
        took: Some(Duration::from_millis(millis)),
        next_at: None,
    };
    let portal = |kind| TimelineEvent::Portal { kind, detail: None, network: Some("192.0.2.0/24".to_owned()) };
    let entries = [
        (
            "09:30:02",
            None,
            TimelineEvent::Received {
                source: sample.text("https://billing.example/eu-1"),
                via: "queue".to_owned(),
                event_id: sample.text("7f1b0d7e-1c1f-4f0e-9a55-0f5f6d1c2a01"),
                forgotten: false,
            },
        ),
        ("09:30:04", Some(1), decided()),
        ("09:30:04", Some(1), attempt(ReasonCode::Rejected, "550 5.1.1", "User unknown", 182)),
        ("09:30:05", Some(1), TimelineEvent::Concluded { state: Concluded::Rejected, class: None }),
        (
            "10:14:40",
            Some(2),
            TimelineEvent::Resent {
                by: Some(sample.text("support@nordlicht.example")),
                reason: sample.text("The customer gave a new address on the phone"),
                to: vec![sample.text("private@post.example")],
                to_unknown_address: true,
            },
        ),
        ("10:14:41", Some(2), decided()),
        ("10:14:42", Some(2), attempt(ReasonCode::Accepted, "250 2.0.0", "queued as 4hT9", 240)),
        ("10:14:42", Some(2), TimelineEvent::Concluded { state: Concluded::Sent, class: None }),
        ("10:21:10", Some(2), portal(PortalEventKind::Opened)),
        ("10:21:52", Some(2), portal(PortalEventKind::Verified)),
        ("10:22:03", Some(2), portal(PortalEventKind::Downloaded)),
    ];
    let entries = entries.into_iter().map(|(time, delivery, event)| TimelineEntry {
        at: at(&format!("2026-11-23T{time}Z")),
        delivery,
        event,
    });
    let mut section = section(sample, sent, Some(ReasonCode::Accepted));
    section.since = at("2026-11-23T10:14:42Z");
    section.timeline = entries.collect();
    section.facts.locked_until = None;
    section
}

fn facts(sample: &ConsoleSample) -> InvoiceFacts {
    InvoiceFacts {
        issue_date: Some(jiff::civil::date(2026, 11, 20)),
        due_date: Some(jiff::civil::date(2026, 12, 4)),
        total: Some("1190.00".parse().expect("an amount")),
        amount_due: Some("890.50".parse().expect("an amount")),
        currency: sample.text("EUR").chars().take(12).collect(),
        recipients: vec![recipient(sample, RecipientRole::To), recipient(sample, RecipientRole::Cc)],
        documents: documents(sample),
        links: vec![
            LinkFact { expires_at: at("2027-01-03T10:00:00Z"), revoked_at: None, opened: 3 },
            LinkFact { expires_at: at("2027-01-03T10:00:00Z"), revoked_at: Some(now()), opened: 0 },
        ],
        locked_until: Some(now().plus(Duration::from_mins(9))),
        relay: Some(sample.text("default")),
        attempts: 2,
        message_id: Some(sample.text("0197a4c2@nordlicht.example")),
        has_message: true,
        settings_version: Some(4),
        event_id: Some(sample.text("7f1b0d7e-1c1f-4f0e-9a55-0f5f6d1c2a01")),
        event_source: Some(sample.text("https://billing.example/eu-1")),
    }
}

fn recipient(sample: &ConsoleSample, role: RecipientRole) -> RecipientFact {
    RecipientFact { role, address: sample.text("ap@customer.example"), name: Some(sample.text("Accounts Payable")) }
}

fn documents(sample: &ConsoleSample) -> Vec<DocumentFact> {
    [("NE-1049.pdf", "application/pdf", 81_234), ("NE-1049.xml", "application/xml", 12_345)]
        .map(|(name, media_type, size_bytes)| DocumentFact {
            name: sample.text(name),
            media_type: media_type.to_owned(),
            size_bytes,
        })
        .into()
}

fn timeline(sample: &ConsoleSample) -> Vec<TimelineEntry> {
    let someone = || Some(sample.text("support@nordlicht.example"));
    let attempt = |number, class, code: Option<&str>, next: bool| TimelineEvent::Attempted {
        number,
        relay: sample.text("default"),
        phase: Some("RCPT TO".to_owned()),
        class,
        code: code.map(str::to_owned),
        reply: Some(sample.text("4.2.1 <ap@customer.example>: Greylisted, please try again in 300 seconds")),
        took: Some(Duration::from_millis(if next { 182 } else { 1_250 })),
        next_at: next.then(now),
    };
    let events = vec![
        TimelineEvent::Received {
            source: sample.text("https://billing.example/eu-1"),
            via: "queue".to_owned(),
            event_id: sample.text("7f1b0d7e"),
            forgotten: true,
        },
        TimelineEvent::Waiting { class: ReasonCode::UnknownCustomer },
        TimelineEvent::Made { role: DeliveryRole::Main, to: vec![sample.text("ap@customer.example")] },
        TimelineEvent::Decided {
            decision: Decision::Link,
            reason: Reason::PrivateCustomer,
            link_cause: None,
            settings_version: Some(4),
            access: Some(PortalAccess::Verified),
            method: Some(VerificationMethod::SmsOtp),
        },
        attempt(1, ReasonCode::Deferred, Some("450"), true),
        TimelineEvent::AttemptUnended { number: 2 },
        attempt(3, ReasonCode::Rejected, Some("550 5.1.1"), false),
        TimelineEvent::Concluded { state: Concluded::Rejected, class: Some(ReasonCode::Rejected) },
        TimelineEvent::DeadLetter { class: ReasonCode::Internal, reason: sample.text("could not be loaded") },
        TimelineEvent::DeadLetterConcluded { by: someone(), note: Some(sample.text("fixed")), redriven: true },
        TimelineEvent::DeadLetterConcluded { by: None, note: None, redriven: false },
        TimelineEvent::Resent {
            by: someone(),
            reason: sample.text("The customer gave a new address on the phone"),
            to: vec![sample.text("buchhaltung@customer.example")],
            to_unknown_address: true,
        },
        TimelineEvent::LinkRevoked { by: someone(), reason: Some(sample.text("sent to another address")) },
        TimelineEvent::Concluded { state: Concluded::Sent, class: Some(ReasonCode::Accepted) },
        TimelineEvent::Portal {
            kind: PortalEventKind::Opened,
            detail: Some(sample.text("number 2")),
            network: Some("192.0.2.0/24".to_owned()),
        },
        TimelineEvent::Portal { kind: PortalEventKind::Locked, detail: None, network: None },
        noted(sample, None),
        noted(sample, Some(NoteKind::Cancelled)),
        TimelineEvent::Acknowledged { by: sample.text("support@nordlicht.example") },
    ];
    let start = at("2026-11-23T09:30:02Z");
    let entry = |(place, event): (u64, TimelineEvent)| TimelineEntry {
        at: start.plus(Duration::from_mins(4 * place)),
        delivery: Some(if place < 11 { 1 } else { 2 }),
        event,
    };
    (0..).zip(events).map(entry).collect()
}

fn noted(sample: &ConsoleSample, kind: Option<NoteKind>) -> TimelineEvent {
    let reason = kind.as_ref().map(|_| sample.text("paid in cash"));
    TimelineEvent::Noted { by: sample.text("support"), text: sample.text("called back"), kind, reason }
}

fn planned(sample: &ConsoleSample, is_elsewhere: bool) -> PlannedResend {
    let was = || sample.text("ap@customer.example");
    let all = vec![
        PlanDifference::Recipients { was: vec![was()] },
        PlanDifference::Decision { was: Decision::Attach },
        PlanDifference::Access { was: PortalAccess::Open },
        PlanDifference::SettingsVersion { was: 3, is: 4 },
        PlanDifference::Sender { was: was(), is: was() },
        PlanDifference::Template,
        PlanDifference::Relay { was: was(), is: was() },
    ];
    let warnings = vec![
        PlanWarning::SentAt { at: now().minus(Duration::from_secs(40)) },
        PlanWarning::EarlierUncertain,
        PlanWarning::EarlierCancelled,
        PlanWarning::RejectedBefore,
        PlanWarning::UnknownAddress,
        PlanWarning::Expired { at: now() },
        PlanWarning::DocumentsNowhere,
        PlanWarning::TenantPaused,
        PlanWarning::RelayPaused,
        PlanWarning::Overdue,
    ];
    PlannedResend {
        recipients: vec![recipient(sample, RecipientRole::To)],
        decision: if is_elsewhere { Decision::Link } else { Decision::Attach },
        reason: if is_elsewhere { Reason::LinkOnly } else { Reason::BusinessCustomer },
        link_cause: is_elsewhere.then_some(LinkCause::NewAddress),
        access: is_elsewhere.then_some(PortalAccess::Verified),
        documents: documents(sample),
        differences: if is_elsewhere { all } else { Vec::new() },
        warnings: if is_elsewhere { warnings } else { Vec::new() },
        links_revoked: u64::from(is_elsewhere),
        original: DeliveryState::Concluded(Concluded::Rejected),
        needs_attach_confirmation: is_elsewhere,
        needs_soon_confirmation: is_elsewhere,
    }
}

fn plan_page(
    sample: &ConsoleSample,
    language: ConsoleLanguage,
    plan: Result<PlannedResend, ResendRefusal>,
    problem: Option<ResendProblem>,
) -> Response {
    let (tenant, number, to) = (sample.tenant(), sample.text("NE-1049"), sample.text("new@customer.example"));
    let delivery = "0197a4c2-8f3e-7d21-b5aa-3c5de8a1f042";
    let form = ResendForm {
        to: problem.map_or("", |_| &to),
        link_only: problem.is_some(),
        keep_links: problem.is_some(),
        reason: problem.map_or("", |_| &to),
        idempotency_key: "0197a4c2-0000-7000-8000-000000000001",
    };
    let page =
        ResendPage { tenant: &tenant, number: &number, kind: InvoiceKind::Invoice, delivery, form, plan, problem };
    resend(&sample.layout(language, "/resend?delivery=0197a4c2"), &page)
}

fn mail(sample: &ConsoleSample, language: ConsoleLanguage, proof: MessageProof) -> Response {
    let (tenant, number) = (sample.tenant(), sample.text("NE-1049"));
    let (from, subject) = (sample.text("Nordlicht <rechnung@nordlicht.example>"), sample.text("Ihre Rechnung NE-1049"));
    let headers = [
        ("Subject".to_owned(), subject.clone()),
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("X-Delivery-Id".to_owned(), sample.text("0197a4c2-8f3e-7d21-b5aa-3c5de8a1f042")),
    ];
    let attachment = SentAttachment {
        name: sample.text("NE-1049.pdf"),
        media_type: "application/pdf".to_owned(),
        size_bytes: 81_234,
        sha256: "6729dfb89cf8331936bba17c452d74207b5850c96d550e5ad8351db4aa97b287".to_owned(),
    };
    let attachments = [attachment];
    let text = sample.text("Guten Tag,\n\nim Anhang finden Sie Ihre Rechnung NE-1049 über 1.190,00 €.\n");
    let page = SentMailPage {
        tenant: &tenant,
        number: &number,
        delivery: "0197a4c2-8f3e-7d21-b5aa-3c5de8a1f042",
        proof,
        sha256: (proof == MessageProof::Proven)
            .then_some("a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"),
        from: &from,
        to: &from,
        subject: &subject,
        date: Some(now()),
        headers: &headers,
        text: &text,
        has_html: true,
        attachments: if proof == MessageProof::Proven { &attachments } else { &[] },
    };
    sent_mail(&sample.layout(language, "/deliveries/0197a4c2/mail"), &page)
}

fn one_customer(sample: &ConsoleSample, language: ConsoleLanguage, is_full: bool) -> Response {
    let (tenant, id, name) = (sample.tenant(), sample.text("C-1042"), sample.text("Käufer & Söhne OHG"));
    let address = sample.text("a…@c….example");
    let links = [
        CustomerLinkRow {
            delivery: "0197".to_owned(),
            number: sample.text("NE-1049"),
            expires_at: at("2027-01-03T10:00:00Z"),
            revoked_at: None,
            last_opened_at: Some(now()),
        },
        CustomerLinkRow {
            delivery: "0198".to_owned(),
            number: sample.text("NE-1041"),
            expires_at: at("2026-01-03T10:00:00Z"),
            revoked_at: None,
            last_opened_at: None,
        },
    ];
    let invoices = invoice_rows(sample);
    let page = CustomerPage {
        tenant: &tenant,
        id: &id,
        name: &name,
        kind: is_full.then_some(CustomerType::Business),
        address: &address,
        locale: is_full.then_some("de-DE"),
        country: is_full.then_some("DE"),
        postcode: is_full.then_some("•••67 · 12a"),
        mobile: is_full.then_some("•••• 12"),
        is_mobile_refused: is_full,
        access: PortalAccess::Verified,
        methods: &[(VerificationMethod::SmsOtp, false), (VerificationMethod::PostcodeHouseNumber, is_full)],
        lock: is_full
            .then(|| VerificationLock { until: now().plus(Duration::from_mins(9)), delivery: Some("0197".to_owned()) }),
        links: if is_full { &links } else { &[] },
        invoices: if is_full { &invoices } else { &[] },
        next: is_full.then_some("2"),
    };
    customer(&sample.layout(language, "/customers/nordlicht/C-1042"), &page)
}

pub(super) fn invoice_rows(sample: &ConsoleSample) -> Vec<CustomerInvoiceRow> {
    let row = |number: &str, standing, needs_you| CustomerInvoiceRow {
        number: sample.text(number),
        kind: InvoiceKind::Invoice,
        standing,
        needs_you,
        at: now(),
    };
    let state = |concluded| InvoiceStanding::Delivery(DeliveryState::Concluded(concluded));
    vec![
        row("NE-1049", state(Concluded::Rejected), true),
        row("NE-1041", state(Concluded::Sent), false),
        row("NE-1040", InvoiceStanding::Delivery(DeliveryState::Sending), false),
    ]
}
