//! In which header a recipient stands.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// In which header, if any, a recipient stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RecipientRole {
    To,
    Cc,
    /// In no header; a message of its own.
    Bcc,
}

impl RecipientRole {
    /// In which order an address that stands twice counts: the role of the smallest number.
    #[must_use]
    pub const fn precedence(self) -> u8 {
        match self {
            Self::To => 0,
            Self::Cc => 1,
            Self::Bcc => 2,
        }
    }
}
