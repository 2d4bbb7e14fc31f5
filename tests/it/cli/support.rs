//! The binary on a database that a test has prepared, with nothing else in its environment.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::operator::samples::Support;

/// What the binary says about the support's database, from a folder of its own and without a person at the keyboard.
pub(crate) fn run(support: &Support, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    command(support, &folder, arguments).stdin(Stdio::null()).output().expect("the binary starts")
}

/// The binary on the support's database, from this folder.
pub(crate) fn command(support: &Support, folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_invoice-dispatcher"));
    command.args(arguments).env_clear().env("DATABASE_URL", &support.database.url).env("USER", "ada");
    command.current_dir(folder.path());
    command
}

/// What it prints when all is well.
pub(crate) fn printed(support: &Support, arguments: &[&str]) -> String {
    let output = run(support, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The JSON objects that it prints, one a line.
pub(crate) fn objects(support: &Support, arguments: &[&str]) -> Vec<Value> {
    let text = printed(support, &[arguments, &["--json"]].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

/// What it tells when something is wrong.
pub(crate) fn told(support: &Support, arguments: &[&str]) -> String {
    let output = run(support, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}
