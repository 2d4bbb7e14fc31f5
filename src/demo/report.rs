//! What became of each event: a table for people, one JSON object a line for machines. Pure.

use std::fmt::Write;
use std::path::PathBuf;

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Row, Table, Width, presets};
use serde::Serialize;

use crate::compose::Attachment;
use crate::model::reason::ReasonCode;
use crate::model::state::Decision;
use crate::policy::decision::Reason;

/// What became of one event; several rows if it made several deliveries, as a Bcc does.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReportRow {
    /// The event's id; none if it could not be read.
    pub event_id: Option<String>,
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The invoice's number.
    pub invoice: Option<String>,
    /// The tenant's policy, `sensitive_attachments`.
    pub policy: Option<String>,
    /// Private or business; none if unknown.
    pub customer_type: Option<String>,
    /// Documents or a link; none if nothing was decided.
    #[serde(serialize_with = "spelled")]
    pub decision: Option<Decision>,
    /// Why it was decided so.
    #[serde(serialize_with = "spelled")]
    pub reason: Option<Reason>,
    /// The delivery's state, or what became of an event without one: `dead`, `duplicate`.
    pub state: String,
    /// Why it stands there.
    #[serde(serialize_with = "spelled")]
    pub class: Option<ReasonCode>,
    /// The mail's Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// What the mail holds.
    pub attachments: Vec<Attachment>,
    /// Whether the mail carries a link into the portal. For the table; programs read `decision`.
    #[serde(skip)]
    pub portal_link: bool,
    /// Where the mail lies.
    pub eml: Option<PathBuf>,
}

/// Where to look when all is done.
#[derive(Debug, Clone)]
pub struct WhereToLook {
    /// A link that leads into the console once, if it still runs.
    pub console: Option<String>,
    /// The catcher's page, if it still runs.
    pub page: Option<String>,
    /// The folder of the mails.
    pub mails: PathBuf,
    pub database: PathBuf,
}

/// How the table may look.
#[derive(Debug, Clone, Copy)]
pub struct TableStyle {
    /// The width of the terminal, in columns.
    pub columns: u16,
    /// Colours, and nothing said by colour alone.
    pub colour: bool,
}

/// Written to a file or a pipe, the table has this width.
const COLUMNS_WITHOUT_TERMINAL: u16 = 120;

/// Narrower than this, the table would be a column of single words.
const COLUMNS_MIN: u16 = 80;

/// Wider than this, lines are hard to follow.
const COLUMNS_MAX: u16 = 160;

impl TableStyle {
    /// As standard output is: colour on a terminal only, and not if `NO_COLOR` is set.
    #[must_use]
    pub fn of_stdout() -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        let columns = terminal.then(|| Table::new().width()).flatten().unwrap_or(COLUMNS_WITHOUT_TERMINAL);
        Self {
            columns: columns.clamp(COLUMNS_MIN, COLUMNS_MAX),
            colour: terminal && crate::telemetry::colour_is_wanted(),
        }
    }
}

/// One JSON object a line, in the order of the rows.
///
/// # Errors
/// If a path is not UTF-8, which JSON cannot say.
pub fn json_lines(rows: &[ReportRow]) -> serde_json::Result<String> {
    rows.iter().try_fold(String::new(), |mut lines, row| {
        lines.push_str(&serde_json::to_string(row)?);
        lines.push('\n');
        Ok(lines)
    })
}

/// The table, the sums below it, and where to look.
#[must_use]
pub fn human(rows: &[ReportRow], look: TableStyle, place: &WhereToLook) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::DynamicFullWidth);
    table.set_width(look.columns);
    if look.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let bold = |text| if look.colour { Cell::new(text).add_attribute(Attribute::Bold) } else { Cell::new(text) };
    let titles = ["Invoice", "Policy, customer", "Decision, why", "State", "The mail holds"];
    table.set_header(titles.map(bold).to_vec());
    for row in rows {
        table.add_row(cells(row, look));
    }
    table.set_constraints(widths(look.columns).map(|width| ColumnConstraint::Absolute(Width::Fixed(width))));
    format!("{}\n\n{}\n\n{}", table.trim_fmt(), sums(rows), where_to_look(rows, place))
}

/// The columns' widths with their padding. From 100 columns on, codes such as `exclude_for_private` and
/// `no_verification_method` stay whole; the files take what is left.
fn widths(columns: u16) -> [u16; 5] {
    let [invoice, policy, decision, state] = match columns {
        ..100 => [12, 15, 17, 16],
        100..115 => [11, 21, 18, 24],
        115.. => [12, 22, 26, 24],
    };
    let between = 4; // one column between two of the table's
    [invoice, policy, decision, state, columns - invoice - policy - decision - state - between]
}

fn cells(row: &ReportRow, look: TableStyle) -> Row {
    let tint = |cell: Cell, colour| if look.colour { cell.fg(colour) } else { cell };
    let policy = match (&row.policy, &row.customer_type) {
        (None, None) => "–".to_owned(),
        (Some(policy), None) => format!("{}\ntype unknown", tame(policy)),
        (Some(policy), Some(kind)) => format!("{}\n{}", tame(policy), tame(kind)),
        (None, Some(kind)) => tame(kind),
    };
    let invoice = match (&row.invoice, &row.tenant) {
        (Some(invoice), Some(tenant)) => format!("{}\n{}", tame(invoice), tame(tenant)),
        (Some(one), None) | (None, Some(one)) => tame(one),
        (None, None) => "not readable".to_owned(),
    };
    let decision = match (row.decision, row.reason) {
        (Some(decision), Some(reason)) => format!("{decision}\n{}", because(reason)),
        (Some(decision), None) => decision.to_string(),
        _ => "–".to_owned(),
    };
    // Accepted means sent, and a class that is spelled like its state says nothing new.
    let telling = |class: &ReasonCode| *class != ReasonCode::Accepted && class.into_str() != row.state;
    let class = row.class.filter(telling).map(|class| format!("\n{class}"));
    let state = format!("{}{}", tame(&row.state), class.unwrap_or_default());
    Row::from(vec![
        Cell::new(invoice),
        Cell::new(policy),
        Cell::new(decision),
        tint(Cell::new(state), colour_of(&row.state)),
        Cell::new(holds(row)),
    ])
}

fn colour_of(state: &str) -> Color {
    match state {
        "sent" => Color::Green,
        "dead" | "uncertain" => Color::Red,
        "rejected" | "expired" => Color::Yellow,
        _ => Color::DarkGrey,
    }
}

/// The reason as a clause.
const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::PolicyInclude => "for everybody",
        Reason::PolicyExclude => "for nobody",
        Reason::BusinessCustomer => "is a business",
        Reason::PrivateCustomer => "is private",
        Reason::UnknownCustomerType => "type unknown",
        Reason::TooLarge => "too large to send",
        Reason::LinkOnly => "asked for by hand",
        Reason::EarlierDecision => "as decided before",
    }
}

fn holds(row: &ReportRow) -> String {
    if row.eml.is_none() {
        return "no email".to_owned();
    }
    if row.attachments.is_empty() {
        return if row.portal_link { "a portal link" } else { "no file, no link" }.to_owned();
    }
    let lines: Vec<String> =
        row.attachments.iter().map(|file| format!("{} ({})", tame(&file.name), size(file.size))).collect();
    lines.join("\n")
}

fn size(bytes: u64) -> String {
    // No break between number and unit.
    match bytes {
        0..1_000 => format!("{bytes}\u{a0}B"),
        1_000..1_000_000 => format!("{}.{}\u{a0}kB", (bytes + 50) / 1_000, (bytes + 50) / 100 % 10),
        _ => format!("{}.{}\u{a0}MB", (bytes + 50_000) / 1_000_000, (bytes + 50_000) / 100_000 % 10),
    }
}

/// How many rows stand in each state, in the order in which the states first occur.
fn sums(rows: &[ReportRow]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for row in rows {
        match counts.iter_mut().find(|(state, _)| *state == row.state) {
            Some((_, count)) => *count += 1,
            None => counts.push((&row.state, 1)),
        }
    }
    let counts: Vec<String> = counts.into_iter().map(|(state, count)| format!("{count} {}", tame(state))).collect();
    format!("In all: {}.", counts.join(", "))
}

fn where_to_look(rows: &[ReportRow], place: &WhereToLook) -> String {
    let mut text = String::from("Where to look\n");
    let mut line =
        |label: &str, what: &str| writeln!(text, "  {label:<10} {what}").expect("writing to a string cannot fail");
    if let Some(link) = &place.console {
        line("console", &format!("{link} — works once, and signs the administrator in"));
    }
    if let Some(page) = &place.page {
        line("the emails", &format!("{page} — as the recipients see them"));
        line("the codes", &format!("{page}/texts — text messages, as the phones would show them"));
    }
    line("as files", &format!("{} — one .eml for each, to open in any email program", place.mails.display()));
    line("database", &place.database.display().to_string());
    let mut hints: Vec<ReasonCode> =
        rows.iter().filter(|row| row.state == "dead").filter_map(|row| row.class).collect();
    hints.sort_unstable();
    hints.dedup();
    if !hints.is_empty() {
        text.push_str("\nWhat the dead letters want\n");
        let width = hints.iter().map(|class| class.into_str().len()).max().unwrap_or(0);
        for class in hints {
            writeln!(text, "  {class:<width$}  {}", class.hint()).expect("writing to a string cannot fail");
        }
    }
    text
}

/// Text from an event, for a terminal: no control characters, which could move the cursor or worse.
fn tame(text: &str) -> String {
    crate::clean::marked(text)
}

/// An enum by its one spelling.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn spelled<T: std::fmt::Display, S: serde::Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MediaType;
    use crate::sha256::Sha256;

    fn rows() -> Vec<ReportRow> {
        let file = |name: &str, media_type, size| Attachment {
            name: name.to_owned(),
            media_type,
            size,
            sha256: Sha256::of(name.as_bytes()),
        };
        let text = |text: &str| Some(text.to_owned());
        let sent = ReportRow {
            event_id: text("7f1b0d7e-1c1f-4f0e-9a55-0f5f6d1c2a01"),
            tenant: text("nordlicht"),
            invoice: text("NE-1041"),
            policy: text("exclude_for_private"),
            customer_type: text("business"),
            decision: Some(Decision::Attach),
            reason: Some(Reason::BusinessCustomer),
            state: "sent".to_owned(),
            class: Some(ReasonCode::Accepted),
            message_id: text("019ab0-1@nordlicht.example"),
            attachments: vec![
                file("NE-1041.pdf", MediaType::Pdf, 3_647),
                file("NE-1041.xml", MediaType::Xml, 4_495),
                file("Zaehlerablesung-Oktober.pdf", MediaType::Pdf, 1_310),
            ],
            portal_link: false,
            eml: Some(PathBuf::from("data/mail/0001-019ab0.eml")),
        };
        let linked = ReportRow {
            invoice: text("NE-1043"),
            customer_type: None,
            decision: Some(Decision::Link),
            reason: Some(Reason::UnknownCustomerType),
            attachments: Vec::new(),
            portal_link: true,
            ..sent.clone()
        };
        let dead = |class| ReportRow {
            event_id: text("x"),
            state: "dead".to_owned(),
            class: Some(class),
            ..ReportRow::default()
        };
        let mismatch = ReportRow {
            invoice: text("NE-1048"),
            policy: text("exclude_for_private"),
            eml: None,
            attachments: Vec::new(),
            state: "dead".to_owned(),
            class: Some(ReasonCode::DocumentMismatch),
            ..sent.clone()
        };
        vec![sent, linked, mismatch, dead(ReasonCode::Malformed), dead(ReasonCode::NoVerificationMethod)]
    }

    fn shown(rows: &[ReportRow], columns: u16, colour: bool) -> String {
        let place = WhereToLook {
            console: None,
            page: Some("http://127.0.0.1:8025".to_owned()),
            mails: PathBuf::from("data/mail"),
            database: PathBuf::from("data/dispatcher.db"),
        };
        human(rows, TableStyle { columns, colour }, &place)
    }

    #[test]
    fn the_table_fits_its_width_and_is_plain_without_colour() {
        for columns in [80, 100, 114, 120, 140, 160] {
            let text = shown(&rows(), columns, false);
            assert!(!text.contains('\u{1b}'));
            let table = text.lines().take_while(|line| !line.starts_with("In all"));
            assert!(table.map(|line| line.chars().count()).max() <= Some(usize::from(columns)), "{columns}\n{text}");
            let codes = ["exclude_for_private", "document_mismatch", "no_verification_method"];
            for whole in codes.iter().filter(|_| columns >= 100).chain(&[
                "business",
                "type unknown",
                "a portal",
                "(1.3\u{a0}kB)",
            ]) {
                assert!(text.contains(whole), "{columns}: {whole}\n{text}");
            }
        }
        assert!(shown(&rows(), 120, true).contains("\u{1b}["));
    }

    #[test]
    fn the_sums_and_hints_follow_the_table() {
        let text = shown(&rows(), 120, false);
        assert!(text.contains("In all: 2 sent, 3 dead."));
        assert!(text.contains("http://127.0.0.1:8025"));
        assert!(text.contains(ReasonCode::Malformed.hint()) && text.contains(ReasonCode::DocumentMismatch.hint()));
    }

    #[test]
    fn a_number_cannot_write_to_the_terminal() {
        let hostile = ReportRow { invoice: Some("\u{1b}[2J\u{7}\u{202e}9".to_owned()), ..rows().remove(0) };
        let text = shown(&[hostile], 120, false);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']));
    }

    #[test]
    fn the_json_has_the_promised_keys() {
        let lines = json_lines(&rows()).expect("paths are UTF-8");
        assert_eq!(lines.lines().count(), 5);
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
        let keys: Vec<_> = first.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut expected = vec![
            "event_id",
            "tenant",
            "invoice",
            "policy",
            "customer_type",
            "decision",
            "reason",
            "state",
            "class",
            "message_id",
            "attachments",
            "eml",
        ];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(first["decision"], "attach");
        assert_eq!(first["reason"], "business_customer");
        assert_eq!(first["attachments"][0]["media_type"], "application/pdf");
    }
}
