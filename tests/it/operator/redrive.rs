//! Dead letters go back: with a new snapshot, through intake once more, or not at all.

use std::time::Duration;

use invoice_dispatcher::intake::{Parsed, Verdict};
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{DeadLetterId, DeliveryId, RelayName};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeadLetterState};
use invoice_dispatcher::model::tenant::Tenant;
use invoice_dispatcher::operator::redriven::{Fate, RedriveError};
use invoice_dispatcher::store::{DeadLetterFilter, PageRequest, Store};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{CUSTOMER_WAIT, Support, WHO, customer, event, tenant};

on_both_databases!(
    a_dead_delivery_takes_a_new_snapshot,
    what_cannot_help_is_refused,
    a_person_ignores_the_end_and_a_cure_does_not,
    an_address_that_is_wrong_still_leaves_the_letter,
    a_revoked_link_gets_its_next_generation,
    an_unknown_tenant_is_cured_when_it_comes,
    a_letter_takes_the_cause_that_is_left_when_its_own_is_gone,
    a_delivery_takes_the_cause_that_is_left_when_its_own_is_gone,
    an_unknown_customer_is_cured_when_it_comes,
    an_unknown_tenant_that_stays_unknown_is_reported,
    malformed_bytes_stay_malformed,
    stored_bytes_that_read_now_are_taken_in,
    a_group_goes_back_and_what_cannot_stays,
    two_redrives_at_once_are_one,
);

async fn open_letters(support: &Support) -> Vec<DeadLetterId> {
    let page = PageRequest { limit: 100, after: None };
    let letters = support
        .database
        .store
        .dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page)
        .await
        .expect("answered");
    letters.items.iter().map(|letter| letter.id).collect()
}

async fn a_dead_delivery_takes_a_new_snapshot(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    let (delivery, letter) = support.die(ReasonCode::Refused).await;
    let before = store.delivery(delivery, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!(before.attempts, 1);

    let mut acme = tenant("acme");
    "neu@acme.example".clone_into(&mut acme.profile.sender.address);
    acme.relay = "second".into();
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    let corrected = Customer { name: "Neu".to_owned(), address: "neu@customer.example".to_owned(), ..customer("C-1") };
    store.upsert_customer(&corrected, &actor("billing")).await.expect("answered");
    support.database.clock.advance(Duration::from_mins(1));

    let redriven = support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert_eq!((redriven.fate, redriven.ignored_expiry), (Fate::Due(delivery), None));
    support.database.assert_ledger().await;
    let after = store.delivery(delivery, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((after.id, after.root), (before.id, before.root), "so the Message-ID is the same");
    assert_eq!((after.state.into_str(), after.attempts, after.decision, after.class), ("due", 1, None, None));
    assert_eq!(after.relay.as_ref().map(RelayName::as_str), Some("second"));
    assert_eq!(after.recipients[0].address, "neu@customer.example");
    assert_eq!(after.snapshot_at, support.database.clock.now());
    assert!(!after.express);
    let context = &store.load(&[delivery]).await.expect("answered")[0];
    assert_eq!((context.customer_name.as_str(), context.profile_version), ("Neu", 2));
    assert_eq!((context.template_version.as_str(), context.link_key.as_str()), ("t2", "k2"));
    assert_eq!(
        support.database.number("SELECT CAST(claim AS BIGINT) FROM lane_entry").await,
        1,
        "claims are counted on"
    );
    assert_eq!(support.letters().await, ["refused redriven"]);
    let notes = support.database.texts("SELECT who || ': ' || what FROM delivery_note").await;
    assert_eq!(notes, ["ada: redriven"]);

    let again = support.redrive.letter(letter, &actor(WHO)).await;
    assert!(matches!(again, Err(RedriveError::NotOpen(DeadLetterState::Redriven))), "{again:?}");
}

async fn what_cannot_help_is_refused(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::DocumentMismatch).await;
    let mut other = event("1");
    other["data"]["invoice"]["total"] = json!("1.00");
    assert_eq!(support.take(&other).await, Verdict::DeadLetter(ReasonCode::ConflictingEvent));
    for letter in open_letters(&support).await {
        let refused = support.redrive.letter(letter, &actor(WHO)).await;
        assert!(matches!(refused, Err(RedriveError::NotRedrivable { .. })), "{refused:?}");
    }
    let unknown = support.redrive.letter(DeadLetterId(uuid::Uuid::nil()), &actor(WHO)).await;
    assert!(matches!(unknown, Err(RedriveError::Unknown)));
    support.database.execute("UPDATE dead_letter SET class = 'refused'; UPDATE event SET body = NULL").await;
    let forgotten = support.redrive.letter(letter, &actor(WHO)).await;
    assert!(matches!(forgotten, Err(RedriveError::Forgotten)), "{forgotten:?}");
    assert_eq!(support.states().await, ["dead document_mismatch"]);
}

async fn a_person_ignores_the_end_and_a_cure_does_not(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let mut ends = event("1");
    ends["data"]["expires_at"] = json!("2026-11-30T00:00:00Z");
    let delivery = support.accept(&ends).await;
    let (_, letter) = support.die(ReasonCode::NoVerificationMethod).await;
    let mut usable = customer("C-1");
    usable.postal.postcode = Some("01067".to_owned());
    usable.postal.house_number = Some("12a".to_owned());
    assert_eq!(store.upsert_customer(&usable, &actor("billing")).await.expect("answered").resolvable, [letter]);
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    assert_eq!(support.letters().await, ["no_verification_method cured"]);
    let cured = store.delivery(delivery, &TenantScope::All).await.expect("answered").expect("it is known");
    assert!(cured.expires_at.is_some(), "no person decided that it may be late");
    assert_eq!(support.database.number("SELECT COUNT(*) FROM lane_entry WHERE expires_at IS NOT NULL").await, 1);

    let (_, letter) = support.die(ReasonCode::Refused).await;
    let redriven = support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert_eq!(redriven.ignored_expiry, cured.expires_at);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM lane_entry WHERE expires_at IS NULL").await, 1);
    support.database.assert_ledger().await;
}

async fn an_address_that_is_wrong_still_leaves_the_letter(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let wrong = Customer { address: "no address".to_owned(), ..customer("C-1") };
    store.upsert_customer(&wrong, &actor("billing")).await.expect("answered");
    assert_eq!(support.take(&event("1")).await, Verdict::DeadLetter(ReasonCode::InvalidRecipient));
    let letter = open_letters(&support).await[0];
    let refused = support.redrive.letter(letter, &actor(WHO)).await;
    let Err(RedriveError::SameFault { class: ReasonCode::InvalidRecipient, reason, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(!reason.contains("no address"), "an error names no address: {reason}");
    assert_eq!(support.letters().await, ["invalid_recipient open"]);
    store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    let redriven = support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert!(matches!(redriven.fate, Fate::Due(_)));
    support.database.assert_ledger().await;
}

async fn a_revoked_link_gets_its_next_generation(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let delivery = support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let link = |generation: u8| {
        format!(
            "INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at, revoked_at)
             SELECT id, {generation}, message_sha256, 'k1', 0, NULL FROM delivery"
        )
    };
    support.database.execute(link(0)).await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    let context = support.database.store.load(&[delivery]).await.expect("answered");
    assert_eq!((context[0].link_key.as_str(), context[0].link_generation), ("k1", 0), "the token that is out is good");

    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.database.execute("UPDATE portal_link SET revoked_at = 1").await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    let context = support.database.store.load(&[delivery]).await.expect("answered");
    assert_eq!((context[0].link_key.as_str(), context[0].link_generation), ("k2", 1));
}

async fn an_unknown_tenant_is_cured_when_it_comes(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    assert_eq!(support.take(&event("1")).await, Verdict::DeadLetter(ReasonCode::UnknownTenant));
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 0);
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    assert_eq!(support.letters().await, ["unknown_tenant cured"]);
    assert_eq!(support.database.texts("SELECT state FROM event").await, ["waiting"], "its customer may follow");
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 0, "once");

    store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    let ready = store.ready_waiting_events(10).await.expect("answered");
    assert_eq!(ready.len(), 1, "the sweeper takes it from here");
}

async fn a_letter_takes_the_cause_that_is_left_when_its_own_is_gone(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    let mut outside = event("1");
    outside["data"]["documents"][0]["object"] = json!("elsewhere/1.pdf");
    assert_eq!(support.take(&outside).await, Verdict::DeadLetter(ReasonCode::UnknownTenant));
    let letter = open_letters(&support).await[0];
    support.database.clock.advance(Duration::from_mins(1));
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 0);

    // What it is dead for now is said everywhere, and a redrive says the same.
    let shown = |store: Store| async move {
        store.dead_letter(letter, &TenantScope::All).await.expect("answered").expect("it is known").0
    };
    let stands = shown(store.clone()).await;
    assert_eq!((stands.state, stands.class), (DeadLetterState::Open, ReasonCode::Malformed));
    assert!(stands.reason.starts_with("data.documents[0].object"), "{}", stands.reason);
    assert!(stands.hint.contains("object_prefix"), "{}", stands.hint);
    assert_eq!(
        (stands.first_failed_at, stands.last_failed_at.since(stands.first_failed_at)),
        (stands.first_failed_at, Duration::from_mins(1))
    );
    let groups = store.dead_letter_groups(&TenantScope::All, 9).await.expect("answered");
    assert_eq!(
        groups.iter().map(|group| (group.count, group.example.class)).collect::<Vec<_>>(),
        [(1, ReasonCode::Malformed)]
    );
    let refused = support.redrive.letter(letter, &actor(WHO)).await;
    let Err(RedriveError::SameFault { class: ReasonCode::Malformed, reason, hint }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((reason, hint), (stands.reason.clone(), stands.hint.clone()));
    assert_eq!(shown(store.clone()).await, stands, "nothing has changed since");
    support.database.assert_ledger().await;

    // With another prefix it goes on.
    let acme = Tenant { object_prefix: Some("elsewhere/".to_owned()), ..tenant("acme") };
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    assert_eq!(support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back").fate, Fate::Waiting);
    support.database.assert_ledger().await;
}

async fn a_delivery_takes_the_cause_that_is_left_when_its_own_is_gone(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    let (delivery, letter) = support.die(ReasonCode::NoVerificationMethod).await;
    let mut usable = Customer { address: "no address".to_owned(), ..customer("C-1") };
    usable.postal.postcode = Some("01067".to_owned());
    usable.postal.house_number = Some("12a".to_owned());
    assert_eq!(store.upsert_customer(&usable, &actor("billing")).await.expect("answered").resolvable, [letter]);
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 0);
    assert_eq!(support.letters().await, ["invalid_recipient open"]);
    let stands = store.delivery(delivery, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!(stands.class, Some(ReasonCode::InvalidRecipient));
    assert!(stands.reason.as_deref().is_some_and(|reason| reason.starts_with("the customer's address")), "{stands:?}");
    support.database.assert_ledger().await;

    // A person who asks too early leaves it as it is: only a cure says that the first cause is gone.
    let other = Support::with_acme(TestDatabase::sqlite_unlocked().await).await;
    other.accept(&event("1")).await;
    let (_, letter) = other.die(ReasonCode::Refused).await;
    other.database.store.upsert_customer(&usable, &actor("billing")).await.expect("answered");
    assert!(other.redrive.letter(letter, &actor(WHO)).await.is_err());
    assert_eq!(other.letters().await, ["refused open"]);
}

async fn an_unknown_customer_is_cured_when_it_comes(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(support.take(&event("1")).await, Verdict::Waiting);
    support.database.clock.advance(CUSTOMER_WAIT);
    let waiting = store.ready_waiting_events(10).await.expect("answered").pop().expect("it waited long enough");
    let again = Parsed::waiting(waiting);
    support.intake.take(&[again]).await.expect("answered");
    assert_eq!(support.letters().await, ["unknown_customer open"]);

    let upserted = store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    assert_eq!(upserted.resolvable.len(), 1);
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    assert_eq!(support.letters().await, ["unknown_customer cured"]);
    assert_eq!(support.states().await, ["due -"]);
    support.database.assert_ledger().await;
}

async fn an_unknown_tenant_that_stays_unknown_is_reported(database: TestDatabase) {
    let support = Support::new(database);
    support.take(&event("1")).await;
    let letter = open_letters(&support).await[0];
    let refused = support.redrive.letter(letter, &actor(WHO)).await;
    assert!(matches!(refused, Err(RedriveError::SameFault { class: ReasonCode::UnknownTenant, .. })), "{refused:?}");
    assert_eq!(support.letters().await, ["unknown_tenant open"]);
}

async fn malformed_bytes_stay_malformed(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.take(&json!({ "no": "event" })).await;
    let letter = open_letters(&support).await[0];
    let refused = support.redrive.letter(letter, &actor(WHO)).await;
    assert!(matches!(refused, Err(RedriveError::SameFault { class: ReasonCode::Malformed, .. })), "{refused:?}");
    assert_eq!(support.letters().await, ["malformed open"], "and no second one");
}

async fn stored_bytes_that_read_now_are_taken_in(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.take(&json!({ "no": "event" })).await;
    let letter = open_letters(&support).await[0];
    let body = event("1").to_string().bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
    let bytes = if support.database.url.starts_with("sqlite") { format!("x'{body}'") } else { format!("'\\x{body}'") };
    // As if a later version of this program read what this one cannot.
    support.database.execute(format!("UPDATE dead_letter SET body = {bytes}")).await;
    let redriven = support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert!(matches!(redriven.fate, Fate::Due(_)), "{redriven:?}");
    assert_eq!(support.letters().await, ["malformed redriven"]);
    assert_eq!(support.states().await, ["due -"]);
    assert_eq!(support.take(&event("1")).await, Verdict::Duplicate);
    support.database.assert_ledger().await;
}

async fn a_group_goes_back_and_what_cannot_stays(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    for number in 0..5 {
        support.accept(&event(&number.to_string())).await;
        support.die(ReasonCode::Refused).await;
    }
    support.accept(&event("other")).await;
    support.die(ReasonCode::TooLarge).await;
    support.database.execute("UPDATE event SET body = NULL WHERE event_id = '3'").await;
    let refused = DeadLetterFilter { fingerprint: Some("refused".to_owned()), ..DeadLetterFilter::default() };
    let many = support.redrive.all(&refused, &actor(WHO)).await.expect("answered");
    assert_eq!((many.redriven.len(), many.failed.len()), (4, 1));
    assert!(matches!(many.failed[0].1, RedriveError::Forgotten));
    let due = "SELECT COUNT(*) FROM lane_entry WHERE express = FALSE AND fair_rank IS NOT NULL";
    assert_eq!(support.database.number(due).await, 4, "ordinary traffic");
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'dead'").await, 2);
    support.database.assert_ledger().await;
}

async fn two_redrives_at_once_are_one(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let delivery: DeliveryId = support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let (ada, bob) = (actor("ada"), actor("bob"));
    let (one, two) = tokio::join!(support.redrive.letter(letter, &ada), support.redrive.letter(letter, &bob));
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(won.expect("one goes back").fate, Fate::Due(delivery));
    assert!(matches!(lost, Err(RedriveError::NotOpen(_))), "{lost:?}");
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery_note").await, 1);
    support.database.assert_ledger().await;
    let (sent, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    assert_eq!(sent, delivery);
    support.database.assert_ledger().await;
}
