//! The reader of a TOML table that notes every fault and goes on.
//!
//! serde would stop at the first fault; an operator who mends a file wants to see them all.

use std::cell::RefCell;

use toml_edit::{Item, TableLike};

use super::item::{described, is_private};
use super::shape::{Key, Shape, Table};
use super::spanned::{Said, Spanned};
use super::value::{Problem, Value};
use crate::diag::{Code, Diagnostic, Fault, Report, Span};
use crate::types::{looks_private, private_key_fault};

/// The values of one table of the inventory, handed out by key.
///
/// The keys asked for must be those of the [`Table`]; `finish` reports the keys that are not in it.
pub struct Fields<'a> {
    shape: &'static Table,
    items: &'a dyn TableLike,
    span: Span,
    report: &'a RefCell<Report>,
    private: &'a [Span],
}

impl<'a> Fields<'a> {
    /// The reader of `items`, which stand at `span`; what stands at the `private` places has been reported.
    pub fn new(
        shape: &'static Table,
        items: &'a dyn TableLike,
        span: Span,
        report: &'a RefCell<Report>,
        private: &'a [Span],
    ) -> Self {
        Self { shape, items, span, report, private }
    }

    /// The reader of another table of the same inventory.
    fn beside(&self, shape: &'static Table, items: &'a dyn TableLike, span: Span) -> Self {
        Self { shape, items, span, report: self.report, private: self.private }
    }

    /// Reports private key material, unless the place is known for it already.
    fn push_private(&self, span: Span) {
        if !self.private.iter().any(|known| known.start < span.end && span.start < known.end) {
            self.push(Diagnostic::from_fault(private_key_fault(), span));
        }
    }

    /// The keys of the table that are there.
    pub fn said(&self) -> Said {
        let there = self.shape.keys().filter(|key| self.has(key.name) && !self.is_empty_array(key.name));
        Said(there.map(|key| (key.name, self.key_span(key.name))).collect())
    }

    /// How many entries the table of that key has.
    pub fn entries(&self, key: &str) -> usize {
        self.items.get(key).and_then(Item::as_table_like).map_or(0, TableLike::len)
    }

    /// Where the table stands: its header, or its key.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Notes a problem that the caller found.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.report.borrow_mut().push(diagnostic);
    }

    /// Whether the key is there, be its value good or bad.
    pub fn has(&self, key: &str) -> bool {
        self.items.contains_key(key)
    }

    /// Whether the key is there with a boolean, where it may be a table too.
    pub fn is_bool(&self, key: &str) -> bool {
        self.items.get(key).is_some_and(Item::is_bool)
    }

    /// Whether the key is there with an array that has no elements.
    pub fn is_empty_array(&self, key: &str) -> bool {
        self.items.get(key).and_then(Item::as_array).is_some_and(toml_edit::Array::is_empty)
    }

    /// Whether the key is there with a table.
    pub fn is_table(&self, key: &str) -> bool {
        self.items.get(key).is_some_and(Item::is_table_like)
    }

    /// The place of a key's name, for a message about its being there at all.
    pub fn key_span(&self, key: &str) -> Span {
        self.items.key(key).and_then(toml_edit::Key::span).unwrap_or_else(|| self.span())
    }

    fn key(&self, key: &str) -> &'static Key {
        self.shape.key(key).unwrap_or_else(|| panic!("`{key}` is a key of {}", self.shape.heading))
    }

    fn item(&self, key: &str) -> Option<(&'a Item, Span)> {
        debug_assert!(self.shape.key(key).is_some(), "`{key}` is a key of {}", self.shape.heading);
        let item = self.items.get(key)?;
        Some((item, span_of(item).unwrap_or_else(|| self.key_span(key))))
    }

    /// Reports the key as missing when it is.
    pub fn require(&self, key: &str) -> bool {
        let there = self.has(key);
        if !there {
            let example = self.key(key).example;
            let mut diagnostic = Diagnostic::error(
                Code::MissingKey,
                format!("`{key}` is missing in `{}`", self.shape.heading),
            )
            .primary(self.span(), "in this table");
            if !example.is_empty() {
                diagnostic = diagnostic.help(format!("add for example `{key} = {example}`"));
            } else {
                diagnostic = diagnostic.help(format!("add a table `{key}`"));
            }
            self.push(diagnostic);
        }
        there
    }

    /// The value of a key that must be there.
    pub fn required<T: Value>(&self, key: &str) -> Option<Spanned<T>> {
        if self.require(key) { self.optional(key) } else { None }
    }

    /// The value of a key, if it is there and good.
    pub fn optional<T: Value>(&self, key: &str) -> Option<Spanned<T>> {
        let (item, span) = self.item(key)?;
        self.value(key, T::SHAPE, item, span, T::read)
    }

    /// The elements of an array that are good; none if the key is not there.
    pub fn list<T: Value>(&self, key: &str) -> Vec<Spanned<T>> {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        let Some(array) = item.as_array() else {
            self.wrong_type(key, &self.key(key).shape, item, span);
            return Vec::new();
        };
        let elements = array.iter().filter_map(|value| {
            let element_span = value.span().unwrap_or_else(|| span.clone());
            let element = Item::Value(value.clone());
            if is_private(&element) {
                self.push_private(element_span);
                return None;
            }
            match T::read(&element) {
                Ok(value) => Some(Spanned::new(value, element_span)),
                Err(Problem::Type) => {
                    self.wrong_element(key, &T::SHAPE, &element, element_span);
                    None
                }
                Err(Problem::Fault(fault)) => {
                    self.push(Diagnostic::from_fault(fault, element_span));
                    None
                }
                Err(Problem::Within(problems)) => {
                    self.push_all(problems);
                    None
                }
            }
        });
        elements.collect()
    }

    /// The elements of an array all of which are good.
    pub fn list_whole<T: Value>(&self, key: &str) -> Option<Vec<Spanned<T>>> {
        let length = self.items.get(key)?.as_array().map_or(usize::MAX, toml_edit::Array::len);
        Some(self.list(key)).filter(|list| list.len() == length)
    }

    /// The value as it goes into buildkitd.toml.
    pub fn setting(&self, key: &'static Key) -> Option<Spanned<toml_edit::Value>> {
        let (item, span) = self.item(key.name)?;
        self.value(key.name, key.shape, item, span, key.setting?)
    }

    fn value<T>(
        &self,
        key: &str,
        shape: Shape,
        item: &Item,
        span: Span,
        read: impl FnOnce(&Item) -> Result<T, Problem>,
    ) -> Option<Spanned<T>> {
        if is_private(item) {
            self.push_private(span);
            return None;
        }
        match read(item) {
            Ok(value) => Some(Spanned::new(value, span)),
            Err(Problem::Type) => {
                self.wrong_type(key, &shape, item, span);
                None
            }
            Err(Problem::Fault(fault)) => {
                self.push(Diagnostic::from_fault(fault, span));
                None
            }
            Err(Problem::Within(problems)) => {
                self.push_all(problems);
                None
            }
        }
    }

    fn push_all(&self, problems: Vec<(Fault, Span)>) {
        for (fault, span) in problems {
            self.push(Diagnostic::from_fault(fault, span));
        }
    }

    fn wrong_type(&self, key: &str, shape: &Shape, item: &Item, span: Span) {
        let wanted = shape.described();
        self.push(
            Diagnostic::error(Code::WrongType, format!("`{key}` takes {wanted}"))
                .primary(span, format!("this is {}", described(item)))
                .help(match self.shape.key(key).map(|k| k.example) {
                    Some(example) if !example.is_empty() => format!("for example `{key} = {example}`"),
                    _ => format!("write {wanted}"),
                }),
        );
    }

    fn wrong_element(&self, key: &str, shape: &Shape, item: &Item, span: Span) {
        let wanted = shape.described();
        self.push(
            Diagnostic::error(Code::WrongType, format!("each element of `{key}` takes {wanted}"))
                .primary(span, format!("this is {}", described(item)))
                .help(format!("write {wanted}")),
        );
    }

    /// The table of that key.
    pub fn table(&self, key: &str) -> Option<Fields<'a>> {
        let (item, span) = self.item(key)?;
        let shape = self.key(key).shape.as_table();
        let shape = shape.unwrap_or_else(|| panic!("`{key}` of {} is a table", self.shape.heading));
        self.fields(key, shape, item, span)
    }

    fn fields(&self, key: &str, shape: &'static Table, item: &'a Item, span: Span) -> Option<Fields<'a>> {
        match item.as_table_like() {
            Some(items) => Some(self.beside(shape, items, span)),
            None => {
                let wanted = self.shape.key(key).map_or(Shape::Table(shape), |key| key.shape);
                self.wrong_type(key, &wanted, item, span);
                None
            }
        }
    }

    /// The tables of an array of tables, in order.
    pub fn tables(&self, key: &str) -> Vec<Fields<'a>> {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        let shape = match self.key(key).shape {
            Shape::List(item) => item.as_table(),
            _ => None,
        };
        let shape =
            shape.unwrap_or_else(|| panic!("`{key}` of {} is an array of tables", self.shape.heading));
        if let Some(tables) = item.as_array_of_tables() {
            let fields = tables.iter().map(|table| {
                let span = table.span().unwrap_or_else(|| span.clone());
                self.beside(shape, table, span)
            });
            return fields.collect();
        }
        let Some(array) = item.as_array() else {
            self.wrong_type(key, &self.key(key).shape, item, span);
            return Vec::new();
        };
        let mut fields = Vec::new();
        for value in array {
            let span = value.span().unwrap_or_else(|| span.clone());
            match value.as_inline_table() {
                Some(items) => fields.push(self.beside(shape, items, span)),
                None => self.wrong_element(key, &Shape::Table(shape), &Item::Value(value.clone()), span),
            }
        }
        fields
    }

    /// The tables of a table whose keys are the operator's own, each key parsed; in the order of the file.
    pub fn map<K>(&self, key: &str) -> Vec<(Spanned<K>, Fields<'a>)>
    where
        K: std::str::FromStr<Err = Fault>,
    {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        let shape = match self.key(key).shape {
            Shape::Map(_, item) => item.as_table(),
            _ => None,
        };
        let shape = shape.unwrap_or_else(|| panic!("`{key}` of {} is a table of tables", self.shape.heading));
        let Some(table) = item.as_table_like() else {
            self.wrong_type(key, &self.key(key).shape, item, span);
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (name, item) in table.iter() {
            let name_span = table.key(name).and_then(toml_edit::Key::span).unwrap_or_else(|| span.clone());
            let fields = self.fields(name, shape, item, span_of(item).unwrap_or_else(|| name_span.clone()));
            if looks_private(name) {
                self.push_private(name_span);
                continue;
            }
            match name.parse::<K>() {
                Ok(parsed) => entries.extend(fields.map(|f| (Spanned::new(parsed, name_span), f))),
                Err(fault) => self.push(Diagnostic::from_fault(fault, name_span)),
            }
        }
        entries
    }

    /// Reports the keys that the table does not take.
    pub fn finish(self) {
        for (name, item) in self.items.iter() {
            if self.shape.key(name).is_some() {
                continue;
            }
            let span = self.key_span(name);
            if looks_private(name) {
                self.push_private(span);
                continue;
            }
            if is_private(item) {
                self.push_private(span_of(item).unwrap_or_else(|| span.clone()));
                continue;
            }
            let title = format!("unknown key `{}` in `{}`", name.escape_debug(), self.shape.heading);
            let diagnostic = Diagnostic::error(Code::UnknownKey, title).primary(span, "nothing reads it");
            self.push(match self.shape.nearest(name) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => {
                    let keys = self.shape.keys().map(|k| k.name).collect::<Vec<_>>().join(", ");
                    diagnostic.help(format!("the keys of `{}` are: {keys}", self.shape.heading))
                }
            });
        }
    }
}

fn span_of(item: &Item) -> Option<Span> {
    match item {
        Item::ArrayOfTables(tables) => tables.iter().next().and_then(toml_edit::Table::span),
        other => other.span(),
    }
}
