//! Tables for people.

use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{Attribute, Cell, ContentArrangement};

use super::report::cleaned;

/// A table for people. Every cell is cleaned: what a tenant or a relay wrote cannot steer the terminal.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|name| cleaned(name)).collect(), rows: Vec::new() }
    }

    /// Adds a row; one cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| cleaned(&cell)).collect());
    }

    /// The table, fit into `width` columns of a terminal; without a terminal unwrapped and without lines, so that other
    /// programs can read it.
    #[must_use]
    pub fn render(&self, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.force_no_tty();
        if let Some(width) = width {
            table.load_style(UTF8_HORIZONTAL_ONLY).set_width(width);
            table.set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
            table.set_header(self.columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        } else {
            table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(&self.columns);
        }
        table.add_rows(&self.rows);
        table.trim_fmt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["TENANT", "INVOICE", "REASON"]);
        table.row(["acme", "R-1", "the relay refused the sender for good"].map(str::to_owned));
        table.row(["käufer-und-söhne", "請求書-2", "\u{1b}[31mred\u{202e}\nnext"].map(str::to_owned));
        table
    }

    #[test]
    fn without_a_terminal_a_row_is_a_line() {
        let lines: Vec<String> = table().render(None).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(words[..3], ["acme", "R-1", "the"]);
    }

    #[test]
    fn on_a_terminal_it_fits() {
        let shown = table().render(Some(40));
        for line in shown.lines() {
            assert!(width_of(&strip_styles(line)) <= 40, "{line}");
        }
        assert!(shown.contains("\u{1b}[1m"), "the header is bold");
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
