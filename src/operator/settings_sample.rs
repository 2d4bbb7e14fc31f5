//! What a customer would get under settings that may not hold yet: an email, and the portal's page, of a made-up invoice.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use jiff::ToSpan as _;

use crate::clock::Timestamp;
use crate::compose::date::day_in;
use crate::compose::{
    Attachment, ComposeError, RenderedTexts, Snapshot, Templates, all_attached, preview_texts, sample,
};
use crate::event::{Document, DocumentRole, InvoiceData, LoadedDocument, MediaType};
use crate::model::customer::{CustomerType, VerificationRecord, usable_methods_if};
use crate::model::ids::DeliveryId;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::{Settings, VerificationMethod};
use crate::model::tenant::Tenant;
use crate::policy::decision::{DecisionRefusal, Plan, PortalAccess, rule};
use crate::policy::invoice_route::ordinary_inputs;
use crate::sha256::Sha256;

/// What stands in a sample's link in place of a token: as long as one, and none that was ever made (a real one is an HMAC).
pub const SAMPLE_TOKEN: &str = "this-link-is-a-sample-and-opens-no-invoice-";

/// Of the made-up invoice.
const NUMBER: &str = "TEST-0042";
const SAMPLE_WORDS: &str = "This is a sample, not an invoice.";

/// Everything on record that customers are verified by.
const COMPLETE: VerificationRecord =
    VerificationRecord { postcode_house_number: true, mobile: true, mobile_country: None, mobile_refused: false };

/// Which sample is wanted.
#[derive(Debug, Clone, Copy)]
pub struct SampleRequest<'a> {
    pub tenant: &'a Tenant,
    /// Those that would hold.
    pub settings: Settings,
    /// To whom; with a complete record.
    pub customer_type: CustomerType,
    /// Whether text messages can be sent at all.
    pub sends_sms: bool,
    /// The portal's address, without a slash at its end.
    pub portal_url: &'a str,
    pub now: Timestamp,
}

/// A made-up invoice of a tenant, as it would be sent.
#[derive(Debug, Clone)]
pub struct SampleDelivery {
    pub snapshot: Snapshot,
    pub plan: Plan,
    /// Its documents, which say that they are samples.
    pub documents: Vec<LoadedDocument>,
}

/// An email as a customer would see it.
#[derive(Debug, Clone)]
pub struct EmailPreview {
    pub texts: RenderedTexts,
    /// None of a link.
    pub attachments: Vec<Attachment>,
}

impl SampleRequest<'_> {
    /// The sample, as it would be decided.
    ///
    /// # Errors
    /// Why no email would be sent to such a customer.
    pub fn delivery(&self) -> Result<SampleDelivery, ReasonCode> {
        let inputs = ordinary_inputs(self.settings, Some(self.customer_type), COMPLETE, self.sends_sms);
        let ruling = rule(&inputs).map_err(DecisionRefusal::class)?;
        let mut snapshot = sample::snapshot(&self.tenant.profile.locale, InvoiceKind::Invoice);
        snapshot.tenant = Arc::new(self.tenant.profile.clone());
        snapshot.data = self.invoice();
        if self.customer_type == CustomerType::Private {
            snapshot.customer_name.clear();
        }
        snapshot.date = self.now;
        snapshot.portal_link = Some(format!("{}/i/{SAMPLE_TOKEN}", self.portal_url));
        snapshot.portal_method = ruling.method;
        let documents = documents(&self.tenant.object_prefix());
        Ok(SampleDelivery { snapshot, plan: ruling.plan, documents })
    }

    /// What the event of the made-up invoice would say.
    #[must_use]
    pub fn invoice(&self) -> InvoiceData {
        let mut data = sample::snapshot(&self.tenant.profile.locale, InvoiceKind::Invoice).data;
        data.tenant_id = self.tenant.id.clone();
        data.documents = documents(&self.tenant.object_prefix()).into_iter().map(|loaded| loaded.document).collect();
        let today = day_in(self.now, self.tenant.profile.time_zone.as_deref());
        NUMBER.clone_into(&mut data.invoice.number);
        data.invoice.issue_date = today.saturating_sub(3.days());
        data.invoice.due_date = Some(today.saturating_add(14.days()));
        if self.customer_type == CustomerType::Private {
            data.invoice.buyer_reference = None;
        }
        data
    }

    /// By which method the portal would verify the customer; none where it verifies nobody, or no method can.
    #[must_use]
    pub fn method(&self) -> Option<VerificationMethod> {
        let access = PortalAccess::of(self.settings.portal_authentication.level, Some(self.customer_type));
        let usable = usable_methods_if(COMPLETE, &self.settings, self.sends_sms);
        usable.first().copied().filter(|_| access.verifies())
    }
}

impl SampleDelivery {
    /// The email's texts.
    ///
    /// # Errors
    /// [`ComposeError`] if a template fails.
    pub fn email(&self, templates: &Templates) -> Result<EmailPreview, ComposeError> {
        let texts = preview_texts(templates, &self.snapshot, self.plan)?;
        let attachments = if self.plan == Plan::Attach { all_attached(&self.snapshot.data) } else { Vec::new() };
        Ok(EmailPreview { texts, attachments })
    }

    /// The same, as a message of its own to this address.
    pub fn address_to(&mut self, id: DeliveryId, address: &str) {
        let mut to = self.snapshot.recipients.swap_remove(0);
        address.clone_into(&mut to.address);
        to.name = None;
        self.snapshot.root = id;
        self.snapshot.recipients = vec![to.clone()];
        self.snapshot.shown = vec![to];
    }
}

fn documents(object_prefix: &str) -> Vec<LoadedDocument> {
    let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Sample>{SAMPLE_WORDS}</Sample>\n");
    [("pdf", DocumentRole::InvoicePdf, MediaType::Pdf, pdf()), ("xml", DocumentRole::InvoiceXml, MediaType::Xml, xml)]
        .map(|(extension, role, media_type, content)| {
            let bytes = Bytes::from(content);
            let name = format!("{NUMBER}.{extension}");
            let document = Document {
                id: extension.to_owned(),
                role,
                object: format!("{object_prefix}{name}"),
                name: Some(name),
                media_type,
                size: bytes.len() as u64,
                sha256: Sha256::of(&bytes),
            };
            LoadedDocument { document, bytes }
        })
        .into()
}

/// A page with one line of text (ISO 32000-1 §7.5: header, objects, cross-reference table, trailer).
fn pdf() -> String {
    let content = format!("BT /F1 18 Tf 72 760 Td ({SAMPLE_WORDS}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(&objects) {
        // A text takes whatever is written to it.
        let _ = writeln!(table, "{:010} 00000 n ", pdf.len());
        let _ = write!(pdf, "{number} 0 obj\n{object}\nendobj\n");
    }
    let begin = pdf.len();
    let size = objects.len() + 1;
    format!("{pdf}{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{begin}\n%%EOF\n")
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::model::ids::{RelayName, TenantId};
    use crate::model::settings::{PortalAuthentication, PortalLevel, SensitiveAttachments};

    fn tenant() -> Tenant {
        Tenant {
            id: TenantId::from("beta"),
            relay: RelayName::from("default"),
            object_prefix: None,
            profile: (*sample::snapshot("nl-NL", InvoiceKind::Invoice).tenant).clone(),
            settings: settings(SensitiveAttachments::Include, PortalLevel::Inaccessible),
        }
    }

    fn settings(sensitive_attachments: SensitiveAttachments, level: PortalLevel) -> Settings {
        let primary = level.verifies().then_some(VerificationMethod::SmsOtp);
        Settings {
            sensitive_attachments,
            portal_authentication: PortalAuthentication { level, primary, secondary: None },
        }
    }

    #[test]
    fn every_choice_has_an_email_with_the_documents_or_a_link_that_opens_nothing() {
        let tenant = tenant();
        let now = Timestamp::parse("2026-11-23T09:30:00Z").expect("a moment");
        for policy in SensitiveAttachments::VARIANTS {
            for level in PortalLevel::VARIANTS {
                for customer_type in [CustomerType::Private, CustomerType::Business] {
                    let settings = settings(*policy, *level);
                    let portal_url = "https://portal.example";
                    let request =
                        SampleRequest { tenant: &tenant, settings, customer_type, sends_sms: true, portal_url, now };
                    let delivery = request.delivery().expect("a complete record");
                    let email = delivery.email(&Templates::builtin()).expect("a mail");
                    let link = format!("{portal_url}/i/{SAMPLE_TOKEN}");
                    let is_attached = delivery.plan == Plan::Attach;
                    assert_eq!(email.attachments.len(), if is_attached { 2 } else { 0 }, "{policy} {level}");
                    let has_link = !is_attached && *level != PortalLevel::Inaccessible;
                    assert_eq!(email.texts.text.contains(&link), has_link, "{policy} {level} {customer_type}");
                    assert!(email.texts.subject.contains(NUMBER), "{}", email.texts.subject);
                }
            }
        }
        let settings = settings(SensitiveAttachments::Exclude, PortalLevel::Sensitive);
        let customer_type = CustomerType::Private;
        let portal_url = "https://portal.example";
        let request = SampleRequest { tenant: &tenant, settings, customer_type, sends_sms: false, portal_url, now };
        assert_eq!(request.delivery().expect_err("nobody can be verified"), ReasonCode::NoVerificationMethod);
    }

    #[test]
    fn a_sample_token_looks_like_a_token() {
        assert_eq!(SAMPLE_TOKEN.len(), 43, "32 bytes in base64url");
        assert!(SAMPLE_TOKEN.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn the_table_of_the_pdf_names_where_its_objects_stand() {
        let pdf = pdf();
        let table = pdf.find("xref\n").expect("a table");
        assert!(pdf.ends_with(&format!("startxref\n{table}\n%%EOF\n")));
        let entries = pdf[table..].lines().skip(3).take(5);
        for (number, entry) in (1..).zip(entries) {
            assert_eq!(entry.len() + 1, 20, "{entry:?}");
            let at: usize = entry[..10].parse().expect("an offset");
            assert!(pdf[at..].starts_with(&format!("{number} 0 obj\n")), "{entry}");
        }
    }
}
