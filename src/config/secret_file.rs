//! Files with secrets that others could read.
//!
//! The configuration and the generated key are refused when they are open to others. A file that a variable `NAME_FILE`
//! names, or an authority's that holds a private key as well, is made by other software, and its mode may not be ours
//! to change: it is warned of.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::address::password_of;
use super::reader::{ConfigReader, Written};
use super::samples::SECRETS;
use super::source::ConfigSources;

/// Where containers have their secrets, put there by their orchestrator: in a mount that no other container sees.
const CONTAINER_SECRETS: &str = "/run/secrets";
/// What may be done by others than owner and group.
const OTHERS: u32 = 0o007;

/// A file with a secret that every user of the machine may read, or even write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSecretFile {
    /// The variable or key that names it.
    pub place: String,
    pub path: PathBuf,
    pub mode: u32,
}

impl OpenSecretFile {
    /// What to do about it, as an imperative.
    #[must_use]
    pub fn remedy(&self) -> String {
        format!("run: chmod 600 {}, as the user who runs this (or 640, for a group of its own)", self.path.display())
    }
}

impl fmt::Display for OpenSecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, path, mode } = self;
        write!(
            f,
            "{} ({place}) holds a secret and is open to every user of this machine (mode {mode:03o})",
            path.display()
        )
    }
}

/// Every such file.
pub(super) fn find(reader: &ConfigReader<'_>, sources: &ConfigSources, config: &Config) -> Vec<OpenSecretFile> {
    let of_variables = reader.written().into_iter().filter(is_secret).filter_map(|written| {
        let (path, mode) = written.file?;
        Some(OpenSecretFile { place: written.place, path, mode: mode? })
    });
    let authorities = config
        .relays
        .values()
        .filter_map(|relay| Some((format!("relays.{}.ca_file", relay.name), relay.ca_file.as_ref()?)));
    let authorities = authorities.chain(config.broker.ca_file.iter().map(|path| ("broker.ca_file".to_owned(), path)));
    let with_keys = authorities.filter_map(|(place, path)| {
        let mode = (sources.mode_open)(path).filter(|_| holds_a_key(sources, path))?;
        Some(OpenSecretFile { place, path: path.clone(), mode })
    });
    let is_open = |file: &OpenSecretFile| file.mode & OTHERS != 0 && !file.path.starts_with(CONTAINER_SECRETS);
    of_variables.chain(with_keys).filter(is_open).collect()
}

fn is_secret(written: &Written) -> bool {
    SECRETS.contains(&written.path.as_str()) || written.texts.iter().any(|text| password_of(text).is_some())
}

/// Whether a PEM file holds a private key beside its certificates.
fn holds_a_key(sources: &ConfigSources, path: &Path) -> bool {
    (sources.read)(path).is_ok_and(|text| text.contains("PRIVATE KEY-----"))
}
