//! Why an act of a person is not done, or what it is about cannot be shown: what it needs does not stand so.

use axum::http::StatusCode;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::model::ids::{DeliveryId, OperatorId};
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryState;
use crate::web::Problem;

/// Nothing was changed.
#[derive(Debug)]
pub(super) enum ActRefusal {
    /// No such delivery, or another tenant's.
    UnknownDelivery,
    /// Nothing is known of the number, or it is another tenant's.
    UnknownInvoice,
    /// The delivery stands elsewhere than the act needs.
    NotPossible(DeliveryState),
    /// It waits because its tenant is paused.
    TenantPaused,
    /// No message of the delivery was ever permitted to go out.
    NothingSent,
    /// What a message is made of has been deleted.
    Forgotten,
    /// A message cannot be put together again as things are; the log says why.
    MessageUnavailable,
    /// A worker has the delivery that would be sent again.
    Sending(DeliveryId),
    /// It was sent again a moment ago.
    TooSoon {
        delivery: DeliveryId,
        at: Timestamp,
    },
    /// The plan that was seen does not hold any more; this one does.
    PlanChanged(Value),
    /// Neither the event nor the customer has an address that can be used.
    NoUsableRecipient(String),
    /// It would end as a dead letter, as far as can be seen.
    MustFail {
        class: ReasonCode,
        reason: String,
    },
    /// No version of the settings has this number.
    UnknownVersion,
    UnknownOperator,
    AddressTaken(OperatorId),
    /// Nobody else may manage operators and can sign in.
    LastAdmin,
    OperatorDisabled,
    /// An invitation of somebody who has chosen a password.
    PasswordChosen,
    /// A reset of whoever asks: the link would be lost with the session that it ends.
    OwnAccount,
    UnknownToken,
    TokenNameTaken,
}

impl ActRefusal {
    pub(super) fn problem(&self) -> Problem {
        let unknown = |title, detail: &str| Problem::new(StatusCode::NOT_FOUND, title, detail);
        let conflict = |title, detail: &str| Problem::new(StatusCode::CONFLICT, title, detail);
        match self {
            Self::UnknownDelivery => unknown("unknown delivery", "there is no such delivery"),
            Self::UnknownInvoice => unknown("unknown invoice", "nothing is known of this number"),
            Self::NothingSent => unknown("nothing sent", "no message of this delivery was ever sent"),
            Self::UnknownVersion => unknown("unknown version", "the settings never had this version"),
            Self::UnknownOperator => unknown("unknown operator", "there is no such operator"),
            Self::UnknownToken => unknown("unknown token", "there is no such token"),
            Self::Forgotten => {
                let detail = "what the message was made of has been deleted: after the retention, or because the customer \
                              was erased";
                Problem::new(StatusCode::GONE, "forgotten", detail)
            }
            Self::MessageUnavailable => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "message unavailable",
                "the message cannot be put together now: a document or a key is missing; the log says which",
            ),
            Self::NotPossible(state) => {
                let detail = format!("the delivery is {state}: this cannot be done to it, and nothing was changed");
                conflict("not possible", &detail).with("state", state.into_str())
            }
            Self::TenantPaused => {
                conflict("tenant paused", "the delivery waits because its tenant is paused; resume the tenant")
            }
            Self::Sending(delivery) => conflict("sending", "it is being sent now; ask again when that has ended")
                .with("delivery_id", delivery.to_string()),
            Self::TooSoon { delivery, at } => {
                conflict("too soon", "it was sent again less than a minute ago; with `again` it is sent all the same")
                    .with("delivery_id", delivery.to_string())
                    .with("at", at.to_string())
            }
            Self::PlanChanged(plan) => {
                conflict("plan changed", "what was planned does not hold any more; look at the plan that does")
                    .with("plan", plan.clone())
            }
            Self::NoUsableRecipient(why) => {
                conflict("no usable recipient", &format!("{why}; correct it, or name another address as `to`"))
            }
            Self::MustFail { class, reason } => {
                conflict("must fail", &format!("it would fail: {reason}")).with("class", class.into_str())
            }
            Self::AddressTaken(operator) => conflict("address taken", "somebody signs in with this address already")
                .with("operator_id", operator.to_string()),
            Self::LastAdmin => conflict("last admin", "nobody else may manage operators and can sign in"),
            Self::OperatorDisabled => conflict("operator disabled", "they may not sign in; enable them first"),
            Self::PasswordChosen => {
                conflict("password chosen", "they have chosen a password since; ask again to reset it")
            }
            Self::OwnAccount => {
                conflict("own account", "another administrator, or the command line, resets your own account")
            }
            Self::TokenNameTaken => {
                conflict("name taken", "another token has this name; revoke that one first, or choose another name")
            }
        }
    }
}
