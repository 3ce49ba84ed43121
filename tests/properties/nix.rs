//! A strict reader of the little Nix that is rendered: literals, lists, sets, paths and `import` of one.
//!
//! Written after Nix's own lexer, not after our writer: whatever Nix would take for something else than a literal,
//! such as `${`, is an error. No part of it looks at how the text was made.

use std::collections::BTreeMap;

/// A value as Nix would evaluate it; paths are relative to the folder of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Str(String),
    Path(String),
    Import(String),
    List(Vec<Value>),
    Set(BTreeMap<String, Value>),
}

// Each user of it needs a part.
#[allow(dead_code)]
impl Value {
    /// The attribute of a set at a path of names, or null.
    pub fn at(&self, names: &[&str]) -> &Self {
        names.iter().fold(self, |value, name| match value {
            Self::Set(set) => set.get(*name).unwrap_or(&Self::Null),
            _ => &Self::Null,
        })
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// The value of a text that is one expression.
pub fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text };
    // A module is a function.
    reader.take("{ lib, ... }:");
    let value = reader.expression()?;
    reader.blanks();
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.fault("something behind the expression")) }
}

/// A relative path without `.` and with `..` at its beginning alone.
pub fn canonical(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

struct Reader<'a> {
    rest: &'a str,
}

const KEYWORDS: &[&str] = &["if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or"];

/// What a path literal is made of, between its slashes.
fn in_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-+".contains(c)
}

impl<'a> Reader<'a> {
    fn fault(&self, what: &str) -> String {
        format!("{what}, at: {}", self.rest.chars().take(40).collect::<String>())
    }

    fn blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n']);
            let Some(comment) = self.rest.strip_prefix('#') else { return };
            // Nix ends a line at a carriage return too, and what follows would be code.
            self.rest = comment.find(['\n', '\r']).and_then(|at| comment.get(at..)).unwrap_or_default();
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn want(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.fault(&format!("no `{token}`"))) }
    }

    /// The longest run of such characters.
    fn run(&self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !of(c)).unwrap_or(self.rest.len());
        self.rest.get(..end).unwrap_or_default()
    }

    fn skip(&mut self, text: &str) {
        self.rest = self.rest.get(text.len()..).unwrap_or_default();
    }

    fn expression(&mut self) -> Result<Value, String> {
        self.blanks();
        if self.run(|c| c.is_ascii_alphanumeric()) == "import" {
            self.skip("import");
            return match self.simple()? {
                // A function of `lib` and a set, which gives the set with other priorities.
                Value::Path(_) if self.take("lib") => self.simple(),
                Value::Path(path) => Ok(Value::Import(path)),
                other => Err(format!("import of {other:?}")),
            };
        }
        let first = self.simple()?;
        if !self.take("+") {
            return Ok(first);
        }
        match (first, self.simple()?) {
            (Value::Path(path), Value::Str(text)) => Ok(Value::Path(canonical(&(path + &text)))),
            (first, second) => Err(format!("{first:?} + {second:?}")),
        }
    }

    fn simple(&mut self) -> Result<Value, String> {
        self.blanks();
        if self.take("(") {
            let value = if self.take("-") {
                match self.simple()? {
                    Value::Int(number) => Value::Int(-number),
                    other => return Err(format!("- {other:?}")),
                }
            } else {
                self.expression()?
            };
            self.want(")")?;
            return Ok(value);
        }
        if self.take("[") {
            let mut items = Vec::new();
            while !self.take("]") {
                items.push(self.simple()?);
            }
            return Ok(Value::List(items));
        }
        if self.take("{") {
            return self.set();
        }
        if self.rest.starts_with('"') {
            return Ok(Value::Str(self.string()?));
        }
        let word = self.run(|c| in_path(c) || c == '/');
        if word.contains('/') {
            if word.ends_with('/') || word.contains("//") || word.starts_with('/') {
                return Err(self.fault("no relative path"));
            }
            self.skip(word);
            return Ok(Value::Path(canonical(word)));
        }
        let word = self.run(|c| c.is_ascii_alphanumeric() || "_'-".contains(c));
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                Value::Int(digits.parse().map_err(|_| self.fault("too large"))?)
            }
            _ => return Err(self.fault("no literal")),
        };
        self.skip(word);
        Ok(value)
    }

    fn set(&mut self) -> Result<Value, String> {
        let mut set = BTreeMap::new();
        while !self.take("}") {
            let mut names = vec![self.name()?];
            while self.take(".") {
                names.push(self.name()?);
            }
            self.want("=")?;
            let mut value = self.expression()?;
            self.want(";")?;
            let first = names.remove(0);
            for name in names.into_iter().rev() {
                value = Value::Set(BTreeMap::from([(name, value)]));
            }
            if set.insert(first.clone(), value).is_some() {
                return Err(format!("`{first}` twice"));
            }
        }
        Ok(Value::Set(set))
    }

    /// The name of an attribute.
    pub fn name(&mut self) -> Result<String, String> {
        self.blanks();
        if self.rest.starts_with('"') {
            return self.string();
        }
        let word = self.run(|c| c.is_ascii_alphanumeric() || "_'-".contains(c));
        if !word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || KEYWORDS.contains(&word) {
            return Err(self.fault("no name"));
        }
        self.skip(word);
        Ok(word.to_owned())
    }

    /// Nix, `src/libexpr/lexer.l`, the state STRING.
    fn string(&mut self) -> Result<String, String> {
        let mut chars = self.rest.chars();
        let mut text = String::new();
        if chars.next() != Some('"') {
            return Err(self.fault("no string"));
        }
        loop {
            match chars.next() {
                None => return Err(self.fault("a string without end")),
                Some('"') => break,
                Some('\\') => match chars.next() {
                    None => return Err(self.fault("a string without end")),
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some(c) => text.push(c),
                },
                Some('$') => {
                    text.push('$');
                    match chars.clone().next() {
                        Some('{') => return Err(self.fault("`${` in a string")),
                        Some('"' | '\\') | None => {}
                        // A pair: the second `$` of `$${` begins nothing.
                        Some(c) => {
                            chars.next();
                            text.push(c);
                        }
                    }
                }
                Some(c @ ('\r' | '\0')) => return Err(self.fault(&format!("{c:?} in a string"))),
                Some(c) => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(text)
    }
}
