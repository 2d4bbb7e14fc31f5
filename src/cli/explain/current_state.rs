//! Where an invoice stands now, and what a person does about it.

use super::timeline::{Timeline, concluded};
use crate::cli::lookup::which_invoice::quoted;
use crate::cli::terminal::format::{moment, relative};
use crate::cli::terminal::report::Tint;
use crate::cli::views::relay_health::{credentials_refused, health};
use crate::intake::EVENT_RECIPIENTS_HINT;
use crate::model::ids::{EventKey, RelayName};
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeadLetterState, DeliveryState, EventState};
use crate::operator::invoice::wait_reason::WaitReason;
use crate::operator::invoice::{is_forgotten, newest_of};
use crate::store::{DeadLetter, Delivery};

/// Of a dead letter whose bytes could not be read as an event.
const CLAIMED: &str = "; tenant and number are what it claims";
/// Neither a redrive nor a resend can help: both are refused.
const FORGOTTEN: &str = "the event's bytes have been deleted (retention or erasure): publish the invoice again \
     under a new event id, if it shall be sent";

/// Where the invoice stands, and what a person does about it.
pub(in crate::cli) struct ShownState {
    pub(in crate::cli) word: &'static str,
    pub(super) tint: Tint,
    pub(in crate::cli) means: String,
    pub(in crate::cli) todo: String,
}

impl Timeline {
    /// The delivery that the invoice's state is.
    pub(super) fn newest(&self) -> Option<&Delivery> {
        newest_of(&self.explanation.deliveries).map(|explained| &explained.delivery)
    }

    pub(in crate::cli) fn current_state(&self) -> ShownState {
        if let Some(delivery) = self.newest() {
            return self.state_of(delivery);
        }
        let open = self.explanation.dead_letters.iter().rev().find(|letter| letter.state == DeadLetterState::Open);
        if let Some(letter) = open {
            let claimed = if letter.is_claimed() { CLAIMED } else { "" };
            return ShownState {
                word: "dead letter",
                tint: Tint::Red,
                means: format!("nothing was sent: {}: {}{claimed}", letter.class, letter.reason),
                todo: self.todo_of(letter),
            };
        }
        let waiting = self.explanation.events.iter().find(|event| event.state == EventState::Waiting);
        if let Some(event) = waiting {
            let until = event.wait_until.map(|until| format!(", until {}", moment(until))).unwrap_or_default();
            return ShownState {
                word: "waiting",
                tint: Tint::Yellow,
                means: format!("its customer {} is not known yet; it is waited for{until}", event.invoice.customer),
                todo: "import the customer; it is then sent by itself".to_owned(),
            };
        }
        let last = self.explanation.dead_letters.last();
        ShownState {
            word: "not sent",
            tint: Tint::Yellow,
            means: last.map_or_else(|| "no delivery was made of it".to_owned(), concluded),
            todo: last.filter(|letter| letter.state == DeadLetterState::Discarded).map_or_else(
                || "nothing, if that was meant".to_owned(),
                |letter| format!("nothing, if that was meant; `dead-letters restore {}` takes it back", letter.id),
            ),
        }
    }

    /// Whether nothing is left here to make a mail of.
    fn is_forgotten(&self, event: EventKey) -> bool {
        is_forgotten(&self.explanation.events, event)
    }

    /// What to do about an open dead letter; a command only if it is one that is not refused.
    pub(super) fn todo_of(&self, letter: &DeadLetter) -> String {
        if letter.event_key.is_some_and(|event| self.is_forgotten(event)) {
            return format!("{FORGOTTEN}; `dead-letters discard {} --reason TEXT` ends this one", letter.id);
        }
        // A hint says what is to be done before; a class that nothing can be done about here has none.
        match letter.delivery {
            Some(delivery) if letter.hint == EVENT_RECIPIENTS_HINT => {
                format!(
                    "`resend --delivery {delivery} --to ADDRESS --reason TEXT` sends it to another address than the event \
                     names; or publish a corrected event under a new id, then `dead-letters discard {} --reason TEXT`",
                    letter.id
                )
            }
            _ if letter.hint.contains("redrive") => {
                format!("{}: `dead-letters redrive {}`", letter.hint, letter.id)
            }
            _ => letter.hint.clone(),
        }
    }

    /// The command that sends the invoice of this delivery again, with `besides`, as part of a sentence.
    fn resend(&self, delivery: &Delivery, besides: &str) -> Option<String> {
        let is_forgotten = self.is_forgotten(delivery.event_key);
        (!is_forgotten).then(|| format!("`resend --delivery {}{besides} --reason TEXT`", delivery.id))
    }

    fn state_of(&self, delivery: &Delivery) -> ShownState {
        let ago = delivery.concluded_at.map(|at| relative(at, self.now)).unwrap_or_default();
        let reason = delivery.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let class = delivery.class.map(|class| format!("{class}{reason}")).unwrap_or_default();
        let id = delivery.id;
        let resend = |before: &str, besides: &str, after: &str| {
            self.resend(delivery, besides)
                .map_or_else(|| FORGOTTEN.to_owned(), |command| format!("{before}{command}{after}"))
        };
        let (tint, means, todo) = match delivery.state {
            DeliveryState::Due => self.due(delivery),
            DeliveryState::Sending => (Tint::Plain, "a worker is sending it".to_owned(), "nothing".to_owned()),
            DeliveryState::Concluded(concluded) => match concluded {
                Concluded::Sent => (
                    Tint::Green,
                    format!("the relay took it {ago}; what the mailbox did with it is not known here"),
                    format!(
                        "nothing; if the customer misses it, ask the relay's log for the Message-ID{}",
                        self.resend(delivery, "").map(|command| format!(", or {command}")).unwrap_or_default()
                    ),
                ),
                Concluded::Rejected => (
                    Tint::Red,
                    format!("the recipient was refused {ago}{reason}"),
                    resend("ask the customer for a working address, then ", " --to ADDRESS", ""),
                ),
                Concluded::Dead => (Tint::Red, format!("gave up {ago}: {class}"), self.letter_todo(delivery)),
                Concluded::Discarded => (
                    Tint::Yellow,
                    format!("somebody decided {ago} that it shall not be sent; it was dead: {class}"),
                    self.restore(delivery),
                ),
                Concluded::Uncertain => (
                    Tint::Red,
                    format!("the relay may or may not have taken it {ago}{reason}"),
                    format!(
                        "ask the relay's log for the Message-ID; if it has it: `deliveries mark-sent {id} --reason TEXT`{}{}",
                        self.resend(delivery, "").map(|command| format!(", if not: {command}")).unwrap_or_default(),
                        self.left(delivery)
                    ),
                ),
                Concluded::Cancelled => (
                    Tint::Yellow,
                    format!("it was stopped {ago}: {class}"),
                    resend("nothing, if that was meant; ", "", " sends it after all"),
                ),
                Concluded::Expired => (
                    Tint::Yellow,
                    format!("its time ended {ago}, before it could be sent"),
                    resend("", "", ", if the customer shall get it all the same"),
                ),
            },
        };
        ShownState { word: delivery.state.into_str(), tint, means, todo }
    }

    /// What is known of recipients that have not got an uncertain message.
    fn left(&self, delivery: &Delivery) -> String {
        let Some(explained) = self.explanation.deliveries.iter().find(|found| found.delivery.id == delivery.id) else {
            return String::new();
        };
        let left = explained.left_recipients();
        if left.unknown {
            return "; which of its recipients the relay had accepted is not known".to_owned();
        }
        if left.deferred.is_empty() {
            return String::new();
        }
        format!(
            "; the relay had deferred {}, so mark-sent sends it there by another delivery",
            self.recipients(&left.deferred)
        )
    }

    fn due(&self, delivery: &Delivery) -> (Tint, String, String) {
        let id = delivery.id;
        let relay = delivery.relay.as_ref().map_or("its relay", RelayName::as_str);
        let reason = WaitReason::of(delivery, &self.conditions, self.now).unwrap_or(WaitReason::Turn);
        match reason {
            WaitReason::TenantPaused(pause) => {
                let by = pause.map(|pause| format!(" by {}: {}", pause.paused_by, pause.reason)).unwrap_or_default();
                let tenant = quoted(self.tenant.as_str());
                let todo = format!("`tenants resume {tenant}` when its deliveries shall go");
                (Tint::Yellow, format!("its tenant is paused{by}"), todo)
            }
            WaitReason::Held(held) => {
                let todo = format!("when its cause is gone: `relays list` and release, or `deliveries send-now {id}`");
                (Tint::Yellow, format!("it is held: {held}"), todo)
            }
            WaitReason::RelayPaused(state) => {
                let by = state.paused_by.as_deref().unwrap_or("somebody");
                let todo = format!("`relays resume {relay}` when it shall send again");
                (Tint::Yellow, format!("the relay {relay} is paused: {by}"), todo)
            }
            WaitReason::RelayTried(state) => {
                let health = health(state).unwrap_or_default();
                let todo = "nothing; it goes on by itself".to_owned();
                (Tint::Yellow, format!("the relay {relay} is {health}"), todo)
            }
            WaitReason::RelayUnusable(state) => {
                let reason = health(state).unwrap_or_else(|| "it did not answer".to_owned());
                let todo = "mend the relay (`relays list`); it is tried again by itself".to_owned();
                (Tint::Yellow, format!("the relay {relay} is not usable: {reason}"), todo)
            }
            WaitReason::CredentialsRefused(refused) => {
                let todo = format!(
                    "correct user and password in the relay's URL, or mend the account and run `relays resume \
                     {relay}`; workers with other credentials send meanwhile"
                );
                (Tint::Yellow, format!("the relay {relay}: {}", credentials_refused(refused, self.now)), todo)
            }
            WaitReason::RelayUnserved(_) => {
                let todo = format!("start `invoice-dispatcher run` where the relay {relay} is configured");
                (Tint::Yellow, format!("no worker that knows the relay {relay} is at work"), todo)
            }
            WaitReason::Later(at) => {
                let stands = format!("sent over {relay} {}{}", relative(at, self.now), last_attempt(delivery));
                (Tint::Plain, stands, format!("wait, or `deliveries send-now {id}`"))
            }
            WaitReason::Turn => {
                let stands = format!("waits for its turn at {relay}{}", last_attempt(delivery));
                (Tint::Plain, stands, "nothing; a worker sends it".to_owned())
            }
        }
    }

    fn letter_todo(&self, delivery: &Delivery) -> String {
        let letter = self
            .explanation
            .dead_letters
            .iter()
            .rev()
            .find(|letter| letter.delivery == Some(delivery.id) && letter.state == DeadLetterState::Open);
        letter.map_or_else(|| delivery.class.map_or("", ReasonCode::hint).to_owned(), |letter| self.todo_of(letter))
    }

    /// How a discard is taken back.
    fn restore(&self, delivery: &Delivery) -> String {
        let letters = self.explanation.dead_letters.iter().rev();
        let mut discarded = letters.filter(|letter| letter.state == DeadLetterState::Discarded);
        discarded.find(|letter| letter.delivery == Some(delivery.id)).map_or_else(
            || "nothing, if that was meant".to_owned(),
            |letter| format!("nothing, if that was meant; `dead-letters restore {}` takes it back", letter.id),
        )
    }
}

/// How the last attempt of a due delivery ended, as the end of a sentence.
fn last_attempt(delivery: &Delivery) -> String {
    match (&delivery.class, &delivery.reason) {
        (Some(class), Some(reason)) => format!("; last time: {class}: {reason}"),
        (Some(class), None) => format!("; last time: {class}"),
        _ => String::new(),
    }
}
