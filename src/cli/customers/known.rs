//! `customers list` and `customers show`: what is known, without what verifies.

use serde::Serialize;

use crate::app::App;
use crate::cli::error::Advise;
use crate::cli::lookup::which_invoice::quoted;
use crate::cli::terminal::format::customer_name;
use crate::cli::terminal::output::{ListRow, Output};
use crate::cli::terminal::report::TextReport;
use crate::cli::terminal::table::Column;
use crate::model::access::TenantScope;
use crate::model::customer::{Customer, CustomerType};
use crate::model::ids::{CustomerId, TenantId};
use crate::telemetry::Masked;

/// A customer; the names are those of the HTTP API.
#[derive(Serialize)]
struct Known {
    tenant_id: TenantId,
    id: CustomerId,
    /// None: unknown, which counts as private.
    r#type: Option<CustomerType>,
    /// Of private customers masked, unless addresses are shown.
    name: String,
    /// Masked, unless addresses are shown.
    address: String,
    locale: Option<String>,
    country: Option<String>,
    on_record: VerificationData,
}

/// What a customer can be verified by, and never the values.
#[derive(Serialize)]
struct VerificationData {
    postcode: bool,
    house_number: bool,
    mobile: bool,
}

impl Known {
    fn of(customer: Customer, addresses: bool) -> Self {
        Self {
            name: customer_name(&customer, addresses),
            address: if addresses { customer.address } else { Masked(&customer.address).to_string() },
            tenant_id: customer.tenant_id,
            id: customer.id,
            r#type: customer.kind,
            locale: customer.locale,
            on_record: VerificationData {
                postcode: customer.postal.postcode.is_some(),
                house_number: customer.postal.house_number.is_some(),
                mobile: customer.mobile.is_some(),
            },
            country: customer.postal.country,
        }
    }

    fn kind(&self) -> &'static str {
        self.r#type.map_or("unknown, counts as private", |kind| kind.into_str())
    }

    fn report(&self, output: Output) -> String {
        const INDENT: usize = 14;
        let mut report = TextReport::new(output);
        report.headline(&format!("customer {} of {}", self.id, self.tenant_id));
        report.gap();
        report.fact("type", INDENT, self.kind());
        report.fact("name", INDENT, &self.name);
        report.fact("address", INDENT, &self.address);
        for (name, value) in [("locale", &self.locale), ("country", &self.country)] {
            if let Some(value) = value {
                report.fact(name, INDENT, value);
            }
        }
        let VerificationData { postcode, house_number, mobile } = self.on_record;
        let record = [(postcode, "postcode"), (house_number, "house number"), (mobile, "mobile number")];
        let record: Vec<&str> = record.into_iter().filter_map(|(is_there, what)| is_there.then_some(what)).collect();
        let record = if record.is_empty() { "nothing to verify by".to_owned() } else { record.join(", ") };
        report.fact("on record", INDENT, &record);
        report.gap();
        let (tenant, customer) = (quoted(self.tenant_id.as_str()), quoted(self.id.as_str()));
        report.fact("mails", INDENT, &format!("`deliveries list --tenant {tenant} --customer {customer}`"));
        report.finish()
    }
}

impl ListRow for Known {
    const COLUMNS: &'static [Column] = &[
        Column::whole("CUSTOMER"),
        Column::text("TYPE"),
        Column::text("LOCALE").wide_only(),
        Column::text("ADDRESS"),
        Column::text("NAME"),
    ];

    fn cells(&self) -> Vec<String> {
        let kind = self.r#type.map_or("unknown", |kind| kind.into_str());
        let locale = self.locale.clone().unwrap_or_else(|| "-".to_owned());
        vec![self.id.to_string(), kind.to_owned(), locale, self.address.clone(), self.name.clone()]
    }
}

/// Which part of a tenant's customers.
pub(super) struct Part {
    /// Those of this name.
    pub(super) name: Option<String>,
    /// Those behind this one.
    pub(super) after: Option<CustomerId>,
    /// At most so many.
    pub(super) limit: u32,
}

/// Shows a tenant's customers.
pub(super) async fn list(
    app: &App,
    output: Output,
    tenant: &TenantId,
    part: Part,
    addresses: bool,
) -> anyhow::Result<()> {
    let Part { name, after, limit } = part;
    let (customers, more) = if let Some(name) = &name {
        app.store.customers_named(name, &TenantScope::All.narrowed_to(Some(tenant)), limit).await?
    } else {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut customers =
            app.store.customers(tenant, &TenantScope::All, after.as_ref(), limit.saturating_add(1)).await?;
        let more = customers.len() > wanted;
        customers.truncate(wanted);
        (customers, more)
    };
    let rows: Vec<Known> = customers.into_iter().map(|customer| Known::of(customer, addresses)).collect();
    output.rows(&rows, &format!("{tenant} has no such customer"))?;
    match rows.last().filter(|_| more) {
        Some(_) if name.is_some() => Ok(output.say("\nthere are more: write more of the name, or raise --limit")?),
        Some(last) => {
            let last = quoted(last.id.as_str());
            Ok(output.say(&format!("\nthere are more: the same with --after {last}, or raise --limit"))?)
        }
        None => Ok(()),
    }
}

/// Shows a customer.
pub(super) async fn show(
    app: &App,
    output: Output,
    tenant: &TenantId,
    customer: &CustomerId,
    addresses: bool,
) -> anyhow::Result<()> {
    let Some(known) = app.store.customer(tenant, customer, &TenantScope::All).await? else {
        return Err(anyhow::anyhow!("there is no customer {:?} of tenant {:?}", customer.as_str(), tenant.as_str()))
            .what_to_do("`find` searches names and ids over all tenants; `customers list --tenant` lists them");
    };
    let known = Known::of(known, addresses);
    Ok(output.one(&known, &known.report(output))?)
}
