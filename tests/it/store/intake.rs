//! Intake: a batch once, all or nothing, and what PostgreSQL refuses is refused everywhere.

use std::time::Duration;

use invoice_dispatcher::model::ids::{CustomerId, EventKey, TenantId};
use invoice_dispatcher::model::invoice_ref::InvoiceRef;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, EventState};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{ConcludedAtOnce, EventChange, EventFate, Inserted, IntakeRows, NewEvent};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::store::samples::{accepted, add_tenant, batch, dead_letter, states, take_in};

on_both_databases!(
    a_batch_is_read_back,
    an_event_that_came_before_is_known_by_its_key,
    a_key_that_somebody_else_took_is_reported,
    the_same_invoice_is_found_for_a_day,
    a_duplicate_is_not_measured_against_a_duplicate,
    a_waiting_event_ripens_when_its_customer_comes,
    the_same_fault_is_one_dead_letter,
    a_batch_is_all_or_nothing,
    what_postgresql_refuses_is_refused,
    impossible_rows_are_refused,
    two_intakes_of_a_tenant_go_one_after_the_other,
);

async fn a_batch_is_read_back(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let rows = batch([accepted("acme", "1", now), accepted("acme", "2", now)]);
    assert_eq!(take_in(&database, &rows).await, Inserted::All { new_dead_letters: 0 });
    let ids: Vec<_> = rows.deliveries.iter().map(|delivery| delivery.id).collect();
    let mut known = database.store.load(&ids).await.expect("answered");
    known.sort_by(|one, other| one.invoice.number.cmp(&other.invoice.number));
    assert_eq!(known.len(), 2);
    let first = &known[0];
    assert_eq!((first.id, first.root, first.event_key), (ids[0], ids[0], rows.events[0].key));
    assert_eq!(first.event_body, rows.events[0].body);
    assert_eq!(first.recipients, rows.deliveries[0].recipients);
    assert_eq!(first.shown, first.recipients);
    assert_eq!(first.settings.version, 1);
    assert!(first.verification.postcode_house_number && !first.verification.mobile);
    assert!(first.profile.contains("rechnung@acme.example"));
    database.assert_ledger().await;
}

async fn an_event_that_came_before_is_known_by_its_key(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let (event, mut delivery, _) = accepted("acme", "1", now);
    delivery.concluded = Some(ConcludedAtOnce {
        concluded: Concluded::Dead,
        class: ReasonCode::InvalidRecipient,
        reason: "no address".to_owned(),
    });
    let mut letter = dead_letter(Some(delivery.id), ReasonCode::InvalidRecipient, None, now);
    letter.event_key = Some(event.key);
    let mut conflict = dead_letter(None, ReasonCode::ConflictingEvent, None, now);
    conflict.event_key = Some(event.key);
    let rows = IntakeRows {
        events: vec![event.clone()],
        deliveries: vec![delivery.clone()],
        dead_letters: vec![letter.clone(), conflict],
        ..IntakeRows::default()
    };
    assert_eq!(take_in(&database, &rows).await, Inserted::All { new_dead_letters: 2 });

    let mut intake =
        database.store.begin_intake(std::slice::from_ref(&event.invoice.tenant)).await.expect("the intake begins");
    assert_eq!(intake.tenants()[0].profile.sender.address, "rechnung@acme.example");
    let known = (TenantId::from("acme"), CustomerId::from("C-1"));
    let unknown = (TenantId::from("acme"), CustomerId::from("C-2"));
    let keys = [event.key, EventKey::new("acme", "2")];
    let known = intake.context(&keys, &[known, unknown], &[], now).await.expect("answered");
    assert_eq!(known.customers.len(), 1);
    assert_eq!(known.customers[0].address, "ap@customer.example");
    assert_eq!(known.events.len(), 1);
    let before = &known.events[0];
    assert_eq!((before.key, before.content_sha256), (event.key, event.content_sha256));
    assert_eq!((before.state, before.delivery), (EventState::Accepted, Some(delivery.id)));
    assert_eq!((before.concluded, before.dead_letter), (Some(Concluded::Dead), Some(letter.id)));
    database.assert_ledger().await;
}

async fn a_key_that_somebody_else_took_is_reported(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    take_in(&database, &batch([accepted("acme", "1", now)])).await;
    let mut intake = database.store.begin_intake(&[]).await.expect("the intake begins");
    let rows = batch([accepted("acme", "1", now), accepted("acme", "2", now)]);
    assert_eq!(intake.insert(&rows).await.expect("answered"), Inserted::Overtaken);
    drop(intake);
    assert_eq!(states(&database).await["due"], 1, "nothing of the second batch stands");
    database.assert_ledger().await;
}

async fn the_same_invoice_is_found_for_a_day(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let rows = batch([accepted("acme", "1", now)]);
    take_in(&database, &rows).await;
    let digest = rows.events[0].invoice_sha256;
    let mut intake = database.store.begin_intake(&[TenantId::from("acme")]).await.expect("the intake begins");
    let known = intake.context(&[], &[], &[digest, Sha256::of(b"another")], now).await.expect("answered");
    assert_eq!(known.same_invoices.len(), 1);
    assert_eq!(known.same_invoices[0].delivery, rows.deliveries[0].id);
    let after = now.plus(Duration::from_millis(1));
    assert!(intake.context(&[], &[], &[digest], after).await.expect("answered").same_invoices.is_empty());
}

async fn a_duplicate_is_not_measured_against_a_duplicate(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let (event, mut delivery, _) = accepted("acme", "1", now);
    delivery.concluded = Some(ConcludedAtOnce {
        concluded: Concluded::Cancelled,
        class: ReasonCode::DuplicateInvoice,
        reason: "came before".to_owned(),
    });
    let digest = event.invoice_sha256;
    let rows = IntakeRows { events: vec![event], deliveries: vec![delivery], ..IntakeRows::default() };
    take_in(&database, &rows).await;
    let mut intake = database.store.begin_intake(&[]).await.expect("the intake begins");
    assert!(intake.context(&[], &[], &[digest], now).await.expect("answered").same_invoices.is_empty());
    drop(intake);
    database.assert_ledger().await;
}

async fn a_waiting_event_ripens_when_its_customer_comes(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let until = now.plus(Duration::from_mins(10));
    let waiting = |id: &str, customer: &str| {
        let (event, ..) = accepted("acme", id, now);
        let invoice = InvoiceRef { customer: CustomerId::from(customer), ..event.invoice };
        NewEvent { invoice, fate: EventFate::WaitUntil(until), ..event }
    };
    let events = vec![waiting("1", "C-2"), waiting("2", "C-3")];
    take_in(&database, &IntakeRows { events: events.clone(), ..IntakeRows::default() }).await;
    assert!(database.store.ready_waiting_events(10).await.expect("answered").is_empty());

    database
        .execute("INSERT INTO customer (tenant_id, id, name, address, updated_at) VALUES ('acme', 'C-2', 'B', 'b@c.example', 0)")
        .await;
    let ready = database.store.ready_waiting_events(10).await.expect("answered");
    assert_eq!(ready.iter().map(|event| event.key).collect::<Vec<_>>(), [events[0].key]);

    let (_, delivery, entry) = accepted("acme", "1", now);
    let change = EventChange {
        key: events[0].key,
        from: EventState::Waiting,
        to: EventFate::Accepted(delivery.id),
        invoice_sha256: None,
    };
    let rows = IntakeRows {
        changes: vec![change],
        deliveries: vec![delivery],
        lane_entries: vec![entry],
        ..IntakeRows::default()
    };
    assert_eq!(take_in(&database, &rows).await, Inserted::All { new_dead_letters: 0 });
    let mut again = database.store.begin_intake(&[]).await.expect("the intake begins");
    let second = IntakeRows { changes: vec![change], ..IntakeRows::default() };
    assert_eq!(again.insert(&second).await.expect("answered"), Inserted::Overtaken, "it waits no more");
    drop(again);

    database.clock.advance(Duration::from_mins(10));
    let ready = database.store.ready_waiting_events(10).await.expect("answered");
    assert_eq!(ready.iter().map(|event| event.key).collect::<Vec<_>>(), [events[1].key]);
    database.assert_ledger().await;
}

async fn the_same_fault_is_one_dead_letter(database: TestDatabase) {
    let now = database.clock.now();
    let letter = |body: &[u8]| dead_letter(None, ReasonCode::Malformed, Some(Sha256::of(body)), now);
    let rows = IntakeRows { dead_letters: vec![letter(b"a"), letter(b"b"), letter(b"a")], ..IntakeRows::default() };
    assert_eq!(take_in(&database, &rows).await, Inserted::All { new_dead_letters: 2 });
    assert_eq!(take_in(&database, &rows).await, Inserted::All { new_dead_letters: 0 });
}

async fn a_batch_is_all_or_nothing(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let good = accepted("acme", "good", now);
    let mut bad = accepted("acme", "bad", now);
    bad.1.customer_name.push('\0');
    let mut intake = database.store.begin_intake(&[TenantId::from("acme")]).await.expect("the intake begins");
    let error = intake.insert(&batch([good.clone(), bad])).await.expect_err("NUL cannot be stored");
    assert!(error.is_refused(), "{error}");
    drop(intake);
    assert_eq!(database.number("SELECT COUNT(*) FROM event").await, 0);
    take_in(&database, &batch([good])).await;
    assert_eq!(states(&database).await["due"], 1, "the half without the bad row is taken in");
    database.assert_ledger().await;
}

async fn what_postgresql_refuses_is_refused(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let mut nul = accepted("acme", "nul", now);
    nul.0.invoice.number.push('\0');
    let mut intake = database.store.begin_intake(&[]).await.expect("the intake begins");
    assert!(intake.insert(&batch([nul])).await.is_err_and(|error| error.is_refused()));
    drop(intake);

    // An index entry may have a third of a page; SQLite has no such limit.
    let mut long = accepted("acme", "long", now);
    let noise: String = (0..4000).map(|n| Sha256::of(format!("{n}").as_bytes()).to_string()).collect();
    long.1.invoice.number = noise;
    let mut intake = database.store.begin_intake(&[]).await.expect("the intake begins");
    let outcome = intake.insert(&batch([long])).await;
    if !database.store.is_single_process() {
        assert!(outcome.is_err_and(|error| error.is_refused()), "the bounds of the event keep this out");
    }
}

async fn impossible_rows_are_refused(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    take_in(&database, &batch([accepted("acme", "1", database.clock.now())])).await;
    for impossible in [
        "UPDATE lane_entry SET due_at = NULL",
        "UPDATE lane_entry SET state = 'sending', due_at = NULL",
        "UPDATE lane_entry SET data_started = TRUE",
        "UPDATE lane_entry SET held = 'by hand'",
        "UPDATE lane_entry SET state = 'sent'",
        "UPDATE delivery SET concluded = 'sent', concluded_at = 1, class = 'accepted'",
        "UPDATE delivery SET concluded = 'dead'",
        "UPDATE delivery SET decision = 'link', attachments = '[{}]'",
        "UPDATE event SET delivery_id = NULL",
        "UPDATE event SET state = 'waiting'",
        "UPDATE tenant_settings SET portal_primary = NULL",
        "UPDATE tenant_settings SET portal_secondary = portal_primary",
        "UPDATE tenant_settings SET portal_level = 'some'",
        "INSERT INTO relay_state (relay, breaker) VALUES ('r', 'open')",
    ] {
        assert!(database.try_execute(impossible).await.is_err(), "{impossible}");
    }
}

async fn two_intakes_of_a_tenant_go_one_after_the_other(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let acme = [TenantId::from("acme")];
    let rows = batch([accepted("acme", "1", now)]);
    let mut first = database.store.begin_intake(&acme).await.expect("the intake begins");
    let second = tokio::spawn({
        let store = database.store.clone();
        let (acme, key) = (acme.clone(), rows.events[0].key);
        async move {
            let mut second = store.begin_intake(&acme).await.expect("the intake begins");
            second.context(&[key], &[], &[], now).await.expect("answered").events.len()
        }
    });
    first.insert(&rows).await.expect("answered");
    first.commit().await.expect("the intake commits");
    assert_eq!(second.await.expect("the second intake ends"), 1, "it sees what the first one took in");
}
