//! Unknown keys of the file, and what was probably meant.

use super::source::Tree;
use crate::model::nearest_name::nearest;

/// The unknown keys and tables of `tree`: path, line, and what to do. A table is reported once, not key by key.
pub(super) fn find(tree: &Tree, known: &[(&str, Option<&str>)]) -> Vec<(String, usize, String)> {
    let is_section = |path: &str| known.iter().any(|(key, _)| is_below(key, path));
    let strange_tables: Vec<(&String, usize)> =
        tree.tables.iter().filter(|(path, _)| !is_section(path)).map(|(path, line)| (path, *line)).collect();
    let top_tables =
        strange_tables.iter().filter(|(path, _)| !strange_tables.iter().any(|(top, _)| is_below(path, top)));
    let keys = tree.values.iter().filter(|(path, _)| {
        !known.iter().any(|(key, _)| key == path) && !strange_tables.iter().any(|(top, _)| is_below(path, top))
    });
    top_tables
        .map(|(path, line)| ((*path).clone(), *line, remedy_of_table(path, known)))
        .chain(keys.map(|(path, (_, line))| (path.clone(), *line, remedy_of_key(path, known, is_section(path)))))
        .collect()
}

fn is_below(path: &str, table: &str) -> bool {
    path.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

fn remedy_of_table(path: &str, known: &[(&str, Option<&str>)]) -> String {
    let sections = known.iter().filter_map(|(key, _)| key.split_once('.').map(|(section, _)| section));
    nearest(path, sections).map_or_else(
        || "remove the section; config.toml lists every section".to_owned(),
        |meant| format!("did you mean [{meant}]?"),
    )
}

fn remedy_of_key(path: &str, known: &[(&str, Option<&str>)], is_section: bool) -> String {
    if is_section {
        return format!("{path} is a section: write [{path}] and its keys below");
    }
    let name = last(path);
    if let Some((key, _)) = known.iter().find(|(_, variable)| *variable == Some(name)) {
        return format!("{name} is a variable of the environment; in the file the key is {key}");
    }
    let (section, _) = path.rsplit_once('.').unwrap_or(("", path));
    let siblings = known.iter().filter(|(key, _)| key.rsplit_once('.').is_some_and(|(table, _)| table == section));
    let sibling = nearest(name, siblings.map(|(key, _)| last(key)));
    let elsewhere = || known.iter().find(|(key, _)| last(key) == name).map(|(key, _)| *key);
    match (sibling, elsewhere()) {
        (Some(meant), _) => format!("did you mean {meant}?"),
        (None, Some(meant)) => format!("did you mean {meant}, in another section?"),
        (None, None) => "remove the key; config.toml lists every key".to_owned(),
    }
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, name)| name)
}
