//! The crate as a tree of modules, each with what it declares and what its code names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::tokens::{Token, tokens};

/// Where a module stands in the tree: `["store", "claim"]`; the crate itself is empty.
pub type ModulePath = Vec<String>;

/// A module, whether it is a file or stands inside one.
#[derive(Debug, Default)]
pub struct Module {
    /// Its source file, relative to `src/`.
    pub file: String,
    /// What `use` brings in: the name it has here, and where it comes from. Globs have the name `*`.
    pub uses: Vec<(String, Vec<String>)>,
    /// Each path that its code names outside of `use`.
    pub inline: BTreeSet<Vec<String>>,
    /// Names of the items that it declares itself.
    pub items: BTreeSet<String>,
}

/// The modules by their paths.
pub type Tree = BTreeMap<ModulePath, Module>;

/// Source text by file name relative to `src/`.
pub type Sources = BTreeMap<String, String>;

/// Reads every `.rs` file below `folder`.
pub fn sources(folder: &Path) -> Sources {
    let mut found = Sources::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).expect("the source folder can be read") {
            let path = entry.expect("the source folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder).expect("it stands below").to_str().expect("file names are ASCII");
                found.insert(name.replace('\\', "/"), fs::read_to_string(&path).expect("source is UTF-8"));
            }
        }
    }
    found
}

/// Builds the tree, beginning at `lib.rs` and `main.rs`. Code behind `#[cfg(test)]` is left out: it is not shipped.
pub fn tree(sources: &Sources) -> Tree {
    let mut tree = Tree::new();
    let mut files: Vec<(ModulePath, String)> =
        vec![(Vec::new(), "lib.rs".into()), (vec!["main".into()], "main.rs".into())];
    while let Some((path, file)) = files.pop() {
        let Some(source) = sources.get(&file) else { continue };
        let mut parser =
            Parser { tokens: tokens(source), at: 0, modules: vec![(path, 0)], depth: 0, children: Vec::new() };
        parser.file(&file, &mut tree);
        for child in parser.children {
            let file = child.candidates.into_iter().find(|file| sources.contains_key(file));
            files.push((child.path, file.expect("a declared module has a file")));
        }
    }
    tree
}

struct Child {
    path: ModulePath,
    candidates: Vec<String>,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The modules around the current place, each with the depth of braces inside it.
    modules: Vec<(ModulePath, usize)>,
    depth: usize,
    children: Vec<Child>,
}

/// What stands in the attributes before an item.
#[derive(Default)]
struct Attributes {
    test_only: bool,
    path: Option<String>,
}

impl Parser {
    fn file(&mut self, file: &str, tree: &mut Tree) {
        tree.insert(self.here(), Module { file: file.into(), ..Module::default() });
        let mut attributes = Attributes::default();
        while let Some(token) = self.tokens.get(self.at).cloned() {
            if token.is_sign('#') {
                self.attribute(&mut attributes, tree);
                continue;
            }
            let attributes = std::mem::take(&mut attributes);
            if attributes.test_only {
                self.skip_item();
                continue;
            }
            match token {
                Token::Sign('{') => self.open(),
                Token::Sign('}') => self.close(),
                Token::Word(word) => {
                    self.word(&word, attributes, file, tree);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn here(&self) -> ModulePath {
        self.modules.last().expect("the file's own module stays").0.clone()
    }

    fn open(&mut self) {
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        if self.modules.len() > 1 && self.modules.last().is_some_and(|(_, depth)| *depth > self.depth) {
            self.modules.pop();
        }
    }

    fn module<'t>(&self, tree: &'t mut Tree) -> &'t mut Module {
        tree.get_mut(&self.here()).expect("the current module is in the tree")
    }

    fn word(&mut self, word: &str, attributes: Attributes, file: &str, tree: &mut Tree) {
        let next = self.tokens.get(self.at + 1).cloned();
        let level = self.modules.last().is_some_and(|(_, depth)| *depth == self.depth);
        match (word, next) {
            ("use", _) => {
                self.at += 1;
                let mut found = Vec::new();
                self.use_tree(&[], &mut found);
                self.module(tree).uses.extend(found);
            }
            ("mod", Some(Token::Word(name))) => self.declared_module(&name, attributes, file, tree),
            ("fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union", Some(Token::Word(name))) => {
                if level {
                    self.module(tree).items.insert(name);
                }
                self.at += 1;
            }
            ("macro_rules", Some(Token::Sign('!'))) => {
                if let Some(name) = self.tokens.get(self.at + 2).and_then(Token::word) {
                    let name = name.to_owned();
                    self.module(tree).items.insert(name);
                }
                self.at += 2;
            }
            _ => {
                let path = self.path();
                if path.len() > 1 {
                    self.module(tree).inline.insert(path);
                }
            }
        }
    }

    fn declared_module(&mut self, name: &str, attributes: Attributes, file: &str, tree: &mut Tree) {
        let path = [self.here(), vec![name.to_owned()]].concat();
        self.module(tree).items.insert(name.to_owned());
        self.at += 2;
        if self.tokens.get(self.at).is_some_and(|token| token.is_sign('{')) {
            self.open();
            self.at += 1;
            self.modules.push((path.clone(), self.depth));
            tree.insert(path, Module { file: file.into(), ..Module::default() });
            return;
        }
        let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let candidates = match attributes.path {
            Some(own) => vec![format!("{folder}{own}")],
            None => vec![format!("{}.rs", path.join("/")), format!("{}/mod.rs", path.join("/"))],
        };
        self.children.push(Child { path, candidates });
    }

    /// The words of a path, `a::b::c`; a turbofish or a brace ends it.
    fn path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(word) = self.tokens.get(self.at).and_then(Token::word) {
            path.push(word.to_owned());
            self.at += 1;
            let goes_on = self.tokens.get(self.at) == Some(&Token::Colons)
                && self.tokens.get(self.at + 1).is_some_and(|token| token.word().is_some());
            if !goes_on {
                break;
            }
            self.at += 1;
        }
        path
    }

    /// One branch of a `use` tree, up to its `,`, `}` or `;`.
    fn use_tree(&mut self, before: &[String], found: &mut Vec<(String, Vec<String>)>) {
        let mut path = before.to_vec();
        let mut alias = None;
        while let Some(token) = self.tokens.get(self.at).cloned() {
            match token {
                Token::Colons => {}
                Token::Word(word) if word == "as" => {
                    alias = self.tokens.get(self.at + 1).and_then(Token::word).map(String::from);
                    self.at += 1;
                }
                // `use a::{self}` names `a`.
                Token::Word(word) if word == "self" && !path.is_empty() => {}
                Token::Word(word) => path.push(word),
                Token::Sign('*') => alias = Some("*".into()),
                Token::Sign('{') => {
                    self.at += 1;
                    while !self.tokens.get(self.at).is_none_or(|token| token.is_sign('}')) {
                        self.use_tree(&path, found);
                        if self.tokens.get(self.at).is_some_and(|token| token.is_sign(',')) {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                _ => break,
            }
            self.at += 1;
        }
        let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        found.push((name, path));
    }

    /// Reads `#[…]` or `#![…]`.
    fn attribute(&mut self, attributes: &mut Attributes, tree: &mut Tree) {
        self.at += 1;
        if self.tokens.get(self.at).is_some_and(|token| token.is_sign('!')) {
            self.at += 1;
        }
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.get(self.at) {
            depth = if token.is_sign('[') { depth + 1 } else { depth - usize::from(token.is_sign(']')) };
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        let inside = self.tokens[start..self.at].to_vec();
        let first = |index: usize, word: &str| inside.get(index).is_some_and(|token| token.is_word(word));
        attributes.test_only |= first(1, "test") || (first(1, "cfg") && first(3, "test"));
        if let (true, Some(Token::Text(path))) = (first(1, "path"), inside.get(3)) {
            attributes.path = Some(path.clone());
        }
        // Paths inside attributes count: `#[serde(with = "super::amount")]`, `#[derive(crate::Name)]`.
        let mut inner =
            Parser { tokens: inside, at: 0, modules: vec![(self.here(), 0)], depth: 0, children: Vec::new() };
        while inner.at < inner.tokens.len() {
            let path = inner.path();
            if path.len() > 1 {
                self.module(tree).inline.insert(path);
            } else if path.is_empty() {
                inner.at += 1;
            }
        }
    }

    /// Skips an item: to its `;` or past its braces.
    fn skip_item(&mut self) {
        let (mut braces, mut round) = (0_usize, 0_usize);
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            match token {
                Token::Sign('(' | '[') => round += 1,
                Token::Sign(')' | ']') => round -= 1,
                Token::Sign('{') => braces += 1,
                Token::Sign('}') => {
                    braces -= 1;
                    if braces == 0 && round == 0 && !self.tokens.get(self.at).is_some_and(|token| token.is_sign(';')) {
                        return;
                    }
                }
                Token::Sign(';') if braces == 0 && round == 0 => return,
                _ => {}
            }
        }
    }
}
