//! The first visit of an operator: invitation, authenticator app, recovery codes.

use super::{ConsoleLayout, SignedOutLayout};

pub struct InvitationPage<'a> {
    /// `/invitation/{token}`.
    pub path: &'a str,
    pub email: &'a str,
    /// What was entered, or what the invitation says.
    pub name: &'a str,
    pub problem: Option<EnrolmentProblem>,
}

/// The setting up of an authenticator app, by somebody who is signed in (or half: `layout` is none).
pub struct TotpSetUpPage<'a> {
    /// `otpauth://…`, shown as a link for phones.
    pub uri: &'a str,
    /// The secret in base32, to be typed.
    pub secret: &'a str,
    /// The QR code of `uri`: rows of modules, dark ones `true`; empty: none is shown.
    pub qr: &'a [Vec<bool>],
    /// What the form brings back: the sealed secret.
    pub secret_seal: &'a str,
    /// The role asks for it: there is no way around.
    pub is_required: bool,
    pub problem: Option<EnrolmentProblem>,
}

/// Shown once.
pub struct RecoveryCodesPage<'a> {
    pub codes: &'a [String],
    /// Where to go on.
    pub next: &'a str,
}

/// Why the entered password or code is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentProblem {
    PasswordTooShort { chars_min: usize },
    PasswordTooLong { bytes_max: usize },
    /// It is the address or the name, or one of the most used.
    PasswordGuessable,
    PasswordsDiffer,
    CodeWrong,
    NameMissing,
}
