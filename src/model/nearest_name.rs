//! What somebody meant who mistyped a name.

/// The candidate that `text` was probably meant to be: at most a third of it is mistyped.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = candidates.map(|candidate| (distance(text, candidate), candidate));
    distances.filter(|(distance, _)| *distance * 3 <= text.len().max(3)).min().map(|(_, candidate)| candidate)
}

/// Letters to insert, remove or replace, or neighbours to swap (optimal string alignment distance).
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = match (i, j) {
                (0, edits) | (edits, 0) => edits,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                    let edited = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let is_swap = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                    if is_swap { edited.min(rows[i - 2][j - 2] + 1) } else { edited }
                }
            };
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_near_and_another_word_is_not() {
        assert_eq!(distance("conections", "connections"), 1);
        assert_eq!(distance("ulr", "url"), 1);
        assert_eq!(distance("", "url"), 3);
        assert_eq!(nearest("conections", ["url", "connections"].into_iter()), Some("connections"));
        assert_eq!(nearest("colour", ["url", "connections"].into_iter()), None);
    }
}
