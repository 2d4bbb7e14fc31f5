//! What a note in a delivery's timeline says: facts, which each reader is shown in their own language, and the English
//! sentence that is made of them and kept beside them.
//!
//! Facts hold nothing personal, so they outlive an erasure. What a person wrote, or a relay said, stands in the sentence
//! alone, behind the first colon: an erasure takes it from there.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::EnumCount;

use super::dropped::Dropped;
use super::ids::DeliveryId;
use super::link_cause::LinkCause;
use super::mail_address::InvalidAddress;
use super::reason::ReasonCode;
use super::recipient_role::RecipientRole;
use super::state::Concluded;
use crate::clock::Timestamp;

/// What was done to a delivery, or how its event was read, with all that is not personal. Its name in JSON is kept in the
/// database: it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, EnumCount)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoteKind {
    /// Why follows.
    Cancelled,
    SentNow,
    /// Why follows.
    MarkedSent,
    /// Recipients that the relay had deferred get the message by another delivery.
    RestMade {
        recipients: usize,
        by: DeliveryId,
    },
    /// Of one that was marked as sent.
    RecipientsUnknown,
    Acknowledged,
    /// A resend took its place.
    Superseded {
        by: DeliveryId,
        was_uncertain: bool,
    },
    /// Why follows.
    Resent,
    /// It goes to an address that is neither in the event nor on record, on its author's word.
    ToNewAddress {
        /// None, if documents may go there.
        link: Option<LinkCause>,
        /// None, if earlier links go on working.
        links_revoked: Option<u64>,
    },
    FreshLinkAsked,
    PortalLockLifted,

    /// Until a person lets it go. `since` is when the backup was made that the database comes from.
    Held {
        since: Timestamp,
    },
    LetGo,
    /// Why follows.
    HeldWithTenant,
    LetGoWithTenant,
    LetGoWithNewSender,

    /// Why follows.
    Discarded,
    Restored,
    Redriven,
    /// It was put back by itself.
    Cured,
    /// Another delivery sends the same invoice, or may.
    SameInvoice {
        delivery: DeliveryId,
    },
    CustomerErased,

    /// The refusal was about its sender, or the relay gave it to every sender. What the relay said follows: it is not ours
    /// to translate.
    DueAgain,
    RefusedWhileHeld,
    ComposedWithoutUtf8,
    SentOnceMore,
    LateAnswer {
        class: ReasonCode,
        /// As `550 5.7.1`.
        code: Option<String>,
        /// How the delivery stands all the same; none, if it had been taken over to be sent once more.
        stays: Option<Concluded>,
    },
    AcceptedLate,

    /// Something of the event is not used.
    EventValueLeftOut {
        value: Dropped,
    },
    /// The mail is written for another locale than the one that was asked for first.
    OtherLocale {
        passed_over: Vec<PassedLocale>,
        /// None: for none of them a template is written, and the mail is in English.
        used: Option<NamedLocale>,
    },
    /// Somebody of the event gets no mail although others do.
    AddressLeftOut {
        role: RecipientRole,
        fault: InvalidAddress,
    },
}

/// Who names a locale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocaleSource {
    Event,
    Customer,
    Tenant,
}

/// A locale that somebody names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedLocale {
    pub of: LocaleSource,
    /// BCP 47.
    pub tag: String,
}

/// A locale that was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum PassedLocale {
    /// What the event has is no language tag.
    NotATag,
    NoTemplate(NamedLocale),
}

/// What is written down: the facts, and what an erasure takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteContent {
    pub kind: NoteKind,
    /// In a person's or a relay's own words.
    pub reason: Option<String>,
}

impl NoteKind {
    /// With the reason that somebody gave.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> NoteContent {
        NoteContent { kind: self, reason: Some(reason.into()) }
    }

    /// As the database keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("facts are always JSON")
    }

    /// None of what another version of this program wrote, and this one does not know.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The reason in a sentence of this kind; none where there never was one, or where it has been erased.
    #[must_use]
    pub fn reason_in<'a>(&self, sentence: &'a str) -> Option<&'a str> {
        sentence.strip_prefix(self.to_string().as_str())?.strip_prefix(": ")
    }
}

impl From<NoteKind> for NoteContent {
    fn from(kind: NoteKind) -> Self {
        Self { kind, reason: None }
    }
}

/// The English sentence.
impl fmt::Display for NoteContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{}: {reason}", self.kind),
            None => self.kind.fmt(f),
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

/// At least one of each kind, with each value that its sentence depends on.
#[cfg(test)]
pub(crate) fn sample_notes() -> Vec<NoteKind> {
    use strum::VariantArray as _;

    let delivery = DeliveryId(uuid::Uuid::from_u128(7));
    let causes = [None, Some(LinkCause::AskedFor), Some(LinkCause::NewAddress)];
    let to_new_address =
        |link| [None, Some(0), Some(1), Some(2)].map(|links_revoked| NoteKind::ToNewAddress { link, links_revoked });
    let locale = |of, tag: &str| NamedLocale { of, tag: tag.to_owned() };
    let (pl, it) = (locale(LocaleSource::Event, "pl-PL"), locale(LocaleSource::Customer, "it-IT"));
    let code = || Some("250 2.0.0".to_owned());
    let mut all = vec![
        NoteKind::Cancelled,
        NoteKind::SentNow,
        NoteKind::MarkedSent,
        NoteKind::RestMade { recipients: 2, by: delivery },
        NoteKind::RecipientsUnknown,
        NoteKind::Acknowledged,
        NoteKind::Superseded { by: delivery, was_uncertain: false },
        NoteKind::Superseded { by: delivery, was_uncertain: true },
        NoteKind::Resent,
        NoteKind::FreshLinkAsked,
        NoteKind::PortalLockLifted,
        NoteKind::Held { since: Timestamp(1_795_426_200_000) },
        NoteKind::LetGo,
        NoteKind::HeldWithTenant,
        NoteKind::LetGoWithTenant,
        NoteKind::LetGoWithNewSender,
        NoteKind::Discarded,
        NoteKind::Restored,
        NoteKind::Redriven,
        NoteKind::Cured,
        NoteKind::SameInvoice { delivery },
        NoteKind::CustomerErased,
        NoteKind::DueAgain,
        NoteKind::RefusedWhileHeld,
        NoteKind::ComposedWithoutUtf8,
        NoteKind::SentOnceMore,
        NoteKind::LateAnswer { class: ReasonCode::Accepted, code: code(), stays: Some(Concluded::Cancelled) },
        NoteKind::LateAnswer { class: ReasonCode::Deferred, code: code(), stays: None },
        NoteKind::LateAnswer { class: ReasonCode::Uncertain, code: None, stays: Some(Concluded::Sent) },
        NoteKind::AcceptedLate,
        NoteKind::OtherLocale {
            passed_over: vec![PassedLocale::NotATag],
            used: Some(locale(LocaleSource::Tenant, "nl-NL")),
        },
        NoteKind::OtherLocale {
            passed_over: vec![PassedLocale::NoTemplate(pl), PassedLocale::NoTemplate(it)],
            used: None,
        },
    ];
    all.extend(causes.into_iter().flat_map(to_new_address));
    all.extend(Dropped::VARIANTS.iter().map(|value| NoteKind::EventValueLeftOut { value: *value }));
    for role in RecipientRole::VARIANTS {
        let left_out = |fault: &InvalidAddress| NoteKind::AddressLeftOut { role: *role, fault: *fault };
        all.extend(InvalidAddress::VARIANTS.iter().map(left_out));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_is_read_as_it_was_written() {
        let mut kinds = BTreeSet::new();
        for note in sample_notes() {
            let json = note.to_json();
            assert_eq!(NoteKind::from_json(&json).as_ref(), Some(&note), "{json}");
            let facts: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            kinds.insert(facts["kind"].as_str().expect("each says its kind").to_owned());
        }
        assert_eq!(kinds.len(), NoteKind::COUNT, "there is a sample of each: {kinds:?}");
        for unknown in ["", "{}", r#"{"kind":"made_tea"}"#, r#"{"kind":"held"}"#] {
            assert_eq!(NoteKind::from_json(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn facts_are_stable() {
        let link = Some(LinkCause::NewAddress);
        for (note, expected) in [
            (NoteKind::LetGoWithTenant, r#"{"kind":"let_go_with_tenant"}"#),
            (
                NoteKind::ToNewAddress { link, links_revoked: Some(2) },
                r#"{"kind":"to_new_address","link":"new_address","links_revoked":2}"#,
            ),
            (
                NoteKind::LateAnswer { class: ReasonCode::RelayUnavailable, code: None, stays: Some(Concluded::Sent) },
                r#"{"kind":"late_answer","class":"relay_unavailable","code":null,"stays":"sent"}"#,
            ),
            (
                NoteKind::AddressLeftOut { role: RecipientRole::Cc, fault: InvalidAddress::AtMissing },
                r#"{"kind":"address_left_out","role":"cc","fault":"at_missing"}"#,
            ),
        ] {
            assert_eq!(note.to_json(), expected);
        }
        // As the migration writes them of earlier notes.
        let kept = NoteKind::from_json(r#"{"kind":"to_new_address","link":null,"links_revoked":null}"#);
        assert_eq!(kept, Some(NoteKind::ToNewAddress { link: None, links_revoked: None }));
    }

    #[test]
    fn sentences_say_the_same_as_the_facts() {
        let delivery = DeliveryId(uuid::Uuid::nil());
        let new_address = "to an address that is neither in the event nor on record, on this person's word";
        for (note, expected) in [
            (NoteKind::Cancelled.because("paid in cash"), "cancelled: paid in cash".to_owned()),
            (NoteKind::Resent.because("moved: twice"), "resent: moved: twice".to_owned()),
            (NoteKind::HeldWithTenant.because("amounts"), "held: the tenant is paused: amounts".to_owned()),
            (
                NoteKind::Held { since: Timestamp(1_795_426_200_000) }.into(),
                "held: what was sent since 2026-11-23T09:30:00Z may be missing here".to_owned(),
            ),
            (NoteKind::Superseded { by: delivery, was_uncertain: true }.into(), format!("unknown, resent: {delivery}")),
            (
                NoteKind::ToNewAddress { link: Some(LinkCause::NewAddress), links_revoked: Some(1) }.into(),
                format!("{new_address}: with a link, 1 earlier link revoked"),
            ),
            (
                NoteKind::ToNewAddress { link: None, links_revoked: None }.into(),
                format!("{new_address}: documents allowed there, earlier links kept"),
            ),
            (
                NoteKind::LateAnswer {
                    class: ReasonCode::Accepted,
                    code: Some("250 2.0.0".to_owned()),
                    stays: Some(Concluded::Cancelled),
                }
                .into(),
                "the relay answered late: accepted (250 2.0.0); the delivery stays cancelled".to_owned(),
            ),
            (
                NoteKind::EventValueLeftOut { value: Dropped::Traceparent }.into(),
                "the event's traceparent is not a W3C trace context; it is left out".to_owned(),
            ),
            (
                NoteKind::AddressLeftOut { role: RecipientRole::Cc, fault: InvalidAddress::Empty }.into(),
                "a cc address is left out: it is empty".to_owned(),
            ),
        ] {
            assert_eq!(note.to_string(), expected);
        }
    }

    #[test]
    fn a_reason_is_found_again_unless_it_is_erased() {
        let reason = "paid: in cash";
        for note in sample_notes() {
            let sentence = note.clone().because(reason).to_string();
            assert_eq!(note.reason_in(&sentence), Some(reason), "{sentence}");
            assert_eq!(note.reason_in(&note.to_string()), None, "{note}");
        }
        assert_eq!(NoteKind::HeldWithTenant.reason_in("held: (erased)"), None);
    }
}
