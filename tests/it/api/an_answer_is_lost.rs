//! A request with an idempotency key made its change, and its answer was lost: the same request does not make it again.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::api::document_json;
use invoice_dispatcher::intake::Parsed;
use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::claimed_key::ClaimedKey;
use invoice_dispatcher::model::ids::{DeliveryId, OperatorId};
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::settings::PortalLevel;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::secrets::SecretKeys;
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{
    Acted, Erased, KeyClaim, KeyedAnswer, KeyedRequest, LinkSelection, Store, StoreError, VerificationAttempt,
};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::desk::{ApiDesk, kind};
use super::support::{Api, send};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event};

on_both_databases!(
    a_resend_is_not_done_again,
    whoever_comes_again_learns_that_the_outcome_is_unknown,
    a_late_answer_is_kept,
    what_changed_nothing_is_free_again,
    whoever_lost_the_key_changes_nothing,
    what_fails_after_its_change_is_not_free,
    of_very_many_links_the_rest_is_revoked_under_the_same_key,
    every_change_marks_its_key,
    keys_of_a_lost_answer_survive_the_schema_before,
);

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn request() -> KeyedRequest {
    KeyedRequest { id: Sha256::of(b"key"), payload: Sha256::of(b"payload") }
}

async fn look(store: &Store) -> KeyClaim {
    store.claim_key(&request()).await.expect("answered")
}

/// Takes the key, which is free.
async fn take(store: &Store) -> ClaimedKey {
    match look(store).await {
        KeyClaim::Mine(claim) => ClaimedKey { id: request().id, claim },
        other => panic!("the key is not free: {other:?}"),
    }
}

async fn cancel(support: &Support, delivery: DeliveryId, key: ClaimedKey) -> Result<Acted, StoreError> {
    support.database.store.cancel(delivery, &actor(WHO).under_key(key), "paid in cash").await
}

/// A delivery that is cancelled under a key, by a request that does not end.
async fn cancelled(database: TestDatabase) -> (Support, ClaimedKey) {
    let support = Support::with_acme(database).await;
    let delivery = support.accept(&event("1")).await;
    let key = take(&support.database.store).await;
    assert_eq!(cancel(&support, delivery, key).await.expect("answered"), Acted::Done);
    (support, key)
}

async fn a_resend_is_not_done_again(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let id = desk.send("a").await;
    let support = desk.program(Role::Support).await;
    let path = format!("/api/v1/deliveries/{id}/resend");
    let ask = |key: &'static str| {
        let post = support.request(Method::POST, &path).header("idempotency-key", key);
        send(post.json(&json!({ "reason": "lost", "again": true })))
    };
    ask("k-1").await.success(201);
    desk.dispatcher.wait_until_concluded().await;
    // As it stands when the process dies between the commit and the answer.
    let unanswered = "UPDATE idempotency_key SET is_done = FALSE, answer = NULL, key_fingerprint = NULL";
    assert_eq!(desk.dispatcher.database.execute(unanswered).await, 1);
    let wait = ask("k-1").await;
    assert_eq!((kind(&wait, 409), wait.header("retry-after")), ("request under way", "1"));
    desk.later();
    let lost = ask("k-1").await;
    assert_eq!((kind(&lost, 409), lost.header("retry-after")), ("outcome unknown", ""));
    let detail = lost.json["detail"].as_str().expect("a detail");
    assert!(detail.contains("was carried out") && detail.contains("timeline"), "{detail}");
    assert_eq!((desk.sink.mails().len(), desk.audited("invoice_resent").await), (2, 1));
    // Whoever has looked, and wants it once more, says so with another key.
    ask("k-2").await.success(201);
    desk.dispatcher.wait_until_concluded().await;
    assert_eq!((desk.sink.mails().len(), desk.audited("invoice_resent").await), (3, 2));
    desk.end().await;
}

async fn whoever_comes_again_learns_that_the_outcome_is_unknown(database: TestDatabase) {
    let (support, _) = cancelled(database).await;
    let (store, clock) = (&support.database.store, &support.database.clock);
    assert_eq!(look(store).await, KeyClaim::UnderWay);
    clock.advance(Duration::from_secs(119));
    assert_eq!(look(store).await, KeyClaim::UnderWay);
    clock.advance(Duration::from_secs(1));
    assert_eq!(look(store).await, KeyClaim::OutcomeUnknown);
    let other = KeyedRequest { payload: Sha256::of(b"other"), ..request() };
    assert_eq!(store.claim_key(&other).await.expect("answered"), KeyClaim::OtherPayload);
    clock.advance(Duration::from_hours(23));
    assert_eq!(store.purge_idempotency_keys(100).await.expect("answered"), 0);
    assert_eq!(look(store).await, KeyClaim::OutcomeUnknown);
    clock.advance(Duration::from_hours(1));
    assert_eq!(store.purge_idempotency_keys(100).await.expect("answered"), 1);
    take(store).await;
}

async fn a_late_answer_is_kept(database: TestDatabase) {
    let (support, key) = cancelled(database).await;
    let store = support.database.store.clone().with_answer_keys(&SecretKeys::parse(&"07".repeat(32)).expect("a key"));
    support.database.clock.advance(Duration::from_mins(3));
    assert_eq!(look(&store).await, KeyClaim::OutcomeUnknown);
    let answer = KeyedAnswer { status: 200, headers: Vec::new(), body: b"{}".to_vec() };
    assert!(store.finish_key(&request(), key.claim, Some(&answer)).await.expect("answered"));
    assert_eq!(look(&store).await, KeyClaim::Done(Some(answer)));
}

async fn what_changed_nothing_is_free_again(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let delivery = support.accept(&event("1")).await;
    store.cancel(delivery, &actor("bob"), "paid in cash").await.expect("answered");
    let key = take(store).await;
    let acted = cancel(&support, delivery, key).await.expect("answered");
    assert!(matches!(acted, Acted::NotPossible(_)), "{acted:?}");
    // The process died.
    assert_eq!(look(store).await, KeyClaim::UnderWay);
    support.database.clock.advance(Duration::from_mins(2));
    let key = take(store).await;
    // Or it gives the key back.
    store.free_key(&request(), key.claim).await.expect("answered");
    take(store).await;
}

async fn whoever_lost_the_key_changes_nothing(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (store, clock) = (&support.database.store, &support.database.clock);
    let delivery = support.accept(&event("1")).await;
    let first = take(store).await;
    clock.advance(Duration::from_mins(2));
    let second = take(store).await;
    let late = cancel(&support, delivery, first).await;
    assert!(matches!(late, Err(StoreError::KeyLost)), "{late:?}");
    assert_eq!(support.states().await, ["due -"]);
    let audited = "SELECT COUNT(*) FROM audit_entry WHERE action = 'delivery_cancelled'";
    assert_eq!(support.database.number(audited).await, 0);
    // Nor under a key that was deleted.
    clock.advance(Duration::from_mins(2));
    assert_eq!(store.purge_idempotency_keys(100).await.expect("answered"), 1);
    let later = cancel(&support, delivery, second).await;
    assert!(matches!(later, Err(StoreError::KeyLost)), "{later:?}");
    assert_eq!(support.states().await, ["due -"]);
    let third = take(store).await;
    assert_eq!(cancel(&support, delivery, third).await.expect("answered"), Acted::Done);
    assert_eq!(support.database.number(audited).await, 1);
}

async fn what_fails_after_its_change_is_not_free(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let api = Api::start(&support.database).await;
    let pause = || {
        let post = api.request(Method::POST, "/api/v1/tenants/acme/pause").header("idempotency-key", "k");
        send(post.json(&json!({ "reason": "wrong amounts" })))
    };
    // The tenant is paused in the first transaction; the next one holds its deliveries, and notes that.
    support.database.execute("ALTER TABLE delivery_note RENAME TO delivery_note_away").await;
    pause().await.refusal(500);
    assert_eq!(kind(&pause().await, 409), "outcome unknown", "nobody works on it any more");
    support.database.execute("ALTER TABLE delivery_note_away RENAME TO delivery_note").await;
    assert_eq!(kind(&pause().await, 409), "outcome unknown");
    let paused = "SELECT COUNT(*) FROM audit_entry WHERE action = 'tenant_paused'";
    assert_eq!(support.database.number(paused).await, 1);
}

async fn of_very_many_links_the_rest_is_revoked_under_the_same_key(database: TestDatabase) {
    const LINKS: i64 = 1_001;
    let support = Support::with_acme(database).await;
    let (store, clock) = (&support.database.store, &support.database.clock);
    let parsed = |id: i64| Parsed::of(Incoming::new(Bytes::from(event(&id.to_string()).to_string()), Via::Http));
    let batch: Vec<Parsed> = (0..LINKS).map(parsed).collect();
    support.intake.take(&batch).await.expect("answered");
    let token =
        if store.is_single_process() { "randomblob(32)" } else { "sha256(convert_to(CAST(id AS TEXT), 'UTF8'))" };
    let links = format!(
        "INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at)
         SELECT id, 0, {token}, 'k1', {} FROM delivery",
        clock.now().plus(Duration::from_hours(24)).0
    );
    support.database.execute(links).await;
    let left = "SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NULL";
    assert_eq!(support.database.number(left).await, LINKS);
    let revoke = async |key: ClaimedKey| {
        let who = actor(WHO).under_key(key);
        store.revoke_links(&LinkSelection::Tenant("acme".into()), &who, "published in a forum").await
    };
    let first = take(store).await;
    clock.advance(Duration::from_mins(2));
    let second = take(store).await;
    // A thousand in the first transaction; the last one finds that the key is another's.
    let lost = revoke(first).await;
    assert!(matches!(lost, Err(StoreError::KeyLost)), "{lost:?}");
    assert_eq!(support.database.number(left).await, 1);
    assert_eq!(revoke(second).await.expect("answered"), 1);
    assert_eq!(support.database.number(left).await, 0);
    clock.advance(Duration::from_mins(2));
    assert_eq!(look(store).await, KeyClaim::OutcomeUnknown);
}

/// Changes over the API, each under a key of its own.
struct Changes {
    api: Api,
    database: TestDatabase,
    routes: BTreeSet<&'static str>,
}

impl Changes {
    /// Makes a change that marks its key; returns what it was answered.
    async fn make(&mut self, route: &'static str, id: &str, body: &Value) -> Value {
        assert!(self.routes.insert(route), "{route} is tried once");
        let address = match route.split_once('{') {
            Some((before, rest)) => format!("{before}{id}{}", rest.split_once('}').expect("its end").1),
            None => route.to_owned(),
        };
        let post = self.api.request(Method::POST, &address).bearer_auth(TOKEN).header("idempotency-key", route);
        let post = post.header("if-match", "*");
        let answer = send(if body.is_null() { post } else { post.json(body) }).await;
        assert!(answer.status.is_success(), "{route}: {answer:?}");
        let marked = "SELECT COUNT(*) FROM idempotency_key WHERE is_done AND answer_awaited_until IS NOT NULL";
        assert_eq!(usize::try_from(self.database.number(marked).await), Ok(self.routes.len()), "{route}");
        answer.json
    }
}

/// A verb that is added later must mark its key, too: the document knows it.
async fn every_change_marks_its_key(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let configure = |config: &mut invoice_dispatcher::config::ConsoleConfig| {
        config.api_token = Some(SecretString::from(TOKEN));
    };
    let api = Api::configured(support.database.store.clone(), configure).await;
    let mut changes = Changes { api, database: support.database.clone(), routes: BTreeSet::new() };
    change_deliveries(&support, &mut changes).await;
    change_tenant(&support, &mut changes).await;
    change_people(&support, &mut changes).await;

    let document: Value = serde_json::from_str(&document_json()).expect("JSON");
    let takes_key = |item: &Value| {
        let parameters = item["post"]["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "Idempotency-Key"))
    };
    let paths = document["paths"].as_object().expect("paths");
    let keyed: BTreeSet<&str> =
        paths.iter().filter(|(_, item)| takes_key(item)).map(|(path, _)| path.as_str()).collect();
    // Events have a key of their own, and a resend needs documents: `a_resend_is_not_done_again` tries it.
    let elsewhere = ["/api/v1/events", "/api/v1/deliveries/{delivery_id}/resend"];
    let tried: BTreeSet<&str> = changes.routes.iter().copied().chain(elsewhere).collect();
    assert_eq!(tried, keyed);
}

async fn change_deliveries(support: &Support, changes: &mut Changes) {
    let why = json!({ "reason": "asked for" });
    let ended = async |id: &str, concluded: Concluded, class: ReasonCode| {
        support.accept(&event(id)).await;
        support.end(concluded, class).await.0
    };
    let first = ended("1", Concluded::Sent, ReasonCode::Accepted).await;
    let second = ended("2", Concluded::Sent, ReasonCode::Accepted).await;
    let uncertain = ended("3", Concluded::Uncertain, ReasonCode::Uncertain).await.to_string();
    let rejected = ended("4", Concluded::Rejected, ReasonCode::Rejected).await.to_string();
    let due = support.accept(&event("5")).await.to_string();
    changes.make("/api/v1/deliveries/{delivery_id}/send-now", &due, &Value::Null).await;
    changes.make("/api/v1/deliveries/{delivery_id}/cancel", &due, &why).await;
    changes.make("/api/v1/deliveries/{delivery_id}/mark-sent", &uncertain, &why).await;
    changes.make("/api/v1/deliveries/{delivery_id}/acknowledge", &rejected, &Value::Null).await;
    changes.make("/api/v1/deliveries/{delivery_id}/revoke-links", &first.to_string(), &why).await;
    changes.make("/api/v1/links/revoke", "", &json!({ "delivery_id": second, "reason": "asked for" })).await;
    let (tenant, customer) = ("acme".into(), "C-1".into());
    let attempt = VerificationAttempt { root: first, tenant: &tenant, customer: &customer, network: None };
    support.database.store.admit_verification(&attempt).await.expect("answered");
    let lift = json!({ "tenant_id": "acme", "customer_id": "C-1", "reason": "they called" });
    changes.make("/api/v1/portal-locks/lift", "", &lift).await;
}

async fn change_tenant(support: &Support, changes: &mut Changes) {
    changes.make("/api/v1/tenants/{tenant_id}/pause", "acme", &json!({ "reason": "wrong amounts" })).await;
    changes.make("/api/v1/tenants/{tenant_id}/resume", "acme", &Value::Null).await;
    let (store, acme) = (&support.database.store, "acme".into());
    let settings = store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known");
    let mut stricter = settings.settings;
    stricter.portal_authentication.level = PortalLevel::Inaccessible;
    store.put_settings(&acme, &stricter, None, None, &actor("bob")).await.expect("answered");
    let restore = json!({ "version": settings.version });
    changes.make("/api/v1/tenants/{tenant_id}/settings/restore", "acme", &restore).await;
}

async fn change_people(support: &Support, changes: &mut Changes) {
    let person = json!({ "address": "support@acme.example", "role": "support" });
    let added = changes.make("/api/v1/operators", "", &person).await;
    let id = added["id"].as_str().expect("an id");
    changes.make("/api/v1/operators/{operator_id}/invite", id, &Value::Null).await;
    let keys = SecretKeys::parse(&"07".repeat(32)).expect("a key").sealing_keys("test");
    let operator = OperatorId(id.parse().expect("an id"));
    let secret = keys.seal(&[7; 20], operator.0.as_bytes());
    support.database.store.begin_totp(operator, &secret).await.expect("answered");
    changes.make("/api/v1/operators/{operator_id}/reset-totp", id, &Value::Null).await;
    changes.make("/api/v1/operators/{operator_id}/disable", id, &Value::Null).await;
    changes.make("/api/v1/operators/{operator_id}/enable", id, &Value::Null).await;
    let made = changes.make("/api/v1/tokens", "", &json!({ "name": "reports", "role": "viewer" })).await;
    let token = made["id"].as_str().expect("an id");
    changes.make("/api/v1/tokens/{token_id}/revoke", token, &Value::Null).await;
}

async fn keys_of_a_lost_answer_survive_the_schema_before(database: TestDatabase) {
    let (support, _) = cancelled(database).await;
    // Another one, which nothing was changed under.
    let other = KeyedRequest { id: Sha256::of(b"other"), ..request() };
    let taken = support.database.store.claim_key(&other).await.expect("answered");
    assert!(matches!(taken, KeyClaim::Mine(_)), "{taken:?}");
    let done = async |way: &str| {
        let done = support.database.number("SELECT COUNT(*) FROM idempotency_key WHERE is_done").await;
        assert_eq!(done, 1, "{way}");
    };
    support.database.migrate_down_and_up("0015_acted_keys", done).await;
    assert_eq!(look(&support.database.store).await, KeyClaim::Done(None));
    assert_eq!(support.database.store.claim_key(&other).await.expect("answered"), KeyClaim::UnderWay);
    // What was done before the schema could say whether it changed anything is not done again.
    let erased = support.database.store.erase_customer(&"acme".into(), &"C-1".into(), &actor(WHO)).await;
    assert!(matches!(erased, Ok(Erased::Done { .. })), "{erased:?}");
    assert_eq!(look(&support.database.store).await, KeyClaim::Done(None));
}
