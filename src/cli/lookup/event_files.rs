//! Events out of files: one event, a list of events, or one event after the other (NDJSON).
//!
//! Each event keeps the bytes that it has in the file, and its place there, so that a fault can be found.

use std::fmt;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::event::{self, EventFault, InvoiceSent, Malformed, MemberWarning};

/// An event and where it stands.
#[derive(Debug)]
pub(in crate::cli) struct FileEvent {
    pub(in crate::cli) place: EventPlace,
    pub(in crate::cli) body: Bytes,
    pub(in crate::cli) event: InvoiceSent,
}

impl FileEvent {
    /// What of it is ignored; under `strict` that is a fault.
    pub(in crate::cli) fn warnings(&self) -> Vec<MemberWarning> {
        event::warnings(&self.body)
    }
}

/// Where something stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct EventPlace {
    /// The file, as people named it.
    pub(in crate::cli) file: String,
    /// Its line, counted from 1.
    pub(in crate::cli) line: usize,
    /// Its number in the list, counted from 1, if it stands in one.
    pub(in crate::cli) index: Option<usize>,
}

impl fmt::Display for EventPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{} event {index} (line {})", self.file, self.line),
            None => write!(f, "{} line {}", self.file, self.line),
        }
    }
}

/// An event that cannot be read, and where.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct FileFault {
    pub(in crate::cli) place: EventPlace,
    pub(in crate::cli) fault: Malformed,
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault.path.as_str() {
            "$" => write!(f, "{}: it {}", self.place, self.fault.problem)?,
            path => write!(f, "{}: {path} {}", self.place, self.fault.problem)?,
        }
        self.fault.more().iter().try_for_each(|EventFault { path, problem }| write!(f, "; {path} {problem}"))?;
        if self.fault.has_others() { write!(f, "; and others") } else { Ok(()) }
    }
}

/// The file's bytes; `-` is standard input. Returns the name that people know it by, too.
pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<(String, Bytes)> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok(("standard input".to_owned(), bytes.into()));
    }
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
    Ok((name, bytes.into()))
}

/// Every event of a file, and every fault. The events share the file's memory.
pub(in crate::cli) fn events(file: &str, bytes: &Bytes) -> (Vec<FileEvent>, Vec<FileFault>) {
    // Editors on Windows put a byte order mark there, which JSON does not know (RFC 8259 §8.1).
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = EventReader { file, bytes, lines: EventLines::of(text), events: Vec::new(), faults: Vec::new() };
    reader.read(text);
    (reader.events, reader.faults)
}

struct EventReader<'b> {
    file: &'b str,
    bytes: &'b Bytes,
    lines: EventLines<'b>,
    events: Vec<FileEvent>,
    faults: Vec<FileFault>,
}

impl<'b> EventReader<'b> {
    fn read(&mut self, text: &'b [u8]) {
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
        loop {
            match values.next() {
                None => break,
                Some(Ok(value)) if value.get().starts_with('[') => self.list(value.get()),
                Some(Ok(value)) => self.event(value.get(), None),
                Some(Err(error)) => {
                    // Behind it nothing can be told apart any more.
                    let place = EventPlace { file: self.file.to_owned(), line: error.line().max(1), index: None };
                    self.faults.push(FileFault {
                        place,
                        fault: Malformed::at("$", "is not JSON: ".to_owned() + &without_place(&error)),
                    });
                    return;
                }
            }
        }
        if self.events.is_empty() && self.faults.is_empty() {
            let place = EventPlace { file: self.file.to_owned(), line: 1, index: None };
            self.faults.push(FileFault { place, fault: Malformed::at("$", "holds no event") });
        }
    }

    fn list(&mut self, list: &'b str) {
        let values: Vec<&'b RawValue> =
            serde_json::from_str(list).expect("a raw value is JSON, and this one is a list");
        for (index, value) in values.into_iter().enumerate() {
            self.event(value.get(), Some(index + 1));
        }
    }

    fn event(&mut self, text: &'b str, index: Option<usize>) {
        let place = EventPlace { file: self.file.to_owned(), line: self.lines.line_of(text), index };
        match event::parse(text.as_bytes()) {
            Ok(event) => self.events.push(FileEvent { place, body: self.bytes.slice_ref(text.as_bytes()), event }),
            Err(fault) => self.faults.push(FileFault { place, fault }),
        }
    }
}

/// Numbers the lines of a text that is read from its beginning to its end, each byte looked at once: a night's file
/// has hundreds of thousands of lines.
struct EventLines<'b> {
    text: &'b [u8],
    /// How much of it was looked at.
    offset: usize,
    /// The line that stands there, counted from 1.
    line: usize,
}

impl<'b> EventLines<'b> {
    const fn of(text: &'b [u8]) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// The line on which `part` of the text begins; it must not begin before the part asked for last.
    fn line_of(&mut self, part: &str) -> usize {
        let offset = part.as_ptr().addr() - self.text.as_ptr().addr();
        self.line += self.text[self.offset..offset].split(|byte| *byte == b'\n').count() - 1;
        self.offset = offset;
        self.line
    }
}

/// `serde_json`'s words without its own `at line 1 column 2`.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> String {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"invoice.sent.v1","data":{{"tenant_id":"acme","customer_id":"C-1",
            "invoice":{{"id":"i","number":"R-1","kind":"reminder","issue_date":"2026-11-20","currency":"EUR","total":"1.00"}},"documents":[]}}}}"#
        )
    }

    fn read_text(text: &str) -> (Vec<String>, Vec<String>) {
        let (events, faults) = events("f", &Bytes::copy_from_slice(text.as_bytes()));
        let events = events.iter().map(|event| format!("{} {}", event.event.id, event.place)).collect();
        (events, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_a_list_or_one_after_the_other() {
        let (one, two) = (event("1"), event("2"));
        let lines = |text: &str| read_text(text).0;
        assert_eq!(lines(&one), ["1 f line 1"]);
        assert_eq!(lines(&format!("\u{feff}\n{one}\n\n{two}\n")), ["1 f line 2", "2 f line 5"]);
        assert_eq!(lines(&format!("[\n{one},\n{two}]")), ["1 f event 1 (line 2)", "2 f event 2 (line 4)"]);
        let flat = one.replace('\n', "");
        assert_eq!(lines(&format!("{flat}\n{}", two.replace('\n', ""))), ["1 f line 1", "2 f line 2"]);
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let wrong = event("1").replace("\"1.00\"", "1.00").replace('\n', "");
        let good = event("2").replace('\n', "");
        let cases = [
            (format!("{good}\n{wrong}\n{good}"), "f line 2: data.invoice.total "),
            (format!("[{good}, 7]"), "f event 2 (line 1): it "),
            (format!("{good}\n{{\"specversion\": "), "f line 2: it is not JSON: EOF while parsing a value"),
            (" \n".to_owned(), "f line 1: it holds no event"),
            ("[]".to_owned(), "f line 1: it holds no event"),
            ("\u{feff}x".to_owned(), "f line 1: it is not JSON: expected value"),
        ];
        for (text, expected) in cases {
            let (_, faults) = read_text(&text);
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert!(faults[0].starts_with(expected), "{expected}: {faults:?}");
        }
    }

    #[test]
    fn the_lines_of_a_long_file_are_counted_once() {
        const LINES: usize = 500_000;
        // Counting from the beginning for each line looks at 250 billion bytes: this then takes minutes.
        let (_, faults) = events("f", &Bytes::from("7\n".repeat(LINES)));
        assert_eq!(faults.len(), LINES);
        assert_eq!(faults[LINES - 1].place.line, LINES);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let (events, faults) = events("f", &Bytes::from(bytes));
            proptest::prop_assert!(!events.is_empty() || !faults.is_empty());
        }
    }
}
