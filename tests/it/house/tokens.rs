//! Rust source as the words and signs that the import test looks at.
//!
//! Comments go; numbers and lifetimes come as words that lead nowhere. A string literal that reads like a path
//! (`#[serde(with = "super::amount")]`) is a path for the compiler, so its words come as if they stood in the code.

/// One token: a word, a `::`, or any other sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(String),
    /// The content of a string literal that is no path.
    Text(String),
    Colons,
    Sign(char),
}

impl Token {
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    pub fn is_sign(&self, sign: char) -> bool {
        matches!(self, Self::Sign(own) if *own == sign)
    }

    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// Takes `source` apart.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { chars: source.chars().collect(), at: 0, found: Vec::new() };
    while let Some(char) = reader.peek(0) {
        reader.token(char);
    }
    reader.found
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    found: Vec<Token>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn token(&mut self, char: char) {
        match (char, self.peek(1)) {
            ('/', Some('/')) => self.skip_while(|char| char != '\n'),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('r', Some('"' | '#')) if self.raw_string(1) => {}
            ('b', Some('r')) if self.raw_string(2) => {}
            ('b', Some('"' | '\'')) => self.at += 1,
            ('\'', _) => self.quote(),
            (':', Some(':')) => {
                self.found.push(Token::Colons);
                self.at += 2;
            }
            (char, _) if is_word(char) => {
                let word = self.word();
                self.found.push(Token::Word(word));
            }
            (char, _) => {
                if !char.is_whitespace() {
                    self.found.push(Token::Sign(char));
                }
                self.at += 1;
            }
        }
    }

    fn skip_while(&mut self, holds: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&holds) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        self.skip_while(is_word);
        self.chars[start..self.at].iter().collect()
    }

    /// Block comments nest in Rust.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(char) = self.peek(0) {
            match (char, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        let start = self.at + 1;
        self.at = start;
        while let Some(char) = self.peek(0) {
            match char {
                '\\' => self.at += 2,
                '"' => break,
                _ => self.at += 1,
            }
        }
        let end = self.at.min(self.chars.len());
        let content: String = self.chars[start.min(end)..end].iter().collect();
        self.at += 1;
        self.literal(content);
    }

    /// `r"…"` or `r##"…"##`, whose quote or first `#` stands `ahead`; false if this is a raw identifier (`r#type`).
    fn raw_string(&mut self, ahead: usize) -> bool {
        let hashes = self.chars.iter().skip(self.at + ahead).take_while(|char| **char == '#').count();
        if self.peek(ahead + hashes) != Some('"') {
            if ahead == 1 && hashes == 1 {
                self.at += 2;
                let word = self.word();
                self.found.push(Token::Word(word));
                return true;
            }
            return false;
        }
        self.at += ahead + hashes + 1;
        let start = self.at;
        while self.at < self.chars.len() {
            let closed = self.peek(0) == Some('"') && (1..=hashes).all(|index| self.peek(index) == Some('#'));
            if closed {
                break;
            }
            self.at += 1;
        }
        let content = self.chars[start..self.at].iter().collect();
        self.at += hashes + 1;
        self.literal(content);
        true
    }

    fn literal(&mut self, content: String) {
        let path = ["crate::", "super::", "self::"].iter().any(|start| content.starts_with(start));
        if path && content.chars().all(|char| is_word(char) || char == ':') {
            self.found.extend(tokens(&content));
            // A path ends here, whatever word stands behind the literal.
            self.found.push(Token::Sign('"'));
        } else {
            self.found.push(Token::Text(content));
        }
    }

    /// `'c'`, `'\n'` and `'static`: a lifetime has no second quote.
    fn quote(&mut self) {
        match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                self.at += 3;
                self.skip_while(|char| char != '\'');
                self.at += 1;
            }
            (Some(_), Some('\'')) => self.at += 3,
            _ => self.at += 1,
        }
    }
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

#[test]
fn comments_strings_and_quotes_hold_no_words() {
    let source = r##"
        // crate::a
        /* crate::b /* crate::c */ crate::d */
        let (x, y) = ('"', '\''); let z = r#" crate::e " "#; let w = b"crate::f g"; fn f<'life>() {}
        #[serde(with = "super::amount")] r#type
    "##;
    let words: Vec<String> = tokens(source).iter().filter_map(Token::word).map(String::from).collect();
    assert_eq!(
        words,
        ["let", "x", "y", "let", "z", "let", "w", "fn", "f", "life", "serde", "with", "super", "amount", "type"]
    );
}
