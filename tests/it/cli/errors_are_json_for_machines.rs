//! Under `--json` an error is one JSON object on standard error, and standard output stays empty.

use serde_json::Value;

use crate::cli::support::run;
use crate::harness::database::TestDatabase;
use crate::operator::samples::Support;

#[tokio::test]
async fn an_error_says_what_and_what_to_do() {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    let unknown = ["--json", "explain", "--tenant", "acme", "--invoice", "R-9"];
    let unreadable = ["--json", "deliveries", "cancel", "R-9", "--reason", "wrong"];
    for (arguments, code, error) in [
        (&unknown[..], 1, "nothing is known of invoice R-9 of acme"),
        (&unreadable[..], 2, "invalid value 'R-9' for '<ID>': write the id as `list` shows it"),
        (&["--json", "deliveries", "lisst"][..], 2, "unrecognized subcommand 'lisst'"),
    ] {
        let output = run(&support, arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stderr).expect("one JSON object");
        assert!(told["error"].as_str().is_some_and(|text| text.starts_with(error)), "{told}");
        assert!(told["what_to_do"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    }
}

#[tokio::test]
async fn help_stays_text() {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    let output = run(&support, &["--json", "deliveries", "--help"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: "), "{output:?}");
}
