//! What a note of the timeline says, in the language of the page.

use crate::console::words::ConsoleWords;
use crate::model::dropped::Dropped;
use crate::model::note::{NamedLocale, NoteKind, PassedLocale};
use crate::model::recipient_role::RecipientRole;

/// Sentences, without the reason that somebody gave.
pub(super) fn note_text(words: &ConsoleWords, note: &NoteKind) -> String {
    let own = &words.notes;
    let sentence = match note {
        NoteKind::Cancelled => own.cancelled,
        NoteKind::SentNow => own.sent_now,
        NoteKind::MarkedSent => own.marked_sent,
        NoteKind::RestMade { recipients, by } => return (own.rest_made)(*recipients, &by.to_string()),
        NoteKind::RecipientsUnknown => own.recipients_unknown,
        NoteKind::Acknowledged => words.timeline.acknowledged,
        NoteKind::Superseded { by, was_uncertain: false } => return (own.superseded)(&by.to_string()),
        NoteKind::Superseded { by, was_uncertain: true } => return (own.superseded_uncertain)(&by.to_string()),
        NoteKind::Resent => own.resent,
        NoteKind::ToNewAddress { link, links_revoked } => {
            return format!("{} {}", (own.new_address)(*link), (own.earlier_links)(*links_revoked));
        }
        NoteKind::FreshLinkAsked => own.fresh_link_asked,
        NoteKind::PortalLockLifted => own.lock_lifted,
        NoteKind::Held { since } => return (own.held)(&since.to_string()),
        NoteKind::HeldIfBack { since } => return (own.held_if_back)(&since.to_string()),
        NoteKind::LetGo => own.let_go,
        NoteKind::HeldWithTenant => own.held_with_tenant,
        NoteKind::LetGoWithTenant => own.let_go_with_tenant,
        NoteKind::LetGoWithNewSender => own.let_go_with_new_sender,
        NoteKind::Discarded => own.discarded,
        NoteKind::Restored => own.restored,
        NoteKind::Redriven => own.redriven,
        NoteKind::Cured => own.cured,
        NoteKind::SameInvoice { delivery } => return (own.same_invoice)(&delivery.to_string()),
        NoteKind::CustomerErased => own.customer_erased,
        NoteKind::DueAgain => own.due_again,
        NoteKind::RefusedWhileHeld => own.refused_while_held,
        NoteKind::ComposedWithoutUtf8 => own.without_utf8,
        NoteKind::SentOnceMore => own.sent_once_more,
        NoteKind::LateAnswer { class, code, stays } => {
            let class = (words.reasons.class)(*class);
            let answer = code.as_ref().map_or_else(|| format!("{class}."), |code| format!("{class} ({code})."));
            let what_of_it = if stays.is_some() { own.late_answer_changes_nothing } else { own.late_answer_taken_over };
            return format!("{} {what_of_it}", (own.late_answer)(&answer));
        }
        NoteKind::AcceptedLate => own.accepted_late,
        NoteKind::EventValueLeftOut { value } => (own.value_left_out)(*value),
        NoteKind::OtherLocale { passed_over, used } => return other_locale(words, passed_over, used.as_ref()),
        NoteKind::AddressLeftOut { role, fault } => {
            return (own.address_left_out)(header(*role), (own.fault)(*fault));
        }
    };
    sentence.to_owned()
}

fn other_locale(words: &ConsoleWords, passed_over: &[PassedLocale], used: Option<&NamedLocale>) -> String {
    let own = &words.notes;
    let passed = passed_over.iter().map(|passed| match passed {
        PassedLocale::NotATag => (own.value_left_out)(Dropped::Locale).to_owned(),
        PassedLocale::NoTemplate(NamedLocale { of, tag }) => (own.no_template)(*of, tag),
    });
    let used = match used {
        Some(NamedLocale { of, tag }) => (own.written_for)(*of, tag),
        None => own.written_in_english.to_owned(),
    };
    passed.chain([used]).collect::<Vec<_>>().join(" ")
}

/// As the headers of a message are called in every language.
const fn header(role: RecipientRole) -> &'static str {
    match role {
        RecipientRole::To => "To",
        RecipientRole::Cc => "Cc",
        RecipientRole::Bcc => "Bcc",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::console::words::{DUTCH, ENGLISH, FRENCH, GERMAN};
    use crate::model::mail_address::InvalidAddress;
    use crate::model::note::sample_notes;

    #[test]
    fn each_note_has_words_in_each_language() {
        for note in sample_notes() {
            let told = [&GERMAN, &ENGLISH, &DUTCH, &FRENCH].map(|words| note_text(words, &note));
            let different: BTreeSet<&String> = told.iter().collect();
            assert_eq!(different.len(), 4, "{told:?}");
            for text in &told {
                assert!(!text.is_empty() && text == text.trim() && !text.contains("  "), "{text}");
                assert!(!text.contains(" :") && !text.contains(" ;") && !text.contains(".."), "{text}");
            }
        }
    }

    #[test]
    fn what_a_note_names_stands_in_its_words() {
        let german = |note| note_text(&GERMAN, &note);
        let left_out = NoteKind::AddressLeftOut { role: RecipientRole::Cc, fault: InvalidAddress::AtMissing };
        assert_eq!(german(left_out), "Eine Adresse unter „Cc“ ist weggelassen: Sie hat kein @.");
        for note in sample_notes() {
            let text = german(note.clone());
            match &note {
                NoteKind::RestMade { by, .. } | NoteKind::Superseded { by, .. } => {
                    assert!(text.contains(&by.to_string()), "{text}");
                }
                NoteKind::LateAnswer { code: Some(code), .. } => assert!(text.contains(code), "{text}"),
                NoteKind::OtherLocale { used: Some(used), .. } => assert!(text.contains(&used.tag), "{text}"),
                _ => {}
            }
        }
    }
}
