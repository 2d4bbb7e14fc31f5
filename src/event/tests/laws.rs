//! Laws that hold for any bytes and any values.

use proptest::prelude::*;
use strum::VariantArray as _;

use super::*;

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

/// Every place in an event at which something else may stand.
pub(super) fn pointers(event: &Value) -> Vec<String> {
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
    collect(event, "", &mut pointers);
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
        pointer in prop::sample::select(pointers(&event())), value in any_json(),
    ) {
        let body = with(&pointer, Some(value));
        match parse(&body) {
            Ok(read) => {
                prop_assert!(!has_nul(&read.data));
                prop_assert_eq!(reread(&body), Ok(read.data));
            }
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
        number in "\\PC{1,128}", cents in -1_000_000_000i64..1_000_000_000, scale in 0u32..=6,
        due in prop::option::of("20[0-9]{2}-0[1-9]-[12][0-8]"), name in prop::option::of("\\PC{0,255}"),
        kind in prop::sample::select(InvoiceKind::VARIANTS), size in 1u64..=1 << 30,
    ) {
        prop_assume!(!number.trim().is_empty() && !number.contains(crate::clean::is_dropped));
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
