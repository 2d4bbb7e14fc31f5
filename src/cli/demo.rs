//! `demo`: everything at work on this machine, without any server.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::Globals;
use crate::demo::report::{self, TableStyle};
use crate::demo::run::Demo;
use crate::telemetry::{Log, LogFormat};
use crate::{lifecycle, telemetry};

/// Run everything on this machine with sample invoices, without any server
///
/// Sends sample invoices of three tenants, one for each policy, to a mail catcher of its own, then shows a table of
/// what became of each and where to look. Uses a folder of its own and nothing else: no address in the configuration or
/// the environment is contacted, and no mail leaves the machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher demo
  invoice-dispatcher demo --once --json --data /tmp/demo")]
pub struct DemoArgs {
    /// End when every invoice has concluded; else stay, so that the mails can be looked at
    #[arg(long)]
    pub once: bool,
    /// The folder that the demo lives in; mails are in its folder `mail`
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    pub data: PathBuf,
}

/// Does what the command line says.
pub async fn run(args: DemoArgs, globals: &Globals) -> anyhow::Result<()> {
    // Refusals and broken events are what the demo shows; its table shows them, not the log.
    telemetry::start_logging(&Log { filter: "error".to_owned(), format: LogFormat::Human });
    let output = globals.output();
    let signal = lifecycle::drain_on_signal()?;
    // Ends when a signal says so, and when the demo is over.
    let stop = signal.child_token();
    let demo = Demo::start(&args.data, stop).await?;
    let shown = show(&demo, &args, output.is_json(), &signal).await;
    demo.end().await?;
    shown
}

async fn show(demo: &Demo, args: &DemoArgs, json: bool, signal: &CancellationToken) -> anyhow::Result<()> {
    let shown = signal.run_until_cancelled(async {
        let verdicts = demo.publish(|event, _| progress(json, event.label, event.expect)).await?;
        demo.concluded().await?;
        let (rows, place) = demo.report(&verdicts, !args.once).await?;
        if json {
            print!("{}", report::json_lines(&rows)?);
        } else {
            print!("\n{}", report::human(&rows, TableStyle::of_stdout(), &place));
        }
        anyhow::Ok(())
    });
    if let Some(shown) = shown.await {
        shown?;
        if !args.once {
            eprintln!("\nCtrl-C ends the demo.");
            signal.cancelled().await;
        }
    }
    Ok(())
}

/// One line for each event as it is published, beside the results.
fn progress(json: bool, label: &str, expect: &str) {
    if !json {
        println!("  published  {label:<38} {expect}");
    }
}
