//! Where the configuration is written: the environment, and a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{ConfigFault, Faults};
use crate::private_file;

/// The file that is read when none is named.
pub const FILE_DEFAULT: &str = "config.toml";

/// Everything that a configuration is made of, read once.
#[derive(Clone)]
pub struct ConfigSources {
    /// The environment's variables. An empty one counts as unset, as `${NAME:-}` in a compose file leaves it.
    pub environment: BTreeMap<String, String>,
    /// Variables that are set, but are not UTF-8.
    pub unreadable: BTreeSet<String>,
    /// The file's name, as shown in faults, and its text.
    pub file: Option<(PathBuf, String)>,
    /// The file's mode, if others than its owner may use it.
    pub file_mode_open: Option<u32>,
    /// Whether half-embedded is allowed: `--allow-embedded`.
    pub allow_embedded: bool,
    /// Whether a path that the configuration names is there.
    pub exists: fn(&Path) -> bool,
    /// Reads the file that a variable `NAME_FILE` names.
    pub read: fn(&Path) -> std::io::Result<String>,
    /// The mode of a file, if others than its owner may use it in any way.
    pub mode_open: fn(&Path) -> Option<u32>,
}

impl ConfigSources {
    /// No variable, no file: everything takes its default.
    #[must_use]
    pub fn none() -> Self {
        Self {
            environment: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            file: None,
            file_mode_open: None,
            allow_embedded: false,
            exists: Path::exists,
            read: |path| std::fs::read_to_string(path),
            // A file that cannot be asked has just been read: its mode is not what is wrong with it.
            mode_open: |path| private_file::mode_open_to_others(path).ok().flatten(),
        }
    }

    /// This process's environment, and the file `named`; else what `CONFIG_FILE` names; else `./config.toml` if it is
    /// there.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of_process(named: Option<&Path>, allow_embedded: bool) -> Result<Self, Faults> {
        let variable = std::env::var_os("CONFIG_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = read_file(named.map(Path::to_owned).or(variable).as_deref())?;
        let mut sources = Self { file, allow_embedded, ..Self::none() };
        sources.file_mode_open = sources.file.as_ref().and_then(|(path, _)| (sources.mode_open)(path));
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(sources.environment.insert(name, value)),
                Err(_) => drop(sources.unreadable.insert(name)),
            }
        }
        Ok(sources)
    }
}

fn read_file(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, Faults> {
    let path = named.unwrap_or(Path::new(FILE_DEFAULT));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(Faults(vec![ConfigFault {
            place: path.display().to_string(),
            problem: format!("cannot be read: {error}"),
            remedy: "name a readable file by --config or CONFIG_FILE, or leave both out".to_owned(),
        }])),
    }
}

/// A value as it was written: always text in the environment, typed in the file. May be a secret: has no `Debug`.
#[derive(Clone, PartialEq)]
pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Float(f64),
    Switch(bool),
    List(Vec<Raw>),
    /// Something that no key takes: a table in a list, a date.
    Other(&'static str),
}

impl Raw {
    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Self::Other("huge number"), Self::Integer)
            }
            DeValue::Float(number) => number.as_str().parse().map_or(Self::Other("unreadable number"), Self::Float),
            DeValue::Boolean(switch) => Self::Switch(*switch),
            DeValue::Array(values) => Self::List(values.iter().map(|value| Self::of(value.get_ref())).collect()),
            DeValue::Datetime(_) => Self::Other("date"),
            DeValue::Table(_) => Self::Other("table"),
        }
    }

    /// The kind of value, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Switch(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// The file, flattened: `section.key` → value and line.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) values: BTreeMap<String, (Raw, usize)>,
    pub(super) tables: BTreeMap<String, usize>,
    /// The file is no TOML: what seems unset may be written in it.
    pub(super) is_broken: bool,
}

impl Tree {
    /// Parses `text`, and reports every place where it is no TOML.
    pub(super) fn parse(file: &Path, text: &str) -> (Self, Vec<ConfigFault>) {
        let (document, mut errors) = DeTable::parse_recoverable(text);
        errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        // Only the message: an error's own Display quotes the line, which may hold a secret.
        let mut faults: Vec<ConfigFault> = errors
            .iter()
            .map(|error| ConfigFault {
                place: place(file, line_at(text, error.span().map_or(0, |span| span.start)), None),
                problem: format!("is not TOML: {}", error.message()),
                remedy: "correct the line; text stands in quotes: key = \"value\"".to_owned(),
            })
            .collect();
        let mut tree = Self { is_broken: !faults.is_empty(), ..Self::default() };
        if !tree.is_broken {
            tree.flatten(file, text, "", document.get_ref(), &mut faults);
        }
        (tree, faults)
    }

    fn flatten(&mut self, file: &Path, text: &str, prefix: &str, table: &DeTable<'_>, faults: &mut Vec<ConfigFault>) {
        for (name, value) in table {
            let line = line_at(text, name.span().start);
            let path =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            if !is_plain(name) {
                faults.push(ConfigFault {
                    place: place(file, line, Some(&path)),
                    problem: "is not a name".to_owned(),
                    remedy: "use letters, digits, - and _ only".to_owned(),
                });
                continue;
            }
            match value.get_ref() {
                DeValue::Table(inner) => {
                    self.tables.insert(path.clone(), line);
                    self.flatten(file, text, &path, inner, faults);
                }
                value => drop(self.values.insert(path, (Raw::of(value), line))),
            }
        }
    }
}

fn is_plain(name: &Spanned<std::borrow::Cow<'_, str>>) -> bool {
    let name = name.get_ref();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// How a place in the file is named.
pub(super) fn place(file: &Path, line: usize, path: Option<&str>) -> String {
    let file = file.display();
    path.map_or_else(|| format!("{file} line {line}"), |path| format!("{file} line {line}: {path}"))
}
