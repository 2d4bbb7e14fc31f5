//! The real binary as a process of its own, which a scenario may kill.

use crate::harness::actor;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use invoice_dispatcher::app::App;
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::model::customer::{Customer, CustomerType, Postal};
use invoice_dispatcher::secrets::SecretKeys;
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::Store;
use invoice_dispatcher::upkeep::reconciliation::Evidence;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::broker::until;
use super::database::assert_adds_up;
use super::sink::{Sink, SinkBooks};

const BINARY: &str = env!("CARGO_BIN_EXE_invoice-dispatcher");

/// 32 bytes, as every process of one scenario must have them.
pub(crate) const SECRET_KEYS: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A database with a tenant `acme` and its business customer `C-1`, a folder of documents, and processes on them.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) store: Store,
    /// What its relay took.
    books: SinkBooks,
    environment: Vec<(&'static str, String)>,
}

impl Site {
    /// A site on this database, whose relay is the sink; events come from `amqp_url`, if there is one.
    pub(crate) async fn new(database_url: &str, amqp_url: Option<&str>, sink: &Sink) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir_all(folder.path().join("data/documents/acme")).expect("the folder can be made");
        let store = Store::open_beside(database_url, Clock::system()).await.expect("the database opens");
        // Databases are made all the time: it may take a while until this one takes its first connection.
        store.wait_until_reachable().await;
        store.migrate().await.expect("the migrations apply");
        store.align_clock().await.expect("the database answers");
        let tenant = json!({
            "id": "acme", "name": "Acme GmbH", "locale": "de-DE",
            "sender": { "name": "Acme Buchhaltung", "address": "rechnung@acme.example" },
            "settings": { "sensitive_attachments": "include", "portal_authentication": { "level": "inaccessible" } },
        });
        store
            .upsert_tenant(&serde_json::from_value(tenant).expect("a tenant"), &actor("billing"))
            .await
            .expect("the tenant is kept");
        let customer = Customer {
            tenant_id: "acme".into(),
            id: "C-1".into(),
            kind: Some(CustomerType::Business),
            name: "Käufer OHG".to_owned(),
            address: "ap@customer.example".to_owned(),
            locale: None,
            postal: Postal::default(),
            mobile: None,
        };
        store.upsert_customer(&customer, &actor("billing")).await.expect("the customer is kept");
        let mut environment = vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("SMTP_URL", sink.url()),
            ("SECRET_KEYS", SECRET_KEYS.to_owned()),
            ("LOG_FILTER", "error".to_owned()),
            ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("CONSOLE_LISTEN", "127.0.0.1:0".to_owned()),
            ("PORTAL_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        environment.extend(amqp_url.map(|url| ("AMQP_URL", url.to_owned())));
        Self { folder, store, books: sink.books(), environment }
    }

    /// Sets a variable of the processes to come.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.unset(name);
        self.environment.push((name, value.into()));
    }

    /// The processes to come have no such variable.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| *known != name);
    }

    /// Checks the books: the database's, and with them what the relay took.
    pub(crate) async fn assert_adds_up(&self) {
        let taken = Some(self.books.taken());
        assert_adds_up(&self.store, &Evidence { taken, ..Evidence::default() }).await;
    }

    /// Starts `run` as a process.
    pub(crate) fn start(&self) -> Process {
        self.start_failing("")
    }

    /// The same, which fails where `failpoint` says: `after_claim:exit@2`.
    pub(crate) fn start_failing(&self, failpoint: &str) -> Process {
        let mut command = Command::new(BINARY);
        command.args(["run", "--role", "worker"]);
        spawn(self.set_up(command, failpoint))
    }

    /// Starts `run` with these roles as a process.
    pub(crate) fn start_as(&self, roles: &[&str]) -> Process {
        self.start_failing_as(roles, "")
    }

    /// The same, which fails where `failpoint` says.
    pub(crate) fn start_failing_as(&self, roles: &[&str], failpoint: &str) -> Process {
        let mut command = Command::new(BINARY);
        command.arg("run").args(roles.iter().flat_map(|role| ["--role", role]));
        spawn(self.set_up(command, failpoint))
    }

    /// Starts `run` with these roles as a process, for which a file that may not grow is an error and not its end; what
    /// it says goes to `log`.
    pub(crate) fn start_limited(&self, roles: &[&str], log: File) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#, BINARY, "run"]).stderr(log);
        command.args(roles.iter().flat_map(|role| ["--role", role]));
        spawn(self.set_up(command, ""))
    }

    /// Runs another command of the binary to its end, which fails where `failpoint` says.
    pub(crate) async fn run(&self, arguments: &[&str], failpoint: &str) -> ExitStatus {
        let mut command = Command::new(BINARY);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let mut command = self.set_up(command, failpoint);
        tokio::task::spawn_blocking(move || command.status().expect("the binary starts")).await.expect("no panic")
    }

    /// Configures the processes that are started from now on.
    pub(crate) fn configure(&self, toml: &str) {
        fs::write(self.folder.path().join("config.toml"), toml).expect("the file can be written");
    }

    fn set_up(&self, mut command: Command, failpoint: &str) -> Command {
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .env("FAILPOINT", failpoint)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// An event `id` to this address, with a document of its own.
    pub(crate) fn event(&self, id: &str, address: &str) -> Value {
        let object = format!("acme/{id}.pdf");
        let bytes = format!("%PDF-1.4 {id}");
        self.write_document(&object, bytes.as_bytes());
        json!({
            "specversion": "1.0", "id": id, "source": "https://billing.example/test", "type": "invoice.sent.v1",
            "data": {
                "tenant_id": "acme", "customer_id": "C-1",
                "invoice": { "id": format!("inv-{id}"), "number": format!("R-{id}"), "kind": "invoice",
                             "issue_date": "2026-11-20", "currency": "EUR", "total": "1190.00" },
                "recipients": [{ "role": "to", "address": address }],
                "documents": [{
                    "id": "d1", "role": "invoice_pdf", "media_type": "application/pdf", "size": bytes.len(),
                    "sha256": Sha256::of(bytes.as_bytes()).to_string(), "object": object,
                }],
            },
        })
    }

    /// The parts of the dispatcher in this process, beside the others: its intake, its services.
    pub(crate) fn app(&self) -> App {
        let mut config = Config::embedded_in(self.folder.path());
        config.secrets.keys = Some(SecretKeys::parse(SECRET_KEYS).expect("the key is long enough"));
        App::with_store(config, self.store.clone()).expect("the parts fit")
    }

    /// Puts a document into the store.
    pub(crate) fn write_document(&self, object: &str, bytes: &[u8]) {
        fs::write(self.documents().join(object), bytes).expect("the document can be written");
    }

    fn documents(&self) -> PathBuf {
        self.folder.path().join("data/documents")
    }
}

fn spawn(mut command: Command) -> Process {
    Process::of(command.spawn().expect("the binary starts"))
}

/// A process; killed when dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn of(child: Child) -> Self {
        Self { child }
    }

    /// It may have no more open files than so many.
    pub(crate) fn limit_open_files(&self, count: u32) {
        let pid = self.id().to_string();
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={count}:{count}")]).status();
        assert!(status.expect("prlimit (util-linux) is installed").success());
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has had, in bytes (`VmHWM` in proc(5)).
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// SIGKILL: nothing is drained, nothing is written.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process ends");
    }

    /// SIGSTOP or SIGCONT, by name: the process stands still, or goes on.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill starts");
        assert!(status.success());
    }

    /// Waits until the process stands still (SIGSTOP).
    pub(crate) async fn until_stopped(&self) {
        let status = format!("/proc/{}/stat", self.id());
        let stopped = || fs::read_to_string(&status).is_ok_and(|status| status.contains(") T "));
        until("the process stands still", async || stopped()).await;
    }

    /// Waits until the process has ended by itself, in whatever way.
    pub(crate) async fn until_ended(mut self) -> ExitStatus {
        tokio::task::spawn_blocking(move || self.child.wait().expect("the process ends")).await.expect("no panic")
    }

    /// SIGTERM, and how the process ended.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        tokio::task::spawn_blocking(move || self.child.wait().expect("the process ends")).await.expect("no panic")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
