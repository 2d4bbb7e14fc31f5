//! Results: tables for people, JSON lines for machines.

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::line_breaks::fitted;
use super::table::{Column, Table};
use crate::clean::is_unsafe;
use crate::telemetry::write_safe_json;

/// Something that a command lists.
pub trait ListRow: Serialize {
    /// The columns of its table.
    const COLUMNS: &'static [Column];

    /// Its cells, one for each column. JSON has all its fields, whatever the table shows.
    fn cells(&self) -> Vec<String>;
}

impl<R: ListRow> ListRow for &R {
    const COLUMNS: &'static [Column] = R::COLUMNS;

    fn cells(&self) -> Vec<String> {
        (*self).cells()
    }
}

/// Where results go, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    json: bool,
    width: Option<u16>,
}

impl Output {
    /// Standard output: as wide as its terminal, if it is one.
    #[must_use]
    pub fn to_stdout(json: bool) -> Self {
        Self { json, width: comfy_table::Table::new().width() }
    }

    /// How wide the terminal is, if it is one.
    #[must_use]
    pub const fn width(self) -> Option<u16> {
        self.width
    }

    /// Whether machines read it.
    #[must_use]
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Prints `rows`; for people `none` says what it means that there are none.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn rows<R: ListRow>(self, rows: &[R], none: &str) -> io::Result<()> {
        self.write_rows(&mut io::stdout().lock(), rows, none)
    }

    /// Prints one thing: `text` for people.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn one(self, thing: &impl Serialize, text: &str) -> io::Result<()> {
        self.write_one(&mut io::stdout().lock(), thing, text)
    }

    /// Prints a sentence for people; machines get nothing of it.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn say(self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout().lock(), "{}", self.shown(text)) }
    }

    /// Warns people and machines at standard error; the result goes on.
    pub fn warn(self, text: &str) {
        if self.json {
            eprintln!("{}", serde_json::json!({ "warning": text }));
        } else {
            eprintln!("warning: {}", steady(text));
        }
    }

    fn write_rows<R: ListRow>(self, out: &mut impl Write, rows: &[R], none: &str) -> io::Result<()> {
        if self.json {
            return rows.iter().try_for_each(|row| write_json(out, row));
        }
        if rows.is_empty() {
            return writeln!(out, "{}", self.shown(none));
        }
        let mut table = Table::new(R::COLUMNS);
        for row in rows {
            table.row(row.cells());
        }
        writeln!(out, "{}", table.render(self.width))
    }

    fn write_one(self, out: &mut impl Write, thing: &impl Serialize, text: &str) -> io::Result<()> {
        if self.json { write_json(out, thing) } else { writeln!(out, "{}", self.shown(text)) }
    }

    /// The text as the terminal shows it: no wider, and without anything that steers it.
    fn shown(self, text: &str) -> String {
        let text = steady(text);
        self.width.map_or(text.clone(), |width| fitted(&text, usize::from(width)))
    }
}

/// A text of several lines whose only escape sequences are colours: whatever value got into it uncleaned, it cannot move
/// the cursor, set a title or turn the direction of writing.
fn steady(text: &str) -> String {
    let mut steady = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_unsafe) {
        let (before, found) = rest.split_at(at);
        steady.push_str(before);
        let kept = if found.starts_with('\n') { 1 } else { colour_length(found) };
        if kept == 0 {
            steady.push('\u{fffd}');
        }
        steady.push_str(&found[..kept]);
        rest = &found[kept.max(found.chars().next().map_or(1, char::len_utf8))..];
    }
    steady.push_str(rest);
    steady
}

/// How long the colour is that `text` begins with (`ESC [ 31 m`), in bytes; 0 if it is none.
fn colour_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return 0 };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if rest[digits..].starts_with('m') { digits + 3 } else { 0 }
}

/// Serializes what has one spelling, if there is something.
#[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
pub(in crate::cli) fn spelled<T: fmt::Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Serializes what has one spelling.
pub(in crate::cli) fn shown<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn write_json(out: &mut impl Write, thing: &impl Serialize) -> io::Result<()> {
    // JSON itself escapes C0 controls only, and a terminal may be at the other end.
    write_safe_json(out, &serde_json::to_string(thing)?)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct SampleInvoice {
        number: &'static str,
        state: &'static str,
        attempts: u32,
    }

    impl ListRow for SampleInvoice {
        const COLUMNS: &'static [Column] = &[Column::text("INVOICE"), Column::text("STATE")];

        fn cells(&self) -> Vec<String> {
            vec![self.number.to_owned(), self.state.to_owned()]
        }
    }

    const ROWS: &[SampleInvoice] = &[
        SampleInvoice { number: "R-1", state: "sent", attempts: 1 },
        SampleInvoice { number: "R-2", state: "dead", attempts: 8 },
    ];

    fn shown(json: bool, rows: &[SampleInvoice]) -> String {
        let mut out = Vec::new();
        Output { json, width: None }.write_rows(&mut out, rows, "no invoice was found").expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn machines_get_one_object_a_line_and_nothing_else() {
        let expected = "{\"number\":\"R-1\",\"state\":\"sent\",\"attempts\":1}\n{\"number\":\"R-2\",\"state\":\"dead\",\"attempts\":8}\n";
        assert_eq!(shown(true, ROWS), expected);
        assert_eq!(shown(true, &[]), "");
    }

    #[test]
    fn people_get_a_table_or_a_sentence() {
        let table = shown(false, ROWS);
        assert!(table.starts_with(" INVOICE") || table.starts_with("INVOICE"), "{table}");
        assert_eq!(table.lines().count(), 3);
        assert_eq!(shown(false, &[]), "no invoice was found\n");
    }

    #[test]
    fn only_lines_and_colours_reach_the_terminal() {
        let said = "\u{1b}[1mR-1\u{1b}[0m\nnext\u{1b}]0;title\u{7} \u{1b}[2J \u{9b}2J \u{202e}x\r\u{2028}";
        assert_eq!(
            steady(said),
            "\u{1b}[1mR-1\u{1b}[0m\nnext\u{fffd}]0;title\u{fffd} \u{fffd}[2J \u{fffd}2J \u{fffd}x\u{fffd}\u{fffd}"
        );
        let mut out = Vec::new();
        write_json(&mut out, &said).expect("written");
        let out = String::from_utf8(out).expect("UTF-8");
        assert!(!out.trim_end_matches('\n').contains(is_unsafe), "{out:?}");
        assert_eq!(serde_json::from_str::<String>(&out).expect("JSON"), said);
    }

    #[test]
    fn a_closed_pipe_is_reported_as_such() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for json in [true, false] {
            let error = Output { json, width: None }.write_rows(&mut Closed, ROWS, "").expect_err("closed");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }
}
