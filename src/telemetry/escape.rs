//! Characters that steer a terminal or forge a line, shown so that they do neither.
//!
//! Numbers, names and replies come from outside. A line break in one makes two log lines of one, an escape sequence
//! moves the cursor or sets the window's title, a bidi control turns around what follows ([UAX #9]).
//!
//! [UAX #9]: https://www.unicode.org/reports/tr9/

use std::fmt::{self, Write};
use std::io;

use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

use crate::clean::is_unsafe;

/// Writes text on, each unsafe character as Rust would write it: `\n`, `\u{1b}`.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut safe = text;
        while let Some(at) = safe.find(is_unsafe) {
            let (before, rest) = safe.split_at(at);
            let found = rest.chars().next().expect("one was found there");
            write!(self.0, "{before}{}", found.escape_default())?;
            safe = &rest[found.len_utf8()..];
        }
        self.0.write_str(safe)
    }
}

/// The fields of log lines for people, the message among them, with unsafe characters escaped.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SafeFields;

impl<'writer> FormatFields<'writer> for SafeFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        DefaultFields::new().format_fields(Writer::new(&mut Escaping(writer)), fields)
    }
}

/// `text`, which is JSON, with each unsafe character as `\u001b`: it can only stand inside a string there.
pub(crate) fn write_safe_json(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    let mut safe = text;
    while let Some(at) = safe.find(is_unsafe) {
        let (before, rest) = safe.split_at(at);
        let found = rest.chars().next().expect("one was found there");
        write!(out, "{before}\\u{:04x}", u32::from(found))?;
        safe = &rest[found.len_utf8()..];
    }
    out.write_all(safe.as_bytes())
}

/// Where log lines in JSON go: each write is one whole line.
#[derive(Debug, Clone)]
pub(super) struct SafeJson<W>(pub(super) W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for SafeJson<W> {
    type Writer = SafeJsonLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        SafeJsonLine(self.0.make_writer())
    }
}

/// One such line.
#[derive(Debug)]
pub(super) struct SafeJsonLine<W>(W);

impl<W: io::Write> io::Write for SafeJsonLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        // Gathered first: what writes to a terminal writes a line at once.
        let mut safe = Vec::with_capacity(line.len());
        let end = if line.ends_with('\n') { "\n" } else { "" };
        write_safe_json(&mut safe, line.strip_suffix('\n').unwrap_or(&line))?;
        safe.extend_from_slice(end.as_bytes());
        self.0.write_all(&safe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        Escaping(&mut out).write_str(text).expect("a String takes any text");
        out
    }

    #[test]
    fn what_steers_or_forges_is_shown_and_nothing_else_changes() {
        let cases = [
            ("R-1\n2026 INFO forged", "R-1\\n2026 INFO forged"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\u{202e}b\u{2066}c\u{2028}d\u{2029}", "a\\u{202e}b\\u{2066}c\\u{2028}d\\u{2029}"),
            ("Käufer & Söhne 請求書 \"x\"", "Käufer & Söhne 請求書 \"x\""),
        ];
        for (text, shown) in cases {
            assert_eq!(escaped(text), shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_leaves_an_unsafe_character(text in ".*") {
            proptest::prop_assert!(!escaped(&text).contains(is_unsafe));
        }

        #[test]
        fn json_keeps_its_meaning(text in "\\PC*|[\u{0}-\u{a0}\u{2020}-\u{2070}]*") {
            let mut out = Vec::new();
            write_safe_json(&mut out, &serde_json::to_string(&text).expect("JSON")).expect("written");
            let out = String::from_utf8(out).expect("UTF-8");
            proptest::prop_assert!(!out.contains(is_unsafe), "{out:?}");
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&out).expect("JSON"), text);
        }
    }
}
