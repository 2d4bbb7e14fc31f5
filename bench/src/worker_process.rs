//! The worker under measurement: `invoice-dispatcher run`, a process of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use invoice_dispatcher::private_file;
use invoice_dispatcher::telemetry::metric;

use crate::environment::Environment;
use crate::usage::{self, Usage};

/// How long it may take to start.
const START_TIME_MAX: Duration = Duration::from_secs(20);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// A running worker; killed when dropped.
pub struct WorkerProcess {
    child: Child,
    http: reqwest::Client,
    console: SocketAddr,
    metrics: SocketAddr,
}

impl WorkerProcess {
    /// Starts `run` with this many connections to the sink, and waits until it is up.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(program: &Path, ground: &Environment, connections: u32) -> anyhow::Result<Self> {
        let (console, metrics) = (free_address()?, free_address()?);
        let file = ground.folder.join("config.toml");
        private_file::write(&file, configuration(ground, connections, console, metrics).as_bytes())?;
        let log =
            private_file::options().write(true).create(true).truncate(true).open(ground.folder.join("worker.log"))?;
        let child = Command::new(program)
            .args(["run", "--role", "worker", "--role", "console", "--allow-embedded", "--config"])
            .arg(&file)
            .env_clear()
            .current_dir(&ground.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let mut worker = Self { child, http: reqwest::Client::new(), console, metrics };
        let started = tokio::time::timeout(START_TIME_MAX, worker.until_up()).await;
        started.context("the worker did not start in time")?.with_context(|| {
            format!("its log: {}", std::fs::read_to_string(ground.folder.join("worker.log")).unwrap_or_default())
        })?;
        Ok(worker)
    }

    async fn until_up(&mut self) -> anyhow::Result<()> {
        // The two listeners open one after the other.
        while self.get(self.metrics, "/livez").await.is_err() || self.get(self.console, "/livez").await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker ended at once ({status})");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Brings events over HTTP, as a publisher without RabbitMQ does.
    ///
    /// # Errors
    /// If they are not taken.
    pub async fn publish(&self, events: &[Bytes]) -> anyhow::Result<()> {
        let body = [b"[".as_slice(), &events.join(&b','), b"]"].concat();
        let request = self
            .http
            .post(format!("http://{}/api/v1/events", self.console))
            .header("content-type", "application/cloudevents-batch+json")
            .body(body);
        let answer = request.send().await.context("the worker's API does not answer")?;
        if !answer.status().is_success() {
            bail!("the worker's API refused events: {}", answer.text().await.unwrap_or_default());
        }
        Ok(())
    }

    /// What it has used so far; `None` where the system does not tell.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        usage::of_process(self.child.id())
    }

    /// How many statements it has sent to the database.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn statements(&self) -> anyhow::Result<Option<u64>> {
        let metrics = self.get(self.metrics, "/metrics").await?;
        Ok(metrics
            .lines()
            .find_map(|line| line.strip_prefix(metric::DATABASE_STATEMENTS))
            .and_then(|value| value.trim().parse().ok()))
    }

    async fn get(&self, address: SocketAddr, path: &str) -> reqwest::Result<String> {
        self.http.get(format!("http://{address}{path}")).send().await?.error_for_status()?.text().await
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It has nothing to finish, and may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on at this moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The worker's configuration: the defaults, but for its place and its connections.
fn configuration(ground: &Environment, connections: u32, console: SocketAddr, metrics: SocketAddr) -> String {
    // A JSON text is a TOML basic string: both escape by backslashes in the same way.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let broker = ground.broker_url.as_ref().map_or_else(String::new, |url| {
        format!("[broker]\nurl = {}\nname_prefix = {}\n", quoted(url), quoted(&ground.name_prefix))
    });
    let (host, port) = &ground.sink;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    format!(
        "[database]\nurl = {}\n{broker}[documents]\nurl = {}\n\
         [relays.default]\nurl = \"smtp://{host}:{port}\"\nconnections = {connections}\n\
         [console]\nlisten = \"{console}\"\n[metrics]\nlisten = \"{metrics}\"\n",
        quoted(&ground.database_url),
        quoted(&format!("file:{}", ground.folder.join("documents").display())),
    )
}
