//! Reads one key after the other: environment first, then the file, then the default; and gathers what is wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::fault::{ConfigFault, Faults, Wrong};
use super::source::{ConfigSources, Raw, Tree, place};
use super::unknown;

/// A key, and the variable that goes before it.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    path: &'a str,
    variable: Option<&'static str>,
}

/// A key whose variable is named after it: `WORKER_SHUTDOWN_GRACE` goes before `worker.shutdown_grace`.
pub(super) const fn key(path: &str) -> Key<'_> {
    Key { path, variable: None }
}

impl Key<'_> {
    /// The variable that goes before the file has a name of its own.
    pub(super) const fn variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    /// The variable that goes before the file.
    fn variable_name(&self) -> String {
        self.variable.map_or_else(|| self.path.to_ascii_uppercase().replace(['.', '-'], "_"), str::to_owned)
    }

    /// The variable that names a file with the value, as secrets of containers are handed over.
    fn file_variable_name(&self) -> String {
        format!("{}_FILE", self.variable_name())
    }
}

/// A key that was asked for: what the documentation must name.
#[cfg_attr(not(test), expect(dead_code, reason = "variable and default are compared with config.toml by a test"))]
pub(super) struct KnownKeys {
    pub(super) path: String,
    pub(super) variable: Option<&'static str>,
    pub(super) default: Option<&'static str>,
}

/// A key that is written somewhere: where, and the texts of its value.
pub(super) struct Written {
    pub(super) path: String,
    pub(super) place: String,
    pub(super) texts: Vec<String>,
    /// The file that the variable `NAME_FILE` names, if the value stands there, and its mode if others may use it.
    pub(super) file: Option<(PathBuf, Option<u32>)>,
}

/// Reads keys from the sources, and gathers faults.
pub(super) struct ConfigReader<'a> {
    sources: &'a ConfigSources,
    tree: Tree,
    pub(super) known: Vec<KnownKeys>,
    faults: Vec<ConfigFault>,
}

impl<'a> ConfigReader<'a> {
    pub(super) fn new(sources: &'a ConfigSources) -> Self {
        let (tree, faults) =
            sources.file.as_ref().map_or_else(Default::default, |(path, text)| Tree::parse(path, text));
        Self { sources, tree, known: Vec::new(), faults }
    }

    /// The key's value, if it is written anywhere and right. A wrong one is a fault, and reads as unset.
    pub(super) fn optional<T>(&mut self, key: Key<'_>, parse: impl FnOnce(&Raw) -> Result<T, Wrong>) -> Option<T> {
        self.know(key, None);
        self.read(key, parse)
    }

    /// The key's value, or else its default: the text that a variable would hold.
    pub(super) fn value<T>(
        &mut self,
        key: Key<'_>,
        default: &'static str,
        parse: impl Fn(&Raw) -> Result<T, Wrong>,
    ) -> T {
        self.know(key, Some(default));
        self.read(key, &parse).unwrap_or_else(|| {
            parse(&Raw::Text(default.to_owned()))
                .unwrap_or_else(|wrong| unreachable!("the default of {} is right: {}", key.path, wrong.problem))
        })
    }

    /// Whether the key is written anywhere, right or wrong.
    pub(super) fn is_set(&self, key: Key<'_>) -> bool {
        self.find(key).is_some()
    }

    /// The names under the table `path`: `relays` → every relay.
    pub(super) fn names_under(&self, path: &str) -> BTreeSet<String> {
        let prefix = format!("{path}.");
        let tables = self.tree.tables.keys().filter_map(|table| table.strip_prefix(&prefix));
        tables.filter(|name| !name.contains('.')).map(str::to_owned).collect()
    }

    /// Records a fault of the key, wherever it is written (or would be).
    pub(super) fn fault(&mut self, key: Key<'_>, wrong: Wrong) {
        let place = self.find(key).map_or_else(|| key.variable.unwrap_or(key.path).to_owned(), |(place, _)| place);
        self.faults.push(ConfigFault { place, problem: wrong.problem, remedy: wrong.remedy });
    }

    /// Records a fault of a place.
    pub(super) fn fault_at(&mut self, place: String, wrong: Wrong) {
        self.faults.push(ConfigFault { place, problem: wrong.problem, remedy: wrong.remedy });
    }

    /// Every key that was asked for and is written anywhere, with what counts of it.
    pub(super) fn written(&self) -> Vec<Written> {
        let found = self.known.iter().filter_map(|known| {
            let key = Key { path: &known.path, variable: known.variable };
            let (place, raw) = self.find(key)?;
            let file = self.variable(&place).filter(|_| place == key.file_variable_name()).map(PathBuf::from);
            let file = file.map(|file| (file.clone(), (self.sources.mode_open)(&file)));
            Some(Written { path: known.path.clone(), place, texts: texts(&raw), file })
        });
        found.collect()
    }

    /// Every text in the file, by its key, whatever the environment says.
    pub(super) fn in_file(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        self.tree.values.iter().map(|(path, (raw, _))| (path.as_str(), texts(raw)))
    }

    /// The file and its mode, if others than its owner may use it.
    pub(super) fn open_file(&self) -> Option<(String, u32)> {
        self.sources.file_mode_open.map(|mode| (self.file_name().display().to_string(), mode))
    }

    /// Whether what seems unset is unset: not so if the file could not be read as TOML.
    pub(super) fn knows_what_is_unset(&self) -> bool {
        !self.tree.is_broken
    }

    /// Whether half-embedded is allowed.
    pub(super) fn allows_embedded(&self) -> bool {
        self.sources.allow_embedded
    }

    /// What was read, unless anything was wrong; unknown keys of the file are.
    pub(super) fn finish(mut self) -> Result<Vec<KnownKeys>, Faults> {
        let unknown = self.unknown();
        self.faults.extend(unknown);
        if self.faults.is_empty() { Ok(self.known) } else { Err(Faults(self.faults)) }
    }

    /// The key's value as a path that is there.
    pub(super) fn existing_path(&mut self, key: Key<'_>) -> Option<PathBuf> {
        let path = self.optional(key, super::value::path)?;
        if !(self.sources.exists)(&path) {
            let problem = format!("names {}, which is not there", path.display());
            self.fault(key, Wrong::new(problem, "correct the path, or put the file there"));
        }
        Some(path)
    }

    fn know(&mut self, key: Key<'_>, default: Option<&'static str>) {
        self.known.push(KnownKeys { path: key.path.to_owned(), variable: key.variable, default });
    }

    fn read<T>(&mut self, key: Key<'_>, parse: impl FnOnce(&Raw) -> Result<T, Wrong>) -> Option<T> {
        if let Some((place, Wrong { problem, remedy })) = self.unusable_variable(key) {
            self.faults.push(ConfigFault { place, problem, remedy });
            return None;
        }
        let (place, raw) = self.find(key)?;
        match parse(&raw) {
            Ok(value) => Some(value),
            Err(Wrong { problem, remedy }) => {
                self.faults.push(ConfigFault { place, problem, remedy });
                None
            }
        }
    }

    /// What the environment says of the key and cannot be read.
    fn unusable_variable(&self, key: Key<'_>) -> Option<(String, Wrong)> {
        let (name, file_name) = (key.variable_name(), key.file_variable_name());
        for name in [&name, &file_name] {
            if self.sources.unreadable.contains(name) {
                return Some((name.clone(), Wrong::new("is not UTF-8", format!("set {name} anew, in UTF-8"))));
            }
        }
        let path = self.variable(&file_name)?;
        if self.variable(&name).is_some() {
            let problem = format!("is set beside {name}");
            return Some((file_name, Wrong::new(problem, "set one of the two")));
        }
        let error = (self.sources.read)(Path::new(path)).err()?;
        let problem = format!("names {path}, which cannot be read: {error}");
        Some((file_name, Wrong::new(problem, "name a file that this process can read")))
    }

    /// A variable that is set, and not empty.
    fn variable(&self, name: &str) -> Option<&str> {
        self.sources.environment.get(name).map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Where the key is written, and what: the variable before the file.
    fn find(&self, key: Key<'_>) -> Option<(String, Raw)> {
        let (name, file_name) = (key.variable_name(), key.file_variable_name());
        if let Some(text) = self.variable(&name) {
            return Some((name, Raw::Text(text.to_owned())));
        }
        if let Some(path) = self.variable(&file_name)
            && let Ok(text) = (self.sources.read)(Path::new(path))
        {
            // Most editors end a file with a line end.
            return Some((file_name, Raw::Text(text.trim_end_matches(['\r', '\n']).to_owned())));
        }
        let (raw, line) = self.tree.values.get(key.path)?;
        Some((place(self.file_name(), *line, Some(key.path)), raw.clone()))
    }

    fn file_name(&self) -> &Path {
        self.sources.file.as_ref().map_or(Path::new(super::FILE_DEFAULT), |(path, _)| path)
    }

    /// Keys and tables of the file that no setting has read.
    fn unknown(&self) -> Vec<ConfigFault> {
        let keys: Vec<(&str, Option<&str>)> =
            self.known.iter().map(|known| (known.path.as_str(), known.variable)).collect();
        unknown::find(&self.tree, &keys)
            .into_iter()
            .map(|(path, line, remedy)| ConfigFault {
                place: place(self.file_name(), line, Some(&path)),
                problem: "is not a known key".to_owned(),
                remedy,
            })
            .collect()
    }
}

/// The texts of a value; a variable parts those of a list by commas.
fn texts(raw: &Raw) -> Vec<String> {
    match raw {
        Raw::Text(text) => {
            std::iter::once(text.as_str()).chain(text.split(',')).map(|text| text.trim().to_owned()).collect()
        }
        Raw::List(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
