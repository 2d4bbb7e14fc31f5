//! Measured moments → figures. Pure.

use std::time::Duration;

use serde::Serialize;

use crate::database::SentMail;
use crate::usage::Usage;

/// Three of a hundred parts of many times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in a name")]
pub struct Percentiles {
    /// Half of them were no longer.
    pub p50_ms: u64,
    /// Of a hundred, 95 were no longer.
    pub p95_ms: u64,
    /// Of a hundred, 99 were no longer.
    pub p99_ms: u64,
}

impl Percentiles {
    /// Of these times, by the nearest rank; `None` of none.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        };
        Some(Self { p50_ms: at(50)?, p95_ms: at(95)?, p99_ms: at(99)? })
    }
}

/// What one run came to. What could not be measured is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Mails that the relay took.
    pub mails: usize,
    /// Of them, so many with a link in place of documents.
    pub links: usize,
    /// The mean size of a message, in bytes.
    pub message_bytes: u64,
    /// Connections to the relay.
    pub connections: u32,
    /// `postgres` or `sqlite`.
    pub database: &'static str,
    /// `amqp` or `http`.
    pub events_by: &'static str,
    /// Deliveries that had ended before the run began.
    pub finished_before: u32,
    /// From the first event taken in to the last mail recorded, in seconds.
    pub seconds: f64,
    /// Mails a second.
    pub mails_per_second: f64,
    /// Megabytes (10⁶) of messages a second.
    pub megabytes_per_second: f64,
    /// What `smtp-source` reached with the same sink, connections and message size.
    pub sink_limit_per_second: Option<f64>,
    /// Mails a second as a part of the sink's own limit.
    pub of_sink_limit: Option<f64>,
    /// From taking the event in to the relay's 250, while a whole night's events wait.
    pub event_to_250: Option<Percentiles>,
    /// One SMTP transaction, from its first command to its record.
    pub attempt: Option<Percentiles>,
    /// One event on an idle system: from publishing it to the relay's 250.
    pub single: Option<Percentiles>,
    /// Processor seconds of the worker, in user mode and in the system, for a thousand mails.
    pub cpu_seconds_per_1000: Option<f64>,
    /// The most memory that the worker had resident, in megabytes (10⁶).
    pub resident_megabytes_max: Option<f64>,
    /// Statements and transaction ends that the worker sent to the database, for each mail.
    pub statements_per_mail: Option<f64>,
}

/// What was seen of one run.
#[derive(Debug, Clone)]
pub struct SeenMails {
    /// The mails of the run, in any order.
    pub mails: Vec<SentMail>,
    /// What the worker used for them.
    pub usage: Option<Usage>,
    /// What it sent to the database for them.
    pub statements: Option<u64>,
    /// Times of single events on an idle system.
    pub singles: Vec<Duration>,
    /// What the sink itself takes, in messages a second.
    pub sink_limit_per_second: Option<f64>,
}

/// How a run was set up.
#[derive(Debug, Clone, Copy)]
pub struct SetUp {
    /// Connections to the relay.
    pub connections: u32,
    /// `postgres` or `sqlite`.
    pub database: &'static str,
    /// `amqp` or `http`.
    pub events_by: &'static str,
    /// Deliveries that had ended before.
    pub finished_before: u32,
}

impl Statistics {
    /// The figures of a run; `None` if no mail was sent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "figures for people: 53 bits are plenty")]
    pub fn of(set_up: SetUp, seen: SeenMails) -> Option<Self> {
        let SeenMails { mails, usage, statements, singles, sink_limit_per_second } = seen;
        let begin = mails.iter().map(|mail| mail.received_at).min()?;
        let end = mails.iter().map(|mail| mail.concluded_at).max()?;
        // Moments are whole milliseconds.
        let seconds = end.since(begin).as_secs_f64().max(0.001);
        let bytes: u64 = mails.iter().map(|mail| mail.message_bytes).sum();
        let count = mails.len() as f64;
        let mails_per_second = count / seconds;
        Some(Self {
            mails: mails.len(),
            links: mails.iter().filter(|mail| mail.is_link).count(),
            message_bytes: bytes / mails.len() as u64,
            connections: set_up.connections,
            database: set_up.database,
            events_by: set_up.events_by,
            finished_before: set_up.finished_before,
            seconds,
            mails_per_second,
            megabytes_per_second: bytes as f64 / 1e6 / seconds,
            sink_limit_per_second,
            of_sink_limit: sink_limit_per_second.map(|limit| mails_per_second / limit),
            event_to_250: Percentiles::of(mails.iter().map(|mail| mail.ended_at.since(mail.received_at)).collect()),
            attempt: Percentiles::of(mails.iter().map(|mail| mail.ended_at.since(mail.started_at)).collect()),
            single: Percentiles::of(singles),
            cpu_seconds_per_1000: usage.map(|usage| usage.cpu.as_secs_f64() * 1_000.0 / count),
            resident_megabytes_max: usage.map(|usage| usage.resident_bytes_max as f64 / 1e6),
            statements_per_mail: statements.map(|statements| statements as f64 / count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use invoice_dispatcher::clock::Timestamp;

    #[test]
    fn percentiles_are_times_that_occurred() {
        let times = |values: &[u64]| values.iter().copied().map(Duration::from_millis).collect();
        assert_eq!(Percentiles::of(times(&[])), None);
        assert_eq!(Percentiles::of(times(&[7])), Some(Percentiles { p50_ms: 7, p95_ms: 7, p99_ms: 7 }));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(Percentiles::of(times(&hundred)), Some(Percentiles { p50_ms: 50, p95_ms: 95, p99_ms: 99 }));
    }

    #[test]
    fn a_run_is_measured_from_its_first_event_to_its_last_record() {
        let mail = |received: i64, concluded: i64, is_link| SentMail {
            received_at: Timestamp(received),
            started_at: Timestamp(concluded - 20),
            ended_at: Timestamp(concluded - 5),
            concluded_at: Timestamp(concluded),
            message_bytes: 60_000,
            is_link,
        };
        let set_up = SetUp { connections: 4, database: "postgres", events_by: "amqp", finished_before: 0 };
        let seen = SeenMails {
            mails: vec![mail(1_000, 1_500, false), mail(1_100, 3_000, true)],
            usage: Some(Usage { cpu: Duration::from_millis(10), resident_bytes_max: 20_000_000 }),
            statements: Some(8),
            singles: Vec::new(),
            sink_limit_per_second: Some(2.0),
        };
        let figures = Statistics::of(set_up, seen).expect("mails were sent");
        assert_eq!((figures.mails, figures.links, figures.message_bytes), (2, 1, 60_000));
        assert!((figures.seconds - 2.0).abs() < 1e-9 && (figures.mails_per_second - 1.0).abs() < 1e-9);
        assert_eq!(figures.of_sink_limit, Some(0.5));
        assert_eq!((figures.cpu_seconds_per_1000, figures.statements_per_mail), (Some(5.0), Some(4.0)));
        assert_eq!(figures.attempt.map(|attempt| attempt.p50_ms), Some(15));
    }
}
