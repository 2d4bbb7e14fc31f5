//! What waits for a person, as the work list sorts it.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Why an invoice stands on the work list.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum WorkKind {
    /// The recipient was refused for good; until somebody acknowledges it.
    Rejected,
    /// Its time passed before it could be sent; until somebody acknowledges it.
    Expired,
    /// The same invoice came under another event id; until somebody acknowledges it.
    Duplicate,
    /// The relay may hold the message: a person decides.
    Uncertain,
    /// The customer must be verified, and nothing on record can do it.
    NoVerificationMethod,
}
