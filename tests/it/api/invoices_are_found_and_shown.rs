//! Support's questions over the API: what waits, which invoice a caller means, what happened to it, what was sent.

use invoice_dispatcher::model::access::Role;
use invoice_dispatcher::sha256::Sha256;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{ApiDesk, kind};
use super::support::send;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    an_invoice_is_found_by_what_a_caller_knows,
    a_page_without_invoices_goes_on,
    what_was_found_leaves_as_a_file_without_formulas,
    an_invoice_is_whole_for_support_and_masked_for_a_viewer,
    an_event_that_waits_is_shown_by_its_number,
    the_mail_is_shown_as_it_was_sent,
    what_waits_for_a_person_is_listed_page_after_page,
);

const ADDRESS: &str = "C-1@customer.example";

fn list<'a>(answer: &'a Value, name: &str) -> &'a Vec<Value> {
    answer[name].as_array().expect("a list")
}

async fn an_invoice_is_found_by_what_a_caller_knows(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let (a, b) = (desk.send("a").await, desk.send("b").await);
    let support = desk.program(Role::Support).await;
    let found = support.get("/api/v1/invoices?q=r+-+A").await;
    let hits = list(found.success(200), "invoices");
    let hit = &hits[0];
    assert_eq!(hits.len(), 1, "{found:?}");
    assert_eq!(
        (&hit["invoice_number"], &hit["state"], &hit["found_by"]),
        (&json!("R-a"), &json!("sent"), &json!("number"))
    );
    assert_eq!((&hit["delivery_id"], &hit["tenant_id"]), (&json!(a), &json!("acme")));
    assert_eq!(hit["recipients"], json!(["C***@customer.example"]), "a list masks");

    let by_address = support.get(&format!("/api/v1/invoices?q={ADDRESS}")).await;
    assert_eq!(list(by_address.success(200), "invoices").len(), 2);
    assert_eq!(by_address.json["invoices"][0]["found_by"], "recipient");
    for (narrowed, number) in [("state=sent", 2), ("state=due", 0), ("tenant_id=acme", 2), ("tenant_id=beta", 0)] {
        let answer = support.get(&format!("/api/v1/invoices?q=R-&{narrowed}")).await;
        assert_eq!(list(answer.success(200), "invoices").len(), number, "{narrowed}");
    }
    let first = support.get("/api/v1/invoices?q=R-&limit=1").await;
    let next = first.success(200)["next"].as_str().expect("there is more");
    let second = support.get(&format!("/api/v1/invoices?q=R-&limit=1&after={next}")).await;
    assert_eq!(second.success(200)["next"], Value::Null);
    let ids = [&first, &second].map(|page| page.json["invoices"][0]["delivery_id"].as_str().expect("an id").to_owned());
    assert!(ids.contains(&a) && ids.contains(&b), "{ids:?}");
    // Ids begin with the time: both do alike.
    let several = support.get(&format!("/api/v1/invoices?q={}", &a[..4])).await;
    assert_eq!((list(several.success(200), "invoices").len(), &several.json["several_ids"]), (0, &json!(true)));
    assert_eq!(found.json["several_ids"], false);
    for odd in ["", "?q=", "?q=R&state=odd", "?q=R&after=x", "?q=R&limit=0", "?q=R&tenant=acme"] {
        assert_eq!(kind(&support.get(&format!("/api/v1/invoices{odd}")).await, 400), "malformed", "{odd}");
    }
    desk.end().await;
}

async fn a_page_without_invoices_goes_on(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let first = desk.dispatcher.event("a", "C-1");
    desk.dispatcher.take(std::slice::from_ref(&first)).await;
    let again = |n: usize| {
        let mut again = first.clone();
        again["id"] = format!("again-{n}").into();
        again
    };
    // Each becomes a delivery that duplicates the first one: more than a page reads.
    desk.dispatcher.take(&(0..600).map(again).collect::<Vec<_>>()).await;
    desk.dispatcher.take(&[desk.dispatcher.event("b", "C-1")]).await;
    let viewer = desk.program(Role::Viewer).await;
    let (mut numbers, mut without_invoices, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = viewer.get(&format!("/api/v1/invoices?q=R-&limit=5{after}")).await;
        let invoices = list(page.success(200), "invoices");
        without_invoices += usize::from(invoices.is_empty());
        numbers.extend(invoices.iter().map(|found| found["invoice_number"].as_str().expect("a number").to_owned()));
        match page.json["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(numbers, ["R-a", "R-b"]);
    assert!(without_invoices > 0, "a page may be empty and go on");
}

async fn what_was_found_leaves_as_a_file_without_formulas(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let mut event = desk.dispatcher.event("a", "C-1");
    event["data"]["invoice"]["number"] = "=HYPERLINK(1)".into();
    desk.dispatcher.take(&[event]).await;
    desk.dispatcher.wait_until_concluded().await;
    let support = desk.program(Role::Support).await;
    let file = support.request(Method::GET, "/api/v1/invoices.csv?q=%3DHYPERLINK").send().await.expect("an answer");
    assert_eq!(file.status(), 200);
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"invoices.csv\"");
    let text = file.text().await.expect("a text");
    assert!(text.contains("\"'=HYPERLINK(1)\"") && !text.contains(ADDRESS), "{text}");
    assert_eq!(desk.audited("list_exported").await, 1);
    assert_eq!(kind(&support.get("/api/v1/invoices.csv?q=R&limit=5").await, 400), "malformed");
    assert_eq!(desk.audited("list_exported").await, 1, "a file that is refused is not exported");
    desk.end().await;
}

/// The events of a timeline.
fn events(invoice: &Value) -> Vec<&str> {
    list(invoice, "timeline").iter().map(|step| step["event"].as_str().expect("a word")).collect()
}

async fn an_invoice_is_whole_for_support_and_masked_for_a_viewer(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let path = format!("/api/v1/deliveries/{}", desk.send("a").await);
    let support = desk.program(Role::Support).await;
    let shown = support.get(&path).await;
    let answer = shown.success(200);
    assert_eq!(
        (&answer["invoice_number"], &answer["customer_id"], &answer["masked"]),
        (&json!("R-a"), &json!("C-1"), &json!(false))
    );
    let invoice = &answer["invoices"][0];
    assert_eq!(
        (&invoice["kind"], &invoice["state"], &invoice["can_be_resent"]),
        (&json!("invoice"), &json!("sent"), &json!(true))
    );
    assert_eq!(invoice["detail"], "the relay accepted it: 250 2.0.0 taken");
    assert_eq!(invoice["amounts"]["total"], "1190.00");
    assert_eq!(invoice["attachments"][0]["media_type"], "application/pdf");
    let delivery = &invoice["deliveries"][0];
    assert_eq!((&delivery["decision"], &delivery["decision_reason"]), (&json!("attach"), &json!("business_customer")));
    assert_eq!(delivery["recipients"][0]["address"], ADDRESS);
    assert_eq!(events(invoice), ["received", "made", "decided", "attempted", "concluded"]);

    let tag = shown.header("etag").to_owned();
    let again = send(support.request(Method::GET, &path).header("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (304, tag.as_str()));
    assert_eq!(support.get("/api/v1/tenants/acme/invoices/r%20-%20A").await.success(200), answer);
    assert_eq!(desk.audited("invoice_viewed").await, 1, "whoever follows a page looks once");

    let viewer = desk.program(Role::Viewer).await;
    let masked = viewer.get(&path).await;
    assert_eq!(masked.success(200)["masked"], true);
    assert_eq!(masked.json["invoices"][0]["deliveries"][0]["recipients"][0]["address"], "C***@customer.example");
    assert!(!masked.json.to_string().contains(ADDRESS), "{masked:?}");
    assert_eq!(desk.audited("invoice_viewed").await, 1, "what is masked is no look");
    for unknown in ["no-id", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(kind(&support.get(&format!("/api/v1/deliveries/{unknown}")).await, 404), "unknown delivery");
    }
    assert_eq!(kind(&support.get("/api/v1/tenants/acme/invoices/R-none").await, 404), "unknown invoice");
    desk.end().await;
}

async fn an_event_that_waits_is_shown_by_its_number(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    desk.dispatcher.take(&[desk.dispatcher.event("w", "C-9")]).await;
    let viewer = desk.program(Role::Viewer).await;
    let shown = viewer.get("/api/v1/tenants/acme/invoices/R-w").await;
    let invoice = &shown.success(200)["invoices"][0];
    assert_eq!((&invoice["state"], &invoice["can_be_resent"]), (&json!("waiting"), &json!(false)));
    assert!(list(invoice, "deliveries").is_empty() && events(invoice) == ["received", "waiting"], "{invoice}");
    let found = viewer.get("/api/v1/invoices?q=R-w&state=waiting").await;
    assert_eq!(found.success(200)["invoices"][0]["event_id"], "w");
}

async fn the_mail_is_shown_as_it_was_sent(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    let support = desk.program(Role::Support).await;
    let attached = desk.send("a").await;
    let mail = support.get(&format!("/api/v1/deliveries/{attached}/mail")).await;
    let answer = mail.success(200);
    let sent = desk.sink.mails().remove(0);
    assert_eq!(
        (&answer["proven"], &answer["message_sha256"]),
        (&json!(true), &json!(Sha256::of(&sent.bytes).to_string()))
    );
    assert_eq!(answer["message_size"], sent.bytes.len());
    assert_eq!(
        (&answer["attachments"][0]["size"], &answer["attachments"][0]["media_type"]),
        (&json!(10), &json!("application/pdf"))
    );
    let to = list(answer, "headers").iter().find(|header| header["name"] == "To").expect("a To");
    assert!(to["value"].as_str().expect("a text").contains(ADDRESS));
    assert_eq!(desk.audited("message_viewed").await, 1);

    desk.dispatcher.set_policy("acme", "exclude").await;
    let linked = desk.send("b").await;
    let sent = desk.sink.mails().remove(1);
    let parsed = mailparse::parse_mail(&sent.bytes).expect("a mail");
    let plain = parsed.parts().find(|part| part.ctype.mimetype == "text/plain").expect("a text");
    let text = plain.get_body().expect("readable");
    let token = text.split("/i/").nth(1).and_then(|rest| rest.get(..43)).expect("it has a link");
    let mail = support.get(&format!("/api/v1/deliveries/{linked}/mail")).await;
    assert_eq!(mail.success(200)["proven"], true);
    assert!(mail.json["text"].as_str().expect("a text").contains("(token blanked)"), "{mail:?}");
    assert!(!mail.json.to_string().contains(token), "the portal's token is nobody's to read");

    let viewer = desk.program(Role::Viewer).await;
    assert_eq!(kind(&viewer.get(&format!("/api/v1/deliveries/{linked}/mail")).await, 403), "not permitted");
    assert_eq!(desk.audited("message_viewed").await, 2);
    desk.end().await;
}

async fn what_waits_for_a_person_is_listed_page_after_page(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    for number in 1..=3 {
        desk.send_to(&number.to_string(), &format!("refuse-550-5.1.1+{number}@customer.example")).await;
    }
    let support = desk.program(Role::Support).await;
    let first = support.get("/api/v1/work-list?limit=2").await;
    let items = list(first.success(200), "items");
    assert_eq!(first.json["counts"]["rejected"], 3);
    let numbers: Vec<_> = items.iter().map(|item| item["invoice_number"].as_str().expect("a number")).collect();
    assert_eq!(numbers, ["R-1", "R-2"], "the oldest first");
    assert_eq!(
        (&items[0]["kind"], &items[0]["invoice_kind"], &items[0]["state"]),
        (&json!("rejected"), &json!("invoice"), &json!("rejected"))
    );
    assert!(!first.json.to_string().contains("refuse-550-5.1.1+"), "a list masks: {first:?}");
    let next = first.json["next"].as_str().expect("there is more");
    let last = support.get(&format!("/api/v1/work-list?limit=2&after={next}")).await;
    assert_eq!((&last.success(200)["items"][0]["invoice_number"], &last.json["next"]), (&json!("R-3"), &Value::Null));

    let id = items[0]["delivery_id"].as_str().expect("an id");
    let path = format!("/api/v1/deliveries/{id}/acknowledge");
    assert_eq!(support.act(&path).await.success(200)["acknowledged"], true);
    assert_eq!(support.act(&path).await.success(200)["acknowledged"], false, "somebody was first");
    assert_eq!(support.get("/api/v1/work-list?kind=rejected").await.success(200)["counts"]["rejected"], 2);
    let seen = support.get("/api/v1/work-list?acknowledged=true").await;
    assert_eq!((list(seen.success(200), "items").len(), &seen.json["items"][0]["delivery_id"]), (1, &json!(id)));
    assert!(list(support.get("/api/v1/work-list?kind=uncertain").await.success(200), "items").is_empty());
    assert_eq!(desk.audited("work_acknowledged").await, 1);
    for odd in ["kind=odd", "limit=501", "after=5", "state=sent", "acknowledged=maybe"] {
        assert_eq!(kind(&support.get(&format!("/api/v1/work-list?{odd}")).await, 400), "malformed", "{odd}");
    }
    desk.end().await;
}
