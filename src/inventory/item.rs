//! What a TOML item is, whatever the key takes.

use toml_edit::Item;

use super::shape::Shape;
use crate::types::looks_private;

/// Whether private key material is in a string or a key, however deep.
pub(super) fn is_private(item: &Item) -> bool {
    fn in_value(value: &toml_edit::Value) -> bool {
        match value {
            toml_edit::Value::String(text) => looks_private(text.value()),
            toml_edit::Value::Array(array) => array.iter().any(in_value),
            toml_edit::Value::InlineTable(table) => {
                table.iter().any(|(key, value)| looks_private(key) || in_value(value))
            }
            _ => false,
        }
    }
    match item {
        Item::Value(value) => in_value(value),
        Item::Table(table) => table.iter().any(|(key, item)| looks_private(key) || is_private(item)),
        Item::ArrayOfTables(tables) => tables
            .iter()
            .flat_map(|table| table.iter())
            .any(|(key, item)| looks_private(key) || is_private(item)),
        Item::None => false,
    }
}

/// What the item is, in words.
pub(super) fn described(item: &Item) -> &'static str {
    match item {
        Item::Value(value) => match value {
            toml_edit::Value::String(_) => "a string",
            toml_edit::Value::Integer(_) => "a whole number",
            toml_edit::Value::Float(_) => "a number with a fraction",
            toml_edit::Value::Boolean(_) => "a boolean",
            toml_edit::Value::Datetime(_) => "a date",
            toml_edit::Value::Array(_) => "an array",
            toml_edit::Value::InlineTable(_) => "a table",
        },
        Item::ArrayOfTables(_) => "an array of tables",
        Item::Table(_) => "a table",
        Item::None => "nothing",
    }
}

impl Shape {
    /// The form in words, as in "takes …".
    pub fn described(&self) -> String {
        match self {
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Integer(..) => "a whole number".to_owned(),
            Self::Text(what, _) => format!("a string ({what})"),
            Self::OneOf(words) => {
                format!("one of {}", words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", "))
            }
            Self::Size => "a number of bytes or a string such as \"10GB\"".to_owned(),
            Self::Duration => "a number of seconds or a string such as \"48h\"".to_owned(),
            Self::List(Self::Table(_)) => "an array of tables".to_owned(),
            Self::List(item) => format!("an array, each element {}", item.described()),
            Self::Map(what, _) => format!("a table, each key the name of a {what}"),
            Self::Table(_) | Self::Any => "a table".to_owned(),
            Self::Either(a, b) => format!("{} or {}", a.described(), b.described()),
        }
    }
}
