//! `customers`: the people who receive invoices.

mod known;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::Globals;
use super::arguments::{Limit, ReasonArg};
use super::error::Advise;
use super::terminal::confirm::agrees;
use super::terminal::format::count;
use crate::app::App;
use crate::model::access::TenantScope;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, TenantId};
use crate::store::{Erased, Leftovers, NewAuditEntry};

/// List, show or erase customers
#[derive(Debug, clap::Args)]
pub struct CustomersArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: CustomersAction,
}

/// What to do with customers.
#[derive(Debug, Subcommand)]
pub enum CustomersAction {
    /// List a tenant's customers by id, or those of a name
    #[command(after_help = "Examples:
  invoice-dispatcher customers list --tenant acme
  invoice-dispatcher customers list --tenant acme --name \"käufer\"")]
    List {
        /// Whose customers
        #[arg(long)]
        tenant: String,
        /// Only those whose name has words that begin so, or whose id does
        #[arg(long, value_name = "WORDS", conflicts_with = "after")]
        name: Option<String>,
        /// Go on behind this customer
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// Show addresses and names of private customers whole; they are masked otherwise
        #[arg(long)]
        addresses: bool,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Show what is known of one; what a customer is verified by is never shown
    #[command(after_help = "Example:
  invoice-dispatcher customers show --tenant acme --customer C-1042")]
    Show {
        /// Whose customer
        #[arg(long)]
        tenant: String,
        /// The customer's id at that tenant
        #[arg(long, value_name = "ID")]
        customer: String,
        /// Show address and name whole
        #[arg(long)]
        addresses: bool,
    },
    /// Pseudonymise a customer; what was sent and when stays provable
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
        why: ReasonArg,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What an erasure did.
#[derive(Serialize)]
struct ErasedRow {
    tenant_id: TenantId,
    customer_id: CustomerId,
    deliveries: u64,
    dead_letters: u64,
    dead_letters_discarded: u64,
    /// Where the customer may still be named, and what to do about it.
    not_erased: Vec<String>,
}

/// Does what the command line says.
pub async fn run(args: CustomersArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let output = globals.output();
    match args.action {
        CustomersAction::List { tenant, name, after, addresses, limit } => {
            let (tenant, after) = (TenantId::from(tenant), after.map(CustomerId::from));
            if addresses {
                let who = globals.who();
                let entry = NewAuditEntry::new(AuditAction::ListViewed, &who).of_tenant(&tenant).about("customers");
                app.store.audit(&entry.with(json!({ "name": name }))).await?;
            }
            known::list(&app, output, &tenant, known::Part { name, after, limit: limit.limit }, addresses).await
        }
        CustomersAction::Show { tenant, customer, addresses } => {
            let (tenant, customer) = (TenantId::from(tenant), CustomerId::from(customer));
            if addresses && app.store.customer(&tenant, &customer, &TenantScope::All).await?.is_some() {
                let who = globals.who();
                let entry = NewAuditEntry::new(AuditAction::CustomerViewed, &who).of_customer(&tenant, &customer);
                app.store.audit(&entry.about(customer.as_str())).await?;
            }
            known::show(&app, output, &tenant, &customer, addresses).await
        }
        CustomersAction::Erase { tenant, customer, why, yes } => {
            erase(&app, globals, TenantId::from(tenant), CustomerId::from(customer), &why, yes).await
        }
    }
}

async fn erase(
    app: &App,
    globals: &Globals,
    tenant: TenantId,
    customer: CustomerId,
    why: &ReasonArg,
    yes: bool,
) -> anyhow::Result<()> {
    if !yes
        && let Some((deliveries, letters)) = app.store.look_at_erasure(&tenant, &customer).await?
        && !agrees(&question(&tenant, &customer, deliveries, letters), "compare it with `deliveries list`")?
    {
        return Ok(globals.output().say("nothing was erased")?);
    }
    let by = globals.who().because(&why.reason);
    match app.store.erase_customer(&tenant, &customer, &by).await? {
        Erased::Done { deliveries, letters, discarded, leftovers } => {
            let row = ErasedRow {
                tenant_id: tenant,
                customer_id: customer,
                deliveries,
                dead_letters: letters,
                dead_letters_discarded: discarded,
                not_erased: not_erased(&leftovers, app.config.broker.url.is_some()),
            };
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

/// What is to be agreed to.
fn question(tenant: &TenantId, customer: &CustomerId, deliveries: u64, letters: u64) -> String {
    let number = |number: u64, one| count(usize::try_from(number).unwrap_or(usize::MAX), one);
    format!(
        "erase customer {customer} of {tenant} for good, also from {} and {}",
        number(deliveries, "delivery"),
        number(letters, "dead letter")
    )
}

/// Where an erased customer may still be named: what is out of this program's reach, or not gone yet.
fn not_erased(leftovers: &Leftovers, has_broker: bool) -> Vec<String> {
    let database = match leftovers {
        Leftovers::Nothing => None,
        Leftovers::OldRowVersions => Some(
            "PostgreSQL keeps old versions of the rows until a vacuum has run, and longer in its write-ahead log and \
             archive: run VACUUM, or wait for autovacuum"
                .to_owned(),
        ),
        Leftovers::FreePages(why) => Some(format!(
            "free pages of the SQLite file and its log, which could not be written anew ({why}): run this command once \
             more when nothing else uses the database"
        )),
    };
    let broker = has_broker.then(|| {
        "copies of their dead letters in RabbitMQ's dead-letter queue, which a running worker takes out within a minute; \
         events of theirs that still wait in a queue are taken in as ever"
            .to_owned()
    });
    let elsewhere = [
        "backups of the database and of the broker",
        "documents in the document store",
        "logs of this program, of the relay and of other servers",
        "the mails in the recipients' mailboxes",
    ];
    database.into_iter().chain(broker).chain(elsewhere.map(str::to_owned)).collect()
}

impl ErasedRow {
    fn sentence(&self) -> String {
        let Self {
            tenant_id: tenant,
            customer_id: customer,
            deliveries,
            dead_letters,
            dead_letters_discarded,
            not_erased,
        } = self;
        let number = |number: u64, one| count(usize::try_from(number).unwrap_or(usize::MAX), one);
        let discarded = match dead_letters_discarded {
            0 => String::new(),
            letters => {
                format!("; {} discarded, as nothing of them can be sent any more", number(*letters, "dead letter"))
            }
        };
        format!(
            "customer {customer} of {tenant} is erased, also from {} and {}{discarded}\nwhat was sent and when stays \
             provable; erase the customer in the billing system, too, or the next import brings them back\nnot erased:\n  \
             - {}",
            number(*deliveries, "delivery"),
            number(*dead_letters, "dead letter"),
            not_erased.join("\n  - ")
        )
    }
}
