//! A dispatcher at work with its portal, and a console beside it: where an administrator chooses how invoices are secured.

use std::time::Duration;

use invoice_dispatcher::config::{BaseUrl, Config};
use invoice_dispatcher::event::catalogue::parse_customer;
use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::store::{DeliveryFilter, PageRequest};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::support::{Browser, TestConsole};
use crate::harness::actor;
use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::Sink;
use crate::portal::support::{SentInvoice, ServedPortal};

pub(super) const ADMIN: &str = "admin@acme.example";
/// The settings of `acme`.
pub(super) const PAGE: &str = "/settings/portal?tenant=acme";
pub(super) const SAVE: &str = "/settings/portal";

pub(super) struct Office {
    pub(super) dispatcher: Dispatcher,
    pub(super) sink: Sink,
    pub(super) console: TestConsole,
    pub(super) portal: ServedPortal,
}

impl Office {
    /// The tenant `acme`, version 1: documents are attached for business customers only, and the portal asks everybody for
    /// postcode and house number before it shows any. `C-1` is a business customer, `C-2` is private.
    pub(super) async fn new(database: TestDatabase) -> Self {
        let sink = Sink::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let configure = |config: &mut Config| {
            config.console.listen = address;
            config.console.url = BaseUrl::of_listener(address);
            config.console.totp_roles.clear();
        };
        // A test email to `hang-at-dot@` is given up after this time.
        let relay = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_secs(2));
        let mut dispatcher = Dispatcher::configured(database.clone(), &[relay], configure).await;
        dispatcher.start();
        let portal = ServedPortal::start(&dispatcher.app).await;
        let console = TestConsole::of(dispatcher.app.clone(), database, listener);
        let office = Self { dispatcher, sink, console, portal };
        let postal = json!({ "country": "DE", "postcode": "01067", "house_number": "12a" });
        office.add_customer("C-1", "business", &postal).await;
        office.add_customer("C-2", "private", &postal).await;
        office
    }

    pub(super) async fn add_customer(&self, id: &str, kind: &str, postal: &Value) {
        let body = json!({ "tenant_id": "acme", "id": id, "type": kind, "name": "Käufer", "postal": postal,
                           "address": format!("{id}@customer.example") });
        let customer = parse_customer(body.to_string().as_bytes(), None).expect("the customer is right");
        self.console.database.store.upsert_customer(&customer, &actor("billing")).await.expect("answered");
    }

    /// Has the invoice `R-id` sent to a customer.
    pub(super) async fn send(&self, id: &str, customer: &str) -> SentInvoice {
        self.dispatcher.take(&[self.dispatcher.event(id, customer)]).await;
        self.dispatcher.wait_until_concluded().await;
        let filter = DeliveryFilter { invoice: Some(format!("R-{id}")), ..DeliveryFilter::default() };
        let page = PageRequest { limit: 1, after: None };
        let found = self.console.database.store.deliveries(&filter, &TenantScope::All, page).await.expect("answered");
        let root = found.items.first().expect("it was made").root;
        SentInvoice { root, token: self.dispatcher.app.link_keys.newest().link_token(root.0, 0) }
    }

    pub(super) async fn person(&self, address: &str, role: Role) -> Browser {
        self.console.person(address, role).await.1
    }

    /// The administrator of this tenant alone.
    pub(super) async fn tenant_admin(&self, tenant: &str) -> Browser {
        let scope = TenantScope::of([TenantId::from(tenant)]);
        self.console.person_of(&format!("tenant-admin@{tenant}.example"), Role::TenantAdmin, &scope).await.1
    }

    /// What holds for `acme`: attachments, level and version.
    pub(super) async fn settings(&self) -> String {
        let text = "SELECT sensitive_attachments || ' ' || portal_level || ' ' || version FROM tenant_settings
                    WHERE tenant_id = 'acme'";
        self.console.database.texts(text).await.remove(0)
    }

    /// Who did this and why, oldest first.
    pub(super) async fn audited(&self, action: &str) -> Vec<String> {
        let text = format!(
            "SELECT name || ': ' || COALESCE(reason, '-') FROM audit_detail
                 JOIN audit_entry ON audit_entry.sequence = audit_detail.sequence
             WHERE action = '{action}' ORDER BY audit_detail.sequence"
        );
        self.console.database.texts(text).await
    }

    pub(super) async fn end(self) {
        self.dispatcher.finish().await;
    }
}

/// What the form of `acme` holds for a choice with the postcode as its method.
pub(super) fn choice<'a>(
    level: &'a str,
    attachments: &'a str,
    version: &'a str,
    reason: &'a str,
) -> Vec<(&'a str, &'a str)> {
    vec![
        ("tenant", "acme"),
        ("level", level),
        ("primary", "postcode_house_number"),
        ("secondary", ""),
        ("attachments", attachments),
        ("version", version),
        ("reason", reason),
    ]
}
