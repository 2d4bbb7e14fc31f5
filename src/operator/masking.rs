//! Personal data as whoever may not read it sees it.

use crate::model::customer::CustomerType;

/// A customer's name: of a company whole, of a person masked (`E*** M***`) unless personal data is shown whole.
#[must_use]
pub fn customer_name(name: &str, kind: Option<CustomerType>, whole: bool) -> String {
    if whole || kind == Some(CustomerType::Business) { name.to_owned() } else { masked_name(name) }
}

/// `E*** M***`.
#[must_use]
pub fn masked_name(name: &str) -> String {
    let masked = |word: &str| word.chars().next().map(|first| format!("{first}***"));
    name.split_whitespace().filter_map(masked).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_companys_name_is_no_secret_and_a_persons_is() {
        let business = Some(CustomerType::Business);
        for (kind, whole, expected) in [
            (business, false, "Erika Muster"),
            (Some(CustomerType::Private), false, "E*** M***"),
            (None, false, "E*** M***"),
            (None, true, "Erika Muster"),
        ] {
            assert_eq!(customer_name("Erika Muster", kind, whole), expected);
        }
    }
}
