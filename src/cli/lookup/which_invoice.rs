//! Which invoice a person means: a number is often enough, without its tenant.

use crate::app::App;
use crate::cli::error::Advise;
use crate::model::access::TenantScope;
use crate::model::ids::TenantId;
use crate::store::NumberedInvoice;

/// So many are named when a number is several tenants'.
const NAMED_MAX: usize = 10;

/// What a person wants with the invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Purpose {
    /// To know what happened.
    Explain,
    /// To have it sent again, with these options besides.
    Resend { options: String },
    /// To do this with its portal links.
    Links { command: String },
}

impl Purpose {
    fn command(&self) -> String {
        match self {
            Self::Explain => "explain".to_owned(),
            Self::Resend { options } => format!("resend {options}"),
            Self::Links { command } => format!("links {command}"),
        }
    }

    /// What cannot be done, where nothing of this number was ever sent.
    fn in_vain(&self, number: &str) -> String {
        match self {
            Self::Links { .. } => format!("nothing of the number {number} has a link"),
            Self::Explain | Self::Resend { .. } => format!("nothing of the number {number} can be sent again"),
        }
    }

    /// Whether this one may be meant while there is another: only what was made an email of can be sent again.
    fn may_mean(&self, found: &NumberedInvoice) -> bool {
        match self {
            Self::Explain => !is_stray(found),
            Self::Resend { .. } | Self::Links { .. } => found.has_delivery,
        }
    }
}

/// Nothing but an event claims it: one that could not be read, or whose tenant is not known.
const fn is_stray(found: &NumberedInvoice) -> bool {
    !found.has_delivery && (found.claimed || !found.tenant_is_known)
}

/// The invoice that a person means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct MeantInvoice {
    pub(in crate::cli) tenant: TenantId,
    /// As it was published.
    pub(in crate::cli) number: String,
    /// The same number, as no more than events claim it.
    pub(in crate::cli) strays: Vec<NumberedInvoice>,
}

/// The tenant and the number as it was published, of what a person named.
///
/// Without a tenant the number must be of one alone; what only an event claims does not count beside what is known.
/// With a tenant, an unknown number may be an invoice's identifier and stays as it is.
///
/// # Errors
/// If no invoice has this number, or several have: then each is named as the command for the one that is meant.
pub(in crate::cli) async fn which_invoice(
    app: &App,
    tenant: Option<&str>,
    number: &str,
    purpose: &Purpose,
) -> anyhow::Result<MeantInvoice> {
    let tenant = tenant.map(TenantId::from);
    let limit = u32::try_from(NAMED_MAX + 1).expect("a few");
    let found = app.store.invoices_numbered(number, &TenantScope::All.narrowed_to(tenant.as_ref()), limit).await?;
    let candidates = candidates(&found, purpose);
    if let Some(meant) = only(&candidates, number, tenant.is_some()) {
        let strays = found.iter().filter(|found| is_stray(found) && *found != meant).cloned().collect();
        return Ok(MeantInvoice { tenant: meant.tenant.clone(), number: meant.number.clone(), strays });
    }
    match tenant {
        Some(tenant) if found.is_empty() => Ok(MeantInvoice { tenant, number: number.to_owned(), strays: Vec::new() }),
        None if found.is_empty() => Err(anyhow::anyhow!("nothing is known of an invoice {number} of any tenant"))
            .what_to_do(format!(
                "`find {}` searches for whatever else it may be; an event that could not be read may name no invoice: \
                 `dead-letters list --class malformed`",
                quoted(number)
            )),
        _ if candidates.iter().all(|found| !purpose.may_mean(found)) && *purpose != Purpose::Explain => Err(
            anyhow::anyhow!("{}: no email was made of it", purpose.in_vain(number)),
        )
        .what_to_do(commands(&candidates, &Purpose::Explain.command(), "see what became of each: ")),
        _ => {
            let many = candidates.len() > NAMED_MAX;
            let how_many = if many { "many".to_owned() } else { candidates.len().to_string() };
            Err(anyhow::anyhow!("{number} is the number of {how_many} invoices")).what_to_do(commands(
                &candidates,
                &purpose.command(),
                "say which: ",
            ))
        }
    }
}

/// What may be meant; all of it where nothing fits the purpose.
fn candidates<'f>(found: &'f [NumberedInvoice], purpose: &Purpose) -> Vec<&'f NumberedInvoice> {
    let fitting: Vec<&NumberedInvoice> = found.iter().filter(|found| purpose.may_mean(found)).collect();
    if fitting.is_empty() { found.iter().collect() } else { fitting }
}

/// The only one that can be meant, if there is one.
fn only<'f>(candidates: &[&'f NumberedInvoice], number: &str, names_tenant: bool) -> Option<&'f NumberedInvoice> {
    match candidates {
        [only] => Some(*only),
        // Numbers of one tenant that differ in case or blanks alone.
        _ if names_tenant => candidates.iter().copied().find(|found| found.number == number),
        _ => None,
    }
}

/// `before`, and the command for each.
fn commands(candidates: &[&NumberedInvoice], command: &str, before: &str) -> String {
    let named = candidates.iter().take(NAMED_MAX).map(|found| {
        let (tenant, number) = (quoted(found.tenant.as_str()), quoted(&found.number));
        format!("`{command} --tenant {tenant} --invoice {number}`")
    });
    let others = (candidates.len() > NAMED_MAX).then(|| "others (`find` lists them)".to_owned());
    format!("{before}{}", named.chain(others).collect::<Vec<_>>().join(", "))
}

/// A word as a shell takes it.
pub(in crate::cli) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+' | ',');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(tenant: &str, number: &str) -> NumberedInvoice {
        let (tenant, number) = (tenant.into(), number.to_owned());
        NumberedInvoice { tenant, number, claimed: false, tenant_is_known: true, has_delivery: true }
    }

    fn meant<'f>(
        found: &'f [NumberedInvoice],
        number: &str,
        names_tenant: bool,
        purpose: &Purpose,
    ) -> Option<&'f NumberedInvoice> {
        only(&candidates(found, purpose), number, names_tenant)
    }

    #[test]
    fn what_is_known_is_meant_before_what_is_claimed() {
        let (acme, beta) = (delivered("acme", "R-1"), delivered("beta", "R-1"));
        let unread = NumberedInvoice { claimed: true, has_delivery: false, ..delivered("gamma", "R-1") };
        let unknown = NumberedInvoice { tenant_is_known: false, has_delivery: false, ..delivered("nobody", "R-1") };
        let waiting = NumberedInvoice { has_delivery: false, ..delivered("delta", "R-1") };
        for purpose in [Purpose::Explain, Purpose::Resend { options: String::new() }] {
            for stray in [&unread, &unknown] {
                assert_eq!(meant(std::slice::from_ref(stray), "R-1", false, &purpose), Some(stray));
                assert_eq!(meant(&[acme.clone(), stray.clone()], "r-1", false, &purpose), Some(&acme));
            }
            assert_eq!(meant(&[acme.clone(), beta.clone()], "R-1", false, &purpose), None);
            assert_eq!(meant(&[unread.clone(), unknown.clone()], "R-1", false, &purpose), None);
            let other = delivered("acme", "r-1");
            assert_eq!(meant(&[acme.clone(), other.clone()], "r-1", true, &purpose), Some(&other));
            assert_eq!(meant(&[acme.clone(), other], "R - 1", true, &purpose), None);
        }
        // What waits can be explained, and not sent again.
        let both = [acme.clone(), waiting];
        assert_eq!(meant(&both, "R-1", false, &Purpose::Explain), None);
        assert_eq!(meant(&both, "R-1", false, &Purpose::Resend { options: String::new() }), Some(&acme));
    }

    #[test]
    fn a_command_can_be_copied_into_a_shell() {
        for (word, expected) in
            [("R-2026/1", "R-2026/1"), ("R 1", "'R 1'"), ("a'b", "'a'\\''b'"), ("$(id)", "'$(id)'"), ("", "''")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
