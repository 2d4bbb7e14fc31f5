//! `customers`: the people who receive invoices.

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::Reason;
use super::error::Advise;
use super::open::who;
use super::words::count;
use crate::ids::{CustomerId, TenantId};
use crate::store::Erased;

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

/// What an erasure did.
#[derive(Serialize)]
struct ErasedRow {
    tenant: TenantId,
    customer: CustomerId,
    deliveries: u64,
    dead_letters_discarded: u64,
}

/// Does what the command line says.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<()> {
    let Action::Erase { tenant, customer, why } = args.action;
    let app = globals.open().await?;
    let (tenant, customer) = (TenantId::from(tenant.as_str()), CustomerId::from(customer.as_str()));
    let by = format!("{}: {}", who(), why.reason);
    match app.store.erase_customer(&tenant, &customer, &by).await? {
        Erased::Done { deliveries, discarded } => {
            let row = ErasedRow { tenant, customer, deliveries, dead_letters_discarded: discarded };
            Ok(globals.output().one(&row, &row.sentence())?)
        }
        Erased::UnderWay(number) => {
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            let problem = format!(
                "customer {customer} of {tenant} has {} still under way; nothing was erased",
                count(number, "mail")
            );
            Err(anyhow::anyhow!(problem))
                .what_to_do("wait until all are sent, or cancel them: `deliveries list`, `deliveries cancel`")
        }
        Erased::Unknown => {
            Err(anyhow::anyhow!("there is no customer {:?} of tenant {:?}", customer.as_str(), tenant.as_str()))
                .what_to_do("give tenant and id as the billing system writes them")
        }
    }
}

impl ErasedRow {
    fn sentence(&self) -> String {
        let Self { tenant, customer, deliveries, dead_letters_discarded } = self;
        let number = |number: u64, one| count(usize::try_from(number).unwrap_or(usize::MAX), one);
        let discarded = match dead_letters_discarded {
            0 => String::new(),
            letters => {
                format!("; {} discarded, as nothing of them can be sent any more", number(*letters, "dead letter"))
            }
        };
        format!(
            "customer {customer} of {tenant} is erased, also from {}{discarded}\nwhat was sent and when stays provable; \
             erase the customer in the billing system, too, or the next import brings them back",
            number(*deliveries, "delivery")
        )
    }
}
