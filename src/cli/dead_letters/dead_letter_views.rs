//! Dead letters as people and programs see them.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::clean::is_unsafe;
use crate::cli::terminal::format::{moment, relative};
use crate::cli::terminal::output::{ListRow, Output, shown, spelled};
use crate::cli::terminal::report::TextReport;
use crate::cli::terminal::table::Column;
use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::DeadLetterState;
use crate::operator::redriven::{Fate, Redriven};
use crate::store::{DeadLetter, DeadLetterGroup};
use crate::telemetry::AddressMask;

/// A larger event is cut for people.
const SHOWN_MAX: usize = 16 << 10;

/// Dead letters of one cause.
#[derive(Serialize)]
pub(in crate::cli) struct GroupRow {
    /// What `--group` takes.
    group: String,
    count: i64,
    #[serde(serialize_with = "shown")]
    class: ReasonCode,
    #[serde(serialize_with = "spelled")]
    phase: Option<Phase>,
    code: Option<String>,
    oldest: Timestamp,
    /// The newest of them, and what it says.
    example: DeadLetterId,
    reason: String,
    hint: String,
    #[serde(skip)]
    now: Timestamp,
}

impl GroupRow {
    pub(in crate::cli) fn of(group: DeadLetterGroup, now: Timestamp) -> Self {
        let DeadLetterGroup { count, oldest, example } = group;
        let DeadLetter { id, class, phase, code, reason, hint, fingerprint, .. } = example;
        Self { group: fingerprint, count, class, phase, code, oldest, example: id, reason, hint, now }
    }
}

impl ListRow for GroupRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("COUNT"),
        Column::whole("CLASS"),
        Column::text("OLDEST").wide_only(),
        Column::whole("NEWEST ID").wide_only(),
        Column::whole("GROUP"),
        Column::text("WHAT TO DO").wide_only(),
        Column::text("WHAT IT SAYS"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.count.to_string(),
            self.class.to_string(),
            relative(self.oldest, self.now),
            self.example.to_string(),
            self.group.clone(),
            self.hint.clone(),
            self.reason.clone(),
        ]
    }
}

/// A dead letter in a list.
#[derive(Serialize)]
pub(in crate::cli) struct LetterRow {
    id: DeadLetterId,
    #[serde(serialize_with = "shown")]
    state: DeadLetterState,
    #[serde(serialize_with = "shown")]
    class: ReasonCode,
    /// What `--group` takes.
    group: String,
    tenant_id: Option<TenantId>,
    customer_id: Option<CustomerId>,
    invoice_number: Option<String>,
    /// The three are no more than what the event claims, which could not be read.
    claimed: bool,
    #[serde(serialize_with = "spelled")]
    kind: Option<InvoiceKind>,
    source: Option<String>,
    event_id: Option<String>,
    delivery_id: Option<DeliveryId>,
    #[serde(serialize_with = "spelled")]
    phase: Option<Phase>,
    code: Option<String>,
    reason: String,
    hint: String,
    attempts: u32,
    first_failed_at: Timestamp,
    last_failed_at: Timestamp,
    #[serde(rename = "settled_at")]
    concluded_at: Option<Timestamp>,
    #[serde(rename = "settled_by")]
    concluded_by: Option<String>,
    note: Option<String>,
    #[serde(skip)]
    now: Timestamp,
}

impl LetterRow {
    pub(in crate::cli) fn of(letter: DeadLetter, now: Timestamp) -> Self {
        Self {
            claimed: letter.is_claimed(),
            id: letter.id,
            state: letter.state,
            class: letter.class,
            group: letter.fingerprint,
            tenant_id: letter.tenant,
            customer_id: letter.customer,
            invoice_number: letter.invoice_number,
            kind: letter.kind,
            source: letter.source,
            event_id: letter.event_id,
            delivery_id: letter.delivery,
            phase: letter.phase,
            code: letter.code,
            reason: letter.reason,
            hint: letter.hint,
            attempts: letter.attempts,
            first_failed_at: letter.first_failed_at,
            last_failed_at: letter.last_failed_at,
            concluded_at: letter.concluded_at,
            concluded_by: letter.concluded_by,
            note: letter.note,
            now,
        }
    }

    /// The invoice's number, what it is beyond an invoice, and whether anything proves it.
    fn number(&self) -> String {
        let number = self.invoice_number.as_deref().unwrap_or("-");
        match self.kind.filter(|kind| *kind != InvoiceKind::Invoice) {
            _ if self.claimed && self.invoice_number.is_some() => format!("{number} (claimed)"),
            Some(kind) => format!("{number} ({})", kind.label()),
            None => number.to_owned(),
        }
    }

    /// Where it stands, and who decided so: `discarded 2 h ago by ada: test data`.
    fn stands(&self) -> String {
        let mut stands = self.state.to_string();
        if let Some(at) = self.concluded_at {
            stands = format!("{stands} {}", relative(at, self.now));
        }
        if let Some(who) = &self.concluded_by {
            stands = format!("{stands} by {who}");
        }
        match &self.note {
            Some(note) => format!("{stands}: {note}"),
            None => stands,
        }
    }
}

impl ListRow for LetterRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("ID"),
        Column::whole("INVOICE"),
        Column::whole("CODE").if_room(),
        Column::text("TENANT").wide_only(),
        Column::text("LAST FAILED").wide_only(),
        Column::text("STATE").wide_only(),
        Column::text("WHY"),
    ];

    fn cells(&self) -> Vec<String> {
        let tenant = self.tenant_id.as_ref().map_or("-", TenantId::as_str);
        vec![
            self.id.to_string(),
            self.number(),
            self.code.clone().unwrap_or_else(|| "-".to_owned()),
            tenant.to_owned(),
            relative(self.last_failed_at, self.now),
            self.stands(),
            format!("{}: {}", self.class, self.reason),
        ]
    }
}

/// All about one dead letter.
#[derive(Serialize)]
pub(in crate::cli) struct ShownDeadLetter {
    #[serde(flatten)]
    letter: LetterRow,
    /// The event's bytes, if they are text and not forgotten.
    event: Option<String>,
    /// The event's bytes, if they are no text.
    event_base64: Option<String>,
    #[serde(skip)]
    bytes: Option<Bytes>,
}

impl ShownDeadLetter {
    pub(in crate::cli) fn of(letter: DeadLetter, bytes: Option<Bytes>, now: Timestamp) -> Self {
        let text = bytes.as_deref().map(std::str::from_utf8);
        let event = text.and_then(Result::ok).map(str::to_owned);
        let event_base64 = bytes.as_deref().filter(|_| event.is_none()).map(|bytes| STANDARD.encode(bytes));
        Self { letter: LetterRow::of(letter, now), event, event_base64, bytes }
    }

    pub(in crate::cli) fn text(&self, output: Output) -> String {
        const INDENT: usize = 16;
        let letter = &self.letter;
        let mut report = TextReport::new(output);
        let invoice = letter.invoice_number.as_deref().unwrap_or("an unknown invoice");
        let tenant = letter.tenant_id.as_ref().map_or("an unknown tenant", TenantId::as_str);
        let kind = letter.kind.map(|kind| format!("{} ", kind.label())).unwrap_or_default();
        report.headline(&format!("{kind}{invoice} of {tenant}: {}, {}", letter.class, letter.state));
        report.gap();
        report.fact("why", INDENT, &letter.reason);
        report.fact("what to do", INDENT, &letter.hint);
        if letter.claimed && (letter.invoice_number.is_some() || letter.tenant_id.is_some()) {
            report.fact("claimed", INDENT, "tenant, customer and number are what the event says, and nothing proves");
        }
        report.gap();
        let at = |at: Timestamp| format!("{} ({})", moment(at), relative(at, letter.now));
        let smtp: Vec<String> =
            letter.phase.map(|phase| phase.to_string()).into_iter().chain(letter.code.clone()).collect();
        let fields = [
            ("id", Some(letter.id.to_string())),
            ("group", Some(letter.group.clone())),
            ("state", letter.concluded_at.map(|_| letter.stands())),
            ("customer", letter.customer_id.as_ref().map(ToString::to_string)),
            ("event", letter.event_id.clone()),
            ("published by", letter.source.clone()),
            ("delivery", letter.delivery_id.map(|delivery| delivery.to_string())),
            ("relay's answer", (!smtp.is_empty()).then(|| smtp.join(", "))),
            ("attempts", (letter.attempts > 0).then(|| letter.attempts.to_string())),
            ("first failed", (letter.first_failed_at != letter.last_failed_at).then(|| at(letter.first_failed_at))),
            ("last failed", Some(at(letter.last_failed_at))),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                report.fact(name, INDENT, &value);
            }
        }
        report.gap();
        match &self.bytes {
            None => report.headline("The event's bytes have been deleted"),
            Some(bytes) => {
                report.headline(&format!("The event, {} bytes", bytes.len()));
                // Masked, as everywhere; --body writes it as it came.
                report.quoted(
                    &AddressMask::default().text_without_addresses(&visible(&bytes[..bytes.len().min(SHOWN_MAX)])),
                );
                if bytes.len() > SHOWN_MAX {
                    report.quoted("… (--body writes all)");
                }
            }
        }
        report.finish()
    }
}

/// Bytes as text whose control characters, and whatever is no text, can be seen: `\u{1b}`, `\xff`.
pub(in crate::cli) fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push(c),
                '\t' => text.push_str("    "),
                c if is_unsafe(c) => {
                    text.extend(c.escape_unicode());
                }
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// What became of a letter that a person acted upon.
#[derive(Serialize)]
pub(in crate::cli) struct Fated {
    dead_letter_id: DeadLetterId,
    /// `due`, `waiting`, `duplicate`, `duplicate_invoice`, `dead`; `discarded`; `open`; `unchanged`.
    result: &'static str,
    /// What that means.
    detail: String,
    delivery_id: Option<DeliveryId>,
    #[serde(serialize_with = "spelled")]
    class: Option<ReasonCode>,
}

impl Fated {
    pub(in crate::cli) fn back(redriven: &Redriven) -> Self {
        let (result, detail) = match redriven.fate {
            Fate::Due(_) => ("due", "it is sent with today's data".to_owned()),
            Fate::Waiting => ("waiting", "its customer is not known yet; import the customer".to_owned()),
            Fate::Duplicate => ("duplicate", "the event was taken in by another way meanwhile".to_owned()),
            Fate::DuplicateInvoice(_) => {
                ("duplicate_invoice", "the invoice came under another event id meanwhile".to_owned())
            }
            Fate::DeadOtherwise(class) => ("dead", format!("a dead letter of class {class} now: {}", class.hint())),
        };
        let delivery = match redriven.fate {
            Fate::Due(delivery) | Fate::DuplicateInvoice(delivery) => Some(delivery),
            _ => None,
        };
        let class = if let Fate::DeadOtherwise(class) = redriven.fate { Some(class) } else { None };
        let detail = match redriven.ignored_expiry {
            Some(expiry) => format!("{detail}, although the event ended at {}", moment(expiry)),
            None => detail,
        };
        Self { dead_letter_id: redriven.letter, result, detail, delivery_id: delivery, class }
    }

    pub(in crate::cli) fn done(dead_letter_id: DeadLetterId, result: &'static str) -> Self {
        Self { dead_letter_id, result, detail: String::new(), delivery_id: None, class: None }
    }

    pub(in crate::cli) fn stays(dead_letter_id: DeadLetterId, reason: String) -> Self {
        Self { dead_letter_id, result: "unchanged", detail: reason, delivery_id: None, class: None }
    }

    pub(in crate::cli) fn stays_as_before(&self) -> bool {
        self.result == "unchanged"
    }
}

impl ListRow for Fated {
    const COLUMNS: &'static [Column] =
        &[Column::whole("DEAD LETTER"), Column::text("RESULT"), Column::text("WHAT IT MEANS")];

    fn cells(&self) -> Vec<String> {
        vec![self.dead_letter_id.to_string(), self.result.to_owned(), self.detail.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_would_steer_the_terminal_is_seen() {
        let cases: [(&[u8], &str); 5] = [
            (b"{\"a\": \"\xc3\xa4\"}\n", "{\"a\": \"ä\"}\n"),
            (b"\x1b[31m\x07\r\n", "\\u{1b}[31m\\u{7}\\u{d}\n"),
            (b"a\tb\0", "a    b\\u{0}"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("\u{202e}x".as_bytes(), "\\u{202e}x"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(visible(bytes), expected);
        }
    }
}
