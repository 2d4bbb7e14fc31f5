//! `preview`: the mail that an event would become.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mailparse::MailHeaderMap;
use serde::Serialize;

use super::Globals;
use super::error::Advise;
use super::lookup::event_files::{self, FileEvent};
use super::terminal::format::{count, size, why};
use super::terminal::output::{Output, spelled};
use super::terminal::report::TextReport;
use crate::app::App;
use crate::compose::{self, Attachment, Mail, Snapshot, Templates};
use crate::documents::DocumentError;
use crate::event::{self, InvoiceSent};
use crate::intake::{self, ChosenLocale};
use crate::model::access::TenantScope;
use crate::model::customer::{Customer, VerificationRecord};
use crate::model::ids::DeliveryId;
use crate::model::reason::ReasonCode;
use crate::model::settings::VersionedSettings;
use crate::model::state::Decision;
use crate::model::tenant::Tenant;
use crate::policy::decision::{self, Inputs, Plan, PortalAccess, Reason, Ruling};
use crate::private_file;
use crate::relay::RelayConfig;

/// Show the email that an event would become, without sending or recording anything
///
/// Tenant, customer and settings are those in the database; documents are read and checked as for a real mail. The
/// portal link in the mail is a sample: it looks like a real one and opens nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher preview examples/events/01-invoice-business.json
  invoice-dispatcher preview event.json --eml mail.eml")]
pub struct PreviewArgs {
    /// The event; `-` for standard input
    #[arg(value_name = "EVENT.json")]
    pub event: PathBuf,
    /// Also write the whole mail into this file
    #[arg(long, value_name = "FILE")]
    pub eml: Option<PathBuf>,
    /// Refuse an event that holds something unknown
    #[arg(long)]
    pub strict: bool,
}

/// The mail, and why it is as it is.
#[derive(Serialize)]
struct Preview {
    #[serde(rename = "tenant_id")]
    tenant: String,
    #[serde(rename = "customer_id")]
    customer: String,
    #[serde(rename = "invoice_number")]
    invoice: String,
    #[serde(serialize_with = "spelled")]
    decision: Option<Decision>,
    #[serde(rename = "decision_reason", serialize_with = "spelled")]
    reason: Option<Reason>,
    /// Why there would be no mail, if so.
    #[serde(serialize_with = "spelled")]
    class: Option<ReasonCode>,
    /// The same for people.
    fault: Option<String>,
    /// What was decided upon.
    inputs: Inputs,
    /// Where the portal shows the documents; a sample.
    portal_link: Option<String>,
    from: Option<String>,
    to: Option<String>,
    cc: Option<String>,
    reply_to: Option<String>,
    subject: Option<String>,
    /// Where bounces go.
    envelope_sender: Option<String>,
    /// How many mails of their own go to Bcc recipients.
    bcc: usize,
    /// What of the event is not used, and who gets no mail.
    notes: Vec<String>,
    attachments: Vec<Attachment>,
    /// The size of the whole mail in bytes.
    size: Option<usize>,
    /// The text part.
    text: Option<String>,
    /// Where the mail was written.
    eml: Option<PathBuf>,
    #[serde(skip)]
    access: Option<PortalAccess>,
}

/// Does what the command line says.
pub async fn run(args: PreviewArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let file_event = one_event(&args.event)?;
    let ignored = file_event.warnings().into_iter().map(|warning| format!("{} {}", warning.path, warning.problem));
    let ignored: Vec<String> = ignored.collect();
    if args.strict && !ignored.is_empty() {
        return Err(anyhow::anyhow!("something of the event is unknown: {}", ignored.join("; ")))
            .what_to_do("correct it, or leave --strict out");
    }
    let parts = PreviewParts::look_up(&app, file_event.event).await?;
    let (mut preview, mail) = parts.preview(&app).await?;
    preview.notes.extend(ignored);
    if let (Some(path), Some(mail)) = (&args.eml, &mail) {
        private_file::write(path, &mail.bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        preview.eml = Some(path.clone());
    }
    let output = globals.output();
    if mail.is_some() || output.is_json() {
        output.one(&preview, &preview.text(output))?;
    }
    match (&preview.class, &preview.fault) {
        (Some(class), Some(fault)) => {
            Err(anyhow::anyhow!("no mail would be sent, but a dead letter of class {class}: {fault}"))
                .what_to_do(class.hint())
        }
        _ => Ok(()),
    }
}

fn one_event(path: &Path) -> anyhow::Result<FileEvent> {
    let (name, bytes) = event_files::read(path)?;
    let (mut events, mut faults) = event_files::events(&name, &bytes);
    if !faults.is_empty() {
        return Err(anyhow::anyhow!(faults.swap_remove(0).to_string()))
            .what_to_do("correct the event; published like this it would be a dead letter of class malformed");
    }
    match events.len() {
        1 => Ok(events.swap_remove(0)),
        number => Err(anyhow::anyhow!("{name} holds {number} events")).what_to_do("preview one event at a time"),
    }
}

/// What the mail is made of.
struct PreviewParts {
    event: InvoiceSent,
    tenant: Tenant,
    settings: VersionedSettings,
    customer: Customer,
    /// What they can be verified by.
    verification: VerificationRecord,
    relay: Option<RelayConfig>,
}

impl PreviewParts {
    async fn look_up(app: &App, event: InvoiceSent) -> anyhow::Result<Self> {
        let data = &event.data;
        let unknown =
            "import it with `import FILE`; an event that comes first becomes a dead letter and is then sent by itself";
        let (Some(tenant), Some(settings)) = (
            app.store.tenant(&data.tenant_id, &TenantScope::All).await?,
            app.store.settings(&data.tenant_id, &TenantScope::All).await?,
        ) else {
            return Err(anyhow::anyhow!("the tenant {} is not known", data.tenant_id)).what_to_do(unknown);
        };
        let customer = app.store.customer(&data.tenant_id, &data.customer_id, &TenantScope::All).await?;
        let Some(customer) = customer.filter(|customer| !customer.is_erased()) else {
            return Err(anyhow::anyhow!("the customer {} of {} is not known", data.customer_id, data.tenant_id))
                .what_to_do(unknown);
        };
        let keys = app.store.verification_keys(&data.tenant_id, &data.customer_id).await?;
        let verification = keys.as_ref().map(VerificationRecord::from).unwrap_or_default();
        let relay = app.config.relays.get(&tenant.relay).cloned();
        Ok(Self { event, tenant, settings, customer, verification, relay })
    }

    async fn preview(&self, app: &App) -> anyhow::Result<(Preview, Option<Mail>)> {
        let inputs = self.inputs(app);
        let mut preview = self.empty(inputs);
        let Ruling { plan, method, reason } = match self.decide(&inputs) {
            Ok(decided) => decided,
            Err((class, fault)) => return Ok((preview.refused(class, fault), None)),
        };
        preview.decision = Some(plan.decision());
        preview.reason = Some(reason);
        let documents = match plan.decision() {
            Decision::Attach => match app.documents.load_all(&self.event.data.documents).await {
                Ok(documents) => documents,
                Err(error @ DocumentError::Missing { .. }) => {
                    return Ok((preview.refused(ReasonCode::DocumentMissing, error.to_string()), None));
                }
                Err(error @ DocumentError::Mismatch { .. }) => {
                    return Ok((preview.refused(ReasonCode::DocumentMismatch, error.to_string()), None));
                }
                Err(error) => return Err(error).what_to_do("check DOCUMENTS_URL and the document store"),
            },
            Decision::Link => Vec::new(),
        };
        let (main, bcc) = intake::main_and_bcc(&self.event.data, &self.customer.name, &self.customer.address);
        if let Some(fault) = main.fault {
            return Ok((preview.refused(ReasonCode::InvalidRecipient, fault.reason), None));
        }
        let locale = self.locale(&app.templates);
        preview.notes = intake::notes(&self.event, &locale, &main).iter().map(ToString::to_string).collect();
        preview.bcc = bcc.len();
        let root = DeliveryId(app.store.clock().new_id());
        if let Plan::Link { access } = plan {
            let token = app.link_keys.newest().link_token(root.0, 0);
            preview.portal_link = Some(app.config.portal.url.page(&format!("/i/{token}")));
            preview.access = Some(access);
        }
        let snapshot = Snapshot {
            root,
            data: self.event.data.clone(),
            tenant: Arc::new(self.tenant.profile.clone()),
            customer_name: self.customer.name.clone(),
            locale: locale.tag,
            recipients: main.list.clone(),
            shown: main.list,
            date: app.store.now(),
            portal_link: preview.portal_link.clone(),
            portal_method: method,
        };
        let mail = compose::compose(&app.templates, &snapshot, plan, &documents)
            .what_to_do("correct what it names in the tenant's record or the templates")?;
        preview.fill(&mail)?;
        Ok((preview, Some(mail)))
    }

    fn decide(&self, inputs: &Inputs) -> Result<Ruling, (ReasonCode, String)> {
        event::check_objects(&self.event.data, &self.tenant.object_prefix())
            .map_err(|fault| (ReasonCode::Malformed, fault.to_string()))?;
        if self.relay.is_none() && self.tenant.relay.as_str() != crate::config::DEFAULT_RELAY {
            let fault = format!("no relay is configured by the name of {}", self.tenant.relay);
            return Err((ReasonCode::UnknownRelay, fault));
        }
        decision::rule(inputs).map_err(|refusal| (refusal.class(), refusal.to_string()))
    }

    fn inputs(&self, app: &App) -> Inputs {
        Inputs {
            settings: self.settings.settings,
            settings_version: self.settings.version,
            customer_type: self.customer.kind,
            verification: self.verification,
            sms_available: app.config.sms.verification().reaches(self.verification),
            encoded_bytes: compose::encoded_bytes(&self.event.data.documents),
            message_bytes_max: self.relay.as_ref().map_or(MESSAGE_BYTES_MAX, |relay| relay.message_bytes_max),
            refused_for_size: false,
            link_only: false,
            earlier: None,
        }
    }

    fn locale(&self, templates: &Templates) -> ChosenLocale {
        intake::locale(templates, &self.event, self.customer.locale.as_deref(), &self.tenant.profile.locale)
    }

    fn empty(&self, inputs: Inputs) -> Preview {
        Preview {
            tenant: self.tenant.id.to_string(),
            customer: self.customer.id.to_string(),
            invoice: self.event.data.invoice.number.clone(),
            decision: None,
            reason: None,
            class: None,
            fault: None,
            inputs,
            portal_link: None,
            from: None,
            to: None,
            cc: None,
            reply_to: None,
            subject: None,
            envelope_sender: None,
            bcc: 0,
            notes: Vec::new(),
            attachments: Vec::new(),
            size: None,
            text: None,
            eml: None,
            access: None,
        }
    }
}

/// What the relay `default` takes unless it is configured otherwise.
const MESSAGE_BYTES_MAX: u64 = 20 << 20;

impl Preview {
    fn refused(self, class: ReasonCode, fault: String) -> Self {
        Self { class: Some(class), fault: Some(fault), ..self }
    }

    /// Reads the mail back: what is shown is what stands in it.
    fn fill(&mut self, mail: &Mail) -> anyhow::Result<()> {
        let parsed = mailparse::parse_mail(&mail.bytes).context("the mail cannot be read back")?;
        let header = |name: &str| parsed.headers.get_first_value(name);
        self.from = header("From");
        self.to = header("To");
        self.cc = header("Cc");
        self.reply_to = header("Reply-To");
        self.subject = header("Subject");
        self.envelope_sender = Some(mail.envelope.sender.to_string());
        self.attachments.clone_from(&mail.attachments);
        self.size = Some(mail.bytes.len());
        let text = parsed.parts().find(|part| part.ctype.mimetype == "text/plain");
        self.text = text.map(mailparse::ParsedMail::get_body).transpose().context("the text cannot be read back")?;
        Ok(())
    }

    fn text(&self, output: Output) -> String {
        const INDENT: usize = 14;
        let mut report = TextReport::new(output);
        report.headline(&format!("{} of {} for {}: a mail would be sent", self.invoice, self.tenant, self.customer));
        report.gap();
        if let (Some(decision), Some(reason)) = (self.decision, self.reason) {
            report.fact("decision", INDENT, &format!("{decision}: {}", why(reason, None)));
            let upon = &self.inputs;
            report.fact(
                "",
                INDENT,
                &format!(
                    "{}, settings version {}, customer {}",
                    upon.settings.sensitive_attachments,
                    upon.settings_version,
                    upon.customer_type.map_or("of unknown type", |kind| kind.into_str()),
                ),
            );
        }
        let headers = [
            ("from", &self.from),
            ("to", &self.to),
            ("cc", &self.cc),
            ("reply to", &self.reply_to),
            ("bounces to", &self.envelope_sender),
            ("subject", &self.subject),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                report.fact(name, INDENT, value);
            }
        }
        if self.bcc > 0 {
            report.fact(
                "bcc",
                INDENT,
                &format!("{} besides, one for each Bcc, without a portal link", count(self.bcc, "mail")),
            );
        }
        for note in &self.notes {
            report.fact("note", INDENT, note);
        }
        for (index, attachment) in self.attachments.iter().enumerate() {
            let name = if index == 0 { "attached" } else { "" };
            report.fact(
                name,
                INDENT,
                &format!("{}  {}, {}", attachment.name, attachment.media_type, size(attachment.size)),
            );
        }
        if let (Some(link), Some(access)) = (&self.portal_link, self.access) {
            report.fact("attached", INDENT, "nothing");
            report.fact("portal", INDENT, asks(access));
            if access != PortalAccess::Closed {
                report.fact("", INDENT, &format!("{link} (a sample, it opens nothing)"));
            }
        }
        let bytes = u64::try_from(self.size.unwrap_or_default()).unwrap_or_default();
        report.fact("size", INDENT, &size(bytes));
        if let Some(eml) = &self.eml {
            report.fact("written to", INDENT, &eml.display().to_string());
        }
        report.gap();
        report.quoted(self.text.as_deref().unwrap_or_default());
        report.finish()
    }
}

/// What the portal asks before it shows the documents.
const fn asks(access: PortalAccess) -> &'static str {
    match access {
        PortalAccess::Open => "shows the documents to whoever has the link",
        PortalAccess::Verified => "shows the documents after verification",
        PortalAccess::EveryPageVerified => "shows anything only after verification",
        PortalAccess::Closed => "shows the documents to nobody: the mail names the tenant's contact instead",
    }
}
