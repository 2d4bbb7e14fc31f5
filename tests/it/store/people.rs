//! Operators, their invitations and sessions, what limits sign-ins, and tokens.

use std::time::Duration;

use futures_util::future::join_all;
use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::model::access::{InvitationKind, Role, SessionStage, TenantScope};
use invoice_dispatcher::model::ids::{OperatorId, TenantId};
use invoice_dispatcher::secrets::{InvitationToken, PasswordHash, RecoveryCode, SecretKeys, SessionId};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{
    DatabaseDeadlines, Invited, NewApiToken, NewInvitation, NewOperator, NewOperatorSession, OperatorAdded,
    OperatorChange, OperatorSession, PageRequest, RetentionTimes, SignInAdmission, SignInAttempt, Store,
    UnknownSignIns,
};
use serde_json::{Value, json};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    an_address_is_one_operator,
    of_two_administrators_who_disable_each_other_one_stays,
    nobody_takes_the_last_administrators_rights_away,
    an_invitation_works_once,
    a_newer_invitation_takes_the_place_of_an_older_one,
    a_reset_takes_everything_away_at_once,
    a_session_ends_by_itself,
    a_session_has_another_id_after_each_rise,
    sessions_end_with_their_operators_rights,
    a_sign_in_does_not_outlive_the_password_that_it_showed,
    only_so_many_sessions_are_open_at_once,
    who_has_the_password_alone_ends_no_session,
    five_of_two_hundred_guesses_are_admitted,
    an_account_is_slowed_down_but_for_the_networks_of_its_owner,
    a_network_is_limited_over_all_accounts,
    a_sign_in_clears_its_own_failures_alone,
    the_code_of_a_time_step_is_good_once,
    a_recovery_code_is_good_once,
    an_app_is_replaced_when_the_new_one_is_confirmed,
    a_secret_that_others_may_have_seen_is_set_up_no_more,
    tries_of_unknown_accounts_are_numbers,
    a_token_works_until_it_ends_or_is_revoked,
    a_scope_that_cannot_be_read_is_an_error,
    what_was_left_behind_is_forgotten,
);

const MINUTE: Duration = Duration::from_mins(1);

/// No password of anybody: these scenarios compare none.
fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_text(format!("$argon2id$v=19$m=256,t=1,p=1$c29tZXNhbHQ${text}"))
}

fn invitation(store: &Store, token: &InvitationToken, kind: InvitationKind) -> NewInvitation {
    NewInvitation { kind, token: token.sha256(), expires_at: store.now().plus(Duration::from_hours(72)) }
}

async fn add(store: &Store, address: &str, role: Role, scope: &TenantScope) -> OperatorId {
    let new = NewOperator { address, name: address, role, scope };
    match store.add_operator(&new, None, &actor("test")).await.expect("answered") {
        OperatorAdded::Added(id) => id,
        OperatorAdded::Exists(id) => panic!("{id} has the address {address}"),
    }
}

/// Somebody who has chosen a password.
async fn active(store: &Store, address: &str, role: Role) -> OperatorId {
    let id = add(store, address, role, &TenantScope::All).await;
    let token = InvitationToken::random();
    let invited =
        store.invite_operator(id, &invitation(store, &token, InvitationKind::Invitation), &actor("test")).await;
    assert_eq!(invited.expect("answered"), Invited::Done);
    let accepted = store.accept_invitation(token.sha256(), &hash("x"), None, None).await.expect("answered");
    assert_eq!(accepted, Some(id));
    id
}

async fn session(store: &Store, operator: OperatorId, stage: SessionStage) -> SessionId {
    session_from(store, operator, stage, "203.0.113.0/24").await
}

async fn session_from(store: &Store, operator: OperatorId, stage: SessionStage, network: &str) -> SessionId {
    let id = SessionId::random();
    let new =
        NewOperatorSession { id: id.sha256(), operator, stage, network: Some(network), browser: None, password: None };
    assert!(store.begin_operator_session(&new).await.expect("answered"));
    id
}

async fn open(store: &Store, id: &SessionId) -> Option<OperatorSession> {
    store.operator_session(id.sha256()).await.expect("answered")
}

async fn an_address_is_one_operator(database: TestDatabase) {
    let store = &database.store;
    assert!(!store.has_operators().await.expect("answered"));
    let acme = TenantScope::of([TenantId::from("acme")]);
    let id = add(store, "ops@acme.example", Role::Support, &acme).await;
    assert!(store.has_operators().await.expect("answered"));
    let again = NewOperator { address: "ops@acme.example", name: "x", role: Role::Admin, scope: &TenantScope::All };
    assert_eq!(store.add_operator(&again, None, &actor("test")).await.expect("answered"), OperatorAdded::Exists(id));
    add(store, "aps@acme.example", Role::Viewer, &TenantScope::All).await;

    let all = store.operators(None, 10).await.expect("answered");
    let addresses: Vec<&str> = all.iter().map(|operator| operator.address.as_str()).collect();
    assert_eq!(addresses, ["aps@acme.example", "ops@acme.example"]);
    let operator = &all[1];
    assert_eq!((operator.role, &operator.scope), (Role::Support, &acme), "the second one changed nothing");
    assert!(!operator.has_password && !operator.has_totp && operator.invitation.is_none());
    let behind = store.operators(Some("aps@acme.example"), 10).await.expect("answered");
    assert_eq!(behind, all[1..]);
    assert_eq!(store.operator(id).await.expect("answered").as_ref(), Some(operator));
    assert_eq!(store.operator_with_address("ops@acme.example").await.expect("answered"), Some(id));
    assert_eq!(store.operator_with_address("nobody@acme.example").await.expect("answered"), None);
}

async fn of_two_administrators_who_disable_each_other_one_stays(database: TestDatabase) {
    for round in 0..5 {
        let store = &database.store;
        database.execute("UPDATE operator SET role = 'viewer'").await;
        let one = active(store, &format!("one{round}@acme.example"), Role::Admin).await;
        let other = active(store, &format!("other{round}@acme.example"), Role::Admin).await;
        let (of_one, of_other) = (actor("one"), actor("other"));
        let (first, second) =
            tokio::join!(store.disable_operator(one, &of_other), store.disable_operator(other, &of_one));
        let mut answers = [first.expect("answered"), second.expect("answered")];
        answers.sort_by_key(|answer| *answer == OperatorChange::LastAdmin);
        assert_eq!(answers, [OperatorChange::Done, OperatorChange::LastAdmin]);
        let left = "SELECT COUNT(*) FROM operator WHERE role = 'admin' AND disabled_at IS NULL";
        assert_eq!(database.number(left).await, 1);
    }
}

async fn nobody_takes_the_last_administrators_rights_away(database: TestDatabase) {
    let store = &database.store;
    let admin = active(store, "admin@acme.example", Role::Admin).await;
    let acme = TenantScope::of([TenantId::from("acme")]);
    // None of these could take their place: no password, not of all tenants, another role.
    let invited = add(store, "invited@acme.example", Role::Admin, &TenantScope::All).await;
    let scoped = active(store, "scoped@acme.example", Role::Admin).await;
    assert_eq!(
        store.change_operator(scoped, Role::Admin, &acme, &actor("test")).await.expect("answered"),
        OperatorChange::Done
    );
    active(store, "support@acme.example", Role::Support).await;

    assert_eq!(store.disable_operator(admin, &actor("test")).await.expect("answered"), OperatorChange::LastAdmin);
    for (role, scope) in [(Role::Viewer, TenantScope::All), (Role::Admin, acme)] {
        let changed = store.change_operator(admin, role, &scope, &actor("test")).await.expect("answered");
        assert_eq!(changed, OperatorChange::LastAdmin, "{role}");
    }
    assert_eq!(store.disable_operator(invited, &actor("test")).await.expect("answered"), OperatorChange::Done);
    assert_eq!(store.disable_operator(invited, &actor("test")).await.expect("answered"), OperatorChange::Unchanged);
    assert_eq!(store.enable_operator(invited, &actor("test")).await.expect("answered"), OperatorChange::Done);
    let nobody = OperatorId(crate::harness::database::new_id());
    assert_eq!(store.disable_operator(nobody, &actor("test")).await.expect("answered"), OperatorChange::Unknown);

    active(store, "second@acme.example", Role::Admin).await;
    assert_eq!(store.disable_operator(admin, &actor("test")).await.expect("answered"), OperatorChange::Done);
}

async fn an_invitation_works_once(database: TestDatabase) {
    let store = &database.store;
    let id = add(store, "ops@acme.example", Role::Admin, &TenantScope::All).await;
    let token = InvitationToken::random();
    let new = invitation(store, &token, InvitationKind::Invitation);
    assert_eq!(store.invite_operator(id, &new, &actor("test")).await.expect("answered"), Invited::Done);
    let found = store.open_invitation(token.sha256()).await.expect("answered").expect("it works");
    assert_eq!((found.operator, found.address.as_str()), (id, "ops@acme.example"));

    let tries =
        join_all(
            (0..8).map(|n| {
                let (store, token) = (store.clone(), token.sha256());
                async move {
                    store.accept_invitation(token, &hash(&n.to_string()), Some("Ops"), None).await.expect("answered")
                }
            }),
        )
        .await;
    assert_eq!(tries.iter().flatten().count(), 1, "{tries:?}");
    assert!(store.open_invitation(token.sha256()).await.expect("answered").is_none());
    let operator = store.operator(id).await.expect("answered").expect("it is there");
    assert!(operator.has_password);
    assert_eq!(operator.name, "Ops");
    let again = store.invite_operator(id, &invitation(store, &token, InvitationKind::Invitation), &actor("test")).await;
    assert_eq!(again.expect("answered"), Invited::HasPassword);

    // One that has expired, and one of somebody who was disabled meanwhile.
    let late = add(store, "late@acme.example", Role::Viewer, &TenantScope::All).await;
    let token = InvitationToken::random();
    store
        .invite_operator(late, &invitation(store, &token, InvitationKind::Invitation), &actor("test"))
        .await
        .expect("answered");
    database.clock.advance(Duration::from_hours(72));
    assert!(store.open_invitation(token.sha256()).await.expect("answered").is_none());
    assert_eq!(store.accept_invitation(token.sha256(), &hash("x"), None, None).await.expect("answered"), None);
    let new = invitation(store, &token, InvitationKind::Invitation);
    store.invite_operator(late, &new, &actor("test")).await.expect("answered");
    store.disable_operator(late, &actor("test")).await.expect("answered");
    assert_eq!(store.accept_invitation(token.sha256(), &hash("x"), None, None).await.expect("answered"), None);
    assert_eq!(store.invite_operator(late, &new, &actor("test")).await.expect("answered"), Invited::Disabled);
}

async fn a_newer_invitation_takes_the_place_of_an_older_one(database: TestDatabase) {
    let store = &database.store;
    let id = add(store, "ops@acme.example", Role::Admin, &TenantScope::All).await;
    let (older, newer) = (InvitationToken::random(), InvitationToken::random());
    for token in [&older, &newer] {
        let new = invitation(store, token, InvitationKind::Invitation);
        assert_eq!(store.invite_operator(id, &new, &actor("test")).await.expect("answered"), Invited::Done);
    }
    assert_eq!(store.accept_invitation(older.sha256(), &hash("x"), None, None).await.expect("answered"), None);
    assert_eq!(store.accept_invitation(newer.sha256(), &hash("x"), None, None).await.expect("answered"), Some(id));
}

async fn a_reset_takes_everything_away_at_once(database: TestDatabase) {
    let store = &database.store;
    let id = active(store, "ops@acme.example", Role::Admin).await;
    let open_session = session(store, id, SessionStage::Open).await;
    set_up_app(store, id).await;
    let token = InvitationToken::random();
    let reset = invitation(store, &token, InvitationKind::Reset);
    assert_eq!(store.invite_operator(id, &reset, &actor("test")).await.expect("answered"), Invited::Done);
    let operator = store.operator(id).await.expect("answered").expect("it is there");
    assert!(!operator.has_password && !operator.has_totp && operator.recovery_codes_left == 0, "{operator:?}");
    assert!(open(store, &open_session).await.is_none());
    let account = store.sign_in_account("ops@acme.example").await.expect("answered").expect("it is there");
    assert!(account.password.is_none());
    assert_eq!(store.accept_invitation(token.sha256(), &hash("x"), None, None).await.expect("answered"), Some(id));
}

async fn a_session_ends_by_itself(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Support).await;
    let idle = session(store, operator, SessionStage::Open).await;
    let busy = session(store, operator, SessionStage::Open).await;
    let half = session(store, operator, SessionStage::Code).await;
    assert_eq!(open(store, &half).await.expect("it is open").stage, SessionStage::Code);
    database.clock.advance(15 * MINUTE);
    assert!(open(store, &half).await.is_none(), "a sign-in that is not finished");
    for _ in 0..23 {
        assert!(open(store, &busy).await.is_some());
        database.clock.advance(30 * MINUTE);
    }
    assert!(open(store, &idle).await.is_none(), "nothing was asked for an hour");
    assert!(open(store, &busy).await.is_some());
    database.clock.advance(15 * MINUTE);
    assert!(open(store, &busy).await.is_none(), "twelve hours");
}

async fn a_session_has_another_id_after_each_rise(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Support).await;
    let before = session(store, operator, SessionStage::Code).await;
    let found = open(store, &before).await.expect("it is open");
    let (after, other) = (SessionId::random(), SessionId::random());
    let who = found.actor(Some("203.0.113.0/24"));
    let raise = async |id: &SessionId| {
        store.raise_operator_session(&found, id.sha256(), SessionStage::Open, &who).await.expect("answered")
    };
    assert!(raise(&after).await);
    assert!(open(store, &before).await.is_none(), "the id that was known before is worth nothing");
    let risen = open(store, &after).await.expect("it is open");
    assert_eq!((risen.session, risen.stage), (found.session, SessionStage::Open));
    assert_eq!(risen.proven_at, store.now());
    assert!(!raise(&other).await, "nobody raises it a second time");
    assert_eq!(
        store.operator(operator).await.expect("answered").expect("it is there").last_sign_in_at,
        Some(store.now())
    );
}

async fn sessions_end_with_their_operators_rights(database: TestDatabase) {
    let store = &database.store;
    let (one, other) = (
        active(store, "one@acme.example", Role::Support).await,
        active(store, "other@acme.example", Role::Support).await,
    );
    let (mine, theirs) =
        (session(store, one, SessionStage::Open).await, session(store, other, SessionStage::Open).await);
    let (first, second) = (open(store, &mine).await.expect("open"), open(store, &theirs).await.expect("open"));
    let end = async |own: &OperatorSession| {
        store.end_operator_session(own, second.session, &own.actor(None)).await.expect("answered")
    };
    assert!(!end(&first).await, "it is another's");
    assert!(end(&second).await);
    assert!(open(store, &theirs).await.is_none());

    let acme = TenantScope::of([TenantId::from("acme")]);
    store.change_operator(one, Role::TenantAdmin, &acme, &actor("test")).await.expect("answered");
    let changed = open(store, &mine).await.expect("it is open");
    assert_eq!((changed.role, changed.scope), (Role::TenantAdmin, acme), "the next request has the new rights");

    let second_browser = session(store, one, SessionStage::Open).await;
    assert_eq!(store.operator_sessions(one).await.expect("answered").len(), 2);
    assert_eq!(store.end_other_operator_sessions(&first, &first.actor(None)).await.expect("answered"), 1);
    assert!(open(store, &second_browser).await.is_none());

    store.disable_operator(one, &actor("test")).await.expect("answered");
    assert!(open(store, &mine).await.is_none());
    let late = NewOperatorSession {
        id: SessionId::random().sha256(),
        operator: one,
        stage: SessionStage::Open,
        network: None,
        browser: None,
        password: None,
    };
    assert!(!store.begin_operator_session(&late).await.expect("answered"));
}

async fn only_so_many_sessions_are_open_at_once(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Support).await;
    let (mut ids, mut sessions) = (Vec::new(), Vec::new());
    for _ in 0..22 {
        let id = session(store, operator, SessionStage::Open).await;
        sessions.push(open(store, &id).await.expect("it is open").session.to_string());
        ids.push(id);
        database.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(store.operator_sessions(operator).await.expect("answered").len(), 20);
    assert!(open(store, &ids[1]).await.is_none(), "the oldest end");
    assert!(open(store, &ids[2]).await.is_some());
    assert_eq!(ended(&database).await, &sessions[..2], "and each is an entry");
    let told = "SELECT name || ' ' || change FROM audit_detail
                    JOIN audit_entry ON audit_entry.sequence = audit_detail.sequence
                WHERE action = 'session_ended' ORDER BY audit_entry.sequence";
    let told = database.texts(told).await;
    for (told, (old, new)) in told.iter().zip(sessions.iter().zip(&sessions[20..])) {
        let change = told.strip_prefix("ops@acme.example ").expect("its owner has signed in once more");
        let change: Value = serde_json::from_str(change).expect("JSON");
        assert_eq!(change, json!({ "session": { "old": old, "new": new }, "sessions_max": 20 }));
    }
    assert!(store.prove_audit(&[]).await.expect("answered").is_ok());

    // What had ended by itself makes room without one.
    database.clock.advance(Duration::from_hours(2));
    session(store, operator, SessionStage::Open).await;
    assert_eq!(ended(&database).await.len(), 2);
}

/// The sessions of which the audit log says that they ended, in order.
async fn ended(database: &TestDatabase) -> Vec<String> {
    database.texts("SELECT subject FROM audit_entry WHERE action = 'session_ended' ORDER BY sequence").await
}

/// The password was compared, and then another one was chosen, before the session began.
async fn a_sign_in_does_not_outlive_the_password_that_it_showed(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Support).await;
    let own = open(store, &session(store, operator, SessionStage::Open).await).await.expect("it is open");
    let begins = async |password: &PasswordHash| {
        let id = SessionId::random().sha256();
        let (stage, password) = (SessionStage::Open, Some(password));
        let new = NewOperatorSession { id, operator, stage, network: None, browser: None, password };
        store.begin_operator_session(&new).await.expect("answered")
    };
    let (old, new) = (hash("x"), hash("y"));
    assert!(begins(&old).await);
    assert!(store.change_password(&own, &old, &new, &own.actor(None)).await.expect("answered"));
    assert!(!begins(&old).await, "the sessions that it would be one of have been ended");
    assert!(begins(&new).await);
    let reset = invitation(store, &InvitationToken::random(), InvitationKind::Reset);
    store.invite_operator(operator, &reset, &actor("test")).await.expect("answered");
    assert!(!begins(&new).await, "a reset takes it away");
    assert!(store.operator_sessions(operator).await.expect("answered").is_empty());
}

async fn who_has_the_password_alone_ends_no_session(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Support).await;
    let at_work = session(store, operator, SessionStage::Open).await;
    for _ in 0..25 {
        database.clock.advance(Duration::from_secs(1));
        session(store, operator, SessionStage::Code).await;
    }
    assert!(open(store, &at_work).await.is_some(), "none of these has shown a code");
    let going_on = "SELECT COUNT(*) FROM operator_session WHERE ends_at > started_at + 60000";
    assert_eq!(database.number(going_on).await, 20, "and they are no more than there may be");
    assert_eq!(ended(&database).await, [""; 0], "a sign-in that is not finished is none");
}

fn attempt<'a>(account: &str, operator: Option<OperatorId>, network: Option<&'a str>) -> SignInAttempt<'a> {
    SignInAttempt { account: Sha256::of(account.as_bytes()).0, operator, network }
}

async fn admitted(store: &Store, attempt: &SignInAttempt<'_>) -> bool {
    matches!(store.admit_sign_in(attempt).await.expect("answered"), SignInAdmission::Admitted(_))
}

async fn five_of_two_hundred_guesses_are_admitted(database: TestDatabase) {
    // However long the last of them waits for a connection.
    let deadlines = DatabaseDeadlines { acquire: Duration::from_mins(1), ..DatabaseDeadlines::default() };
    let patient = Store::open_impatient(&database.url, deadlines, database.clock.clone()).await;
    let patient = patient.expect("the database opens");
    for known in [true, false] {
        let account = format!("account-{known}");
        let network = format!("203.0.{}.0/24", u8::from(known));
        let operator = if known { Some(active(&database.store, "ops@acme.example", Role::Admin).await) } else { None };
        let tries = join_all((0..200).map(|_| {
            let (store, attempt) = (patient.clone(), attempt(&account, operator, Some(&network)));
            async move { admitted(&store, &attempt).await }
        }))
        .await;
        assert_eq!(tries.iter().filter(|admitted| **admitted).count(), 5, "known: {known}");
    }
    let wait = database.store.admit_sign_in(&attempt("account-true", None, Some("203.0.1.0/24"))).await;
    let until = database.store.now().plus(15 * MINUTE);
    assert_eq!(wait.expect("answered"), SignInAdmission::Wait { until });
    database.clock.advance(15 * MINUTE);
    assert!(admitted(&database.store, &attempt("account-true", None, Some("203.0.1.0/24"))).await);
}

async fn an_account_is_slowed_down_but_for_the_networks_of_its_owner(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Admin).await;
    session_from(store, operator, SessionStage::Open, "198.51.100.0/24").await;
    // One that never got further than the password makes no network known.
    session_from(store, operator, SessionStage::Code, "198.51.101.0/24").await;
    for n in 0..20 {
        let network = format!("203.0.{n}.0/24");
        assert!(admitted(store, &attempt("ops", Some(operator), Some(&network))).await, "{n}");
    }
    for stranger in ["203.0.113.0/24", "198.51.101.0/24"] {
        assert!(!admitted(store, &attempt("ops", Some(operator), Some(stranger))).await, "{stranger}");
    }
    assert!(
        admitted(store, &attempt("ops", Some(operator), Some("198.51.100.0/24"))).await,
        "its owner has been there"
    );
    database.clock.advance(MINUTE);
    let tries = join_all((30..50).map(|n| {
        let (store, network) = (store.clone(), format!("203.0.{n}.0/24"));
        async move { admitted(&store, &attempt("ops", Some(operator), Some(&network))).await }
    }))
    .await;
    assert_eq!(tries.iter().filter(|admitted| **admitted).count(), 1, "one try a minute, from wherever");
    database.clock.advance(61 * MINUTE);
    assert!(admitted(store, &attempt("ops", Some(operator), Some("203.0.113.0/24"))).await);
}

async fn a_network_is_limited_over_all_accounts(database: TestDatabase) {
    let store = &database.store;
    let tries = join_all((0..80).map(|n| {
        let store = store.clone();
        async move { admitted(&store, &attempt(&format!("account-{n}"), None, Some("203.0.113.0/24"))).await }
    }))
    .await;
    assert_eq!(tries.iter().filter(|admitted| **admitted).count(), 50);
    assert!(admitted(store, &attempt("account-0", None, Some("203.0.114.0/24"))).await, "another network");
}

async fn a_sign_in_clears_its_own_failures_alone(database: TestDatabase) {
    let store = &database.store;
    let (here, elsewhere) =
        (attempt("ops", None, Some("203.0.113.0/24")), attempt("ops", None, Some("203.0.114.0/24")));
    for _ in 0..4 {
        assert!(admitted(store, &here).await && admitted(store, &elsewhere).await);
    }
    let SignInAdmission::Admitted(id) = store.admit_sign_in(&here).await.expect("answered") else {
        panic!("the fifth is admitted")
    };
    store.take_back_sign_in(id).await.expect("answered");
    let SignInAdmission::Admitted(id) = store.admit_sign_in(&here).await.expect("answered") else {
        panic!("it was no failure")
    };
    store.sign_in_succeeded(id, &here).await.expect("answered");
    assert_eq!(database.number("SELECT COUNT(*) FROM sign_in_failure").await, 4, "those from elsewhere");
}

/// An app whose last step is 100, and its recovery codes.
async fn set_up_app(store: &Store, operator: OperatorId) -> Vec<RecoveryCode> {
    let keys = SecretKeys::parse(&"0b".repeat(32)).expect("a key").sealing_keys("test");
    let sealed = keys.seal(b"12345678901234567890", operator.0.as_bytes());
    let pending = store.begin_totp(operator, &sealed).await.expect("answered");
    let codes: Vec<RecoveryCode> = (0..10).map(|_| RecoveryCode::random()).collect();
    assert!(store.confirm_totp(&pending, 100, &codes, &actor("test")).await.expect("answered"));
    codes
}

async fn the_code_of_a_time_step_is_good_once(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Admin).await;
    set_up_app(store, operator).await;
    let totp = store.operator_totp(operator, true).await.expect("answered").expect("it is set up");
    assert!(!store.use_totp_step(&totp, 100).await.expect("answered"), "the one that confirmed it");
    let uses = join_all((0..10).map(|_| {
        let (store, totp) = (store.clone(), totp.clone());
        async move { store.use_totp_step(&totp, 101).await.expect("answered") }
    }))
    .await;
    assert_eq!(uses.iter().filter(|used| **used).count(), 1);
    assert!(store.use_totp_step(&totp, 103).await.expect("answered"));
    assert!(!store.use_totp_step(&totp, 102).await.expect("answered"), "earlier than the last one");
}

async fn a_recovery_code_is_good_once(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Admin).await;
    let other = active(store, "other@acme.example", Role::Admin).await;
    let codes = set_up_app(store, operator).await;
    assert!(
        !store.use_recovery_code(other, codes[0].sha256(), &actor("test")).await.expect("answered"),
        "it is another's"
    );
    let uses = join_all((0..10).map(|_| {
        let (store, code) = (store.clone(), codes[0].sha256());
        async move { store.use_recovery_code(operator, code, &actor("test")).await.expect("answered") }
    }))
    .await;
    assert_eq!(uses.iter().filter(|used| **used).count(), 1);
    assert_eq!(store.operator(operator).await.expect("answered").expect("it is there").recovery_codes_left, 9);
    let renewed = [RecoveryCode::random()];
    store.renew_recovery_codes(operator, &renewed, &actor("test")).await.expect("answered");
    assert!(
        !store.use_recovery_code(operator, codes[1].sha256(), &actor("test")).await.expect("answered"),
        "the old ones are gone"
    );
    assert!(store.use_recovery_code(operator, renewed[0].sha256(), &actor("test")).await.expect("answered"));
}

/// Whoever knew the password has looked at the secret, in a session that is ended now.
async fn a_secret_that_others_may_have_seen_is_set_up_no_more(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Support).await;
    let keys = SecretKeys::parse(&"0c".repeat(32)).expect("a key").sealing_keys("test");
    let begun = async |secret: &[u8; 20]| {
        let sealed = keys.seal(secret, operator.0.as_bytes());
        let begun = store.begin_totp(operator, &sealed).await.expect("answered");
        assert_eq!(store.operator_totp(operator, false).await.expect("answered").as_ref(), Some(&begun));
        (begun.secret == sealed, begun)
    };
    let (is_new, seen) = begun(b"abcdefghijklmnopqrst").await;
    assert!(is_new);
    let own = open(store, &session(store, operator, SessionStage::Open).await).await.expect("it is open");
    assert!(store.change_password(&own, &hash("x"), &hash("y"), &own.actor(None)).await.expect("answered"));
    assert!(begun(b"another secret of 20").await.0, "after another password");
    assert!(!store.confirm_totp(&seen, 5, &[RecoveryCode::random()], &actor("test")).await.expect("answered"));
    database.clock.advance(14 * MINUTE);
    assert!(!begun(b"one that is too soon").await.0, "it is shown again while somebody scans it");
    database.clock.advance(MINUTE);
    assert!(begun(b"a third one, 20 long").await.0, "and no longer");
}

async fn an_app_is_replaced_when_the_new_one_is_confirmed(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Admin).await;
    set_up_app(store, operator).await;
    let before = store.operator_totp(operator, true).await.expect("answered").expect("it is set up");
    let keys = SecretKeys::parse(&"0c".repeat(32)).expect("a key").sealing_keys("test");
    let seal = |secret: &[u8]| keys.seal(secret, operator.0.as_bytes());
    let pending = store.begin_totp(operator, &seal(b"abcdefghijklmnopqrst")).await.expect("answered");
    let again = store.begin_totp(operator, &seal(b"another secret of 20")).await.expect("answered");
    assert_eq!(pending, again, "the one that was begun goes on");
    assert_eq!(store.operator_totp(operator, true).await.expect("answered").as_ref(), Some(&before), "still in use");
    let other = invoice_dispatcher::store::StoredTotp { secret: seal(b"something else of 20"), ..pending.clone() };
    assert!(!store.confirm_totp(&other, 5, &[RecoveryCode::random()], &actor("test")).await.expect("answered"));
    assert!(store.confirm_totp(&pending, 5, &[RecoveryCode::random()], &actor("test")).await.expect("answered"));
    let now = store.operator_totp(operator, true).await.expect("answered").expect("it is set up");
    assert_eq!((now.secret, now.last_step), (pending.secret, 5));
    assert!(store.operator_totp(operator, false).await.expect("answered").is_none());

    let uses = store.keys_in_use().await.expect("answered");
    assert_eq!(uses[keys.newest_fingerprint()].apps, 1, "{uses:?}");
    assert_eq!(store.reset_totp(operator, &actor("test")).await.expect("answered"), OperatorChange::Done);
    assert_eq!(store.reset_totp(operator, &actor("test")).await.expect("answered"), OperatorChange::Unchanged);
}

async fn tries_of_unknown_accounts_are_numbers(database: TestDatabase) {
    let store = &database.store;
    let hour = UnknownSignIns::hour_of(store.now());
    let count = |network: Option<&str>, hour: Timestamp, failed: u64, refused: u64| UnknownSignIns {
        hour,
        network: network.map(str::to_owned),
        failed,
        refused,
    };
    let (many, few) = (Some("203.0.113.0/24"), Some("198.51.100.0/24"));
    store.count_unknown_sign_ins(&[]).await.expect("answered");
    store.count_unknown_sign_ins(&[count(few, hour, 1, 0), count(many, hour, 5, 0)]).await.expect("answered");
    store.count_unknown_sign_ins(&[count(many, hour, 0, 195), count(None, hour, 2, 0)]).await.expect("answered");
    let next = hour.plus(Duration::from_hours(1));
    store.count_unknown_sign_ins(&[count(many, next, 1, 1)]).await.expect("answered");
    let counted = async |since: Timestamp, limit: u32| store.unknown_sign_ins(since, limit).await.expect("answered");
    let expected = [count(many, next, 6, 196), count(None, hour, 2, 0), count(few, hour, 1, 0)];
    assert_eq!(counted(hour, 10).await, expected);
    assert_eq!(counted(hour, 1).await, expected[..1]);
    assert_eq!(counted(next, 10).await, [count(many, next, 1, 1)]);
}

async fn a_token_works_until_it_ends_or_is_revoked(database: TestDatabase) {
    let store = &database.store;
    let acme = TenantScope::of([TenantId::from("acme")]);
    let owner = active(store, "admin@acme.example", Role::Admin).await;
    let secret = Sha256::of(b"token");
    let new = NewApiToken {
        token: secret,
        prefix: "idt_AAAA",
        name: "billing",
        role: Role::Billing,
        scope: &acme,
        owner: Some(owner),
        expires_at: store.now().plus(Duration::from_hours(24)),
    };
    let id = store.add_token(&new, &actor("admin@acme.example")).await.expect("answered").expect("the name is free");
    let same_name = NewApiToken { token: Sha256::of(b"other"), ..new };
    assert_eq!(store.add_token(&same_name, &actor("test")).await.expect("answered"), None);
    assert_eq!(store.token_named("billing").await.expect("answered"), Some(id));

    let live = store.live_token(secret).await.expect("answered").expect("it works");
    assert_eq!((live.id, live.role, &live.scope), (id, Role::Billing, &acme));
    assert!(
        live.owner
            .expect("somebody answers for it")
            .may(invoice_dispatcher::policy::permission::Permission::ManageTokens)
    );
    assert!(store.live_token(Sha256::of(b"tokem")).await.expect("answered").is_none());

    let used = store.now();
    database.clock.advance(Duration::from_secs(59));
    store.live_token(secret).await.expect("answered");
    assert_eq!(
        store.token(id).await.expect("answered").expect("it is there").last_used_at,
        Some(used),
        "once a minute"
    );
    database.clock.advance(Duration::from_secs(1));
    store.live_token(secret).await.expect("answered");
    let listed = store.tokens(PageRequest { limit: 10, after: None }).await.expect("answered").items;
    assert_eq!(listed[0].last_used_at, Some(store.now()));

    database.clock.advance(Duration::from_hours(24));
    assert!(store.live_token(secret).await.expect("answered").is_none(), "its time is over");
    assert!(store.revoke_token(id, &actor("test")).await.expect("answered"));
    assert!(!store.revoke_token(id, &actor("test")).await.expect("answered"));
    let later = NewApiToken { expires_at: store.now().plus(Duration::from_hours(24)), ..same_name };
    let second = store.add_token(&later, &actor("test")).await.expect("answered").expect("the name is free again");
    assert!(store.live_token(later.token).await.expect("answered").is_some());
    assert!(store.revoke_token(second, &actor("test")).await.expect("answered"));
    assert!(store.live_token(later.token).await.expect("answered").is_none());
    let first = store.tokens(PageRequest { limit: 1, after: None }).await.expect("answered");
    let rest = store.tokens(PageRequest { limit: 1, after: first.next }).await.expect("answered");
    assert_eq!((first.items[0].id, rest.items[0].id, rest.next), (second, id, None));
}

async fn a_scope_that_cannot_be_read_is_an_error(database: TestDatabase) {
    let store = &database.store;
    let id = add(store, "ops@acme.example", Role::Support, &TenantScope::of([TenantId::from("acme")])).await;
    assert!(database.try_execute("UPDATE operator SET scope = ''").await.is_err());
    assert!(database.try_execute("UPDATE operator SET scope = NULL").await.is_err());
    database.execute("UPDATE operator SET scope = '[x]'").await;
    assert!(store.operator(id).await.is_err(), "never every tenant");
    database.execute("UPDATE operator SET scope = '[]'").await;
    let nobody = store.operator(id).await.expect("answered").expect("it is there").scope;
    assert!(!nobody.allows(&TenantId::from("acme")));
}

async fn what_was_left_behind_is_forgotten(database: TestDatabase) {
    let store = &database.store;
    let operator = active(store, "ops@acme.example", Role::Admin).await;
    let late = add(store, "late@acme.example", Role::Viewer, &TenantScope::All).await;
    let token = InvitationToken::random();
    store
        .invite_operator(late, &invitation(store, &token, InvitationKind::Invitation), &actor("test"))
        .await
        .expect("answered");
    session(store, operator, SessionStage::Open).await;
    let keys = SecretKeys::parse(&"0b".repeat(32)).expect("a key").sealing_keys("test");
    store.begin_totp(operator, &keys.seal(b"12345678901234567890", operator.0.as_bytes())).await.expect("answered");
    assert!(admitted(store, &attempt("ops", Some(operator), Some("203.0.113.0/24"))).await);
    let hour = UnknownSignIns::hour_of(store.now());
    let unknown = UnknownSignIns { hour, network: Some("203.0.113.0/24".to_owned()), failed: 1, refused: 0 };
    store.count_unknown_sign_ins(&[unknown]).await.expect("answered");
    let counts = async || {
        let mut counts = Vec::new();
        for table in ["operator_session", "sign_in_failure", "operator_invitation", "operator_totp", "sign_in_count"] {
            counts.push(database.number(format!("SELECT COUNT(*) FROM {table}")).await);
        }
        counts
    };
    let forget = async || store.forget(&RetentionTimes::default(), 100).await.expect("answered");
    forget().await;
    assert_eq!(counts().await, [1, 1, 1, 1, 1]);
    let moments: [(u64, [i64; 5]); 3] = [(25, [1, 1, 1, 0, 1]), (49, [1, 0, 1, 0, 1]), (7 * 24 + 13, [0, 0, 0, 0, 0])];
    let start: Timestamp = store.now();
    for (hours, expected) in moments {
        database.clock.advance(start.plus(Duration::from_hours(hours)).since(store.now()));
        forget().await;
        assert_eq!(counts().await, expected, "after {hours} hours");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM operator").await, 2, "nobody is forgotten");
}
