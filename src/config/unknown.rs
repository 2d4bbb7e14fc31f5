//! Keys of the file that nobody reads, and what was probably meant.

use super::source::Tree;

/// The unknown keys and tables of `tree`: path, line, and what to do. A table is told once, not key by key.
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

/// The candidate that `text` was probably meant to be: at most a third of it is mistyped.
fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = candidates.map(|candidate| (distance(text, candidate), candidate));
    distances.filter(|(distance, _)| *distance * 3 <= text.len().max(3)).min().map(|(_, candidate)| candidate)
}

/// Letters to insert, remove or replace, or neighbours to swap (optimal string alignment distance).
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = match (i, j) {
                (0, edits) | (edits, 0) => edits,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                    let edited = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let is_swap = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                    if is_swap { edited.min(rows[i - 2][j - 2] + 1) } else { edited }
                }
            };
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_near_and_another_word_is_not() {
        assert_eq!(distance("conections", "connections"), 1);
        assert_eq!(distance("ulr", "url"), 1);
        assert_eq!(distance("", "url"), 3);
        assert_eq!(nearest("conections", ["url", "connections"].into_iter()), Some("connections"));
        assert_eq!(nearest("colour", ["url", "connections"].into_iter()), None);
    }
}
