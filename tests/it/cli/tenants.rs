//! `tenants`: one tenant's deliveries are let wait by the command line, and sent again.

use serde_json::json;

use crate::cli::support::{objects, printed, told};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, event};

on_both_databases!(
    a_tenant_is_paused_and_resumed,
    what_is_let_go_of_a_paused_tenant_waits_on,
    a_second_resend_and_a_new_address_are_said_on_purpose,
);

async fn a_tenant_is_paused_and_resumed(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let delivery = support.accept(&event("1")).await.to_string();
    let paused = printed(&support, &["tenants", "pause", "acme", "--reason", "wrong amounts"]);
    assert!(paused.contains("the tenant acme is paused, 1 delivery held"), "{paused}");
    let listed = &objects(&support, &["tenants", "list"])[0];
    assert_eq!(listed["paused"]["reason"], "wrong amounts");
    assert!(listed["paused"]["by"].as_str().is_some_and(|by| by.starts_with("ada")), "{listed}");
    let timeline = printed(&support, &["explain", "--invoice", "R-1"]);
    let timeline = timeline.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(timeline.contains("its tenant is paused by ada") && timeline.contains(": wrong amounts"), "{timeline}");
    assert!(timeline.contains("`tenants resume acme` when its deliveries shall go"), "{timeline}");
    let refused = told(&support, &["deliveries", "send-now", &delivery]);
    assert!(refused.contains("waits because its tenant is paused") && refused.contains("`tenants resume"), "{refused}");
    let again = told(&support, &["tenants", "pause", "acme", "--reason", "once more"]);
    assert!(again.contains("the tenant acme is paused already"), "{again}");

    let resumed = &objects(&support, &["tenants", "resume", "acme"])[0];
    assert_eq!(resumed, &json!({ "tenant_id": "acme", "result": "resumed", "deliveries": 1 }));
    assert!(told(&support, &["tenants", "resume", "acme"]).contains("is resumed already"));
    assert!(told(&support, &["tenants", "pause", "nobody", "--reason", "x"]).contains("there is no tenant nobody"));
    assert_eq!(objects(&support, &["tenants", "list"])[0].get("paused"), None);
}

async fn what_is_let_go_of_a_paused_tenant_waits_on(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let hold = ["deliveries", "hold", "--all", "--since", "2026-11-25T02:00:00Z"];
    printed(&support, &hold);
    printed(&support, &["tenants", "pause", "acme", "--reason", "wrong amounts"]);
    let told = printed(&support, &["deliveries", "let-go", "--all"]);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("1 delivery let go; the pause of a tenant holds them until `tenants resume ID`"), "{told}");
    printed(&support, &["tenants", "resume", "acme"]);

    printed(&support, &hold);
    let told = &objects(&support, &["deliveries", "let-go", "--tenant", "acme"])[0];
    assert_eq!(told, &json!({ "result": "let go", "deliveries": 1, "tenant_paused": 0 }));
}

async fn a_second_resend_and_a_new_address_are_said_on_purpose(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let resend = ["resend", "--invoice", "R-1", "--reason", "moved", "--to", "new@customer.example", "--anyway"];
    let said = printed(&support, &resend).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("a link by default") && said.contains("with --attach the settings decide"), "{said}");
    let made = support.database.texts("SELECT CAST(link_only AS TEXT) FROM delivery WHERE resend_of IS NOT NULL").await;
    assert!(["true", "1"].contains(&made[0].as_str()), "a link goes to a new address: {made:?}");
    let refused = told(&support, &resend);
    assert!(refused.contains("sent again less than a minute ago") && refused.contains("--again"), "{refused}");
    let allowed = [&resend[..], &["--again", "--attach", "--keep-links"]].concat();
    assert_eq!(objects(&support, &allowed)[0]["link_cause"], json!(null));
    let links = "SELECT COUNT(*) FROM delivery WHERE resend_of IS NOT NULL AND NOT link_only";
    assert_eq!(support.database.number(links).await, 1, "documents are allowed there");
}
