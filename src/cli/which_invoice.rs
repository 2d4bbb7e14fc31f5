//! Which invoice a person means: a number is often enough, whoever sent it.

use super::error::Advise;
use crate::app::App;
use crate::model::ids::TenantId;
use crate::store::NumberedInvoice;

/// So many are named when a number is several tenants'.
const NAMED_MAX: usize = 10;

/// The tenant and the number as it was published, of what a person named.
///
/// Without a tenant the number must be of one alone; a tenant that only bytes claim which could not be read as an event
/// does not count beside one that is known. With a tenant, a number that nobody has may be an invoice's identifier and
/// stays as it is.
///
/// # Errors
/// If no invoice has this number, or several have: then each is named as `command` for the one that is meant.
pub(super) async fn which_invoice(
    app: &App,
    tenant: Option<&str>,
    number: &str,
    command: &str,
) -> anyhow::Result<(TenantId, String)> {
    let tenant = tenant.map(TenantId::from);
    let limit = u32::try_from(NAMED_MAX + 1).expect("a few");
    let found = app.store.invoices_numbered(number, tenant.as_ref(), limit).await?;
    match (meant(&found, number, tenant.is_some()), tenant) {
        (Some(meant), _) => Ok((meant.tenant.clone(), meant.number.clone())),
        (None, Some(tenant)) if found.is_empty() => Ok((tenant, number.to_owned())),
        (None, None) if found.is_empty() => {
            Err(anyhow::anyhow!("nothing is known of an invoice {number} of any tenant")).what_to_do(format!(
                "`find {}` searches for whatever else it may be; an event that could not be read may name no invoice: \
                 `dead-letters list --class malformed`",
                quoted(number)
            ))
        }
        (None, _) => {
            let mut commands: Vec<String> = found
                .iter()
                .take(NAMED_MAX)
                .map(|found| {
                    let (tenant, number) = (quoted(found.tenant.as_str()), quoted(&found.number));
                    format!("`{command} --tenant {tenant} --invoice {number}`")
                })
                .collect();
            if found.len() > NAMED_MAX {
                commands.push("others (`find` lists them)".to_owned());
            }
            Err(anyhow::anyhow!(
                "{number} is the number of {} invoices",
                if found.len() > NAMED_MAX { "many".to_owned() } else { found.len().to_string() }
            ))
            .what_to_do(format!("say which: {}", commands.join(", ")))
        }
    }
}

/// The only one that can be meant, if there is one.
fn meant<'f>(found: &'f [NumberedInvoice], number: &str, tenant_is_given: bool) -> Option<&'f NumberedInvoice> {
    if let [only] = found {
        return Some(only);
    }
    let known: Vec<&NumberedInvoice> = found.iter().filter(|found| !found.claimed).collect();
    match known.as_slice() {
        [only] => Some(*only),
        // Numbers of one tenant that differ in case or blanks alone.
        _ if tenant_is_given => found.iter().find(|found| found.number == number),
        _ => None,
    }
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
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

    fn found(tenant: &str, number: &str, claimed: bool) -> NumberedInvoice {
        NumberedInvoice { tenant: tenant.into(), number: number.to_owned(), claimed }
    }

    #[test]
    fn what_is_known_is_meant_before_what_is_claimed() {
        let (acme, beta, claimed) =
            (found("acme", "R-1", false), found("beta", "R-1", false), found("gamma", "R-1", true));
        assert_eq!(meant(std::slice::from_ref(&claimed), "R-1", false), Some(&claimed));
        assert_eq!(meant(&[acme.clone(), claimed.clone()], "r-1", false), Some(&acme));
        assert_eq!(meant(&[acme.clone(), beta], "R-1", false), None);
        let other = found("acme", "r-1", false);
        assert_eq!(meant(&[acme.clone(), other.clone()], "r-1", true), Some(&other));
        assert_eq!(meant(&[acme, other], "R - 1", true), None);
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
