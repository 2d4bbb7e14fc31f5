//! `docker-compose.yml` and the configuration agree: what the composition sets is what the worker reads, without fault.

use invoice_dispatcher::config::{Config, Sources};

const COMPOSITION: &str = include_str!("../../docker-compose.yml");

/// The block `x-settings` as variables, each `${NAME:-default}` replaced by its default, and each `${NAME:?…}`, which must
/// be set, by a secret.
fn settings() -> Vec<(String, String)> {
    let block = COMPOSITION.split_once("x-settings:").expect("the block is there").1;
    let lines = block.lines().skip(1).take_while(|line| line.starts_with("  "));
    let pairs = lines.filter_map(|line| line.trim().split_once(": ")).filter(|(name, _)| !name.starts_with('#'));
    pairs.map(|(name, value)| (name.to_owned(), with_defaults(value))).collect()
}

fn with_defaults(value: &str) -> String {
    let Some((before, rest)) = value.split_once("${") else { return value.to_owned() };
    let (variable, after) = rest.split_once('}').expect("the brace is closed");
    let default = match variable.split_once(":-") {
        Some((_, default)) => default,
        // Letters, digits, and long enough for whatever it is.
        None if variable.contains(":?") => "b3VyIG93biBrZXksIHByaW50ZWQgbm93aGVyZSBlbHNl",
        None => panic!("{variable} has no default and need not be set"),
    };
    format!("{before}{default}{}", with_defaults(after))
}

#[test]
fn the_workers_settings_have_no_fault() {
    let settings = settings();
    assert!(settings.len() >= 11, "{settings:?}");
    let sources = Sources { environment: settings.into_iter().collect(), exists: |_| true, ..Sources::none() };
    let config = Config::read(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.broker.url.is_some() && !config.database.is_sqlite() && config.relays.len() == 1);
}
