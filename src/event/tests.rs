//! What is read, what is refused, and with which words.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

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
                { "id": "d2", "role": "invoice_ubl", "name": "R-2026-0042.xml", "media_type": "application/xml",
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
        ("/time", json!("yesterday"), "time: is not an RFC 3339 date and time"),
        ("/time", json!("2319-01-01T00:00:00Z"), "time: is not between the years 1970 and 2199"),
        ("/datacontenttype", json!("text/xml"), "datacontenttype: is not JSON; leave it out or write application/json"),
        ("/traceparent", long(256), "traceparent: is longer than 255 characters"),
        ("/data", json!([]), "data: must be an object, not an array"),
        ("/data", Value::Null, "data: must be an object, not null"),
        ("/data/tenant_id", Value::Null, "data.tenant_id: must be text, not null"),
        ("/data/tenant_id", json!(" acme"), "data.tenant_id: begins or ends with white space"),
        ("/data/customer_id", long(256), "data.customer_id: is longer than 255 characters"),
        ("/data/locale", json!("german please"), "data.locale: is not a language tag (BCP 47) like de-DE"),
        ("/data/invoice", json!(["inv", "R-1"]), "data.invoice: must be an object, not an array"),
        ("/data/invoice", json!("inv"), "data.invoice: must be an object, not text"),
        ("/data/invoice/number", json!("a\u{0}"), "data.invoice.number: contains the character NUL"),
        ("/data/invoice/number", long(129), "data.invoice.number: is longer than 128 characters"),
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
fn faults_of_recipients_documents_and_times_say_where_and_what() {
    let long = |length: usize| json!("x".repeat(length));
    let cases = [
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
            "data.documents[1].role: must be one of invoice_pdf, invoice_ubl, attachment",
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
fn a_trace_of_another_shape_is_dropped() {
    for text in [
        "nonsense",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(parse(&with("/traceparent", Some(json!(text)))).expect("a good event").traceparent, None);
    }
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
    assert_eq!(
        refused(&[("content-type", b"text/plain")], "{}"),
        "datacontenttype: is not JSON; write content-type: application/json"
    );
}

/// Any JSON value that is not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every place in the event at which something else may stand.
fn pointers() -> Vec<String> {
    fn collect(value: &Value, path: &str, pointers: &mut Vec<String>) {
        if !path.is_empty() {
            pointers.push(path.to_owned());
        }
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| collect(value, &format!("{path}/{name}"), pointers));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, value)| collect(value, &format!("{path}/{at}"), pointers));
            }
            _ => {}
        }
    }
    let mut pointers = Vec::new();
    collect(&event(), "", &mut pointers);
    pointers
}

fn has_nul(data: &InvoiceData) -> bool {
    serde_json::to_string(data).expect("JSON").contains("\\u0000")
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
        let _ = parse_batch(&bytes);
        let _ = from_binary([("ce-id", bytes.as_slice())], &bytes);
    }

    #[test]
    fn an_event_with_something_else_in_one_place_is_read_or_refused(
        pointer in prop::sample::select(pointers()), value in any_json(),
    ) {
        match parse(&with(&pointer, Some(value))) {
            Ok(read) => prop_assert!(!has_nul(&read.data)),
            Err(fault) => {
                prop_assert!(!fault.path.is_empty() && !fault.problem.is_empty());
                prop_assert!(!fault.to_string().contains('\0'));
            }
        }
    }

    #[test]
    fn an_event_cut_or_changed_anywhere_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = serde_json::to_vec(&event()).expect("JSON");
        let at = at.index(body.len());
        let _ = parse(&body[..at]);
        body[at] = byte;
        let _ = parse(&body);
    }

    #[test]
    fn what_was_read_survives_being_written_again(
        number in "[^\u{0}]{1,128}", cents in -1_000_000_000i64..1_000_000_000, scale in 0u32..=6,
        due in prop::option::of("20[0-9]{2}-0[1-9]-[12][0-8]"), name in prop::option::of("[^\u{0}]{0,255}"),
        kind in prop::sample::select(InvoiceKind::ALL), size in 1u64..=1 << 30,
    ) {
        prop_assume!(!number.trim().is_empty());
        let mut event = event();
        let invoice = &mut event["data"]["invoice"];
        invoice["number"] = json!(number);
        invoice["kind"] = json!(kind);
        invoice["total"] = json!(Decimal::new(cents, scale).to_string());
        invoice["due_date"] = json!(due);
        event["data"]["documents"][0]["size"] = json!(size);
        event["data"]["recipients"][0]["name"] = json!(name);
        let read = parse(event.to_string().as_bytes()).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        event["data"] = serde_json::to_value(&read.data).expect("JSON");
        let again = parse(event.to_string().as_bytes()).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        prop_assert_eq!(&read.data, &again.data);
        prop_assert_eq!(invoice_sha256(&read.data), invoice_sha256(&again.data));
    }
}
