//! What can be observed of the process: log lines and metrics.

mod log;
pub mod metric;
pub mod span;

mod address_mask;
mod escape;
mod logged_id;
mod mask;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

pub use address_mask::AddressMask;
pub(crate) use escape::write_safe_json;
pub use log::{Log, LogFormat};
pub use logged_id::LoggedId;
pub use mask::Masked;
use metric::MetricKind;

/// Libraries that log what we log ourselves, in less detail; and lapin, which writes returned messages whole,
/// with the addresses in them. Naming one in the filter enables it all the same.
const QUIET: &str = "lapin=off,sqlx=error";

/// Starts writing log lines to standard error; once per process, later calls change nothing.
pub fn start_logging(log: &Log) {
    let colour = io::stderr().is_terminal() && colour_is_wanted();
    let _ = tracing::subscriber::set_global_default(subscriber(log, colour, io::stderr));
}

/// Whether colours and bold may be used where a terminal shows them: not if `NO_COLOR` has any value
/// (<https://no-color.org>).
#[must_use]
pub fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

type BoxedSubscriber = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(log: &Log, colour: bool, writer: W) -> BoxedSubscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{}", log.filter));
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    match log.format {
        LogFormat::Human => {
            let lines = lines.with_writer(writer).fmt_fields(escape::SafeFields);
            Box::new(lines.with_ansi(colour).with_target(false).finish())
        }
        LogFormat::Json => Box::new(lines.with_writer(escape::SafeJson(writer)).json().flatten_event(true).finish()),
    }
}

/// Upper bounds, in seconds, of one SMTP transaction: up to the ten minutes that a final dot may take.
const ATTEMPT_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];

/// Upper bounds, in seconds, from event to relay: up to the whole retry schedule.
const END_TO_END_BUCKETS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 57_600.0];

/// The process's metrics, to be rendered.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects metrics from now on; once per process, later calls return the same.
    #[must_use]
    pub fn install() -> Self {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let recorder = builder().build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).expect("only this installs a recorder");
            describe();
            handle
        });
        Self(handle.clone())
    }

    /// Every metric, in the Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps histograms small until `end`: they hold every single value until upkeep, scraped or not.
    pub async fn keep_up(self, end: CancellationToken) {
        const EVERY: Duration = Duration::from_secs(5);
        while end.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn builder() -> PrometheusBuilder {
    let buckets = [(metric::ATTEMPT_SECONDS, ATTEMPT_BUCKETS), (metric::END_TO_END_SECONDS, END_TO_END_BUCKETS)];
    buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds).expect("the bounds are not empty")
    })
}

/// Tells the recorder what each metric means, and the build.
fn describe() {
    for metric in metric::ALL {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    metrics::gauge!(metric::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct LineWriter(Arc<Mutex<Vec<u8>>>);

    impl io::Write for LineWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        lines(format, filter, false, || {
            tracing::info!(invoice.number = "R-1", "invoice R-1 went to {}", Masked("ap@customer.example"));
            tracing::debug!("too much");
        })
    }

    /// What `work` logs.
    fn lines(format: LogFormat, filter: &str, colour: bool, work: impl FnOnce()) -> String {
        let lines = LineWriter::default();
        let writer = lines.clone();
        let log = Log { filter: filter.to_owned(), format };
        tracing::subscriber::with_default(subscriber(&log, colour, move || writer.clone()), work);
        let bytes = lines.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn people_read_sentences_and_machines_read_json() {
        let human = logged(LogFormat::Human, "info");
        assert!(human.contains("INFO invoice R-1 went to a***@customer.example invoice.number=\"R-1\""), "{human}");
        assert!(!human.contains("too much") && !human.contains('\u{1b}'), "{human}");

        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, "info")).expect("one object");
        assert_eq!(json["message"], "invoice R-1 went to a***@customer.example");
        assert_eq!((&json["invoice.number"], &json["level"]), (&"R-1".into(), &"INFO".into()));
        assert_eq!(logged(LogFormat::Json, "error"), "");
    }

    #[test]
    fn no_value_can_forge_a_line_or_steer_a_terminal() {
        let number = "R-1\n2026-11-23T09:30:00Z ERROR forged\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{2028}";
        for (format, colour) in [(LogFormat::Human, false), (LogFormat::Human, true), (LogFormat::Json, false)] {
            let text = lines(format, "info", colour, || {
                let span = tracing::info_span!("attempt", invoice.number = %number).entered();
                tracing::info!(text = number, shown = %number, debug = ?number, "invoice {number} went out");
                drop(span);
            });
            assert_eq!(text.lines().count(), 1, "{text:?}");
            // Our own colours begin with ESC and end with m; nothing of theirs survives.
            let plain = text.trim_end().replace("\u{1b}[", "").replace("\\u{1b}[2J", "");
            assert!(!plain.contains(crate::clean::is_unsafe), "{plain:?}");
            assert!(text.contains("forged"), "{text}");
            if format == LogFormat::Json {
                let json: serde_json::Value = serde_json::from_str(&text).expect("one object");
                assert_eq!((&json["text"], &json["shown"]), (&number.into(), &number.into()));
            }
        }
    }

    #[test]
    fn spans_are_made_only_where_the_filter_asks_for_them() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let logged = |filter, asked: &std::cell::Cell<bool>| {
            lines(LogFormat::Json, filter, false, || {
                let traceparent = || {
                    asked.set(true);
                    Some(parent.to_owned())
                };
                let span = span::attempt("01a2", ("acme", "R-1"), "default", 2, traceparent);
                span.in_scope(|| tracing::info!("invoice R-1 of acme sent"));
            })
        };
        let asked = std::cell::Cell::new(false);
        let line: serde_json::Value = serde_json::from_str(&logged("info,span=debug", &asked)).expect("one object");
        assert_eq!((&line["span"]["traceparent"], &line["span"]["attempt"]), (&parent.into(), &2.into()));
        assert_eq!(line["span"]["invoice.number"], "R-1");
        let asked = std::cell::Cell::new(false);
        let line: serde_json::Value = serde_json::from_str(&logged("info", &asked)).expect("one object");
        assert_eq!((line["span"].is_null(), asked.get()), (true, false), "the event's body is not read for nothing");
    }

    #[test]
    fn spans_mask_addresses_in_numbers_and_ids() {
        let text = lines(LogFormat::Json, "info,span=debug", false, || {
            let number = "R-1 erika.muster@home.example";
            let attempt = span::attempt("01a2", ("erika.muster@home.example", number), "default", 1, || None);
            attempt.in_scope(|| {
                let event = span::event("urn:erika.muster@home.example:1", "urn:billing", None);
                event.in_scope(|| tracing::info!("sent"));
            });
        });
        assert!(text.contains("R-1 e***@home.example") && !text.contains("muster"), "{text}");
    }

    #[test]
    fn what_is_recorded_is_rendered_with_its_meaning() {
        let recorder = builder().build_recorder();
        let rendered = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::counter!(metric::EVENTS_CONSUMED, "source" => "amqp", "result" => "accepted").increment(2);
            metrics::histogram!(metric::ATTEMPT_SECONDS, "relay" => "default", "class" => "accepted").record(0.02);
        });
        let text = rendered.render();
        let expected = [
            "# HELP invoice_mail_events_consumed_total Events taken in",
            "# TYPE invoice_mail_events_consumed_total counter",
            "invoice_mail_events_consumed_total{source=\"amqp\",result=\"accepted\"} 2",
            "invoice_mail_attempt_seconds_bucket{relay=\"default\",class=\"accepted\",le=\"0.01\"} 0",
            "invoice_mail_attempt_seconds_bucket{relay=\"default\",class=\"accepted\",le=\"0.025\"} 1",
            concat!("invoice_mail_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ];
        for line in expected {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn metrics_are_installed_once_whoever_asks() {
        assert!(Metrics::install().render().contains("invoice_mail_build_info"));
        assert!(Metrics::install().render().contains("invoice_mail_build_info"));
    }
}
