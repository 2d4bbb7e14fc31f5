//! `explain` and `resend`: the timeline of an invoice, and a new mail for it.

use invoice_dispatcher::model::portal_event::PortalEventKind;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::store::NewPortalEvent;
use strum::VariantArray as _;

use crate::cli::support::{objects, printed, told};
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, event};
use crate::store::samples::add_worker;

async fn support() -> Support {
    Support::with_acme(TestDatabase::sqlite().await).await
}

const R_1: [&str; 5] = ["explain", "--tenant", "acme", "--invoice", "R-1"];

#[tokio::test]
async fn the_whole_story_is_reported_in_order_and_addresses_are_masked() {
    let support = support().await;
    support.accept(&event("1")).await;
    let (delivery, letter) = support.die(ReasonCode::Refused).await;

    let text = printed(&support, &R_1);
    for line in ["invoice R-1 of acme: dead\n", "dead-letters redrive", &letter.to_string(), &delivery.to_string()] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(
        place("event 1 came from") < place("a delivery was created")
            && place("a delivery was created") < place("attempt 1")
    );
    assert!(text.contains("a***@customer.example") && !text.contains("ap@customer.example"), "{text}");
    assert!(printed(&support, &[&R_1[..], &["--addresses"]].concat()).contains("ap@customer.example"));

    let timeline = &objects(&support, &R_1)[0];
    assert_eq!(timeline["state"], "dead");
    assert_eq!(timeline["events"][0]["id"], "1");
    assert_eq!(timeline["deliveries"][0]["attempt_log"][0]["class"], "refused");
    assert_eq!(timeline["dead_letters"][0]["id"], letter.to_string());
    assert!(!timeline.to_string().contains("ap@customer.example"), "{timeline}");
}

#[tokio::test]
async fn what_visitors_of_the_portal_did_is_told() {
    let support = support().await;
    support.accept(&event("1")).await;
    let (root, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let (kinds, network) = (PortalEventKind::VARIANTS, "203.0.113.0/24");
    for kind in kinds {
        support.database.clock.advance(std::time::Duration::from_secs(1));
        let (detail, network) = (Some("R-1.pdf".to_owned()), Some(network.to_owned()));
        let happened = NewPortalEvent { root, kind: *kind, detail, network };
        support.database.store.record_portal_event(&happened).await.expect("answered");
    }
    let text = printed(&support, &R_1);
    let mut before = 0;
    for words in [
        "portal: link opened: R-1.pdf (from 203.0.113.0/24)",
        "portal: verification asked",
        "portal: verified",
        "portal: verification failed",
        "portal: locked",
        "portal: downloaded: R-1.pdf",
        "portal: fresh link asked for",
    ] {
        let place = text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
        assert!(place > before, "{words}: {text}");
        before = place;
    }
    let story = &objects(&support, &R_1)[0];
    let told = story["deliveries"][0]["portal"].as_array().expect("a list");
    assert_eq!(told.len(), kinds.len());
    assert_eq!((&told[0]["kind"], &told[0]["network"]), (&"opened".into(), &network.into()));
}

#[tokio::test]
async fn what_nobody_told_us_of_is_said_to_be_unknown() {
    let support = support().await;
    let told = told(&support, &R_1);
    assert!(told.starts_with("error: nothing is known of invoice R-1 of acme\n  what to do: "), "{told}");
}

#[tokio::test]
async fn what_waits_says_whether_anybody_sends_it() {
    let support = support().await;
    support.accept(&event("1")).await;
    let text = printed(&support, &R_1);
    assert!(text.contains("no worker that knows the relay default is at work"), "{text}");
    add_worker(&support.database).await;
    let text = printed(&support, &R_1);
    assert!(text.contains("waits for its turn at default") && text.contains("a worker sends it"), "{text}");
}

#[tokio::test]
async fn an_event_without_a_delivery_has_a_story_too() {
    let support = support().await;
    let mut waiting = event("1");
    waiting["data"]["customer_id"] = "C-9".into();
    support.take(&waiting).await;
    let text = printed(&support, &R_1);
    assert!(text.starts_with("R-1 of acme: waiting\n") && text.contains("import the customer"), "{text}");
}

#[tokio::test]
async fn a_resend_says_what_became_of_the_earlier_mail() {
    let support = support().await;
    support.accept(&event("1")).await;
    let (original, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    assert!(printed(&support, &R_1).contains("deliveries mark-sent"), "the way out is named");

    let resend = [
        "resend",
        "--tenant",
        "acme",
        "--invoice",
        "R-1",
        "--reason",
        "asked for by phone",
        "--to",
        "b@new.example",
        "--anyway",
    ];
    let made = &objects(&support, &resend)[0];
    assert_eq!(made["original"], original.to_string());
    assert_eq!((&made["original_was"], &made["original_is"]), (&"uncertain".into(), &"cancelled".into()));
    assert_eq!(made["links_revoked"], 1);

    let text = printed(&support, &R_1);
    assert!(text.starts_with("invoice R-1 of acme: due\n"), "{text}");
    assert!(text.contains("resent (asked for by phone) to b***@new.example"), "{text}");
    assert!(text.contains("portal link  revoked"), "{text}");

    let text = printed(
        &support,
        &["resend", "--tenant", "acme", "--invoice", "R-1", "--reason", "again", "--anyway", "--again"],
    );
    assert!(text.contains("was due, is cancelled") && text.contains("within half a second"), "{text}");
    let told = told(&support, &["resend", "--tenant", "acme", "--invoice", "R-9", "--reason", "again"]);
    assert!(told.contains("no delivery of invoice R-9 of acme is known"), "{told}");
}
