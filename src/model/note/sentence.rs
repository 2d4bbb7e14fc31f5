//! The English sentences of notes: what the database keeps beside the facts.

use std::fmt;

use super::{LocaleSource, NamedLocale, NoteContent, NoteKind, PassedLocale};
use crate::model::dropped::Dropped;
use crate::model::link_cause::LinkCause;
use crate::model::reason::ReasonCode;
use crate::model::state::Concluded;

/// The English sentence.
impl fmt::Display for NoteContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{}: {reason}", self.kind),
            None => fmt::Display::fmt(&self.kind, f),
        }
    }
}

/// The English sentence without the reason.
impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled",
            Self::SentNow => "sent ahead of its time",
            Self::MarkedSent => "marked as sent",
            Self::RestMade { recipients, by } => {
                return write!(f, "{recipients} of its recipients had been deferred: they get it by {by}");
            }
            Self::RecipientsUnknown => "which of its recipients the relay had accepted is not known",
            Self::Acknowledged => "acknowledged",
            Self::Superseded { by, was_uncertain } => {
                return write!(f, "{}: {by}", superseded_because(*was_uncertain));
            }
            Self::Resent => "resent",
            Self::ToNewAddress { link, links_revoked } => return to_new_address(f, *link, *links_revoked),
            Self::FreshLinkAsked => "a fresh link was asked for with an expired one",
            Self::PortalLockLifted => "portal lock lifted",
            Self::Held { since } => return write!(f, "held: what was sent since {since} may be missing here"),
            Self::HeldIfBack { since } => {
                return write!(f, "held if it comes back by itself: what was sent since {since} may be missing here");
            }
            Self::LetGo => "let go",
            Self::HeldWithTenant => "held: the tenant is paused",
            Self::LetGoWithTenant => "let go: the tenant is resumed",
            Self::LetGoWithNewSender => "let go with the tenant's new sender",
            Self::Discarded => "discarded",
            Self::Restored => "restored to the dead letters",
            Self::Redriven => "redriven",
            Self::Cured => "cured: what it lacked has come",
            Self::SameInvoice { delivery } => {
                return write!(f, "not sent again: delivery {delivery} is of the same invoice");
            }
            Self::CustomerErased => "the customer was erased",
            Self::DueAgain => "due again",
            Self::RefusedWhileHeld => {
                "due again: a person held it when the relay refused it, perhaps because of its sender"
            }
            Self::ComposedWithoutUtf8 => {
                "composed anew without the copies and the Reply-To whose addresses need SMTPUTF8, which the relay does \
                 not offer"
            }
            Self::SentOnceMore => "its worker ended in the middle of DATA; sent once more, as its relay is configured",
            Self::LateAnswer { class, code, stays } => return late_answer(f, *class, code.as_deref(), *stays),
            Self::AcceptedLate => "sent: the relay had accepted it, as its late answer says",
            Self::EventValueLeftOut { value } => return write!(f, "{}; it is left out", value.problem()),
            Self::OtherLocale { passed_over, used } => return other_locale(f, passed_over, used.as_ref()),
            Self::AddressLeftOut { role, fault } => return write!(f, "a {role} address is left out: {fault}"),
        })
    }
}

/// Why a delivery ends in whose place a resend is sent; also the reason of its end.
#[must_use]
pub const fn superseded_because(was_uncertain: bool) -> &'static str {
    if was_uncertain { "unknown, resent" } else { "a resend took its place" }
}

fn to_new_address(f: &mut fmt::Formatter<'_>, link: Option<LinkCause>, links_revoked: Option<u64>) -> fmt::Result {
    let holds = match link {
        None => "documents allowed there",
        Some(LinkCause::AskedFor) => "with the link asked for",
        Some(LinkCause::NewAddress) => "with a link",
    };
    write!(f, "to an address that is neither in the event nor on record, on this person's word: {holds}, ")?;
    match links_revoked {
        None => f.write_str("earlier links kept"),
        Some(0) => f.write_str("no earlier link to revoke"),
        Some(1) => f.write_str("1 earlier link revoked"),
        Some(number) => write!(f, "{number} earlier links revoked"),
    }
}

fn late_answer(
    f: &mut fmt::Formatter<'_>,
    class: ReasonCode,
    code: Option<&str>,
    stays: Option<Concluded>,
) -> fmt::Result {
    write!(f, "the relay answered late: {class} ({}); ", code.unwrap_or("no reply"))?;
    match stays {
        Some(stays) => write!(f, "the delivery stays {stays}"),
        None => f.write_str("it had been taken over to be sent once more"),
    }
}

fn other_locale(f: &mut fmt::Formatter<'_>, passed_over: &[PassedLocale], used: Option<&NamedLocale>) -> fmt::Result {
    for passed in passed_over {
        write!(f, "{passed}; ")?;
    }
    match used {
        Some(NamedLocale { of, tag }) => write!(f, "the mail is written for {tag}, as the {of} has it"),
        None => f.write_str("the mail is written in English"),
    }
}

impl fmt::Display for PassedLocale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATag => f.write_str(Dropped::Locale.problem()),
            Self::NoTemplate(NamedLocale { of, tag }) => write!(f, "there is no template for the {of}'s locale {tag}"),
        }
    }
}

impl fmt::Display for LocaleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event => "event",
            Self::Customer => "customer",
            Self::Tenant => "tenant",
        })
    }
}
