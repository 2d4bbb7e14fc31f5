//! `doctor --senders`: whether the relays take each tenant's envelope sender, without a mail.

use std::collections::BTreeMap;
use std::time::Duration;

use lettre::Address;
use tokio::time::timeout;

use super::check::Check;
use crate::cli::terminal::format::count;
use crate::model::ids::{RelayName, TenantId};
use crate::relay::{Connector, SenderTrial, Session};

/// For one sender, with a new connection if the last one is used up.
const SENDER_TIME_MAX: Duration = Duration::from_secs(15);
/// After so many without an answer in a row the others are not tried.
const SILENT_MAX: usize = 3;
/// How many refused senders are named each; more are counted.
const NAMED_MAX: usize = 50;

/// A tenant's envelope sender.
#[derive(Debug, Clone)]
pub(super) struct TenantSender {
    pub(super) tenant: TenantId,
    pub(super) relay: RelayName,
    pub(super) sender: Address,
}

/// Not tried, since the login was not.
pub(super) fn not_tried(relay: &RelayName) -> Check {
    let remedy = "mend the login first; `doctor --login --senders` tries both";
    Check::warn(format!("senders at {relay}"), "not tried without a login", remedy)
}

/// Tries each sender at its relay; says which are refused, and whose they are.
pub(super) async fn checks<'a>(
    connector: &Connector,
    session: Session,
    senders: impl Iterator<Item = &'a TenantSender>,
) -> Vec<Check> {
    // Several tenants may have one sender; it is asked once.
    let mut by_sender: BTreeMap<String, (&Address, Vec<&str>)> = BTreeMap::new();
    for TenantSender { tenant, sender, .. } in senders {
        by_sender.entry(sender.to_string()).or_insert((sender, Vec::new())).1.push(tenant.as_str());
    }
    let mut session = Some(session);
    let (mut accepted, mut silent) = (0, 0);
    let mut refused = Vec::new();
    let mut untried = Vec::new();
    for (name, (sender, tenants)) in &by_sender {
        let answer = if silent >= SILENT_MAX { None } else { ask(connector, &mut session, sender).await };
        silent = if answer.is_some() { 0 } else { silent + 1 };
        match answer {
            Some(Ok(())) => accepted += 1,
            Some(Err(why)) => refused.push((name, tenants, why)),
            None => untried.push(name.as_str()),
        }
    }
    if let Some(session) = session {
        session.quit().await;
    }
    summed_up(connector, accepted, &refused, &untried)
}

/// What the relay says of this sender; `None` if no answer came.
async fn ask(connector: &Connector, session: &mut Option<Session>, sender: &Address) -> Option<Result<(), String>> {
    let asking = async {
        let mut open = match session.take().filter(Session::is_reusable) {
            Some(open) => open,
            // Some relays hang up after a number of refusals.
            None => connector.connect().await.ok()?,
        };
        let answer = match open.try_sender(sender).await {
            SenderTrial::Accepted => Some(Ok(())),
            SenderTrial::Refused(reply) => Some(Err(reply.to_string())),
            SenderTrial::Unsupported => Some(Err("it is not ASCII, and the relay does not offer SMTPUTF8".to_owned())),
            SenderTrial::Unanswered(_) => None,
        };
        *session = Some(open);
        answer
    };
    timeout(SENDER_TIME_MAX, asking).await.ok().flatten()
}

fn summed_up(
    connector: &Connector,
    accepted: usize,
    refused: &[(&String, &Vec<&str>, String)],
    untried: &[&str],
) -> Vec<Check> {
    let relay = &connector.config().name;
    let name = format!("senders at {relay}");
    let mut checks = Vec::new();
    if refused.is_empty() && untried.is_empty() {
        let number = count(accepted, "sender");
        let detail = if accepted == 0 {
            "no tenant has this relay".to_owned()
        } else {
            format!("{number} taken at MAIL (some relays judge a sender at RCPT or after DATA only)")
        };
        checks.push(Check::ok(&name, detail));
    }
    for (sender, tenants, why) in refused.iter().take(NAMED_MAX) {
        let whose = count_named(tenants);
        let remedy = "have the relay allow this sender for our login, or correct the tenant's sender (bounce_address, or \
                      address)";
        checks.push(Check::fail(&name, format!("{sender} of {whose} is refused at MAIL: {why}"), remedy));
    }
    if let Some(more) = refused.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        let remedy = "mend the ones that are named, and ask again";
        checks.push(Check::fail(&name, format!("{more} more are refused"), remedy));
    }
    if !untried.is_empty() {
        let number = count(untried.len(), "sender");
        let detail = format!("{number} without an answer, the first: {}", untried[0]);
        checks.push(Check::warn(&name, detail, "ask again later: the relay hung up, or was silent for 15 s"));
    }
    checks
}

fn count_named(tenants: &[&str]) -> String {
    match tenants {
        [] => "no tenant".to_owned(),
        [one] => format!("tenant {one}"),
        [first, rest @ ..] => format!("tenant {first} and {} more", rest.len()),
    }
}
