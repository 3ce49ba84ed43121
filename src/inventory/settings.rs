//! Settings of buildkitd.toml: read by the table of keys, merged key by key, written in its order.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::shape::{Key, Shape, Table};
use super::spanned::Spanned;
use crate::diag::Span;

/// Values under BuildKit's own keys, for a table of buildkitd.toml and the tables below it.
///
/// Only keys of the [`Table`] it was read by are in it, each with a value of the right form.
#[derive(Debug, Clone)]
pub struct Settings {
    shape: &'static Table,
    values: BTreeMap<&'static str, Spanned<toml_edit::Value>>,
    tables: BTreeMap<&'static str, Settings>,
    lists: BTreeMap<&'static str, (Span, Vec<Settings>)>,
}

impl Settings {
    /// No settings at all.
    pub fn empty(shape: &'static Table) -> Self {
        Self { shape, values: BTreeMap::new(), tables: BTreeMap::new(), lists: BTreeMap::new() }
    }

    /// Reads every key of the table that goes into buildkitd.toml; other keys are the caller's to read, and
    /// so is `finish`, for which the reader is left.
    pub fn read(shape: &'static Table, fields: &Fields<'_>) -> Self {
        let mut settings = Self::empty(shape);
        for key in shape.keys() {
            if key.setting.is_some() {
                settings.values.extend(fields.setting(key).map(|value| (key.name, value)));
                continue;
            }
            if !fields.has(key.name) {
                continue;
            }
            match key.shape {
                Shape::Either(..) if fields.is_bool(key.name) => {
                    settings.tables.extend(Self::read_switch(key, fields).map(|table| (key.name, table)));
                }
                Shape::Table(_) | Shape::Either(..) => {
                    let Some(table) = key.shape.as_table().filter(|table| table.has_settings()) else {
                        continue;
                    };
                    let nested = fields.table(key.name).map(|nested| Self::read_whole(table, nested));
                    settings.tables.extend(nested.map(|nested| (key.name, nested)));
                }
                Shape::List(item) => {
                    let Some(table) = item.as_table().filter(|table| table.has_settings()) else { continue };
                    let tables = fields.tables(key.name).into_iter();
                    let list = tables.map(|nested| Self::read_whole(table, nested)).collect();
                    settings.lists.insert(key.name, (fields.key_span(key.name), list));
                }
                _ => {}
            }
        }
        settings
    }

    fn read_whole(shape: &'static Table, fields: Fields<'_>) -> Self {
        let settings = Self::read(shape, &fields);
        fields.finish();
        settings
    }

    /// `cdi = false`, which says `disabled = true`.
    fn read_switch(key: &'static Key, fields: &Fields<'_>) -> Option<Self> {
        let on = fields.optional::<bool>(key.name)?;
        let mut settings = Self::empty(key.shape.as_table()?);
        settings.values.insert("disabled", Spanned::new((!*on.get()).into(), on.span()));
        Some(settings)
    }

    /// These settings, with those of `over` in the place of any that both have.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let mut merged = self.clone();
        merged.values.extend(over.values.iter().map(|(key, value)| (*key, value.clone())));
        merged.lists.extend(over.lists.iter().map(|(key, list)| (*key, list.clone())));
        for (key, table) in &over.tables {
            let below = merged.tables.remove(key);
            merged.tables.insert(key, below.map_or_else(|| table.clone(), |below| below.overlaid(table)));
        }
        merged
    }

    /// The value of a key of this table.
    pub fn get(&self, key: &str) -> Option<&Spanned<toml_edit::Value>> {
        self.values.get(key)
    }

    /// These settings and the given strings, which the inventory does not say.
    #[must_use]
    pub fn with_texts(&self, texts: &[(&'static str, &str)]) -> Self {
        let mut settings = self.clone();
        settings.values.extend(texts.iter().map(|(key, text)| (*key, Spanned::new((*text).into(), 0..0))));
        settings
    }

    /// Whether the key is there and `true`.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(|value| value.get().as_bool()) == Some(true)
    }

    /// The settings of a table below.
    pub fn table(&self, key: &str) -> Option<&Settings> {
        self.tables.get(key)
    }

    /// The settings of an array of tables, and where it stands.
    pub fn list(&self, key: &str) -> Option<(&Span, &[Settings])> {
        self.lists.get(key).map(|(span, list)| (span, list.as_slice()))
    }

    /// The keys of this table that are set, with their places, in the order of the table.
    pub fn set_keys(&self) -> impl Iterator<Item = (&'static str, Span)> {
        self.shape.keys().filter_map(|key| {
            let value = self.values.get(key.name).map(Spanned::span);
            let list = || self.lists.get(key.name).map(|(span, _)| span.clone());
            let table = || self.tables.get(key.name).and_then(Settings::first_span);
            Some((key.name, value.or_else(list).or_else(table)?))
        })
    }

    fn first_span(&self) -> Option<Span> {
        self.set_keys().map(|(_, span)| span).min_by_key(|span| span.start)
    }

    /// Calls `see` with every key that is set here and below, and its place.
    pub fn each(&self, see: &mut dyn FnMut(&'static Key, Span)) {
        for key in self.shape.keys() {
            if let Some(value) = self.values.get(key.name) {
                see(key, value.span());
            }
            if let Some(table) = self.tables.get(key.name) {
                table.each(see);
            }
            if let Some((_, list)) = self.lists.get(key.name) {
                list.iter().for_each(|entry| entry.each(see));
            }
        }
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.tables.values().all(Self::is_empty) && self.lists.is_empty()
    }

    /// The table of keys by which it was read.
    pub fn shape(&self) -> &'static Table {
        self.shape
    }
}

impl Table {
    fn has_settings(&self) -> bool {
        self.keys().any(|key| key.setting.is_some() || key.shape.as_table().is_some_and(Self::has_settings))
    }
}
