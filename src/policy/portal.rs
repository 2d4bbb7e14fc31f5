//! What the portal shows to a visitor who opened a link: what today's settings ask × verified or not.

use crate::model::settings::VerificationMethod;
use crate::policy::decision::PortalAccess;

/// What a visitor may see of an invoice, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Nothing of invoice or customer: verification comes before every page.
    Nothing,
    /// The invoice and how many documents it has; these are closed to everybody.
    InvoiceOnly,
    /// The invoice and how many documents it has, without their names; verification opens them.
    InvoiceBeforeVerification,
    /// The invoice and its documents.
    Documents,
}

impl Visibility {
    /// What `access` shows to a visitor who is verified as this customer, or is not.
    #[must_use]
    pub const fn of(access: PortalAccess, verified: bool) -> Self {
        match (access, verified) {
            (PortalAccess::Open, _) | (PortalAccess::Verified | PortalAccess::EveryPageVerified, true) => {
                Self::Documents
            }
            (PortalAccess::Verified, false) => Self::InvoiceBeforeVerification,
            (PortalAccess::EveryPageVerified, false) => Self::Nothing,
            (PortalAccess::Closed, _) => Self::InvoiceOnly,
        }
    }

    /// Whether the invoice page is shown.
    #[must_use]
    pub const fn invoice(self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether the names of documents, and their bytes, are shown.
    #[must_use]
    pub const fn documents(self) -> bool {
        matches!(self, Self::Documents)
    }

    /// Whether verification shows more.
    #[must_use]
    pub const fn asks_verification(self) -> bool {
        matches!(self, Self::Nothing | Self::InvoiceBeforeVerification)
    }
}

/// Whether the other invoices of the customer are listed: a link alone opens its own invoice and no other.
#[must_use]
pub const fn lists_invoices(access: PortalAccess, verified: bool) -> bool {
    access.verifies() && verified
}

/// Whether a verification still counts: by a method that the customer could be verified by now, against the record as it
/// is now.
#[must_use]
pub fn still_holds(method: VerificationMethod, usable: &[VerificationMethod], record_is_unchanged: bool) -> bool {
    record_is_unchanged && usable.contains(&method)
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::model::customer::CustomerType;
    use crate::model::settings::PortalLevel;

    const TYPES: [Option<CustomerType>; 3] = [None, Some(CustomerType::Private), Some(CustomerType::Business)];

    /// The table of levels, cell by cell: unknown, private and business customers, each before and after verification.
    fn expected(level: PortalLevel) -> [[Visibility; 2]; 3] {
        use Visibility::{Documents, InvoiceBeforeVerification as Before, InvoiceOnly, Nothing};
        match level {
            PortalLevel::EveryPage => [[Nothing, Documents]; 3],
            PortalLevel::Sensitive => [[Before, Documents]; 3],
            PortalLevel::SensitiveForPrivate => [[Before, Documents], [Before, Documents], [Documents, Documents]],
            PortalLevel::Inaccessible => [[InvoiceOnly, InvoiceOnly]; 3],
            PortalLevel::NotRequired => [[Documents, Documents]; 3],
        }
    }

    #[test]
    fn level_type_and_verification_decide_what_is_shown() {
        for level in PortalLevel::VARIANTS {
            for (kind, expected) in TYPES.into_iter().zip(expected(*level)) {
                let access = PortalAccess::of(*level, kind);
                for (verified, expected) in [false, true].into_iter().zip(expected) {
                    let shown = Visibility::of(access, verified);
                    assert_eq!(shown, expected, "{level} {kind:?}, verified: {verified}");
                    assert_eq!(shown.asks_verification(), shown != Visibility::of(access, true), "{level} {kind:?}");
                }
                let lists = [PortalLevel::EveryPage, PortalLevel::Sensitive].contains(level)
                    || (*level == PortalLevel::SensitiveForPrivate && kind != Some(CustomerType::Business));
                assert_eq!(lists_invoices(access, true), lists, "{level} {kind:?}");
                assert!(!lists_invoices(access, false), "{level} {kind:?}");
            }
        }
    }

    #[test]
    fn a_stricter_access_shows_no_more() {
        for verified in [false, true] {
            for pair in PortalAccess::VARIANTS.windows(2) {
                // Closed shows the invoice by an earlier link, which every page verified does not; of documents never more.
                let documents = |access| Visibility::of(access, verified).documents();
                assert!(documents(pair[0]) >= documents(pair[1]), "{pair:?}");
            }
        }
    }

    #[test]
    fn a_verification_ends_with_its_method_and_its_record() {
        use VerificationMethod::{PostcodeHouseNumber as Postcode, SmsOtp};
        for (method, usable, unchanged, holds) in [
            (Postcode, &[Postcode][..], true, true),
            (Postcode, &[SmsOtp, Postcode], true, true),
            (Postcode, &[SmsOtp], true, false),
            (Postcode, &[], true, false),
            (SmsOtp, &[SmsOtp], false, false),
        ] {
            assert_eq!(still_holds(method, usable, unchanged), holds, "{method} {usable:?} {unchanged}");
        }
    }
}
