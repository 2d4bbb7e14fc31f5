//! `publish`: events from files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use super::Globals;
use super::error::Advise;
use super::lookup::event_files::{self, EventPlace, FileEvent};
use super::open::broker;
use super::terminal::format::count;
use super::terminal::output::{ListRow, Output, spelled};
use super::terminal::table::Column;
use crate::app::App;
use crate::broker::{BrokerUrl, Published, Publisher, Topology};
use crate::clock::Clock;
use crate::event::MemberWarning;
use crate::intake::{Parsed, Verdict};
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::DeliveryId;
use crate::model::incoming::{Incoming, Via};
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryState;
use crate::store::NewAuditEntry;

/// Events in one transaction, or in one window of the broker.
const BATCH_MAX: usize = 500;
/// More rows than this are summed up for people.
const ROWS_MAX: usize = 50;
/// More faults than this are counted only.
const FAULTS_MAX: usize = 10;

/// Publish invoice events from files
///
/// To RabbitMQ if `AMQP_URL` is set, else straight into the intake. A file holds one event (JSON), a list of events, or
/// one event a line. If an event of any file cannot be read, none is published.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher publish examples/events/01-invoice-business.json
  invoice-dispatcher publish october.ndjson november.ndjson")]
pub struct PublishArgs {
    /// The files; `-` for standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Publish nothing if an event holds something unknown
    #[arg(long)]
    pub strict: bool,
}

/// What became of one event.
#[derive(Debug, Clone, Serialize)]
struct PublishedRow {
    file: String,
    line: usize,
    #[serde(rename = "id")]
    event_id: String,
    source: String,
    #[serde(rename = "tenant_id")]
    tenant: String,
    #[serde(rename = "invoice_number")]
    invoice: String,
    /// `published`, `unroutable`, `refused` by the broker; `accepted`, `duplicate`, `duplicate_invoice`, `redriven`,
    /// `waiting`, `dead_letter` by the intake.
    result: &'static str,
    /// What that means, and what to do.
    detail: String,
    #[serde(rename = "delivery_id")]
    delivery: Option<DeliveryId>,
    /// Where the delivery of a duplicate stands.
    #[serde(serialize_with = "spelled")]
    state: Option<DeliveryState>,
    #[serde(serialize_with = "spelled")]
    class: Option<ReasonCode>,
}

impl ListRow for PublishedRow {
    const COLUMNS: &'static [Column] = &[
        Column::text("INVOICE"),
        Column::text("TENANT").wide_only(),
        Column::text("EVENT").wide_only(),
        Column::text("RESULT"),
        Column::text("WHAT IT MEANS"),
    ];

    fn cells(&self) -> Vec<String> {
        let Self { invoice, tenant, event_id, result, detail, .. } = self;
        vec![invoice.clone(), tenant.clone(), event_id.clone(), (*result).to_owned(), detail.clone()]
    }
}

impl PublishedRow {
    fn of(event: &FileEvent) -> Self {
        let FileEvent { place, event, .. } = event;
        Self {
            file: place.file.clone(),
            line: place.line,
            event_id: event.id.clone(),
            source: event.source.clone(),
            tenant: event.data.tenant_id.to_string(),
            invoice: event.data.invoice.number.clone(),
            result: "",
            detail: String::new(),
            delivery: None,
            state: None,
            class: None,
        }
    }

    fn at_broker(event: &FileEvent, published: Published) -> Self {
        let (result, detail) = match published {
            Published::Confirmed => ("published", "RabbitMQ has it; a worker takes it from there"),
            Published::Unroutable => {
                ("unroutable", "no queue is bound to the exchange; `doctor` names what is missing")
            }
            Published::Refused => ("refused", "the queue is full or away; publish it again later"),
        };
        Self { result, detail: detail.to_owned(), ..Self::of(event) }
    }

    fn at_intake(event: &FileEvent, verdict: Verdict) -> Self {
        let row = Self::of(event);
        let say = |result, detail: &str| (result, detail.to_owned());
        let (result, detail) = match verdict {
            Verdict::Accepted(_) => say("accepted", "a worker sends it"),
            Verdict::Duplicate => say("duplicate", "it was taken in before, with the same content"),
            Verdict::Redrive(_) => say("redriven", "it was a dead letter and is tried again"),
            Verdict::DuplicateInvoice(_) => say(
                "duplicate_invoice",
                "the invoice came under another event id within a day; use `resend` to send it again",
            ),
            Verdict::Waiting => say("waiting", "its customer is not known yet; import the customer"),
            Verdict::DeadLetter(class) => ("dead_letter", format!("{class}: {}", class.hint())),
        };
        let delivery = match verdict {
            Verdict::Accepted(delivery) | Verdict::DuplicateInvoice(delivery) => Some(delivery),
            _ => None,
        };
        let class = if let Verdict::DeadLetter(class) = verdict { Some(class) } else { None };
        Self { result, detail, delivery, class, ..row }
    }

    /// A duplicate with what became of the event that came first.
    fn of_earlier(self, delivery: DeliveryId, state: DeliveryState) -> Self {
        let detail = format!("{}; its delivery {delivery} is {state}", self.detail);
        Self { detail, delivery: Some(delivery), state: Some(state), ..self }
    }

    /// Whether the event is stored nowhere.
    fn is_lost(&self) -> bool {
        matches!(self.result, "unroutable" | "refused")
    }
}

/// Does what the command line says.
pub async fn run(args: PublishArgs, globals: &Globals) -> anyhow::Result<()> {
    let config = globals.load_quietly()?;
    let events = read(&args.files)?;
    let warnings = warnings(&events);
    if args.strict && !warnings.is_empty() {
        return Err(anyhow::anyhow!("something of the events is unknown: {}", warnings.join("; ")))
            .what_to_do("correct it and publish again, or leave --strict out; nothing was published");
    }
    for warning in &warnings {
        globals.output().warn(warning);
    }
    let rows = match broker(&config)? {
        Some((url, topology)) => publish(url, topology, &events).await?,
        None => take_in(&globals.open().await?, &events, &globals.who()).await?,
    };
    show(globals.output(), &rows)?;
    match rows.iter().filter(|row| row.is_lost()).count() {
        0 => Ok(()),
        lost => Err(anyhow::anyhow!("{} of {} not taken by RabbitMQ", count(lost, "event"), rows.len()))
            .what_to_do("do what the table says and publish them again; what was taken is not sent twice"),
    }
}

/// Every event of every file, or what is wrong with some.
fn read(files: &[PathBuf]) -> anyhow::Result<Vec<FileEvent>> {
    let (mut events, mut faults) = (Vec::new(), Vec::new());
    for path in files {
        let (name, bytes) = event_files::read(path)?;
        let (some_events, some_faults) = event_files::events(&name, &bytes);
        events.extend(some_events);
        faults.extend(some_faults);
    }
    if faults.is_empty() {
        return Ok(events);
    }
    let text = match faults.as_slice() {
        [fault] => fault.to_string(),
        faults => {
            let more = faults.len().saturating_sub(FAULTS_MAX);
            let named = faults.iter().take(FAULTS_MAX).map(ToString::to_string);
            let more = (more > 0).then(|| format!("and {more} more"));
            let named: Vec<String> = named.chain(more).collect();
            format!("{} cannot be read: {}", count(faults.len(), "event"), named.join("; "))
        }
    };
    Err(anyhow::anyhow!(text)).what_to_do("correct it and publish again; nothing was published")
}

/// What of the events is ignored: each place once, with the first event that has it.
fn warnings(events: &[FileEvent]) -> Vec<String> {
    let mut found: BTreeMap<MemberWarning, (&EventPlace, usize)> = BTreeMap::new();
    for event in events {
        for warning in event.warnings() {
            found.entry(warning).or_insert((&event.place, 0)).1 += 1;
        }
    }
    let sentence = |(MemberWarning { path, problem }, (place, times)): (MemberWarning, (&EventPlace, usize))| {
        let others = if times > 1 { format!(" (as in {} more)", count(times - 1, "event")) } else { String::new() };
        format!("{place}: {path} {problem}{others}")
    };
    let more = found.len().saturating_sub(FAULTS_MAX);
    let mut sentences: Vec<String> = found.into_iter().take(FAULTS_MAX).map(sentence).collect();
    if more > 0 {
        sentences.push(format!("and {more} more like these"));
    }
    sentences
}

async fn publish(url: BrokerUrl, topology: Topology, events: &[FileEvent]) -> anyhow::Result<Vec<PublishedRow>> {
    let publisher = Publisher::new(url, topology, Clock::system());
    let mut rows = Vec::with_capacity(events.len());
    for batch in events.chunks(BATCH_MAX) {
        let bodies: Vec<_> = batch.iter().map(|event| event.body.clone()).collect();
        let published = publisher.publish_events(&bodies).await.what_to_do(
            "start RabbitMQ or correct AMQP_URL, then publish again; what was published already is not sent twice",
        )?;
        rows.extend(batch.iter().zip(published).map(|(event, published)| PublishedRow::at_broker(event, published)));
    }
    publisher.close().await;
    Ok(rows)
}

async fn take_in(app: &App, events: &[FileEvent], who: &Actor) -> anyhow::Result<Vec<PublishedRow>> {
    // Each batch is taken in by itself, as a publisher's: that it was a person is kept before.
    let first = events.first().map(|event| event.event.id.as_str()).unwrap_or_default();
    let entry = NewAuditEntry::new(AuditAction::EventsPublished, who).about(first);
    app.store.audit(&entry.with(json!({ "events": events.len() }))).await?;
    let mut rows = Vec::with_capacity(events.len());
    for batch in events.chunks(BATCH_MAX) {
        let parsed = |event: &FileEvent| Parsed::of(Incoming::new(event.body.clone(), Via::File));
        let verdicts = app.intake.take(&batch.iter().map(parsed).collect::<Vec<_>>()).await?;
        let twice = batch.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Duplicate);
        let twice: Vec<_> = twice.map(|(event, _)| event.event.key()).collect();
        let earlier = app.store.main_deliveries_of(&twice).await?;
        for (event, verdict) in batch.iter().zip(verdicts) {
            let row = PublishedRow::at_intake(event, verdict);
            let earlier = earlier.get(&event.event.key()).filter(|_| verdict == Verdict::Duplicate);
            rows.push(
                earlier.map_or_else(|| row.clone(), |(delivery, state)| row.clone().of_earlier(*delivery, *state)),
            );
        }
    }
    Ok(rows)
}

/// A few rows are shown one by one; of many only those that need a person.
fn show(output: Output, rows: &[PublishedRow]) -> anyhow::Result<()> {
    if output.is_json() || rows.len() <= ROWS_MAX {
        output.rows(rows, "")?;
        return Ok(());
    }
    let is_plain = |row: &&PublishedRow| matches!(row.result, "published" | "accepted");
    let plain = rows.iter().filter(is_plain).count();
    let others: Vec<&PublishedRow> = rows.iter().filter(|row| !is_plain(row)).take(ROWS_MAX).collect();
    if !others.is_empty() {
        output.rows(&others, "")?;
    }
    let hidden = rows.len() - plain - others.len();
    let more = if hidden > 0 { format!(", {hidden} more not shown (--json lists all)") } else { String::new() };
    let word = rows.iter().find(is_plain).map_or("accepted", |row| row.result);
    output.say(&format!("{}: {plain} {word}, {} otherwise{more}", count(rows.len(), "event"), rows.len() - plain))?;
    Ok(())
}
