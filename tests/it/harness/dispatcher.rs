//! The whole dispatcher in the test's process: database, documents, intake and worker; only the relay is a sink.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::app::App;
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::intake::{Parsed, Verdict};
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{DeliveryId, WorkerId};
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::state::{Concluded, DeliveryState};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{DeliveryFilter, PageRequest, Store};
use invoice_dispatcher::upkeep::reconciliation::Evidence;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::LOOK;
use super::database::{TestDatabase, assert_adds_up};
use super::relay::{TestRelay, relay};
use super::sink::{Sink, SinkBooks, SinkState};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_mins(3);

/// How far the clock moves at once while time passes.
const STEP: Duration = Duration::from_millis(500);

/// How long the machine has for each step at least: conversations with the relay take its time, not the clock's.
const STEP_WORK: Duration = Duration::from_millis(10);

/// How long a step waits for who woke to sleep again: some do not, but end.
const STEP_PATIENCE: Duration = Duration::from_secs(1);

/// The whole dispatcher. Its clock stands still until the test moves it.
pub(crate) struct Dispatcher {
    pub(crate) app: App,
    pub(crate) database: TestDatabase,
    documents: TempDir,
    /// Of every sink that it ever sent to, each once.
    books: Vec<SinkBooks>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Dispatcher {
    /// A dispatcher whose relay `default` is the sink. The tenant `acme` attaches for business customers only; `C-1`
    /// is one, `C-2` is private.
    pub(crate) async fn new(database: TestDatabase, sink: &Sink) -> Self {
        Self::with(database, &[relay("default", sink)]).await
    }

    /// A dispatcher with these relays.
    pub(crate) async fn with(database: TestDatabase, relays: &[TestRelay]) -> Self {
        Self::configured(database, relays, |_| {}).await
    }

    /// A dispatcher with these relays, configured otherwise.
    pub(crate) async fn configured(
        database: TestDatabase,
        relays: &[TestRelay],
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let documents = tempfile::tempdir().expect("a temporary folder can be made");
        let mut config = Config::embedded_in(documents.path());
        configure_relays(&mut config, relays);
        config.worker.shutdown_grace = Duration::from_secs(5);
        configure(&mut config);
        std::fs::create_dir_all(documents.path().join("documents/acme")).expect("the folder can be made");
        let app = App::with_store(config, database.store.clone()).expect("the parts fit");
        let mut dispatcher = Self { app, database, documents, books: Vec::new(), running: None };
        dispatcher.watch(relays);
        dispatcher.add_tenant("acme", "exclude_for_private").await;
        dispatcher
    }

    /// The same dispatcher after a restart with these relays.
    pub(crate) fn reconfigured(self, relays: &[TestRelay]) -> Self {
        self.reconfigured_by(relays, |_| {})
    }

    /// The same dispatcher after a restart with these relays and other configuration.
    pub(crate) fn reconfigured_by(mut self, relays: &[TestRelay], configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::clone(&self.app.config);
        configure_relays(&mut config, relays);
        configure(&mut config);
        self.app = App::with_store(config, self.database.store.clone()).expect("the parts fit");
        self.watch(relays);
        self
    }

    /// What these relays take counts, and what the earlier ones took still does.
    fn watch(&mut self, relays: &[TestRelay]) {
        for relay in relays {
            if !self.books.contains(&relay.books) {
                self.books.push(relay.books.clone());
            }
        }
    }

    /// Starts a worker.
    pub(crate) fn start(&mut self) {
        let (app, stop) = (self.app.clone(), CancellationToken::new());
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { app.send(stop).await.expect("the worker runs") }
        });
        self.running = Some((stop, task));
    }

    /// Stops the worker as SIGTERM does, and waits until it has drained.
    pub(crate) async fn stop(&mut self) {
        let (stop, task) = self.running.take().expect("a worker runs");
        stop.cancel();
        task.await.expect("the worker ends in order");
    }

    /// Stops the worker, and checks the books: the database's, and with them what every sink took.
    pub(crate) async fn finish(mut self) {
        if self.running.is_some() {
            self.stop().await;
        }
        let taken = self.books.iter().flat_map(SinkBooks::taken).collect();
        assert_adds_up(&self.database.store, &Evidence { taken: Some(taken), ..Evidence::default() }).await;
    }

    /// Starts a worker as another process would be: with connections of its own to the database, and mortal.
    pub(crate) async fn start_mortal(&self) -> Mortal {
        self.start_with_clock(self.database.clock.clone()).await
    }

    /// Starts a worker whose time stands still, as a suspended machine's does: its heart does not beat, while what it
    /// has begun goes on.
    pub(crate) async fn start_suspended(&self) -> Mortal {
        self.start_with_clock(Clock::manual(self.database.clock.now())).await
    }

    /// Starts a worker whose clock is `clock`, and which moves by itself only.
    pub(crate) async fn start_with_clock(&self, clock: Clock) -> Mortal {
        let runtime = Runtime::new().expect("a runtime can be made");
        let (url, app) = (self.database.url.clone(), self.app.clone());
        let opening = runtime.spawn(async move {
            let store = Store::open_beside(&url, clock).await.expect("the database opens");
            // Nothing is shared with the test's own: a connection that its runtime owned would die with it.
            App::with_store(Config::clone(&app.config), store).expect("the parts fit")
        });
        let app = opening.await.expect("the parts fit");
        let earlier = self.workers().await;
        let stop = CancellationToken::new();
        let task = runtime.spawn({
            let stop = stop.clone();
            async move { app.send(stop).await.expect("the worker runs") }
        });
        // On SQLite it removes the dead ones at once, so counting them would not show it.
        let registering = async {
            while self.workers().await.is_subset(&earlier) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, registering).await.expect("the worker registers");
        Mortal { runtime: Some(runtime), stop, task }
    }

    /// Remembers a tenant with a business customer `C-1` and a private one, `C-2`.
    pub(crate) async fn add_tenant(&self, id: &str, policy: &str) {
        let profile = json!({
            "name": format!("{id} GmbH"),
            "sender": { "name": format!("{id} Buchhaltung"), "address": format!("rechnung@{id}.example") },
            "locale": "de-DE",
            "contact": { "email": format!("hilfe@{id}.example") },
        });
        let customer = |customer: &str, kind: &str| {
            format!(
                "INSERT INTO customer (tenant_id, id, type, name, address, postcode, house_number, updated_at)
                 VALUES ('{id}', '{customer}', '{kind}', 'Käufer', '{customer}@customer.example', '01067', '12a', 0);"
            )
        };
        self.database
            .execute(format!(
                "INSERT INTO tenant (id, profile_version, relay, object_prefix, updated_at)
                     VALUES ('{id}', 1, 'default', '{id}/', 0);
                 INSERT INTO tenant_profile (tenant_id, version, body) VALUES ('{id}', 1, '{profile}');
                 INSERT INTO tenant_settings (tenant_id, version, sensitive_attachments, portal_level, portal_primary)
                     VALUES ('{id}', 1, '{policy}', 'sensitive', 'postcode_house_number');
                 {}{}",
                customer("C-1", "business"),
                customer("C-2", "private"),
            ))
            .await;
    }

    /// Changes a tenant's policy, as an administrator does.
    pub(crate) async fn set_policy(&self, tenant: &str, policy: &str) {
        self.set_settings(tenant, &format!("sensitive_attachments = '{policy}'")).await;
    }

    /// Changes columns of a tenant's settings; a new version, as ever.
    pub(crate) async fn set_settings(&self, tenant: &str, changes: &str) {
        let change =
            format!("UPDATE tenant_settings SET {changes}, version = version + 1 WHERE tenant_id = '{tenant}'");
        assert_eq!(self.database.execute(change).await, 1, "the tenant has settings");
    }

    /// The folder of the documents.
    pub(crate) fn documents(&self) -> PathBuf {
        self.documents.path().join("documents")
    }

    /// Puts a document into the store; returns its description for an event.
    pub(crate) fn add_document(&self, object: &str, bytes: &[u8]) -> Value {
        let path = self.documents().join(object);
        std::fs::create_dir_all(path.parent().expect("keys have a folder")).expect("the folder can be made");
        std::fs::write(path, bytes).expect("the document can be written");
        json!({
            "id": object, "role": "invoice_pdf", "name": "Rechnung.pdf", "media_type": "application/pdf",
            "size": bytes.len(), "sha256": Sha256::of(bytes).to_string(), "object": object,
        })
    }

    /// An event of `acme` for `customer`, with a document of its own.
    pub(crate) fn event(&self, id: &str, customer: &str) -> Value {
        let document = self.add_document(&format!("acme/{id}.pdf"), format!("%PDF-1.4 {id}").as_bytes());
        json!({
            "specversion": "1.0", "id": id, "source": "https://billing.example/test", "type": "invoice.sent.v1",
            "data": {
                "tenant_id": "acme", "customer_id": customer,
                "invoice": { "id": format!("inv-{id}"), "number": format!("R-{id}"), "kind": "invoice",
                             "issue_date": "2026-11-20", "due_date": "2026-12-04", "currency": "EUR", "total": "1190.00" },
                "recipients": [], "documents": [document],
            },
        })
    }

    /// An event of `acme` for the business customer, to these recipients: `to`, `cc` or `bcc`, and the address.
    pub(crate) fn event_to(&self, id: &str, recipients: &[(&str, &str)]) -> Value {
        let mut event = self.event(id, "C-1");
        let recipient = |(role, address): &(&str, &str)| json!({ "role": role, "address": address });
        event["data"]["recipients"] = recipients.iter().map(recipient).collect();
        event
    }

    /// Takes events in.
    pub(crate) async fn take(&self, events: &[Value]) -> Vec<Verdict> {
        let bodies: Vec<_> = events.iter().map(Value::to_string).collect();
        self.take_bodies(&bodies).await
    }

    /// Takes in what may be events.
    pub(crate) async fn take_bodies(&self, bodies: &[impl AsRef<[u8]>]) -> Vec<Verdict> {
        let batch: Vec<Parsed> = bodies
            .iter()
            .map(|body| {
                let body = Bytes::copy_from_slice(body.as_ref());
                Parsed::of(Incoming::new(body, Via::File))
            })
            .collect();
        self.app.intake.take(&batch).await.expect("the database answers")
    }

    /// Waits until the query gives `expected`; the clock stands still meanwhile.
    pub(crate) async fn wait_until(&self, query: &str, expected: i64) {
        let waiting = async {
            while self.database.number(query).await != expected {
                tokio::time::sleep(LOOK).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited for {expected} of: {query}; {}", self.situation().await);
    }

    /// Makes `count` deliveries more of `tenant`, all due now, out of the only one that there is: as its intake would,
    /// if it had had the time. All are of one event, so they are Bcc ones.
    pub(crate) async fn multiply_due(&self, tenant: &str, count: usize) {
        let id = if self.database.store.is_single_process() {
            "CAST(printf('%016d', n) AS BLOB)"
        } else {
            "CAST(LPAD(CAST(n AS TEXT), 32, '0') AS UUID)"
        };
        let numbers =
            format!("WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < {count})");
        self.database
            .execute(format!(
                "INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                     invoice_number, kind, recipients, customer_name, locale, profile_version, template_version,
                     snapshot_at, link_key, created_at)
                 {numbers} SELECT {id}, {id}, 'bcc', id, event_key, tenant_id, customer_id, invoice_id || '-' || n,
                     invoice_number || '-' || n, kind, recipients, customer_name, locale, profile_version,
                     template_version, snapshot_at, link_key, created_at
                 FROM place CROSS JOIN (SELECT * FROM delivery WHERE tenant_id = '{tenant}') AS model;
                 INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, due_at, fair_rank)
                 {numbers} SELECT {id}, relay, tenant_id, customer_id, state, due_at, fair_rank + n
                 FROM place CROSS JOIN (SELECT * FROM lane_entry WHERE tenant_id = '{tenant}') AS model;
                 UPDATE lane_tenant SET last_rank = last_rank + {count} WHERE tenant_id = '{tenant}';"
            ))
            .await;
    }

    /// Has the tenant's mail sent by another relay.
    pub(crate) async fn set_relay(&self, tenant: &str, relay: &str) {
        let set = format!("UPDATE tenant SET relay = '{relay}' WHERE id = '{tenant}'");
        assert_eq!(self.database.execute(set).await, 1, "there is such a tenant");
    }

    /// Lets a moment pass, and the machine do the work of that moment: time never runs away from it.
    pub(crate) async fn step(&self) {
        self.leap(STEP).await;
    }

    /// Lets time pass at once, and the machine do the work that waited for it.
    pub(crate) async fn leap(&self, time: Duration) {
        self.database.clock.advance(time);
        let working = tokio::time::sleep(STEP_WORK);
        let _ = tokio::time::timeout(STEP_PATIENCE, self.database.clock.all_asleep()).await;
        working.await;
    }

    /// Lets time pass until the query gives `expected`.
    pub(crate) async fn pass_until(&self, query: &str, expected: i64) {
        let passing = async {
            while self.database.number(query).await != expected {
                self.step().await;
            }
        };
        let passed = tokio::time::timeout(PATIENCE, passing).await;
        assert!(passed.is_ok(), "time passed in vain for {expected} of: {query}; {}", self.situation().await);
    }

    /// The same for what the worker needs no time for but the machine does: while mails are in hand, time goes ten times more
    /// slowly, so that what passes is hardly the machine's.
    pub(crate) async fn pass_idle_until(&self, query: &str, expected: i64) {
        let sending = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";
        let passing = async {
            let mut looks = 0;
            while self.database.number(query).await != expected {
                looks += 1;
                if looks % 20 != 0 && self.database.number(sending).await > 0 {
                    tokio::time::sleep(LOOK).await;
                } else {
                    self.step().await;
                }
            }
        };
        let passed = tokio::time::timeout(PATIENCE, passing).await;
        assert!(passed.is_ok(), "time passed in vain for {expected} of: {query}; {}", self.situation().await);
    }

    /// Who is registered.
    async fn workers(&self) -> BTreeSet<WorkerId> {
        let beats = self.database.store.workers().await.expect("the database answers");
        beats.into_iter().map(|beat| beat.worker).collect()
    }

    /// What a failing test shows: every delivery, the lanes, and who works.
    async fn situation(&self) -> String {
        let lanes = self.database.texts(
            "SELECT delivery.invoice_number || ' ' || lane_entry.state
                 || CASE WHEN lane_entry.worker_id IS NULL THEN '' ELSE ' by a worker' END || ' claim ' || lane_entry.claim
                 || ' data_started ' || CAST(lane_entry.data_started AS TEXT)
                 || ' rank ' || COALESCE(CAST(lane_entry.fair_rank AS TEXT), '-')
                 || ' due ' || COALESCE(CAST(lane_entry.due_at AS TEXT), '-')
                 || ' takeovers ' || lane_entry.takeovers || ' last ' || COALESCE(lane_entry.last_class, '-')
             FROM lane_entry JOIN delivery ON delivery.id = lane_entry.delivery_id ORDER BY lane_entry.delivery_id",
        );
        let workers = self.database.texts("SELECT host || ' beats ' || beats FROM worker ORDER BY id");
        let relays = self.database.texts("SELECT relay || ' ' || breaker FROM relay_state ORDER BY relay");
        format!(
            "deliveries: {:#?}, lanes at {}: {:#?}, workers: {:#?}, relays: {:#?}",
            self.states().await,
            self.database.clock.now().0,
            lanes.await,
            workers.await,
            relays.await
        )
    }

    /// Lets time pass until no delivery is due or sending.
    pub(crate) async fn pass_until_concluded(&self) {
        self.pass_until("SELECT COUNT(*) FROM lane_entry", 0).await;
    }

    /// Lets time pass until the sink has seen it.
    pub(crate) async fn pass_until_seen(&self, sink: &Sink, what: &str, mut seen: impl FnMut(&SinkState) -> bool) {
        let passing = async {
            while !sink.see(&mut seen) {
                self.step().await;
            }
        };
        let passed = tokio::time::timeout(PATIENCE, passing).await;
        assert!(passed.is_ok(), "the sink never saw {what}: {:#?}", sink.see(|state| state.commands.clone()));
    }

    /// Waits until no delivery is due or sending.
    pub(crate) async fn wait_until_concluded(&self) {
        self.wait_until("SELECT COUNT(*) FROM lane_entry", 0).await;
    }

    /// The one delivery that is uncertain.
    pub(crate) async fn the_uncertain_one(&self) -> DeliveryId {
        let state = Some(DeliveryState::Concluded(Concluded::Uncertain));
        let page = PageRequest { limit: 2, after: None };
        let filter = DeliveryFilter { state, ..DeliveryFilter::default() };
        let mut found = self.database.store.deliveries(&filter, &TenantScope::All, page).await.expect("answered").items;
        assert_eq!(found.len(), 1, "one is uncertain");
        found.remove(0).id
    }

    /// `number state class decision attempts` of every delivery, by invoice number.
    pub(crate) async fn states(&self) -> Vec<String> {
        self.database
            .texts(
                "SELECT delivery.invoice_number || ' ' || delivery_state.state || ' ' || COALESCE(delivery.class, '-')
                     || ' ' || COALESCE(delivery.decision, '-') || ' ' || delivery_state.attempts
                 FROM delivery JOIN delivery_state ON delivery_state.id = delivery.id
                 ORDER BY delivery.invoice_number, delivery.id",
            )
            .await
    }

    /// `number class phase code` of every attempt, by invoice number and in their order.
    pub(crate) async fn attempts(&self) -> Vec<String> {
        self.database
            .texts(
                "SELECT delivery.invoice_number || ' ' || attempt.class || ' ' || COALESCE(attempt.phase, '-')
                     || ' ' || COALESCE(attempt.code, '-')
                 FROM attempt JOIN delivery ON delivery.id = attempt.delivery_id
                 ORDER BY delivery.invoice_number, delivery.id, attempt.claim",
            )
            .await
    }

    /// `number class phase code attempts` of every dead letter, by invoice number.
    pub(crate) async fn dead_letters(&self) -> Vec<String> {
        self.database
            .texts(
                "SELECT COALESCE(invoice_number, '-') || ' ' || class || ' ' || COALESCE(phase, '-')
                     || ' ' || COALESCE(code, '-') || ' ' || attempts
                 FROM dead_letter ORDER BY invoice_number, class, id",
            )
            .await
    }
}

fn configure_relays(config: &mut Config, relays: &[TestRelay]) {
    config.relays = relays.iter().map(|relay| (relay.config.name.clone(), relay.config.clone())).collect();
}

/// A worker that can die.
pub(crate) struct Mortal {
    runtime: Option<Runtime>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Mortal {
    /// Ends the worker in the middle of whatever it does: nothing is drained, nothing is written.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().expect("it dies once");
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.expect("it dies");
    }

    /// Stops the worker as SIGTERM does, and waits until it has drained.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.expect("the worker ends in order");
        self.kill().await;
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // A test that fails leaves it behind; a runtime may not wait for its end in asynchronous code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
