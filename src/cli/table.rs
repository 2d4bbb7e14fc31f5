//! Tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Row};

use super::cleaned::cleaned;
use crate::telemetry;

/// On a narrower terminal only the most important columns are shown.
const WIDE: u16 = 140;

/// On a narrower terminal no table can be read: each row is a block of lines.
const TABLE_MIN: u16 = 40;

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    heading: &'static str,
    /// Never cut: half an id names nothing.
    whole: bool,
    /// Left out on a narrow terminal.
    wide_only: bool,
}

impl Column {
    /// What fits no line is cut, and ends in `…`.
    #[must_use]
    pub const fn text(heading: &'static str) -> Self {
        Self { heading, whole: false, wide_only: false }
    }

    /// An id, or whatever else is copied into the next command: never cut.
    #[must_use]
    pub const fn whole(heading: &'static str) -> Self {
        Self { heading, whole: true, wide_only: false }
    }

    /// Left out on terminals of less than 140 columns.
    #[must_use]
    pub const fn wide_only(self) -> Self {
        Self { wide_only: true, ..self }
    }
}

/// A table for people. Every cell is cleaned: what a tenant or a relay wrote cannot steer the terminal.
#[derive(Debug, Clone)]
pub struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub const fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; one cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| cleaned(&cell)).collect());
    }

    /// The table, each row one line that fits into `width` columns of a terminal; without a terminal whole and without
    /// rules, so that other programs can read it.
    #[must_use]
    pub fn render(&self, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.force_no_tty();
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|at| !self.columns[*at].wide_only || width.is_none_or(|width| width >= WIDE))
            .collect();
        if width.is_some_and(|width| width < TABLE_MIN) {
            return self.blocks(&shown);
        }
        let heading = |at: &usize| Cell::new(self.columns[*at].heading);
        if let Some(width) = width {
            table.load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─'))).set_width(width);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            if telemetry::colour_is_wanted() {
                table.enforce_styling();
            }
            table.set_header(shown.iter().map(|at| heading(at).add_attribute(Attribute::Bold)));
        } else {
            table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(shown.iter().map(heading));
        }
        for cells in &self.rows {
            let mut row = Row::from(shown.iter().map(|at| &cells[*at]));
            row.max_height(1);
            table.add_row(row);
        }
        for (column, at) in table.column_iter_mut().zip(&shown) {
            if self.columns[*at].whole {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table.trim_fmt()
    }

    /// `id: 01938c5e…`, a line for each cell, and nothing cut: the terminal wraps what it must.
    fn blocks(&self, shown: &[usize]) -> String {
        let line = |cells: &[String], at: usize| format!("{}: {}", self.columns[at].heading.to_lowercase(), cells[at]);
        let block = |cells: &Vec<String>| shown.iter().map(|at| line(cells, *at)).collect::<Vec<_>>().join("\n");
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] =
        &[Column::whole("ID"), Column::text("TENANT").wide_only(), Column::text("INVOICE"), Column::text("REASON")];

    const ID: &str = "01938c5e-7a10-7cc0-8000-3b6f0d2a9e11";

    fn table() -> Table {
        let mut table = Table::new(COLUMNS);
        table.row(
            [ID, "acme", "R-1", "the relay refused the sender for good, and says so in many words"].map(str::to_owned),
        );
        table.row([ID, "käufer-und-söhne", "請求書-2", "\u{1b}[31mred\u{202e}\nnext"].map(str::to_owned));
        table
    }

    /// The lines that hold rows.
    fn rows(shown: &str) -> Vec<String> {
        shown.lines().filter(|line| line.contains("01938c5e")).map(str::to_owned).collect()
    }

    #[test]
    fn without_a_terminal_a_row_is_a_line_and_whole() {
        let lines: Vec<String> = table().render(None).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(words[..4], [ID, "acme", "R-1", "the"]);
        assert!(lines[1].ends_with("in many words"), "{lines:#?}");
    }

    #[test]
    fn on_a_terminal_a_row_is_a_line_that_fits_with_its_id_whole() {
        for width in [60, 80, 120, 139, 140, 200] {
            let shown = strip_styles(&table().render(Some(width)));
            let rows = rows(&shown);
            assert_eq!(rows.len(), 2, "{shown}");
            assert!(rows.iter().all(|row| row.contains(ID)), "{shown}");
            for line in shown.lines() {
                assert!(width_of(line) <= usize::from(width), "{line}");
            }
            assert_eq!(shown.contains("acme"), width >= 140, "{shown}");
            assert!(rows[0].trim_end().ends_with('…') || rows[0].contains("in many words"), "{shown}");
        }
    }

    #[test]
    fn on_a_very_narrow_terminal_a_row_is_a_block() {
        for width in [1, 20, 39] {
            let shown = table().render(Some(width));
            let first = format!("id: {ID}\ninvoice: R-1\nreason: the relay refused the sender for good, and");
            assert!(shown.starts_with(&first), "{shown}");
            assert_eq!(shown.matches("\n\n").count(), 1, "{shown}");
        }
        assert!(!table().render(Some(40)).contains("invoice: "));
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        for width in [None, Some(200)] {
            let shown = strip_styles(&table().render(width));
            assert!(shown.contains("\u{fffd}[31mred\u{fffd} next"), "{shown}");
            assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
        }
    }

    /// The text without our own bold.
    fn strip_styles(text: &str) -> String {
        text.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "").replace("\u{1b}[22m", "")
    }

    /// Columns of a terminal: CJK characters take two.
    fn width_of(text: &str) -> usize {
        text.chars().map(|c| if ('\u{3000}'..='\u{9fff}').contains(&c) { 2 } else { 1 }).sum()
    }
}
