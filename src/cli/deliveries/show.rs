//! `deliveries show`: a mail as it was sent.

use std::path::Path;

use anyhow::Context;
use mailparse::MailHeaderMap;
use serde::Serialize;

use crate::app::App;
use crate::cli::error::Advise;
use crate::cli::terminal::format::{moment, size};
use crate::cli::terminal::output::{Output, shown};
use crate::cli::terminal::report::{TextReport, Tint};
use crate::clock::Timestamp;
use crate::compose::Attachment;
use crate::model::access::TenantScope;
use crate::model::customer::{Customer, CustomerType};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::state::DeliveryState;
use crate::operator::masking::masked_name;
use crate::operator::sent_message::parts::TOKEN_BLANKED;
use crate::operator::sent_message::{CannotRebuild, Rebuilder, Rebuilt};
use crate::private_file;
use crate::sha256::Sha256;
use crate::store::Delivery;
use crate::telemetry::AddressMask;

/// A mail that was put together again.
#[derive(Serialize)]
struct Shown {
    id: DeliveryId,
    tenant_id: TenantId,
    customer_id: CustomerId,
    invoice_number: String,
    #[serde(serialize_with = "shown")]
    kind: InvoiceKind,
    #[serde(serialize_with = "shown")]
    state: DeliveryState,
    message_id: String,
    message_date: Timestamp,
    /// The digest of what was sent.
    message_sha256: Sha256,
    /// What is shown is what was sent, byte for byte.
    proven: bool,
    /// The digest of what is shown, if it is not what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilt_sha256: Option<Sha256>,
    /// The templates that it was made with are gone.
    with_other_templates: bool,
    message_size: usize,
    from: Option<String>,
    to: Option<String>,
    cc: Option<String>,
    subject: Option<String>,
    attachments: Vec<Attachment>,
    /// The text part; a portal token is blanked.
    text: String,
    /// Where the mail was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    eml: Option<String>,
}

/// Shows a delivery's mail, and writes it into `eml`.
pub(super) async fn show(
    app: &App,
    output: Output,
    id: DeliveryId,
    eml: Option<&Path>,
    addresses: bool,
) -> anyhow::Result<()> {
    let Some(delivery) = app.store.delivery(id, &TenantScope::All).await? else {
        return Err(anyhow::anyhow!("there is no delivery {id}")).what_to_do("`deliveries list` shows their ids");
    };
    let rebuilder = Rebuilder {
        store: &app.store,
        documents: &app.documents,
        templates: &app.templates,
        link_keys: &app.link_keys,
        portal_url: app.config.portal.url.as_str().trim_end_matches('/'),
    };
    let rebuilt = match rebuilder.rebuild(&delivery).await {
        Ok(rebuilt) => rebuilt,
        Err(error) => {
            let advice = advice(&error);
            return Err(anyhow::Error::new(error).context("the mail cannot be shown")).what_to_do(advice);
        }
    };
    if let Some(path) = eml {
        private_file::write(path, &rebuilt.mail.bytes)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let customer = app.store.customer(&delivery.invoice.tenant, &delivery.invoice.customer, &TenantScope::All).await?;
    let shown = Shown::of(&delivery, &rebuilt, eml, addresses, customer.as_ref())?;
    Ok(output.one(&shown, &shown.report(output))?)
}

const fn advice(error: &CannotRebuild) -> &'static str {
    match error {
        CannotRebuild::NothingSent(_) => "`explain` shows where it stands; `preview EVENT.json` what it would be",
        CannotRebuild::Forgotten => "that and when it was sent stays known: `explain`",
        CannotRebuild::Unreadable { .. } | CannotRebuild::Compose(_) => {
            "report this with the version that --version prints"
        }
        CannotRebuild::LinkKey(_) => "put the key back into SECRET_KEYS, behind the others",
        CannotRebuild::Documents(_) => "put the documents back as they were, or check DOCUMENTS_URL",
        CannotRebuild::Store(_) => "try again when the database answers; `doctor` checks everything",
    }
}

/// The addresses of a header, with their display names.
fn named(header: &str) -> Vec<(String, Option<String>)> {
    let list = mailparse::addrparse(header).map(mailparse::MailAddrList::into_inner).unwrap_or_default();
    let singles = list.into_iter().flat_map(|entry| match entry {
        mailparse::MailAddr::Single(single) => vec![single],
        mailparse::MailAddr::Group(group) => group.addrs,
    });
    singles.map(|single| (single.addr, single.display_name.filter(|name| !name.trim().is_empty()))).collect()
}

impl Shown {
    /// What is shown. Without `addresses` they are masked, and with them the names of a customer who is no company.
    fn of(
        delivery: &Delivery,
        rebuilt: &Rebuilt,
        eml: Option<&Path>,
        addresses: bool,
        customer: Option<&Customer>,
    ) -> anyhow::Result<Self> {
        let mail = &rebuilt.mail;
        let parsed = mailparse::parse_mail(&mail.bytes).context("the mail cannot be read back")?;
        // A Bcc copy names the others in its headers.
        let correspondents = ["To", "Cc"].map(|name| parsed.headers.get_first_value(name)).into_iter().flatten();
        let correspondents: Vec<(String, Option<String>)> = correspondents.flat_map(|list| named(&list)).collect();
        let known = delivery.recipients.iter().map(|recipient| recipient.address.as_str());
        let mask = AddressMask::of(known.chain(correspondents.iter().map(|(address, _)| address.as_str())));
        let own_name = customer.map(|customer| customer.name.as_str());
        let mut names: Vec<&str> =
            correspondents.iter().filter_map(|(_, name)| name.as_deref()).chain(own_name).collect();
        if customer.is_some_and(|customer| customer.kind == Some(CustomerType::Business)) {
            names.clear();
        }
        let fit = |text: String| {
            let text = match &rebuilt.portal_token {
                Some(token) => text.replace(token, TOKEN_BLANKED),
                None => text,
            };
            if addresses {
                return text;
            }
            names.iter().fold(mask.text(&text), |text, name| text.replace(name, &masked_name(name)))
        };
        let header = |name: &str| parsed.headers.get_first_value(name).map(fit);
        let text = parsed.parts().find(|part| part.ctype.mimetype == "text/plain");
        let text = text.map(mailparse::ParsedMail::get_body).transpose().context("the text cannot be read back")?;
        let proven = rebuilt.is_proven();
        Ok(Self {
            id: delivery.id,
            tenant_id: delivery.invoice.tenant.clone(),
            customer_id: delivery.invoice.customer.clone(),
            invoice_number: delivery.invoice.number.clone(),
            kind: delivery.invoice.kind,
            state: delivery.state,
            message_id: mail.message_id.clone(),
            message_date: mail.date,
            message_sha256: rebuilt.sent_sha256,
            proven,
            rebuilt_sha256: (!proven).then_some(mail.sha256),
            with_other_templates: rebuilt.with_other_templates,
            message_size: mail.bytes.len(),
            from: header("From"),
            to: header("To"),
            cc: header("Cc"),
            subject: header("Subject"),
            attachments: mail.attachments.clone(),
            text: fit(text.unwrap_or_default()),
            eml: eml.map(|path| path.display().to_string()),
        })
    }

    fn report(&self, output: Output) -> String {
        const INDENT: usize = 14;
        let mut report = TextReport::new(output);
        report.headline(&format!(
            "{} {} of {}, delivery {}: {}",
            self.kind.label(),
            self.invoice_number,
            self.tenant_id,
            self.id,
            self.state
        ));
        report.gap();
        if self.proven {
            report.line("proven", Tint::Green, INDENT, "this is what was sent, byte for byte: its SHA-256 is the same");
        } else if self.with_other_templates {
            report.line("differs", Tint::Yellow, INDENT, "put together with today's templates: not what was sent");
        } else {
            let why = "not what was sent: something that it is made of has changed since (PORTAL_URL, say)";
            report.line("differs", Tint::Yellow, INDENT, why);
        }
        report.fact("SHA-256", INDENT, &self.message_sha256.to_string());
        if let Some(rebuilt) = &self.rebuilt_sha256 {
            report.fact("", INDENT, &format!("{rebuilt} is what follows"));
        }
        report.fact("size", INDENT, &size(u64::try_from(self.message_size).unwrap_or(u64::MAX)));
        if let Some(eml) = &self.eml {
            report.fact("written to", INDENT, eml);
        }
        report.gap();
        report.fact("Message-ID", INDENT, &format!("<{}>", self.message_id));
        report.fact("Date", INDENT, &moment(self.message_date));
        let headers = [("From", &self.from), ("To", &self.to), ("Cc", &self.cc), ("Subject", &self.subject)];
        for (name, value) in headers {
            if let Some(value) = value {
                report.fact(name, INDENT, value);
            }
        }
        for attachment in &self.attachments {
            let Attachment { name, media_type, size: bytes, .. } = attachment;
            report.fact("attached", INDENT, &format!("{name}  {media_type}, {}", size(*bytes)));
        }
        report.gap();
        report.quoted(&self.text);
        report.finish()
    }
}
