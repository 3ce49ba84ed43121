//! Nix values, laid out as nixfmt lays them out (RFC 166, width 100).

use crate::escape::{EscapeError, nix};

/// A Nix value.
#[derive(Debug)]
pub enum Nix {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A string.
    Str(String),
    /// A path, relative to the file that holds it.
    Path(String),
    /// `import` of such a path.
    Import(String),
    /// `[ … ]`
    List(Vec<Nix>),
    /// `{ … }`
    Set(Vec<Attribute>),
}

/// An attribute of a set, perhaps with lines of comment above it.
#[derive(Debug)]
pub struct Attribute {
    comment: Vec<String>,
    /// Whether a blank line stands before it.
    apart: bool,
    name: String,
    value: Nix,
}

/// `name = value;`
pub fn attr(name: &str, value: impl Into<Nix>) -> Attribute {
    Attribute { comment: Vec::new(), apart: false, name: name.to_owned(), value: value.into() }
}

impl Attribute {
    /// With a line of comment above it.
    pub fn why(mut self, line: &str) -> Self {
        self.comment.push(line.to_owned());
        self
    }

    /// With a blank line before it.
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }
}

impl From<bool> for Nix {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Nix {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Nix {
    fn from(value: &str) -> Self {
        Self::Str(value.to_owned())
    }
}

impl From<String> for Nix {
    fn from(value: String) -> Self {
        Self::Str(value)
    }
}

impl From<Vec<Attribute>> for Nix {
    fn from(value: Vec<Attribute>) -> Self {
        Self::Set(value)
    }
}

impl Nix {
    /// A list of strings.
    pub fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(|item| Self::Str(item.to_string())).collect())
    }

    /// The value as text, its further lines indented by `depth` times two blanks.
    pub fn write(&self, depth: usize) -> Result<String, EscapeError> {
        let pad = "  ".repeat(depth + 1);
        let end = "  ".repeat(depth);
        Ok(match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) if *value < 0 => format!("({value})"),
            Self::Int(value) => value.to_string(),
            Self::Str(value) => nix::string(value)?,
            Self::Path(path) => nix::path(path)?,
            Self::Import(path) => format!("import {}", parenthesised(nix::path(path)?)),
            Self::List(items) if items.is_empty() => "[ ]".to_owned(),
            Self::List(items) => {
                let written = items.iter().map(|item| item.item(depth + 1)).collect::<Result<Vec<_>, _>>()?;
                match written.as_slice() {
                    [only] if !only.contains('\n') => format!("[ {only} ]"),
                    _ => format!(
                        "[\n{}{end}]",
                        written.iter().map(|w| format!("{pad}{w}\n")).collect::<String>()
                    ),
                }
            }
            Self::Set(attributes) if attributes.is_empty() => "{ }".to_owned(),
            Self::Set(attributes) => {
                let mut out = "{\n".to_owned();
                for (at, attribute) in attributes.iter().enumerate() {
                    if attribute.apart && at > 0 {
                        out.push('\n');
                    }
                    for line in &attribute.comment {
                        out.push_str(&format!("{pad}# {line}\n"));
                    }
                    let name = nix::attribute(&attribute.name)?;
                    let value = attribute.value.write(depth + 1)?;
                    // nixfmt moves a value that does not fit onto a line of its own, if it fits there.
                    let width = |text: &str| text.chars().count();
                    let line = pad.len() + width(&name) + width(" = ;") + width(&value);
                    let fits_below = pad.len() + 2 + width(&value) < 100;
                    if !value.contains('\n') && line > 100 && fits_below && !value.starts_with('[') {
                        out.push_str(&format!("{pad}{name} =\n{pad}  {value};\n"));
                    } else if !value.contains('\n') && line > 100 && value.starts_with("[ ") {
                        let item = value.trim_start_matches("[ ").trim_end_matches(" ]");
                        out.push_str(&format!("{pad}{name} = [\n{pad}  {item}\n{pad}];\n"));
                    } else {
                        out.push_str(&format!("{pad}{name} = {value};\n"));
                    }
                }
                format!("{out}{end}}}")
            }
        })
    }

    /// The value as an item of a list, where some need parentheses.
    fn item(&self, depth: usize) -> Result<String, EscapeError> {
        let written = self.write(depth)?;
        Ok(match self {
            Self::Import(_) => format!("({written})"),
            Self::Path(_) => parenthesised(written),
            _ => written,
        })
    }
}

/// A path that is made of several words, in parentheses.
fn parenthesised(path: String) -> String {
    if path.contains(' ') { format!("({path})") } else { path }
}
