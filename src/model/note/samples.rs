//! Notes to test with.

use strum::VariantArray as _;

use super::{LocaleSource, NamedLocale, NoteKind, PassedLocale};
use crate::clock::Timestamp;
use crate::model::dropped::Dropped;
use crate::model::ids::DeliveryId;
use crate::model::link_cause::LinkCause;
use crate::model::mail_address::InvalidAddress;
use crate::model::reason::ReasonCode;
use crate::model::recipient_role::RecipientRole;
use crate::model::state::Concluded;

/// At least one of each kind, with each value that its sentence depends on.
pub(crate) fn sample_notes() -> Vec<NoteKind> {
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
        NoteKind::HeldIfBack { since: Timestamp(1_795_426_200_000) },
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
