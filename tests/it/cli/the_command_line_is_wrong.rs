//! What the binary itself says when it cannot start: on standard error, at once, without secrets.

use std::path::Path;
use std::process::{Command, Output};

/// The binary in `folder`, with these variables and no others.
fn dispatcher(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_invoice-dispatcher"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder)
        .output()
        .expect("the binary starts")
}

/// Arguments, environment, and what is told.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn every_fault_of_the_configuration_is_reported_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [
        ("AMQP_URL", "amqp://dora:hunter2@mq.example/%2f"),
        ("SMTP_URL", "smtps://dora:hunter2@mail.example"),
        ("LOG_FORMAT", "xml"),
    ];
    let output = dispatcher(folder.path(), &["migrate"], &environment);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(told.starts_with("error: the configuration has 4 faults; nothing was started\n  1. "), "{told}");
    for place in ["DATABASE_URL is missing", "PORTAL_URL is missing", "SECRET_KEYS is missing", "LOG_FORMAT is \"xml\""]
    {
        assert!(told.contains(place), "{place}: {told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn the_file_is_the_one_that_is_named_or_that_lies_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str| std::fs::write(folder.path().join(name), format!("{}_key = 1\n", &name[..5])).expect("written");
    for name in ["first.toml", "other.toml", "config.toml"] {
        write(name);
    }
    let cases: [Case<'_>; 4] = [
        (
            &["migrate", "--config", "first.toml"],
            &[("CONFIG_FILE", "other.toml")],
            "first.toml line 1: first_key is not",
        ),
        (&["migrate"], &[("CONFIG_FILE", "other.toml")], "other.toml line 1: other_key is not"),
        (&["migrate"], &[("CONFIG_FILE", "")], "config.toml line 1: confi_key is not"),
        (&["migrate", "--config", "none.toml"], &[], "none.toml cannot be read"),
    ];
    for (arguments, environment, expected) in cases {
        let output = dispatcher(folder.path(), arguments, environment);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(expected), "{expected}: {}", stderr(&output));
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["sned"][..], &["publish"], &[]] {
        let output = dispatcher(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr(&output).contains("Usage: invoice-dispatcher"), "{}", stderr(&output));
    }
}

#[test]
fn pages_alone_do_not_run_on_an_embedded_database() {
    let folder = tempfile::tempdir().expect("a folder");
    for roles in [&["--role", "portal"][..], &["--role", "console"], &["--role", "portal", "--role", "console"]] {
        let output = dispatcher(folder.path(), &[&["run"], roles].concat(), &[]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("error: an SQLite database is one process's"), "{told}");
        assert!(told.contains("what to do: add --role worker, or set DATABASE_URL"), "{told}");
    }
}
