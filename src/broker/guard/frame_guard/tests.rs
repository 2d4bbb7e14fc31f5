use lapin::protocol::basic::parse_properties;
use lapin::types::AMQPValue;
use proptest::prelude::*;

use super::*;
use crate::broker::guard::field_table::tests::{nested_arrays, nested_tables};
use crate::broker::guard::incoming_bodies::BodyLimit;
use crate::sha256::Sha256;

const LIMIT: BodyLimit = BodyLimit { bytes_max: 100_000, bytes_kept: 64 << 10 };

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(channel.to_be_bytes());
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(payload);
    frame.push(FRAME_END);
    frame
}

fn tuning(frame_max: u32) -> Vec<u8> {
    let payload = [&TUNE[..], &[0, 0], &frame_max.to_be_bytes(), &[0, 60]].concat();
    frame(METHOD, 0, &payload)
}

fn deliver(channel: u16, tag: u64) -> Vec<u8> {
    let payload = [&DELIVER[..], b"\x03ct1", &tag.to_be_bytes(), b"\x00", b"\x07billing", b"\x0cinvoice.sent"].concat();
    frame(METHOD, channel, &payload)
}

/// The header of a message with these properties: flags and values.
fn content_header(channel: u16, body_bytes: u64, properties: &[u8]) -> Vec<u8> {
    let payload = [&[0, 60, 0, 0][..], &body_bytes.to_be_bytes(), properties].concat();
    frame(CONTENT_HEADER, channel, &payload)
}

/// Properties that are headers only.
fn headers(table: &[u8]) -> Vec<u8> {
    [&[0x20, 0], table].concat()
}

fn body(channel: u16, bytes: &[u8], frame_bytes: usize) -> Vec<u8> {
    bytes.chunks(frame_bytes - FRAME_OVERHEAD).flat_map(|piece| frame(BODY, channel, piece)).collect()
}

fn message(channel: u16, tag: u64, properties: &[u8], bytes: &[u8]) -> Vec<u8> {
    let header = content_header(channel, bytes.len() as u64, properties);
    [deliver(channel, tag), header, body(channel, bytes, 32 << 10)].concat()
}

/// A table with one header of that many bytes, and the name of a dead letter behind it.
fn large_headers(bytes: usize) -> Vec<u8> {
    let mut entries = b"\x05traceS".to_vec();
    entries.extend(u32::try_from(bytes).unwrap().to_be_bytes());
    entries.resize(entries.len() + bytes, b'x');
    entries.extend(b"\x17dispatch-dead-letter-idS\x00\x00\x00\x03id7");
    let length = u32::try_from(entries.len()).unwrap().to_be_bytes();
    [&length[..], &entries].concat()
}

fn guard(limit: Option<BodyLimit>) -> (FrameGuard, Arc<IncomingBodies>) {
    let bodies = Arc::new(IncomingBodies::new(limit));
    (FrameGuard::new(32 << 10, Arc::clone(&bodies)), bodies)
}

/// What comes out if all of it comes in, in pieces of these sizes again and again; nothing has to wait.
fn pass(guard: &mut FrameGuard, input: &[u8], pieces: &[usize]) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let (mut rest, mut sizes) = (input, pieces.iter().cycle());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        let progress = guard.push(piece, &mut output)?;
        assert_eq!(progress, FrameProgress { consumed: piece.len(), waits: false });
        rest = later;
    }
    Ok(output)
}

/// Type, channel and payload of each frame.
fn frames(mut octets: &[u8]) -> Vec<(u8, u16, &[u8])> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = octets.split_first_chunk::<HEAD_BYTES>() {
        let size = u32::from_be_bytes(head[3..].try_into().unwrap()) as usize;
        assert_eq!(rest[size], FRAME_END);
        frames.push((head[0], u16::from_be_bytes([head[1], head[2]]), &rest[..size]));
        octets = &rest[size + 1..];
    }
    assert!(octets.is_empty());
    frames
}

fn depth(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::FieldTable(table) => 1 + table.inner().values().map(depth).max().unwrap_or(0),
        AMQPValue::FieldArray(array) => 1 + array.as_slice().iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn headers_of(content_header: &[u8]) -> Option<AMQPValue> {
    let (rest, properties) = parse_properties(&content_header[CONTENT_BYTES..]).expect("lapin can read it");
    assert!(rest.is_empty());
    properties.headers().clone().map(AMQPValue::FieldTable)
}

#[test]
fn deep_headers_arrive_flat_also_at_the_largest_frame() {
    for table in [nested_tables(6_000), nested_arrays(40_000), nested_tables(100_000)] {
        let bodies = Arc::new(IncomingBodies::new(None));
        let mut guard = FrameGuard::new(0, bodies);
        let input = [tuning(0), message(1, 1, &headers(&table), b"event")].concat();
        let output = pass(&mut guard, &input, &[1_000]).expect("these are frames");
        let frames = frames(&output);
        assert_eq!(frames.len(), 4, "{:?}", frames.iter().map(|frame| frame.0).collect::<Vec<_>>());
        assert_eq!(depth(&headers_of(frames[2].2).unwrap()), 16);
        assert_eq!(frames[3].2, b"event");
    }
}

#[test]
fn a_deep_table_of_a_broker_that_greets_us_is_flat_too() {
    let table = nested_tables(2_500);
    let payload = [&[0, 10, 0, 10, 0, 9], &table[..], b"\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US"].concat();
    let output = pass(&mut guard(None).0, &frame(METHOD, 0, &payload), &[7]).expect("these are frames");
    let frames = frames(&output);
    let (_, table) = lapin::types::parsing::parse_field_table(&frames[0].2[6..]).expect("it can be read");
    assert_eq!(depth(&AMQPValue::FieldTable(table)), 16);
}

#[test]
fn properties_that_are_too_large_leave_nothing_but_the_name_of_a_dead_letter() {
    let (mut guard, bodies) = guard(None);
    pass(&mut guard, &tuning(131_072), &[100]).expect("a frame");
    let output = pass(&mut guard, &message(1, 1, &headers(&large_headers(40_000)), b"event"), &[9_999]).unwrap();
    let Some(AMQPValue::FieldTable(table)) = headers_of(frames(&output)[1].2) else { panic!("headers") };
    assert_eq!(table.inner().len(), 1);
    assert_eq!(table.inner()["dispatch-dead-letter-id"], AMQPValue::LongString("id7".into()));
    assert_eq!(frames(&output)[2].2, b"event");
    assert_eq!(bodies.last_message().expect("a message").to_string(), r#"routing key "invoice.sent", 5 bytes"#);

    // Larger than anything that is kept.
    let output = pass(&mut guard, &message(1, 2, &headers(&large_headers(3 << 20)), b"event"), &[65_536]).unwrap();
    assert_eq!(headers_of(frames(&output)[1].2), None);
    assert_eq!(frames(&output)[2].2, b"event");
    assert!(guard.frame.capacity() <= FRAME_BYTES_MIN as usize, "its room was given back");
}

#[test]
fn properties_that_fit_into_the_agreed_frame_stay_as_they_are() {
    let mut guard = FrameGuard::new(0, Arc::new(IncomingBodies::new(None)));
    let input = [tuning(131_072), message(1, 1, &headers(&large_headers(120_000)), b"event")].concat();
    assert_eq!(pass(&mut guard, &input, &[4_096]).unwrap(), input);
}

#[test]
fn properties_that_cannot_be_read_are_left_out() {
    // A type that does not exist, a length that leads outside, octets behind the end.
    for properties in [&headers(b"\x00\x00\x00\x04\x01kZ\x00")[..], &headers(b"\x00\x00\x01\x00"), b"\x00\x00more"] {
        let output = pass(&mut guard(None).0, &message(1, 1, properties, b"event"), &[5]).unwrap();
        assert_eq!(headers_of(frames(&output)[1].2), None);
        assert_eq!(frames(&output)[2].2, b"event");
    }
}

#[test]
fn names_that_are_not_utf8_are_mended_everywhere() {
    let payload = [&DELIVER[..], b"\x02\xff\xfe", &[0; 9], b"\x01e", b"\x03k\xf6y"].concat();
    let header = content_header(1, 0, b"\x80\x80\x03t\xf6x\x02\xc3\x28");
    let output = pass(&mut guard(None).0, &[frame(METHOD, 1, &payload), header].concat(), &[1]).unwrap();
    let frames = frames(&output);
    assert!(frames[0].2.ends_with(b"\x01e\x03k?y"));
    let (_, properties) = parse_properties(&frames[1].2[CONTENT_BYTES..]).expect("lapin can read it");
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "t?x");
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "?(");
}

#[test]
fn both_sides_can_have_the_agreed_frame() {
    for (offered, wanted, agreed) in [
        (0, 0, 1 << 20),
        (131_072, 0, 131_072),
        (131_072, 32_768, 32_768),
        (4_096, 32_768, 4_096),
        (u32::MAX, 0, 1 << 20),
    ] {
        let mut guard = FrameGuard::new(wanted, Arc::new(IncomingBodies::new(None)));
        assert_eq!(pass(&mut guard, &tuning(offered), &[3]).unwrap(), tuning(agreed), "{offered} {wanted}");
        assert_eq!(guard.frame_bytes_max, agreed);
    }
}

#[test]
fn of_a_body_that_is_too_large_the_beginning_arrives_and_its_size_and_hash_are_known() {
    let (mut guard, bodies) = guard(Some(LIMIT));
    let large: Vec<u8> = (0..300_000_u32).map(|number| (number % 251).try_into().unwrap()).collect();
    let fits = vec![b'x'; 100_000];
    let input = [message(1, 1, &[0, 0], &large), message(1, 2, &[0, 0], &fits)].concat();
    let output = pass(&mut guard, &input, &[10_000]).unwrap();
    let bodies_of = |header: usize| {
        frames(&output)
            .iter()
            .skip(header + 1)
            .take_while(|f| f.0 == BODY)
            .flat_map(|f| f.2.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(frames(&output)[1].2[4..12], (64_u64 << 10).to_be_bytes());
    assert_eq!(bodies_of(1), large[..64 << 10]);
    let whole = bodies.take_cut(1, 1).expect("it was cut");
    assert_eq!((whole.bytes, whole.sha256), (300_000, Sha256::of(&large)));
    assert_eq!(bodies.take_cut(1, 1), None);
    let second = frames(&output).iter().rposition(|frame| frame.0 == CONTENT_HEADER).unwrap();
    assert_eq!(bodies_of(second), fits);
    assert_eq!(bodies.take_cut(1, 2), None);
}

#[test]
fn the_next_message_waits_while_too_much_is_in_memory() {
    let (mut guard, bodies) = guard(None);
    let megabyte = vec![b'x'; 1 << 20];
    let one = message(1, 1, &[0, 0], &megabyte);
    for _ in 0..4 {
        pass(&mut guard, &one, &[50_000]).unwrap();
    }
    let (mut output, input) = (Vec::new(), [one.clone(), frame(HEARTBEAT, 0, &[])].concat());
    let progress = guard.push(&input, &mut output).unwrap();
    assert!(progress.waits);
    assert_eq!(frames(&output).len(), 1, "announced, no more: {:?}", frames(&output).len());
    assert!(guard.push(&input[progress.consumed..], &mut output).unwrap().waits, "still");
    bodies.window.give_back(1 << 20);
    let progress = guard.push(&input[progress.consumed..], &mut output).unwrap();
    assert!(!progress.waits);
    assert_eq!(output, input);

    // When the connection closes nothing waits any more, and nothing but the answer is of use.
    let progress = guard.push(&one, &mut output).unwrap();
    assert!(progress.waits);
    bodies.window.open();
    output.clear();
    let rest = [&one[progress.consumed..], &one[..], &frame(HEARTBEAT, 0, &[])[..]].concat();
    assert!(!guard.push(&rest, &mut output).unwrap().waits);
    let frames = frames(&output);
    let kinds: Vec<u8> = frames.iter().map(|frame| frame.0).collect();
    assert_eq!(kinds, [CONTENT_HEADER, METHOD, CONTENT_HEADER, HEARTBEAT]);
    assert!(frames.iter().filter(|frame| frame.0 == CONTENT_HEADER).all(|frame| frame.2[4..12] == [0; 8]));
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    let mut too_large = frame(METHOD, 0, &vec![0; 70_000]);
    too_large.truncate(20);
    let mut open_end = frame(METHOD, 0, &[0, 10, 0, 11, 0, 0, 0, 0]);
    *open_end.last_mut().unwrap() = 0;
    let cut_off = frame(METHOD, 0, &[0, 10, 0, 10, 0, 9, 0, 0, 1, 0]);
    for bad in [frame(9, 0, &[]), too_large, open_end, cut_off, frame(CONTENT_HEADER, 1, &[0; 13])] {
        let error = pass(&mut guard(None).0, &bad, &[3]).expect_err("these are no frames");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    // Another version of the protocol: lapin says so.
    assert_eq!(pass(&mut guard(None).0, b"AMQP\x00\x01\x00\x00", &[3]).unwrap(), b"AMQP\x00\x01\x00\x00");
}

/// Frames as a broker sends them, some too large or too deep.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let table = prop_oneof![
        (1_usize..40).prop_map(nested_tables),
        (2_usize..40).prop_map(nested_arrays),
        (0_usize..40_000).prop_map(large_headers),
    ];
    let one = prop_oneof![
        4 => (1_u16..3, any::<u64>(), table, 0_usize..120_000)
            .prop_map(|(channel, tag, table, size)| message(channel, tag, &headers(&table), &vec![b'x'; size])),
        1 => Just(frame(HEARTBEAT, 0, &[])),
        // basic.ack
        1 => any::<[u8; 9]>().prop_map(|rest| frame(METHOD, 1, &[&[0, 60, 0, 80], &rest[..]].concat())),
    ];
    proptest::collection::vec(one, 1..6).prop_map(|all| [tuning(131_072), all.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_pieces_give_the_same(input in traffic(), pieces in proptest::collection::vec(1_usize..5_000, 1..8)) {
        let whole = pass(&mut guard(Some(LIMIT)).0, &input, &[usize::MAX]).unwrap();
        let in_pieces = pass(&mut guard(Some(LIMIT)).0, &input, &pieces).unwrap();
        prop_assert_eq!(&in_pieces, &whole);
        for (kind, _, payload) in frames(&whole) {
            if kind == CONTENT_HEADER {
                prop_assert!(headers_of(payload).as_ref().map_or(0, depth) <= 16);
            }
            prop_assert!(payload.len() + FRAME_OVERHEAD <= 32 << 10);
        }
        // Once more changes nothing: what is within the limits stays as it is.
        prop_assert_eq!(pass(&mut guard(Some(LIMIT)).0, &whole, &pieces).unwrap(), whole);
    }

    #[test]
    fn no_bytes_are_too_strange(input in proptest::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50) {
        let _ = pass(&mut guard(Some(LIMIT)).0, &input, &[piece]);
    }

    #[test]
    fn nonsense_in_frames_is_refused_or_passes(payload in proptest::collection::vec(any::<u8>(), 14..80), kind in 1_u8..4) {
        let _ = pass(&mut guard(Some(LIMIT)).0, &[deliver(1, 1), frame(kind, 1, &payload)].concat(), &[13]);
    }
}
