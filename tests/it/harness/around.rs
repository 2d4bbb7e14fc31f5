//! What goes on around a process that is killed: which database and broker it works with, how well the relay is, and
//! which server fails meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::Publisher;
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::failpoint::Failpoint;
use invoice_dispatcher::upkeep::reconciliation::Evidence;
use tokio::sync::Barrier;

use super::LOOK;
use super::broker::Broker;
use super::database::{TestDatabase, assert_adds_up};
use super::mirror::assert_mirrors;
use super::process::{Process, Site};
use super::servers::PrivateServers;
use super::sink::{Act, Script, Sink, Step};
use crate::failure::processes_are_killed::take_in;

/// How long a process may live until it reaches its failpoint, and a broker be away.
const PATIENCE: Duration = Duration::from_mins(1);

/// One connection, so that at each moment one delivery at most is at the relay.
const ONE_CONNECTION: &str = "[relays.default]\nconnections = 1\n";

/// Where the processes keep what they know.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept {
    Sqlite,
    Postgres,
}

/// What several cells have in common.
pub(crate) struct Around {
    kept: Kept,
    script: Script,
    failing: Option<Failing>,
}

/// A server of the cells' own. It ends, as by a power failure, once the processes of all cells are dead, and comes back
/// while the next ones start.
struct Failing {
    server: Server,
    servers: PrivateServers,
    /// All cells.
    together: Barrier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Postgres,
    RabbitMq,
}

impl Around {
    /// Nothing else happens.
    pub(crate) fn all_well(kept: Kept) -> Self {
        Self { kept, script: Script::new(), failing: None }
    }

    /// The relay takes its time; not at RCPT, where addresses may ask to be refused.
    pub(crate) fn slow_relay(kept: Kept) -> Self {
        let moment = Duration::from_millis(300);
        let steps = [Step::Mail, Step::Data, Step::Dot];
        let script = steps.into_iter().fold(Script::new(), |script, step| script.on(step, Act::Slow(moment)));
        Self { kept, script, failing: None }
    }

    /// PostgreSQL fails; so many cells share it, and all must run at once.
    pub(crate) async fn failing_database(cells: usize) -> Self {
        let servers = PrivateServers::start_postgres_alone().await;
        let failing = Failing { server: Server::Postgres, servers, together: Barrier::new(cells) };
        Self { failing: Some(failing), ..Self::all_well(Kept::Postgres) }
    }

    /// RabbitMQ fails; so many cells share it, and all must run at once.
    pub(crate) async fn failing_broker(cells: usize) -> Self {
        let servers = PrivateServers::start_rabbitmq_alone().await;
        let failing = Failing { server: Server::RabbitMq, servers, together: Barrier::new(cells) };
        Self { failing: Some(failing), ..Self::all_well(Kept::Postgres) }
    }

    fn failing(&self, server: Server) -> Option<&PrivateServers> {
        self.failing.as_ref().filter(|failing| failing.server == server).map(|failing| &failing.servers)
    }

    async fn database(&self) -> TestDatabase {
        match (self.kept, self.failing(Server::Postgres)) {
            (Kept::Sqlite, _) => TestDatabase::sqlite_unlocked().await,
            (Kept::Postgres, None) => TestDatabase::postgres().await,
            (Kept::Postgres, Some(servers)) => TestDatabase::postgres_at(&servers.database_url()).await,
        }
    }

    async fn broker(&self) -> Broker {
        match self.failing(Server::RabbitMq) {
            Some(servers) => Broker::at(servers.amqp_url()).await,
            None => Broker::new().await,
        }
    }
}

impl Failing {
    /// Waits for all cells; one of them then lets the server fail, or come back.
    async fn turn(&self, comes_back: bool) {
        if self.together.wait().await.is_leader() {
            match (self.server, comes_back) {
                (Server::Postgres, false) => self.servers.kill_postgres().await,
                (Server::Postgres, true) => self.servers.start_postgres().await,
                (Server::RabbitMq, false) => self.servers.kill_rabbitmq().await,
                (Server::RabbitMq, true) => self.servers.start_rabbitmq().await,
            }
        }
        self.together.wait().await;
    }
}

/// One scenario: a database, a relay and perhaps a broker, for processes one after the other.
pub(crate) struct Cell {
    around: Arc<Around>,
    pub(crate) database: TestDatabase,
    pub(crate) sink: Sink,
    pub(crate) site: Site,
    broker: Option<Broker>,
    published: Vec<(String, String)>,
    bodies: Vec<Bytes>,
}

impl Cell {
    /// Without a broker, unless it is the broker that fails.
    pub(crate) async fn new(around: &Arc<Around>) -> Self {
        let mut cell = Self::without_broker(around).await;
        if around.failing(Server::RabbitMq).is_some() {
            cell.join_broker().await;
        }
        cell
    }

    /// With a broker.
    pub(crate) async fn with_broker(around: &Arc<Around>) -> Self {
        let mut cell = Self::without_broker(around).await;
        cell.join_broker().await;
        cell
    }

    /// Without a broker, until [`Cell::join_broker`].
    pub(crate) async fn without_broker(around: &Arc<Around>) -> Self {
        let database = around.database().await;
        let sink = Sink::scripted(around.script.clone()).await;
        let site = Site::new(&database.url, None, &sink).await;
        site.configure(ONE_CONNECTION);
        Self {
            around: Arc::clone(around),
            database,
            sink,
            site,
            broker: None,
            published: Vec::new(),
            bodies: Vec::new(),
        }
    }

    /// From now on processes work with a broker.
    pub(crate) async fn join_broker(&mut self) {
        let broker = self.around.broker().await;
        self.site.set("AMQP_URL", broker.text.clone());
        self.site.configure(&format!("{ONE_CONNECTION}{}", broker.configuration()));
        self.broker = Some(broker);
    }

    /// The broker, by a connection that its restart has not cut.
    pub(crate) async fn broker(&self) -> Broker {
        self.broker.as_ref().expect("the cell has a broker").again().await
    }

    /// Publishes events, or takes them in where there is no broker.
    pub(crate) async fn bring(&mut self, events: &[(&str, &str)]) {
        let values: Vec<_> = events.iter().map(|(id, address)| self.site.event(id, address)).collect();
        for event in &values {
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            self.published.push((text("source"), text("id")));
        }
        let bodies: Vec<_> = values.iter().map(|event| Bytes::from(event.to_string())).collect();
        self.bodies.extend_from_slice(&bodies);
        let Some(broker) = &self.broker else { return take_in(&self.site, events).await };
        let publisher = Publisher::new(broker.url.clone(), broker.topology.clone(), Clock::system());
        let publishing = async {
            while publisher.publish_events(&bodies).await.is_err() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, publishing).await.expect("the broker takes events");
        publisher.close().await;
    }

    /// A process ends there.
    pub(crate) async fn kill_worker_at(&self, point: Failpoint) {
        let worker = self.site.start_failing(&format!("{point}:exit"));
        let ended = tokio::time::timeout(PATIENCE, worker.until_ended()).await;
        let status = ended.unwrap_or_else(|_| panic!("{point} was never reached"));
        assert!(status.signal().is_some(), "the process did not die at {point}: {status}");
        self.forget_the_dead().await;
    }

    /// The scenario does not wait for what a dead process leaves: 30 s for its deliveries, two minutes for its leases.
    /// That others do wait so long is seen elsewhere.
    pub(crate) async fn forget_the_dead(&self) {
        self.database.execute("DELETE FROM worker").await;
        self.database.execute("DELETE FROM lease").await;
    }

    /// Starts the next process; if a server fails, then while it is away.
    pub(crate) async fn start_next(&self) -> Process {
        let Some(failing) = &self.around.failing else { return self.site.start() };
        failing.turn(false).await;
        let next = self.site.start();
        failing.turn(true).await;
        next
    }

    /// Stops the last process; then as [`Cell::assert_balance`].
    pub(crate) async fn end(self, process: Process) {
        assert!(process.stop().await.success());
        self.assert_balance().await;
    }

    /// The queue of dead letters shows what the database holds, and nothing else; no process runs any more.
    pub(crate) async fn assert_mirrors(&self, when: &str) {
        assert_mirrors(&self.site.store, &self.broker().await, &self.bodies, when).await;
    }

    /// The books balance.
    pub(crate) async fn assert_balance(self) {
        self.site.store.wait_until_reachable().await;
        let evidence =
            Evidence { published: self.published, taken: Some(self.sink.books().taken()), ..Evidence::default() };
        assert_adds_up(&self.site.store, &evidence).await;
        if let Some(broker) = self.broker {
            broker.again().await.clean_up().await;
        }
    }
}
