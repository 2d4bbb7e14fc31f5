//! Who wanted the link of a delivery that the settings would have sent with its documents.

use crate::model::link_cause::LinkCause;
use crate::model::note::NoteKind;
use crate::policy::decision::Reason;
use crate::store::Note;

impl LinkCause {
    /// The cause of a recorded decision, as the delivery's notes tell; none if the reason is another one.
    #[must_use]
    pub fn recorded(reason: Reason, notes: &[Note]) -> Option<Self> {
        let by_default = Some(Self::NewAddress);
        let is_by_default =
            |note: &Note| matches!(&note.kind, Some(NoteKind::ToNewAddress { link, .. }) if *link == by_default);
        match reason {
            Reason::LinkOnly if notes.iter().any(is_by_default) => by_default,
            Reason::LinkOnly => Some(Self::AskedFor),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::clock::Timestamp;

    fn note(kind: NoteKind, what: &str) -> Note {
        Note { at: Timestamp(0), who: "support".to_owned(), what: what.to_owned(), kind: Some(kind) }
    }

    #[test]
    fn a_note_tells_who_wanted_the_link() {
        let told = |reason, link| {
            // What an erasure leaves of the sentence does not matter.
            let kind = NoteKind::ToNewAddress { link, links_revoked: Some(1) };
            LinkCause::recorded(reason, &[note(NoteKind::Resent, "resent: moved"), note(kind, "to …: (erased)")])
        };
        for cause in LinkCause::VARIANTS {
            assert_eq!(told(Reason::LinkOnly, Some(*cause)), Some(*cause));
            assert_eq!(told(Reason::PolicyExclude, Some(*cause)), None, "the settings decided");
        }
        // Documents were allowed there, or it went to a known address: a link is then somebody's wish.
        assert_eq!(told(Reason::LinkOnly, None), Some(LinkCause::AskedFor));
        let of_known_address = [note(NoteKind::Resent, "resent: with a link, please")];
        assert_eq!(LinkCause::recorded(Reason::LinkOnly, &of_known_address), Some(LinkCause::AskedFor));
    }
}
