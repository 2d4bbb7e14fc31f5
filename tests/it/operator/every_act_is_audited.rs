//! Whatever people change leaves one entry in the audit log, in the transaction of the change, and marks the idempotency
//! key that it is done under; what changes nothing leaves none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::intake::RedrivesLetters as _;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::actor::{Actor, NamedAct};
use invoice_dispatcher::model::audit::AuditAction;
use invoice_dispatcher::model::claimed_key::ClaimedKey;
use invoice_dispatcher::model::ids::{CustomerId, DeadLetterId, DeliveryId, TenantId};
use invoice_dispatcher::model::logo::Logo;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::settings::PortalLevel;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::model::tenant::Tenant;
use invoice_dispatcher::operator::resend::ResendRequest;
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{KeyClaim, KeyedRequest, LinkSelection, VerificationAttempt};
use serde_json::{Value, json};
use strum::VariantArray as _;

use super::samples::{Support, asked, customer, event, tenant};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::portal::pages_load_what_they_name::LOGO;
use crate::store::sender_hold::hold;

on_both_databases!(
    every_act_leaves_one_entry,
    what_changes_nothing_leaves_none,
    a_failed_change_leaves_none,
    a_bulk_act_is_one_entry,
    what_is_moved_in_the_broker_is_nobody_s_act,
);

/// Where an act is tested.
enum Tested {
    Here,
    /// In the scenario of whoever offers it.
    Elsewhere,
}

/// Does what the action is, so that it changes something; as `who`.
#[expect(clippy::too_many_lines, reason = "an arm for each action")]
async fn act(support: &Support, action: AuditAction, who: &Actor) -> Tested {
    let store = &support.database.store;
    let (acme, first): (TenantId, CustomerId) = ("acme".into(), "C-1".into());
    match action {
        AuditAction::InvoiceResent => {
            fresh(support).await;
            support.end(Concluded::Sent, ReasonCode::Accepted).await;
            let request = ResendRequest { who, ..asked(&acme, "R-1") };
            support.resend.resend(&request).await.expect("it is sent again");
        }
        AuditAction::DeliveryCancelled => {
            let delivery = fresh(support).await;
            store.cancel(delivery, who, "paid in cash").await.expect("answered");
        }
        AuditAction::DeliverySentNow => {
            let delivery = fresh(support).await;
            store.send_now(delivery, who).await.expect("answered");
        }
        AuditAction::DeliveryMarkedSent => {
            fresh(support).await;
            let (delivery, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
            store.mark_sent(delivery, who, "in the relay's log").await.expect("answered");
        }
        AuditAction::DeliveriesHeld => {
            fresh(support).await;
            store.hold(store.now(), None, who).await.expect("answered");
        }
        AuditAction::DeliveriesReleased => {
            fresh(support).await;
            store.hold(store.now(), None, &actor("bob")).await.expect("answered");
            store.let_go(None, who).await.expect("answered");
        }
        AuditAction::DeadLettersRedriven => {
            fresh(support).await;
            let (_, letter) = support.die(ReasonCode::Refused).await;
            support.redrive.letter(letter, who).await.expect("it goes back");
        }
        AuditAction::DeadLettersDiscarded => {
            fresh(support).await;
            let (_, letter) = support.die(ReasonCode::Refused).await;
            store.discard_dead_letters(&[letter], who, "not wanted").await.expect("answered");
        }
        AuditAction::DeadLettersRestored => {
            fresh(support).await;
            let (_, letter) = support.die(ReasonCode::Refused).await;
            store.discard_dead_letters(&[letter], &actor("bob"), "not wanted").await.expect("answered");
            store.restore_dead_letters(&[letter], who, false).await.expect("answered");
        }
        AuditAction::RelayPaused => store.pause_relay(&"default".into(), true, who).await.expect("answered"),
        AuditAction::RelayResumed => store.pause_relay(&"default".into(), false, who).await.expect("answered"),
        AuditAction::SenderReleased => {
            let hold = hold(&support.database);
            store.hold_sender(&hold, &[], None).await.expect("answered");
            assert!(store.release_sender(&hold.relay, &hold.sender, who).await.expect("answered"));
        }
        AuditAction::LinksRevoked => {
            fresh(support).await;
            let (delivery, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
            let revoked = store.revoke_links(&LinkSelection::Delivery(delivery), who, "pasted in a forum").await;
            assert_eq!(revoked.expect("answered"), 1);
        }
        AuditAction::PortalLocksLifted => {
            let root = fresh(support).await;
            let attempt = VerificationAttempt { root, tenant: &acme, customer: &first, network: None };
            store.admit_verification(&attempt).await.expect("answered");
            assert!(store.lift_portal_locks(&acme, &first, who, "they called").await.expect("answered"));
        }
        AuditAction::SettingsChanged => {
            let mut settings =
                store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known").settings;
            settings.portal_authentication.level = PortalLevel::Inaccessible;
            store.put_settings(&acme, &settings, None, None, who).await.expect("answered");
        }
        AuditAction::TenantsWritten => {
            let mut changed: Tenant = tenant("acme");
            "ACME SE".clone_into(&mut changed.profile.name);
            store.upsert_tenant(&changed, who).await.expect("answered");
        }
        AuditAction::LogoWritten => {
            let logo = logo();
            store.save_logo(&acme, &logo, who).await.expect("answered");
        }
        AuditAction::LogoRemoved => {
            let logo = logo();
            store.save_logo(&acme, &logo, &actor("bob")).await.expect("answered");
            assert!(store.delete_logo(&acme, who).await.expect("answered"));
        }
        AuditAction::CustomersWritten => {
            store.upsert_customer(&customer("C-2"), who).await.expect("answered");
        }
        AuditAction::CustomerErased => {
            store.erase_customer(&acme, &first, who).await.expect("answered");
        }
        AuditAction::CatalogueImported => {
            let change = Some(json!({ "file": "customers.ndjson" }));
            let import = who.in_act(NamedAct { action, subject: "catalogue", change });
            store.upsert_tenants(&[tenant("beta"), tenant("gamma")], &import).await.expect("answered");
            store.upsert_customers(&[customer("C-2"), customer("C-3")], &import).await.expect("answered");
        }
        // Looks, what the pages of people do, and acts that scenarios of their own try.
        AuditAction::InvoiceViewed
        | AuditAction::CustomerViewed
        | AuditAction::MessageViewed
        | AuditAction::EventViewed
        | AuditAction::ListViewed
        | AuditAction::ListExported
        | AuditAction::AuditViewed
        | AuditAction::AuditExported
        | AuditAction::EventsPublished
        | AuditAction::TestSent
        | AuditAction::SignedIn
        | AuditAction::SignedOut
        | AuditAction::SignInFailed
        | AuditAction::SignInRefused
        | AuditAction::SessionEnded
        | AuditAction::PasswordChanged
        | AuditAction::SecondFactorAdded
        | AuditAction::SecondFactorRemoved
        | AuditAction::RecoveryCodesMade
        | AuditAction::RecoveryCodeUsed
        | AuditAction::OperatorAdded
        | AuditAction::OperatorInvited
        | AuditAction::InvitationAccepted
        | AuditAction::OperatorChanged
        | AuditAction::OperatorReset
        | AuditAction::OperatorDisabled
        | AuditAction::OperatorEnabled
        | AuditAction::TokenMade
        | AuditAction::TokenRevoked
        | AuditAction::WorkAcknowledged
        | AuditAction::TenantPaused
        | AuditAction::TenantResumed => return Tested::Elsewhere,
    }
    Tested::Here
}

fn logo() -> Logo {
    Logo::read(STANDARD.decode(LOGO).expect("base64").into()).expect("an image")
}

/// Nothing else is due, and `R-1` is.
async fn fresh(support: &Support) -> DeliveryId {
    support.accept(&event("1")).await
}

/// An idempotency key that a request has taken.
async fn key(support: &Support) -> ClaimedKey {
    let request = KeyedRequest { id: Sha256::of(b"key"), payload: Sha256::of(b"payload") };
    match support.database.store.claim_key(&request).await.expect("answered") {
        KeyClaim::Mine(claim) => ClaimedKey { id: request.id, claim },
        other => panic!("the key is not free: {other:?}"),
    }
}

const BY_ADA: &str = "SELECT action FROM audit_entry JOIN audit_detail ON audit_detail.sequence = audit_entry.sequence
    WHERE name = 'ada' ORDER BY audit_entry.sequence";

async fn prove(support: &Support) {
    let proof = support.database.store.prove_audit(&[]).await.expect("answered");
    assert!(proof.is_ok(), "{proof:?}");
}

async fn every_act_leaves_one_entry(first: TestDatabase) {
    let is_sqlite = first.store.is_single_process();
    drop(first);
    let ada = actor("ada").because("asked for").from_network("198.51.100.0/24");
    let mut here = 0;
    for action in AuditAction::VARIANTS {
        let database = if is_sqlite { TestDatabase::sqlite().await } else { TestDatabase::postgres().await };
        let support = Support::with_acme(database).await;
        let ada = ada.clone().under_key(key(&support).await);
        let entries = match act(&support, *action, &ada).await {
            Tested::Here => vec![action.into_str()],
            Tested::Elsewhere => continue,
        };
        here += 1;
        assert_eq!(support.database.texts(BY_ADA).await, entries);
        let network =
            "SELECT network FROM audit_network JOIN audit_entry ON audit_entry.sequence = audit_network.sequence";
        assert_eq!(support.database.texts(network).await, ["198.51.100.0/24"], "{action}");
        let reasons = "SELECT COUNT(*) FROM audit_detail WHERE name = 'ada' AND reason IS NOT NULL";
        assert_eq!(support.database.number(reasons).await, 1, "{action}");
        let marked = "SELECT COUNT(*) FROM idempotency_key WHERE answer_awaited_until IS NOT NULL";
        assert_eq!(support.database.number(marked).await, 1, "{action}");
        prove(&support).await;
    }
    assert_eq!(here, 21, "the acts that change something here");
}

async fn what_changes_nothing_leaves_none(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (store, ada) = (&support.database.store, &actor("ada"));
    let acme = TenantId::from("acme");
    let delivery = fresh(&support).await;
    store.cancel(delivery, &actor("bob"), "paid").await.expect("answered");

    store.cancel(delivery, ada, "twice").await.expect("answered");
    store.send_now(delivery, ada).await.expect("answered");
    store.mark_sent(delivery, ada, "no").await.expect("answered");
    store.hold(store.now(), None, ada).await.expect("answered");
    store.let_go(None, ada).await.expect("answered");
    let unknown = DeadLetterId(new_id());
    store.discard_dead_letters(&[unknown], ada, "no").await.expect("answered");
    store.restore_dead_letters(&[unknown], ada, false).await.expect("answered");
    assert!(support.redrive.letter(unknown, ada).await.is_err());
    let request = ResendRequest { who: ada, ..asked(&acme, "R-2") };
    assert!(support.resend.resend(&request).await.is_err());
    assert!(!store.release_sender(&"default".into(), "a@acme.example", ada).await.expect("answered"));
    store.revoke_links(&LinkSelection::Tenant(acme.clone()), ada, "no").await.expect("answered");
    store.lift_portal_locks(&acme, &"C-1".into(), ada, "no").await.expect("answered");
    let settings = store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known").settings;
    store.put_settings(&acme, &settings, None, None, ada).await.expect("answered");
    store.put_settings(&acme, &settings, Some(7), None, ada).await.expect("answered");
    store.upsert_tenant(&tenant("acme"), ada).await.expect("answered");
    store.upsert_customer(&customer("C-1"), ada).await.expect("answered");
    assert!(!store.delete_logo(&acme, ada).await.expect("answered"));
    store.erase_customer(&acme, &"C-9".into(), ada).await.expect("answered");

    assert!(support.database.texts(BY_ADA).await.is_empty());
    prove(&support).await;
}

async fn a_failed_change_leaves_none(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let delivery = fresh(&support).await;
    // The entry cannot be written: the change is not there either.
    support.database.execute("DELETE FROM audit_head").await;
    assert!(store.cancel(delivery, &actor("ada"), "paid").await.is_err());
    assert_eq!(support.states().await, ["due -"]);
    let notes = "SELECT COUNT(*) FROM delivery_note WHERE who = 'ada'";
    assert_eq!(support.database.number(notes).await, 0);
    assert!(support.database.texts(BY_ADA).await.is_empty());
}

async fn a_bulk_act_is_one_entry(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (store, ada) = (&support.database.store, &actor("ada"));
    let mut letters = Vec::new();
    for id in 0..201 {
        support.accept(&event(&id.to_string())).await;
        letters.push(support.die(ReasonCode::Refused).await.1);
    }
    // Two transactions of 200 letters each at most.
    let redriven = support.redrive.letters(&letters, ada).await.expect("answered");
    assert_eq!(redriven.redriven.len(), 201);
    assert_eq!(support.database.texts(BY_ADA).await, ["dead_letters_redriven"]);
    let held = store.hold(store.now(), Some(&"acme".into()), ada).await.expect("answered");
    assert_eq!(held.held, 201);
    assert_eq!(support.database.texts(BY_ADA).await, ["dead_letters_redriven", "deliveries_held"]);
    let change = "SELECT change FROM audit_detail WHERE name = 'ada' ORDER BY sequence";
    let changes = support.database.texts(change).await;
    let change = |index: usize| serde_json::from_str::<Value>(&changes[index]).expect("JSON");
    assert_eq!(change(0), json!({ "dead_letters": 200, "tenants": ["acme"] }));
    assert_eq!(change(1), json!({ "deliveries": 201, "more": false, "since": store.now() }));
    prove(&support).await;
}

async fn what_is_moved_in_the_broker_is_nobody_s_act(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    fresh(&support).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.redrive.redrive(letter, "broker").await.expect("answered");
    assert_eq!(support.letters().await, ["refused redriven"]);
    let redriven = "SELECT COUNT(*) FROM audit_entry WHERE action = 'dead_letters_redriven'";
    assert_eq!(support.database.number(redriven).await, 0);
}
