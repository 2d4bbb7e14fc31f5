//! Real servers: those of the run, shared by all scenarios, and private ones that a scenario may stop and kill.
//!
//! `scripts/servers` knows how to start and end them; this module only calls it.

use std::{env, fs, path::Path, process::Command};
use tempfile::TempDir;

/// Where the run's RabbitMQ is, shared by all scenarios.
pub(crate) fn amqp_url() -> String {
    named("TEST_AMQP_URL")
}

/// Where the run's PostgreSQL is, shared by all scenarios; its user may create databases.
pub(crate) fn database_url() -> String {
    named("TEST_DATABASE_URL")
}

fn named(variable: &str) -> String {
    env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests by scripts/test, which starts the servers"))
}

/// A RabbitMQ and a PostgreSQL that belong to one scenario, which may stop, kill and restart them.
///
/// Ports, users and data stay the same over every restart. Both servers end when the value is dropped, or, should
/// this process be killed, by themselves a moment later.
pub(crate) struct PrivateServers {
    folder: TempDir,
}

impl PrivateServers {
    /// Starts both servers; returns when they take connections.
    pub(crate) async fn start() -> Self {
        Self::start_watched(None, std::process::id()).await
    }

    /// Starts a PostgreSQL alone, for scenarios that need no broker: it takes a tenth of the time.
    pub(crate) async fn start_postgres_alone() -> Self {
        Self::start_watched(Some("postgres"), std::process::id()).await
    }

    /// Starts a RabbitMQ alone.
    pub(crate) async fn start_rabbitmq_alone() -> Self {
        Self::start_watched(Some("rabbitmq"), std::process::id()).await
    }

    /// As above, but the servers end with the process `watched`.
    pub(crate) async fn start_watched(only: Option<&'static str>, watched: u32) -> Self {
        // The name is what `scripts/test` looks for when it cleans up after a run that was killed.
        let folder = tempfile::Builder::new().prefix("private-").tempdir().expect("a temporary folder");
        let servers = Self { folder };
        let watched = watched.to_string();
        let mut arguments = vec!["--watch", &watched];
        arguments.extend(only);
        servers.script("start", &arguments).await;
        servers
    }

    /// Where the private RabbitMQ is.
    pub(crate) fn amqp_url(&self) -> String {
        self.url("TEST_AMQP_URL")
    }

    /// Where the private PostgreSQL is.
    pub(crate) fn database_url(&self) -> String {
        self.url("TEST_DATABASE_URL")
    }

    /// The folder in which the servers live.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends RabbitMQ in an orderly way: everything is on disk.
    pub(crate) async fn stop_rabbitmq(&self) {
        self.script("stop", &["rabbitmq"]).await;
    }

    /// Kills RabbitMQ, as a power failure would a second later.
    ///
    /// RabbitMQ keeps in memory for up to a second where the data of the queue lies that was declared last (Erlang's
    /// `dets` tables, seen with 3.10 and 4.0). Killed before, it finds neither that queue's messages again nor a leader
    /// for it.
    pub(crate) async fn kill_rabbitmq(&self) {
        self.rabbitmqctl(&["eval", "ok = dets:sync(ra_directory_reverse)."]).await;
        self.script("stop", &["rabbitmq", "--crash"]).await;
    }

    /// Starts RabbitMQ again on its port with its data.
    pub(crate) async fn start_rabbitmq(&self) {
        self.script("start", &["rabbitmq"]).await;
    }

    /// Stops RabbitMQ in an orderly way and starts it again.
    pub(crate) async fn restart_rabbitmq(&self) {
        self.script("restart", &["rabbitmq"]).await;
    }

    /// Ends PostgreSQL in an orderly way; open connections are cut.
    pub(crate) async fn stop_postgres(&self) {
        self.script("stop", &["postgres"]).await;
    }

    /// Ends PostgreSQL at once and without a checkpoint: its next start recovers as after a crash.
    pub(crate) async fn kill_postgres(&self) {
        self.script("stop", &["postgres", "--crash"]).await;
    }

    /// Starts PostgreSQL again on its port with its data.
    pub(crate) async fn start_postgres(&self) {
        self.script("start", &["postgres"]).await;
    }

    /// Stops PostgreSQL in an orderly way and starts it again.
    pub(crate) async fn restart_postgres(&self) {
        self.script("restart", &["postgres"]).await;
    }

    /// Runs RabbitMQ's own `rabbitmqctl` against the private server; returns what it printed.
    pub(crate) async fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        self.script("rabbitmqctl", arguments).await
    }

    /// Has the private RabbitMQ's only node stop, or start again, to lead `queue` of the virtual host `/`.
    pub(crate) async fn lead(&self, queue: &str, leads: bool) {
        let act = if leads { "restart_server" } else { "stop_server" };
        let call = format!("ok = ra:{act}(quorum_queues, {{'%2F_{queue}', node()}}).");
        self.rabbitmqctl(&["eval", &call]).await;
    }

    /// Calls `scripts/servers` on a thread of its own: a worker that runs in the same test must not stand still.
    async fn script(&self, command: &'static str, arguments: &[&str]) -> String {
        let mut process = call(command, self.folder());
        process.args(arguments);
        let output = tokio::task::spawn_blocking(move || process.output()).await.expect("no panic in output()");
        let output = output.expect("scripts/servers can be executed");
        assert!(
            output.status.success(),
            "scripts/servers {command} {arguments:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("the script prints UTF-8")
    }

    fn url(&self, variable: &str) -> String {
        let lines = fs::read_to_string(self.folder().join("env")).expect("the servers have been started");
        let found = lines.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("no {variable}: that server was not started")).to_owned()
    }
}

impl Drop for PrivateServers {
    fn drop(&mut self) {
        // A failure here must not hide the one that ended the test; the watcher ends what is left.
        let _ = call("stop", self.folder()).output();
    }
}

/// A call of `scripts/servers` that knows nothing of the run's shared servers, so that it starts its own.
fn call(command: &str, folder: &Path) -> Command {
    let mut process = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/servers"));
    process.arg(command).arg(folder).env_remove("TEST_AMQP_URL").env_remove("TEST_DATABASE_URL");
    process
}
