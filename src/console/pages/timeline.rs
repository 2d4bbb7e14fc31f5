//! What happened to an invoice, entry by entry; the words are the page's.

use std::time::Duration;

use super::format::TimeTag;
use super::icon::Icon;
use super::note_text::note_text;
use crate::clock::Timestamp;
use crate::console::words::{ConsoleWords, TimelineWords};
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Concluded, Decision};
pub use crate::operator::invoice::timeline::{TimelineEntry, TimelineEvent};
use crate::operator::resend::LinkCause;
use crate::policy::decision::{PortalAccess, Reason};

/// An entry as the page shows it.
pub(super) struct TimelineView {
    pub(super) at: TimeTag,
    pub(super) icon: Icon,
    pub(super) class: &'static str,
    pub(super) title: String,
    /// Which of several mails.
    pub(super) mail: Option<String>,
    /// Sentences of ours.
    pub(super) lines: Vec<String>,
    /// Words of others: a relay's answer, a person's reason.
    pub(super) quote: Option<String>,
    pub(super) next: Option<TimeTag>,
    pub(super) took: Option<String>,
}

impl TimelineView {
    fn new(words: &ConsoleWords, entry: &TimelineEntry, icon: Icon, title: impl Into<String>) -> Self {
        Self {
            at: TimeTag(entry.at),
            icon,
            class: "",
            title: title.into(),
            mail: entry.delivery.map(words.timeline.mail),
            lines: Vec::new(),
            quote: None,
            next: None,
            took: None,
        }
    }

    fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    fn lines(mut self, lines: impl IntoIterator<Item = Option<String>>) -> Self {
        self.lines.extend(lines.into_iter().flatten());
        self
    }

    fn quote(mut self, quote: Option<&str>) -> Self {
        self.quote = quote.filter(|text| !text.is_empty()).map(str::to_owned);
        self
    }

    fn times(mut self, took: Option<Duration>, next: Option<Timestamp>) -> Self {
        self.took = took.map(duration);
        self.next = next.map(TimeTag);
        self
    }

    const fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }
}

pub(super) fn timeline_view(words: &ConsoleWords, entry: &TimelineEntry) -> TimelineView {
    let own = &words.timeline;
    let view = |icon, title: &str| TimelineView::new(words, entry, icon, title);
    let by = |who: &Option<String>| who.as_deref().map(own.resent_by);
    match &entry.event {
        TimelineEvent::Received { source, via, event_id, forgotten } => view(Icon::Inbox, own.received)
            .line((own.received_by)(via, source))
            .line(event_id.clone())
            .lines([forgotten.then(|| own.forgotten.to_owned())]),
        TimelineEvent::Waiting { class } => view(Icon::Clock, own.waiting).line((words.reasons.class)(*class)),
        TimelineEvent::Made { role, to } => {
            view(Icon::Mail, (own.made)(*role)).lines([(!to.is_empty()).then(|| (own.to)(&to.join(", ")))])
        }
        TimelineEvent::Resent { by: who, reason, to, to_unknown_address } => view(Icon::Send, own.resent)
            .lines([by(who), (!to.is_empty()).then(|| (own.to)(&to.join(", ")))])
            .lines([to_unknown_address.then(|| own.unknown_address.to_owned())])
            .quote(Some(reason)),
        TimelineEvent::Decided { decision, reason, link_cause, settings_version, access, method } => {
            let icon = if *decision == Decision::Attach { Icon::Paperclip } else { Icon::Link };
            view(icon, (own.decided)(*decision))
                .line(decision_reason(own, *reason, *link_cause))
                .lines([access.map(|access| asked(own, access, *method)), settings_version.map(own.by_settings)])
                .class("decision")
        }
        TimelineEvent::Attempted { number, relay, phase, class, code, reply, took, next_at } => {
            let icon = if *class == ReasonCode::Accepted { Icon::MailCheck } else { Icon::RefreshCw };
            let place: Vec<String> = std::iter::once((own.over)(relay))
                .chain(phase.as_deref().map(|phase| (own.at_phase)(&smtp_name(phase))))
                .collect();
            let answer: Vec<&str> = code.iter().chain(reply).map(String::as_str).collect();
            view(icon, &format!("{}{} {}", (own.attempt)(*number), words.frame.colon, (words.reasons.class)(*class)))
                .line(place.join(", "))
                .quote(Some(&answer.join(" ")))
                .times(*took, *next_at)
        }
        TimelineEvent::AttemptUnended { number } => {
            view(Icon::CircleAlert, &(own.attempt)(*number)).line(own.unended).class("bad")
        }
        TimelineEvent::Concluded { state, class } => concluded(words, entry, *state, *class),
        TimelineEvent::Noted { by: who, kind: Some(kind), reason, .. } => {
            view(Icon::Info, own.note).line((own.resent_by)(who)).line(note_text(words, kind)).quote(reason.as_deref())
        }
        TimelineEvent::Noted { by: who, text, kind: None, .. } => {
            view(Icon::Info, own.note).line((own.resent_by)(who)).quote(Some(text))
        }
        TimelineEvent::Acknowledged { by: who } => view(Icon::Check, own.acknowledged).line((own.resent_by)(who)),
        TimelineEvent::Portal { kind, detail, network } => view(portal_icon(*kind), (own.portal)(*kind))
            .lines([detail.clone(), network.clone()])
            .class(if *kind == PortalEventKind::Locked { "bad" } else { "" }),
        TimelineEvent::LinkRevoked { by: who, reason } => {
            view(Icon::Link2Off, own.link_revoked).lines([by(who)]).quote(reason.as_deref())
        }
        TimelineEvent::DeadLetter { class, reason } => view(Icon::CircleAlert, own.dead_letter)
            .line((words.reasons.class)(*class))
            .quote(Some(reason))
            .class("bad"),
        TimelineEvent::DeadLetterConcluded { by: who, note, redriven } => {
            let (icon, title) =
                if *redriven { (Icon::RefreshCw, own.redriven) } else { (Icon::Check, own.dead_letter_closed) };
            view(icon, title).lines([by(who)]).quote(note.as_deref())
        }
    }
}

/// Why documents are attached or not; the reason alone does not say who wanted a link.
pub(super) fn decision_reason(words: &TimelineWords, reason: Reason, link_cause: Option<LinkCause>) -> &'static str {
    match link_cause {
        Some(LinkCause::NewAddress) => words.link_by_default,
        Some(LinkCause::AskedFor) | None => (words.decision_reason)(reason),
    }
}

/// A phase of an attempt in SMTP's own words.
fn smtp_name(phase: &str) -> String {
    match phase {
        "tls" | "ehlo" | "auth" | "data" => phase.to_uppercase(),
        "mail" => "MAIL FROM".to_owned(),
        "rcpt" => "RCPT TO".to_owned(),
        other => other.replace('_', " "),
    }
}

/// What the portal asks, and by which method.
fn asked(words: &TimelineWords, access: PortalAccess, method: Option<VerificationMethod>) -> String {
    match method {
        Some(method) => {
            let sentence = (words.access)(access).trim_end_matches('.');
            format!("{sentence} ({}).", (words.method)(method))
        }
        None => (words.access)(access).to_owned(),
    }
}

fn concluded(words: &ConsoleWords, entry: &TimelineEntry, state: Concluded, class: Option<ReasonCode>) -> TimelineView {
    let (icon, tone) = match state {
        Concluded::Sent => (Icon::CircleCheck, "end"),
        Concluded::Cancelled | Concluded::Discarded => (Icon::Ban, "end"),
        Concluded::Rejected | Concluded::Dead | Concluded::Uncertain | Concluded::Expired => (Icon::CircleAlert, "bad"),
    };
    let class = class.filter(|class| *class != ReasonCode::Accepted);
    TimelineView::new(words, entry, icon, (words.timeline.concluded)(state))
        .lines([class.map(|class| (words.reasons.class)(class).to_owned())])
        .class(tone)
}

const fn portal_icon(kind: PortalEventKind) -> Icon {
    match kind {
        PortalEventKind::Opened => Icon::Eye,
        PortalEventKind::VerificationAsked | PortalEventKind::Locked => Icon::Lock,
        PortalEventKind::Verified => Icon::LockOpen,
        PortalEventKind::VerificationFailed => Icon::CircleAlert,
        PortalEventKind::Downloaded => Icon::Download,
        PortalEventKind::FreshLinkAsked => Icon::Mail,
    }
}

/// Milliseconds up to a second, then seconds with one decimal.
fn duration(took: Duration) -> String {
    let millis = took.as_millis();
    if millis < 1_000 {
        format!("{millis}\u{a0}ms")
    } else {
        format!("{}.{}\u{a0}s", millis / 1_000, millis % 1_000 / 100)
    }
}
