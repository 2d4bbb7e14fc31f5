//! `[worker]`, `[retry]`, `[waits]`, `[retention]`, `[templates]`, `[secrets]`, `[log]`: how the work is done.

use crate::telemetry::{Log, LogFormat};
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::fault::Wrong;
use super::reader::{ConfigReader, Key, key};
use super::source::Raw;
use super::value;
use crate::secrets::SecretKeys;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// How one worker process works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Bytes of documents and mails in memory at most.
    pub bytes_in_flight_max: u64,
    /// How long what is under way may take after the first signal.
    pub shutdown_grace: Duration,
}

/// The key of the budget of bytes.
pub(super) const BYTES_IN_FLIGHT: Key<'static> = key("worker.bytes_in_flight_max");

impl WorkerConfig {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let grace = value::duration(SECOND, Duration::from_hours(1));
        Self {
            bytes_in_flight_max: reader.value(BYTES_IN_FLIGHT, "256MiB", value::size(1 << 20, 1 << 40)),
            shutdown_grace: reader.value(key("worker.shutdown_grace"), "25s", grace),
        }
    }
}

/// When a deferred delivery is tried again.
#[derive(Debug, Clone)]
pub struct Retry {
    /// The delay after each attempt; after the last follows one more attempt, then the dead letter.
    pub schedule: Vec<Duration>,
}

impl Retry {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self { schedule: reader.value(key("retry.schedule"), "30s,2m,10m,30m,2h,4h,8h", schedule) }
    }
}

fn schedule(raw: &Raw) -> Result<Vec<Duration>, Wrong> {
    let delays = value::list(value::duration(SECOND, 7 * DAY))(raw)?;
    if (1..=50).contains(&delays.len()) {
        Ok(delays)
    } else {
        Err(Wrong::new(format!("has {} delays", delays.len()), "write 1 to 50 delays, as [\"30s\", \"2m\"]"))
    }
}

/// How long something that an event names may come after the event.
#[derive(Debug, Clone)]
pub struct Waits {
    pub customer: Duration,
    pub document: Duration,
}

impl Waits {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let wait = value::duration(Duration::ZERO, 7 * DAY);
        Self {
            customer: reader.value(key("waits.customer"), "10m", &wait),
            document: reader.value(key("waits.document"), "10m", &wait),
        }
    }
}

/// How long things are kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Event bodies and snapshots, after the final state.
    pub bodies: Duration,
    /// Deliveries and attempts, after the final state.
    pub deliveries: Duration,
    /// The networks of visitors of the portal.
    pub addresses: Duration,
}

impl Retention {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        const BODIES: Key<'static> = key("retention.bodies");
        let time = value::duration(DAY, 36_500 * DAY);
        let retention = Self {
            bodies: reader.value(BODIES, "90d", &time),
            deliveries: reader.value(key("retention.deliveries"), "730d", &time),
            addresses: reader.value(key("retention.addresses"), "7d", &time),
        };
        if retention.bodies > retention.deliveries {
            reader.fault(
                BODIES,
                Wrong::new("is longer than retention.deliveries", "keep bodies no longer than deliveries"),
            );
        }
        retention
    }
}

/// The mails' wording.
#[derive(Debug, Clone)]
pub struct TemplatesConfig {
    /// A folder in place of the templates that are built in.
    pub folder: Option<PathBuf>,
}

impl TemplatesConfig {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self { folder: reader.existing_path(key("templates.folder")) }
    }
}

/// What tokens and cookies are made with.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The keys, newest first; without them one is generated into the file.
    pub keys: Option<SecretKeys>,
    /// Where the generated key is kept.
    pub file: PathBuf,
}

/// The key of the secret keys.
pub(super) const SECRET_KEYS: Key<'static> = key("secrets.keys").variable("SECRET_KEYS");

impl Secrets {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            keys: reader.optional(SECRET_KEYS, secret_keys),
            file: reader.value(key("secrets.file"), "data/secret.key", value::path),
        }
    }
}

fn secret_keys(raw: &Raw) -> Result<SecretKeys, Wrong> {
    let remedy = "make a key with: openssl rand -base64 32; several are separated by commas, newest first";
    let written = value::list(value::text)(raw)?.join(",");
    SecretKeys::parse(&written).map_err(|error| Wrong::new(error.to_string(), remedy))
}

impl Log {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        const FORMATS: &[(&str, LogFormat)] = &[("human", LogFormat::Human), ("json", LogFormat::Json)];
        Self {
            filter: reader.value(key("log.filter").variable("LOG_FILTER"), "info", log_filter),
            format: reader.value(key("log.format").variable("LOG_FORMAT"), "human", value::choice(FORMATS)),
        }
    }
}

fn log_filter(raw: &Raw) -> Result<String, Wrong> {
    let written = value::text(raw)?;
    match EnvFilter::builder().parse(&written) {
        Ok(_) => Ok(written),
        Err(error) => Err(Wrong::new(
            format!("is no log filter: {error}"),
            "write a level (error, warn, info, debug), or \"info,sqlx=warn\"",
        )),
    }
}
