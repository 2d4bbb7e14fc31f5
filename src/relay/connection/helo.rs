//! HELO, for relays that do not know EHLO ([RFC 5321 §3.2]).
//!
//! lettre says EHLO by itself, and gives the connection up when it is refused. So the wire keeps the answer back until it
//! is whole; if that refuses the command, it says HELO, whose answer lettre takes for the one to EHLO: by a relay that
//! offers nothing.
//!
//! [RFC 5321 §3.2]: https://www.rfc-editor.org/rfc/rfc5321#section-3.2

/// HELO, from before the answer to EHLO until it is written.
pub(in crate::relay) struct HeloFallback {
    command: Vec<u8>,
    /// Bytes of the command that the connection has taken; `None` while EHLO is not refused.
    written: Option<usize>,
}

impl HeloFallback {
    /// To be said under this name.
    pub(in crate::relay) fn new(name: &str) -> Self {
        Self { command: format!("HELO {name}\r\n").into_bytes(), written: None }
    }

    /// Takes in the whole answer to EHLO; says whether HELO is to follow.
    pub(in crate::relay) fn follows(&mut self, answer: &[u8]) -> bool {
        // 500, 502, 504: the relay does not know the command, or its argument. Any other refusal is about us.
        let refused = [b"500", b"502", b"504"].iter().any(|code| answer.starts_with(*code));
        if refused {
            self.written = Some(0);
        }
        refused
    }

    /// What is still to be written; nothing while EHLO is not refused.
    pub(in crate::relay) fn unwritten(&self) -> &[u8] {
        self.written.map_or(&[], |written| &self.command[written..])
    }

    /// The connection took so many bytes of it.
    pub(in crate::relay) fn advance(&mut self, count: usize) {
        self.written = self.written.map(|written| written + count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helo_follows_only_where_the_command_is_not_known() {
        for (answer, follows) in [
            ("500 what?\r\n", true),
            ("502-5.5.1 no\r\n502 5.5.1 such command\r\n", true),
            ("504 5.5.4 argument\r\n", true),
            ("250 relay.example\r\n", false),
            ("501 5.5.4 invalid name\r\n", false),
            ("550 5.7.1 not you\r\n", false),
            ("421 4.3.2 closing\r\n", false),
        ] {
            let mut helo = HeloFallback::new("worker.example");
            assert_eq!(helo.follows(answer.as_bytes()), follows, "{answer}");
            assert_eq!(helo.unwritten(), if follows { b"HELO worker.example\r\n".as_slice() } else { b"" }, "{answer}");
            helo.advance(5);
            assert_eq!(helo.unwritten(), if follows { b"worker.example\r\n".as_slice() } else { b"" }, "{answer}");
        }
    }
}
