//! What a person does to one delivery over the API: hurry it, stop it, decide that it was sent, send the invoice again.

use invoice_dispatcher::model::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{ApiDesk, kind};
use super::support::send;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    a_due_delivery_is_hurried_and_stopped,
    a_paused_tenants_delivery_is_not_hurried,
    an_uncertain_delivery_is_marked_as_sent,
    an_invoices_links_are_revoked,
    a_plan_is_done_as_planned_or_not_at_all,
    to_a_new_address_goes_a_link_unless_it_is_said_twice,
    the_same_request_twice_is_one_resend,
    what_is_not_understood_sends_nothing,
);

async fn a_due_delivery_is_hurried_and_stopped(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    desk.dispatcher.take(&[desk.dispatcher.event("a", "C-1")]).await;
    let id = desk.newest_of("a").await;
    let support = desk.program(Role::Support).await;
    let hurried = support.act(&format!("/api/v1/deliveries/{id}/send-now")).await;
    assert_eq!(hurried.success(200), &json!({ "id": id, "state": "due" }));
    let cancel = format!("/api/v1/deliveries/{id}/cancel");
    for body in [json!({}), json!({ "reason": " " }), json!({ "reason": "a\nb" }), json!({ "reason": "x", "why": "y" })]
    {
        assert_eq!(kind(&support.post(&cancel, &body).await, 400), "malformed", "{body}");
    }
    assert_eq!(kind(&support.act(&cancel).await, 415), "unsupported media type");
    let stopped = support.post(&cancel, &json!({ "reason": "the invoice was wrong" })).await;
    assert_eq!(stopped.success(200)["state"], "cancelled");
    for (act, body) in [("cancel", Some(json!({ "reason": "again" }))), ("send-now", None)] {
        let path = format!("/api/v1/deliveries/{id}/{act}");
        let answer = match body {
            Some(body) => support.post(&path, &body).await,
            None => support.act(&path).await,
        };
        assert_eq!((kind(&answer, 409), &answer.json["state"]), ("not possible", &json!("cancelled")), "{act}");
    }
    assert_eq!((desk.audited("delivery_cancelled").await, desk.audited("delivery_sent_now").await), (1, 1));
    let reason = "SELECT COUNT(*) FROM audit_detail WHERE reason = 'the invoice was wrong'";
    assert_eq!(desk.number(reason).await, 1);
    desk.end().await;
}

async fn a_paused_tenants_delivery_is_not_hurried(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    desk.dispatcher.take(&[desk.dispatcher.event("a", "C-1")]).await;
    let id = desk.newest_of("a").await;
    let operations = desk.program(Role::Operations).await;
    let paused = operations.post("/api/v1/tenants/acme/pause", &json!({ "reason": "wrong amounts" })).await;
    assert_eq!(paused.success(200), &json!({ "tenant_id": "acme", "paused": true, "changed": true, "deliveries": 1 }));
    let answer = operations.act(&format!("/api/v1/deliveries/{id}/send-now")).await;
    assert_eq!(kind(&answer, 409), "tenant paused");
    let shown = operations.get(&format!("/api/v1/deliveries/{id}")).await;
    let detail = shown.success(200)["invoices"][0]["detail"].as_str().expect("what holds it up");
    assert!(detail.contains("wrong amounts"), "{detail}");
    desk.end().await;
}

async fn an_uncertain_delivery_is_marked_as_sent(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let id = desk.send_to("u", "take-and-close@customer.example").await;
    let support = desk.program(Role::Support).await;
    let path = format!("/api/v1/deliveries/{id}/mark-sent");
    let marked = support.post(&path, &json!({ "reason": "it is in the relay's log" })).await;
    assert_eq!(marked.success(200), &json!({ "id": id, "state": "sent", "recipients_unknown": false }));
    let again = support.post(&path, &json!({ "reason": "once more" })).await;
    assert_eq!((kind(&again, 409), &again.json["state"]), ("not possible", &json!("sent")));
    assert_eq!(desk.audited("delivery_marked_sent").await, 1);
    desk.end().await;
}

async fn an_invoices_links_are_revoked(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    desk.dispatcher.set_policy("acme", "exclude").await;
    let id = desk.send("a").await;
    let support = desk.program(Role::Support).await;
    let path = format!("/api/v1/deliveries/{id}/revoke-links");
    for revoked in [1, 0] {
        let answer = support.post(&path, &json!({ "reason": "pasted in a forum" })).await;
        assert_eq!(answer.success(200), &json!({ "revoked": revoked }));
    }
    let shown = support.get(&format!("/api/v1/deliveries/{id}")).await;
    let link = &shown.success(200)["invoices"][0]["deliveries"][0]["links"][0];
    assert_eq!(link["revoke_reason"], "pasted in a forum");
    assert_eq!(desk.audited("links_revoked").await, 1);
    desk.end().await;
}

fn codes(plan: &Value) -> Vec<&str> {
    let warnings = plan["warnings"].as_array().expect("a list").iter();
    warnings.map(|warning| warning["code"].as_str().expect("a word")).collect()
}

async fn a_plan_is_done_as_planned_or_not_at_all(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let id = desk.send("a").await;
    let support = desk.program(Role::Support).await;
    let (plan_path, path) = (format!("/api/v1/deliveries/{id}/resend/plan"), format!("/api/v1/deliveries/{id}/resend"));
    let planned = support.post(&plan_path, &json!({})).await;
    let plan = planned.success(200);
    assert_eq!(
        (&plan["original"], &plan["original_is"], &plan["address"]),
        (&json!(id), &json!("sent"), &json!("as_recorded"))
    );
    assert_eq!((&plan["content"]["decision"], &plan["needs_again"]), (&json!("attach"), &json!(false)));
    assert_eq!(plan["recipients"][0]["address"], "C-1@customer.example");
    assert!(codes(plan).contains(&"sent_lately"), "{plan}");
    assert_eq!((desk.number("SELECT COUNT(*) FROM delivery").await, desk.audited("invoice_viewed").await), (1, 1));

    let body = json!({ "reason": "not received", "plan": plan["plan"] });
    let resent = support.post(&path, &body).await;
    let made = resent.success(201);
    assert_eq!(
        (&made["original"], &made["original_was"], &made["original_is"]),
        (&json!(id), &json!("sent"), &json!("sent"))
    );
    assert_eq!(
        (&made["invoice_number"], &made["kind"], &made["links_revoked"]),
        (&json!("R-a"), &json!("invoice"), &json!(0))
    );
    desk.dispatcher.wait_until_concluded().await;
    assert_eq!(desk.sink.mails().len(), 2);

    let soon = support.post(&path, &body).await;
    assert_eq!((kind(&soon, 409), &soon.json["delivery_id"]), ("too soon", &made["delivery_id"]));
    desk.later();
    let changed = support.post(&path, &body).await;
    assert_eq!(kind(&changed, 409), "plan changed");
    assert_eq!(changed.json["plan"]["original"], made["delivery_id"], "the plan that holds now: {changed:?}");
    assert_eq!(desk.number("SELECT COUNT(*) FROM delivery").await, 2);
    let body = json!({ "reason": "not received", "plan": changed.json["plan"]["plan"] });
    support.post(&path, &body).await.success(201);
    desk.dispatcher.wait_until_concluded().await;
    assert_eq!((desk.sink.mails().len(), desk.audited("invoice_resent").await), (3, 2));
    desk.end().await;
}

/// Whether the mail of this place holds a PDF.
fn is_attached(desk: &ApiDesk, place: usize) -> bool {
    let mail = desk.sink.mails().remove(place);
    let parsed = mailparse::parse_mail(&mail.bytes).expect("a mail");
    parsed.parts().any(|part| part.ctype.mimetype == "application/pdf")
}

async fn to_a_new_address_goes_a_link_unless_it_is_said_twice(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let id = desk.send("a").await;
    let support = desk.program(Role::Support).await;
    let (plan_path, path) = (format!("/api/v1/deliveries/{id}/resend/plan"), format!("/api/v1/deliveries/{id}/resend"));
    let to = "new@customer.example";
    let planned = support.post(&plan_path, &json!({ "to": to })).await;
    let plan = planned.success(200);
    assert_eq!(
        (&plan["address"], &plan["content"]["decision"], &plan["content"]["needs_attach"]),
        (&json!("new"), &json!("link"), &json!(true))
    );
    assert_eq!(
        (&plan["content"]["decision_reason"], &plan["content"]["link_cause"]),
        (&json!("link_only"), &json!("new_address")),
        "nobody asked for a link"
    );
    assert!(codes(plan).contains(&"new_address"), "{plan}");
    let narrowed = support.post(&plan_path, &json!({ "to": to, "link_only": true })).await;
    assert_eq!(narrowed.success(200)["content"]["link_cause"], "asked_for");
    support.post(&path, &json!({ "to": to, "reason": "moved" })).await.success(201);
    desk.dispatcher.wait_until_concluded().await;
    assert!(!is_attached(&desk, 1));
    let shown = support.get(&format!("/api/v1/deliveries/{id}")).await;
    let timeline = shown.success(200)["invoices"][0]["timeline"].as_array().expect("a list");
    let causes: Vec<&Value> =
        timeline.iter().filter(|step| step["event"] == "decided").map(|step| &step["link_cause"]).collect();
    assert_eq!(causes, [&Value::Null, &json!("new_address")], "{timeline:?}");
    desk.later();
    let resent = support.post(&path, &json!({ "to": to, "reason": "asked for the file", "attach": true })).await;
    assert_eq!(resent.success(201)["links_revoked"], 1, "the link of the one before");
    desk.dispatcher.wait_until_concluded().await;
    assert!(is_attached(&desk, 2));
    desk.end().await;
}

async fn the_same_request_twice_is_one_resend(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let id = desk.send("a").await;
    let support = desk.program(Role::Support).await;
    let path = format!("/api/v1/deliveries/{id}/resend");
    let click = || {
        send(support.request(Method::POST, &path).header("idempotency-key", "k-1").json(&json!({ "reason": "lost" })))
    };
    let (first, second) = (click().await, click().await);
    assert_eq!(first.success(201), second.success(201));
    desk.dispatcher.wait_until_concluded().await;
    assert_eq!((desk.sink.mails().len(), desk.audited("invoice_resent").await), (2, 1));
    desk.end().await;
}

async fn what_is_not_understood_sends_nothing(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let id = desk.send("a").await;
    let support = desk.program(Role::Support).await;
    let path = format!("/api/v1/deliveries/{id}/resend");
    for (body, place) in [
        (json!({}), "reason"),
        (json!({ "reason": "x", "to": "no address" }), "to"),
        (json!({ "reason": "x", "attach": true }), "attach"),
        (json!({ "reason": "x", "keep_links": true }), "keep_links"),
        (json!({ "reason": "x", "to": "new@customer.example", "attach": true, "link_only": true }), "attach"),
        (json!({ "reason": "x", "linkonly": true }), "linkonly"),
    ] {
        let answer = support.post(&path, &body).await;
        assert_eq!(kind(&answer, 400), "malformed", "{body}");
        // Of a member that is not known, the whole is what cannot be read.
        assert!(answer.json["path"] == place || answer.json["path"] == "$", "{body}: {answer:?}");
    }
    std::fs::remove_file(desk.dispatcher.documents().join("acme/a.pdf")).expect("it is there");
    let missing = support.post(&path, &json!({ "reason": "x" })).await;
    assert_eq!((kind(&missing, 409), &missing.json["class"]), ("must fail", &json!("document_missing")));
    let planned = support.post(&format!("{path}/plan"), &json!({})).await;
    assert_eq!(planned.success(200)["fault"]["class"], "document_missing");
    assert_eq!((desk.number("SELECT COUNT(*) FROM delivery").await, desk.sink.mails().len()), (1, 1));
    desk.end().await;
}
