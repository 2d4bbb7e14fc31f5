//! An attempt is an SMTP transaction: `explain`, lists, dead letters and the API count the same ones.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::store::{DeliveryFilter, NextState, PageRequest, Record};

use crate::cli::support::{objects, printed};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event};
use crate::store::samples::{add_worker, attempt, claim, conclusion};

on_both_databases!(
    claims_without_a_transaction_are_no_attempts_and_a_redrive_forgets_none,
    a_transaction_whose_worker_died_in_data_is_an_attempt,
);

async fn claims_without_a_transaction_are_no_attempts_and_a_redrive_forgets_none(database: TestDatabase) {
    let support = Support::with_acme(database.unlocked().await).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    // Its first worker dies before it has said anything to the relay.
    store.enqueue_ready(10).await.expect("answered");
    let (dead, live) = (add_worker(&support.database).await, add_worker(&support.database).await);
    assert_eq!(claim(&support.database, dead, 1).await.len(), 1);
    store.take_over(dead, live).await.expect("answered");
    let (delivery, letter) = support.die(ReasonCode::Refused).await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    support.database.clock.advance(std::time::Duration::from_secs(1));
    support.die(ReasonCode::Refused).await;

    let timeline = printed(&support, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
    assert!(timeline.contains("attempt 1 over") && timeline.contains("attempt 2 over"), "{timeline}");
    assert!(!timeline.contains("attempt 3 over"), "{timeline}");
    let page = PageRequest { limit: 9, after: None };
    let listed = store.deliveries(&DeliveryFilter::default(), &TenantScope::All, page).await.expect("answered").items;
    assert_eq!(listed.iter().map(|one| (one.id, one.attempts)).collect::<Vec<_>>(), [(delivery, 2)]);
    let mut letters: Vec<u64> = [&["dead-letters", "list"][..], &["dead-letters", "list", "--settled"]]
        .iter()
        .flat_map(|line| objects(&support, line))
        .map(|letter| letter["attempts"].as_u64().expect("a number"))
        .collect();
    letters.sort_unstable();
    assert_eq!(letters, [1, 2], "what was tried until each");
    let fate = store
        .event_fate("https://billing.example/test", "1", &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    assert_eq!(fate.delivery.map(|found| found.attempts), Some(2));
    assert_eq!(fate.dead_letters.iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [1, 2]);
}

async fn a_transaction_whose_worker_died_in_data_is_an_attempt(database: TestDatabase) {
    let support = Support::with_acme(database.unlocked().await).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    let (claimed, dead) = support.start().await;
    let live = add_worker(&support.database).await;
    assert_eq!(store.take_over(dead, live).await.expect("answered").uncertain, [claimed.delivery]);

    let counted = async || {
        let page = PageRequest { limit: 9, after: None };
        let listed =
            store.deliveries(&DeliveryFilter::default(), &TenantScope::All, page).await.expect("answered").items;
        let fate = store
            .event_fate("https://billing.example/test", "1", &TenantScope::All)
            .await
            .expect("answered")
            .expect("it is known");
        let timeline = objects(&support, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
        (
            listed[0].attempts,
            fate.delivery.map(|found| found.attempts),
            timeline[0]["deliveries"][0]["attempts"].as_u64(),
            timeline[0]["deliveries"][0]["attempt_log"].as_array().map(Vec::len),
        )
    };
    assert_eq!(counted().await, (1, Some(1), Some(1), Some(0)));
    let timeline = printed(&support, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
    assert!(timeline.contains("attempt 1 had begun data; its worker ended"), "{timeline}");

    // It answers late after all: the same attempt, told now.
    let now = support.database.clock.now();
    let record = Record {
        fence: claimed.fence(dead),
        attempt: Some(attempt(&claimed, ReasonCode::Accepted, now)),
        next: NextState::Concluded(Box::new(conclusion(&claimed, Concluded::Sent, ReasonCode::Accepted, now))),
    };
    store.record(&[record]).await.expect("answered");
    assert_eq!(counted().await, (1, Some(1), Some(1), Some(1)));
    let timeline = printed(&support, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
    assert!(!timeline.contains("had begun"), "{timeline}");
}
