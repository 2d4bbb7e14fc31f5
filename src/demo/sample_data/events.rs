//! What the billing system publishes in one night, in order: the ordinary, the odd and the broken.

use jiff::civil::Date;
use jiff::{Span, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bill::{Bill, InvoiceLine, Unit};
use super::catalogue::{self, SamplePerson};
use super::documents::{SampleDocument, call_records};
use super::{DemoEvent, StoredDocument};
use crate::clock::Timestamp;
use crate::model::invoice_kind::InvoiceKind;

const SOURCE: &str = "https://billing.example/demo";

/// The night: events and the documents they name.
pub(super) fn at(at: Timestamp) -> (Vec<DemoEvent>, Vec<StoredDocument>) {
    let mut night = Night::new(at);
    night.by_policy();
    night.by_addressee();
    night.by_relay();
    night.refused();
    (night.events, night.documents)
}

struct Night {
    at: Timestamp,
    today: Date,
    /// The moment, as it stands in keys and identifiers.
    run: String,
    events: Vec<DemoEvent>,
    documents: Vec<StoredDocument>,
}

/// What makes an event unlike another of the same bill.
#[derive(Default)]
struct Extras {
    recipients: Vec<Value>,
    expires_at: Option<Timestamp>,
}

impl Night {
    fn new(at: Timestamp) -> Self {
        let now = TimeZone::UTC.to_datetime(at.to_jiff());
        let run = now.strftime("%Y-%m-%d/%H%M%S").to_string();
        Self { at, today: now.date(), run, events: Vec::new(), documents: Vec::new() }
    }

    /// Policy × customer type, in four languages.
    fn by_policy(&mut self) {
        let energy = || {
            vec![
                InvoiceLine::new("Grundpreis Strom", 1, Unit::Month, 129_000),
                InvoiceLine::new("Arbeitspreis Strom", 2_350, Unit::KilowattHour, 3_129),
            ]
        };
        let bill = self.bill(&catalogue::KAEUFER, "NE-1041", InvoiceKind::Invoice, energy());
        let lines = ["Zähler 0042, abgelesen zum Monatsende", "Zählerstand alt 18.204, neu 20.554"];
        let reading =
            SampleDocument::note(&bill, "Zählerablesung Oktober.pdf", "Zählerablesung", &lines.map(str::to_owned));
        let first = self.event(
            &bill,
            "invoice-1041",
            &[SampleDocument::pdf(&bill), SampleDocument::ubl(&bill), reading],
            &Extras::default(),
        );
        self.publish(
            "business, documents for businesses",
            &first,
            "a mail with three files: the policy attaches for business customers",
        );

        let bill = self.bill(&catalogue::JOERG, "NE-1042", InvoiceKind::Invoice, energy());
        let event = self.event(&bill, "invoice-1042", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish(
            "private, documents for businesses",
            &event,
            "a mail with a portal link and no file: the customer is private",
        );

        let bill = self.bill(&catalogue::VEREIN, "NE-1043", InvoiceKind::Invoice, energy());
        let event = self.event(&bill, "invoice-1043", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish("customer of unknown type", &event, "a link: an unknown type counts as private");

        let bill = self.bill(&catalogue::EMILY, "NE-1044", InvoiceKind::Reminder, energy());
        let bill = Bill { reminder_level: Some(2), ..bill };
        let event = self.event(&bill, "reminder-1044", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish("reminder in English", &event, "a second reminder in English with a portal link");

        let phone = || {
            vec![
                InvoiceLine::new("Glasvezel 500", 1, Unit::Month, 425_000),
                InvoiceLine::new("Vaste telefonie", 1, Unit::Month, 79_500),
            ]
        };
        let bill = self.bill(&catalogue::ZOE, "TT-7001", InvoiceKind::Invoice, phone());
        let event = self.event(&bill, "invoice-7001", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish(
            "private, documents for everybody",
            &event,
            "a mail in Dutch with the PDF: this tenant attaches for everybody",
        );

        let bill = self.bill(
            &catalogue::FIETSEN,
            "TT-7002-C",
            InvoiceKind::CreditNote,
            vec![InvoiceLine::new("Storing 3 dagen", 3, Unit::Piece, 14_166)],
        );
        let bill = Bill { corrects: Some(("TT-6920".to_owned(), self.days(-31))), ..bill };
        let event = self.event(
            &bill,
            "credit-7002",
            &[SampleDocument::pdf(&bill), SampleDocument::ubl(&bill)],
            &Extras::default(),
        );
        self.publish("credit note", &event, "a credit note with PDF and XML");

        let flowers = |name| vec![InvoiceLine::new(name, 12, Unit::Piece, 189_000)];
        let bill = self.bill(&catalogue::CAFE, "ML-301", InvoiceKind::Invoice, flowers("Bouquets de lavande séchée"));
        let event = self.event(
            &bill,
            "invoice-301",
            &[SampleDocument::pdf(&bill), SampleDocument::ubl(&bill)],
            &Extras::default(),
        );
        self.publish(
            "documents for nobody, portal closed",
            &event,
            "no file and no download: the mail in French names the tenant's contact",
        );

        let bill = self.bill(&catalogue::ELOISE, "ML-302-A", InvoiceKind::CreditNote, flowers("Bouquets retournés"));
        let bill = Bill { corrects: Some(("ML-288".to_owned(), self.days(-20))), ..bill };
        let event = self.event(&bill, "credit-302", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish("credit note, portal closed", &event, "the same for a private customer's credit note");
    }

    /// Addresses and names.
    fn by_addressee(&mut self) {
        let lines = vec![InvoiceLine::new("Backofenstrom", 1_180, Unit::KilowattHour, 2_875)];
        let bill = self.bill(&catalogue::BAECKEREI, "NE-1045", InvoiceKind::Invoice, lines);
        let event = self.event(
            &bill,
            "invoice-1045",
            &[SampleDocument::pdf(&bill), SampleDocument::ubl(&bill)],
            &Extras::default(),
        );
        self.publish("umlauts in the domain", &event, "sent to an xn-- domain, the file attached");

        let lines = vec![
            InvoiceLine::new("Business line", 4, Unit::Month, 249_500),
            InvoiceLine::new("Router", 1, Unit::Piece, 890_000),
        ];
        let bill = self.bill(&catalogue::HARBOUR, "TT-7003", InvoiceKind::Invoice, lines);
        let recipients = vec![
            to(catalogue::HARBOUR.mail, Some("Accounts Payable")),
            json!({ "role": "cc", "address": "projects@harbour-lights.example", "name": "Projects" }),
            json!({ "role": "bcc", "address": "archive@tulp.example" }),
        ];
        let extras = Extras { recipients, ..Extras::default() };
        let event =
            self.event(&bill, "invoice-7003", &[SampleDocument::pdf(&bill), SampleDocument::ubl(&bill)], &extras);
        self.publish(
            "to, cc and bcc",
            &event,
            "two mails: one to To and Cc, one of its own to the Bcc, named in no header",
        );

        let bill = self.bill(
            &catalogue::ZOE,
            "TT-7004",
            InvoiceKind::Invoice,
            vec![InvoiceLine::new("Simkaart", 1, Unit::Piece, 99_000)],
        );
        let recipients = vec![to(catalogue::ZOE.mail, Some("Zoë\u{202e}\u{2028}Bcc: thief@evil.example"))];
        let event = self.event(
            &bill,
            "invoice-7004",
            &[SampleDocument::pdf(&bill)],
            &Extras { recipients, ..Extras::default() },
        );
        self.publish(
            "a name that wants to be a header",
            &event,
            "sent; the name is cleaned, and nobody else gets the mail",
        );
    }

    /// What the relay has to say.
    fn by_relay(&mut self) {
        let line = || vec![InvoiceLine::new("Telefonie zakelijk", 2, Unit::Month, 195_000)];
        let bill = self.bill(&catalogue::HARBOUR, "TT-7005", InvoiceKind::Invoice, line());
        let month = self.today.saturating_sub(Span::new().months(1));
        let calls = SampleDocument::csv("call-records.csv", call_records(month));
        let event = self.event(&bill, "invoice-7005", &[SampleDocument::pdf(&bill), calls], &Extras::default());
        self.publish(
            "too large for the relay",
            &event,
            "a link although the policy attaches: 1.3 MB are more than this relay takes",
        );

        let bill = self.bill(&catalogue::GREYLISTED, "TT-7006", InvoiceKind::Invoice, line());
        let event = self.event(&bill, "invoice-7006", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish(
            "relay answers 451 the first time",
            &event,
            "deferred, then sent at the second attempt, with the same Message-ID",
        );

        let bill = self.bill(&catalogue::MOVED, "TT-7007", InvoiceKind::Invoice, line());
        let event = self.event(&bill, "invoice-7007", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish("mailbox does not exist", &event, "rejected: 550 5.1.1, for support to ask for another address");
    }

    /// What must not be sent, or not twice.
    fn refused(&mut self) {
        let first = self.events[0].bytes.clone();
        self.push("the first event once more", first.clone(), "a duplicate: counted, and no second mail");

        let mut again: Value = serde_json::from_slice(&self.events[4].bytes).expect("the fifth event is JSON");
        again["id"] = json!(self.event_id("invoice-7001-again"));
        self.publish("the same invoice under a new id", &again, "cancelled as duplicate_invoice: no second mail");

        let mut conflicting: Value = serde_json::from_slice(&first).expect("the first event is JSON");
        conflicting["data"]["invoice"]["total"] = json!("1.00");
        self.publish("a used id, other content", &conflicting, "dead letter conflicting_event: the id is taken");

        let half = first[..first.len() * 2 / 3].to_vec();
        self.push("broken JSON", half, "dead letter malformed, the bytes kept");

        let power = || vec![InvoiceLine::new("Abschlag Strom", 1, Unit::Month, 840_000)];
        let bill = self.bill(&catalogue::KAEUFER, "NE-1046", InvoiceKind::Invoice, power());
        let mut event = self.event(&bill, "invoice-1046", &[SampleDocument::pdf(&bill)], &Extras::default());
        event["data"]["documents"][0]["object"] = json!("nordlicht/../tulp/secret.pdf");
        self.publish("a key that leaves its folder", &event, "dead letter malformed, naming data.documents[0].object");

        let bill = self.bill(&catalogue::KAEUFER, "NE-1047", InvoiceKind::Invoice, power());
        let mut event = self.event(&bill, "invoice-1047", &[SampleDocument::pdf(&bill)], &Extras::default());
        event["data"]["tenant_id"] = json!("nobody");
        event["data"]["documents"][0]["object"] = json!("nobody/NE-1047.pdf");
        self.publish("unknown tenant", &event, "dead letter unknown_tenant, cured by importing the tenant");

        let bill = self.bill(&catalogue::KAEUFER, "NE-1048", InvoiceKind::Invoice, power());
        let event = self.event(&bill, "invoice-1048", &[SampleDocument::pdf(&bill)], &Extras::default());
        // Same length, other invoice: only the digest tells them apart.
        let other = SampleDocument::pdf(&Bill { number: "NE-1049".to_owned(), ..bill });
        self.documents.last_mut().expect("the event has a document").bytes = other.bytes;
        self.publish(
            "another document under the key",
            &event,
            "dead letter document_mismatch: the sha256 differs, so nothing is sent",
        );

        let bill = self.bill(&catalogue::UNVERIFIABLE, "NE-1050", InvoiceKind::Invoice, power());
        let event = self.event(&bill, "invoice-1050", &[SampleDocument::pdf(&bill)], &Extras::default());
        self.publish("nothing to verify by", &event, "dead letter no_verification_method: neither attached nor linked");

        let bill = self.bill(&catalogue::JOERG, "NE-1051", InvoiceKind::Invoice, power());
        let expires_at = Some(self.at.minus(std::time::Duration::from_hours(1)));
        let event = self.event(
            &bill,
            "invoice-1051",
            &[SampleDocument::pdf(&bill)],
            &Extras { expires_at, ..Extras::default() },
        );
        self.publish("too late", &event, "expired: its time passed before it could be sent");
    }

    fn bill(&self, person: &'static SamplePerson, number: &str, kind: InvoiceKind, lines: Vec<InvoiceLine>) -> Bill {
        // A reminder is of an invoice that is due.
        let age = if kind == InvoiceKind::Reminder { -30 } else { -1 };
        let (issue_date, due_date) = (self.days(age), self.days(age + 14));
        Bill {
            person,
            number: number.to_owned(),
            kind,
            reminder_level: None,
            issue_date,
            due_date,
            corrects: None,
            lines,
        }
    }

    fn days(&self, days: i64) -> Date {
        self.today.saturating_add(Span::new().days(days))
    }

    fn event_id(&self, label: &str) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{SOURCE}/{}/{label}", self.at).as_bytes())
    }

    /// Puts the papers into the store and makes the event that names them.
    fn event(&mut self, bill: &Bill, label: &str, papers: &[SampleDocument], extras: &Extras) -> Value {
        self.documents.extend(papers.iter().map(|paper| paper.stored(bill, &self.run)));
        let documents: Vec<_> =
            (1..).zip(papers).map(|(number, paper)| paper.described(number, bill, &self.run)).collect();
        let owed = if bill.kind == InvoiceKind::CreditNote { Decimal::ZERO } else { bill.total() };
        let mut data = json!({
            "tenant_id": bill.person.house.id,
            "customer_id": bill.person.id,
            "locale": bill.person.locale,
            "invoice": {
                "id": self.event_id(&bill.number),
                "number": bill.number,
                "kind": bill.kind,
                "issue_date": bill.issue_date,
                "currency": "EUR",
                "total": bill.total().to_string(),
                "amount_due": owed.to_string(),
                "payment_reference": bill.number,
            },
            "recipients": extras.recipients,
            "documents": documents,
        });
        if bill.kind != InvoiceKind::CreditNote {
            data["invoice"]["due_date"] = json!(bill.due_date);
        }
        if let Some(level) = bill.reminder_level {
            data["invoice"]["reminder_level"] = json!(level);
        }
        if let Some(moment) = extras.expires_at {
            data["expires_at"] = json!(moment);
        }
        json!({
            "specversion": "1.0",
            "id": self.event_id(label),
            "source": SOURCE,
            "type": "invoice.sent.v1",
            "time": self.at,
            "datacontenttype": "application/json",
            "data": data,
        })
    }

    fn publish(&mut self, label: &'static str, event: &Value, expect: &'static str) {
        self.push(label, event.to_string().into_bytes(), expect);
    }

    fn push(&mut self, label: &'static str, bytes: Vec<u8>, expect: &'static str) {
        self.events.push(DemoEvent { label, bytes, expect });
    }
}

fn to(address: &str, name: Option<&str>) -> Value {
    json!({ "role": "to", "address": address, "name": name })
}
