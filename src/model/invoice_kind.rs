//! What a document of the billing system is.

use crate::string_enum::string_enum;

/// Invoice, credit note or reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvoiceKind {
    /// A claim.
    Invoice,
    /// A claim taken back.
    CreditNote,
    /// A claim repeated.
    Reminder,
}

string_enum!(InvoiceKind { Invoice => "invoice", CreditNote => "credit_note", Reminder => "reminder" });

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
