//! The story of one invoice, as support reads it: where it stands and what to do, then all that happened, in order.

use std::collections::BTreeSet;

use crate::cli::lookup::which_invoice::quoted;
use crate::cli::terminal::format::{moment, recipients, recipients_whole, relative, size, why};
use crate::cli::terminal::output::Output;
use crate::cli::terminal::report::{TextReport, Tint};
use crate::cli::views::relay_health::{credentials_refused, health};
use crate::clock::Timestamp;
use crate::compose::Attachment;
use crate::event::Recipient;
use crate::intake::EVENT_RECIPIENTS_HINT;
use crate::model::ids::{EventKey, RelayName, TenantId};
use crate::model::reason::ReasonCode;
use crate::model::state::{
    BreakerState, Concluded, DeadLetterState, Decision, DeliveryRole, DeliveryState, EventState,
};
use crate::store::{
    DeadLetter, Delivery, ExplainedAttempt, ExplainedDelivery, ExplainedEvent, ExplainedLink, Explanation,
    NumberedInvoice, RefusedCredentials, RelayState,
};
use crate::telemetry::AddressMask;

/// The widest name of a fact.
const INDENT: usize = 15;
/// The width of a moment.
const TIME_INDENT: usize = 24;

/// Of a dead letter whose bytes could not be read as an event.
const CLAIMED: &str = "; tenant and number are what it claims";
/// Neither a redrive nor a resend can help: both are refused.
const FORGOTTEN: &str = "the event's bytes have been deleted (retention or erasure): publish the invoice again under a new event id, if it shall be sent";

/// Everything that is known of one invoice, and how it is to be told.
pub(in crate::cli) struct Timeline {
    pub(in crate::cli) tenant: TenantId,
    /// As the person named it.
    pub(in crate::cli) invoice: String,
    /// The same number, as no more than events claim it.
    pub(in crate::cli) strays: Vec<NumberedInvoice>,
    pub(in crate::cli) explanation: Explanation,
    pub(in crate::cli) relays: Vec<RelayState>,
    /// Credentials that relays refuse.
    pub(in crate::cli) refused: Vec<RefusedCredentials>,
    /// Relays that mail waits for and no worker at work knows.
    pub(in crate::cli) unserved: BTreeSet<RelayName>,
    /// Addresses are shown whole.
    pub(in crate::cli) addresses: bool,
    pub(in crate::cli) now: Timestamp,
}

/// Where the invoice stands, and what a person does about it.
pub(in crate::cli) struct ShownState {
    pub(in crate::cli) word: &'static str,
    tint: Tint,
    pub(in crate::cli) means: String,
    pub(in crate::cli) todo: String,
}

impl Timeline {
    /// For people.
    pub(in crate::cli) fn text(&self, output: Output) -> String {
        let mut report = TextReport::new(output);
        let standing = self.standing();
        report.headline(&format!("{} of {}: {}", self.named(), self.tenant, standing.word));
        report.gap();
        report.line("now", standing.tint, INDENT, &standing.means);
        report.fact("what to do", INDENT, &standing.todo);
        for stray in &self.strays {
            report.fact("claimed too", INDENT, &claimed_too(stray));
        }
        report.gap();
        report.headline("What happened");
        for (at, text) in self.happenings() {
            report.fact(&moment(at), TIME_INDENT, &text);
        }
        for (index, delivery) in self.explanation.deliveries.iter().enumerate() {
            self.add_delivery(&mut report, index, delivery);
        }
        for letter in &self.explanation.dead_letters {
            self.add_dead_letter(&mut report, letter);
        }
        self.masked(report.finish())
    }

    /// A text of ours or of an operator's without the recipients.
    pub(in crate::cli) fn masked(&self, text: String) -> String {
        if self.addresses { text } else { self.mask().text(&text) }
    }

    /// A relay's words, without whomever they name.
    pub(in crate::cli) fn masked_reply(&self, words: &str) -> String {
        if self.addresses { words.to_owned() } else { self.mask().reply(words) }
    }

    fn mask(&self) -> AddressMask {
        let deliveries = self.explanation.deliveries.iter();
        let recipients = deliveries.flat_map(|explained| &explained.delivery.recipients);
        AddressMask::of(recipients.map(|recipient| recipient.address.as_str()))
    }

    pub(in crate::cli) fn number(&self) -> &str {
        let delivery = self.explanation.deliveries.first();
        delivery.map_or(&self.invoice, |explained| &explained.delivery.invoice.number)
    }

    /// Its number, and its kind where that is known.
    fn named(&self) -> String {
        match self.newest() {
            Some(newest) => format!("{} {}", newest.invoice.kind.label(), self.number()),
            None => self.number().to_owned(),
        }
    }

    /// The delivery that the invoice's state is: the newest main one that nothing took the place of.
    fn newest(&self) -> Option<&Delivery> {
        let mains = self.explanation.deliveries.iter().map(|explained| &explained.delivery);
        let mains = mains.filter(|delivery| delivery.role == DeliveryRole::Main);
        let is_aside =
            |delivery: &Delivery| matches!(delivery.class, Some(ReasonCode::Superseded | ReasonCode::DuplicateInvoice));
        mains.max_by_key(|delivery| (!is_aside(delivery), delivery.created_at, delivery.id.0))
    }

    pub(in crate::cli) fn standing(&self) -> ShownState {
        if let Some(delivery) = self.newest() {
            return self.standing_of(delivery);
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
        self.explanation.events.iter().any(|known| known.key == event && !known.has_body)
    }

    /// What to do about an open dead letter; a command only if it is one that is not refused.
    fn todo_of(&self, letter: &DeadLetter) -> String {
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

    fn standing_of(&self, delivery: &Delivery) -> ShownState {
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
        let now_todo = format!("wait, or `deliveries send-now {}`", delivery.id);
        if let Some(held) = &delivery.held {
            let todo =
                format!("when its cause is gone: `relays list` and release, or `deliveries send-now {}`", delivery.id);
            return (Tint::Yellow, format!("it is held: {held}"), todo);
        }
        let relay = delivery.relay.as_ref().map_or("its relay", RelayName::as_str);
        let state = self.relays.iter().find(|state| Some(&state.relay) == delivery.relay.as_ref());
        if let Some(state) = state.filter(|state| state.paused) {
            let by = state.paused_by.as_deref().unwrap_or("somebody");
            let todo = format!("`relays resume {relay}` when it shall send again");
            return (Tint::Yellow, format!("the relay {relay} is paused: {by}"), todo);
        }
        if let Some(state) = state.filter(|state| state.breaker == BreakerState::HalfOpen) {
            let health = health(state).unwrap_or_default();
            return (
                Tint::Yellow,
                format!("the relay {relay} is {health}"),
                "nothing; it goes on by itself".to_owned(),
            );
        }
        if let Some(state) = state.filter(|state| state.breaker == BreakerState::Open) {
            let reason = health(state).unwrap_or_else(|| "it did not answer".to_owned());
            let todo = "mend the relay (`relays list`); it is tried again by itself".to_owned();
            return (Tint::Yellow, format!("the relay {relay} is not usable: {reason}"), todo);
        }
        let mut refused = self.refused.iter().filter(|refused| Some(&refused.relay) == delivery.relay.as_ref());
        if let Some(refused) = refused.find(|refused| refused.are_in_use(self.now)) {
            let todo = format!(
                "correct user and password in the relay's URL, or mend the account and run `relays resume {relay}`; \
                 workers with other credentials send meanwhile"
            );
            let stands = format!("the relay {relay}: {}", credentials_refused(refused, self.now));
            return (Tint::Yellow, stands, todo);
        }
        if delivery.relay.as_ref().is_some_and(|relay| self.unserved.contains(relay)) {
            let todo = format!("start `invoice-dispatcher run` where the relay {relay} is configured");
            return (Tint::Yellow, format!("no worker that knows the relay {relay} is at work"), todo);
        }
        let last = match (&delivery.class, &delivery.reason) {
            (Some(class), Some(reason)) => format!("; last time: {class}: {reason}"),
            (Some(class), None) => format!("; last time: {class}"),
            _ => String::new(),
        };
        match delivery.due_at {
            Some(at) if at > self.now => {
                (Tint::Plain, format!("sent over {relay} {}{last}", relative(at, self.now)), now_todo)
            }
            _ => (Tint::Plain, format!("waits for its turn at {relay}{last}"), "nothing; a worker sends it".to_owned()),
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

    /// Everything in the order in which it happened.
    fn happenings(&self) -> Vec<(Timestamp, String)> {
        let many = self.explanation.deliveries.len() > 1;
        let mut all: Vec<(Timestamp, String)> = self.explanation.events.iter().map(received).collect();
        for (index, explained) in self.explanation.deliveries.iter().enumerate() {
            let which = if many { format!("[{}] ", index + 1) } else { String::new() };
            let delivery = &explained.delivery;
            let to = self.recipients(&delivery.recipients);
            all.push((delivery.created_at, format!("{which}{} to {to}", made(delivery))));
            let tries = explained.attempts.iter().zip(1..);
            let tries = tries.map(|(attempt, number)| (attempt.ended_at, self.tried(attempt, number)));
            let notes = explained.notes.iter().map(|note| (note.at, format!("{}: {}", note.who, note.what)));
            all.extend(tries.chain(notes).map(|(at, text)| (at, format!("{which}{text}"))));
            if let (Some(at), Some(text)) = (delivery.concluded_at, unended(explained)) {
                all.push((at, format!("{which}{text}")));
            }
            if let (Some(at), DeliveryState::Concluded(concluded)) = (delivery.concluded_at, delivery.state) {
                all.push((at, format!("{which}{}", ended(delivery, concluded))));
            }
        }
        for letter in self.explanation.dead_letters.iter().filter(|letter| letter.delivery.is_none()) {
            all.push((letter.last_failed_at, format!("dead letter {}: {}", letter.class, letter.reason)));
            all.extend(letter.concluded_at.map(|at| (at, concluded(letter))));
        }
        // What happened at one moment stays in the order of its causes.
        all.sort_by_key(|(at, _)| *at);
        all
    }

    fn add_delivery(&self, report: &mut TextReport, index: usize, explained: &ExplainedDelivery) {
        let delivery = &explained.delivery;
        report.gap();
        let role = match delivery.role {
            DeliveryRole::Main if delivery.resend_of.is_some() => "resend",
            DeliveryRole::Main => "mail",
            DeliveryRole::Bcc => "Bcc mail",
            DeliveryRole::Rest => "rest of the recipients",
        };
        report.headline(&format!("[{}] {role}, {}: {}", index + 1, delivery.invoice.kind.label(), delivery.state));
        report.fact("delivery", INDENT, &delivery.id.to_string());
        report.fact("to", INDENT, &self.recipients(&delivery.recipients));
        if let (Some(decision), Some(reason)) = (delivery.decision, delivery.decision_reason) {
            report.fact("decision", INDENT, &format!("{decision}: {}", why(reason)));
        }
        let attachments: Vec<Attachment> =
            delivery.attachments.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        for attachment in attachments {
            let Attachment { name, media_type, size: bytes, .. } = attachment;
            report.fact("attached", INDENT, &format!("{name}  {media_type}, {}", size(bytes)));
        }
        if let Some(id) = &delivery.message_id {
            report.fact("Message-ID", INDENT, &format!("<{id}>"));
        }
        if let Some(date) = delivery.message_date {
            report.fact("Date", INDENT, &moment(date));
        }
        if let Some(digest) = &delivery.message_sha256 {
            report.fact("SHA-256", INDENT, &digest.to_string());
        }
        for link in &explained.links {
            let stands = match link.revoked_at {
                Some(at) => revoked(link, &relative(at, self.now)),
                None if link.expires_at <= self.now => format!("expired {}", relative(link.expires_at, self.now)),
                None => format!("works until {}", moment(link.expires_at)),
            };
            let Ok(generation) = usize::try_from(link.generation) else { continue };
            let which = if generation == 0 { String::new() } else { format!("number {}, ", generation + 1) };
            report.fact("portal link", INDENT, &format!("{which}{stands}"));
        }
    }

    fn add_dead_letter(&self, report: &mut TextReport, letter: &DeadLetter) {
        report.gap();
        report.headline(&format!("dead letter, {}", letter.state));
        report.fact("id", INDENT, &letter.id.to_string());
        report.fact("why", INDENT, &format!("{}: {}", letter.class, letter.reason));
        if letter.is_claimed() {
            report.fact(
                "found by",
                INDENT,
                "tenant and number that the event claims; it could not be read as an event",
            );
        }
        if letter.state == DeadLetterState::Open {
            report.fact("what to do", INDENT, &self.todo_of(letter));
        } else {
            report.fact("concluded", INDENT, &concluded(letter));
        }
    }

    /// `number` counts the attempts of its delivery, as lists and dead letters count them.
    fn tried(&self, attempt: &ExplainedAttempt, number: usize) -> String {
        let decision = attempt.decision.map(|decision| format!(" with {}", said(decision))).unwrap_or_default();
        let phase = attempt.phase.map(|phase| format!(" at {phase}")).unwrap_or_default();
        let reply = attempt.reply.as_deref().map(|reply| self.masked_reply(reply));
        let answer: Vec<&str> = attempt.code.iter().chain(&reply).map(String::as_str).collect();
        let answer = if answer.is_empty() { String::new() } else { format!(": {}", answer.join(" ")) };
        let besides =
            if attempt.refused.is_some() { "; some recipients were not accepted (--json names them)" } else { "" };
        format!("attempt {number} over {}{decision}: {}{phase}{answer}{besides}", attempt.relay, attempt.class)
    }

    fn recipients(&self, list: &[Recipient]) -> String {
        if self.addresses { recipients_whole(list) } else { recipients(list) }
    }
}

/// The attempt whose end was not recorded, if there is one.
fn unended(explained: &ExplainedDelivery) -> Option<String> {
    let ExplainedDelivery { delivery, attempts, .. } = explained;
    let is_listed = attempts.iter().any(|attempt| attempt.claim == delivery.claim);
    let phase = delivery.phase.filter(|_| !is_listed)?;
    Some(format!("attempt {} had begun {phase}; its worker ended before it told how that ended", attempts.len() + 1))
}

/// Another event that claims the same number.
fn claimed_too(stray: &NumberedInvoice) -> String {
    let NumberedInvoice { tenant, number, tenant_is_known, .. } = stray;
    let (what, which) =
        if *tenant_is_known { ("an event that could not be read", "") } else { ("an event", ", which is not known") };
    let (tenant, number) = (quoted(tenant.as_str()), quoted(number));
    format!("{what} claims this number of the tenant {tenant}{which}: `explain --tenant {tenant} --invoice {number}`")
}

fn received(event: &ExplainedEvent) -> (Timestamp, String) {
    let forgotten = if event.has_body { "" } else { "; its bytes have been deleted" };
    let text = format!(
        "event {} came from {} by {}, {}{forgotten}",
        event.id,
        event.source,
        event.via,
        event.invoice.kind.label()
    );
    (event.received_at, text)
}

fn made(delivery: &Delivery) -> String {
    match (&delivery.resend_reason, delivery.role) {
        (Some(reason), _) => format!("resent ({reason})"),
        (None, DeliveryRole::Main) => "a delivery was created".to_owned(),
        (None, DeliveryRole::Bcc) => "a Bcc delivery was created".to_owned(),
        (None, DeliveryRole::Rest) => "a delivery for the remaining recipients was created".to_owned(),
    }
}

const fn said(decision: Decision) -> &'static str {
    match decision {
        Decision::Attach => "documents",
        Decision::Link => "a link",
    }
}

fn ended(delivery: &Delivery, concluded: Concluded) -> String {
    match delivery.class {
        Some(class) if class != ReasonCode::Accepted => format!("{concluded} ({class})"),
        _ => concluded.to_string(),
    }
}

/// A link that was revoked `when`: by whom and why, as far as that is known.
fn revoked(link: &ExplainedLink, when: &str) -> String {
    let by = link.revoked_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let why = link.revoke_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("revoked {when}{by}{why}")
}

fn concluded(letter: &DeadLetter) -> String {
    let who = letter.concluded_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let note = letter.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("dead letter {} {}{who}{note}", letter.class, letter.state)
}
