//! Lines as SMTP has them: ended by CRLF and by nothing else.
//!
//! A bare LF or CR is never the end of a line ([RFC 5321 §2.3.8]): a server that is lenient here can be made to see
//! two messages where the client sent one.
//!
//! [RFC 5321 §2.3.8]: https://www.rfc-editor.org/rfc/rfc5321#section-2.3.8

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// The longest command line, in bytes with its CRLF: 512 ([RFC 5321 §4.5.3.1.4]) and what the offered extensions add
/// to MAIL and RCPT, with room.
///
/// [RFC 5321 §4.5.3.1.4]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.4
pub const COMMAND_LINE_BYTES_MAX: usize = 2_048;

/// The longest line of a message, in bytes with its CRLF and without a stuffed dot ([RFC 5321 §4.5.3.1.6]).
///
/// [RFC 5321 §4.5.3.1.6]: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.6
pub(super) const TEXT_LINE_BYTES_MAX: usize = 1_000;

/// What came over the wire.
#[derive(Debug, PartialEq, Eq)]
pub enum SmtpLine {
    /// A line without its CRLF.
    Whole(Vec<u8>),
    /// A line that was longer than allowed; its bytes are gone.
    TooLong,
    /// The client has hung up.
    End,
}

/// A connection, with TLS or without.
pub trait SmtpStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> SmtpStream for T {}

/// One connection, line by line.
pub struct SmtpWire(BufReader<Box<dyn SmtpStream>>);

impl SmtpWire {
    /// Of this connection.
    pub fn new(stream: impl SmtpStream) -> Self {
        Self(BufReader::with_capacity(64 * 1024, Box::new(stream)))
    }

    /// The connection, for TLS: what came after the last line is dropped, as nothing of it may survive into TLS
    /// (RFC 3207 §4.2).
    pub fn take(&mut self) -> Box<dyn SmtpStream> {
        std::mem::replace(self, Self::new(tokio::io::empty())).0.into_inner()
    }

    /// Whether something has come behind the last line.
    pub(super) fn has_more(&self) -> bool {
        !self.0.buffer().is_empty()
    }

    /// The next line of at most `bytes_max` bytes, its CRLF included.
    ///
    /// A longer line is read to its end and thrown away as it comes, so a client cannot make us hold it.
    pub async fn line(&mut self, bytes_max: usize) -> io::Result<SmtpLine> {
        let mut line = Vec::new();
        let mut too_long = false;
        let mut last = None;
        loop {
            let buffered = self.0.fill_buf().await?;
            if buffered.is_empty() {
                return Ok(SmtpLine::End);
            }
            let taken = memchr::memchr(b'\n', buffered).map_or(buffered.len(), |at| at + 1);
            let before_last = if taken >= 2 { Some(buffered[taken - 2]) } else { last };
            last = Some(buffered[taken - 1]);
            too_long = too_long || line.len() + taken > bytes_max;
            if !too_long {
                line.extend_from_slice(&buffered[..taken]);
            }
            self.0.consume(taken);
            if last == Some(b'\n') && before_last == Some(b'\r') {
                break;
            }
        }
        if too_long {
            return Ok(SmtpLine::TooLong);
        }
        line.truncate(line.len() - 2);
        Ok(SmtpLine::Whole(line))
    }

    /// Sends a reply, whose last CRLF is added.
    pub async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.send(format!("{reply}\r\n").as_bytes()).await
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// Hangs up.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio::io::{AsyncReadExt, join, sink};

    use super::*;

    async fn lines(input: &[u8], bytes_max: usize) -> Vec<SmtpLine> {
        let mut wire = SmtpWire::new(join(Cursor::new(input.to_vec()), sink()));
        let mut lines = Vec::new();
        loop {
            match wire.line(bytes_max).await.expect("memory does not fail") {
                SmtpLine::End => return lines,
                line => lines.push(line),
            }
        }
    }

    fn whole(text: &str) -> SmtpLine {
        SmtpLine::Whole(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn only_crlf_ends_a_line() {
        let cases: [(&[u8], Vec<SmtpLine>); 5] = [
            (b"NOOP\r\nQUIT\r\n", vec![whole("NOOP"), whole("QUIT")]),
            (b"NOOP\nQUIT\r\n", vec![whole("NOOP\nQUIT")]),
            (b".\r.\r\n", vec![whole(".\r.")]),
            (b"\r\n\r\n", vec![whole(""), whole("")]),
            (b"cut off", vec![]),
        ];
        for (input, expected) in cases {
            assert_eq!(lines(input, 100).await, expected, "{:?}", String::from_utf8_lossy(input));
        }
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_skipped_and_the_next_is_read() {
        assert_eq!(
            lines(b"12345678\r\n123456789\r\nQUIT\r\n", 10).await,
            [whole("12345678"), SmtpLine::TooLong, whole("QUIT")]
        );
        let mut long = vec![b'x'; 100_000];
        long.extend_from_slice(b"\r\nQUIT\r\n");
        assert_eq!(lines(&long, 10).await, [SmtpLine::TooLong, whole("QUIT")]);
    }

    #[tokio::test]
    async fn a_crlf_split_over_two_reads_is_a_crlf() {
        let mut wire = SmtpWire::new(join(b"NOOP\r".chain(&b"\nQUIT\r\n"[..]), sink()));
        assert_eq!(wire.line(100).await.expect("memory does not fail"), whole("NOOP"));
        assert_eq!(wire.line(100).await.expect("memory does not fail"), whole("QUIT"));
    }
}
