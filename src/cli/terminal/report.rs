//! Reports for people: a headline, facts beside their names, and texts broken at the terminal's width.

use super::line_breaks::broken;
use super::output::Output;
use crate::clean::marked;
use crate::telemetry::{self};

/// A text without a terminal is broken here.
const WIDTH_WITHOUT_TERMINAL: usize = 120;
/// Narrower than this, words would stand alone.
const WIDTH_MIN: usize = 40;

/// A report for people, made line by line. What others wrote cannot steer the terminal.
#[derive(Debug)]
pub(in crate::cli) struct TextReport {
    text: String,
    width: usize,
    on_terminal: bool,
}

/// How a word stands out on a terminal; it says the same without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Tint {
    /// As any other.
    Plain,
    /// A headline.
    Bold,
    /// Of less weight.
    Dim,
    /// All is well.
    Green,
    /// A person should look.
    Yellow,
    /// Something is wrong.
    Red,
}

impl TextReport {
    pub(in crate::cli) fn new(output: Output) -> Self {
        let width = output.width().map_or(WIDTH_WITHOUT_TERMINAL, usize::from).clamp(WIDTH_MIN, WIDTH_WITHOUT_TERMINAL);
        Self { text: String::new(), width, on_terminal: output.width().is_some() && telemetry::colour_is_wanted() }
    }

    /// A headline.
    pub(in crate::cli) fn headline(&mut self, text: &str) {
        let text = self.tinted(&marked(text), Tint::Bold);
        self.text.push_str(&text);
        self.text.push('\n');
    }

    /// An empty line.
    pub(in crate::cli) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A text beside its name, which is `indent` columns wide; it goes on below itself.
    pub(in crate::cli) fn fact(&mut self, name: &str, indent: usize, text: &str) {
        self.line(name, Tint::Dim, indent, text);
    }

    /// As [`TextReport::fact`], the name in its own tint.
    pub(in crate::cli) fn line(&mut self, name: &str, tint: Tint, indent: usize, text: &str) {
        let name = marked(name);
        let padding = indent.saturating_sub(name.chars().count() + 2).max(1);
        let mut begin = format!("  {}{}", self.tinted(&name, tint), " ".repeat(padding));
        for line in broken(&marked(text), self.width.saturating_sub(indent).max(WIDTH_MIN / 2)) {
            self.text.push_str(begin.as_str());
            self.text.push_str(&line);
            self.text.push('\n');
            begin = " ".repeat(indent.max(3));
        }
    }

    /// Lines as they are, indented.
    pub(in crate::cli) fn quoted(&mut self, lines: &str) {
        for line in lines.lines() {
            self.text.push_str(format!("  {}", marked(line)).trim_end());
            self.text.push('\n');
        }
    }

    /// The report, without an end of line.
    pub(in crate::cli) fn finish(self) -> String {
        self.text.trim_end().to_owned()
    }

    fn tinted(&self, text: &str, tint: Tint) -> String {
        let code = match tint {
            Tint::Plain => return text.to_owned(),
            _ if !self.on_terminal => return text.to_owned(),
            Tint::Bold => 1,
            Tint::Dim => 2,
            Tint::Green => 32,
            Tint::Yellow => 33,
            Tint::Red => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_on_below_themselves() {
        let mut report = TextReport { text: String::new(), width: 40, on_terminal: false };
        report.headline("R-1 of acme");
        report.fact("why", 12, "the policy attaches for business customers only\u{1b}[31m");
        assert_eq!(
            report.finish(),
            "R-1 of acme\n  why       the policy attaches for\n            business customers only\u{fffd}[31m"
        );
    }

    #[test]
    fn a_name_as_wide_as_its_column_still_stands_apart() {
        let mut report = TextReport { text: String::new(), width: 80, on_terminal: true };
        report.line("portal", Tint::Red, 6, "closed");
        assert_eq!(report.finish(), "  \u{1b}[31mportal\u{1b}[0m closed");
    }
}
