//! The first visit of an operator: invitation, authenticator app, recovery codes.

use std::fmt::Write as _;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::icon::Icon;
use super::layout::{FrontView, SignedOutLayout};
use crate::console::terms::EnrolmentProblem;
use crate::console::words::AccessWords;

pub struct InvitationPage<'a> {
    /// `/invitation/{token}`.
    pub path: &'a str,
    pub email: &'a str,
    /// What was entered, or what the invitation says.
    pub name: &'a str,
    pub problem: Option<EnrolmentProblem>,
}

/// The setting up of an authenticator app. There is no navigation around it: whoever must do it can do nothing else yet.
pub struct TotpSetUpPage<'a> {
    /// The session's form token.
    pub csrf: &'a str,
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

#[derive(Template)]
#[template(path = "console/invitation.html")]
struct InvitationTemplate<'a> {
    layout: FrontView<'a>,
    words: &'static AccessWords,
    path: &'a str,
    lead: String,
    email: &'a str,
    name: &'a str,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "console/totp.html")]
struct TotpTemplate<'a> {
    layout: FrontView<'a>,
    words: &'static AccessWords,
    csrf: &'a str,
    uri: &'a str,
    secret: String,
    secret_seal: &'a str,
    qr: Option<QrView>,
    is_required: bool,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "console/recovery_codes.html")]
struct RecoveryTemplate<'a> {
    layout: FrontView<'a>,
    words: &'static AccessWords,
    codes: &'a [String],
    all: String,
    next: &'a str,
}

/// A QR code as the path of one SVG element, with the quiet zone of four modules that readers need.
struct QrView {
    size: usize,
    path: String,
}

const QUIET_ZONE: usize = 4;

#[must_use]
pub fn invitation(layout: &SignedOutLayout<'_>, page: &InvitationPage<'_>) -> Response {
    let words = layout.words();
    let template = InvitationTemplate {
        layout: layout.view(),
        words: &words.access,
        path: page.path,
        lead: (words.access.invitation_lead)(page.email),
        email: page.email,
        name: page.name,
        problem: page.problem.map(words.access.enrolment_problem),
    };
    answer(status_of(page.problem), layout.language, &template)
}

#[must_use]
pub fn totp_set_up(layout: &SignedOutLayout<'_>, page: &TotpSetUpPage<'_>) -> Response {
    let words = layout.words();
    let template = TotpTemplate {
        layout: layout.view(),
        words: &words.access,
        csrf: page.csrf,
        uri: page.uri,
        secret: in_groups(page.secret),
        secret_seal: page.secret_seal,
        qr: QrView::of(page.qr),
        is_required: page.is_required,
        problem: page.problem.map(words.access.enrolment_problem),
    };
    answer(status_of(page.problem), layout.language, &template)
}

#[must_use]
pub fn recovery_codes(layout: &SignedOutLayout<'_>, page: &RecoveryCodesPage<'_>) -> Response {
    let words = layout.words();
    let template = RecoveryTemplate {
        layout: layout.view(),
        words: &words.access,
        codes: page.codes,
        all: page.codes.join("\n"),
        next: page.next,
    };
    answer(StatusCode::OK, layout.language, &template)
}

const fn status_of(problem: Option<EnrolmentProblem>) -> StatusCode {
    if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

/// In groups of four, as people read and type it.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

impl QrView {
    fn of(rows: &[Vec<bool>]) -> Option<Self> {
        let mut path = String::new();
        for (y, row) in rows.iter().enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
                let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE);
            }
        }
        (!rows.is_empty()).then_some(Self { size: rows.len() + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_keeps_its_quiet_zone() {
        assert!(QrView::of(&[]).is_none());
        let code = QrView::of(&[vec![true, false], vec![false, true]]).unwrap();
        assert_eq!((code.size, code.path.as_str()), (10, "M4 4h1v1h-1zM5 5h1v1h-1z"));
    }

    #[test]
    fn a_secret_is_read_in_groups() {
        assert_eq!(in_groups("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
