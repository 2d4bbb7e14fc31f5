//! Texts that others wrote, on one line of a terminal.

use crate::telemetry::is_unsafe;

/// Control characters end or colour a line, bidi controls turn it around: both become a mark.
pub(super) fn cleaned(text: &str) -> String {
    let clean = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_unsafe(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(clean).collect()
}
