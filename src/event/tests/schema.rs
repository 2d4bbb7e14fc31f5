//! The published JSON Schema and the parser, held against each other with every event that these tests read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;

use super::*;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let text = include_str!("../../../docs/schemas/invoice-sent.v1.json");
    let schema = serde_json::from_str(text).expect("JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
});

/// What the parser refuses and no schema can say, as its faults put it. The schema's description names them.
const BEYOND_THE_SCHEMA: [&str; 8] = [
    "stands twice in the same object",
    "is nested more than 32 deep",
    "bytes, more than 1048576",
    // 1.0 is an integer for JSON Schema.
    "must be a whole number, not a fractional number",
    "is the id of an earlier document too",
    "is longer than 512 bytes",
    // The offset of a moment may lead out of them.
    "is not between the years 1970 and 2199",
    "is not after not_before, so it could never be sent",
];

/// Whether more is read at this place than the schema says: the same in another writing, or what is dropped.
fn has_other_writings(path: &str) -> bool {
    let of_envelope = ["/time", "/datacontenttype", "/traceparent"].contains(&path);
    let of_data = ["/data/locale", "/data/not_before", "/data/expires_at"].contains(&path);
    of_envelope || of_data || (path.starts_with("/data/documents/") && path.ends_with("/media_type"))
}

/// Reads an event, and sees that the schema judges it as the parser does.
#[track_caller]
pub(super) fn parse(body: &[u8]) -> Result<InvoiceSent, Malformed> {
    let read = crate::event::parse(body);
    // A schema judges what is JSON.
    if let Ok(value) = serde_json::from_slice::<Value>(crate::event::json::without_mark(body)) {
        assert_agreement(&value, &read);
    }
    read
}

#[track_caller]
fn assert_agreement(value: &Value, read: &Result<InvoiceSent, Malformed>) {
    let faults: Vec<String> = SCHEMA.iter_errors(value).map(|fault| fault.instance_path().to_string()).collect();
    match read {
        Err(fault) if faults.is_empty() => {
            let text = fault.to_string();
            assert!(BEYOND_THE_SCHEMA.iter().any(|beyond| text.contains(beyond)), "{text}: the schema takes {value}");
        }
        Err(_) => {}
        Ok(event) if faults.is_empty() => {
            // A moment whose offset leads out of the years.
            let is_moment = value["time"].as_str().is_some_and(|text| Timestamp::parse(text).is_ok());
            let dropped = event.dropped.iter().all(|dropped| *dropped == Dropped::Time && is_moment);
            assert!(dropped, "{:?} dropped, and the schema takes {value}", event.dropped);
        }
        Ok(event) => {
            assert!(faults.iter().all(|path| has_other_writings(path)), "read, and by the schema wrong: {faults:?}");
            assert!(SCHEMA.is_valid(&plain(value, event)), "read as what the schema does not take: {value}");
        }
    }
}

/// The event as it was read, written plainly, without what the schema says more narrowly than the parser.
fn plain(value: &Value, event: &InvoiceSent) -> Value {
    let mut plain = value.clone();
    plain["time"] = json!(event.time.map(|time| time.to_string()));
    plain["datacontenttype"] = Value::Null;
    plain["traceparent"] = Value::Null;
    plain["data"] = serde_json::to_value(&event.data).expect("JSON");
    plain["data"]["locale"] = Value::Null;
    plain
}

/// The event as a reminder that may say everything.
fn reminder() -> Value {
    let mut reminder = event();
    reminder["data"]["invoice"]["kind"] = json!("reminder");
    reminder["data"]["invoice"]["reminder_level"] = json!(2);
    reminder["data"]["reminder"] = json!({ "deadline": "2026-12-10" });
    reminder
}

fn changed(event: &Value, pointer: &str, value: Option<Value>) -> Vec<u8> {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match (event.pointer_mut(parent).expect("the parent"), value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name.to_owned(), value)),
        (Value::Object(members), None) => drop(members.remove(name)),
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().expect("an index")] = value,
        (Value::Array(items), None) => drop(items.remove(name.parse().expect("an index"))),
        _ => panic!("{pointer} cannot be changed"),
    }
    event.to_string().into_bytes()
}

/// What stands where something else should: every type, and texts and numbers at their bounds.
fn others() -> Vec<Value> {
    let mut others = vec![json!(null), json!(true), json!([]), json!({}), json!([{}]), json!(1.5), json!(1.0)];
    others.extend([-1_i64, 0, 1, 99, 100, 1 << 30, (1 << 30) + 1].map(Value::from));
    let texts = [
        "",
        " ",
        "x",
        " x",
        "x\u{a0}",
        "a b",
        "a\u{0}b",
        "a\nb",
        "a\u{85}b",
        "a\u{200b}b",
        "a\u{200d}b",
        "\u{e0041}",
        "ä/ö",
        "/a",
        "a//b",
        "a/.",
        "../a",
        "..a/b..",
        "a\\b",
        "s3://a/b",
        "0",
        "-0",
        "-0.1",
        "0.000000",
        "0.000001",
        "1.0000000",
        "123456789012345",
        "1234567890123456",
        "1e3",
        "eur",
        "EUR",
        "reminder",
        "credit_note",
        "text/xml",
        "TEXT/CSV; a=b",
        "invoice_ubl",
        "2026-02-28",
        "2026-02-29",
        "2024-02-29",
        "1969-12-31",
        "1970-01-01",
        "2199-12-31",
        "2200-01-01",
        "2026-11-24T10:00:00Z",
        "2026-11-24T10:00:00.123456789+01:30",
        "2026-11-24T10:00:00",
        "2026-11-24t10:00:00z",
        "2026-11-24T24:00:00Z",
        "2026-02-30T10:00:00Z",
        "2200-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "de",
        "de_AT",
        "zh-Hant-TW",
        "deu",
        "d",
        "de-DE-1996",
        "application/ld+json; charset=utf-8",
        "text/json",
        "application/pdf",
        "1.0",
        "invoice.sent.v1",
        "invoice.sent.v2",
        "bcc",
    ];
    others.extend(texts.map(Value::from));
    let lengths = [34, 35, 36, 64, 128, 129, 255, 256, 320, 321, 512, 513];
    others.extend(lengths.iter().flat_map(|length| [json!("x".repeat(*length)), json!("ä".repeat(*length))]));
    others.extend(["0a".repeat(32), "0A".repeat(32), "0g".repeat(32)].map(Value::from));
    others
}

#[test]
fn whatever_stands_at_any_one_place_both_say_the_same() {
    let (mut read, mut refused) = (0, 0);
    let mut count = |body: Vec<u8>| if parse(&body).is_ok() { read += 1 } else { refused += 1 };
    for event in [event(), reminder()] {
        for pointer in laws::pointers(&event) {
            count(changed(&event, &pointer, None));
            for other in others() {
                count(changed(&event, &pointer, Some(other)));
            }
        }
    }
    assert!(read > 300 && refused > 3_000, "{read} were read and {refused} refused");
}

#[test]
fn lists_of_any_length_both_judge_alike() {
    let recipient = event()["data"]["recipients"][0].clone();
    for count in [0, 1, 10, 11, 100, 101] {
        let _ = parse(&with("/data/recipients", Some(vec![recipient.clone(); count].into())));
    }
    for event in [event(), reminder()] {
        let document = |number: usize| {
            let mut document = event["data"]["documents"][0].clone();
            document["id"] = json!(format!("d{number}"));
            document
        };
        for count in [0, 1, 50, 51] {
            let documents: Vec<Value> = (0..count).map(document).collect();
            let read = parse(&changed(&event, "/data/documents", Some(documents.into())));
            let may = count <= 50 && (count > 0 || event["data"]["invoice"]["kind"] == "reminder");
            assert_eq!(read.is_ok(), may, "{count}");
        }
    }
}

#[test]
fn what_is_published_as_an_example_is_right_by_both() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).expect("the folder");
        entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("a file")).collect::<Vec<_>>()
    };
    let document = fs::read_to_string(root.join("docs/events.md")).expect("the document");
    let (_, rest) = document.split_once("```json\n").expect("an event");
    let (described, _) = rest.split_once("\n```").expect("its end");
    for body in files("examples/events").into_iter().chain([described.into()]) {
        let value = serde_json::from_slice(&body).expect("JSON");
        assert!(parse(&body).is_ok() && SCHEMA.is_valid(&value), "{value}");
    }
    // Some of these are wrong on purpose.
    for body in files("examples/demo/events").into_iter().chain(files("fuzz/corpus/event")) {
        let _ = parse(&body);
    }
}

#[test]
fn what_no_schema_can_say_is_all_that_it_does_not_say() {
    let plain = event().to_string();
    let mut large = plain.clone().into_bytes();
    large.resize(BODY_BYTES_MAX + 1, b' ');
    let nested = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let bodies = [
        plain.replacen("\"tenant_id\"", "\"tenant_id\":\"globex\",\"tenant_id\"", 1).into_bytes(),
        with("/data/nested", Some(nested)),
        large,
        with("/data/documents/0/size", Some(json!(81234.0))),
        with("/data/documents/1/id", Some(json!("d1"))),
        with("/data/documents/1/object", Some(json!("ä".repeat(300)))),
        with("/data/not_before", Some(json!("1970-01-01T00:30:00+01:00"))),
        with("/data/expires_at", Some(json!("2026-11-23T10:00:00Z"))),
    ];
    let mut said = BTreeSet::new();
    for body in bodies {
        let value = serde_json::from_slice(&body).expect("JSON");
        assert!(SCHEMA.is_valid(&value), "the schema could say it: {value}");
        let fault = parse(&body).expect_err("only the parser sees it").to_string();
        said.insert(*BEYOND_THE_SCHEMA.iter().find(|beyond| fault.contains(**beyond)).expect("it is listed"));
    }
    assert_eq!(said, BTreeSet::from(BEYOND_THE_SCHEMA), "each is met");
    // The same of a member that is dropped.
    let dropped = parse(&with("/time", Some(json!("1970-01-01T00:30:00+01:00")))).expect("a good event").dropped;
    assert_eq!(dropped, [Dropped::Time]);
}

#[test]
fn more_is_read_than_the_schema_says() {
    for (pointer, written) in [
        ("/time", "2026-11-23 09:30:00Z"),
        ("/datacontenttype", "/json"),
        ("/traceparent", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-ä"),
        ("/data/locale", "de_DE.UTF-8"),
        ("/data/not_before", "2026-11-23t10:00:00z"),
        ("/data/expires_at", "2026-11-30 00:00:00+00:00"),
        ("/data/documents/0/media_type", "Application/PDF; version=1.7"),
    ] {
        let body = with(pointer, Some(json!(written)));
        let value = serde_json::from_slice(&body).expect("JSON");
        assert!(!SCHEMA.is_valid(&value), "the schema says it: {written}");
        assert_eq!(parse(&body).expect("a good event").dropped, [], "{written}");
    }
}
