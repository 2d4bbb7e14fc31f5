//! Support finds whatever a caller can name, over all tenants and whatever became of it.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::outbox::DeadLetterOutbox;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::model::tenant::Tenant;
use invoice_dispatcher::secrets::{AddressKeys, SecretKeys};
use invoice_dispatcher::store::{
    DeadLetterFilter, Delivery, DeliveryFilter, Erased, FindCursor, FindPage, FindRequest, FoundBy, PageRequest,
    RetentionTimes, SearchHits, Store,
};
use serde_json::{Value, json};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, customer, event, tenant};

on_both_databases!(
    a_number_is_found_however_it_is_written,
    what_waits_or_died_is_found_too,
    a_recipient_is_found_as_to_cc_and_bcc,
    a_redrive_finds_the_new_recipient_and_not_the_old,
    a_resend_and_a_rest_of_recipients_are_found,
    an_older_key_still_finds_what_it_wrote,
    nothing_finds_whom_an_erasure_or_the_retention_took,
    a_customer_is_found_by_words_and_id,
    ids_of_messages_deliveries_and_events_are_found,
    a_dead_letter_is_found_by_its_own_id,
    what_begins_like_ids_of_two_kinds_names_none,
    malformed_bytes_are_found_by_what_they_claim,
    a_tenant_narrows_every_search,
    pages_go_on_behind_what_was_shown,
    deliveries_of_one_number_stand_on_one_page,
    a_customers_deliveries_are_listed_in_pages,
    a_scope_of_tenants_is_searched_in_pages,
    a_hostile_text_is_a_text,
);

const OLDER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
const NEWER: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn keys(text: &str) -> AddressKeys {
    AddressKeys::of(&SecretKeys::parse(text).expect("keys"))
}

/// The same database, whose store writes recipients down under these keys.
fn with_keys(mut database: TestDatabase, text: &str) -> TestDatabase {
    database.store = database.store.clone().with_address_keys(keys(text));
    database
}

/// Support for `acme`, whose store writes recipients down.
async fn support(database: TestDatabase) -> Support {
    Support::with_acme(with_keys(database, OLDER)).await
}

async fn find_page(
    store: &Store,
    text: &str,
    tenant: Option<&TenantId>,
    (limit, after): (u32, Option<&FindCursor>),
) -> FindPage {
    let scope = TenantScope::All.narrowed_to(tenant);
    store.find(&FindRequest { text, scope: &scope, after, limit }).await.expect("answered")
}

/// The first page.
async fn find(store: &Store, text: &str) -> SearchHits {
    find_page(store, text, None, (20, None)).await.hits
}

/// `by number` of each delivery that was found, in order.
async fn found(support: &Support, text: &str) -> Vec<String> {
    let found = find(&support.database.store, text).await;
    found.deliveries.iter().map(|(by, delivery)| format!("{by} {}", delivery.invoice.number)).collect()
}

/// An event that brings this number.
fn numbered(id: &str, number: &str) -> Value {
    let mut event = event(id);
    event["data"]["invoice"]["number"] = number.into();
    event
}

fn to(mut event: Value, recipients: &[(&str, &str)]) -> Value {
    let recipient = |(role, address): &(&str, &str)| json!({ "role": role, "address": address });
    event["data"]["recipients"] = recipients.iter().map(recipient).collect();
    event
}

async fn a_number_is_found_however_it_is_written(database: TestDatabase) {
    let support = support(database).await;
    for (id, number) in [("1", "R-2026-0042"), ("2", "R-2026-00421"), ("3", "r 2026 Ä"), ("4", "S-1")] {
        support.accept(&numbered(id, number)).await;
    }
    for text in ["R-2026-0042", " r-2026-0042", "r - 2026-0042", "R\u{a0}-2026-0042"] {
        assert_eq!(found(&support, text).await, ["number R-2026-0042", "number_prefix R-2026-00421"], "{text}");
    }
    for text in ["R 2026 Ä", "r2026ä"] {
        assert_eq!(found(&support, text).await, ["number r 2026 Ä"], "{text}");
    }
    assert_eq!(found(&support, "s").await, ["number_prefix S-1"]);
    for nothing in ["R-2027", "", "  ", "%", "_", "R-2026-0042'--", "\0"] {
        assert!(found(&support, nothing).await.is_empty(), "{nothing:?}");
    }
    let few = find_page(&support.database.store, "r", None, (2, None)).await;
    assert_eq!((few.hits.deliveries.len(), few.next.is_some()), (2, true));

    let whose = |number: &'static str| {
        let store = support.database.store.clone();
        async move { store.invoices_numbered(number, &TenantScope::All, 5).await.expect("answered") }
    };
    assert_eq!(whose("r-2026-0042").await.len(), 1, "the whole number counts");
    assert!(whose("R-2026").await.is_empty());
}

async fn what_waits_or_died_is_found_too(database: TestDatabase) {
    let support = support(database).await;
    support.accept(&event("1")).await;
    support.die(ReasonCode::Refused).await;
    let mut waiting = event("2");
    waiting["data"]["customer_id"] = "C-9".into();
    assert_eq!(support.take(&waiting).await, Verdict::Waiting);
    let mut unknown = event("3");
    unknown["data"]["tenant_id"] = "nobody".into();
    unknown["data"]["documents"][0]["object"] = "nobody/1.pdf".into();
    assert_eq!(support.take(&unknown).await, Verdict::DeadLetter(ReasonCode::UnknownTenant));

    let SearchHits { deliveries, events, dead_letters, .. } = find(&support.database.store, "r-").await;
    assert_eq!((deliveries.len(), events.len(), dead_letters.len()), (1, 1, 1));
    assert_eq!((events[0].1.invoice.number.as_str(), events[0].1.invoice.customer.as_str()), ("R-2", "C-9"));
    let letter = &dead_letters[0].1;
    assert_eq!(
        (letter.invoice_number.as_deref(), letter.class, letter.is_claimed()),
        (Some("R-3"), ReasonCode::UnknownTenant, false)
    );
    for (number, tenant) in [("r-1", "acme"), ("r-2", "acme"), ("r-3", "nobody")] {
        let whose = support.database.store.invoices_numbered(number, &TenantScope::All, 5).await.expect("answered");
        let [only] = whose.as_slice() else { panic!("{number}: {whose:?}") };
        assert_eq!((only.tenant.as_str(), only.claimed), (tenant, false), "{number}");
    }
}

async fn a_recipient_is_found_as_to_cc_and_bcc(database: TestDatabase) {
    let support = support(database).await;
    let all = [("to", "ap@käufer.example"), ("cc", "Copy@x.example"), ("bcc", "blind@x.example")];
    support.accept(&to(event("1"), &all)).await;
    support.accept(&event("2")).await;
    for text in [
        "AP@Käufer.example",
        "ap@xn--kufer-gra.example",
        " copy@X.example ",
        "blind@x.example",
        "mailto:AP@käufer.example?subject=R-1",
        "Ada Copy <copy@x.example>",
    ] {
        assert_eq!(found(&support, text).await, ["recipient R-1"], "{text}");
    }
    assert_eq!(found(&support, "ap@customer.example").await, ["recipient R-2"], "the customer's own");
    for part in ["copy@x", "opy@x.example", "x.example"] {
        assert!(found(&support, part).await.is_empty(), "{part}: an address is found whole or not at all");
    }
    let texts = "SELECT CAST(COUNT(*) AS TEXT) FROM delivery_recipient";
    assert_eq!(support.database.texts(texts).await, ["4"]);
}

async fn a_redrive_finds_the_new_recipient_and_not_the_old(database: TestDatabase) {
    let support = support(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let moved = Customer { address: "new@acme.example".to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&moved, &actor("billing")).await.expect("answered");
    support.redrive.letter(letter, &actor(WHO)).await.expect("it is put back");
    assert_eq!(found(&support, "new@acme.example").await, ["recipient R-1"]);
    assert!(found(&support, "ap@customer.example").await.is_empty());
}

async fn a_resend_and_a_rest_of_recipients_are_found(database: TestDatabase) {
    let support = support(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.resend(Some("moved@acme.example")).await.expect("it is sent again");
    assert_eq!(found(&support, "Moved@acme.example").await, ["recipient R-1"]);
    assert_eq!(found(&support, "ap@customer.example").await, ["recipient R-1"], "the first mail went there");
}

async fn an_older_key_still_finds_what_it_wrote(database: TestDatabase) {
    let support = support(database).await;
    support.accept(&event("1")).await;
    let mut store = support.database.store.clone().with_address_keys(keys(&format!("{NEWER},{OLDER}")));
    let page = |limit, after| PageRequest { limit, after };
    let filter = DeliveryFilter { to: Some("ap@customer.example".to_owned()), ..DeliveryFilter::default() };
    assert_eq!(store.deliveries(&filter, &TenantScope::All, page(5, None)).await.expect("answered").items.len(), 1);

    // By both keys, in one order and in pages.
    let newer = Support::new(with_keys(support.database, &format!("{NEWER},{OLDER}")));
    for id in ["2", "3"] {
        newer.database.clock.advance(Duration::from_secs(1));
        newer.accept(&event(id)).await;
    }
    let (mut after, mut numbers) = (None, Vec::new());
    loop {
        let part = store.deliveries(&filter, &TenantScope::All, page(1, after)).await.expect("answered");
        numbers.extend(part.items.into_iter().map(|delivery| delivery.invoice.number));
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(numbers, ["R-3", "R-2", "R-1"]);

    store = store.with_address_keys(keys(NEWER));
    let part = store.deliveries(&filter, &TenantScope::All, page(5, None)).await.expect("answered");
    assert_eq!(part.items.len(), 2, "what a key wrote that is in use no more is found no more");
}

async fn nothing_finds_whom_an_erasure_or_the_retention_took(database: TestDatabase) {
    let support = support(database).await;
    let named = Customer { name: "Erika Muster".to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&named, &actor("billing")).await.expect("answered");
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let (acme, id) = (TenantId::from("acme"), CustomerId::from("C-1"));
    assert_eq!(find(&support.database.store, "muster").await.customers.len(), 1);
    let erased = support.database.store.erase_customer(&acme, &id, &actor(WHO)).await.expect("answered");
    assert!(matches!(erased, Erased::Done { deliveries: 1, .. }), "{erased:?}");
    for gone in ["ap@customer.example", "muster", "erika"] {
        let found = find(&support.database.store, gone).await;
        assert!(found.deliveries.is_empty() && found.customers.is_empty(), "{gone}: {found:?}");
    }
    assert_eq!(found(&support, "c-1").await, ["customer R-1"], "what was sent stays under the id");
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery_recipient").await, 0);

    // The next import brings them back.
    support.database.store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    support.accept(&to(event("2"), &[("to", "b@x.example")])).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery_recipient").await, 1);
    support.database.clock.advance(RetentionTimes::default().deliveries * 2);
    let forgotten = support.database.store.forget(&RetentionTimes::default(), 100).await.expect("answered");
    assert_eq!(forgotten.deliveries, 2);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery_recipient").await, 0);
}

/// The ids of the customers that are found, in order.
async fn customers(support: &Support, text: &str) -> Vec<String> {
    find(&support.database.store, text).await.customers.iter().map(|customer| customer.id.to_string()).collect()
}

async fn a_customer_is_found_by_words_and_id(database: TestDatabase) {
    let support = support(database).await;
    let named = |id: &str, name: &str| Customer { name: name.to_owned(), ..customer(id) };
    for known in [
        named("C-1042", "Käufer & Söhne OHG"),
        named("C-2", "ÖSTERWERK „Süd“ GmbH"),
        named("D 7", "Ka\u{308}ufer (Nord)"),
        named("E-1", "WEISSE RÖẞLEIN KG"),
        named("E-2", "Οδυσσεύς ΑΕ"),
        named("E-Straße", "Hof"),
    ] {
        support.database.store.upsert_customer(&known, &actor("billing")).await.expect("answered");
    }
    for (text, expected) in [
        ("söhne käuf", &["C-1042"][..]),
        ("KÄUFER", &["C-1", "C-1042", "D 7"]),
        ("österw", &["C-2"]),
        ("süd gmbh", &["C-2"]),
        ("c-10", &["C-1042"]),
        ("C- 1042", &["C-1042"]),
        ("d7", &["D 7"]),
        ("käufer gmbh", &[]),
        ("weiße", &["E-1"]),
        ("WEISSE RÖSS", &["E-1"]),
        ("e-strasse", &["E-Straße"]),
        ("ΟΔΥΣ", &["E-2"]),
        ("ohne", &[]),
    ] {
        assert_eq!(customers(&support, text).await, expected, "{text}");
    }
    // Renamed: the old name finds no customer.
    support.database.store.upsert_customer(&named("C-2", "Westwerk AG"), &actor("billing")).await.expect("answered");
    assert_eq!(customers(&support, "osterwerk").await, [""; 0]);
    assert_eq!(customers(&support, "österwerk").await, [""; 0]);
    assert_eq!(customers(&support, "westw").await, ["C-2"]);

    support.accept(&event("1")).await;
    assert_eq!(found(&support, "C-1").await, ["customer R-1"], "with the newest that they got");
}

async fn ids_of_messages_deliveries_and_events_are_found(database: TestDatabase) {
    let support = support(database).await;
    let mut named = event("evt-0001");
    named["data"]["invoice"]["number"] = "R-1".into();
    let delivery = support.accept(&named).await.to_string();
    for text in [format!("<{delivery}@acme.example>"), format!("{delivery}@acme.example")] {
        assert_eq!(found(&support, &text).await, ["message_id R-1"], "{text}");
    }
    for text in [delivery.clone(), delivery[..13].to_owned(), delivery.replace('-', "").to_uppercase()] {
        assert_eq!(found(&support, &text).await, ["delivery_id R-1"], "{text}");
    }
    for text in ["evt-0001", "evt-"] {
        assert_eq!(found(&support, text).await, ["event_id R-1"], "{text}");
    }
    for text in ["EVT-0001", "Evt-"] {
        assert_eq!(found(&support, text).await, ["event_id R-1"], "{text}");
    }
    let mut shouted = event("EVT-A1");
    shouted["data"]["invoice"]["number"] = "R-2".into();
    support.accept(&shouted).await;
    assert_eq!(found(&support, "evt-a1").await, ["event_id R-2"]);
    let mut other = event("evt-0002");
    other["data"]["customer_id"] = "C-9".into();
    support.take(&other).await;
    assert!(found(&support, "evt-").await.is_empty(), "the beginning of two names none");
    assert!(find(&support.database.store, "evt-").await.several_ids, "and that is said");
    let both = &delivery[..4];
    assert!(found(&support, both).await.is_empty() && find(&support.database.store, both).await.several_ids);
    assert!(!find(&support.database.store, "evt-000x").await.several_ids);
    let waiting = find(&support.database.store, "evt-0002").await;
    assert_eq!(
        waiting.events.iter().map(|(by, event)| (*by, event.id.as_str())).collect::<Vec<_>>(),
        [(FoundBy::EventId, "evt-0002")]
    );
}

async fn a_dead_letter_is_found_by_its_own_id(database: TestDatabase) {
    let support = support(database).await;
    let mut unknown = event("1");
    unknown["data"]["tenant_id"] = "nobody".into();
    support.take(&unknown).await;
    let page = PageRequest { limit: 9, after: None };
    let letters = support
        .database
        .store
        .dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page)
        .await
        .expect("answered");
    let id = letters.items[0].id;
    for text in [id.to_string(), id.to_string()[..13].to_owned(), id.to_string().to_uppercase()] {
        let found = find(&support.database.store, &text).await;
        let named: Vec<_> = found.dead_letters.iter().map(|(by, letter)| (*by, letter.id)).collect();
        assert_eq!(named, [(FoundBy::DeadLetterId, id)], "{text}");
    }
    let acme = TenantId::from("acme");
    let hidden = find_page(&support.database.store, &id.to_string(), Some(&acme), (9, None)).await.hits;
    assert!(hidden.dead_letters.is_empty());
}

async fn what_begins_like_ids_of_two_kinds_names_none(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    let delivery = support.accept(&event("1")).await.to_string();
    let digits = &delivery[..4];
    let alone = find(store, digits).await;
    assert_eq!((alone.deliveries.len(), alone.several_ids), (1, false));

    let mut unknown = event("2");
    unknown["data"]["tenant_id"] = "nobody".into();
    support.take(&unknown).await;
    let page = PageRequest { limit: 9, after: None };
    let letters = store.dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page).await.expect("answered");
    let letter = letters.items[0].id.to_string();
    assert_eq!(digits, &letter[..4], "both were made in one time");
    let both = find(store, digits).await;
    assert!(both.deliveries.is_empty() && both.dead_letters.is_empty() && both.several_ids, "{both:?}");
    let whole = find(store, &letter).await;
    assert_eq!((whole.deliveries.len(), whole.dead_letters.len(), whole.several_ids), (0, 1, false));
    // Whoever sees the one tenant only sees one id.
    let acme = TenantId::from("acme");
    let theirs = find_page(store, digits, Some(&acme), (9, None)).await.hits;
    assert_eq!((theirs.deliveries.len(), theirs.dead_letters.len(), theirs.several_ids), (1, 0, false));

    // Beside what has a number that begins so, it is said, too.
    support.accept(&numbered("3", &format!("{digits}-1"))).await;
    let numbered = find(store, digits).await;
    assert_eq!((numbered.deliveries.len(), numbered.several_ids), (1, true));
}

async fn malformed_bytes_are_found_by_what_they_claim(database: TestDatabase) {
    let support = support(database).await;
    let mut malformed = event("evt-9");
    malformed["data"]["invoice"]["total"] = "much".into();
    malformed["data"]["invoice"]["number"] = "R\u{1b}[2J-9".into();
    assert_eq!(support.take(&malformed).await, Verdict::DeadLetter(ReasonCode::Malformed));
    let shown = "R\u{fffd}[2J-9";
    for text in ["evt-9", "R\u{fffd}[2j"] {
        let found = find(&support.database.store, text).await;
        let [(_, letter)] = found.dead_letters.as_slice() else { panic!("{text}: {found:?}") };
        assert!(letter.is_claimed());
        assert_eq!(letter.tenant.as_ref().map(TenantId::as_str), Some("acme"));
        assert_eq!(
            (letter.customer.as_ref().map(CustomerId::as_str), letter.invoice_number.as_deref()),
            (Some("C-1"), Some(shown))
        );
    }
    let acme = TenantId::from("acme");
    let timeline =
        support.database.store.explain(&acme, shown, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((timeline.deliveries.len(), timeline.dead_letters.len()), (0, 1));

    // As the broker's copy says it in its headers.
    let pending = support.database.store.next_to_publish(10).await.expect("answered").remove(0);
    assert_eq!((pending.tenant_id, pending.invoice_number.as_deref()), (Some(acme), Some(shown)));

    // Corrected, the event is another matter: what is known counts, not what is claimed.
    let mut elsewhere = event("evt-10");
    elsewhere["data"]["tenant_id"] = "evil".into();
    elsewhere["data"]["invoice"]["total"] = "much".into();
    elsewhere["data"]["invoice"]["number"] = "R-10".into();
    support.take(&elsewhere).await;
    support.accept(&numbered("evt-11", "R-10")).await;
    let whose = support.database.store.invoices_numbered("R-10", &TenantScope::All, 5).await.expect("answered");
    let whose: Vec<_> = whose.iter().map(|found| (found.tenant.as_str(), found.claimed)).collect();
    assert_eq!(whose, [("acme", false), ("evil", true)]);
    support.database.assert_ledger().await;
}

async fn a_tenant_narrows_every_search(database: TestDatabase) {
    let support = support(database).await;
    let beta: Tenant = tenant("beta");
    support.database.store.upsert_tenant(&beta, &actor("billing")).await.expect("answered");
    let theirs = Customer { tenant_id: "beta".into(), ..customer("C-1") };
    support.database.store.upsert_customer(&theirs, &actor("billing")).await.expect("answered");
    for name in ["acme", "beta"] {
        let mut event = numbered(&format!("evt-{name}"), "R-1");
        event["data"]["tenant_id"] = name.into();
        event["data"]["documents"][0]["object"] = format!("{name}/1.pdf").into();
        support.accept(&event).await;
    }
    let store = &support.database.store;
    let beta = TenantId::from("beta");
    for text in ["R-1", "r", "ap@customer.example", "evt-beta", "käufer", "c-1"] {
        let all = find(store, text).await;
        let theirs = find_page(store, text, Some(&beta), (20, None)).await.hits;
        assert!(theirs.deliveries.iter().all(|(_, delivery)| delivery.invoice.tenant == beta), "{text}");
        assert!(theirs.customers.iter().all(|customer| customer.tenant_id == beta), "{text}");
        assert_eq!(theirs.deliveries.len(), 1, "{text}");
        assert!(all.deliveries.len() == 2 || text == "evt-beta", "{text}");
    }
    let hidden = find_page(store, "evt-acme", Some(&beta), (20, None)).await.hits;
    assert!(hidden.deliveries.is_empty());
    assert_eq!(store.invoices_numbered("r-1", &TenantScope::All, 5).await.expect("answered").len(), 2);
    assert_eq!(
        store.invoices_numbered("r-1", &TenantScope::All.narrowed_to(Some(&beta)), 5).await.expect("answered").len(),
        1
    );
}

/// The numbers of all pages of this size: of each page the deliveries first, then what waits, then what died.
async fn walk(store: &Store, text: &str, limit: u32) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let FindPage { hits, next } = find_page(store, text, None, (limit, after.as_ref())).await;
        let deliveries = hits.deliveries.into_iter().map(|(_, delivery)| delivery.invoice.number);
        let events = hits.events.into_iter().map(|(_, event)| event.invoice.number);
        let letters = hits.dead_letters.into_iter().filter_map(|(_, letter)| letter.invoice_number);
        pages.push(deliveries.chain(events).chain(letters).collect());
        // As an address carries it.
        after = next.map(|next| next.to_string().parse().expect("a cursor"));
        if after.is_none() {
            return pages;
        }
        assert!(pages.len() < 50, "the search does not end: {pages:?}");
    }
}

async fn pages_go_on_behind_what_was_shown(database: TestDatabase) {
    let support = support(database).await;
    let mut waiting = numbered("w", "R-3");
    waiting["data"]["customer_id"] = "C-9".into();
    let mut unknown = numbered("u", "r - 4");
    unknown["data"]["tenant_id"] = "nobody".into();
    unknown["data"]["documents"][0]["object"] = "nobody/1.pdf".into();
    for (id, number) in [("1", "R-1"), ("2", "R-2"), ("3", "R-3"), ("5", "R-5"), ("6", "R-6"), ("7", "Q-1")] {
        support.accept(&numbered(id, number)).await;
    }
    support.take(&waiting).await;
    support.take(&unknown).await;
    let store = &support.database.store;
    let all = ["R-1", "R-2", "R-3", "R-3", "r - 4", "R-5", "R-6"];
    for limit in 1..=8 {
        let pages = walk(store, "r-", limit).await;
        assert_eq!(pages.len(), all.len().div_ceil(limit as usize), "{limit} a page: {pages:?}");
        let mut numbers = pages.concat();
        numbers.sort_by_key(|number| number.replace(' ', "").to_uppercase());
        assert_eq!(numbers, all, "{limit} a page");
    }

    // What comes in meanwhile moves nothing: behind the cursor it is shown, before it is not.
    let first = find_page(store, "r-", None, (2, None)).await;
    for (id, number) in [("8", "R-0"), ("9", "R-4")] {
        support.accept(&numbered(id, number)).await;
    }
    let next = first.next.expect("there are more");
    let second = find_page(store, "r-", None, (9, Some(&next))).await;
    let numbers: Vec<_> = second.hits.deliveries.iter().map(|(_, delivery)| delivery.invoice.number.as_str()).collect();
    assert_eq!((numbers, second.next), (vec!["R-3", "R-4", "R-5", "R-6"], None));
    assert_eq!((second.hits.events.len(), second.hits.dead_letters.len()), (1, 1));
    // One that came with another text is no error.
    assert!(find_page(store, "q-", None, (9, Some(&next))).await.hits.deliveries.is_empty());
}

async fn deliveries_of_one_number_stand_on_one_page(database: TestDatabase) {
    let support = support(database).await;
    for id in ["0", "1"] {
        support.accept(&event(id)).await;
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
        support.database.clock.advance(Duration::from_secs(1));
    }
    for _ in 0..2 {
        support.resend(Some("moved@acme.example")).await.expect("it is sent again");
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
    }
    support.database.clock.advance(Duration::from_secs(1));
    support.accept(&event("2")).await;
    let store = &support.database.store;
    assert_eq!(walk(store, "r-", 3).await, [vec!["R-0"], vec!["R-1"; 3], vec!["R-2"]]);
    assert_eq!(walk(store, "r-", 4).await, [vec!["R-0", "R-1", "R-1", "R-1"], vec!["R-2"]]);
    // They alone are more than a page.
    assert_eq!(walk(store, "r-1", 2).await, [vec!["R-1"; 2], vec!["R-1"]]);
    // By address in the order of time, the newest first.
    assert_eq!(walk(store, "moved@acme.example", 1).await, [["R-1"], ["R-1"]]);
    assert_eq!(walk(store, "ap@customer.example", 2).await, [vec!["R-2", "R-1"], vec!["R-0"]]);
}

async fn a_customers_deliveries_are_listed_in_pages(database: TestDatabase) {
    let support = support(database).await;
    for id in 1..=7 {
        support.database.clock.advance(Duration::from_secs(1));
        support.accept(&event(&id.to_string())).await;
    }
    let store = &support.database.store;
    let newest = ["R-7", "R-6", "R-5", "R-4", "R-3", "R-2", "R-1"];
    for limit in [1, 3, 7, 8] {
        let pages = walk(store, "c-1", limit).await;
        assert_eq!(pages.concat(), newest, "{limit} a page");
        assert_eq!(pages.len(), newest.len().div_ceil(limit as usize));
    }
    let first = find_page(store, "c-1", None, (3, None)).await;
    let second = find_page(store, "c-1", None, (3, first.next.as_ref())).await;
    assert_eq!((first.hits.customers.len(), second.hits.customers.len()), (1, 0), "they stand on the first page");

    // Of several the newest five each.
    store.upsert_customer(&customer("C-12"), &actor("billing")).await.expect("answered");
    let mut theirs = event("8");
    theirs["data"]["customer_id"] = "C-12".into();
    support.accept(&theirs).await;
    for limit in [2, 5, 9] {
        assert_eq!(walk(store, "c-1", limit).await.concat(), ["R-7", "R-6", "R-5", "R-4", "R-3", "R-8"], "{limit}");
    }
}

async fn a_scope_of_tenants_is_searched_in_pages(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    for id in ["beta", "gamma"] {
        store.upsert_tenant(&tenant(id), &actor("billing")).await.expect("answered");
        let theirs = Customer { tenant_id: id.into(), ..customer("C-1") };
        store.upsert_customer(&theirs, &actor("billing")).await.expect("answered");
    }
    for (id, tenant, number) in [
        ("1", "gamma", "R-1"),
        ("2", "beta", "R-2"),
        ("3", "acme", "R-2"),
        ("4", "gamma", "R-2"),
        ("5", "beta", "R-3"),
        ("6", "gamma", "R-4"),
    ] {
        let mut event = numbered(id, number);
        event["data"]["tenant_id"] = tenant.into();
        event["data"]["documents"][0]["object"] = format!("{tenant}/1.pdf").into();
        support.accept(&event).await;
    }
    let scope = TenantScope::of([TenantId::from("beta"), TenantId::from("gamma")]);
    for limit in 1..=6 {
        let (mut after, mut seen): (Option<FindCursor>, _) = (None, Vec::new());
        loop {
            let request = FindRequest { text: "r", scope: &scope, after: after.as_ref(), limit };
            let FindPage { hits, next } = store.find(&request).await.expect("answered");
            let told = |(_, one): (FoundBy, Delivery)| format!("{} {}", one.invoice.tenant, one.invoice.number);
            seen.extend(hits.deliveries.into_iter().map(told));
            after = next;
            if after.is_none() {
                break;
            }
        }
        let expected = ["gamma R-1", "beta R-2", "gamma R-2", "beta R-3", "gamma R-4"];
        assert_eq!(seen, expected, "{limit} a page");
    }
}

async fn a_hostile_text_is_a_text(database: TestDatabase) {
    let support = support(database).await;
    support.accept(&numbered("1", "R-%_'\"\\")).await;
    let store = &support.database.store;
    for text in [
        "\0".to_owned(),
        "R\0-1".to_owned(),
        "x".repeat(10_000),
        "ß".repeat(10_000),
        "a ".repeat(5_000),
        "%".to_owned(),
        "R_%".to_owned(),
        "'; DROP TABLE delivery; --".to_owned(),
        "\"}{\\".to_owned(),
        "\u{10ffff}\u{10ffff}".to_owned(),
        "\u{202e}\u{feff}\u{1f980}".to_owned(),
        "@".to_owned(),
        "@\0@".to_owned(),
        "<<>>".to_owned(),
        "\r\n\t\u{1b}[2J".to_owned(),
        "{rows} $1 :x".to_owned(),
    ] {
        let shown: String = text.chars().take(20).collect();
        let found = find_page(store, &text, None, (20, None)).await;
        assert!(found.hits.deliveries.is_empty(), "{shown:?}: {found:?}");
    }
    assert_eq!(found(&support, "r-%_'\"\\").await, ["number R-%_'\"\\"], "it is found as it is written");
}
