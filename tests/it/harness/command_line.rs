//! The binary itself, in a folder of its own, with an SQLite database there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::process::Process;

/// The binary in a folder of its own.
pub(crate) struct CommandLine {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What the binary said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandLine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, environment: Vec::new() }.with("DATABASE_URL", "sqlite://data/dispatcher.db")
    }

    /// The same with a variable; no variable of the tests' own process is seen.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command line, its words parted by spaces.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.run_with(line, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Said {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // A command that does not read it may have ended already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().expect("the binary ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Said { code: status.code().expect("no signal"), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Starts a command line that ends when it is told to.
    pub(crate) fn start(&self, line: &str) -> Process {
        Process::of(self.command(line).stdin(Stdio::null()).spawn().expect("the binary starts"))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_invoice-dispatcher"));
        command.args(line.split_whitespace()).env_clear().current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The examples' tenants and customers are known from now on.
    pub(crate) fn import_examples(&self) {
        let said = self.run(&format!("import {}", example("catalogue.ndjson")));
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
}

impl Said {
    /// Every line as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

/// The path of an example.
pub(crate) fn example(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).display().to_string()
}
