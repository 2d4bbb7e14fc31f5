//! What a document of the billing system is.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Invoice, credit note or reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum InvoiceKind {
    /// A claim.
    Invoice,
    /// A claim taken back.
    CreditNote,
    /// A claim repeated.
    Reminder,
}

impl InvoiceKind {
    /// As people read it: `credit note`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit note",
            Self::Reminder => "reminder",
        }
    }
}
