//! Before more than one thing is changed, the person at the keyboard is asked; without one, nothing is done.

use std::process::{Output, Stdio};

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;

use crate::cli::support::{command, told};
use crate::harness::database::TestDatabase;
use crate::harness::terminal::Terminal;
use crate::operator::samples::{Support, event};

const REDRIVE: [&str; 3] = ["dead-letters", "redrive", "--all"];

async fn two_dead_letters() -> Support {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    for id in ["1", "2"] {
        support.accept(&event(id)).await;
        support.die(ReasonCode::Refused).await;
    }
    support
}

/// What the command does for a person who types this, and what they see besides its results.
fn asked(support: &Support, arguments: &[&str], keys: &str) -> (Output, String) {
    let (mut terminal, folder) = (Terminal::new(), tempfile::tempdir().expect("a folder"));
    terminal.types(keys);
    let mut command = command(support, &folder, arguments);
    command.stdin(terminal.as_stdio()).stderr(terminal.as_stdio()).stdout(Stdio::piped());
    let output = command.output().expect("the binary starts");
    // It holds the program's side of the terminal, too.
    drop(command);
    (output, terminal.seen())
}

#[tokio::test]
async fn only_a_yes_is_a_yes() {
    let support = two_dead_letters().await;
    // The last is the end of input: there is no answer.
    for keys in ["n\n", "\n", "yes please\n", "\u{4}"] {
        let (output, seen) = asked(&support, &REDRIVE, keys);
        assert!(output.status.success(), "{keys:?}: {seen}");
        assert!(seen.contains("redrive 2 dead letters? [y/N] "), "{keys:?}: {seen}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "nothing was done\n");
        assert_eq!(support.letters().await, ["refused open"; 2], "{keys:?}");
    }
    let (output, seen) = asked(&support, &["dead-letters", "discard", "--all", "--reason", "test"], "Y\n");
    assert!(output.status.success() && seen.contains("discard 2 dead letters? [y/N] "), "{seen}");
    assert_eq!(support.letters().await, ["refused discarded"; 2]);
}

#[tokio::test]
async fn one_and_a_yes_on_the_command_line_need_no_question() {
    let support = two_dead_letters().await;
    let (output, seen) = asked(&support, &["dead-letters", "discard", "--all", "--reason", "test", "--yes"], "");
    assert!(output.status.success() && seen.is_empty(), "{seen}");
    assert_eq!(support.letters().await, ["refused discarded"; 2]);
}

#[tokio::test]
async fn where_nobody_is_to_be_asked_nothing_is_done() {
    let support = two_dead_letters().await;
    let without = told(&support, &REDRIVE);
    assert!(without.contains("standard input is not a terminal to ask on\n  what to do: "), "{without}");

    // A person types, but the question would go into a file.
    let (mut terminal, folder) = (Terminal::new(), tempfile::tempdir().expect("a folder"));
    terminal.types("y\n");
    let mut into_a_file = command(&support, &folder, &REDRIVE);
    let output = into_a_file.stdin(terminal.as_stdio()).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("standard input is not a terminal to ask on"),
        "{output:?}"
    );
    assert_eq!(support.letters().await, ["refused open"; 2]);
}

#[tokio::test]
async fn a_customer_is_erased_after_a_yes_only() {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let erase = ["customers", "erase", "--tenant", "acme", "--customer", "C-1", "--reason", "GDPR"];
    let named = "SELECT COUNT(*) FROM delivery WHERE customer_name = 'Käufer'";
    for (keys, left) in [("n\n", 1), ("y\n", 0)] {
        let (output, seen) = asked(&support, &erase, keys);
        assert!(output.status.success(), "{seen}");
        assert!(seen.contains("erase customer C-1 of acme for good, also from 1 delivery and 0 dead letters? [y/N] "));
        assert_eq!(support.database.number(named).await, left, "{keys:?}");
    }
}

#[tokio::test]
async fn who_decides_is_recorded() {
    let support = two_dead_letters().await;
    let discard = ["dead-letters", "discard", "--all", "--reason", "test", "--yes"];
    let (output, seen) = asked(&support, &[&discard[..], &["--as", "Ada of accounting"]].concat(), "");
    assert!(output.status.success(), "{seen}");
    let who = support.database.texts("SELECT DISTINCT concluded_by FROM dead_letter").await;
    assert_eq!(who, ["Ada of accounting (command line)"]);

    let support = two_dead_letters().await;
    asked(&support, &discard, "");
    let who = support.database.texts("SELECT DISTINCT concluded_by FROM dead_letter").await;
    assert!(who[0].starts_with("ada@") && who[0].ends_with(" (command line)"), "{who:?}");
}
