//! Recipients that a message never went to, although it may have gone to others.
//!
//! A relay may accept some recipients, defer others, and then give no answer to the final dot. The delivery is
//! uncertain; but those others have not got the message, whatever became of it. When a person finds that it was sent,
//! they get it by a delivery of their own, as after a 250.

use serde::Deserialize;

use super::terms::read_terms;
use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::DeliveryId;
use crate::model::mail_address::in_smtp;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::intake::new_lane_entry::{NewLaneEntry, insert_lane_entries};
use crate::store::lane::held::held_by_people;
use crate::store::search::recipients;

/// What is known of the recipients of a delivery that may have been sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftRecipients {
    /// The relay deferred them each time: the message has not gone to them.
    pub deferred: Vec<Recipient>,
    /// There are several, and the worker ended before it recorded which of them the relay had accepted.
    pub unknown: bool,
}

/// One attempt, as far as it says who may have got the message.
#[derive(Debug, Clone, Copy)]
pub struct TriedRecipients<'a> {
    /// Which claim of the delivery it was.
    pub claim: u32,
    /// How it ended.
    pub class: ReasonCode,
    /// Where it ended.
    pub phase: Option<Phase>,
    /// JSON: recipients that were refused or deferred.
    pub refused: Option<&'a str>,
}

impl LeftRecipients {
    /// Goes through the attempts of a delivery, oldest first; `claim` and `phase` say where it ended. Only what may
    /// have been accepted as a whole counts: in an attempt that the relay answered with 4xx or 5xx no recipient got
    /// anything.
    #[must_use]
    pub fn of(recipients: &[Recipient], attempts: &[TriedRecipients<'_>], claim: u32, phase: Option<Phase>) -> Self {
        let uncertain = || attempts.iter().filter(|attempt| attempt.class == ReasonCode::Uncertain);
        let refused: Vec<Vec<NotAccepted>> = uncertain()
            .map(|attempt| attempt.refused.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default())
            .collect();
        let last_is_listed = attempts.iter().any(|attempt| attempt.claim == claim);
        // A claim without an attempt ended before DATA, or its worker took with it what the relay had said. So did an
        // attempt that our own fault ended.
        let unknown = refused.is_empty()
            || (!last_is_listed && phase == Some(Phase::Data))
            || uncertain().any(|attempt| attempt.phase != Some(Phase::FinalDot));
        if unknown {
            return Self { deferred: Vec::new(), unknown: recipients.len() > 1 };
        }
        let deferred = recipients.iter().filter(|recipient| {
            let results = refused.iter().map(|refused| result_of(recipient, refused));
            let results: Option<Vec<&str>> = results.collect();
            results.is_some_and(|results| results.last() == Some(&"deferred"))
        });
        Self { deferred: deferred.cloned().collect(), unknown: false }
    }
}

#[derive(Debug, Deserialize)]
struct NotAccepted {
    address: String,
    result: String,
}

/// Why the relay did not accept a recipient; none if it did.
fn result_of<'r>(recipient: &Recipient, refused: &'r [NotAccepted]) -> Option<&'r str> {
    let asked = in_smtp(&recipient.address);
    refused.iter().find(|refused| refused.address == asked).map(|refused| refused.result.as_str())
}

/// What is known of the recipients of an uncertain delivery.
pub(in crate::store) async fn left_recipients(
    on: &mut Transaction,
    delivery: DeliveryId,
) -> Result<LeftRecipients, StoreError> {
    let row = sql("SELECT recipients, claim, phase FROM delivery WHERE id = $1").bind(delivery).one(on).await?;
    let recipients: Vec<Recipient> = row.json("recipients")?;
    let rows = sql("SELECT claim, class, phase, refused FROM attempt WHERE delivery_id = $1 ORDER BY claim")
        .bind(delivery)
        .all(on)
        .await?;
    let attempts = rows
        .iter()
        .map(|row| Ok((row.get("claim")?, row.get("class")?, row.get("phase")?, row.get("refused")?)))
        .collect::<Result<Vec<(u32, ReasonCode, Option<Phase>, Option<String>)>, StoreError>>()?;
    let attempts: Vec<_> = attempts
        .iter()
        .map(|(claim, class, phase, refused)| TriedRecipients {
            claim: *claim,
            class: *class,
            phase: *phase,
            refused: refused.as_deref(),
        })
        .collect();
    Ok(LeftRecipients::of(&recipients, &attempts, row.get("claim")?, row.get("phase")?))
}

/// Makes the delivery that the deferred recipients of `delivery` get the same message by; held, if people hold `delivery`,
/// which this transaction has locked.
pub(in crate::store) async fn insert_rest(
    on: &mut Transaction,
    delivery: DeliveryId,
    rest: DeliveryId,
    deferred: &[Recipient],
    now: Timestamp,
) -> Result<(), StoreError> {
    let recipients = serde_json::to_string(deferred).expect("recipients are always JSON");
    sql("INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                              invoice_number, kind, recipients, customer_name, locale, profile_version,
                              template_version, snapshot_at, link_key, link_generation, link_only, expires_at,
                              created_at)
        SELECT $2, root_id, 'rest', main_id, event_key, tenant_id, customer_id, invoice_id, invoice_number, kind, $3,
               customer_name, locale, profile_version, template_version, snapshot_at, link_key, link_generation,
               link_only, expires_at, $4
        FROM delivery WHERE id = $1")
    .bind(delivery)
    .bind(rest)
    .bind(recipients)
    .bind(now)
    .run(on)
    .await?;
    let keys = recipients::keys(&on.address_keys, deferred);
    recipients::insert(on, [(rest, keys)]).await?;
    let row = sql(concat!(
        "SELECT tenant.relay, delivery.tenant_id, delivery.customer_id, delivery.expires_at,
               delivery.decision, delivery.portal_access, delivery.portal_method,
               delivery.message_date, ",
        held_by_people!(),
        " AS held FROM delivery JOIN tenant ON tenant.id = delivery.tenant_id WHERE delivery.id = $1"
    ))
    .bind(delivery)
    .one(on)
    .await?;
    let entry = NewLaneEntry {
        delivery: rest,
        relay: row.get("relay")?,
        tenant: row.get("tenant_id")?,
        customer: row.get("customer_id")?,
        due_at: now,
        express: false,
        expires_at: row.get("expires_at")?,
        claim: 0,
        decision: read_terms(&row)?,
        message_date: row.get("message_date")?,
        held: row.get("held")?,
    };
    insert_lane_entries(on, &[entry], now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RecipientRole;

    /// Each attempt: its claim, its class, and of the recipients a to d how the relay answered: `.` accepted, `d`
    /// deferred, `r` refused.
    fn left(attempts: &[(u32, ReasonCode, &str)], claim: u32, phase: Option<Phase>) -> (String, bool) {
        let addresses = ["a@x.example", "b@x.example", "c@bücher.example", "d@x.example"];
        let asked = ["a@x.example", "b@x.example", "c@xn--bcher-kva.example", "d@x.example"];
        let recipients =
            addresses.map(|address| Recipient { role: RecipientRole::To, address: address.to_owned(), name: None });
        let refused: Vec<String> = attempts
            .iter()
            .map(|(_, _, answers)| {
                let results = answers.chars().zip(asked).filter_map(|(answer, address)| {
                    let result = match answer {
                        'd' => "deferred",
                        'r' => "refused",
                        _ => return None,
                    };
                    Some(serde_json::json!({ "address": address, "result": result, "reply": "451 later" }))
                });
                results.collect::<serde_json::Value>().to_string()
            })
            .collect();
        let attempts: Vec<_> = attempts
            .iter()
            .zip(&refused)
            .map(|((claim, class, _), refused)| TriedRecipients {
                claim: *claim,
                class: *class,
                phase: Some(Phase::FinalDot),
                refused: Some(refused),
            })
            .collect();
        let left = LeftRecipients::of(&recipients, &attempts, claim, phase);
        (left.deferred.iter().map(|recipient| &recipient.address[..1]).collect(), left.unknown)
    }

    /// Attempts, the last claim, where it ended; who has not got it, and whether that is unknown.
    type Case = (&'static [(u32, ReasonCode, &'static str)], u32, Option<Phase>, &'static str, bool);

    #[test]
    fn who_was_deferred_each_time_has_not_got_it() {
        const DOT: Option<Phase> = Some(Phase::FinalDot);
        let table: [Case; 9] = [
            (&[(1, ReasonCode::Uncertain, "....")], 1, DOT, "", false),
            (&[(1, ReasonCode::Uncertain, ".dr.")], 1, DOT, "b", false),
            (&[(1, ReasonCode::Uncertain, "..d.")], 1, DOT, "c", false),
            // A resend reached one of them.
            (&[(1, ReasonCode::Uncertain, ".dd."), (2, ReasonCode::Uncertain, "..d.")], 2, DOT, "c", false),
            (&[(1, ReasonCode::Uncertain, ".d.."), (2, ReasonCode::Uncertain, "d...")], 2, DOT, "", false),
            (&[(1, ReasonCode::Uncertain, ".d.."), (2, ReasonCode::Uncertain, ".r..")], 2, DOT, "", false),
            // The whole message was refused at the second attempt: no recipient got anything by it.
            (&[(1, ReasonCode::Uncertain, ".d.."), (2, ReasonCode::Deferred, "....")], 2, DOT, "b", false),
            // Nothing was sent again.
            (&[(1, ReasonCode::Uncertain, ".d..")], 2, None, "b", false),
            // It was, and the worker ended with what the relay had said.
            (&[(1, ReasonCode::Uncertain, ".d..")], 2, Some(Phase::Data), "", true),
        ];
        for (attempts, claim, phase, expected, unknown) in table {
            assert_eq!(left(attempts, claim, phase), (expected.to_owned(), unknown), "{attempts:?} {claim} {phase:?}");
        }
        assert_eq!(left(&[], 1, None), (String::new(), true));
        let one = [Recipient { role: RecipientRole::To, address: "a@x.example".to_owned(), name: None }];
        assert!(!LeftRecipients::of(&one, &[], 1, None).unknown, "DATA began, so the only one was accepted");
    }
}
