//! Mail addresses as logs show them.

use std::fmt;

/// Shows a mail address so that its owner recognises it and others do not learn it: `a***@customer.example`.
#[derive(Debug, Clone, Copy)]
pub struct Masked<'a>(pub &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last @: a quoted local part may hold others (RFC 5321 §4.1.2).
        let Some((local, domain)) = self.0.rsplit_once('@') else { return f.write_str("***") };
        let is_plain = |c: &char| !c.is_control() && !c.is_whitespace();
        if let Some(first) = local.chars().next().filter(is_plain) {
            write!(f, "{first}")?;
        }
        f.write_str("***@")?;
        domain.chars().filter(is_plain).try_for_each(|c| write!(f, "{c}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_first_letter_and_its_domain() {
        let cases = [
            ("ap@customer.example", "a***@customer.example"),
            ("a@customer.example", "a***@customer.example"),
            ("käufer@söhne.example", "k***@söhne.example"),
            ("öl@example.com", "ö***@example.com"),
            ("\"a@b\"@customer.example", "\"***@customer.example"),
            ("@customer.example", "***@customer.example"),
            ("no address", "***"),
            ("", "***"),
            ("a@b\r\nlevel=ERROR", "a***@blevel=ERROR"),
        ];
        for (address, shown) in cases {
            assert_eq!(Masked(address).to_string(), shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_more_than_one_letter_of_the_local_part_is_shown(local in "[a-z]{2,20}", domain in "[a-z]{1,10}\\.example") {
            let shown = Masked(&format!("{local}@{domain}")).to_string();
            proptest::prop_assert_eq!(shown, format!("{}***@{domain}", &local[..1]));
        }
    }
}
