//! Every fault of an event, with its path and its words.

use super::*;

#[track_caller]
fn refuses(cases: &[(&str, Value, &str)]) {
    for (pointer, value, expected) in cases {
        let found = parse(&with(pointer, Some(value.clone()))).expect_err(expected);
        assert_eq!(found.to_string(), *expected);
        let named = !matches!(*pointer, "/id" | "/source");
        assert_eq!(found.source_and_id.is_some(), named, "{expected}");
    }
}

#[test]
fn faults_of_envelope_and_invoice_say_where_and_what() {
    let long = |length: usize| json!("x".repeat(length));
    let cases = [
        ("/specversion", json!("0.3"), "specversion: must be 1.0"),
        ("/specversion", json!(1.0), "specversion: must be text, not a fractional number"),
        (
            "/type",
            json!("invoice.sent.v2"),
            "type: is version 2 of invoice.sent; this release reads invoice.sent.v1 only",
        ),
        ("/type", json!("order.placed"), "type: is not an event that this release knows; it reads invoice.sent.v1"),
        ("/id", json!(""), "id: is empty"),
        ("/id", long(256), "id: is longer than 255 characters"),
        ("/id", json!("a\u{0}b"), "id: contains the character NUL"),
        ("/source", json!("a\nb"), "source: contains a control character"),
        ("/source", json!(7), "source: must be text, not a number"),
        ("/datacontenttype", json!("text/xml"), "datacontenttype: is not JSON; leave it out or write application/json"),
        ("/data", json!([]), "data: must be an object, not an array"),
        ("/data", Value::Null, "data: must be an object, not null"),
        ("/data/tenant_id", Value::Null, "data.tenant_id: must be text, not null"),
        ("/data/tenant_id", json!(" acme"), "data.tenant_id: begins or ends with white space"),
        ("/data/customer_id", long(256), "data.customer_id: is longer than 255 characters"),
        ("/data/invoice", json!(["inv", "R-1"]), "data.invoice: must be an object, not an array"),
        ("/data/invoice", json!("inv"), "data.invoice: must be an object, not text"),
        ("/data/invoice/number", json!("a\u{0}"), "data.invoice.number: contains the character NUL"),
        ("/data/invoice/number", long(129), "data.invoice.number: is longer than 128 characters"),
        ("/data/invoice/number", json!("R-1\nR-2"), "data.invoice.number: contains a control character"),
        ("/data/invoice/number", json!("R-1\u{9b}2J"), "data.invoice.number: contains a control character"),
        (
            "/data/invoice/payment_reference",
            json!("RF18\u{1b}"),
            "data.invoice.payment_reference: contains a control character",
        ),
        ("/data/invoice/buyer_reference", json!("a\tb"), "data.invoice.buyer_reference: contains a control character"),
        ("/data/recipients/0/name", json!("A\r\nB"), "data.recipients[0].name: contains a control character"),
        ("/data/documents/0/name", json!("a\u{7f}.pdf"), "data.documents[0].name: contains a control character"),
        ("/data/invoice/kind", json!("bill"), "data.invoice.kind: must be one of invoice, credit_note, reminder"),
        ("/data/invoice/kind", json!({"invoice": null}), "data.invoice.kind: must be text, not an object"),
        (
            "/data/invoice/reminder_level",
            json!(1),
            "data.invoice.reminder_level: stands at something else than a reminder",
        ),
        ("/data/invoice/reminder_level", json!(300), "data.invoice.reminder_level: is out of range"),
        ("/data/invoice/issue_date", json!("2026-02-30"), "data.invoice.issue_date: is not a date like 2026-11-20"),
        (
            "/data/invoice/issue_date",
            json!("2026-11-20T00:00:00"),
            "data.invoice.issue_date: is not a date like 2026-11-20",
        ),
        (
            "/data/invoice/due_date",
            json!("0001-01-01"),
            "data.invoice.due_date: is not between the years 1970 and 2199",
        ),
        ("/data/invoice/currency", json!("eur"), "data.invoice.currency: is not a currency code (ISO 4217) like EUR"),
        ("/data/invoice/currency", json!("€€€"), "data.invoice.currency: is not a currency code (ISO 4217) like EUR"),
        (
            "/data/invoice/total",
            json!(1190.0),
            "data.invoice.total: must be a decimal in quotes like \"1190.00\", not a fractional number",
        ),
        ("/data/invoice/total", json!("1e5"), "data.invoice.total: is not a decimal like 1190.00"),
        ("/data/invoice/total", json!("1_000"), "data.invoice.total: is not a decimal like 1190.00"),
        ("/data/invoice/total", json!("1.190,00"), "data.invoice.total: is not a decimal like 1190.00"),
        ("/data/invoice/total", json!("1234567890123456"), "data.invoice.total: is not a decimal like 1190.00"),
        ("/data/invoice/amount_due", json!(".5"), "data.invoice.amount_due: is not a decimal like 1190.00"),
        ("/data/invoice/payment_reference", long(256), "data.invoice.payment_reference: is longer than 255 characters"),
    ];
    refuses(&cases);
}

#[test]
fn a_reminder_that_asks_for_nothing_is_refused() {
    let reminder = |amount_due: Value, total: &str, more: Value| {
        let mut event = event();
        let invoice = &mut event["data"]["invoice"];
        invoice["kind"] = json!("reminder");
        invoice["amount_due"] = amount_due;
        invoice["total"] = json!(total);
        event["data"]["reminder"] = more;
        parse(event.to_string().as_bytes()).map(|read| read.data.reminder)
    };
    let refused = |amount_due, total| reminder(amount_due, total, Value::Null).expect_err("nothing is due").to_string();
    let problem = "is not more than 0; a reminder is about money that is still due";
    for amount_due in ["0.00", "-0", "-10.00"] {
        assert_eq!(refused(json!(amount_due), "100.00"), format!("data.invoice.amount_due: {problem}"));
    }
    for total in ["0.00", "-50.00"] {
        assert_eq!(refused(Value::Null, total), format!("data.invoice.total: {problem}"));
    }
    assert_eq!(reminder(json!("0.01"), "-50.00", Value::Null), Ok(None), "what is due counts, not the total");

    let deadline = |text: &str| reminder(Value::Null, "1.00", json!({ "deadline": text }));
    let read = deadline("2026-12-10").expect("a good reminder").expect("it is told");
    assert_eq!(read.deadline, Some(jiff::civil::date(2026, 12, 10)));
    for (text, expected) in [
        ("soon", "data.reminder.deadline: is not a date like 2026-11-20"),
        ("1969-12-31", "data.reminder.deadline: is not between the years 1970 and 2199"),
    ] {
        assert_eq!(deadline(text).expect_err(text).to_string(), expected);
    }
    let mut invoice = event();
    invoice["data"]["reminder"] = json!({ "deadline": "2026-12-10" });
    let found = fault(invoice.to_string().as_bytes());
    assert_eq!(found, "data.reminder.deadline: stands at something else than a reminder");
}

#[test]
fn faults_of_recipients_documents_and_times_say_where_and_what() {
    let long = |length: usize| json!("x".repeat(length));
    let cases = [
        ("/data/reminder", json!(["2026-12-10"]), "data.reminder: must be an object, not an array"),
        ("/data/recipients", json!({}), "data.recipients: must be an array, not an object"),
        ("/data/recipients/0", json!(["to", "a@b.example"]), "data.recipients[0]: must be an object, not an array"),
        ("/data/recipients/0/role", json!("from"), "data.recipients[0].role: must be one of to, cc, bcc"),
        ("/data/recipients/0/address", long(321), "data.recipients[0].address: is longer than 320 characters"),
        (
            "/data/recipients/0/address",
            json!("a\u{0}@b.example"),
            "data.recipients[0].address: contains the character NUL",
        ),
        ("/data/recipients/0/name", long(256), "data.recipients[0].name: is longer than 255 characters"),
        ("/data/documents", json!([]), "data.documents: is empty; only a reminder may come without documents"),
        ("/data/documents", json!("d1"), "data.documents: must be an array, not text"),
        ("/data/documents/1", json!([]), "data.documents[1]: must be an object, not an array"),
        ("/data/documents/1", json!(5), "data.documents[1]: must be an object, not a number"),
        ("/data/documents/1/id", json!("d1"), "data.documents[1].id: is the id of an earlier document too"),
        (
            "/data/documents/1/role",
            json!("pdf"),
            "data.documents[1].role: must be one of invoice_pdf, invoice_xml, attachment",
        ),
        (
            "/data/documents/1/media_type",
            json!("text/html"),
            "data.documents[1].media_type: is not a media type that a mail may carry",
        ),
        ("/data/documents/1/size", json!(-1), "data.documents[1].size: is out of range"),
        ("/data/documents/1/size", json!(0), "data.documents[1].size: is not between 1 and 1073741824 bytes"),
        ("/data/documents/1/size", json!(1u64 << 63), "data.documents[1].size: is not between 1 and 1073741824 bytes"),
        (
            "/data/documents/1/size",
            json!(1.5),
            "data.documents[1].size: must be a whole number, not a fractional number",
        ),
        ("/data/documents/1/size", json!("12"), "data.documents[1].size: must be a whole number, not text"),
        ("/data/documents/1/sha256", json!("abc"), "data.documents[1].sha256: is not 64 hexadecimal digits"),
        ("/data/documents/1/name", long(256), "data.documents[1].name: is longer than 255 characters"),
        (
            "/data/documents/1/object",
            json!("acme/../globex/x"),
            "data.documents[1].object: has a segment . or .., which could leave the tenant's folder",
        ),
        (
            "/data/documents/1/object",
            json!("https://s3.example/acme/x"),
            "data.documents[1].object: is a URL; it must be a key in the document store",
        ),
        (
            "/data/documents/1/object",
            json!("/etc/passwd"),
            "data.documents[1].object: begins with /; it must be a key in the document store",
        ),
        ("/data/documents/1/object", long(513), "data.documents[1].object: is longer than 512 bytes"),
        ("/data/not_before", json!("2026-11-23"), "data.not_before: is not an RFC 3339 date and time"),
        (
            "/data/expires_at",
            json!("2026-11-23T10:00:00Z"),
            "data.expires_at: is not after not_before, so it could never be sent",
        ),
    ];
    refuses(&cases);
}
