//! `docker-compose.yml`, its secrets and the configuration agree: what the composition sets is what the worker reads, without
//! fault. `scripts/compose-check` brings it up on an engine.

use std::path::Path;
use std::process::Command;

use invoice_dispatcher::config::{Config, ConfigSources};
use invoice_dispatcher::relay::Security;

const COMPOSITION: &str = include_str!("../../../docker-compose.yml");

/// Where containers have their secrets.
const SECRETS: &str = "/run/secrets/";

/// The block `x-settings` as variables, each `${NAME:-default}` replaced by its default.
fn settings() -> Vec<(String, String)> {
    let block = COMPOSITION.split_once("x-settings:").expect("the block is there").1;
    let lines = block.lines().skip(1).take_while(|line| line.starts_with("  "));
    let pairs = lines.filter_map(|line| line.trim().split_once(": ")).filter(|(name, _)| !name.starts_with('#'));
    pairs.map(|(name, value)| (name.to_owned(), with_defaults(value))).collect()
}

fn with_defaults(value: &str) -> String {
    let Some((before, rest)) = value.split_once("${") else { return value.to_owned() };
    let (variable, after) = rest.split_once('}').expect("the brace is closed");
    let (_, default) = variable.split_once(":-").expect("whatever a person may set has a default");
    format!("{before}{default}{}", with_defaults(after))
}

/// The path on this machine of each secret that the composition names, by its name.
fn secret_file(folder: &Path, name: &str) -> std::path::PathBuf {
    let block = COMPOSITION.rsplit_once("\nsecrets:\n").expect("the secrets have a block of their own").1;
    let named = block.split_once(&format!("  {name}:\n    file: secrets/")).expect("the secret is named").1;
    folder.join(named.lines().next().expect("a file"))
}

#[test]
fn the_workers_settings_have_no_fault() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("secrets");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/compose-secrets");
    let made = Command::new(script).arg(&folder).output().expect("the script runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let mut settings = settings();
    assert!(settings.len() >= 12, "{settings:?}");
    for (name, value) in &mut settings {
        if let Some(secret) = value.strip_prefix(SECRETS) {
            assert!(name.ends_with("_FILE"), "{name}");
            *value = secret_file(&folder, secret).display().to_string();
        }
    }
    let sources =
        ConfigSources { environment: settings.into_iter().collect(), exists: |_| true, ..ConfigSources::none() };
    let config = Config::read(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.broker.url.is_some() && !config.database.is_sqlite() && config.secrets.keys.is_some());
    assert!(config.relays.values().all(|relay| relay.url.security == Security::PrivatePlain));
    assert!(config.relays.len() == 1 && config.console.api_token.is_some());
}

#[test]
fn every_image_of_others_has_a_version() {
    let images = COMPOSITION.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    let images: Vec<&str> = images.filter(|image| *image != "invoice-dispatcher").collect();
    assert_eq!(images.len(), 3, "{images:?}");
    for image in images {
        let version = image.split_once(':').map_or("latest", |(_, version)| version);
        assert!(version.contains(|c: char| c.is_ascii_digit()), "{image}");
    }
}
