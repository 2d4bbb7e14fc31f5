//! A POST that names an idempotency key is done once, whoever sends it how often.

use std::sync::Arc;
use std::time::Duration;

use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::secrets::{ApiToken, SecretKeys};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{Erased, KeyClaim, KeyedAnswer, KeyedRequest, NewApiToken, RetentionTimes, Store};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::support::{self, Answer, Api, EVENT, send};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::{LOOK, actor};
use crate::operator::samples::{Support, WHO, customer, event};

on_both_databases!(
    the_same_request_gets_the_first_answer,
    an_event_is_answered_as_it_was_at_first,
    another_request_needs_another_key,
    of_twenty_at_once_one_is_done,
    a_key_of_a_process_that_died_is_free_after_two_minutes,
    whoever_lost_a_key_writes_nothing_more,
    what_may_be_sent_again_is_not_kept,
    callers_do_not_share_their_keys,
    an_answer_is_kept_for_a_day,
    an_answer_cannot_be_read_in_the_database,
    an_erasure_takes_the_answer_and_nothing_is_done_twice,
    an_erasure_frees_the_keys_of_what_changed_nothing,
    whoever_only_looks_leaves_no_answer,
    what_is_no_key_is_refused,
);

/// An invoice of `C-1` whose link can be revoked once.
async fn one_link(database: TestDatabase) -> (Support, Api) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let api = Api::start(&support.database).await;
    (support, api)
}

fn of_customer() -> Value {
    json!({ "tenant_id": "acme", "customer_id": "C-1", "reason": "mailbox taken over" })
}

fn keyed(api: &Api, path: &str, key: &str, body: &Value) -> RequestBuilder {
    api.request(Method::POST, path).header("idempotency-key", key).json(body)
}

async fn revoke(api: &Api, key: &str) -> Answer {
    send(keyed(api, "/api/v1/links/revoke", key, &of_customer())).await
}

fn is_replayed(answer: &Answer) -> bool {
    match answer.header("idempotency-replayed") {
        "" => false,
        said => {
            assert_eq!(said, "true");
            true
        }
    }
}

fn title(answer: &Answer) -> &str {
    answer.refusal(409);
    answer.json["title"].as_str().expect("a title")
}

async fn revocations(support: &Support) -> i64 {
    support.database.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'links_revoked'").await
}

async fn the_same_request_gets_the_first_answer(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    let first = revoke(&api, "k-1").await;
    assert_eq!(first.success(200), &json!({ "revoked": 1 }));
    assert!(!is_replayed(&first));
    let second = revoke(&api, "\"k-1\"").await;
    assert_eq!(second.success(200), &json!({ "revoked": 1 }));
    assert!(is_replayed(&second), "quotes are the header's, not the key's");
    for name in ["content-type", "cache-control", "x-content-type-options"] {
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
    // Under another key, and without one, it is done: there is nothing left to do.
    let without = api.request(Method::POST, "/api/v1/links/revoke").json(&of_customer());
    for answer in [revoke(&api, "k-2").await, send(without).await] {
        assert_eq!(answer.success(200), &json!({ "revoked": 0 }));
        assert!(!is_replayed(&answer));
    }
    assert_eq!(revocations(&support).await, 1);
}

async fn an_event_is_answered_as_it_was_at_first(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let event = support::event();
    let post = || {
        let request = api.request(Method::POST, "/api/v1/events").header("content-type", EVENT);
        send(request.header("idempotency-key", "e").body(event.to_string()))
    };
    let (first, second) = (post().await, post().await);
    assert_eq!(first.success(202)[0]["result"], "accepted");
    assert_eq!(second.success(202), &first.json, "not that it is a duplicate");
    assert!(!is_replayed(&first) && is_replayed(&second));

    // In binary mode what the event is called stands in headers: another one is another request.
    let binary = |id: &str| {
        let event = support::event();
        let request = api.request(Method::POST, "/api/v1/events").header("ce-specversion", "1.0").header("ce-id", id);
        let request = request.header("ce-source", support::SOURCE).header("ce-type", "invoice.sent.v1");
        (request.header("idempotency-key", "b"), event["data"].clone())
    };
    let (request, data) = binary("b-1");
    assert_eq!(send(request.json(&data)).await.success(202)[0]["result"], "accepted");
    assert_eq!(title(&send(binary("b-2").0.json(&data)).await), "idempotency key taken");
    let again = send(binary("b-1").0.json(&data)).await;
    assert_eq!(again.success(202)[0]["result"], "accepted");
    assert_eq!(database.number("SELECT COUNT(*) FROM event").await, 2);
}

async fn another_request_needs_another_key(database: TestDatabase) {
    let (_support, api) = one_link(database).await;
    let revoke_path = "/api/v1/links/revoke";
    let mut slip = of_customer();
    slip.as_object_mut().expect("an object").remove("reason");
    send(keyed(&api, revoke_path, "k", &slip)).await.refusal(400);
    let refused = revoke(&api, "k").await;
    assert_eq!(title(&refused), "idempotency key taken", "a refusal is an answer, too");
    assert!(!is_replayed(&refused));
    let same = send(keyed(&api, revoke_path, "k", &slip)).await;
    same.refusal(400);
    assert!(is_replayed(&same));
    assert_eq!(title(&send(keyed(&api, &format!("{revoke_path}?x=1"), "k", &slip)).await), "idempotency key taken");
    // Each route has keys of its own.
    let lift = json!({ "tenant_id": "acme", "customer_id": "C-1", "reason": "called" });
    let lifted = send(keyed(&api, "/api/v1/portal-locks/lift", "k", &lift)).await;
    assert_eq!(lifted.success(200), &json!({ "lifted": false }));
    assert_eq!(revoke(&api, "k-2").await.success(200), &json!({ "revoked": 1 }));
}

async fn of_twenty_at_once_one_is_done(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    // Two processes share a PostgreSQL.
    let store = if support.database.store.is_single_process() {
        support.database.store.clone()
    } else {
        Store::open_beside(&support.database.url, support.database.clock.clone()).await.expect("the database opens")
    };
    let apis = [Arc::new(api), Arc::new(Api::configured(store, |_| {}).await)];
    let mut posts = JoinSet::new();
    for number in 0..20 {
        let api = Arc::clone(&apis[number % 2]);
        posts.spawn(async move { revoke(&api, "k").await });
    }
    let mut done = 0;
    for answer in posts.join_all().await {
        match answer.status.as_u16() {
            200 => {
                assert_eq!(answer.json, json!({ "revoked": 1 }));
                done += usize::from(!is_replayed(&answer));
            }
            409 => assert_eq!(title(&answer), "request under way"),
            // More than one process works on at once.
            _ => {
                answer.refusal(429);
            }
        }
    }
    assert_eq!((done, revocations(&support).await), (1, 1));
    for api in &apis {
        let later = revoke(api, "k").await;
        assert_eq!(later.success(200), &json!({ "revoked": 1 }));
        assert!(is_replayed(&later));
    }
}

async fn a_key_of_a_process_that_died_is_free_after_two_minutes(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    let database = &support.database;
    revoke(&api, "k").await.success(200);
    // As it stands while the request is worked on and has changed nothing yet.
    let until = database.clock.now().plus(Duration::from_mins(2)).0;
    let under_way = format!(
        "UPDATE idempotency_key SET is_done = FALSE, answer = NULL, key_fingerprint = NULL, kept_until = {until},
                answer_awaited_until = NULL"
    );
    assert_eq!(database.execute(under_way).await, 1);
    let wait = revoke(&api, "k").await;
    assert_eq!((title(&wait), wait.header("retry-after")), ("request under way", "1"));
    database.clock.advance(Duration::from_secs(119));
    assert_eq!(title(&revoke(&api, "k").await), "request under way");
    database.clock.advance(Duration::from_secs(1));
    let again = revoke(&api, "k").await;
    assert_eq!(again.success(200), &json!({ "revoked": 0 }));
    assert!(!is_replayed(&again));
    assert!(is_replayed(&revoke(&api, "k").await));
}

async fn whoever_lost_a_key_writes_nothing_more(database: TestDatabase) {
    let store = database.store.clone().with_answer_keys(&SecretKeys::parse(&"07".repeat(32)).expect("a key"));
    let request = KeyedRequest { id: Sha256::of(b"key"), payload: Sha256::of(b"payload") };
    let claim = async || match store.claim_key(&request).await.expect("answered") {
        KeyClaim::Mine(claim) => claim,
        other => panic!("the key is not free: {other:?}"),
    };
    let answer = |body: &str| KeyedAnswer { status: 200, headers: Vec::new(), body: body.into() };
    let first = claim().await;
    database.clock.advance(Duration::from_mins(2));
    let second = claim().await;
    assert!(!store.finish_key(&request, first, Some(&answer("late"))).await.expect("answered"));
    store.free_key(&request, first).await.expect("answered");
    assert_eq!(store.claim_key(&request).await.expect("answered"), KeyClaim::UnderWay);
    assert!(store.finish_key(&request, second, Some(&answer("in time"))).await.expect("answered"));
    store.free_key(&request, second).await.expect("answered");
    let kept = store.claim_key(&request).await.expect("answered");
    assert_eq!(kept, KeyClaim::Done(Some(answer("in time"))), "what is done stays done");
    // Another installation's keys open nothing.
    let others = database.store.clone().with_answer_keys(&SecretKeys::parse(&"0b".repeat(32)).expect("a key"));
    assert_eq!(others.claim_key(&request).await.expect("answered"), KeyClaim::Done(None));
}

async fn what_may_be_sent_again_is_not_kept(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    support.database.execute("ALTER TABLE portal_link RENAME TO portal_link_away").await;
    for _ in 0..2 {
        let failed = revoke(&api, "k").await;
        failed.refusal(500);
        assert!(!is_replayed(&failed));
    }
    assert_eq!(support.database.number("SELECT COUNT(*) FROM idempotency_key").await, 0);
    support.database.execute("ALTER TABLE portal_link_away RENAME TO portal_link").await;
    assert_eq!(revoke(&api, "k").await.success(200), &json!({ "revoked": 1 }));
}

async fn callers_do_not_share_their_keys(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    let store = &support.database.store;
    let mut tokens = Vec::new();
    for name in ["crm", "billing"] {
        let token = ApiToken::random();
        let new = NewApiToken {
            token: token.sha256(),
            prefix: token.prefix(),
            name,
            role: Role::Support,
            scope: &TenantScope::All,
            owner: None,
            expires_at: store.now().plus(Duration::from_hours(1)),
        };
        store.add_token(&new, &actor("test")).await.expect("answered").expect("the name is free");
        tokens.push(token);
    }
    let revoke_as =
        |token: &ApiToken| send(keyed(&api, "/api/v1/links/revoke", "k", &of_customer()).bearer_auth(token.expose()));
    let first = revoke_as(&tokens[0]).await;
    assert_eq!(first.success(200), &json!({ "revoked": 1 }));
    let other = revoke_as(&tokens[1]).await;
    assert_eq!(other.success(200), &json!({ "revoked": 0 }));
    assert!(!is_replayed(&other));
    assert!(!is_replayed(&revoke(&api, "k").await), "nor does whoever shows none");
    for (token, revoked) in tokens.iter().zip([1, 0]) {
        let again = revoke_as(token).await;
        assert_eq!(again.success(200), &json!({ "revoked": revoked }));
        assert!(is_replayed(&again));
    }
}

async fn an_answer_is_kept_for_a_day(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    let (database, rows) = (&support.database, "SELECT COUNT(*) FROM idempotency_key");
    let forget = async || database.store.forget(&RetentionTimes::default(), 100).await.expect("answered");
    revoke(&api, "k").await.success(200);
    revoke(&api, "swept").await.success(200);
    database.clock.advance(Duration::from_hours(24) - Duration::from_millis(1));
    forget().await;
    assert!(is_replayed(&revoke(&api, "k").await));
    database.clock.advance(Duration::from_millis(1));
    // The sweeper has not come by yet.
    assert_eq!(database.number(rows).await, 2);
    let anew = revoke(&api, "k").await;
    assert_eq!(anew.success(200), &json!({ "revoked": 0 }));
    assert!(!is_replayed(&anew));
    forget().await;
    assert_eq!(database.number(rows).await, 1, "the one that was taken again stays");
    assert!(is_replayed(&revoke(&api, "k").await));
}

async fn an_answer_cannot_be_read_in_the_database(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    revoke(&api, "k").await.success(200);
    let digits =
        if support.database.store.is_single_process() { "lower(hex(answer))" } else { "encode(answer, 'hex')" };
    let answers = support.database.texts(format!("SELECT {digits} FROM idempotency_key")).await;
    assert_eq!(answers.len(), 1);
    for word in ["revoked", "C-1", "application/json"] {
        assert!(!answers[0].contains(&hex::encode(word)), "{word}");
    }
}

async fn an_erasure_takes_the_answer_and_nothing_is_done_twice(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    revoke(&api, "k").await.success(200);
    let store = &support.database.store;
    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let erased = store.erase_customer(&acme, &customer, &actor(WHO)).await.expect("answered");
    assert!(matches!(erased, Erased::Done { .. }), "{erased:?}");
    let left = "SELECT COUNT(*) FROM idempotency_key WHERE answer IS NOT NULL";
    assert_eq!(support.database.number(left).await, 0);
    assert_eq!(title(&revoke(&api, "k").await), "answer not kept");
}

async fn an_erasure_frees_the_keys_of_what_changed_nothing(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    let store = &support.database.store;
    store.upsert_customer(&customer("C-2"), &actor("billing")).await.expect("answered");
    let unknown = "/api/v1/deliveries/0191e7a0-0000-7000-8000-000000000001/cancel";
    let cancel = || send(keyed(&api, unknown, "k-1", &json!({ "reason": "paid in cash" })));
    let publish = || {
        let post = api.request(Method::POST, "/api/v1/events").header("content-type", EVENT);
        send(post.header("idempotency-key", "k-2").body(event("2").to_string()))
    };
    cancel().await.refusal(404);
    assert!(is_replayed(&cancel().await));
    assert_eq!(publish().await.success(202)[0]["result"], "accepted");
    assert_eq!(revoke(&api, "k-3").await.success(200), &json!({ "revoked": 1 }));
    assert_eq!(revoke(&api, "k-4").await.success(200), &json!({ "revoked": 0 }));

    let (acme, anybody) = (TenantId::from("acme"), CustomerId::from("C-2"));
    let erased = store.erase_customer(&acme, &anybody, &actor(WHO)).await.expect("answered");
    assert!(matches!(erased, Erased::Done { .. }), "{erased:?}");
    let again = cancel().await;
    again.refusal(404);
    assert!(!is_replayed(&again), "it is looked at anew, and was not done before");
    let again = publish().await;
    assert_eq!(again.success(202)[0]["result"], "duplicate", "an event is one by its id");
    assert!(!is_replayed(&again));
    assert_eq!(title(&revoke(&api, "k-3").await), "answer not kept");
    let again = revoke(&api, "k-4").await;
    assert_eq!(again.success(200), &json!({ "revoked": 0 }));
    assert!(!is_replayed(&again));
    assert_eq!(revocations(&support).await, 1);
}

async fn whoever_only_looks_leaves_no_answer(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    let settings = json!({
        "sensitive_attachments": "exclude",
        "portal_authentication": { "level": "sensitive", "primary": "postcode_house_number" },
    });
    let of_acme = json!({ "tenant_id": "acme" });
    for (path, body) in [("/api/v1/links/find", of_acme), ("/api/v1/tenants/acme/settings/preview", settings)] {
        for _ in 0..2 {
            let answer = send(keyed(&api, path, "k", &body)).await;
            answer.success(200);
            assert!(!is_replayed(&answer), "{path}");
        }
    }
    assert_eq!(support.database.number("SELECT COUNT(*) FROM idempotency_key").await, 0);
}

async fn what_is_no_key_is_refused(database: TestDatabase) {
    let (support, api) = one_link(database).await;
    for key in ["", "\"\"", "\"open", &"k".repeat(256)] {
        let answer = revoke(&api, key).await;
        assert!(answer.refusal(400).contains("Idempotency-Key"), "{answer:?}");
        assert_eq!(answer.json["path"], "Idempotency-Key");
    }
    let twice = keyed(&api, "/api/v1/links/revoke", "k", &of_customer()).header("idempotency-key", "k");
    send(twice).await.refusal(400);
    assert_eq!(revocations(&support).await, 0);
    // A PUT does the same however often it is sent; its key is not looked at.
    let put = api.request(Method::PUT, "/api/v1/tenants/acme").header("idempotency-key", "").json(&support::tenant());
    send(put).await.success(200);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM idempotency_key").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_left_gets_the_answer_when_they_come_again() {
    let (support, api) = one_link(TestDatabase::postgres().await).await;
    let api = Arc::new(api);
    let busy = support.database.begin("LOCK TABLE portal_link IN ACCESS EXCLUSIVE MODE").await;
    let leaving = tokio::spawn({
        let api = Arc::clone(&api);
        async move { revoke(&api, "k").await }
    });
    support.database.until_a_statement_waits().await;
    leaving.abort();
    leaving.await.expect_err("it has left");
    assert_eq!(title(&revoke(&api, "k").await), "request under way");
    busy.commit().await;
    let answered = async {
        loop {
            let answer = revoke(&api, "k").await;
            if answer.status == 200 {
                return answer;
            }
            assert_eq!(title(&answer), "request under way");
            tokio::time::sleep(LOOK).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(20), answered).await.expect("it is done in time");
    assert_eq!(answer.success(200), &json!({ "revoked": 1 }));
    assert!(is_replayed(&answer), "it was done although nobody waited for it");
    assert_eq!(revocations(&support).await, 1);
}
