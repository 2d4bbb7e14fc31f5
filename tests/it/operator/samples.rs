//! What support works on: tenants, customers, readable events, and deliveries that end as a test wants.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::compose::Templates;
use invoice_dispatcher::event::catalogue::{parse_customer, parse_tenant};
use invoice_dispatcher::intake::{DeliveryFactory, Intake, Parsed, Verdict};
use invoice_dispatcher::model::actor::Actor;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{DeadLetterId, DeliveryId, TenantId};
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::model::tenant::Tenant;
use invoice_dispatcher::operator::redrive::Redrive;
use invoice_dispatcher::operator::resend::{Resend, ResendConfirmations, ResendError, ResendRequest, Resent};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{
    Claimed, Conclusion, DataPermitRequest, NewDeadLetter, NewPortalLink, NextState, Record,
};
use invoice_dispatcher::wake::Wakes;
use serde_json::{Value, json};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id};
use crate::store::samples::{add_worker, attempt, claim, conclusion, data_start, dead_letter};

/// Who acts in tests.
pub(crate) const WHO: &str = "ada";
/// The same, where they act.
static ADA: LazyLock<Actor> = LazyLock::new(|| actor(WHO));

/// A token as a mail carries it.
pub(crate) const TOKEN: &str = "Zm9yLXRlc3RzLW9ubHktbm8tdG9rZW4tb2YtYW55b_-";

/// How long a customer is waited for in tests.
pub(crate) const CUSTOMER_WAIT: Duration = Duration::from_mins(10);

/// A workshop with these templates and this key.
pub(crate) fn factory(database: &TestDatabase, templates: &str, key: &str) -> Arc<DeliveryFactory> {
    Arc::new(DeliveryFactory {
        store: database.store.clone(),
        wakes: Wakes::default(),
        templates: Arc::new(Templates::builtin()),
        template_version: templates.to_owned(),
        link_key: key.to_owned(),
        customer_wait: CUSTOMER_WAIT,
    })
}

/// A database with the services that write into it.
pub(crate) struct Support {
    pub(crate) database: TestDatabase,
    pub(crate) intake: Intake,
    pub(crate) redrive: Redrive,
    pub(crate) resend: Resend,
}

impl Support {
    /// The services of today's templates `t2` and key `k2`, on an empty database.
    pub(crate) fn new(database: TestDatabase) -> Self {
        let today = factory(&database, "t2", "k2");
        let older = factory(&database, "t1", "k1");
        Self {
            intake: Intake::new(Arc::clone(&older), Arc::new(Redrive::new(older))),
            redrive: Redrive::new(Arc::clone(&today)),
            resend: Resend::new(today),
            database,
        }
    }

    /// The same, where the tenant `acme` and its customer `C-1` are known.
    pub(crate) async fn with_acme(database: TestDatabase) -> Self {
        let support = Self::new(database);
        support.database.store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
        support.database.store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
        support
    }

    /// Takes in an event, or what is none.
    pub(crate) async fn take(&self, event: &Value) -> Verdict {
        let body = Bytes::from(event.to_string());
        let incoming = Incoming::new(body, Via::Http);
        self.intake.take(&[Parsed::of(incoming)]).await.expect("the database answers")[0]
    }

    /// Takes in an event that becomes a delivery.
    pub(crate) async fn accept(&self, event: &Value) -> DeliveryId {
        match self.take(event).await {
            Verdict::Accepted(delivery) => delivery,
            other => panic!("the event is not accepted: {other:?}"),
        }
    }

    /// Takes in an event under so many other ids: each becomes a delivery that duplicates the first one.
    pub(crate) async fn publish_again(&self, event: &Value, times: usize) {
        let again = |n: usize| {
            let mut again = event.clone();
            again["id"] = format!("again-{n}").into();
            Parsed::of(Incoming::new(Bytes::from(again.to_string()), Via::Http))
        };
        let events: Vec<Parsed> = (0..times).map(again).collect();
        let verdicts = self.intake.take(&events).await.expect("the database answers");
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::DuplicateInvoice(_))), "{verdicts:?}");
    }

    /// Claims the one delivery that is due and starts its DATA.
    pub(crate) async fn start(&self) -> (Claimed, invoice_dispatcher::model::ids::WorkerId) {
        self.database.store.enqueue_ready(100).await.expect("answered");
        let worker = add_worker(&self.database).await;
        let mut claimed = claim(&self.database, worker, 1).await;
        let claimed = claimed.pop().expect("a delivery is due");
        self.database.store.permit_data(&[data_start(&claimed, worker)]).await.expect("answered");
        (claimed, worker)
    }

    /// Sends the one delivery that is due, so that it ends as `concluded`; returns it with its dead letter, if it has
    /// one.
    pub(crate) async fn end(&self, concluded: Concluded, class: ReasonCode) -> (DeliveryId, Option<DeadLetterId>) {
        let (claimed, worker) = self.start().await;
        if matches!(concluded, Concluded::Sent | Concluded::Uncertain) {
            // The same claim may ask again: now for a link mail.
            let start = DataPermitRequest {
                link: Some(link(claimed.delivery, self.database.clock.now())),
                ..data_start(&claimed, worker)
            };
            self.database.store.permit_data(&[start]).await.expect("answered");
        }
        let now = self.database.clock.now();
        let context = self.database.store.load(&[claimed.delivery]).await.expect("answered");
        let letter = (concluded == Concluded::Dead).then(|| NewDeadLetter {
            body: None,
            event_key: Some(context[0].event_key),
            tenant: Some(claimed.tenant.clone()),
            customer: Some(claimed.customer.clone()),
            invoice_number: Some(context[0].invoice.number.clone()),
            ..dead_letter(Some(claimed.delivery), class, None, now)
        });
        let id = letter.as_ref().map(|letter| letter.id);
        let conclusion = Conclusion { dead_letter: letter, ..conclusion(&claimed, concluded, class, now) };
        let record = Record {
            fence: claimed.fence(worker),
            attempt: Some(attempt(&claimed, class, now)),
            next: NextState::Concluded(Box::new(conclusion)),
        };
        self.database.store.record(&[record]).await.expect("answered");
        (claimed.delivery, id)
    }

    /// Makes [`TOKEN`] the token of this delivery's link.
    pub(crate) async fn make_token_of(&self, root: DeliveryId) {
        let (digest, root) = (Sha256::of(TOKEN.as_bytes()), root.0.simple());
        let text = if self.database.store.is_single_process() {
            format!("UPDATE portal_link SET token_sha256 = x'{digest}' WHERE root_id = x'{root}'")
        } else {
            format!("UPDATE portal_link SET token_sha256 = decode('{digest}', 'hex') WHERE root_id = '{root}'")
        };
        assert_eq!(self.database.execute(text).await, 1, "it has one link");
    }

    /// Makes the one delivery that is due a dead letter.
    pub(crate) async fn die(&self, class: ReasonCode) -> (DeliveryId, DeadLetterId) {
        let (delivery, letter) = self.end(Concluded::Dead, class).await;
        (delivery, letter.expect("it is dead"))
    }

    /// Sends `R-1` of `acme` again.
    pub(crate) async fn resend(&self, to: Option<&str>) -> Result<Resent, ResendError> {
        // So that the new delivery is the younger one.
        self.database.clock.advance(Duration::from_secs(1));
        let tenant = TenantId::from("acme");
        let request = ResendRequest { reason: "asked for", to, ..asked(&tenant, "R-1") };
        self.resend.resend(&request).await
    }

    /// `state class` of every delivery, oldest first.
    pub(crate) async fn states(&self) -> Vec<String> {
        let text = "SELECT delivery_state.state || ' ' || COALESCE(delivery.class, '-')
                    FROM delivery JOIN delivery_state ON delivery_state.id = delivery.id
                    ORDER BY delivery.created_at, delivery.id";
        self.database.texts(text).await
    }

    /// The state of every dead letter, oldest first.
    pub(crate) async fn letters(&self) -> Vec<String> {
        self.database.texts("SELECT class || ' ' || state FROM dead_letter ORDER BY last_failed_at, id").await
    }
}

/// A person asks for an invoice again.
pub(crate) fn asked<'a>(tenant: &'a TenantId, invoice: &'a str) -> ResendRequest<'a> {
    ResendRequest {
        tenant,
        invoice,
        invoice_id: None,
        kind: None,
        who: &ADA,
        reason: "asked for",
        to: None,
        link_only: false,
        // Tests send again within a minute.
        confirmed: ResendConfirmations { soon: true, ..ResendConfirmations::default() },
        plan: None,
    }
}

/// A tenant that attaches for business customers only.
pub(crate) fn tenant(id: &str) -> Tenant {
    let body = json!({
        "id": id, "name": format!("{id} GmbH"), "locale": "de-DE",
        "sender": { "name": id, "address": format!("rechnung@{id}.example") },
        "settings": {
            "sensitive_attachments": "exclude_for_private",
            "portal_authentication": { "level": "sensitive", "primary": "postcode_house_number" },
        },
    });
    parse_tenant(body.to_string().as_bytes(), None).expect("the tenant is right")
}

/// A business customer of `acme` without anything to be verified by.
pub(crate) fn customer(id: &str) -> Customer {
    let body = json!({
        "tenant_id": "acme", "id": id, "type": "business", "name": "Käufer", "address": "ap@customer.example",
    });
    parse_customer(body.to_string().as_bytes(), None).expect("the customer is right")
}

/// An event `id` of `acme` that brings invoice `R-id`.
pub(crate) fn event(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "https://billing.example/test", "type": "invoice.sent.v1",
        "data": {
            "tenant_id": "acme", "customer_id": "C-1",
            "invoice": { "id": format!("inv-{id}"), "number": format!("R-{id}"), "kind": "invoice",
                         "issue_date": "2026-11-20", "currency": "EUR", "total": "1190.00" },
            "recipients": [],
            "documents": [{ "id": "d1", "role": "invoice_pdf", "media_type": "application/pdf", "size": 4,
                            "sha256": Sha256::of(id.as_bytes()).to_string(), "object": format!("acme/{id}.pdf") }],
        },
    })
}

fn link(root: DeliveryId, sent_at: Timestamp) -> NewPortalLink {
    NewPortalLink {
        root,
        generation: 0,
        token_sha256: Sha256::of(new_id().as_bytes()),
        key_fingerprint: "k1".to_owned(),
        expires_at: sent_at.plus(Duration::from_hours(60 * 24)),
    }
}
