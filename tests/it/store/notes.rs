//! A note is a sentence and facts: the facts outlive an erasure, and notes from before there were any are understood.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::link_cause::LinkCause;
use invoice_dispatcher::model::note::NoteKind;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::policy::decision::Reason;
use invoice_dispatcher::store::{Erased, Note};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event};

on_both_databases!(
    facts_outlive_an_erasure,
    notes_from_before_there_were_facts_are_understood,
    facts_of_another_version_leave_the_sentence,
);

/// The notes at the deliveries of `R-1`, in the order of their sentences.
async fn notes(support: &Support) -> Vec<Note> {
    let (store, acme) = (&support.database.store, TenantId::from("acme"));
    let known = store.explain(&acme, "R-1", &TenantScope::All).await.expect("answered").expect("it is known");
    let mut notes: Vec<Note> = known.deliveries.into_iter().flat_map(|explained| explained.notes).collect();
    notes.sort_by(|one, other| one.what.cmp(&other.what));
    notes
}

fn sentences(notes: &[Note]) -> Vec<&str> {
    notes.iter().map(|note| note.what.as_str()).collect()
}

fn kinds(notes: &[Note]) -> Vec<Option<NoteKind>> {
    notes.iter().map(|note| note.kind.clone()).collect()
}

/// `R-1` was sent, and once more, with a link, to an address that is not known.
async fn resent(database: TestDatabase) -> Support {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.resend(Some("else@where.example")).await.expect("it is sent again");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support
}

const NEW_ADDRESS: &str = "to an address that is neither in the event nor on record, on this person's word: ";

async fn facts_outlive_an_erasure(database: TestDatabase) {
    let support = resent(database).await;
    let before = notes(&support).await;
    let [resent, to_new_address] = before.as_slice() else { panic!("{before:?}") };
    assert_eq!((resent.what.as_str(), resent.reason()), ("resent: asked for", Some("asked for")));
    assert_eq!(resent.kind, Some(NoteKind::Resent));
    assert!(to_new_address.what.starts_with(&format!("{NEW_ADDRESS}with a link, ")), "{to_new_address:?}");
    assert_eq!(LinkCause::recorded(Reason::LinkOnly, &before), Some(LinkCause::NewAddress));

    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let erased = support.database.store.erase_customer(&acme, &customer, &actor(WHO)).await.expect("answered");
    assert!(matches!(erased, Erased::Done { deliveries: 2, .. }), "{erased:?}");
    let after = notes(&support).await;
    let new_address = format!("{NEW_ADDRESS}(erased)");
    let expected = ["resent: (erased)", "the customer was erased", "the customer was erased", new_address.as_str()];
    assert_eq!(sentences(&after), expected);
    let erased = Some(NoteKind::CustomerErased);
    let expected = [resent.kind.clone(), erased.clone(), erased, to_new_address.kind.clone()];
    assert_eq!(kinds(&after), expected, "facts name nobody, and stay");
    assert!(after.iter().all(|note| note.reason().is_none()), "{after:?}");
    assert_eq!(LinkCause::recorded(Reason::LinkOnly, &after), Some(LinkCause::NewAddress), "nobody asked for it");
}

async fn notes_from_before_there_were_facts_are_understood(database: TestDatabase) {
    let support = resent(database).await;
    let words = [
        ("documents allowed there", "earlier links kept", None, None),
        ("with the link asked for", "no earlier link to revoke", Some(LinkCause::AskedFor), Some(0)),
        ("with a link", "1 earlier link revoked", Some(LinkCause::NewAddress), Some(1)),
        ("with a link", "12 earlier links revoked", Some(LinkCause::NewAddress), Some(12)),
    ];
    let of_some_delivery = "INSERT INTO delivery_note (delivery_id, noted_at, who, what)
                            SELECT id, 1, 'ada', $what FROM delivery WHERE resend_of IS NULL";
    let insert = async |what: &str| {
        let quoted = format!("'{}'", what.replace('\'', "''"));
        assert_eq!(support.database.execute(of_some_delivery.replace("$what", &quoted)).await, 1);
    };
    support.database.execute("DELETE FROM delivery_note").await;
    for (holds, links, ..) in words {
        insert(&format!("{NEW_ADDRESS}{holds}, {links}")).await;
    }
    let others = ["acknowledged", "cancelled: paid in cash", "resent: moved"];
    for what in others {
        insert(what).await;
    }
    insert(&format!("{NEW_ADDRESS}(erased)")).await;
    support.database.migrate_down_and_up("0013_note_kind", async |_| ()).await;

    let found = notes(&support).await;
    assert_eq!(sentences(&found)[..3], others);
    let told = kinds(&found);
    assert_eq!(told[..3], [Some(NoteKind::Acknowledged), None, Some(NoteKind::Resent)]);
    for (holds, links, link, links_revoked) in words {
        let what = format!("{NEW_ADDRESS}{holds}, {links}");
        let note = found.iter().find(|note| note.what == what).expect("it is there");
        assert_eq!(note.kind, Some(NoteKind::ToNewAddress { link, links_revoked }), "{what}");
    }
    let erased = found.iter().find(|note| note.what.ends_with("(erased)")).expect("it is there");
    assert_eq!(erased.kind, None, "it is not known any more what was sent there");
}

async fn facts_of_another_version_leave_the_sentence(database: TestDatabase) {
    let support = resent(database).await;
    support.database.execute("UPDATE delivery_note SET facts = '{\"kind\":\"made_tea\"}'").await;
    let found = notes(&support).await;
    assert!(found.iter().all(|note| note.kind.is_none() && !note.what.is_empty()), "{found:?}");
    assert_eq!(found.len(), 2);
}
