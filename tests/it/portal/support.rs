//! The customers' pages over real TCP, and browsers that ask for them.

use std::time::Duration;

use invoice_dispatcher::app::App;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::documents::install_crypto_provider;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::DeliveryId;
use invoice_dispatcher::model::settings::VerificationMethod;
use invoice_dispatcher::model::state::DeliveryRole;
use invoice_dispatcher::model::verification_key::{RECORD_LABEL, VerificationKeys};
use invoice_dispatcher::portal;
use invoice_dispatcher::secrets::SessionId;
use invoice_dispatcher::store::{DeliveryFilter, NewVerification, PageRequest};
use invoice_dispatcher::web::{HostAllowList, serve};
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::Sink;

/// A dispatcher that has sent emails with links, and the portal that they lead to.
pub(crate) struct TestPortal {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) served: ServedPortal,
    _sink: Sink,
}

/// A listener of the portal, until this is dropped.
pub(crate) struct ServedPortal {
    pub(crate) base: String,
    pub(crate) client: Client,
    _end: DropGuard,
}

/// An invoice whose email has been sent.
#[derive(Debug, Clone)]
pub(crate) struct SentInvoice {
    pub(crate) root: DeliveryId,
    /// What the link in the email ends with.
    pub(crate) token: String,
}

impl SentInvoice {
    /// The path of its page.
    pub(crate) fn page(&self) -> String {
        format!("/invoices/{}", self.root)
    }
}

impl ServedPortal {
    pub(crate) async fn start(app: &App) -> Self {
        install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = portal::router(app.for_visitors().portal());
        let router = HostAllowList::new(address, [app.config.portal.url.host()]).guard(router);
        let end = CancellationToken::new();
        tokio::spawn(serve(listener, router, end.clone(), Duration::ZERO));
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { base: format!("http://{address}"), client, _end: end.drop_guard() }
    }

    /// A browser without a session.
    pub(crate) fn browser(&self) -> Browser {
        Browser { base: self.base.clone(), client: self.client.clone(), cookie: None }
    }
}

impl TestPortal {
    /// The tenant `acme` at level `sensitive`, with a business customer `C-1` and a private one, `C-2`.
    pub(crate) async fn start(database: TestDatabase) -> Self {
        Self::configured(database, |_| {}).await
    }

    /// The same, configured otherwise.
    pub(crate) async fn configured(database: TestDatabase, configure: impl FnOnce(&mut Config)) -> Self {
        let sink = Sink::start().await;
        let mut dispatcher = Dispatcher::configured(database, &[relay("default", &sink)], configure).await;
        dispatcher.set_policy("acme", "exclude").await;
        dispatcher.start();
        let served = ServedPortal::start(&dispatcher.app).await;
        Self { dispatcher, served, _sink: sink }
    }

    pub(crate) fn browser(&self) -> Browser {
        self.served.browser()
    }

    /// Has an event's email sent.
    pub(crate) async fn send(&self, event: &Value) -> SentInvoice {
        // Each is made at a moment of its own, so that it is clear which is the newest.
        self.dispatcher.database.clock.advance(Duration::from_secs(1));
        self.dispatcher.take(std::slice::from_ref(event)).await;
        self.dispatcher.wait_until_concluded().await;
        let number = event["data"]["invoice"]["number"].as_str().expect("a number").to_owned();
        let filter = DeliveryFilter { invoice: Some(number), ..DeliveryFilter::default() };
        let page = PageRequest { limit: 50, after: None };
        let found =
            self.dispatcher.database.store.deliveries(&filter, &TenantScope::All, page).await.expect("answered").items;
        let main = found.iter().filter(|delivery| delivery.role == DeliveryRole::Main);
        let root = main.max_by_key(|delivery| (delivery.created_at, delivery.id)).expect("it was made").root;
        self.sent(root)
    }

    /// The first link of a delivery.
    pub(crate) fn sent(&self, root: DeliveryId) -> SentInvoice {
        let token = self.dispatcher.app.link_keys.newest().link_token(root.0, 0);
        SentInvoice { root, token }
    }

    /// Has the invoice `id` of `customer` sent.
    pub(crate) async fn send_invoice(&self, id: &str, customer: &str) -> SentInvoice {
        let event = self.dispatcher.event(id, customer);
        self.send(&event).await
    }

    /// Stops the worker. The books are not looked at: these scenarios change rows past the store.
    pub(crate) async fn end(mut self) {
        self.dispatcher.stop().await;
    }

    /// An id as statements past the store write it.
    pub(crate) fn literal(&self, id: DeliveryId) -> String {
        if self.dispatcher.database.store.is_single_process() {
            format!("X'{}'", id.0.simple())
        } else {
            format!("'{id}'")
        }
    }

    /// A browser that has opened this link.
    pub(crate) async fn opened(&self, invoice: &SentInvoice) -> Browser {
        let mut browser = self.browser();
        let answer = browser.open(invoice).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        browser
    }

    /// Verifies the browser's session as this customer, as the verification's page does once the answer was right.
    pub(crate) async fn verify(&self, browser: &mut Browser, customer: &str) {
        self.verify_by(browser, customer, VerificationMethod::PostcodeHouseNumber).await;
    }

    pub(crate) async fn verify_by(&self, browser: &mut Browser, customer: &str, method: VerificationMethod) {
        let (old, new) = (browser.session_id(), SessionId::random());
        let verification = NewVerification {
            tenant: "acme".into(),
            customer: customer.into(),
            method,
            record_hmac: record_hmac(&self.dispatcher.app, "01067", "12a"),
        };
        let store = &self.dispatcher.database.store;
        let raised = store.raise_portal_session(old.sha256(), new.sha256(), &verification).await;
        assert!(raised.expect("the database answers"), "the session has not ended");
        browser.cookie = Some(new.to_cookie());
    }
}

/// What a verification is recorded with that was proven against this record.
fn record_hmac(app: &App, postcode: &str, house_number: &str) -> [u8; 32] {
    let keys = app.secret_keys.hmac_keys(RECORD_LABEL);
    VerificationKeys::of(None, Some(postcode), Some(house_number), None).hmac(&keys)
}

/// A browser with at most one session.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    base: String,
    client: Client,
    /// The session's cookie.
    pub(crate) cookie: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct PageAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl PageAnswer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Browser {
    /// A request as the browser sends it from a page of the portal.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request =
            self.client.request(method, format!("{}{path}", self.base)).header("sec-fetch-site", "same-origin");
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, format!("portal_session={cookie}")),
            None => request,
        }
    }

    /// Sends a request, and takes the cookie that the answer sets.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> PageAnswer {
        let answer = answer(request).await;
        if let Some(cookie) = answer.headers.get(SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            let value = text.strip_prefix("portal_session=").expect("our cookie").split(';').next().expect("a value");
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> PageAnswer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> PageAnswer {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            self.request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        self.send(request).await
    }

    /// Presses the button on the page of the link.
    pub(crate) async fn open(&mut self, invoice: &SentInvoice) -> PageAnswer {
        self.post(&format!("/i/{}", invoice.token), &[]).await
    }

    pub(crate) fn session_id(&self) -> SessionId {
        SessionId::parse(self.cookie.as_deref().expect("a session")).expect("its id")
    }
}

/// What is answered to a request.
pub(crate) async fn answer(request: RequestBuilder) -> PageAnswer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await.expect("a whole answer").to_vec();
    PageAnswer { status, headers, bytes }
}
