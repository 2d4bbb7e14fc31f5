//! Nothing from an event, a customer or a tenant adds a header, a recipient, a part or markup.

use std::sync::Arc;

use invoice_dispatcher::compose::{ComposeError, Snapshot, Templates, compose};
use invoice_dispatcher::event::{Recipient, RecipientRole};
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::policy::decision::Plan;
use mailparse::{MailAddr, MailHeaderMap, addrparse_header, parse_mail};
use proptest::prelude::*;

use crate::compose::messages_read_back::{HEADERS, header_names};
use crate::compose::sample::{PLANS, documents, snapshot};

const HOSTILE: [&str; 12] = [
    "x\r\nBcc: evil@e.example",
    "x\nBcc: evil@e.example",
    "x\rBcc: evil@e.example",
    "a@b>, <evil@e.example",
    "\", <evil@e.example>, \"",
    "x\r\n\r\n<script>alert(1)</script>",
    "x\r\n--=_mixed_0199f3a27b1e7c4d9a550f5f6d1c2a01--\r\n",
    "\r\n.\r\nMAIL FROM:<evil@e.example>\r\n",
    "\u{202e}elif\u{2066}\0\u{feff}",
    "<b onmouseover=\"x\">'&amp;",
    "=?utf-8?Q?a=0D=0ABcc:_evil@e.example?=",
    "{{ tenant }}{% include 'x' %}",
];

fn poison(snapshot: &mut Snapshot, text: &str) {
    let text = text.to_owned();
    let invoice = &mut snapshot.data.invoice;
    for field in [&mut invoice.id, &mut invoice.number, &mut invoice.currency] {
        field.clone_from(&text);
    }
    invoice.payment_reference = Some(text.clone());
    invoice.buyer_reference = Some(text.clone());
    snapshot.customer_name.clone_from(&text);
    snapshot.locale.clone_from(&text);
    let tenant = Arc::make_mut(&mut snapshot.tenant);
    tenant.name.clone_from(&text);
    tenant.sender.name.clone_from(&text);
    let urls = [&mut tenant.imprint_url, &mut tenant.privacy_url, &mut tenant.contact.url];
    let others = [&mut tenant.contact.email, &mut tenant.contact.phone, &mut tenant.legal_footer];
    for field in urls.into_iter().chain(others).chain([&mut tenant.time_zone, &mut tenant.branding.colour]) {
        *field = Some(text.clone());
    }
    for recipient in snapshot.shown.iter_mut().chain(&mut snapshot.recipients) {
        recipient.name = Some(text.clone());
    }
}

/// The mail has exactly the headers, mailboxes and parts that it should have; gives its HTML.
fn read_back(bytes: &[u8], parts: usize) -> String {
    let parsed = parse_mail(bytes).unwrap();
    assert_eq!(header_names(&parsed), HEADERS);
    for (header, expected) in
        [("From", "rechnung@acme.example"), ("To", "ap@customer.example"), ("Reply-To", "buchhaltung@acme.example")]
    {
        let mailboxes = addrparse_header(parsed.headers.get_first_header(header).unwrap()).unwrap();
        assert_eq!(mailboxes.len(), 1, "{mailboxes:?}");
        let MailAddr::Single(mailbox) = &mailboxes[0] else { panic!("{mailboxes:?}") };
        assert_eq!(mailbox.addr, expected);
    }
    assert_eq!(parsed.parts().count(), parts);
    let text = std::str::from_utf8(bytes).expect("every part is encoded");
    assert!(text.is_ascii() && !text.contains('\0'));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
    assert!(text.split("\r\n").all(|line| line.len() <= 998));
    parsed.parts().find(|part| part.ctype.mimetype == "text/html").unwrap().get_body().unwrap()
}

#[test]
fn hostile_texts_stay_texts() {
    let templates = Templates::builtin();
    let clean = |plan, documents: &[_]| {
        let mail = compose(&templates, &snapshot("de-DE", InvoiceKind::Invoice), plan, documents).unwrap();
        read_back(&mail.bytes, if documents.is_empty() { 3 } else { 7 })
    };
    assert!(clean(Plan::Attach, &documents()).contains("Käufer &amp; Söhne OHG"));
    for text in HOSTILE {
        for plan in PLANS {
            let mut snapshot = snapshot("de-DE", InvoiceKind::Invoice);
            poison(&mut snapshot, text);
            let mut documents = documents();
            for document in &mut documents {
                document.document.name = Some(text.to_owned());
            }
            let mail = compose(&templates, &snapshot, plan, &documents).unwrap();
            let html = read_back(&mail.bytes, if plan == Plan::Attach { 7 } else { 3 });
            for markup in ["<script", "<b ", "onmouseover=\"", "javascript:"] {
                assert!(!html.contains(markup), "{text:?}: {html}");
            }
        }
    }
}

#[test]
fn hostile_addresses_are_refused() {
    for text in HOSTILE.iter().chain(&["", "a@b\r\nc", "a@b c", "\"a b\"@c.example", "a@b>"]) {
        for place in ["to", "cc", "sender", "reply-to", "bounce"] {
            let mut snapshot = snapshot("en-GB", InvoiceKind::Invoice);
            let address = (*text).to_owned();
            match place {
                "to" => snapshot.shown[0].address = address,
                "cc" => snapshot.recipients.push(Recipient { role: RecipientRole::Cc, address, name: None }),
                "sender" => Arc::make_mut(&mut snapshot.tenant).sender.address = address,
                "reply-to" => Arc::make_mut(&mut snapshot.tenant).sender.reply_to = Some(address),
                _ => Arc::make_mut(&mut snapshot.tenant).sender.bounce_address = Some(address),
            }
            let refused = compose(&Templates::builtin(), &snapshot, Plan::Attach, &[]);
            assert!(
                matches!(&refused, Err(ComposeError::InvalidAddress { role, .. }) if *role == place),
                "{place} {text:?}: {refused:?}"
            );
        }
    }
}

#[test]
fn white_space_around_an_address_is_no_part_of_it() {
    let mut snapshot = snapshot("en-GB", InvoiceKind::Invoice);
    snapshot.shown[0].address = "\tap@customer.example \r\n".to_owned();
    snapshot.recipients = snapshot.shown.clone();
    let mail = compose(&Templates::builtin(), &snapshot, Plan::Attach, &[]).unwrap();
    read_back(&mail.bytes, 3);
    assert_eq!(mail.envelope.recipients[0].address.to_string(), "ap@customer.example");
}

#[test]
fn only_web_addresses_become_links() {
    for link in ["javascript:alert(1)", "data:text/html,x", "https://user:secret@acme.example/", "//acme.example", "x"]
    {
        let mut snapshot = snapshot("en-GB", InvoiceKind::Invoice);
        Arc::make_mut(&mut snapshot.tenant).imprint_url = Some(link.to_owned());
        Arc::make_mut(&mut snapshot.tenant).privacy_url = Some(link.replace("https", "http"));
        Arc::make_mut(&mut snapshot.tenant).contact.url = Some(link.to_owned());
        let html = read_back(&compose(&Templates::builtin(), &snapshot, Plan::Attach, &[]).unwrap().bytes, 3);
        let linked = format!("href=\"{link}");
        assert!(!html.contains(&linked) && !html.contains("Legal notice"), "{link}: {html}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_texts_make_a_mail_with_exactly_the_meant_headers(
        text in "(\\PC|[\r\n\0\t <>@,;:\"\\\\=?.-]){0,200}",
        plan in 0..PLANS.len(),
    ) {
        let mut snapshot = snapshot("fr-FR", InvoiceKind::Reminder);
        poison(&mut snapshot, &text);
        let mut documents = documents();
        for document in &mut documents {
            document.document.name = Some(text.clone());
        }
        let mail = compose(&Templates::builtin(), &snapshot, PLANS[plan], &documents).unwrap();
        read_back(&mail.bytes, if plan == 0 { 7 } else { 3 });
    }
}
