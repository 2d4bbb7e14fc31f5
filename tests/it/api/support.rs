//! The API over real TCP, as scenarios talk to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use invoice_dispatcher::api::{ApiSettings, router};
use invoice_dispatcher::app::App;
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::compose::Templates;
use invoice_dispatcher::config::{self, Config};
use invoice_dispatcher::intake::{DeliveryFactory, Intake};
use invoice_dispatcher::model::verification::VerificationConfig;
use invoice_dispatcher::operator::redrive::Redrive;
use invoice_dispatcher::secrets::SecretKeys;
use invoice_dispatcher::store::Store;
use invoice_dispatcher::wake::Wakes;
use invoice_dispatcher::web::{Probes, serve};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::database::TestDatabase;

pub(crate) const EVENT: &str = "application/cloudevents+json";
pub(crate) const BATCH: &str = "application/cloudevents-batch+json";
pub(crate) const SOURCE: &str = "https://billing.example/eu-1";
const CUSTOMER_WAIT: Duration = Duration::from_mins(10);

/// A console that listens until this is dropped.
pub(crate) struct Api {
    pub(crate) base: String,
    pub(crate) client: Client,
    pub(crate) probes: Probes,
    _folder: TempDir,
    _end: DropGuard,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Asserts that this is a refusal as every refusal has to be; returns its detail.
    pub(crate) fn refusal(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json["status"], status);
        let title = self.json["title"].as_str().expect("a title");
        assert_eq!(self.json["type"], format!("urn:invoice-dispatcher:problem:{}", title.replace(' ', "-")));
        self.json["detail"].as_str().expect("a detail")
    }

    /// Asserts that this is a success; returns what it says.
    pub(crate) fn success(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{self:?}");
        &self.json
    }
}

impl Api {
    /// The API on a database, as it is configured on loopback.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        Self::configured(database.store.clone(), |_| {}).await
    }

    /// The API on a store, configured otherwise.
    pub(crate) async fn configured(store: Store, configure: impl FnOnce(&mut config::ConsoleConfig)) -> Self {
        // Another test of this process may have been first; either provider is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut whole = Config::embedded_in(folder.path());
        whole.console.listen = address;
        configure(&mut whole.console);
        let (config, keys) = (whole.console.clone(), SecretKeys::parse(&"07".repeat(32)).expect("a key"));
        let store = store.with_answer_keys(&keys);
        whole.secrets.keys = Some(keys);
        let app = App::with_store(whole, store.clone()).expect("the parts fit");
        let factory = Arc::new(DeliveryFactory {
            store: store.clone(),
            wakes: Wakes::default(),
            templates: Arc::new(Templates::builtin()),
            template_version: "t1".to_owned(),
            link_key: "k1".to_owned(),
            customer_wait: CUSTOMER_WAIT,
        });
        let console = ApiSettings {
            intake: Intake::new(Arc::clone(&factory), Arc::new(Redrive::new(Arc::clone(&factory)))),
            redrive: Redrive::new(factory),
            store,
            verification: VerificationConfig::with_sms_anywhere(),
            ..app.api()
        };
        let probes = Probes::default();
        let end = CancellationToken::new();
        let router = router(console, probes.clone(), &config);
        tokio::spawn(serve(listener, router, end.clone(), Duration::from_secs(1)));
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { base: format!("http://{address}"), client, probes, _folder: folder, _end: end.drop_guard() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn put_settings(&self, tenant: &str, if_match: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/tenants/{tenant}/settings");
        send(self.request(Method::PUT, &path).header("if-match", if_match).json(body)).await
    }

    pub(crate) async fn post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(self.request(Method::POST, "/api/v1/events").header(CONTENT_TYPE, content_type).body(body)).await
    }

    /// Posts to where events are taken in; none if the connection was closed before the request had come.
    pub(crate) async fn try_post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Option<Answer> {
        let request = self.request(Method::POST, "/api/v1/events").header(CONTENT_TYPE, content_type).body(body);
        match request.send().await {
            Ok(response) => Some(answer_of(response).await),
            Err(error) => {
                assert!(
                    error.is_request() && !error.is_timeout(),
                    "only a closed connection is nobody's fault: {error:?}"
                );
                None
            }
        }
    }

    /// Posts one event, and returns what is said of it.
    pub(crate) async fn publish(&self, event: &Value) -> Value {
        let answer = self.post(EVENT, event.to_string()).await;
        let taken = answer.success(202).as_array().expect("a list");
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!((&taken[0]["source"], &taken[0]["id"]), (&event["source"], &event["id"]));
        taken[0].clone()
    }

    /// What became of the event `id`.
    pub(crate) async fn report(&self, id: &str) -> Answer {
        self.get(&format!("/api/v1/events?source={SOURCE}&id={id}")).await
    }

    /// Remembers the tenant `acme` and its customer `C-1`.
    pub(crate) async fn remember_acme(&self) {
        self.put("/api/v1/tenants/acme", &tenant()).await.success(201);
        self.put("/api/v1/tenants/acme/customers/C-1", &customer()).await.success(201);
    }
}

/// Sends a request; what is not JSON is answered as null.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    answer_of(request.send().await.expect("an answer")).await
}

async fn answer_of(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.expect("the whole answer");
    Answer { status, headers, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

/// A tenant that attaches for business customers only.
pub(crate) fn tenant() -> Value {
    json!({
        "name": "Acme GmbH", "sender": {"name": "Acme", "address": "rechnung@acme.example"}, "locale": "de-DE",
        "contact": {"phone": "+49 351 123456"},
        "settings": {"sensitive_attachments": "exclude_for_private",
                     "portal_authentication": {"level": "sensitive", "primary": "postcode_house_number"}},
    })
}

/// A business customer with everything on record.
pub(crate) fn customer() -> Value {
    json!({
        "type": "business", "name": "Käufer OHG", "address": "ap@customer.example", "locale": "de-DE",
        "postal": {"country": "DE", "postcode": "01067", "house_number": "12a"}, "mobile": "+4915112345678",
    })
}

/// A new event about a new invoice of `acme` for `C-1`.
pub(crate) fn event() -> Value {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    json!({
        "specversion": "1.0", "id": format!("e-{number}"), "source": SOURCE, "type": "invoice.sent.v1",
        "data": {
            "tenant_id": "acme", "customer_id": "C-1",
            "invoice": {"id": format!("inv-{number}"), "number": format!("R-{number}"), "kind": "invoice",
                        "issue_date": "2026-11-20", "currency": "EUR", "total": "1190.00"},
            "documents": [{"id": "d1", "role": "invoice_pdf", "name": "R.pdf", "media_type": "application/pdf",
                           "size": 5, "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                           "object": format!("acme/R-{number}.pdf")}],
        },
    })
}

/// The same event, with one value at `pointer` (RFC 6901) replaced.
pub(crate) fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    event.pointer_mut(parent).expect("its parent")[name] = value;
    event
}

/// The same event, without the value at `pointer`.
pub(crate) fn without(mut event: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("its parent");
    parent.remove(name).expect("it is there");
    event
}

/// A store whose database does not answer.
pub(crate) async fn store_without_database() -> Store {
    // A port that was free a moment ago, and that is not given away so soon.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    Store::open(&format!("postgres://nobody:x@{address}/nothing"), Clock::system()).await.expect("it is not contacted")
}

/// Asserts that nothing was stored of any event.
pub(crate) async fn assert_nothing_stored(database: &TestDatabase) {
    for table in ["event", "delivery", "lane_entry", "dead_letter"] {
        assert_eq!(database.number(format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
}
