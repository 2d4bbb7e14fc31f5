//! What is read, what is refused, and with which words.

use crate::model::incoming::BODY_BYTES_MAX;
use serde_json::{Value, json};

use super::*;

mod faults;
mod laws;
mod schema;

// Every event that is read here is held against the published schema, too.
use schema::parse;

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// The event of the design, with every field.
fn event() -> Value {
    json!({
        "specversion": "1.0", "id": "7f1b0d7e-1c1f-4f0e-9a55-0f5f6d1c2a01", "source": "https://billing.example/eu-1",
        "type": "invoice.sent.v1", "time": "2026-11-23T09:30:00Z", "datacontenttype": "application/json",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {
            "tenant_id": "acme", "customer_id": "C-1042", "locale": "de-DE",
            "invoice": {
                "id": "inv_9f2", "number": "R-2026-0042", "kind": "invoice", "issue_date": "2026-11-20",
                "due_date": "2026-12-04", "currency": "EUR", "total": "1190.00", "amount_due": "1190.00",
                "payment_reference": "RF18539007547034", "buyer_reference": "04011000-12345-34"
            },
            "recipients": [{ "role": "to", "address": "ap@customer.example", "name": "Accounts Payable" }],
            "documents": [
                { "id": "d1", "role": "invoice_pdf", "name": "R-2026-0042.pdf", "media_type": "application/pdf",
                  "size": 81234, "sha256": DIGEST, "object": "acme/2026/R-2026-0042.pdf" },
                { "id": "d2", "role": "invoice_xml", "name": "R-2026-0042.xml", "media_type": "application/xml",
                  "size": 12345, "sha256": DIGEST, "object": "acme/2026/R-2026-0042.xml" }
            ],
            "not_before": "2026-11-23T10:00:00Z", "expires_at": "2026-11-30T00:00:00Z"
        }
    })
}

/// The event with the value at `pointer` (RFC 6901) replaced, or taken out.
fn with(pointer: &str, value: Option<Value>) -> Vec<u8> {
    let mut event = event();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match (event.pointer_mut(parent).expect("the parent"), value) {
        (Value::Object(object), Some(value)) => {
            object.insert(name.to_owned(), value);
        }
        (Value::Object(object), None) => {
            object.remove(name).expect("the member is there");
        }
        (Value::Array(array), Some(value)) => array[name.parse::<usize>().expect("an index")] = value,
        _ => panic!("{pointer} cannot be changed"),
    }
    serde_json::to_vec(&event).expect("JSON")
}

fn fault(body: &[u8]) -> String {
    parse(body).expect_err(&String::from_utf8_lossy(body)).to_string()
}

#[test]
fn the_event_of_the_design_is_read_whole() {
    let body = serde_json::to_vec(&event()).expect("JSON");
    let read = parse(&body).expect("a good event");
    assert_eq!(read.id, "7f1b0d7e-1c1f-4f0e-9a55-0f5f6d1c2a01");
    assert_eq!(read.time.map(|time| time.to_string()).as_deref(), Some("2026-11-23T09:30:00Z"));
    assert!(read.traceparent.is_some());
    assert_eq!(read.data.invoice.total.to_string(), "1190.00");
    assert_eq!(read.data.documents[1].media_type, MediaType::Xml);
    assert_eq!(serde_json::to_value(&read.data).expect("JSON"), event()["data"], "nothing is lost");
}

#[test]
fn every_required_field_is_missed_by_its_path() {
    let required = [
        "/specversion",
        "/id",
        "/source",
        "/type",
        "/data",
        "/data/tenant_id",
        "/data/customer_id",
        "/data/invoice",
        "/data/documents",
        "/data/invoice/id",
        "/data/invoice/number",
        "/data/invoice/kind",
        "/data/invoice/issue_date",
        "/data/invoice/currency",
        "/data/invoice/total",
        "/data/documents/1/id",
        "/data/documents/1/role",
        "/data/documents/1/media_type",
        "/data/documents/1/size",
        "/data/documents/1/sha256",
        "/data/documents/1/object",
        "/data/recipients/0/role",
        "/data/recipients/0/address",
    ];
    for pointer in required {
        let path = pointer[1..].replace("/1/", "[1].").replace("/0/", "[0].").replace('/', ".");
        assert_eq!(fault(&with(pointer, None)), format!("{path}: is missing"));
    }
}

#[test]
fn every_other_field_may_be_absent_or_null() {
    let optional = [
        "/time",
        "/datacontenttype",
        "/traceparent",
        "/data/locale",
        "/data/invoice/due_date",
        "/data/invoice/amount_due",
        "/data/invoice/payment_reference",
        "/data/invoice/buyer_reference",
        "/data/recipients/0/name",
        "/data/documents/0/name",
        "/data/not_before",
        "/data/expires_at",
    ];
    for pointer in optional {
        assert!(parse(&with(pointer, None)).is_ok(), "{pointer} absent");
        assert!(parse(&with(pointer, Some(Value::Null))).is_ok(), "{pointer} null");
    }
    for recipients in [None, Some(Value::Null), Some(json!([]))] {
        assert!(parse(&with("/data/recipients", recipients)).expect("a good event").data.recipients.is_empty());
    }
}

#[test]
fn what_is_no_event_at_all_is_refused_as_a_whole() {
    for (body, expected) in [
        (&b"[]"[..], "$: must be an object, not an array"),
        (b"null", "$: must be an object, not null"),
        (b"{}", "specversion: is missing"),
        (b"{\"a\":", "$: is not JSON: EOF while parsing a value at line 1 column 5"),
        (b"\xff\xfe", "$: is not JSON: expected value at line 1 column 1"),
    ] {
        assert_eq!(fault(body), expected);
    }
    let mut large = serde_json::to_vec(&event()).expect("JSON");
    large.resize(BODY_BYTES_MAX, b' ');
    assert!(parse(&large).is_ok(), "1 MiB exactly");
    large.push(b' ');
    assert_eq!(fault(&large), "$: has 1048577 bytes, more than 1048576");
}

#[test]
fn data_in_base64_is_not_read() {
    let mut event = event();
    let object = event.as_object_mut().expect("an object");
    object.remove("data");
    object.insert("data_base64".to_owned(), json!("e30="));
    assert_eq!(fault(event.to_string().as_bytes()), "data: is missing; data_base64 is not read");
}

#[test]
fn a_name_that_stands_twice_is_refused_but_the_event_is_still_named() {
    let body = serde_json::to_string(&event()).expect("JSON");
    let twice = body.replacen("\"tenant_id\"", "\"tenant_id\":\"globex\",\"tenant_id\"", 1);
    let found = parse(twice.as_bytes()).expect_err("two tenants");
    assert_eq!(found.to_string(), "data.tenant_id: stands twice in the same object");
    assert_eq!(found.source_and_id.map(|(source, _)| source).as_deref(), Some("https://billing.example/eu-1"));
}

#[test]
fn a_path_with_somebody_elses_names_can_be_stored() {
    let name = format!("\\u0000{}", "x".repeat(1000));
    let found = fault(format!(r#"{{"{name}":1,"{name}":2}}"#).as_bytes());
    assert!(!found.contains('\0') && found.len() < 400, "{found}");
}

#[test]
fn unknown_fields_are_ignored_but_are_content() {
    let plain = parse(event().to_string().as_bytes()).expect("a good event");
    let more = parse(&with("/data/colour", Some(json!({"nul": "\u{0}"})))).expect("a good event");
    assert_eq!(plain.data, more.data);
    assert_ne!(plain.content_sha256, more.content_sha256);
    let extended = parse(&with("/partitionkey", Some(json!("7")))).expect("a good event");
    assert_eq!(plain.content_sha256, extended.content_sha256, "the envelope is no content");
}

#[test]
fn what_nothing_depends_on_is_dropped_and_named() {
    let whole = parse(event().to_string().as_bytes()).expect("a good event");
    assert_eq!(whole.dropped, []);
    let long = json!("x".repeat(256));
    let cases: [(&str, &[Value], Dropped); 3] = [
        (
            "/time",
            // Quarkus writes the zone's name.
            &[
                json!("2023-01-25T19:07:06.370582GMT"),
                json!("2319-01-01T00:00:00Z"),
                json!("\u{0}"),
                json!(7),
                json!([]),
            ],
            Dropped::Time,
        ),
        (
            "/traceparent",
            &[
                json!("nonsense"),
                json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"),
                json!("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                json!("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\u{0}"),
                json!({}),
                long.clone(),
            ],
            Dropped::Traceparent,
        ),
        ("/data/locale", &[json!("german please"), json!("\u{0}"), json!(""), json!(49), long], Dropped::Locale),
    ];
    for (pointer, values, dropped) in cases {
        for value in values {
            let read = parse(&with(pointer, Some(value.clone()))).unwrap_or_else(|fault| panic!("{value}: {fault}"));
            assert_eq!(read.dropped, [dropped], "{pointer} {value}");
            let reported = [read.time.is_some(), read.traceparent.is_some(), read.data.locale.is_some()];
            assert_eq!(reported, [Dropped::Time, Dropped::Traceparent, Dropped::Locale].map(|one| one != dropped));
        }
    }
}

#[test]
fn a_locale_is_read_as_people_write_it() {
    for (text, expected) in [("de_DE", "de-DE"), ("deu-DE", "de-DE"), ("fre_BE", "fr-BE"), ("pl-PL", "pl-PL")] {
        let body = with("/data/locale", Some(json!(text)));
        let read = parse(&body).expect("a good event");
        assert_eq!((read.data.locale.as_deref(), read.dropped.len()), (Some(expected), 0), "{text}");
        assert_eq!(reread(&body).expect("it was read before").locale.as_deref(), Some(expected));
    }
}

#[test]
fn a_byte_order_mark_is_skipped_in_every_mode() {
    let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
    let plain = event().to_string();
    let read = parse(plain.as_bytes()).expect("a good event");
    assert_eq!(parse(&marked(&plain)), Ok(read.clone()));
    assert_eq!(reread(&marked(&plain)), Ok(read.data.clone()));
    let batch = parse_batch(&marked(&format!("[{plain}]"))).expect("a good batch");
    assert_eq!(batch[0].event, read);
    let attributes: [(&str, &[u8]); 4] =
        [("ce-specversion", b"1.0"), ("ce-type", b"invoice.sent.v1"), ("ce-id", b"1"), ("ce-source", b"s")];
    let binary = from_binary(attributes, &marked(&event()["data"].to_string())).expect("a good event");
    assert_eq!(binary.event.data, read.data);
    // A fault behind it still names its event, and a second mark is a fault.
    let named = parse(&marked(&plain.replacen("\"tenant_id\"", "\"tenant_id\":1,\"tenant_id\"", 1)));
    assert!(named.expect_err("twice").source_and_id.is_some());
    assert!(fault(&marked(&format!("\u{feff}{plain}"))).starts_with("$: is not JSON"));
}

#[test]
fn an_invoice_for_machines_has_two_spellings() {
    let digest = |role: &str| {
        let read = parse(&with("/data/documents/1/role", Some(json!(role)))).expect("a good event");
        assert_eq!(read.data.documents[1].role, DocumentRole::InvoiceXml);
        invoice_sha256(&read.data)
    };
    assert_eq!(digest("invoice_ubl"), digest("invoice_xml"), "the same invoice");
}

#[test]
fn a_reminder_may_come_without_documents() {
    let mut event = event();
    event["data"]["documents"] = json!([]);
    event["data"]["invoice"]["kind"] = json!("reminder");
    event["data"]["invoice"]["reminder_level"] = json!(2);
    let read = parse(event.to_string().as_bytes()).expect("a good reminder");
    assert_eq!(read.data.invoice.reminder_level, Some(2));
}

#[test]
fn counts_have_bounds() {
    let recipient = json!({ "role": "to", "address": "not an address" });
    let recipients = |count: usize| with("/data/recipients", Some(vec![recipient.clone(); count].into()));
    assert!(parse(&recipients(100)).is_ok(), "whether they can be used is asked later");
    assert_eq!(fault(&recipients(101)), "data.recipients: has more than 100 elements");
    let document = event()["data"]["documents"][0].clone();
    assert_eq!(
        fault(&with("/data/documents", Some(vec![document; 51].into()))),
        "data.documents: has more than 50 elements"
    );
}

#[test]
fn documents_lie_under_the_tenants_prefix() {
    let data = parse(event().to_string().as_bytes()).expect("a good event").data;
    for prefix in ["acme/", "acme", "acme/2026/"] {
        assert_eq!(check_objects(&data, prefix), Ok(()), "{prefix}");
    }
    for prefix in ["globex/", "acm", "acme/20", "", "/", "acme/2026/R-2026-0042.pdf"] {
        let found = check_objects(&data, prefix).expect_err(prefix);
        assert!(found.path.starts_with("data.documents["), "{found}");
    }
    assert_eq!(
        check_objects(&data, "globex/").expect_err("another tenant").to_string(),
        "data.documents[0].object: does not begin with the tenant's prefix globex/"
    );
}

#[test]
fn the_same_invoice_is_known_under_another_event() {
    let digest = |change: &dyn Fn(&mut InvoiceData)| {
        let mut data = parse(event().to_string().as_bytes()).expect("a good event").data;
        change(&mut data);
        invoice_sha256(&data)
    };
    let plain = digest(&|_| ());
    assert_eq!(plain, digest(&|data| data.locale = None));
    assert_eq!(plain, digest(&|data| data.documents[0].object = "acme/again.pdf".to_owned()));
    assert_eq!(plain, digest(&|data| data.recipients[0].name = None));
    assert_eq!(plain, digest(&|data| data.customer_id = "C-1".into()), "the event says whom it goes to");
    assert_ne!(
        digest(&|data| data.recipients.clear()),
        digest(&|data| {
            data.recipients.clear();
            data.customer_id = "C-1".into();
        })
    );
    let others: [&dyn Fn(&mut InvoiceData); 6] = [
        &|data| data.tenant_id = "globex".into(),
        &|data| data.invoice.id = "inv_9f3".to_owned(),
        &|data| data.invoice.kind = InvoiceKind::CreditNote,
        &|data| data.documents[0].sha256 = Sha256::of(b"another"),
        &|data| data.documents.truncate(1),
        &|data| data.recipients[0].address = "else@customer.example".to_owned(),
    ];
    for (index, change) in others.into_iter().enumerate() {
        assert_ne!(plain, digest(change), "change {index}");
    }
    let reminder = |level| {
        digest(&move |data| {
            data.invoice.kind = InvoiceKind::Reminder;
            data.invoice.reminder_level = level;
        })
    };
    assert_ne!(reminder(Some(1)), reminder(Some(2)), "the second reminder is no duplicate of the first");
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all() {
    let good = event().to_string();
    let body = format!("[ {good} ,\n {good} ]");
    let read = parse_batch(body.as_bytes()).expect("a good batch");
    assert_eq!(read.len(), 2);
    assert_eq!(read[1].body, good.as_bytes(), "each event keeps its own bytes");
    assert!(parse_batch(b"[]").expect("nothing is fine").is_empty());

    let bad = String::from_utf8(with("/data/invoice/total", None)).expect("UTF-8");
    let fault = parse_batch(format!("[{good},{bad}]").as_bytes()).expect_err("one is bad");
    assert_eq!(fault.index, Some(1));
    assert_eq!(fault.to_string(), "event 1: data.invoice.total: is missing");
    assert_eq!(parse_batch(good.as_bytes()).expect_err("no array").to_string(), "$: must be an array of events");
    assert!(parse_batch(b"[1,").expect_err("cut off").to_string().starts_with("$: is not JSON"));
}

#[test]
fn binary_mode_becomes_structured_mode() {
    let data = event()["data"].to_string();
    let headers: [(&str, &[u8]); 8] = [
        ("Host", b"127.0.0.1"),
        ("Content-Type", b"application/json; charset=utf-8"),
        ("CE-SpecVersion", b"1.0"),
        ("ce-type", b"invoice.sent.v1"),
        ("ce-id", b"a%20b%C3%A4"),
        ("ce-source", b"\"https://billing.example/\\\"eu\\\"\""),
        ("ce-time", b"2026-11-23T09:30:00Z"),
        ("ce-partitionkey", b"7"),
    ];
    let received = from_binary(headers, data.as_bytes()).expect("a good event");
    assert_eq!(received.event.id, "a bä");
    assert_eq!(received.event.source, "https://billing.example/\"eu\"");
    assert_eq!(parse(&received.body).expect("structured"), received.event);
    assert_eq!(
        received.event.content_sha256,
        parse(event().to_string().as_bytes()).expect("a good event").content_sha256
    );

    let refused = |headers: &[(&'static str, &'static [u8])], body: &str| {
        from_binary(headers.iter().copied(), body.as_bytes()).expect_err(body).to_string()
    };
    let attributes: [(&str, &[u8]); 4] =
        [("ce-specversion", b"1.0"), ("ce-type", b"invoice.sent.v1"), ("ce-id", b"1"), ("ce-source", b"s")];
    assert!(refused(&attributes, "{},\"x\":{}").starts_with("data: is not JSON"), "no way out of data");
    assert!(refused(&attributes, "").starts_with("data: is not JSON"));
    assert_eq!(refused(&attributes, "{\"a\":1,\"a\":2}"), "data.a: stands twice in the same object");
    assert_eq!(refused(&[], "{}"), "specversion: is missing");
    assert_eq!(refused(&[("ce-id", b"1"), ("Ce-Id", b"2")], "{}"), "id: stands twice in the headers");
    assert_eq!(refused(&[("ce-data", b"1")], "{}"), "data: is not an attribute that a header may carry");
    assert_eq!(refused(&[("ce-", b"1")], "{}"), "ce-: is not an attribute that a header may carry");
    assert_eq!(
        refused(&[("content-type", b"text/plain")], "{}"),
        "datacontenttype: is not JSON; write content-type: application/json"
    );
}
