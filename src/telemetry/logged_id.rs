//! Identifiers from outside as logs show them.

use std::fmt;

use super::AddressMask;

/// Shows an identifier or number that another system chose, with every address in it masked: some systems number invoices
/// by the customer's address.
#[derive(Debug, Clone, Copy)]
pub struct LoggedId<'a>(pub &'a str);

impl fmt::Display for LoggedId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most identifiers hold nothing that an address could be written with: two or three are logged for each mail.
        if self.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./: ".contains(&byte)) {
            f.write_str(self.0)
        } else {
            f.write_str(&AddressMask::default().text_without_addresses(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_an_identifier_is_masked_and_all_else_stays() {
        for (id, shown) in [
            ("R-1/2026 Müller & Söhne", "R-1/2026 Müller & Söhne"),
            ("erika.muster@home.example", "e***@home.example"),
            ("R-1 erika.muster@home.example", "R-1 e***@home.example"),
            ("urn:event:erika.muster@home.example:7", "urn:event:e***@home.example:7"),
            ("R-1-erika.muster%40home.example", "R***%40home.example"),
            ("R-1 @ 2026", "R-1 @ 2026"),
        ] {
            assert_eq!(LoggedId(id).to_string(), shown);
        }
    }
}
