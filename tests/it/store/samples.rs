//! Tenants, customers, events and deliveries for the store's tests.

use std::collections::BTreeMap;

use bytes::Bytes;
use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::event::{Recipient, RecipientRole};
use invoice_dispatcher::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, RelayName, TenantId, WorkerId};
use invoice_dispatcher::model::incoming::Via;
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::model::invoice_ref::InvoiceRef;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, Decision, DeliveryRole};
use invoice_dispatcher::policy::decision::Reason;
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{
    BackToDue, Claimed, Conclusion, DataPermitRequest, EventFate, Inserted, IntakeRows, NewAttempt, NewDeadLetter,
    NewDelivery, NewEvent, NewLaneEntry, NextState, Record,
};

use crate::harness::database::{TestDatabase, new_id};

/// The one lane of most tests.
pub(crate) fn relay() -> RelayName {
    RelayName::from("default")
}

/// Remembers a tenant with one business customer `C-1`.
pub(crate) async fn add_tenant(database: &TestDatabase, id: &str) {
    let profile = format!(
        r#"{{"name":"{id} GmbH","sender":{{"name":"{id}","address":"rechnung@{id}.example"}},"locale":"de-DE"}}"#
    );
    database
        .execute(format!(
            "INSERT INTO tenant (id, profile_version, relay, object_prefix, updated_at)
                 VALUES ('{id}', 1, 'default', '{id}/', 0);
             INSERT INTO tenant_profile (tenant_id, version, body) VALUES ('{id}', 1, '{profile}');
             INSERT INTO tenant_settings (tenant_id, version, sensitive_attachments, portal_level, portal_primary)
                 VALUES ('{id}', 1, 'exclude_for_private', 'sensitive', 'sms_otp');
             INSERT INTO customer (tenant_id, id, type, name, address, postcode, house_number, updated_at)
                 VALUES ('{id}', 'C-1', 'business', 'Käufer', 'ap@customer.example', '01067', '12a', 0);"
        ))
        .await;
}

/// The rows of an event `id` that is due at `due_at`.
pub(crate) fn accepted(tenant: &str, id: &str, due_at: Timestamp) -> (NewEvent, NewDelivery, NewLaneEntry) {
    let delivery = DeliveryId(new_id());
    let key = EventKey::new(tenant, id);
    let event = NewEvent {
        key,
        source: tenant.to_owned(),
        event_id: id.to_owned(),
        content_sha256: Sha256::of(id.as_bytes()),
        invoice_sha256: Sha256::of(format!("{tenant}/{id}").as_bytes()),
        invoice: InvoiceRef {
            tenant: TenantId::from(tenant),
            customer: CustomerId::from("C-1"),
            id: format!("inv-{id}"),
            number: format!("R-{id}"),
            kind: InvoiceKind::Invoice,
        },
        body: Bytes::from_static(b"{}"),
        via: Via::File,
        received_at: due_at,
        fate: EventFate::Accepted(delivery),
    };
    let new = NewDelivery {
        id: delivery,
        root: delivery,
        role: DeliveryRole::Main,
        main: delivery,
        event_key: key,
        resend_of: None,
        resend_reason: None,
        invoice: event.invoice.clone(),
        recipients: vec![Recipient {
            role: RecipientRole::To,
            address: "ap@customer.example".to_owned(),
            name: Some("Käufer".to_owned()),
        }],
        customer_name: "Käufer".to_owned(),
        locale: "de-DE".to_owned(),
        profile_version: 1,
        template_version: "t1".to_owned(),
        snapshot_at: due_at,
        link_key: "k1".to_owned(),
        link_generation: 0,
        link_only: false,
        expires_at: None,
        created_at: due_at,
        concluded: None,
    };
    let entry = NewLaneEntry {
        delivery,
        relay: relay(),
        tenant: event.invoice.tenant.clone(),
        customer: event.invoice.customer.clone(),
        due_at,
        express: false,
        expires_at: None,
        claim: 0,
        decision: None,
        message_date: None,
        held: None,
    };
    (event, new, entry)
}

/// Collects rows of several events into one batch.
pub(crate) fn batch(rows: impl IntoIterator<Item = (NewEvent, NewDelivery, NewLaneEntry)>) -> IntakeRows {
    let mut batch = IntakeRows::default();
    for (event, delivery, entry) in rows {
        batch.events.push(event);
        batch.deliveries.push(delivery);
        batch.lane_entries.push(entry);
    }
    batch
}

/// Takes a batch in; its tenants are locked as intake does.
pub(crate) async fn take_in(database: &TestDatabase, rows: &IntakeRows) -> Inserted {
    let tenants: Vec<TenantId> = rows.events.iter().map(|event| event.invoice.tenant.clone()).collect();
    let mut intake = database.store.begin_intake(&tenants).await.expect("the intake begins");
    let inserted = intake.insert(rows).await.expect("the rows are right");
    intake.commit().await.expect("the intake commits");
    inserted
}

/// Makes `count` due deliveries of one tenant.
pub(crate) async fn add_due(database: &TestDatabase, tenant: &str, count: usize) -> Vec<DeliveryId> {
    let due_at = database.clock.now();
    let rows = batch((0..count).map(|_| accepted(tenant, &new_id().to_string(), due_at)));
    take_in(database, &rows).await;
    rows.deliveries.iter().map(|delivery| delivery.id).collect()
}

/// Registers a worker.
pub(crate) async fn add_worker(database: &TestDatabase) -> WorkerId {
    let worker = WorkerId(new_id());
    database.store.register_worker(worker, "test", &["default".into()]).await.expect("the worker is registered");
    worker
}

/// Claims up to `limit`, and no more than half of it for people who wait.
pub(crate) async fn claim(database: &TestDatabase, worker: WorkerId, limit: u32) -> Vec<Claimed> {
    let mut claimed =
        database.store.claim_due(&relay(), worker, limit, limit / 2, 0, &[]).await.expect("the claim is answered");
    while claimed.len() < limit as usize
        && let Some(suspect) = database.store.claim_suspect(&relay(), worker).await.expect("the claim is answered")
    {
        claimed.push(suspect);
    }
    claimed
}

/// The Date of every message here.
pub(crate) fn composed_at() -> Timestamp {
    Timestamp::parse("2026-11-23T09:29:58.765Z").expect("it is a moment")
}

/// A start of DATA that decided upon the settings and the customer of [`add_tenant`].
pub(crate) fn data_start(claimed: &Claimed, worker: WorkerId) -> DataPermitRequest {
    DataPermitRequest {
        fence: claimed.fence(worker),
        tenant: claimed.tenant.clone(),
        customer: claimed.customer.clone(),
        decision: Decision::Attach.into(),
        decision_reason: Reason::BusinessCustomer,
        decision_inputs: "{}".to_owned(),
        settings_version: 1,
        customer_type: Some(invoice_dispatcher::model::customer::CustomerType::Business),
        message_sha256: Sha256::of(claimed.delivery.0.as_bytes()),
        message_date: composed_at(),
        link: None,
    }
}

/// An attempt that ended as `class`.
pub(crate) fn attempt(claimed: &Claimed, class: ReasonCode, at: Timestamp) -> NewAttempt {
    NewAttempt {
        relay: relay(),
        started_at: at,
        ended_at: at,
        phase: None,
        class,
        // What is uncertain got no reply.
        code: (class != ReasonCode::Uncertain).then(|| "250 2.0.0".to_owned()),
        reply: (class != ReasonCode::Uncertain).then(|| "ok".to_owned()),
        refused: None,
        decision: Some(Decision::Attach),
        message_sha256: Some(Sha256::of(claimed.delivery.0.as_bytes())),
        message_date: Some(composed_at()),
        sender_key: None,
    }
}

/// A conclusion without anything that comes of it.
pub(crate) fn conclusion(claimed: &Claimed, concluded: Concluded, class: ReasonCode, at: Timestamp) -> Conclusion {
    Conclusion {
        concluded,
        at,
        class,
        reason: Some("as the test says".to_owned()),
        attempts: claimed.attempts + 1,
        decision: Some(Decision::Attach.into()),
        decision_reason: Some(Reason::BusinessCustomer),
        decision_inputs: Some("{}".to_owned()),
        message_id: Some(format!("{}@acme.example", claimed.delivery)),
        message_sha256: Some(Sha256::of(claimed.delivery.0.as_bytes())),
        message_date: Some(composed_at()),
        message_size: Some(1000),
        attachments: Some("[]".to_owned()),
        phase: None,
        code: Some("250 2.0.0".to_owned()),
        dead_letter: None,
        rest: None,
        if_held: None,
    }
}

/// The record of a mail that the relay took.
pub(crate) fn sent(claimed: &Claimed, worker: WorkerId, at: Timestamp) -> Record {
    Record {
        fence: claimed.fence(worker),
        attempt: Some(attempt(claimed, ReasonCode::Accepted, at)),
        next: NextState::Concluded(Box::new(conclusion(claimed, Concluded::Sent, ReasonCode::Accepted, at))),
    }
}

/// The record of a mail that is tried again at `due_at`.
pub(crate) fn deferred(claimed: &Claimed, worker: WorkerId, due_at: Timestamp) -> Record {
    Record {
        fence: claimed.fence(worker),
        attempt: Some(attempt(claimed, ReasonCode::Deferred, due_at)),
        next: NextState::Due(Box::new(BackToDue {
            due_at,
            attempts: claimed.attempts + 1,
            last_class: Some(ReasonCode::Deferred),
            last_reply: Some("451 4.7.1 later".to_owned()),
            first_failed_at: Some(due_at),
            missing_since: None,
            refused_for_size: false,
            without_utf8: false,
            note: None,
            may_be_out: false,
            decision: Some(Decision::Attach.into()),
            message: None,
            held: None,
            anew: false,
        })),
    }
}

/// A dead letter of a delivery or of stored bytes.
pub(crate) fn dead_letter(
    delivery: Option<DeliveryId>,
    class: ReasonCode,
    once: Option<Sha256>,
    at: Timestamp,
) -> NewDeadLetter {
    NewDeadLetter {
        id: DeadLetterId(new_id()),
        delivery,
        event_key: None,
        source: None,
        event_id: None,
        tenant: None,
        customer: None,
        invoice_number: None,
        class,
        phase: None,
        code: None,
        reason: "as the test says".to_owned(),
        hint: class.hint().to_owned(),
        attempts: 1,
        fingerprint: class.to_string(),
        body: Some(Bytes::from_static(b"not JSON")),
        once,
        first_failed_at: at,
        last_failed_at: at,
    }
}

/// How many deliveries stand in each state.
pub(crate) async fn states(database: &TestDatabase) -> BTreeMap<String, i64> {
    let rows = database.texts("SELECT state || ' ' || COUNT(*) FROM delivery_state GROUP BY state ORDER BY 1").await;
    rows.iter()
        .map(|row| {
            let (state, count) = row.split_once(' ').expect("a state and a count");
            (state.to_owned(), count.parse().expect("a count"))
        })
        .collect()
}
