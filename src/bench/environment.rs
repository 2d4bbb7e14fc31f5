//! Where a benchmark takes place: a database, queues and a folder of its own, removed after it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::broker::{self, BrokerUrl, Publisher, Topology};
use crate::clock::Clock;
use crate::config::{Config, DEFAULT_RELAY, is_loopback_host};
use crate::model::ids::RelayName;
use crate::store::{ServerAddress, Store};
use crate::{app, private_file};

/// A benchmark's own place.
pub struct Environment {
    /// The folder of documents, configuration and log.
    pub folder: PathBuf,
    /// The database's address.
    pub database_url: String,
    /// The database.
    pub store: Store,
    /// The broker and the benchmark's own names in it; without one, events come over HTTP.
    pub broker: Option<(BrokerUrl, Topology)>,
    /// The broker's address, as it was configured.
    pub broker_url: Option<String>,
    /// What the names of exchanges and queues begin with.
    pub name_prefix: String,
    /// The sink, as `host` and `port`.
    pub sink: (String, u16),
    /// The server and the name of a database that is to be dropped.
    made: Option<(ServerAddress, String)>,
}

impl Environment {
    /// Makes it, on the servers that the configuration names.
    ///
    /// # Errors
    /// If the relay is not on this machine, the database holds somebody's deliveries, or a server does not answer.
    pub async fn make(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let sink = sink(config)?;
        let id = clock.new_id().simple().to_string();
        let name = format!("invoice_dispatcher_bench_{id}");
        let folder = std::env::temp_dir().join(&name);
        let made = if config.database.is_sqlite() { None } else { Some((server(config).await?, name)) };
        private_file::create_folder(&folder.join("documents"))
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let database_url = match &made {
            Some((server, name)) => server.create(name).await.context("no database of its own can be made")?,
            None => format!("sqlite://{}", folder.join("dispatcher.db").display()),
        };
        let store = Store::open_beside(&database_url, clock).await?;
        store.migrate().await?;
        store.align_clock().await?;
        let name_prefix = format!("bench-{}.", &id[id.len() - 12..]);
        let broker = app::broker(&config.broker)
            .context("AMQP_URL cannot be used")?
            .map(|(url, _)| (url, Topology::prefixed(&name_prefix)));
        let broker_url = config.broker.url.as_ref().map(|url| url.expose().to_owned());
        Ok(Self { folder, database_url, store, broker, broker_url, name_prefix, sink, made })
    }

    /// Publishes to the broker, if there is one.
    #[must_use]
    pub fn publisher(&self) -> Option<Publisher> {
        let (url, topology) = self.broker.as_ref()?;
        Some(Publisher::new(url.clone(), topology.clone(), self.store.clock().clone()))
    }

    /// The kind of database.
    #[must_use]
    pub fn database(&self) -> &'static str {
        if self.made.is_some() { "postgres" } else { "sqlite" }
    }

    /// How events are brought.
    #[must_use]
    pub fn events_by(&self) -> &'static str {
        if self.broker.is_some() { "amqp" } else { "http" }
    }

    /// Removes everything that was made, as far as that is possible; what is not is told.
    ///
    /// # Errors
    /// The first thing that could not be removed.
    pub async fn clear(self) -> anyhow::Result<()> {
        self.store.close().await;
        if let Some((url, topology)) = &self.broker {
            broker::remove(url, topology).await.context("the benchmark's queues could not be deleted")?;
        }
        if let Some((server, name)) = &self.made {
            server.drop(name).await.with_context(|| format!("the database {name} could not be dropped"))?;
        }
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("the folder {} could not be removed", self.folder.display()))
    }
}

/// The relay, which has to be a sink on this machine: nobody shall get ten thousand invented invoices.
fn sink(config: &Config) -> anyhow::Result<(String, u16)> {
    let Some(relay) = config.relays.get(&RelayName::from(DEFAULT_RELAY)) else {
        bail!("no sink is configured; start one (smtp-sink 127.0.0.1:2525 100) and set SMTP_URL=smtp://127.0.0.1:2525");
    };
    let (host, port) = (relay.url.host.clone(), relay.url.port);
    if !is_loopback_host(&host) {
        bail!("SMTP_URL names {host}, which is not this machine; a benchmark sends to a sink on loopback only");
    }
    Ok((host, port))
}

/// The database server, unless somebody works with it.
async fn server(config: &Config) -> anyhow::Result<ServerAddress> {
    let server = ServerAddress::of(config.database.url.expose())?;
    if server.holds_deliveries().await.context("the database of DATABASE_URL cannot be looked at")? {
        bail!("the database of DATABASE_URL holds deliveries; name an empty one, on an idle server");
    }
    Ok(server)
}
