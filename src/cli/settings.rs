//! `settings`: a tenant's policy.

use clap::Subcommand;
use serde::Serialize;
use strum::VariantArray as _;

use super::Globals;
use super::arguments::{reason, spelled};
use super::error::Advise;
use super::terminal::format::count;
use super::terminal::output::Output;
use super::terminal::report::{TextReport, Tint};
use crate::app::App;
use crate::model::access::TenantScope;
use crate::model::ids::TenantId;
use crate::model::settings::{
    InvalidSettings, PortalAuthentication, PortalLevel, SensitiveAttachments, Settings, VerificationMethod,
    VersionedSettings,
};
use crate::policy::consequences::{PolicyWarning, policy_warnings};
use crate::store::SettingsPut;

/// The width of the longest name and of the space around it.
const INDENT: usize = 26;

/// Show or change a tenant's settings: attachments or links, and portal verification
#[derive(Debug, clap::Args)]
pub struct SettingsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SettingsAction,
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub enum SettingsAction {
    /// Show the settings and their version
    #[command(after_help = "Example:
  invoice-dispatcher settings get --tenant acme")]
    Get {
        /// Whose
        #[arg(long)]
        tenant: String,
    },
    /// Change settings; what is not named stays. Takes effect at once
    #[command(after_help = "Examples:
  invoice-dispatcher settings set --tenant acme --sensitive-attachments exclude --reason \"agreed with support\"
  invoice-dispatcher settings set --tenant acme --level sensitive --primary sms_otp --secondary none")]
    Set(Change),
}

/// A change of settings.
#[derive(Debug, clap::Args)]
pub struct Change {
    /// Whose
    #[arg(long)]
    pub tenant: String,
    /// What they shall be.
    #[command(flatten)]
    pub wanted: WantedSettings,
    /// Change nothing if the settings have another version by now
    #[arg(long, value_name = "VERSION")]
    pub if_version: Option<i64>,
    /// The reason, kept in the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
}

/// What settings shall be; at least one of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct WantedSettings {
    /// Whether documents are sent as attachments
    #[arg(long, value_name = "POLICY", value_parser = spelled!(SensitiveAttachments))]
    pub sensitive_attachments: Option<SensitiveAttachments>,
    /// For what, and of whom, the portal asks verification
    #[arg(long, value_parser = spelled!(PortalLevel))]
    pub level: Option<PortalLevel>,
    /// How customers prove who they are
    #[arg(long, value_name = "METHOD", value_parser = Method::parser())]
    pub primary: Option<Method>,
    /// How they do if the first method is not available to them
    #[arg(long, value_name = "METHOD", value_parser = Method::parser())]
    pub secondary: Option<Method>,
}

/// A method of verification, or none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method(pub Option<VerificationMethod>);

impl Method {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        use clap::builder::{PossibleValuesParser, TypedValueParser};
        let methods = VerificationMethod::VARIANTS.iter().map(VerificationMethod::into_str);
        // `none` spells no method, which is what it means.
        PossibleValuesParser::new(methods.chain(["none"])).map(|text| Self(text.parse().ok()))
    }
}

/// Settings as they are shown.
#[derive(Serialize)]
struct ShownSettings {
    tenant_id: TenantId,
    version: i64,
    /// Whether this command changed them.
    changed: bool,
    #[serde(flatten)]
    settings: Settings,
    warnings: Vec<PolicyWarning>,
}

/// Does what the command line says.
pub async fn run(args: SettingsArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    match args.action {
        SettingsAction::Get { tenant } => {
            let tenant = TenantId::from(tenant.as_str());
            let current = current(&app, &tenant).await?;
            show(&app, globals.output(), tenant, current, false).await
        }
        SettingsAction::Set(change) => set(&app, globals, &change).await,
    }
}

async fn set(app: &App, globals: &Globals, change: &Change) -> anyhow::Result<()> {
    let tenant = TenantId::from(change.tenant.as_str());
    loop {
        let current = current(app, &tenant).await?;
        let conflict = |found: i64, wanted: i64| {
            Err(anyhow::anyhow!(
                "the settings of {tenant} have version {found} by now, not {wanted}; nothing was changed"
            ))
            .what_to_do("look at them with `settings get`, then name that version")
        };
        if let Some(wanted) = change.if_version.filter(|version| *version != current.version) {
            return conflict(current.version, wanted);
        }
        let wanted = change.wanted.applied_to(current.settings);
        if let Err(invalid) = wanted.validate() {
            return Err(anyhow::anyhow!("{invalid}; nothing was changed")).what_to_do(remedy(invalid));
        }
        // What is not named stays as it was read: if others are saved meanwhile, it is read again.
        let (version, reason) = (Some(current.version), change.reason.as_deref());
        match app.store.put_settings(&tenant, &wanted, version, reason, &globals.who()).await? {
            SettingsPut::Saved(saved) => {
                return show(app, globals.output(), tenant, saved, saved.version != current.version).await;
            }
            SettingsPut::Conflict(found) => {
                if let Some(wanted) = change.if_version {
                    return conflict(found.version, wanted);
                }
            }
            SettingsPut::UnknownTenant | SettingsPut::UnknownVersion => return Err(unknown(&tenant)),
        }
    }
}

impl WantedSettings {
    /// The settings with what was named in place of what they are.
    fn applied_to(&self, settings: Settings) -> Settings {
        let Settings { sensitive_attachments, portal_authentication: portal } = settings;
        let method = |wanted: Option<Method>, now| wanted.map_or(now, |method| method.0);
        Settings {
            sensitive_attachments: self.sensitive_attachments.unwrap_or(sensitive_attachments),
            portal_authentication: PortalAuthentication {
                level: self.level.unwrap_or(portal.level),
                primary: method(self.primary, portal.primary),
                secondary: method(self.secondary, portal.secondary),
            },
        }
    }
}

/// The rule broken says what is wrong; this is what to write.
const fn remedy(invalid: InvalidSettings) -> &'static str {
    match invalid {
        InvalidSettings::PrimaryMissing => "add --primary sms_otp or --primary postcode_house_number",
        InvalidSettings::SameMethods => "name another --secondary, or --secondary none",
        InvalidSettings::SecondaryAlone => "set --primary, or add --secondary none",
    }
}

async fn current(app: &App, tenant: &TenantId) -> anyhow::Result<VersionedSettings> {
    app.store.settings(tenant, &TenantScope::All).await?.ok_or_else(|| unknown(tenant))
}

fn unknown(tenant: &TenantId) -> anyhow::Error {
    let nothing: anyhow::Result<()> = Err(anyhow::anyhow!("there is no tenant {:?}", tenant.as_str()))
        .what_to_do("import the tenant first, or write its id as the billing system does");
    nothing.expect_err("it is an error")
}

async fn show(
    app: &App,
    output: Output,
    tenant: TenantId,
    versioned: VersionedSettings,
    changed: bool,
) -> anyhow::Result<()> {
    let VersionedSettings { version, settings } = versioned;
    let customers = app.store.customer_groups(&tenant, &TenantScope::All).await?;
    let warnings = policy_warnings(settings, &customers, &app.config.sms.verification());
    let shown = ShownSettings { tenant_id: tenant, version, changed, settings, warnings };
    Ok(output.one(&shown, &shown.report(output))?)
}

impl ShownSettings {
    fn report(&self, output: Output) -> String {
        let Self { tenant_id: tenant, version, changed, settings, warnings } = self;
        let PortalAuthentication { level, primary, secondary } = settings.portal_authentication;
        let method = |method: Option<VerificationMethod>| method.map_or("none", |method| method.into_str());
        let mut report = TextReport::new(output);
        let since = if *changed { ", in force from now on" } else { "" };
        report.headline(&format!("settings of {tenant}, version {version}{since}"));
        let fields = [
            ("sensitive_attachments", settings.sensitive_attachments.into_str()),
            ("level", level.into_str()),
            ("primary", method(primary)),
            ("secondary", method(secondary)),
        ];
        for (name, value) in fields {
            report.fact(name, INDENT, value);
        }
        for warning in warnings {
            let customers = count(usize::try_from(warning.customers).unwrap_or_default(), "customer");
            report.line("warning", Tint::Yellow, INDENT, &format!("{} ({customers} today)", warning.sentence()));
        }
        report.finish()
    }
}
