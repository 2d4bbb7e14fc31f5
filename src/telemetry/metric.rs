//! The name of every metric, once.
//!
//! Dashboards and alarms depend on names and labels. A tenant is never a label: there may be a hundred thousand.

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many times, in seconds.
    Histogram,
}

/// One metric, as dashboards know it.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: MetricKind,
    pub labels: &'static [&'static str],
    /// What it counts or measures, for people.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: &str = concat!("invoice_mail_", $name);
        )+

        /// Every metric.
        pub const ALL: &[Metric] = &[
            $(Metric { name: $constant, kind: MetricKind::$kind, labels: &[$($label),*], help: $help }),+
        ];
    };
}

metrics! {
    EVENTS_CONSUMED = Counter "events_consumed_total" ["source", "result"]
        "Events taken in, by who brought them (amqp, http, file) and what became of them.";
    ATTEMPTS = Counter "attempts_total" ["relay", "phase", "class"]
        "SMTP transactions, by the phase in which they ended and how.";
    ATTEMPT_SECONDS = Histogram "attempt_seconds" ["relay", "class"]
        "How long one SMTP transaction took.";
    END_TO_END_SECONDS = Histogram "end_to_end_seconds" ["decision"]
        "From taking the event in until the relay took the message.";
    DECISIONS = Counter "decisions_total" ["decision", "reason"]
        "Decisions to attach documents or to send a link, and why.";
    DELIVERIES = Gauge "deliveries" ["state"]
        "Deliveries in each state.";
    DUE_OLDEST_SECONDS = Gauge "due_oldest_seconds" ["relay"]
        "How long the delivery that waits longest has been due.";
    DEAD_LETTERS = Gauge "dead_letters" ["class"]
        "Open dead letters.";
    DEAD_LETTER_OLDEST_SECONDS = Gauge "dead_letter_oldest_seconds" []
        "Age of the oldest open dead letter.";
    UNCERTAIN = Gauge "uncertain" []
        "Deliveries that the relay may or may not have taken; a person must decide.";
    DUPLICATES_SUPPRESSED = Counter "duplicates_suppressed_total" ["reason"]
        "Events that were not sent because they had been before.";
    BREAKER_STATE = Gauge "breaker_state" ["relay"]
        "The relay's circuit breaker: 0 closed, 1 half open, 2 open, 3 paused by hand.";
    CREDENTIALS_REFUSED = Gauge "credentials_refused" ["relay"]
        "1 while the relay refuses this worker's credentials, else 0.";
    SENDER_HELD = Gauge "sender_held" ["relay"]
        "Senders whose deliveries are held because the relay refuses them.";
    AMQP_RECONNECTS = Counter "amqp_reconnects_total" ["reason"]
        "How often the connection to RabbitMQ was built anew, and why.";
    DEAD_LETTER_MIRROR = Counter "dead_letter_mirror_total" ["action"]
        "Messages of the dead-letter queue, by what was done with them.";
    DEAD_LETTER_PASS_REMAINING = Gauge "dead_letter_pass_remaining" []
        "Messages that the pass over the dead-letter queue has before it.";
    DEAD_LETTER_PASS_SECONDS = Histogram "dead_letter_pass_seconds" []
        "How long a pass over the dead-letter queue took.";
    OUTBOX_OLDEST_SECONDS = Gauge "outbox_oldest_seconds" []
        "How long the dead letter or outcome that waits longest for RabbitMQ has been in the outbox.";
    API_UNAUTHORISED = Counter "api_unauthorised_total" []
        "Requests to the API without a token, or with a wrong one.";
    SIGN_INS = Counter "sign_ins_total" ["result"]
        "Tries to sign in to the console: `signed_in`, `code_asked` (the password was right), failed, limited, busy.";
    PORTAL_EVENTS = Counter "portal_events_total" ["kind"]
        "What visitors of the customer portal did: links opened, verifications, documents read (once in 10 minutes), …";
    PORTAL_FRESH_LINKS = Counter "portal_fresh_links_total" ["result"]
        "Fresh links that were asked for: sent, refused, or too many of one network.";
    PORTAL_LINKS_REVOKED = Counter "portal_links_revoked_total" []
        "Links that were revoked over the API.";
    DATABASE_STATEMENTS = Counter "database_statements_total" []
        "Statements, begins and ends of transactions that this process sent to the database.";
    WORKER_HEARTBEAT_AGE_SECONDS = Gauge "worker_heartbeat_age_seconds" []
        "Time since this worker's last heartbeat in the database.";
    PORTAL_VERIFICATIONS = Counter "portal_verifications_total" ["method", "result"]
        "Answers to verifications in the portal: passed, failed, or not compared: locked, or too many of a network.";
    SMS = Counter "sms_total" ["result"]
        "Text messages, by what became of them: sent, refused, failed, unanswered, down (not tried), limited.";
    SMS_PUMPING = Counter "sms_pumping_total" []
        "Text messages that went out although few of the tenant's codes are entered: somebody may be earning from them.";
    PANICS = Counter "panics_total" ["loop"]
        "Loops that panicked and began anew.";
    BUILD_INFO = Gauge "build_info" ["version"]
        "Always 1; its label is the version.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(metric.kind != MetricKind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
            assert!(!metric.labels.contains(&"tenant"), "{}", metric.name);
        }
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
