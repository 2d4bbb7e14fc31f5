//! `settings`: a tenant's policy.

use clap::Subcommand;

use super::Globals;
use super::arguments::spelled;
use super::error::not_built_yet;
use crate::settings::{PortalLevel, SensitiveAttachments, VerificationMethod};

/// Show or change what a tenant has chosen: attachments or links, and what the portal asks
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub enum Action {
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
  invoice-dispatcher settings set --tenant acme --sensitive-attachments exclude_for_private
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
    pub wanted: Wanted,
    /// Change nothing if the settings have another version by now
    #[arg(long, value_name = "VERSION")]
    pub if_version: Option<i64>,
}

/// What settings shall be; at least one of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Wanted {
    /// Whether documents are sent as attachments
    #[arg(long, value_parser = spelled!(SensitiveAttachments))]
    pub sensitive_attachments: Option<SensitiveAttachments>,
    /// For what, and of whom, the portal asks verification
    #[arg(long, value_parser = spelled!(PortalLevel))]
    pub level: Option<PortalLevel>,
    /// How customers prove who they are
    #[arg(long, value_parser = Method::parser())]
    pub primary: Option<Method>,
    /// How they do if the first method is not available to them
    #[arg(long, value_parser = Method::parser())]
    pub secondary: Option<Method>,
}

/// A method of verification, or none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method(pub Option<VerificationMethod>);

impl Method {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        use clap::builder::{PossibleValuesParser, TypedValueParser};
        let methods = VerificationMethod::ALL.iter().map(|method| method.as_str());
        // `none` spells no method, which is what it means.
        PossibleValuesParser::new(methods.chain(["none"])).map(|text| Self(VerificationMethod::parse(&text)))
    }
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("settings").await
}
