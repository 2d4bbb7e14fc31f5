//! The first digits of an id are enough where they name one thing only.

use std::time::Duration;

use invoice_dispatcher::model::reason::ReasonCode;

use crate::cli::support::{printed, told};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, event};

on_both_databases!(a_delivery_by_its_first_digits, a_dead_letter_by_its_first_digits);

/// What these ids begin with in common.
fn common(a: &str, b: &str) -> String {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

async fn a_delivery_by_its_first_digits(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let first = support.accept(&event("1")).await.to_string();
    support.database.clock.advance(Duration::from_secs(1));
    let second = support.accept(&event("2")).await.to_string();

    let both = common(&first, &second);
    assert!(both.len() >= 4, "ids begin with the time: {first} {second}");
    let several = told(&support, &["deliveries", "send-now", &both]);
    assert!(several.contains(&first) && several.contains(&second) && several.contains("more digits"), "{several}");

    let only = &first[..=both.len()];
    assert!(printed(&support, &["deliveries", "send-now", only]).contains("R-1 of acme"));
    let shouted = second[..=both.len()].to_uppercase();
    assert!(
        printed(&support, &["resend", "--delivery", &shouted, "--reason", "lost", "--anyway"]).contains("R-2 of acme")
    );
    let none = told(&support, &["deliveries", "send-now", "ffff"]);
    assert!(none.contains("no delivery has an id that begins with ffff\n  what to do: `deliveries list`"), "{none}");
}

async fn a_dead_letter_by_its_first_digits(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let digits = &letter.to_string()[..18];
    assert!(printed(&support, &["dead-letters", "show", digits]).contains(&letter.to_string()));
    // Named twice, it is one.
    let discard = ["dead-letters", "discard", digits, &letter.to_string(), "--reason", "test data"];
    assert!(printed(&support, &discard).contains("1 dead letter done"));
    assert_eq!(support.letters().await, ["refused discarded"]);
}
