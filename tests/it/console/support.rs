//! The console and the API over real TCP, as one listener serves them, and browsers that use it.

use std::time::Duration;

use invoice_dispatcher::api::router_beside;
use invoice_dispatcher::app::App;
use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::config::{BaseUrl, Config};
use invoice_dispatcher::console;
use invoice_dispatcher::documents::install_crypto_provider;
use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::ids::OperatorId;
use invoice_dispatcher::operator::people::PersonToAdd;
use invoice_dispatcher::secrets::{SecretKeys, SessionId, TotpSecret};
use invoice_dispatcher::web::{Probes, serve};
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::actor;
use crate::harness::database::TestDatabase;

/// One byte of the secret key, in hexadecimal.
const KEY: &str = "0b";

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A console that listens until this is dropped.
pub(crate) struct TestConsole {
    pub(crate) database: TestDatabase,
    pub(crate) app: App,
    pub(crate) base: String,
    client: Client,
    _folder: Option<TempDir>,
    _end: DropGuard,
}

impl TestConsole {
    /// Nobody has to set up an authenticator app.
    pub(crate) async fn start(database: TestDatabase) -> Self {
        Self::configured(database, |config| config.console.totp_roles.clear()).await
    }

    /// Configured otherwise.
    pub(crate) async fn configured(database: TestDatabase, configure: impl FnOnce(&mut Config)) -> Self {
        install_crypto_provider();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut config = Config::embedded_in(folder.path());
        config.console.listen = address;
        config.console.url = BaseUrl::of_listener(address);
        config.secrets.keys = Some(SecretKeys::parse(&KEY.repeat(32)).expect("a key"));
        configure(&mut config);
        let app = App::with_store(config, database.store.clone()).expect("the parts fit");
        Self { _folder: Some(folder), ..Self::of(app, database, listener) }
    }

    /// The pages and the API of a dispatcher, whose configuration has the listener's address.
    pub(crate) fn of(app: App, database: TestDatabase, listener: TcpListener) -> Self {
        install_crypto_provider();
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let pages = app.for_visitors().console();
        let router = router_beside(console::router(pages.clone()), app.api(), Probes::default(), &app.config.console);
        let end = CancellationToken::new();
        tokio::spawn(serve(listener, router, end.clone(), Duration::ZERO));
        let journal_end = end.clone();
        tokio::spawn(async move { pages.keep_sign_in_journal(journal_end).await });
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { database, app, base, client, _folder: None, _end: end.drop_guard() }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { base: self.base.clone(), client: self.client.clone(), cookie: None }
    }

    /// A request of a program.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Adds a person; returns the path of their invitation.
    pub(crate) async fn invite(&self, address: &str, role: Role, scope: &TenantScope) -> (OperatorId, String) {
        let person = PersonToAdd { address, name: None, role, scope };
        let (id, link) = self.app.people().add(&person, true, &actor("test")).await.expect("added");
        let url = link.expect("a link").url;
        let origin = self.app.config.console.url.origin();
        (id, url.strip_prefix(origin).expect("it leads to the console").to_owned())
    }

    /// Somebody who has chosen the password [`PASSWORD`], and is signed in.
    pub(crate) async fn person(&self, address: &str, role: Role) -> (OperatorId, Browser) {
        self.person_of(address, role, &TenantScope::All).await
    }

    pub(crate) async fn person_of(&self, address: &str, role: Role, scope: &TenantScope) -> (OperatorId, Browser) {
        let (id, path) = self.invite(address, role, scope).await;
        let mut browser = self.browser();
        let answer = browser.accept(&path, PASSWORD).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{answer:?}");
        (id, browser)
    }

    /// The authenticator app of somebody, or the one that they are setting up.
    pub(crate) async fn app_of(&self, operator: OperatorId) -> TotpSecret {
        let store = &self.database.store;
        let in_use = store.operator_totp(operator, true).await.expect("answered");
        let stored = match in_use {
            Some(stored) => stored,
            None => store.operator_totp(operator, false).await.expect("answered").expect("an app is set up"),
        };
        let keys = self.app.secret_keys.sealing_keys(invoice_dispatcher::operator::sign_in::TOTP_LABEL);
        TotpSecret::from_bytes(keys.open(&stored.secret, operator.0.as_bytes()).expect("it opens"))
    }

    /// The code that their app shows now.
    pub(crate) async fn code(&self, operator: OperatorId) -> String {
        self.app_of(operator).await.code_at(self.now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.database.clock.now()
    }
}

/// The keys of every console here, with a newer one in front.
pub(crate) fn with_newer_key() -> SecretKeys {
    SecretKeys::parse(&format!("{},{}", "0d".repeat(32), KEY.repeat(32))).expect("keys")
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
    pub(crate) text: String,
}

impl PageAnswer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Asserts that the browser is sent on; returns where.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{self:?}");
        self.header("location")
    }

    /// What stands between `before` and the next `"`, the first time.
    pub(crate) fn between(&self, before: &str) -> &str {
        let (_, rest) = self.text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {}", self.text));
        rest.split('"').next().expect("a part")
    }

    /// What stands between `before` and `behind`, the first time.
    pub(crate) fn between_tags(&self, before: &str, behind: &str) -> &str {
        let (_, rest) = self.text.split_once(before).unwrap_or_else(|| panic!("{before} is not in {}", self.text));
        rest.split(behind).next().expect("a part")
    }
}

impl Browser {
    /// A request as the browser sends it from a page of the console.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("sec-fetch-site", "same-origin")
    }

    /// The same, from wherever.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, format!("console_session={cookie}")),
            None => request,
        }
    }

    /// Sends a request, and takes the cookie that the answer sets.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> PageAnswer {
        let answer = answer(request).await;
        if let Some(cookie) = answer.headers.get(SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            let value = text.strip_prefix("console_session=").expect("our cookie").split(';').next().expect("a value");
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> PageAnswer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// Sends a form that needs no session.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> PageAnswer {
        let request = form_of(self.request(Method::POST, path), form);
        self.send(request).await
    }

    /// Sends a form of a page of this session.
    pub(crate) async fn submit(&mut self, path: &str, form: &[(&str, &str)]) -> PageAnswer {
        let token = self.form_token().await;
        let form = [form, &[("csrf", token.as_str())]].concat();
        self.post(path, &form).await
    }

    /// What the session's forms bear.
    pub(crate) async fn form_token(&mut self) -> String {
        let account = self.get("/account").await;
        assert_eq!(account.status, StatusCode::OK, "{account:?}");
        account.between("name=\"csrf\" value=\"").to_owned()
    }

    /// Chooses a password by an invitation.
    pub(crate) async fn accept(&mut self, path: &str, password: &str) -> PageAnswer {
        let form = [("name", "Somebody"), ("password", password), ("password_again", password)];
        self.post(path, &form).await
    }

    pub(crate) async fn sign_in(&mut self, address: &str, password: &str) -> PageAnswer {
        self.post("/sign-in", &[("email", address), ("password", password)]).await
    }

    /// Whether the browser's session is open.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/account").await.status == StatusCode::OK
    }

    pub(crate) fn session_id(&self) -> SessionId {
        SessionId::parse(self.cookie.as_deref().expect("a session")).expect("its id")
    }
}

pub(crate) fn form_of(request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
}

/// What is answered to a request.
pub(crate) async fn answer(request: RequestBuilder) -> PageAnswer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.expect("a whole answer");
    PageAnswer { status, headers, text }
}
