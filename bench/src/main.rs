//! Measures how fast the dispatcher sends: the real worker between a real broker, database and relay, beside the relay's
//! own limit.
//!
//! Events are published, a worker process sends them, and what it took is read from its records and from the system's
//! accounting of its process. Nothing is switched off for it: the same durability, the same checks, the same log. It
//! lives in an [`Environment`](environment::Environment) of its own: database, queues and folder are made for the run and
//! removed after it.

mod database;
mod environment;
mod run;
mod sink_limit;
mod statistics;
mod usage;
mod worker_process;
mod workload;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::{documents, telemetry};

use run::Load;
use statistics::{Percentiles, Statistics};

/// Measures how fast invoice-dispatcher sends on this machine, beside the limit of the mail sink itself.
///
/// Publishes invented invoices, sends them with the real worker to a sink on this machine (Postfix's smtp-sink, say), and
/// prints what it took. Takes the broker, the database server and the sink as `AMQP_URL`, `DATABASE_URL` and `SMTP_URL`
/// name them, and works in a database, queues and a folder of its own, which it removes afterwards. Without `AMQP_URL`
/// events come over HTTP, without `DATABASE_URL` the database is embedded. Nothing is switched off for it.
///
/// `smtp-source`, if it is installed, then sends messages of the same size over as many connections: what the sink
/// itself takes.
#[derive(Debug, Parser)]
#[command(
    name = "invoice-dispatcher-bench",
    version,
    after_help = "Example:
  smtp-sink 127.0.0.1:2525 1000 &
  export SMTP_URL=smtp://127.0.0.1:2525
  invoice-dispatcher-bench --events 2000

scripts/bench starts private servers and runs the standard matrix."
)]
struct Args {
    /// How many invoices are sent at once
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    events: u32,
    /// How many of a hundred mails carry a link in place of documents
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    links: u8,
    /// About how many bytes a mail with documents has on the wire
    #[arg(long, value_name = "BYTES", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(12_000..=20_000_000))]
    size: u64,
    /// Connections to the sink
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: u32,
    /// How many invoices are sent one by one afterwards, on an idle system
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    singles: u32,
    /// How many deliveries have ended before the run begins
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    past: u32,
    /// Do not measure the sink's own limit
    #[arg(long)]
    no_limit: bool,
    /// Print one JSON object in place of lines
    #[arg(long)]
    json: bool,
    /// The program that is measured [default: `invoice-dispatcher` beside this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(args: Args) -> anyhow::Result<()> {
    documents::install_crypto_provider();
    let mut config = Config::load(None, true)?;
    "error".clone_into(&mut config.log.filter);
    telemetry::start_logging(&config.log);
    let program = match args.program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("invoice-dispatcher"),
    };
    let program = program.canonicalize().with_context(|| {
        format!("{} is not there; build it (cargo build --profile dist), or name it by --program", program.display())
    })?;
    let load = Load {
        events: args.events,
        links_percent: args.links,
        message_bytes: args.size,
        connections: args.connections,
        singles: args.singles,
        past: args.past,
        sink_limit: !args.no_limit,
    };
    let figures = run::run(&config, &program, load, |step| {
        if !args.json {
            eprintln!("  {step}");
        }
    })
    .await?;
    println!("{}", if args.json { serde_json::to_string(&figures)? } else { report(&figures) });
    Ok(())
}

/// The figures for people, one a line.
fn report(figures: &Statistics) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, "{name:<28} {value}").expect("a String takes any text");
    };
    let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "not measured".to_owned());
    let times = |times: Option<Percentiles>| {
        or_unknown(times.map(|t| format!("p50 {} ms, p95 {} ms, p99 {} ms", t.p50_ms, t.p95_ms, t.p99_ms)))
    };
    let Statistics { mails, links, message_bytes, connections, database, events_by, .. } = *figures;
    line("sent", format!("{mails} mails, {links} of them with a link, {message_bytes} bytes each"));
    line("by", format!("{connections} connections; events by {events_by}, database {database}"));
    if figures.finished_before > 0 {
        line("beside", format!("{} deliveries that had ended before", figures.finished_before));
    }
    line("in", format!("{:.2} s", figures.seconds));
    line("mails", format!("{:.0}/s, {:.1} MB/s", figures.mails_per_second, figures.megabytes_per_second));
    line("the sink's own limit", or_unknown(figures.sink_limit_per_second.map(|limit| format!("{limit:.0}/s"))));
    line("part of that limit", or_unknown(figures.of_sink_limit.map(|part| format!("{part:.2}"))));
    line("event taken in to 250", times(figures.event_to_250));
    line("SMTP transaction", times(figures.attempt));
    line("one mail, idle system", times(figures.single));
    line(
        "worker's CPU for 1,000 mails",
        or_unknown(figures.cpu_seconds_per_1000.map(|seconds| format!("{seconds:.3} s"))),
    );
    line("worker's peak memory", or_unknown(figures.resident_megabytes_max.map(|size| format!("{size:.1} MB"))));
    line("database round trips a mail", or_unknown(figures.statements_per_mail.map(|count| format!("{count:.2}"))));
    text.trim_end().to_owned()
}
