//! What `doctor` asks RabbitMQ and the document store, and what it reads from files.

use super::check::Check;
use crate::app;
use crate::broker::{Inspection, QueueCounts, QueueFound, QueueState, Topology, TopologyMode, inspect};
use crate::cli::error::sentence;
use crate::cli::open;
use crate::cli::terminal::format::count;
use crate::config::{Config, DocumentsPlace};
use crate::upkeep::reconciliation::QueuedEvents;

const RABBITMQ: &str = "RabbitMQ";

/// Servers elsewhere that are reached so that others on the way could read along.
pub(super) fn unprotected(config: &Config) -> Vec<Check> {
    let found = app::unprotected(config).into_iter();
    found.map(|found| Check::warn(format!("{} TLS", found.variable), found.problem, found.remedy)).collect()
}

/// Files with secrets that other users of this machine can read.
pub(super) fn open_secret_files(config: &Config) -> Vec<Check> {
    let open = config.open_secret_files.iter();
    open.map(|file| Check::warn("secret files", file.to_string(), file.remedy())).collect()
}

/// RabbitMQ, its queues, and whether as many dead letters stand in their mirror as `published` says.
pub(super) async fn broker(config: &Config, published: Option<u64>) -> Vec<Check> {
    let Some(shown) = &config.broker.url else {
        return vec![Check::ok(RABBITMQ, "not configured; events come over HTTP or from files")];
    };
    let (url, topology) = match open::broker(config) {
        Ok(Some(broker)) => broker,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Check::fail(RABBITMQ, sentence(&error), "correct AMQP_URL")],
    };
    match inspect(&url, &topology).await {
        Ok(inspection) => {
            let mut checks = there(&shown.to_string(), &topology, &inspection);
            checks.extend(queues(&topology, &inspection, published));
            checks
        }
        Err(error) => {
            let remedy = "start RabbitMQ, or correct AMQP_URL; events wait at the billing system";
            vec![Check::fail(RABBITMQ, format!("{shown}: {error}"), remedy)]
        }
    }
}

/// What the queues that events come from hold.
pub(super) async fn queued(config: &Config) -> QueuedEvents {
    let mut queued = QueuedEvents::default();
    let inspection = match open::broker(config) {
        Ok(Some((url, topology))) => inspect(&url, &topology).await.map(|found| (found, topology.dead)).ok(),
        Ok(None) => return queued,
        Err(_) => None,
    };
    let Some((inspection, dead)) = inspection else {
        queued.unanswered.push(RABBITMQ.to_owned());
        return queued;
    };
    for QueueState { name, found } in inspection.queues.into_iter().filter(|queue| queue.name != dead) {
        match found {
            QueueFound::Missing => {}
            QueueFound::Counted(QueueCounts { ready, consumers }) => {
                queued.ready += u64::from(ready);
                queued.consumers += u64::from(consumers);
            }
            QueueFound::Unavailable { .. } => queued.unanswered.push(format!("queue {name}")),
        }
    }
    queued
}

/// Whether every exchange and queue is there, and as it should be.
fn there(shown: &str, topology: &Topology, inspection: &Inspection) -> Vec<Check> {
    let queues = inspection.queues.iter().filter(|queue| queue.found == QueueFound::Missing).map(|queue| &queue.name);
    let missing: Vec<&str> = queues.chain(&inspection.missing_exchanges).map(String::as_str).collect();
    let mut checks = Vec::new();
    if missing.is_empty() && inspection.different.is_empty() {
        let compared = if inspection.uncompared.is_empty() {
            "with the arguments that it should have".to_owned()
        } else {
            format!(
                "the arguments of {} cannot be compared without configure permission",
                inspection.uncompared.join(", ")
            )
        };
        checks.push(Check::ok(RABBITMQ, format!("{shown} answers; every exchange and queue is there, {compared}")));
    } else if missing.is_empty() {
        checks.push(Check::ok(RABBITMQ, format!("{shown} answers")));
    } else {
        let detail = format!("{shown} answers; missing: {}", missing.join(", "));
        checks.push(match topology.mode {
            TopologyMode::Declare => Check::warn(RABBITMQ, detail, "start `invoice-dispatcher run`, which makes them"),
            TopologyMode::Verify => {
                Check::fail(RABBITMQ, detail, "declare them, or set topology = \"declare\" to have them made")
            }
        });
    }
    checks.extend(inspection.different.iter().map(|(what, said)| different(topology.mode, what, said)));
    checks
}

/// An exchange or queue that stands there otherwise than we would make it.
fn different(mode: TopologyMode, what: &str, said: &str) -> Check {
    let detail = format!("it is there with other arguments: {said}");
    match mode {
        // The declaration at the start fails, and nothing is consumed.
        TopologyMode::Declare => Check::fail(
            what,
            detail,
            "move its messages away, delete it and start again, or set topology = \"verify\" to use it as it is; until \
             then no event is taken in",
        ),
        TopologyMode::Verify => Check::warn(
            what,
            detail,
            "nothing, if whoever declared it meant that; else delete it, and have it made with topology = \"declare\"",
        ),
    }
}

fn queues(topology: &Topology, inspection: &Inspection, published: Option<u64>) -> Vec<Check> {
    let check = |QueueState { name, found }: &QueueState| {
        let check = format!("queue {name}");
        match found {
            QueueFound::Missing => None,
            QueueFound::Counted(counts) if *name == topology.dead => Some(mirror(check, *counts, published)),
            QueueFound::Counted(counts) => Some(consumed(check, *counts)),
            QueueFound::Unavailable { said } => {
                let detail = format!("the broker cannot hand over queue {name} ({said})");
                let remedy = "see \"A queue without a leader\" in docs/operations.md; what the queue holds waits there";
                Some(Check::fail(check, detail, remedy))
            }
        }
    };
    inspection.queues.iter().filter_map(check).collect()
}

/// A queue that workers read.
fn consumed(check: String, QueueCounts { ready, consumers }: QueueCounts) -> Check {
    let detail = format!("{} wait, {}", messages(ready), count(consumers as usize, "consumer"));
    if consumers == 0 { Check::warn(check, detail, "start: invoice-dispatcher run") } else { Check::ok(check, detail) }
}

/// The queue that mirrors the dead letters.
fn mirror(check: String, QueueCounts { ready, .. }: QueueCounts, published: Option<u64>) -> Check {
    let Some(published) = published else {
        return Check::ok(check, format!("{}; not compared, as the database cannot be asked", messages(ready)));
    };
    let detail = format!("{}; the database has {published} open that were put there", messages(ready));
    if u64::from(ready) == published {
        Check::ok(check, detail)
    } else {
        let remedy = "the database is right (`dead-letters groups`), nothing is lost. The workers mend the queue within a \
                      quarter of an hour, but for copies of letters that this database does not know: they stay";
        Check::warn(check, detail, remedy)
    }
}

fn messages(ready: u32) -> String {
    count(ready as usize, "message")
}

/// Whether the document store lets us in.
pub(super) async fn documents(config: &Config) -> Check {
    const NAME: &str = "documents";
    let remedy = match config.documents.place {
        DocumentsPlace::Folder(_) => "create or mount it, or correct DOCUMENTS_URL; mails with documents wait for it",
        DocumentsPlace::Bucket { .. } => {
            "start it, or correct DOCUMENTS_URL and its keys; mails with documents wait for it"
        }
    };
    let store = match app::open_documents(config) {
        Ok(store) => store,
        Err(error) => return Check::fail(NAME, error.to_string(), "correct DOCUMENTS_URL"),
    };
    match &config.documents.place {
        // As the database's file beside it.
        DocumentsPlace::Folder(folder) if config.database.is_sqlite() && matches!(folder.try_exists(), Ok(false)) => {
            return Check::warn(
                NAME,
                format!("{store}: there is none yet"),
                "start `invoice-dispatcher run`, which makes it",
            );
        }
        _ => {}
    }
    match store.check().await {
        Ok(()) => Check::ok(NAME, format!("{store} lets us in")),
        Err(problem) => Check::fail(NAME, format!("{store}: {problem}"), remedy),
    }
}

/// Whether the templates can be used; each is tried with sample data.
pub(super) fn templates(config: &Config) -> Check {
    const NAME: &str = "templates";
    let place = config.templates.folder.as_ref().map_or("built in".to_owned(), |folder| folder.display().to_string());
    match app::open_templates(config) {
        Ok(templates) => Check::ok(NAME, format!("{place}, version {:.12}", templates.version())),
        Err(error) => Check::fail(NAME, sentence(&error.into()), "correct the template; until then nothing starts"),
    }
}
