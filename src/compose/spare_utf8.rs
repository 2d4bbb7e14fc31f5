//! A message for a relay without SMTPUTF8 ([RFC 6531]): what it can do without is left out.
//!
//! [RFC 6531]: https://www.rfc-editor.org/rfc/rfc6531

use std::sync::Arc;

use super::{Snapshot, envelope_sender};
use crate::event::{Recipient, RecipientRole};
use crate::model::mail_address::MailAddress;

impl Snapshot {
    /// Whether only copies and the Reply-To need SMTPUTF8, and a recipient is left without them: the message can do
    /// without it, if it does without them.
    #[must_use]
    pub fn has_spare_utf8(&self) -> bool {
        let sender = &self.tenant.sender;
        let spare = self.shown.iter().any(is_spare) || sender.reply_to.as_deref().is_some_and(needs_smtputf8);
        let needed = needs_smtputf8(&sender.address)
            || envelope_sender(&self.tenant).is_ok_and(|sender| !AsRef::<str>::as_ref(&sender).is_ascii())
            || self.shown.iter().chain(&self.recipients).any(|one| !is_spare(one) && needs_smtputf8(&one.address));
        spare && !needed && self.recipients.iter().any(|recipient| !is_spare(recipient))
    }

    /// Leaves out the copies and the Reply-To that need SMTPUTF8, if that helps.
    pub fn leave_spare_utf8_out(&mut self) {
        if !self.has_spare_utf8() {
            return;
        }
        self.shown.retain(|recipient| !is_spare(recipient));
        self.recipients.retain(|recipient| !is_spare(recipient));
        if self.tenant.sender.reply_to.as_deref().is_some_and(needs_smtputf8) {
            Arc::make_mut(&mut self.tenant).sender.reply_to = None;
        }
    }
}

fn is_spare(recipient: &Recipient) -> bool {
    recipient.role == RecipientRole::Cc && needs_smtputf8(&recipient.address)
}

fn needs_smtputf8(address: &str) -> bool {
    // Most are ASCII, and so is an internationalised domain in SMTP.
    !address.is_ascii() && MailAddress::parse(address).is_ok_and(|address| address.needs_smtputf8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::sample;
    use crate::model::invoice_kind::InvoiceKind;

    fn snapshot(to: &[&str], cc: &[&str], reply_to: Option<&str>, sender: &str) -> Snapshot {
        let mut snapshot = sample::snapshot("de-DE", InvoiceKind::Invoice);
        let named =
            |role: RecipientRole| move |address: &&str| Recipient { role, address: (*address).to_owned(), name: None };
        snapshot.recipients =
            to.iter().map(named(RecipientRole::To)).chain(cc.iter().map(named(RecipientRole::Cc))).collect();
        snapshot.shown = snapshot.recipients.clone();
        let tenant = Arc::make_mut(&mut snapshot.tenant);
        tenant.sender.address = sender.to_owned();
        tenant.sender.bounce_address = None;
        tenant.sender.reply_to = reply_to.map(str::to_owned);
        snapshot
    }

    const ASCII: &str = "a@b.example";
    const UTF8: &str = "mü@b.example";
    const DOMAIN: &str = "a@mü.example";

    /// To, Cc, Reply-To and sender, and whether the message can do without SMTPUTF8.
    type Case = (&'static [&'static str], &'static [&'static str], Option<&'static str>, &'static str, bool);

    #[test]
    fn copies_and_the_reply_to_are_left_out_and_nobody_else() {
        let table: [Case; 9] = [
            (&[ASCII], &[UTF8], None, ASCII, true),
            (&[ASCII], &[ASCII, UTF8], Some(ASCII), ASCII, true),
            (&[ASCII], &[], Some(UTF8), ASCII, true),
            (&[ASCII], &[UTF8], Some(UTF8), ASCII, true),
            (&[ASCII], &[DOMAIN], Some(DOMAIN), DOMAIN, false),
            (&[ASCII], &[], None, ASCII, false),
            (&[UTF8], &[UTF8], None, ASCII, false),
            (&[ASCII, UTF8], &[UTF8], None, ASCII, false),
            (&[ASCII], &[UTF8], None, UTF8, false),
        ];
        for (to, cc, reply_to, sender, spare) in table {
            let mut snapshot = snapshot(to, cc, reply_to, sender);
            assert_eq!(snapshot.has_spare_utf8(), spare, "{to:?} {cc:?} {reply_to:?} {sender}");
            let before = snapshot.clone();
            snapshot.leave_spare_utf8_out();
            let addresses = |recipients: &[Recipient]| {
                recipients.iter().map(|recipient| recipient.address.clone()).collect::<Vec<_>>()
            };
            if spare {
                let left: Vec<_> = to.iter().chain(cc).copied().filter(|address| address.is_ascii()).collect();
                assert_eq!(addresses(&snapshot.recipients), left);
                assert_eq!(addresses(&snapshot.shown), left);
                assert_eq!(snapshot.tenant.sender.reply_to.as_deref(), reply_to.filter(|address| address.is_ascii()));
                assert!(!snapshot.has_spare_utf8(), "once is enough");
            } else {
                assert_eq!(addresses(&snapshot.recipients), addresses(&before.recipients));
                assert_eq!(snapshot.tenant.sender.reply_to, before.tenant.sender.reply_to);
            }
        }
    }

    #[test]
    fn a_copy_whose_own_message_it_is_stays() {
        let mut snapshot = snapshot(&["a@b.example"], &["mü@b.example"], None, "c@d.example");
        // The rest of a message whose To has it.
        snapshot.recipients.remove(0);
        assert!(!snapshot.has_spare_utf8());
    }
}
