use lapin::types::parsing::parse_field_table;
use proptest::prelude::*;

use super::*;

/// A table of which each holds nothing but the next; `depth` is at least 1.
pub(in crate::broker) fn nested_tables(depth: usize) -> Vec<u8> {
    nested(depth, b"\x01tF")
}

/// Arrays in each other, in a table.
pub(in crate::broker) fn nested_arrays(depth: usize) -> Vec<u8> {
    let mut octets = nested(depth - 1, b"A");
    octets.splice(0..0, *b"\x01aA");
    with_length(octets)
}

fn nested(depth: usize, entry: &[u8]) -> Vec<u8> {
    // From the outside in: what remains inside each level is known beforehand.
    let mut octets = Vec::new();
    for inside in (0..depth).rev() {
        octets.extend(u32::try_from(inside * (entry.len() + 4)).unwrap().to_be_bytes());
        if inside > 0 {
            octets.extend_from_slice(entry);
        }
    }
    octets
}

fn with_length(octets: Vec<u8>) -> Vec<u8> {
    let mut all = u32::try_from(octets.len()).unwrap().to_be_bytes().to_vec();
    all.extend(octets);
    all
}

fn walk(octets: &mut [u8]) -> Result<(), Unreadable> {
    let mut fields = Fields { octets, at: 0 };
    fields.table()?;
    fields.end()
}

/// Levels, found by lapin's own types.
fn depth(octets: &[u8]) -> usize {
    use lapin::types::AMQPValue;
    fn of(value: &AMQPValue) -> usize {
        match value {
            AMQPValue::FieldTable(table) => 1 + table.inner().values().map(of).max().unwrap_or(0),
            AMQPValue::FieldArray(array) => 1 + array.as_slice().iter().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    let (_, table) = parse_field_table(octets).expect("it can be read");
    of(&AMQPValue::FieldTable(table))
}

#[test]
fn what_is_too_deep_becomes_bytes_and_the_rest_stays() {
    for make in [nested_tables, nested_arrays] {
        for levels in [2, DEPTH_MAX - 1, DEPTH_MAX] {
            let before = make(levels);
            let mut after = before.clone();
            assert_eq!(walk(&mut after), Ok(()));
            assert_eq!(after, before);
            assert_eq!(depth(&after), levels);
        }
        for levels in [DEPTH_MAX + 1, 100, 6_000, 100_000] {
            let before = make(levels);
            let mut after = before.clone();
            assert_eq!(walk(&mut after), Ok(()));
            assert_eq!(depth(&after), DEPTH_MAX);
            let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
            assert_eq!(changed, 1, "one type octet");
        }
    }
}

#[test]
fn a_name_that_is_not_utf8_is_mended() {
    let mut table = with_length(b"\x03gr\xf6t\x01\x02\xff\xfeV".to_vec());
    assert_eq!(walk(&mut table), Ok(()));
    assert_eq!(table, with_length(b"\x03gr?t\x01\x02??V".to_vec()));
    assert!(parse_field_table(&table[..]).is_ok());
}

#[test]
fn each_method_with_a_table_is_known() {
    // Each field empty, but the table too deep.
    for (name, grammar) in METHODS.iter().filter(|(_, grammar)| grammar.contains(&Field::Table)) {
        let mut payload = [name.0.to_be_bytes(), name.1.to_be_bytes()].concat();
        for field in *grammar {
            match field {
                Field::Octet | Field::ShortString => payload.push(0),
                Field::Short => payload.extend([0; 2]),
                Field::Long | Field::LongString => payload.extend([0; 4]),
                Field::LongLong => payload.extend([0; 8]),
                Field::Table => payload.extend(nested_tables(DEPTH_MAX + 1)),
            }
        }
        let before = payload.clone();
        assert_eq!(mend_method(&mut payload), Ok(()), "{name:?}");
        assert_ne!(payload, before, "{name:?}");
    }
}

#[test]
fn the_message_id_is_found_among_the_other_properties() {
    let mut properties = [0x88, 0x80].to_vec();
    properties.extend(b"\x04text\x05\x03m-1");
    assert_eq!(mend_properties(&mut properties), Ok(Some("m-1")));
    assert_eq!(mend_properties(&mut [0, 0]), Ok(None));
    assert_eq!(mend_properties(&mut [0, 0, 0]), Err(Unreadable));
    assert_eq!(mend_properties(&mut [0x80, 0, 9]), Err(Unreadable));
}

/// Octets that are a table rather often.
fn table_like() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just(b"V".to_vec()),
        any::<u8>().prop_map(|octet| vec![b't', octet]),
        any::<[u8; 2]>().prop_map(|octets| [b"s", &octets[..]].concat()),
        any::<[u8; 8]>().prop_map(|octets| [b"l", &octets[..]].concat()),
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(|octets| [b"S".to_vec(), with_length(octets)].concat()),
        // Nonsense now and then.
        proptest::collection::vec(any::<u8>(), 0..3),
    ];
    let nested = value.prop_recursive(24, 64, 3, |inner| {
        prop_oneof![
            proptest::collection::vec((any::<u8>(), inner.clone()), 0..3).prop_map(|entries| {
                let entry = |(name, value): (u8, Vec<u8>)| [vec![1, name], value].concat();
                [b"F".to_vec(), with_length(entries.into_iter().flat_map(entry).collect())].concat()
            }),
            proptest::collection::vec(inner, 0..3)
                .prop_map(|values| [b"A".to_vec(), with_length(values.concat())].concat()),
        ]
    });
    nested.prop_map(|value| with_length([b"\x01k".to_vec(), value].concat()))
}

proptest! {
    #[test]
    fn what_is_readable_is_so_for_lapin_too_and_never_too_deep(before in table_like()) {
        let mut after = before.clone();
        let readable = walk(&mut after).is_ok();
        let read = parse_field_table(&after[..]);
        prop_assert_eq!(readable, matches!(read, Ok((rest, _)) if rest.is_empty()));
        if readable {
            prop_assert!(depth(&after) <= DEPTH_MAX);
        }
        prop_assert_eq!(before.len(), after.len());
    }

    #[test]
    fn no_octets_are_too_strange(mut octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = mend_properties(&mut octets);
        let _ = mend_method(&mut octets);
        make_utf8(&mut octets);
        prop_assert!(std::str::from_utf8(&octets).is_ok());
    }
}
