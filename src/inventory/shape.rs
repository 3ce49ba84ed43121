//! What an inventory may hold, as data: one table of keys drives the reader's check for unknown keys, the
//! JSON schema, the reference in `docs/inventory.md` and the completion of editors.

use toml_edit::Item;

use super::value::{ListItem, Problem, Value};
use crate::types::BuildkitVersion;

/// The form of a value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the last, both included.
    Integer(i64, i64),
    /// A string; the first text names what it spells, the second is a regular expression for editors.
    Text(&'static str, &'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A number of bytes, or a string with a unit or a percentage.
    Size,
    /// A number of seconds, or a string such as `"48h"`.
    Duration,
    /// An array of such values.
    List(&'static Shape),
    /// A table with keys of the operator's own; the text names what a key is.
    Map(&'static str, &'static Shape),
    /// A table with the keys of the [`Table`].
    Table(&'static Table),
    /// A table that is handed on as it is.
    Any,
    /// Either of two forms.
    Either(&'static Shape, &'static Shape),
}

impl Shape {
    /// The table that a value of this form is or may be.
    pub fn as_table(&self) -> Option<&'static Table> {
        match self {
            Self::Table(table) => Some(table),
            Self::Either(_, second) => second.as_table(),
            _ => None,
        }
    }
}

/// A table of the inventory and the keys that it takes.
#[derive(Debug)]
pub struct Table {
    /// How the reference heads it, such as `[hosts.<name>.worker]`.
    pub heading: &'static str,
    /// What the table is for.
    pub doc: &'static str,
    /// Its keys in the order of the reference, in groups that tables may share.
    pub groups: &'static [&'static [Key]],
}

/// Reads a value of the inventory into the value that stands in buildkitd.toml.
pub type ReadSetting = fn(&Item) -> Result<toml_edit::Value, Problem>;

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// As written in the inventory.
    pub name: &'static str,
    /// The form of its value.
    pub shape: Shape,
    /// Whether the table must have it.
    pub need: Need,
    /// What it does, with its unit: a sentence or two of Markdown.
    pub doc: &'static str,
    /// An example value as TOML; empty for tables.
    pub example: &'static str,
    /// The BuildKit that first knew it, for keys that go into buildkitd.toml.
    pub since: BuildkitVersion,
    /// For a key that goes into buildkitd.toml as it is: reads it into the value written there.
    pub setting: Option<ReadSetting>,
}

/// Whether a key must be there, and what holds if it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It need not; the text says what holds then.
    Default(&'static str),
}

impl Key {
    /// The key, known to BuildKit from version 0.`minor` on.
    pub const fn since(self, minor: u16) -> Self {
        Self { since: BuildkitVersion::minor(minor), ..self }
    }

    /// A key whose value is a `T`.
    pub const fn of<T: Value>(
        name: &'static str,
        need: Need,
        doc: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, shape: T::SHAPE, need, doc, example, since: BuildkitVersion::OLDEST, setting: None }
    }

    /// A key whose value is an array of `T`.
    pub const fn list_of<T: ListItem>(
        name: &'static str,
        need: Need,
        doc: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, shape: T::LIST, need, doc, example, since: BuildkitVersion::OLDEST, setting: None }
    }

    /// A key of buildkitd.toml, under BuildKit's own name.
    pub const fn setting<T: Value + Into<toml_edit::Value>>(
        name: &'static str,
        default: &'static str,
        doc: &'static str,
        example: &'static str,
    ) -> Self {
        let setting: ReadSetting = read_setting::<T>;
        Self {
            name,
            shape: T::SHAPE,
            need: Need::Default(default),
            doc,
            example,
            since: BuildkitVersion::OLDEST,
            setting: Some(setting),
        }
    }

    /// A key that is a table, an array of tables or a table of tables.
    pub const fn nested(name: &'static str, shape: Shape, need: Need, doc: &'static str) -> Self {
        Self { name, shape, need, doc, example: "", since: BuildkitVersion::OLDEST, setting: None }
    }
}

fn read_setting<T: Value + Into<toml_edit::Value>>(item: &Item) -> Result<toml_edit::Value, Problem> {
    T::read(item).map(Into::into)
}

impl Table {
    /// All keys, in the order of the reference.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().copied().flatten()
    }

    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// The name of the key that `name` is most likely meant to be, if any is close.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.keys().map(|key| key.name))
    }
}

/// The candidate that `name` is most likely meant to be, if any is close.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace(['_', '-'], "");
    let scored = candidates.map(|candidate| {
        let same = plain(candidate) == plain(name);
        (if same { 1.0 } else { strsim::jaro_winkler(candidate, name) }, candidate)
    });
    let (score, candidate) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.8).then_some(candidate)
}
