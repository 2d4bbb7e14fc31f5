//! A dispatcher at work, the API beside it, and programs that ask it with a token.

use std::time::Duration;

use invoice_dispatcher::config::{BaseUrl, Config};
use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::ids::TenantId;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::api::support::{Answer, send};
use crate::console::support::TestConsole;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Script, Sink};

/// A dispatcher whose tenant `acme` attaches for business customers: `C-1` is one, `C-2` is private.
pub(crate) struct ApiDesk {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) sink: Sink,
    pub(crate) console: TestConsole,
}

/// A program with a token.
pub(crate) struct Program {
    base: String,
    client: reqwest::Client,
    pub(crate) token: String,
}

impl ApiDesk {
    /// Nothing is sent.
    pub(crate) async fn resting(database: TestDatabase) -> Self {
        let sink = Sink::scripted(Script::new()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let configure = |config: &mut Config| {
            config.console.listen = address;
            config.console.url = BaseUrl::of_listener(address);
            config.console.totp_roles.clear();
        };
        let dispatcher = Dispatcher::configured(database.clone(), &[relay("default", &sink)], configure).await;
        let console = TestConsole::of(dispatcher.app.clone(), database, listener);
        Self { dispatcher, sink, console }
    }

    pub(crate) async fn at_work(database: TestDatabase) -> Self {
        let mut desk = Self::resting(database).await;
        desk.dispatcher.start();
        desk
    }

    /// Takes an event in to this recipient and waits until its delivery has ended; returns the delivery's id.
    pub(crate) async fn send_to(&self, id: &str, recipient: &str) -> String {
        self.dispatcher.take(&[self.dispatcher.event_to(id, &[("to", recipient)])]).await;
        self.dispatcher.pass_until_concluded().await;
        self.later();
        self.newest_of(id).await
    }

    /// Sends `R-{id}` to the business customer's own address; returns its delivery's id.
    pub(crate) async fn send(&self, id: &str) -> String {
        self.dispatcher.take(&[self.dispatcher.event(id, "C-1")]).await;
        self.dispatcher.wait_until_concluded().await;
        self.later();
        self.newest_of(id).await
    }

    /// A few minutes pass.
    pub(crate) fn later(&self) {
        self.dispatcher.database.clock.advance(Duration::from_mins(4));
    }

    /// The newest delivery of `R-{id}`.
    pub(crate) async fn newest_of(&self, id: &str) -> String {
        let database = &self.dispatcher.database;
        let written = if database.store.is_single_process() { "lower(hex(id))" } else { "CAST(id AS TEXT)" };
        let text = format!(
            "SELECT {written} FROM delivery WHERE invoice_number = 'R-{id}' ORDER BY created_at DESC, id DESC LIMIT 1"
        );
        let found = database.texts(text).await.remove(0);
        found.parse::<uuid::Uuid>().expect("an id").to_string()
    }

    /// A program that may do what this role may, for all tenants.
    pub(crate) async fn program(&self, role: Role) -> Program {
        self.program_of(role, &TenantScope::All).await
    }

    /// The same for the tenant `beta` alone.
    pub(crate) async fn program_of_beta(&self, role: Role) -> Program {
        self.program_of(role, &TenantScope::of([TenantId::from("beta")])).await
    }

    pub(crate) async fn program_of(&self, role: Role, scope: &TenantScope) -> Program {
        let name = format!("{role} {}", new_id());
        let lives = Duration::from_hours(1);
        let made = self.console.app.people().add_token(&name, role, scope, lives, &actor("test")).await;
        let (_, token) = made.expect("made");
        self.with_token(token.expose())
    }

    pub(crate) fn with_token(&self, token: &str) -> Program {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Program { base: self.console.base.clone(), client, token: token.to_owned() }
    }

    pub(crate) async fn number(&self, text: &str) -> i64 {
        self.dispatcher.database.number(text).await
    }

    /// How many entries of this action the audit log has.
    pub(crate) async fn audited(&self, action: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM audit_entry WHERE action = '{action}'")).await
    }

    pub(crate) async fn end(self) {
        self.dispatcher.finish().await;
    }
}

impl Program {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts without a body.
    pub(crate) async fn act(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }
}

/// What kind of refusal this is.
pub(crate) fn kind(answer: &Answer, status: u16) -> &str {
    answer.refusal(status);
    answer.json["title"].as_str().expect("a title")
}
