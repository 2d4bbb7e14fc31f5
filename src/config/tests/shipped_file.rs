//! `config.toml` names every key, with its default or an example that is right.

use super::*;

const SHIPPED: &str = include_str!("../../../config.toml");

/// The shipped file with its commented-out lines in force: the defaults, or also the examples.
fn uncommented(examples: bool) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(code) if !code.starts_with(' ') && !code.is_empty() && (examples || !code.ends_with("# e.g.")) => {
            code.to_owned()
        }
        _ => line.to_owned(),
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_sets_nothing() {
    let plain = Config::read(&ConfigSources::none()).expect("defaults have no fault");
    assert_eq!(format!("{:?}", config(&[], SHIPPED)), format!("{plain:?}"));
}

#[test]
fn the_shipped_file_names_every_key_with_its_default() {
    let (plain, known) = read(&sources(&[], "")).expect("defaults have no fault");
    assert_eq!(format!("{:?}", config(&[], &uncommented(false))), format!("{plain:?}"));

    let defaults = uncommented(false).parse::<toml::Table>().expect("TOML");
    let examples = uncommented(true).parse::<toml::Table>().expect("TOML");
    for key in known {
        let default = find(&defaults, &key.path).map(written);
        assert_eq!(default.as_deref(), key.default, "{} has another default", key.path);
        assert!(find(&examples, &key.path).is_some(), "{} is not named", key.path);
        let documented = key.variable.is_none_or(|name| SHIPPED.contains(name));
        assert!(documented, "{:?}, the variable of {}, is not named", key.variable, key.path);
    }
}

#[test]
fn the_examples_of_the_shipped_file_are_right() {
    let examples = uncommented(true);
    let reported = faults(&[], &examples);
    assert!(reported.iter().all(|fault| fault.contains("our documentation prints")), "{reported:#?}");
    let own =
        [("CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=", KEY), (":password@", ":pw@"), ("= \"secret\"", "= \"s\"")];
    let own =
        own.iter().fold(examples, |text, (sample, own)| text.replace(sample, own)).replace("= \"token\"", "= \"t\"");
    let config = config(&[], &own);
    assert_eq!(config.relays.len(), 2);
    assert!(config.broker.url.is_some() && config.secrets.keys.is_some());
}

fn find<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (table.get(first)?, rest) {
        (value, None) => Some(value),
        (value, Some(rest)) => find(value.as_table()?, rest),
    }
}

/// The value as a variable would hold it.
fn written(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(","),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(switch) => switch.to_string(),
        other => panic!("no default is a {}", other.type_str()),
    }
}
