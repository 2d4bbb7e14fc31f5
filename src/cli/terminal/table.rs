//! Tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Row, Width};

use crate::clean::marked;
use crate::telemetry;

/// On a narrower terminal only the most important columns are shown.
const WIDE: u16 = 140;

/// On a narrower terminal no table can be read: each row is a block of lines.
const TABLE_MIN: u16 = 40;

/// Blanks between two columns.
const GAP: u16 = 2;

/// How many of them a table with a rule below its headings puts there by itself.
const RULED_GAP: u16 = 1;

/// A longer text is cut also where it should be whole, so that one of them does not take the line.
const WHOLE_MAX: u16 = 40;

/// A text is cut to less than this only if the terminal is full of what is never cut.
const TEXT_MIN: u16 = 10;

/// No text is wider than this while another one is cut.
const TEXT_USUAL: u16 = 30;

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    heading: &'static str,
    /// Not cut, up to [`WHOLE_MAX`]: half an id names nothing.
    whole: bool,
    /// Left out on terminals of fewer columns.
    from: u16,
    /// Left out before a text that is always wanted.
    spare: bool,
}

impl Column {
    /// What fits no line is cut, and ends in `…`.
    #[must_use]
    pub const fn text(heading: &'static str) -> Self {
        Self { heading, whole: false, from: 0, spare: false }
    }

    /// An id, or whatever else is copied into the next command: not cut.
    #[must_use]
    pub const fn whole(heading: &'static str) -> Self {
        Self { heading, whole: true, from: 0, spare: false }
    }

    /// Left out on terminals of less than 140 columns, or where there is no room.
    #[must_use]
    pub const fn wide_only(self) -> Self {
        self.from(WIDE)
    }

    /// Left out on terminals of fewer columns, or where there is no room.
    #[must_use]
    pub const fn from(self, columns: u16) -> Self {
        Self { from: columns, ..self }
    }

    /// Left out where there is no room.
    #[must_use]
    pub const fn if_room(self) -> Self {
        Self { spare: true, ..self }
    }

    const fn can_be_left_out(self) -> bool {
        self.from > 0 || self.spare || !self.whole
    }

    /// The narrowest that a column of these contents may be.
    fn narrowest(self, widest: u16) -> u16 {
        widest.min(if self.whole { WHOLE_MAX } else { TEXT_MIN })
    }
}

/// The columns that are shown on a terminal, and how wide each is; `widest` is each column's widest cell. None if they fit
/// into no line.
fn layout(columns: &[Column], widest: &[u16], terminal: u16) -> Option<Vec<(usize, u16)>> {
    let mut shown: Vec<(usize, u16)> = columns
        .iter()
        .zip(widest)
        .enumerate()
        .filter(|(_, (column, _))| column.from <= terminal)
        .map(|(at, (column, widest))| (at, column.narrowest(*widest)))
        .collect();
    let needed = |shown: &[(usize, u16)]| -> usize {
        shown.iter().map(|(_, width)| usize::from(width + GAP)).sum::<usize>().saturating_sub(usize::from(GAP))
    };
    while needed(&shown) > usize::from(terminal) {
        let places = shown.iter().enumerate().filter(|(_, (at, _))| columns[*at].can_be_left_out());
        let (place, _) = places.max_by_key(|(_, (at, _))| (columns[*at].from, columns[*at].spare, *at))?;
        shown.remove(place);
    }
    let mut left = u16::try_from(usize::from(terminal) - needed(&shown)).expect("a part of a terminal's width");
    let mut grow = |(at, width): &mut (usize, u16), limit: u16| {
        if !columns[*at].whole {
            let more = widest[*at].min(limit).saturating_sub(*width).min(left);
            *width += more;
            left -= more;
        }
    };
    for column in &mut shown {
        grow(column, TEXT_USUAL);
    }
    // The last one says why, and is the longest as a rule.
    for column in shown.iter_mut().rev() {
        grow(column, u16::MAX);
    }
    (!shown.is_empty()).then_some(shown)
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
        self.rows.push(cells.into_iter().map(|cell| marked(&cell)).collect());
    }

    /// The table, each row one line that fits into `width` columns of a terminal; without a terminal whole, without rules
    /// and without blanks at a line's end, so that other programs can read it.
    #[must_use]
    pub fn render(&self, width: Option<u16>) -> String {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let Some(width) = width else {
            let mut table = self.of(&all, false);
            table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
            return with_gaps(&mut table, None);
        };
        let wanted: Vec<usize> = all.iter().copied().filter(|at| self.columns[*at].from <= width).collect();
        if width < TABLE_MIN {
            return self.blocks(&wanted);
        }
        let widest = self.of(&all, false).column_max_content_widths();
        let Some(columns) = layout(self.columns, &widest, width) else { return self.blocks(&wanted) };
        let shown: Vec<usize> = columns.iter().map(|(at, _)| *at).collect();
        let widths: Vec<u16> = columns.iter().map(|(_, width)| *width).collect();
        let mut table = self.of(&shown, true);
        table.load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─'))).set_width(width);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if telemetry::colour_is_wanted() {
            table.enforce_styling();
        }
        with_gaps(&mut table, Some(&widths))
    }

    /// These columns.
    fn of(&self, shown: &[usize], on_terminal: bool) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.force_no_tty();
        let heading = |at: &usize| {
            let cell = Cell::new(self.columns[*at].heading);
            if on_terminal { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(shown.iter().map(heading));
        for cells in &self.rows {
            let mut row = Row::from(shown.iter().map(|at| &cells[*at]));
            row.max_height(1);
            table.add_row(row);
        }
        table
    }

    /// `id: 01938c5e…`, a line for each cell, and nothing cut: the terminal wraps what it must.
    fn blocks(&self, shown: &[usize]) -> String {
        let line = |cells: &[String], at: usize| format!("{}: {}", self.columns[at].heading.to_lowercase(), cells[at]);
        let block = |cells: &Vec<String>| shown.iter().map(|at| line(cells, *at)).collect::<Vec<_>>().join("\n");
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
    }
}

/// The table with its columns as wide as they shall be, without blanks at a line's end.
fn with_gaps(table: &mut comfy_table::Table, widths: Option<&[u16]>) -> String {
    let last = table.column_count().saturating_sub(1);
    let gap = if widths.is_some() { GAP - RULED_GAP } else { GAP };
    for (place, column) in table.column_iter_mut().enumerate() {
        let gap = if place < last { gap } else { 0 };
        column.set_padding((0, gap));
        if let Some(widths) = widths {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(widths[place] + gap)));
        }
    }
    table.trim_fmt()
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
    fn what_is_whole_stays_whole_and_gives_way_as_a_column() {
        const DELIVERIES: &[Column] = &[
            Column::whole("ID"),
            Column::whole("INVOICE"),
            Column::text("TO").from(120),
            Column::text("STATE"),
            Column::whole("CODE").if_room(),
            Column::text("WHY"),
        ];
        let mut table = Table::new(DELIVERIES);
        let row = |number: &str| {
            [ID, number, "a***@customer.example", "dead 12 min ago", "550 5.7.1", "refused: in many words of the relay"]
                .map(str::to_owned)
        };
        table.row(row("R-2026-0042 (credit note)"));
        for (width, shown) in [
            (80, "ID INVOICE STATE"),
            (100, "ID INVOICE STATE CODE WHY"),
            (119, "ID INVOICE STATE CODE WHY"),
            (120, "ID INVOICE TO STATE CODE WHY"),
        ] {
            let text = strip_styles(&table.render(Some(width)));
            let headings: Vec<&str> = text.lines().next().expect("headings").split_whitespace().collect();
            assert_eq!(headings.join(" "), shown, "{width}: {text}");
            assert!(rows(&text)[0].contains("R-2026-0042 (credit note)"), "{width}: {text}");
            assert!(text.lines().all(|line| width_of(line) <= usize::from(width)), "{width}: {text}");
        }
        // One number of any length is cut, and takes no other's place.
        table.row(row(&"9".repeat(200)));
        let text = strip_styles(&table.render(Some(80)));
        assert!(rows(&text)[0].contains("R-2026-0042 (credit note)") && text.contains("9…"), "{text}");
        assert!(text.lines().all(|line| width_of(line) <= 80), "{text}");
        // Without a terminal nothing is cut, and no line ends in blanks.
        let text = table.render(None);
        assert!(text.contains(&"9".repeat(200)) && text.contains("550 5.7.1"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text:?}");
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
