//! What the pages say, in every language: German, English, Dutch and French side by side, so that a missing word does not build.
//!
//! Short and plain; people are addressed formally, as in the customers' pages. What a word means is the same everywhere:
//! *resend* is always *erneut senden*, *opnieuw versturen* and *renvoyer*.

mod access;
mod audit;
mod audit_actions;
mod audit_members;
mod customers;
mod frame;
mod invoice;
mod notes;
mod notices;
mod reasons;
mod resend;
mod settings;
#[cfg(test)]
mod tests;
mod timeline;
mod work;

pub use access::AccessWords;
pub use audit::AuditWords;
pub use customers::CustomerWords;
pub use frame::FrameWords;
pub use invoice::InvoiceWords;
pub use notes::NoteWords;
pub use notices::{ConsoleNotice, NoticeTexts};
pub use reasons::ReasonWords;
pub use resend::ResendWords;
pub use settings::SettingsWords;
pub use timeline::TimelineWords;
pub use work::WorkWords;

/// The words of one language.
#[derive(Debug)]
pub struct ConsoleWords {
    pub frame: FrameWords,
    pub access: AccessWords,
    pub work: WorkWords,
    pub invoice: InvoiceWords,
    pub reasons: ReasonWords,
    pub timeline: TimelineWords,
    pub notes: NoteWords,
    pub resend: ResendWords,
    pub customers: CustomerWords,
    pub settings: SettingsWords,
    pub audit: AuditWords,
    pub notices: NoticeTexts,
}

macro_rules! language {
    ($name:ident) => {
        pub const $name: ConsoleWords = ConsoleWords {
            frame: FrameWords::$name,
            access: AccessWords::$name,
            work: WorkWords::$name,
            invoice: InvoiceWords::$name,
            reasons: ReasonWords::$name,
            timeline: TimelineWords::$name,
            notes: NoteWords::$name,
            resend: ResendWords::$name,
            customers: CustomerWords::$name,
            settings: SettingsWords::$name,
            audit: AuditWords::$name,
            notices: NoticeTexts::$name,
        };
    };
}

language!(GERMAN);
language!(ENGLISH);
language!(DUTCH);
language!(FRENCH);

/// Declares a struct of words and its four constants: `field = German, English, Dutch, French;`, with a type where a word is made
/// of something.
macro_rules! words {
    (@type) => { &'static str };
    (@type $type:ty) => { $type };
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident $(: $type:ty)? = $german:expr, $english:expr, $dutch:expr, $french:expr;)* }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name { $($(#[$doc])* pub $field: $crate::console::words::words!(@type $($type)?),)* }

        impl $name {
            pub const GERMAN: Self = Self { $($field: $german,)* };
            pub const ENGLISH: Self = Self { $($field: $english,)* };
            pub const DUTCH: Self = Self { $($field: $dutch,)* };
            pub const FRENCH: Self = Self { $($field: $french,)* };
        }
    };
}
pub(in crate::console) use words;
