//! Asking the person at the keyboard before something is done that cannot be taken back, or to many things at once.

use std::io::{self, IsTerminal, Write};

use crate::cli::error::Advise;

/// Asks whether to do `what` ("redrive 3 dead letters"). Where there is no terminal to ask it is an error, whose advice
/// says how to look first.
///
/// # Errors
/// If standard input or standard error is no terminal.
pub(in crate::cli) fn agrees(what: &str, look_first: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(anyhow::anyhow!("this would {what}, and standard input is not a terminal to ask on"))
            .what_to_do(format!("{look_first}, then say --yes"));
    }
    eprint!("{what}? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
