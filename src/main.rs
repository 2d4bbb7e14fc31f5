//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One crypto stack for queue, database, relay and HTTP; otherwise the first connection would choose.
    rustls::crypto::ring::default_provider().install_default().expect("nothing else has installed a provider");
    invoice_dispatcher::cli::main()
}
