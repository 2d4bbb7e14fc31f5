//! Where a benchmark takes place: a database, queues and a folder of its own, removed after it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::config::{Config, DEFAULT_RELAY, is_loopback_host};
use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::store::Store;
use invoice_dispatcher::{app, private_file};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};

use crate::database::{Database, Server};

/// A benchmark's own place.
pub struct Environment {
    /// The folder of documents, configuration and log.
    pub folder: PathBuf,
    /// The database's address.
    pub database_url: String,
    /// The database, as the dispatcher sees it.
    pub store: Store,
    /// The same, for the benchmark's own statements.
    pub database: Database,
    /// The broker and the benchmark's own names in it; without one, events come over HTTP.
    pub broker: Option<(BrokerUrl, Topology)>,
    /// The broker's address, as it was configured.
    pub broker_url: Option<String>,
    /// What the names of exchanges and queues begin with.
    pub name_prefix: String,
    /// The sink, as `host` and `port`.
    pub sink: (String, u16),
    /// The server and the name of a database that is to be dropped.
    made: Option<(Server, String)>,
}

impl Environment {
    /// Makes it, on the servers that the configuration names.
    ///
    /// # Errors
    /// If the relay is not on this machine, the database holds somebody's deliveries, or a server does not answer.
    pub async fn make(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let sink = sink(config)?;
        if config.broker.url.as_ref().is_some_and(|url| url.expose().starts_with("amqps:")) {
            bail!("AMQP_URL is for TLS; a benchmark speaks plain AMQP to a broker on this machine");
        }
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
        let database = Database::open(&database_url).await?;
        let name_prefix = format!("bench-{}.", &id[id.len() - 12..]);
        let broker = app::broker(&config.broker)
            .context("AMQP_URL cannot be used")?
            .map(|(url, _)| (url, Topology::prefixed(&name_prefix)));
        let broker_url = config.broker.url.as_ref().map(|url| url.expose().to_owned());
        Ok(Self { folder, database_url, store, database, broker, broker_url, name_prefix, sink, made })
    }

    /// Publishes to the broker, if there is one.
    #[must_use]
    pub fn publisher(&self) -> Option<Publisher> {
        let (url, topology) = self.broker.as_ref()?;
        Some(Publisher::new(url.clone(), topology.clone(), self.store.clock().clone()))
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
        self.database.close().await;
        if let (Some(url), Some((_, topology))) = (&self.broker_url, &self.broker) {
            remove(url, topology).await.context("the benchmark's queues could not be deleted")?;
        }
        if let Some((server, name)) = &self.made {
            server.drop(name).await.with_context(|| format!("the database {name} could not be dropped"))?;
        }
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("the folder {} could not be removed", self.folder.display()))
    }
}

/// Deletes the queues and exchanges, with all that is in them; what is not there is gone already.
async fn remove(url: &str, topology: &Topology) -> lapin::Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in [&topology.dispatch, &topology.undelivered, &topology.dead] {
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await?;
    }
    for exchange in [&topology.billing, &topology.dead_letter_exchange, &topology.outcomes] {
        channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await?;
    }
    connection.close(200, "removed".into()).await
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
async fn server(config: &Config) -> anyhow::Result<Server> {
    let server = Server::of(config.database.url.expose())?;
    if server.holds_deliveries().await.context("the database of DATABASE_URL cannot be looked at")? {
        bail!("the database of DATABASE_URL holds deliveries; name an empty one, on an idle server");
    }
    Ok(server)
}
