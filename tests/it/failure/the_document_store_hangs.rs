//! The document store takes questions and does not answer: for one tenant's documents, or for all. What needs it waits
//! and loses no attempt; links of the same lane, and tenants whose documents come, go out meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use invoice_dispatcher::config::{Config, DocumentsPlace, S3Credentials};
use serde_json::{Value, json};

use crate::harness::broker::until;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::scripted_http::{Answer, ScriptedHttp};
use crate::harness::sink::Sink;

on_both_databases!(
    other_tenants_and_links_go_out,
    links_go_out_while_nobody_gets_documents,
    a_store_that_drips_holds_up_its_own_tenant_only,
);

/// What a store may hold up others by; a load that hangs is given up only after 30 s.
const SOON: Duration = Duration::from_secs(25);
const HANGING: usize = 60;
/// The same of a store that drips: its loads are given up after 4 s.
const DRIPPING_SOON: Duration = Duration::from_secs(20);

/// Objects by key, and the beginning of those that are not answered.
#[derive(Default)]
struct Bucket {
    objects: Mutex<HashMap<String, String>>,
    hanging: Mutex<Option<String>>,
    /// What hangs sends a byte each time that has passed.
    drips: Option<Duration>,
}

impl Bucket {
    fn answer(&self, head: &str) -> Answer {
        let mut words = head.split(' ');
        let method = words.next().expect("a method");
        let key = words.next().expect("a path").trim_start_matches("/bucket/").to_owned();
        let hanging = self.hanging.lock().expect("no holder panics").clone();
        let hangs = hanging.is_some_and(|hanging| key.starts_with(&hanging));
        if hangs && self.drips.is_none() {
            return Answer::Silence;
        }
        let objects = self.objects.lock().expect("no holder panics");
        let Some(bytes) = objects.get(&key) else {
            return Answer::Once("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\
             last-modified: Mon, 23 Nov 2026 09:30:00 GMT\r\netag: \"1\"\r\n\r\n",
            bytes.len()
        );
        match self.drips.filter(|_| hangs && method == "GET") {
            Some(pause) => Answer::Dripping(head, bytes.clone().into_bytes(), pause),
            None => Answer::Once(if method == "HEAD" { head } else { head + bytes }),
        }
    }
}

struct Hanging {
    bucket: Arc<Bucket>,
    server: ScriptedHttp,
    sink: Sink,
    dispatcher: Dispatcher,
}

impl Hanging {
    /// Two tenants on one lane. What begins with `hanging` is not answered, and mails that need such documents are due.
    async fn start(database: TestDatabase, hanging: &str, tenants: &[&str]) -> Self {
        Self::start_with(database, hanging, tenants, None).await
    }

    /// The same, where what hangs may drip.
    async fn start_with(database: TestDatabase, hanging: &str, tenants: &[&str], drips: Option<Duration>) -> Self {
        let bucket = Arc::new(Bucket { drips, ..Bucket::default() });
        *bucket.hanging.lock().expect("no holder panics") = Some(hanging.to_owned());
        let server = ScriptedHttp::start({
            let bucket = Arc::clone(&bucket);
            move |head| bucket.answer(head)
        })
        .await;
        let sink = Sink::start().await;
        let configure = |config: &mut Config| {
            config.documents.place = DocumentsPlace::Bucket { name: "bucket".to_owned(), prefix: String::new() };
            config.documents.s3_endpoint = Some(server.url.clone());
            config.documents.s3_credentials = Some(S3Credentials {
                access_key_id: "test".to_owned(),
                secret_access_key: "a-secret".into(),
                session_token: None,
            });
        };
        let dispatcher = Dispatcher::configured(database, &[relay("default", &sink)], configure).await;
        dispatcher.add_tenant("globex", "exclude_for_private").await;
        let mut all = Self { bucket, server, sink, dispatcher };
        for tenant in tenants {
            all.take(tenant, "C-1", HANGING / tenants.len()).await;
        }
        all.dispatcher.start();
        until("loads that hang", async || all.server.heads().len() >= 2).await;
        all
    }

    /// Takes in so many invoices: attached for `C-1`, a link for `C-2`.
    async fn take(&self, tenant: &str, customer: &str, count: usize) {
        self.take_from(tenant, customer, 0, count).await;
    }

    /// The same, numbered from `first`.
    async fn take_from(&self, tenant: &str, customer: &str, first: usize, count: usize) {
        let events: Vec<_> = (first..first + count).map(|n| self.event(tenant, customer, n)).collect();
        self.dispatcher.take(&events).await;
    }

    fn event(&self, tenant: &str, customer: &str, n: usize) -> Value {
        let id = format!("{tenant}-{customer}-{n}");
        let mut event = self.dispatcher.event(&id, customer);
        let (object, bytes) = (format!("{tenant}/{id}.pdf"), format!("%PDF-1.4 {id}"));
        event["data"]["tenant_id"] = json!(tenant);
        event["data"]["documents"][0] = self.dispatcher.add_document(&object, bytes.as_bytes());
        self.bucket.objects.lock().expect("no holder panics").insert(object, bytes);
        event
    }

    /// The store answers again, and everything is sent, with no attempt lost.
    async fn finish(self, sent: usize) {
        let dependency = "SELECT COUNT(*) FROM lane_entry WHERE last_class <> 'dependency' OR attempts > 0";
        assert_eq!(self.dispatcher.database.number(dependency).await, 0);
        *self.bucket.hanging.lock().expect("no holder panics") = None;
        self.dispatcher.pass_until_concluded().await;
        let all = self.dispatcher.database.number("SELECT COUNT(*) FROM delivery").await;
        let at_once = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1";
        assert_eq!(self.dispatcher.database.number(at_once).await, all);
        assert_eq!(all, i64::try_from(sent + HANGING).expect("few"));
        assert_eq!(self.sink.mails_and_data_phases(), (sent + HANGING, sent + HANGING));
        self.dispatcher.finish().await;
    }
}

async fn other_tenants_and_links_go_out(database: TestDatabase) {
    let hanging = Hanging::start(database, "acme/", &["acme"]).await;
    let began = Instant::now();
    hanging.take("acme", "C-2", 5).await;
    hanging.take("globex", "C-1", 10).await;
    hanging.take("globex", "C-2", 10).await;
    // Time passes: while no load is answered, the other tenant's mails take turns in trying.
    let seen = "links, and the other tenant's mails";
    hanging.dispatcher.pass_until_seen(&hanging.sink, seen, |state| state.mails.len() == 25).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    hanging.finish(25).await;
}

/// A byte now and then: a document of 25 bytes would take as many seconds, and does once the store is known to be slow.
async fn a_store_that_drips_holds_up_its_own_tenant_only(database: TestDatabase) {
    let drips = Some(Duration::from_secs(1));
    let dripping = Hanging::start_with(database, "acme/", &["acme"], drips).await;
    for round in 0..2 {
        let began = Instant::now();
        let before = dripping.sink.mails().len();
        dripping.take_from("acme", "C-2", round * 5, 5).await;
        dripping.take_from("globex", "C-1", round * 10, 10).await;
        dripping.take_from("globex", "C-2", round * 10, 10).await;
        let seen = "links, and the other tenant's mails";
        dripping.dispatcher.pass_until_seen(&dripping.sink, seen, |state| state.mails.len() >= before + 25).await;
        assert!(began.elapsed() < DRIPPING_SOON, "round {round}: {:?}", began.elapsed());
        // The second time, when trials have had their slow answer.
        let own =
            "SELECT COUNT(*) FROM delivery WHERE tenant_id = 'acme' AND customer_id = 'C-1' AND concluded = 'sent'";
        if round == 0 {
            let passing = async {
                while dripping.dispatcher.database.number(own).await == 0 {
                    dripping.dispatcher.step().await;
                }
            };
            tokio::time::timeout(Duration::from_mins(2), passing).await.expect("a slow answer is an answer");
        }
    }
    dripping.finish(50).await;
}

async fn links_go_out_while_nobody_gets_documents(database: TestDatabase) {
    let hanging = Hanging::start(database, "", &["acme", "globex"]).await;
    let began = Instant::now();
    hanging.take("acme", "C-2", 10).await;
    hanging.take("globex", "C-2", 10).await;
    hanging.sink.wait_for("links", |state| state.mails.len() == 20).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    hanging.finish(20).await;
}
