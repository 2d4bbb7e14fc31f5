//! What the relay sends, made fit for lettre's parser and bounded.
//!
//! lettre wants `CODE SP text CRLF` in UTF-8 and reads a line of any length into memory. [RFC 5321 §4.2] also allows
//! a bare code, and the world sends bare line feeds and Latin-1; a 250 must not be lost for that. So this filter
//! rewrites lines on their way, counts replies against those asked for, and ends endless ones.
//!
//! [RFC 5321 §4.2]: https://www.rfc-editor.org/rfc/rfc5321#section-4.2

/// The most lines of one reply.
const LINES_MAX: usize = 100;
/// The most bytes of one exchange's replies.
const BYTES_MAX: usize = 64 * 1024;
/// The longest line, in bytes. RFC 5321 §4.5.3.1.5 has 512; lettre's own bound is 1000.
const LINE_BYTES_MAX: usize = 990;
/// The length of a reply code in bytes.
const CODE_BYTES: usize = 3;

/// The relay sent more than any reply has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay's reply does not end within {LINES_MAX} lines or {BYTES_MAX} bytes")]
pub(super) struct EndlessReply;

/// Where in the relay's replies we are.
#[derive(Debug, Default)]
pub(super) struct ReplyLines {
    /// Bytes of the current line so far.
    column: usize,
    /// Whether the current line says that another follows (`250-`).
    continued: bool,
    /// Replies that were asked for and have not come.
    awaited: usize,
    /// Whether something came unasked.
    surplus: bool,
    lines_left: usize,
    bytes_left: usize,
}

impl ReplyLines {
    /// Begins an exchange in which the relay owes `replies`.
    pub(super) fn expect(&mut self, replies: usize) {
        self.awaited = replies;
        self.lines_left = replies.max(1) * LINES_MAX;
        self.bytes_left = BYTES_MAX;
    }

    /// Whether the relay sent something unasked: behind the last reply, or before a command.
    pub(super) fn has_surplus(&self) -> bool {
        self.surplus
    }

    /// Whether the relay still owes a reply.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited > 0
    }

    /// Appends `input` to `output` as lettre's parser wants it.
    ///
    /// # Errors
    /// [`EndlessReply`] when the exchange's bounds are used up.
    pub(super) fn admit(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<(), EndlessReply> {
        self.bytes_left = self.bytes_left.checked_sub(input.len()).ok_or(EndlessReply)?;
        for byte in input {
            self.surplus |= self.awaited == 0;
            match byte {
                b'\r' => {}
                b'\n' => self.end_line(output)?,
                _ => {
                    if self.column == CODE_BYTES {
                        self.continued = *byte == b'-';
                    }
                    if self.column < LINE_BYTES_MAX {
                        output.push(if byte.is_ascii() { *byte } else { b'?' });
                    }
                    self.column += 1;
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, output: &mut Vec<u8>) -> Result<(), EndlessReply> {
        if self.column == CODE_BYTES {
            output.push(b' ');
        }
        output.extend_from_slice(b"\r\n");
        if !self.continued {
            self.awaited = self.awaited.saturating_sub(1);
        }
        (self.column, self.continued) = (0, false);
        self.lines_left = self.lines_left.checked_sub(1).ok_or(EndlessReply)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admitted(replies: usize, input: &[u8]) -> Result<(String, bool), EndlessReply> {
        let (mut lines, mut output) = (ReplyLines::default(), Vec::new());
        lines.expect(replies);
        lines.admit(input, &mut output)?;
        Ok((String::from_utf8(output).expect("ASCII"), lines.has_surplus()))
    }

    #[test]
    fn lines_are_made_fit_for_the_parser() {
        let table: &[(&[u8], &str)] = &[
            (b"250 ok\r\n", "250 ok\r\n"),
            (b"250-a\r\n250 b\r\n", "250-a\r\n250 b\r\n"),
            (b"250\r\n", "250 \r\n"),
            (b"250 ok\n", "250 ok\r\n"),
            (b"250-a\n250\n", "250-a\r\n250 \r\n"),
            (b"250 gr\xfc\xdfe\r\n", "250 gr??e\r\n"),
            (b"250 o\rk\r\n", "250 ok\r\n"),
        ];
        for (input, output) in table {
            assert_eq!(admitted(1, input), Ok(((*output).to_owned(), false)), "{input:?}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_noticed() {
        let table: &[(usize, &[u8], bool)] = &[
            (1, b"220 go ahead\r\n", false),
            (1, b"220 go ahead\r\n2", true),
            (1, b"220-go\r\n220 ahead\r\n250 injected\r\n", true),
            (2, b"250 ok\r\n250 ok\r\n", false),
            (0, b"421 idle\r\n", true),
        ];
        for (replies, input, surplus) in table {
            assert_eq!(admitted(*replies, input).map(|(_, surplus)| surplus), Ok(*surplus), "{input:?}");
        }
    }

    #[test]
    fn endless_replies_end() {
        assert!(admitted(1, "250-more\r\n".repeat(100).as_bytes()).is_ok());
        assert_eq!(admitted(1, "250-more\r\n".repeat(101).as_bytes()), Err(EndlessReply));
        assert!(admitted(3, "250-more\r\n".repeat(300).as_bytes()).is_ok());
        assert_eq!(admitted(1, &vec![b'2'; 64 * 1024 + 1]), Err(EndlessReply));
        let (long_line, _) = admitted(1, &[b"250 ", [b'x'; 5000].as_slice(), b"\r\n"].concat()).unwrap();
        assert!(long_line.len() < 1000 && long_line.ends_with("x\r\n"));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_arrive(input in "([24]50[- ][a-z]{0,9}\r?\n){0,9}", cut in 0_usize..100) {
            let (mut lines, mut output) = (ReplyLines::default(), Vec::new());
            lines.expect(9);
            let (first, second) = input.as_bytes().split_at(cut.min(input.len()));
            lines.admit(first, &mut output).unwrap();
            lines.admit(second, &mut output).unwrap();
            prop_assert_eq!(admitted(9, input.as_bytes()), Ok((String::from_utf8(output).unwrap(), lines.has_surplus())));
        }
    }
}
