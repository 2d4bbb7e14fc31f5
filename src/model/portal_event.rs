//! What happens in the customer portal.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a visitor did, for the timeline of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PortalEventKind {
    /// The link was opened; of one network once in 10 minutes.
    Opened,
    /// As often.
    VerificationAsked,
    Verified,
    VerificationFailed,
    Locked,
    /// A document was read; once in 10 minutes.
    Downloaded,
    FreshLinkAsked,
}
