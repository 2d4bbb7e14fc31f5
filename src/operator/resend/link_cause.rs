//! Who wants the link where the settings would attach, and the note that tells of it afterwards.

use strum::{Display, IntoStaticStr, VariantArray};

use crate::policy::decision::Reason;

/// How the note begins by which the timeline knows a resend to an address that is neither in the event nor on record.
pub const NEW_ADDRESS_NOTE: &str = "to an address that is neither in the event nor on record";

/// What that note says of a link that nobody asked for.
const LINK_BY_DEFAULT: &str = "with a link";

/// Which of its two causes the recorded reason [`Reason::LinkOnly`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LinkCause {
    /// A person asked for a link.
    AskedFor,
    /// Neither the event nor the customer's record has the address, and nobody confirmed that documents may go there.
    NewAddress,
}

impl LinkCause {
    /// The cause of a recorded decision, as the delivery's notes tell; none if the reason is another one.
    #[must_use]
    pub fn recorded<'a>(reason: Reason, mut notes: impl Iterator<Item = &'a str>) -> Option<Self> {
        let is_by_default =
            |note: &str| note.strip_prefix(NEW_ADDRESS_NOTE).is_some_and(|rest| rest.contains(LINK_BY_DEFAULT));
        match reason {
            Reason::LinkOnly if notes.any(is_by_default) => Some(Self::NewAddress),
            Reason::LinkOnly => Some(Self::AskedFor),
            _ => None,
        }
    }
}

/// What a resend to a new address meant, without the address; the note's author is the person on whose word it was made.
pub(super) fn new_address_note(cause: Option<LinkCause>, keeps_links: bool, links_revoked: u64) -> String {
    let holds = match cause {
        None => "documents allowed there",
        Some(LinkCause::AskedFor) => "with the link asked for",
        Some(LinkCause::NewAddress) => LINK_BY_DEFAULT,
    };
    let links = match (keeps_links, links_revoked) {
        (true, _) => "earlier links kept".to_owned(),
        (false, 0) => "no earlier link to revoke".to_owned(),
        (false, 1) => "1 earlier link revoked".to_owned(),
        (false, number) => format!("{number} earlier links revoked"),
    };
    format!("{NEW_ADDRESS_NOTE}, on this person's word: {holds}, {links}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_tells_who_wanted_the_link() {
        let told = |reason, cause| {
            let note = new_address_note(cause, false, 1);
            LinkCause::recorded(reason, ["resent: moved", note.as_str()].into_iter())
        };
        for cause in LinkCause::VARIANTS {
            assert_eq!(told(Reason::LinkOnly, Some(*cause)), Some(*cause));
            assert_eq!(told(Reason::PolicyExclude, Some(*cause)), None, "the settings decided");
        }
        // Documents were allowed there, or it went to a known address: a link is then somebody's wish.
        assert_eq!(told(Reason::LinkOnly, None), Some(LinkCause::AskedFor));
        let of_known_address = LinkCause::recorded(Reason::LinkOnly, ["resent: with a link, please"].into_iter());
        assert_eq!(of_known_address, Some(LinkCause::AskedFor));
    }
}
