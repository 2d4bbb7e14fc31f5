//! "I did not get R-2026-0042, I moved to Acme Ltd": the person who answers knows neither tenant nor any table.

use std::time::Duration;

use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use serde_json::{Value, json};

use crate::cli::support::{objects, printed, told};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, customer, event, tenant};

on_both_databases!(
    three_commands_answer_a_call,
    a_number_of_two_tenants_is_asked_back,
    a_stray_event_of_the_same_number_is_in_nobodys_way,
    two_documents_of_one_number_are_asked_back,
    lists_go_on_where_they_ended,
    customers_are_shown_without_what_verifies_them,
    a_malformed_event_is_explained_by_what_it_claims,
    programs_read_the_names_of_the_api,
);

fn numbered(id: &str, tenant: &str, number: &str) -> Value {
    let mut event = event(id);
    event["data"]["tenant_id"] = tenant.into();
    event["data"]["invoice"]["number"] = number.into();
    event["data"]["documents"][0]["object"] = format!("{tenant}/1.pdf").into();
    event
}

async fn with_beta(database: TestDatabase) -> Support {
    let support = Support::with_acme(database).await;
    support.database.store.upsert_tenant(&tenant("beta"), &actor("billing")).await.expect("answered");
    let theirs = Customer { tenant_id: "beta".into(), name: "Acme Ltd".to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&theirs, &actor("billing")).await.expect("answered");
    support
}

async fn three_commands_answer_a_call(database: TestDatabase) {
    let support = with_beta(database).await;
    support.accept(&numbered("1", "acme", "R-2026-0041")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&numbered("2", "beta", "R-2026-0042")).await;
    let (first, _) = support.end(Concluded::Rejected, ReasonCode::Rejected).await;

    // As it is said on the phone: whose it is and where it stands, then why, then once more to where they are now.
    let found = printed(&support, &["find", "r-2026-", "0042"]);
    assert!(found.contains("invoice R-2026-0042") && found.contains("beta") && found.contains("rejected"), "{found}");
    assert!(!found.contains("R-2026-0041") && !found.contains("ap@customer.example"), "{found}");
    let next = "`explain --tenant beta --invoice R-2026-0042`";
    assert!(found.contains(next), "{found}");

    let timeline = printed(&support, &["explain", "--invoice", "R-2026-0042"]);
    assert!(timeline.starts_with("invoice R-2026-0042 of beta: rejected\n"), "{timeline}");
    // The terminal's lines end anywhere in it.
    let told = timeline.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!("`resend --delivery {first} --to ADDRESS --reason TEXT`")), "{timeline}");

    support.database.clock.advance(Duration::from_secs(1));
    let resend = ["resend", "--invoice", "R-2026-0042", "--reason", "moved", "--to", "ap@acme-ltd.example", "--anyway"];
    let made = &objects(&support, &resend)[0];
    assert_eq!((&made["tenant_id"], &made["original"]), (&json!("beta"), &json!(first.to_string())));

    let by_name = printed(&support, &["find", "acme ltd"]);
    assert!(by_name.contains("customer C-1") && by_name.contains("Acme Ltd"), "{by_name}");
    assert!(by_name.contains("invoice R-2026-0042"), "with the newest that they got: {by_name}");
    assert!(printed(&support, &["find", "R-2027"]).starts_with("nothing is named like that"));
}

async fn a_number_of_two_tenants_is_asked_back(database: TestDatabase) {
    let support = with_beta(database).await;
    for tenant in ["acme", "beta"] {
        support.accept(&numbered(tenant, tenant, "R 1")).await;
    }
    let commands = ["--tenant acme --invoice 'R 1'`", "--tenant beta --invoice 'R 1'`"];
    let asked = told(&support, &["explain", "--invoice", "r1"]);
    assert!(
        asked.contains("r1 is the number of 2 invoices\n  what to do: say which: `explain --tenant acme"),
        "{asked}"
    );
    assert!(commands.iter().all(|command| asked.contains(command)), "{asked}");
    let asked = told(&support, &["resend", "--invoice", "R1", "--reason", "lost", "--to", "new@customer.example"]);
    assert!(commands.iter().all(|command| asked.contains(command)), "{asked}");
    assert_eq!(asked.matches("resend --reason … --to new@customer.example").count(), 2, "nothing is dropped: {asked}");
    assert_eq!(support.states().await.len(), 2, "nothing was sent");
    // The number as it was published, however it is written.
    assert!(printed(&support, &["explain", "--tenant", "beta", "--invoice", "r1"]).starts_with("invoice R 1 of beta"));
    assert!(printed(&support, &["explain", "--tenant", "beta", "--invoice", "inv-beta"]).contains("R 1 of beta"));
    let unknown = told(&support, &["explain", "--invoice", "R 2"]);
    assert!(
        unknown.contains("nothing is known of an invoice R 2 of any tenant") && unknown.contains("`find 'R 2'`"),
        "{unknown}"
    );
}

async fn a_stray_event_of_the_same_number_is_in_nobodys_way(database: TestDatabase) {
    let support = with_beta(database).await;
    support.accept(&numbered("1", "acme", "R-1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.take(&numbered("2", "nobody", "R-1")).await;
    let timeline = printed(&support, &["explain", "--invoice", "r-1"]);
    assert!(timeline.starts_with("invoice R-1 of acme: sent\n"), "{timeline}");
    let told_there = timeline.split_whitespace().collect::<Vec<_>>().join(" ");
    let stray = "claimed too an event claims this number of the tenant nobody, which is not known: `explain --tenant nobody \
                 --invoice R-1`";
    assert!(told_there.contains(stray), "{timeline}");
    let claimed = &objects(&support, &["explain", "--invoice", "R-1"])[0]["claimed_too"];
    assert_eq!(claimed, &json!([{ "tenant_id": "nobody", "invoice_number": "R-1", "tenant_is_known": false }]));
    assert!(printed(&support, &["explain", "--tenant", "nobody", "--invoice", "R-1"]).contains("import the tenant"));

    // An event of a known tenant that waits is another invoice; but there is nothing of it to send again.
    let mut waits = numbered("3", "beta", "R-1");
    waits["data"]["customer_id"] = "C-9".into();
    support.take(&waits).await;
    assert!(told(&support, &["explain", "--invoice", "R-1"]).contains("`explain --tenant beta --invoice R-1`"));
    support.database.clock.advance(Duration::from_secs(1));
    let made = &objects(&support, &["resend", "--invoice", "R-1", "--reason", "lost", "--anyway"])[0];
    assert_eq!(made["tenant_id"], "acme");

    // Where nothing can be sent again, no command that is refused is named.
    support.take(&numbered("4", "nobody", "R-2")).await;
    support.take(&numbered("5", "noone", "R-2")).await;
    let refused = told(&support, &["resend", "--invoice", "R-2", "--reason", "lost"]);
    assert!(
        refused.contains("nothing of the number R-2 can be sent again") && !refused.contains("`resend"),
        "{refused}"
    );
    assert!(refused.contains("`explain --tenant noone --invoice R-2`"), "{refused}");
}

async fn two_documents_of_one_number_are_asked_back(database: TestDatabase) {
    let support = with_beta(database).await;
    let first = support.accept(&numbered("1", "acme", "R-1")).await;
    let mut reminder = numbered("2", "acme", "R-1");
    reminder["data"]["invoice"]["kind"] = "reminder".into();
    let second = support.accept(&reminder).await;
    let asked = told(&support, &["resend", "--invoice", "R-1", "--reason", "lost"]);
    for delivery in [first, second] {
        assert!(asked.contains(&format!("`resend --delivery {delivery} --reason …`")), "{asked}");
    }
    assert!(asked.contains("say which, by --kind or as one of"), "{asked}");
    let kinds: Vec<Value> = objects(&support, &["find", "R-1"]).iter().map(|hit| hit["kind"].clone()).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&json!("invoice")) && kinds.contains(&json!("reminder")), "{kinds:?}");
}

async fn lists_go_on_where_they_ended(database: TestDatabase) {
    let support = with_beta(database).await;
    for id in 1..=3 {
        support.database.clock.advance(Duration::from_secs(1));
        support.accept(&numbered(&id.to_string(), "acme", &format!("R-{id}"))).await;
    }
    let list = ["deliveries", "list", "--tenant", "acme", "--customer", "C-1", "--limit", "2"];
    let text = printed(&support, &list);
    let (_, cursor) = text.split_once("--after ").unwrap_or_else(|| panic!("{text}"));
    let cursor = cursor.split(',').next().expect("a cursor");
    let rest = objects(&support, &[&list[..], &["--after", cursor]].concat());
    assert_eq!(rest.iter().map(|row| row["invoice_number"].clone()).collect::<Vec<_>>(), ["R-1"]);
    let rows = objects(&support, &list);
    assert_eq!(rows[1]["cursor"], cursor, "programs go on behind any row");
    for narrowed in
        [&["--invoice", "r-3"][..], &["--since", "2026-11-23T09:30:03Z"], &["--kind", "invoice", "--limit", "1"]]
    {
        let rows = objects(&support, &[&["deliveries", "list"], narrowed].concat());
        assert_eq!(rows.iter().map(|row| row["invoice_number"].clone()).collect::<Vec<_>>(), ["R-3"], "{narrowed:?}");
    }
}

async fn customers_are_shown_without_what_verifies_them(database: TestDatabase) {
    let support = with_beta(database).await;
    let mut erika = Customer { kind: None, name: "Erika Müller".to_owned(), ..customer("C-2") };
    erika.postal.postcode = Some("01067".to_owned());
    support.database.store.upsert_customer(&erika, &actor("billing")).await.expect("answered");
    let tenants: Vec<Value> = objects(&support, &["tenants", "list"]).iter().map(|row| row["id"].clone()).collect();
    assert_eq!(tenants, ["acme", "beta"]);
    let after = objects(&support, &["tenants", "list", "--after", "acme"]);
    assert_eq!((after.len(), &after[0]["name"]), (1, &json!("beta GmbH")));

    let list = printed(&support, &["customers", "list", "--tenant", "acme"]);
    assert!(list.contains("Käufer") && list.contains("E*** M***") && list.contains("a***@customer.example"), "{list}");
    assert!(!list.contains("Erika") && !list.contains("ap@"), "{list}");
    let named = objects(&support, &["customers", "list", "--tenant", "acme", "--name", "müll"]);
    assert_eq!(named.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), ["C-2"]);
    let show = ["customers", "show", "--tenant", "acme", "--customer", "C-2"];
    let shown = printed(&support, &[&show[..], &["--addresses"]].concat());
    assert!(
        shown.contains("Erika Müller") && shown.contains("ap@customer.example") && !shown.contains("01067"),
        "{shown}"
    );
    let shown = &objects(&support, &show)[0];
    assert_eq!((&shown["on_record"]["postcode"], &shown["on_record"]["mobile"]), (&json!(true), &json!(false)));
    assert!(told(&support, &["customers", "show", "--tenant", "acme", "--customer", "C-9"]).contains("`find`"));
}

async fn a_malformed_event_is_explained_by_what_it_claims(database: TestDatabase) {
    let support = with_beta(database).await;
    let mut malformed = numbered("evt-1", "acme", "R-7");
    malformed["data"]["invoice"]["total"] = "much".into();
    support.take(&malformed).await;
    let timeline = printed(&support, &["explain", "--invoice", "r-7"]);
    assert!(timeline.starts_with("R-7 of acme: dead letter\n") && timeline.contains("what it claims"), "{timeline}");
    assert!(printed(&support, &["find", "R-7"]).contains("R-7 (claimed)"));
    let letters = printed(&support, &["dead-letters", "list", "--tenant", "acme"]);
    assert!(letters.contains("R-7 (claimed)"), "{letters}");
    let row = &objects(&support, &["dead-letters", "list"])[0];
    assert_eq!(
        (&row["claimed"], &row["tenant_id"], &row["invoice_number"]),
        (&json!(true), &json!("acme"), &json!("R-7"))
    );
}

/// Members of every object in it.
fn members(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| members(item, into)),
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            into.push(name.clone());
            members(value, into);
        }),
        _ => {}
    }
}

async fn programs_read_the_names_of_the_api(database: TestDatabase) {
    let support = with_beta(database).await;
    support.accept(&numbered("1", "acme", "R-1")).await;
    support.die(ReasonCode::Refused).await;
    support.accept(&numbered("2", "acme", "R-2")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("event.json");
    std::fs::write(&file, numbered("3", "acme", "R-3").to_string()).expect("written");
    let file = file.to_str().expect("a path of ours");
    let commands: [&[&str]; 9] = [
        &["explain", "--invoice", "R-1"],
        &["deliveries", "list"],
        &["dead-letters", "list"],
        &["dead-letters", "groups"],
        &["find", "R-1"],
        &["settings", "get", "--tenant", "acme"],
        &["customers", "show", "--tenant", "acme", "--customer", "C-1"],
        &["resend", "--invoice", "R-2", "--reason", "lost", "--anyway"],
        &["publish", file],
    ];
    // What the API calls otherwise (docs/api.md).
    let elsewhere = ["tenant", "customer", "invoice", "delivery", "dead_letter", "number", "letter"];
    for command in commands {
        let mut names = Vec::new();
        for object in objects(&support, command) {
            members(&object, &mut names);
        }
        assert!(!names.is_empty(), "{command:?}");
        for name in elsewhere {
            assert!(!names.iter().any(|other| other == name), "{command:?}: {name}");
        }
    }
    let timeline = &objects(&support, &["explain", "--invoice", "R-1"])[0];
    assert_eq!(timeline["deliveries"][0]["attempts"], 1, "a count, as in the API");
    assert_eq!(timeline["deliveries"][0]["attempt_log"][0]["class"], "refused");
}
