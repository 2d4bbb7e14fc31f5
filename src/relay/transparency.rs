//! The message as it stands on the wire: dot-stuffed and ended by a dot ([RFC 5321 §4.5.2]).
//!
//! Nothing is copied. Base64 and quoted-printable rarely begin a line with a dot, so a message mostly goes out as two
//! slices, itself and the end.
//!
//! [RFC 5321 §4.5.2]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2

/// A message whose line ends are not CRLF throughout, so that relays would disagree about where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message has a bare CR or LF at byte {at}")]
pub(super) struct BareLineEnd {
    /// Where the first one stands, counting from 0.
    at: usize,
}

/// The slices to write after the 354, in order.
///
/// # Errors
/// [`BareLineEnd`]: a bare LF or CR lets one relay see an end of the message where another sees none, and what
/// follows would be commands to one of them.
pub(super) fn on_the_wire(message: &[u8]) -> Result<Vec<&[u8]>, BareLineEnd> {
    if !has_whole_line_ends(message) {
        return Err(BareLineEnd { at: first_bare_line_end(message).unwrap_or(message.len()) });
    }
    let mut slices = Vec::with_capacity(2);
    let mut slice_start = 0;
    // Dots are rarer than lines: base64 has none.
    for at in memchr::memchr_iter(b'.', message) {
        if at == 0 || message[at - 1] == b'\n' {
            // The dot goes out with the slice before it and once more as the first byte of the next.
            slices.push(&message[slice_start..=at]);
            slice_start = at;
        }
    }
    slices.push(&message[slice_start..]);
    // The final CRLF of the message is the first of the two around the dot (RFC 5321 §4.1.1.4).
    slices.push(if message.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" });
    Ok(slices)
}

/// Whether every CR stands before an LF, and every LF behind a CR: there are as many of each as pairs of them.
fn has_whole_line_ends(message: &[u8]) -> bool {
    let (mut returns, mut feeds, mut pairs) = (0, 0, 0);
    let nexts = message.get(1..).unwrap_or_default().chunks(CHUNK);
    for (chunk, next) in message.chunks(CHUNK).zip(nexts.chain(std::iter::once(&[][..]))) {
        returns += count(chunk, |byte| byte == b'\r');
        feeds += count(chunk, |byte| byte == b'\n');
        let is_pair = |(first, second): (&u8, &u8)| u8::from(*first == b'\r') & u8::from(*second == b'\n');
        pairs += usize::from(chunk.iter().zip(next).map(is_pair).sum::<u8>());
    }
    returns == feeds && feeds == pairs
}

/// Sums over so many bytes fit a byte, which is what the compiler turns into vector instructions.
const CHUNK: usize = u8::MAX as usize;

fn count(chunk: &[u8], counts: impl Fn(u8) -> bool) -> usize {
    usize::from(chunk.iter().map(|byte| u8::from(counts(*byte))).sum::<u8>())
}

fn first_bare_line_end(message: &[u8]) -> Option<usize> {
    memchr::memchr2_iter(b'\r', b'\n', message).find(|at| match message[*at] {
        b'\r' => message.get(at + 1) != Some(&b'\n'),
        _ => at.checked_sub(1).is_none_or(|before| message[before] != b'\r'),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(message: &str) -> Option<String> {
        let slices = on_the_wire(message.as_bytes()).ok()?;
        Some(String::from_utf8(slices.concat()).unwrap())
    }

    #[test]
    fn dots_are_doubled_at_the_beginning_of_lines_only() {
        let table = [
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("", "\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("..\r\n..\r\n", "...\r\n...\r\n.\r\n"),
            ("a.b.\r\n.c\r\n\r\n.\r\nd", "a.b.\r\n..c\r\n\r\n..\r\nd\r\n.\r\n"),
        ];
        for (message, expected) in table {
            assert_eq!(wire(message).as_deref(), Some(expected), "{message:?}");
        }
    }

    #[test]
    fn bare_line_ends_are_refused() {
        for message in ["a\nb\r\n", "a\rb\r\n", "\n", "\r", "a\r\n\r", "a\r\r\n", "a\r\n.\n\r\nMAIL FROM:<>\r\n"] {
            assert_eq!(wire(message), None, "{message:?}");
        }
    }

    #[test]
    fn a_message_without_leading_dots_is_written_as_two_slices() {
        let message = "From: a\r\n\r\nbody\r\n".repeat(1000);
        assert_eq!(on_the_wire(message.as_bytes()).map(|slices| slices.len()), Ok(2));
    }

    proptest! {
        /// What the relay does (RFC 5321 §4.5.2) gives the message back, and the end is where we meant it.
        #[test]
        fn the_relay_reads_the_message_back(lines in proptest::collection::vec("[.a]{0,4}", 1..12)) {
            let message = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect::<String>();
            let wire = wire(&message).expect("line ends are CRLF");
            let end = wire.find("\r\n.\r\n").expect("it ends") + 2;
            prop_assert_eq!(&wire[end..], ".\r\n");
            let read = wire[..end].split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect::<String>();
            prop_assert_eq!(read, message);
        }

        /// Counting finds what looking at each byte finds, also where a pair lies across two chunks.
        #[test]
        fn a_bare_line_end_is_found_wherever_it_stands(
            lines in proptest::collection::vec(0..2 * CHUNK, 0..6),
            (at, byte) in (any::<prop::sample::Index>(), prop::sample::select(&b"\r\n.a"[..])),
        ) {
            let mut message = lines.iter().flat_map(|length| [vec![b'a'; *length], b"\r\n".to_vec()].concat()).collect::<Vec<u8>>();
            prop_assert!(has_whole_line_ends(&message));
            message.insert(at.index(message.len() + 1), byte);
            prop_assert_eq!(has_whole_line_ends(&message), first_bare_line_end(&message).is_none());
        }

        #[test]
        fn any_bytes_are_written_with_crlf_line_ends_or_refused(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(slices) = on_the_wire(&message) {
                let wire = slices.concat();
                prop_assert!(wire.iter().enumerate().all(|(at, byte)| *byte != b'\n' || wire[at - 1] == b'\r'));
            }
        }
    }
}
