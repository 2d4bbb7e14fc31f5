//! Errors as people read them: one clear sentence, and what to do.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::process::ExitCode;

use serde::Serialize;

use crate::app::AppError;
use crate::clean::marked;
use crate::config::Faults;
use crate::store::StoreError;

/// An error and what to do about it. Shows itself as the error alone; [`report`] adds the advice.
#[derive(Debug)]
struct Advised {
    error: anyhow::Error,
    advice: String,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Says what to do about an error.
pub trait Advise<T> {
    /// Adds the advice, an imperative: "start RabbitMQ, or correct the broker's URL".
    ///
    /// # Errors
    /// The error it was, with the advice.
    fn what_to_do(self, advice: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn what_to_do(self, advice: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| anyhow::Error::new(Advised { error: error.into(), advice: advice.into() }))
    }
}

/// The error, its causes and what to do, for people at standard error.
#[must_use]
pub fn report(error: &anyhow::Error) -> String {
    let advice = advice(error).map(|advice| format!("\n  what to do: {advice}")).unwrap_or_default();
    format!("error: {}{advice}", sentence(error))
}

/// The same as one line of JSON: `{"error": "…", "what_to_do": "…"}`, the second left out where there is no advice.
fn report_json(error: &anyhow::Error) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        what_to_do: Option<&'a str>,
    }
    let told = Told { error: &sentence(error), what_to_do: advice(error) };
    serde_json::to_string(&told).expect("two texts are JSON")
}

/// What to do about it, if that is known.
fn advice(error: &anyhow::Error) -> Option<&str> {
    let advised = error.chain().find_map(|link| link.downcast_ref::<Advised>());
    advised.map(|advised| advised.advice.as_str()).or_else(|| usual_advice(error))
}

/// The error and its causes.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for link in error.chain() {
        // Faults of the configuration are a list; what anything else says is part of one sentence.
        let text = match link.downcast_ref::<Faults>() {
            Some(faults) => faults.to_string().lines().map(marked).collect::<Vec<_>>().join("\n"),
            None => marked(&link.to_string()),
        };
        // Some errors end with their cause's text already.
        if sentence.is_empty() {
            sentence = text;
        } else if !sentence.ends_with(&text) {
            sentence = format!("{sentence}: {text}");
        }
    }
    sentence
}

/// What to do about errors that any command may meet.
fn usual_advice(error: &anyhow::Error) -> Option<&'static str> {
    let store = error.chain().find_map(|link| match link.downcast_ref::<AppError>() {
        Some(AppError::Store(error)) => Some(error),
        _ => link.downcast_ref::<StoreError>(),
    })?;
    match store {
        StoreError::Unavailable(_) => Some("start the database or correct DATABASE_URL; `doctor` checks everything"),
        StoreError::GaveWay(_) | StoreError::KeyLost => Some("run the command again"),
        StoreError::Refused { .. } | StoreError::Unreadable(_) | StoreError::Bug(_) => {
            Some("report this with the version that --version prints")
        }
    }
}

/// Tells the error, and says what to exit with.
///
/// Who reads our output and has read enough (`| head`) closes it: that is no error.
#[must_use]
pub(super) fn exit(error: &anyhow::Error, json: bool) -> ExitCode {
    let io_error = error.chain().find_map(|link| link.downcast_ref::<std::io::Error>());
    if io_error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", if json { report_json(error) } else { report(error) });
    ExitCode::FAILURE
}

/// What clap says about a command line that cannot be understood, or its help; says what to exit with.
pub(super) fn exit_usage(error: &clap::Error) -> ExitCode {
    // Help and version come as errors too, and are no fault; machines ask for JSON in the same words as elsewhere.
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let (sentence, usage) = text.trim().split_once("\n\n").unwrap_or((text.trim(), ""));
        let told: anyhow::Result<()> = Err(anyhow::anyhow!("{}", sentence.trim_start_matches("error: ")));
        let told = if usage.is_empty() { told } else { told.what_to_do(marked(usage)) };
        eprintln!("{}", report_json(&told.expect_err("it was made as an error")));
    } else {
        // Nothing can be done if standard error is closed.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect: {0}")]
    struct Connect(#[source] std::io::Error);

    fn refused() -> Connect {
        Connect(std::io::Error::other("connection refused"))
    }

    #[test]
    fn a_chain_is_one_sentence_and_says_each_cause_once() {
        let result: anyhow::Result<()> = Err(refused()).context("the database is not reached");
        let error = result.expect_err("an error");
        assert_eq!(report(&error), "error: the database is not reached: cannot connect: connection refused");
    }

    #[test]
    fn machines_get_the_same_as_json() {
        let with: anyhow::Result<()> = Err::<(), _>(refused()).what_to_do("start the database");
        let expected = r#"{"error":"cannot connect: connection refused","what_to_do":"start the database"}"#;
        assert_eq!(report_json(&with.expect_err("an error")), expected);
        let without = anyhow::Error::new(refused());
        assert_eq!(report_json(&without), r#"{"error":"cannot connect: connection refused"}"#);
    }

    #[test]
    fn advice_stands_below_wherever_it_was_given() {
        let inner: anyhow::Result<()> = Err::<(), _>(refused()).what_to_do("start the database");
        let expected = "error: migrating failed: cannot connect: connection refused\n  what to do: start the database";
        assert_eq!(report(&inner.context("migrating failed").expect_err("an error")), expected);

        let outer: anyhow::Result<()> =
            Err::<(), _>(refused()).context("migrating failed").what_to_do("start the database");
        assert_eq!(report(&outer.expect_err("an error")), expected);
    }
}
