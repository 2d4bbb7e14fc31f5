//! A process ends, as by `kill -9`, around the commit of a resend that a client asked for with an idempotency key. The client
//! sends the request again with the same key, as long as it takes: the invoice is sent again once.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;

use invoice_dispatcher::documents::install_crypto_provider;
use invoice_dispatcher::failpoint::Failpoint;
use reqwest::Client;
use serde_json::{Value, json};

use crate::failure::processes_are_killed::{take_in, until_concluded};
use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::process::{Process, Site};
use crate::harness::sink::Sink;

/// Processes with an API, one after the other, and their client.
struct ResendApi {
    site: Site,
    base: String,
    client: Client,
}

impl ResendApi {
    async fn new(database: &TestDatabase, sink: &Sink) -> Self {
        install_crypto_provider();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let mut site = Site::new(&database.url, None, sink).await;
        site.set("CONSOLE_LISTEN", address.to_string());
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { site, base: format!("http://{address}"), client }
    }

    async fn start(&self, failpoint: &str) -> Process {
        let process = self.site.start_failing_as(&["worker", "console"], failpoint);
        let me = format!("{}/api/v1/me", self.base);
        let answers = async || self.client.get(&me).send().await.is_ok_and(|answer| answer.status().is_success());
        until("the API answers", answers).await;
        process
    }

    /// Asks for the resend, with the same key each time; the status and the answer, unless the process dies over it.
    async fn ask(&self, delivery: &str) -> Option<(u16, Value)> {
        let post = self.client.post(format!("{}/api/v1/deliveries/{delivery}/resend", self.base));
        let post = post.header("idempotency-key", "k").json(&json!({ "reason": "asked for" }));
        let answer = post.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.expect("JSON")))
    }
}

async fn killed_around_the_commit(database: TestDatabase, point: Failpoint) {
    let sink = Sink::start().await;
    let api = ResendApi::new(&database, &sink).await;
    take_in(&api.site, &[("a", "a@customer.example")]).await;
    let dying = api.start(&format!("{point}:exit")).await;
    until_concluded(&api.site.store, 1).await;
    let written = if database.store.is_single_process() { "lower(hex(id))" } else { "CAST(id AS TEXT)" };
    let delivery = database.texts(format!("SELECT {written} FROM delivery")).await.remove(0);
    let delivery = delivery.parse::<uuid::Uuid>().expect("an id").to_string();

    assert_eq!(api.ask(&delivery).await, None, "{point}");
    assert!(dying.until_ended().await.signal().is_some(), "{point}");
    let deliveries = "SELECT COUNT(*) FROM delivery";
    let happened = point == Failpoint::AfterResendCommit;
    assert_eq!(database.number(deliveries).await, 1 + i64::from(happened), "{point}");

    let next = api.start("").await;
    let (status, wait) = api.ask(&delivery).await.expect("an answer");
    assert_eq!((status, &wait["title"]), (409, &json!("request under way")), "{point}");
    // Two minutes later.
    let over = if happened { "answer_awaited_until" } else { "kept_until" };
    assert_eq!(database.execute(format!("UPDATE idempotency_key SET {over} = 0")).await, 1, "{point}");
    let (status, answer) = api.ask(&delivery).await.expect("an answer");
    if happened {
        let unknown = json!("urn:invoice-dispatcher:problem:outcome-unknown");
        assert_eq!((status, &answer["type"]), (409, &unknown), "{point}");
    } else {
        assert_eq!(status, 201, "{point}: {answer}");
    }
    until_concluded(&api.site.store, 2).await;
    assert_eq!((database.number(deliveries).await, sink.mails().len()), (2, 2), "{point}");
    assert!(next.stop().await.success(), "{point}");
    api.site.assert_adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_commit_on_sqlite() {
    killed_around_the_commit(TestDatabase::sqlite_unlocked().await, Failpoint::BeforeResendCommit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_commit_on_postgresql() {
    killed_around_the_commit(TestDatabase::postgres().await, Failpoint::BeforeResendCommit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_commit_on_sqlite() {
    killed_around_the_commit(TestDatabase::sqlite_unlocked().await, Failpoint::AfterResendCommit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_commit_on_postgresql() {
    killed_around_the_commit(TestDatabase::postgres().await, Failpoint::AfterResendCommit).await;
}
