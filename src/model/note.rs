//! What a note in a delivery's timeline says: facts, which each reader is shown in their own language, and the English
//! sentence that is made of them and kept beside them.
//!
//! Facts hold nothing personal, so they outlive an erasure. What a person wrote, or a relay said, stands in the sentence
//! alone, behind the first colon: an erasure takes it from there.

#[cfg(test)]
mod samples;
mod sentence;

use serde::{Deserialize, Serialize};
use strum::EnumCount;

#[cfg(test)]
pub(crate) use self::samples::sample_notes;
pub use self::sentence::superseded_because;
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
    /// It had ended, and is held if it comes back by itself.
    HeldIfBack {
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
    /// One of the event's recipients is left out, and the others get the mail.
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
