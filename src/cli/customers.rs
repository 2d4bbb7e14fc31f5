//! `customers`: the people who receive invoices.

use clap::Subcommand;

use super::Globals;
use super::arguments::Reason;
use super::error::not_built_yet;

/// Forget a customer
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with customers.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Replace everything that tells who a customer is; what was sent and when stays provable
    #[command(after_help = "Example:
  invoice-dispatcher customers erase --tenant acme --customer C-1042 --reason \"GDPR request 17\"")]
    Erase {
        /// Whose customer
        #[arg(long)]
        tenant: String,
        /// The customer's id at that tenant
        #[arg(long, value_name = "ID")]
        customer: String,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("customers").await
}
