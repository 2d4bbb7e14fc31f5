//! One run, from an empty database to figures.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;

use invoice_dispatcher::broker::{Published, Publisher};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::event::catalogue::{ImportEntry, parse_import_line};
use invoice_dispatcher::model::actor::Actor;
use invoice_dispatcher::store::Store;

use crate::environment::Environment;
use crate::sink_limit;
use crate::statistics::{SeenMails, SetUp, Statistics};
use crate::worker_process::WorkerProcess;
use crate::workload::{self, Workload};

/// Events that are published before the first confirm is waited for, and the largest batch over HTTP.
const PUBLISHED_AT_ONCE: usize = 500;
/// How often the database is asked whether all is sent.
const LOOK: Duration = Duration::from_millis(50);
/// The same, for one mail on an idle system.
const LOOK_AT_ONE: Duration = Duration::from_millis(2);
/// Without progress for so long, a run has failed.
const PATIENCE: Duration = Duration::from_mins(2);
/// Messages by which the sink's own limit is measured.
const LIMIT_MESSAGES_MAX: u32 = 10_000;

/// What a run sends.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Events.
    pub events: u32,
    /// Of a hundred mails, so many carry a link in place of documents.
    pub links_percent: u8,
    /// About how many bytes a mail with documents has on the wire.
    pub message_bytes: u64,
    /// Connections to the relay.
    pub connections: u32,
    /// Events that are sent one by one afterwards, on an idle system.
    pub singles: u32,
    /// Deliveries that have ended before the run begins.
    pub past: u32,
    /// Whether the sink's own limit is measured beside it.
    pub sink_limit: bool,
}

/// Does one run; `progress` hears of each step.
///
/// # Errors
/// If something that it needs cannot be used, or not every event is sent.
pub async fn run(config: &Config, program: &Path, load: Load, progress: impl Fn(&str)) -> anyhow::Result<Statistics> {
    let ground = Environment::make(config, Clock::system()).await?;
    let figures = measure(&ground, program, load, progress).await;
    let cleared = ground.clear().await;
    let figures = figures?;
    cleared?;
    Ok(figures)
}

async fn measure(
    ground: &Environment,
    program: &Path,
    load: Load,
    progress: impl Fn(&str),
) -> anyhow::Result<Statistics> {
    let traffic = Workload::new(load.message_bytes, load.links_percent);
    traffic.write_documents(&ground.folder.join("documents")).context("the documents cannot be written")?;
    tell_catalogue(&ground.store, &traffic).await?;
    if load.past > 0 {
        progress("writing a past");
        ground.database.add_past(load.past, ground.store.now()).await?;
    }
    let events: Vec<Bytes> = (0..load.events + load.singles).map(|number| traffic.event(number)).collect();
    let (burst, singles) = events.split_at(usize::try_from(load.events).expect("32 bits fit"));

    let publisher = ground.publisher();
    if let Some(publisher) = &publisher {
        progress("publishing");
        publish(Some(publisher), None, burst).await?;
    }
    progress("sending");
    let worker = WorkerProcess::start(program, ground, load.connections).await?;
    if publisher.is_none() {
        publish(None, Some(&worker), burst).await?;
    }
    until_sent(ground, load.events, LOOK).await?;
    let (usage, statements) = (worker.usage(), worker.statements().await?);
    let mails = ground.database.sent_mails(workload::SOURCE).await?;

    progress("sending one by one");
    let sending = Sending { publisher: publisher.as_ref(), worker: &worker };
    let mut times = Vec::with_capacity(singles.len());
    for (event, sent) in singles.iter().zip(load.events + 1..) {
        times.push(single(ground, sending, event, sent).await?);
    }
    let mut seen = SeenMails { mails, usage, statements, singles: times, sink_limit_per_second: None };
    if load.sink_limit {
        progress("measuring the sink's own limit");
        let bytes = seen.mails.iter().map(|mail| mail.message_bytes).sum::<u64>() / u64::from(load.events).max(1);
        let count = load.events.min(LIMIT_MESSAGES_MAX);
        let clock = ground.store.clock();
        seen.sink_limit_per_second = sink_limit::measure(clock, &ground.sink, load.connections, bytes, count).await?;
    }
    let set_up = SetUp {
        connections: load.connections,
        database: ground.database.kind(),
        events_by: ground.events_by(),
        finished_before: load.past,
    };
    Statistics::of(set_up, seen).context("no mail was sent")
}

/// Publishes to the broker, if there is one, else to the worker's API.
async fn publish(
    publisher: Option<&Publisher>,
    worker: Option<&WorkerProcess>,
    events: &[Bytes],
) -> anyhow::Result<()> {
    for batch in events.chunks(PUBLISHED_AT_ONCE) {
        match (publisher, worker) {
            (Some(publisher), _) => {
                let published = publisher.publish_events(batch).await?;
                ensure!(published.iter().all(|what| *what == Published::Confirmed), "the broker did not take an event");
            }
            (None, Some(worker)) => worker.publish(batch).await?,
            (None, None) => bail!("no listener takes events"),
        }
    }
    Ok(())
}

/// Sends one mail on an idle system; returns the time from publishing its event to the relay's answer.
async fn single(ground: &Environment, sending: Sending<'_>, event: &Bytes, sent: u32) -> anyhow::Result<Duration> {
    let published_at = ground.store.now();
    publish(sending.publisher, Some(sending.worker), std::slice::from_ref(event)).await?;
    until_sent(ground, sent, LOOK_AT_ONE).await?;
    let answered_at = ground.database.last_answer().await?.context("the relay has answered something")?;
    Ok(answered_at.since(published_at))
}

/// Who takes an event in.
#[derive(Clone, Copy)]
struct Sending<'a> {
    publisher: Option<&'a Publisher>,
    worker: &'a WorkerProcess,
}

/// Waits until so many deliveries were sent; fails if one ends otherwise, or nothing moves.
async fn until_sent(ground: &Environment, count: u32, look: Duration) -> anyhow::Result<()> {
    let clock = ground.store.clock();
    let (mut moved_at, mut last) = (clock.monotonic(), 0);
    loop {
        let counts = ground.database.concluded().await?;
        let sent = counts.get("sent").copied().unwrap_or(0);
        if let Some((how, count)) = counts.iter().find(|(how, count)| *how != "sent" && **count > 0) {
            bail!("{count} deliveries are {how}; a benchmark counts only if every mail is sent");
        }
        if sent >= i64::from(count) {
            return Ok(());
        }
        let now = clock.monotonic();
        if sent > last {
            (moved_at, last) = (now, sent);
        }
        ensure!(
            now.saturating_sub(moved_at) < PATIENCE,
            "{sent} of {count} mails were sent, and then none for a while"
        );
        tokio::time::sleep(look).await;
    }
}

async fn tell_catalogue(store: &Store, traffic: &Workload) -> anyhow::Result<()> {
    let who = Actor::command_line("the benchmark");
    for line in traffic.catalogue() {
        match parse_import_line(line.as_bytes()).expect("the benchmark's own lines are right") {
            ImportEntry::Tenant(tenant) => store.upsert_tenant(&tenant, &who).await.map(drop)?,
            ImportEntry::Customer(customer) => store.upsert_customer(&customer, &who).await.map(drop)?,
            ImportEntry::Logo(_) => unreachable!("the benchmark has no logos"),
        }
    }
    Ok(())
}
