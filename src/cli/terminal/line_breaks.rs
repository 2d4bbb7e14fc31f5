//! Where lines end that are wider than the terminal.

/// The text in lines of at most `width` characters, unless a single word is longer; at least one line.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("there is a line from the beginning");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The text with those of its lines broken that are wider than `width`. What is indented was laid out by its author.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let fit = |line: &str| {
        let is_broken = line.chars().count() > width && !line.starts_with(' ');
        if is_broken { broken(line, width).join("\n") } else { line.to_owned() }
    };
    text.split('\n').map(fit).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::model::reason::ReasonCode;

    #[test]
    fn every_hint_fits_a_terminal_of_eighty_columns() {
        let hints = ReasonCode::VARIANTS.iter().map(|class| class.hint());
        let paused = "relay default is paused; what is on the wire ends first, the rest waits until `relays resume`";
        for hint in hints.chain([paused, "\n", "two\n\nlines"]) {
            let shown = fitted(hint, 80);
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
            assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), hint.split_whitespace().collect::<Vec<_>>());
        }
        assert_eq!(fitted(paused, 80).lines().count(), 2);
        assert_eq!(fitted("a\n\nb\n", 80), "a\n\nb\n");
        let quoted = format!("  {}", "From: ".repeat(30));
        assert_eq!(fitted(&quoted, 80), quoted);
    }
}
