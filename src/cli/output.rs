//! Results: tables for people, JSON lines for machines.

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::Table;

/// Something that a command lists.
pub trait Row: Serialize {
    /// The headings of its table.
    const COLUMNS: &'static [&'static str];

    /// Its cells, one for each heading. JSON has all its fields, whatever the table shows.
    fn cells(&self) -> Vec<String>;
}

impl<R: Row> Row for &R {
    const COLUMNS: &'static [&'static str] = R::COLUMNS;

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
    pub fn rows<R: Row>(self, rows: &[R], none: &str) -> io::Result<()> {
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
        if self.json { Ok(()) } else { writeln!(io::stdout().lock(), "{text}") }
    }

    fn write_rows<R: Row>(self, out: &mut impl Write, rows: &[R], none: &str) -> io::Result<()> {
        if self.json {
            return rows.iter().try_for_each(|row| write_json(out, row));
        }
        if rows.is_empty() {
            return writeln!(out, "{none}");
        }
        let mut table = Table::new(R::COLUMNS);
        for row in rows {
            table.row(row.cells());
        }
        writeln!(out, "{}", table.render(self.width))
    }

    fn write_one(self, out: &mut impl Write, thing: &impl Serialize, text: &str) -> io::Result<()> {
        if self.json { write_json(out, thing) } else { writeln!(out, "{text}") }
    }
}

/// Serializes what has one spelling, if there is something.
#[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
pub(super) fn spelled<T: fmt::Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Serializes what has one spelling.
pub(super) fn shown<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn write_json(out: &mut impl Write, thing: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, thing)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Invoice {
        number: &'static str,
        state: &'static str,
        attempts: u32,
    }

    impl Row for Invoice {
        const COLUMNS: &'static [&'static str] = &["INVOICE", "STATE"];

        fn cells(&self) -> Vec<String> {
            vec![self.number.to_owned(), self.state.to_owned()]
        }
    }

    const ROWS: &[Invoice] =
        &[Invoice { number: "R-1", state: "sent", attempts: 1 }, Invoice { number: "R-2", state: "dead", attempts: 8 }];

    fn shown(json: bool, rows: &[Invoice]) -> String {
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
    fn a_closed_pipe_is_told_as_such() {
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
