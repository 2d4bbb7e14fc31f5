//! What was meant by a mistyped name.

use strsim::osa_distance;

/// The candidate that `text` was probably meant to be: at most a third of it is mistyped.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = candidates.map(|candidate| (osa_distance(text, candidate), candidate));
    distances.filter(|(distance, _)| *distance * 3 <= text.len().max(3)).min().map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_near_and_another_word_is_not() {
        assert_eq!(nearest("conections", ["url", "connections"].into_iter()), Some("connections"));
        assert_eq!(nearest("ulr", ["url", "connections"].into_iter()), Some("url"), "a swap is one error");
        assert_eq!(nearest("", ["url"].into_iter()), None);
        assert_eq!(nearest("colour", ["url", "connections"].into_iter()), None);
    }
}
