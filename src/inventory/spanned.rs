//! What the inventory says, with the place where it says it.

use std::fmt;

use crate::diag::Span;

/// A value and the place where the inventory says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spanned<T> {
    value: T,
    at: (usize, usize),
}

impl<T> Spanned<T> {
    /// The value as said at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, at: (span.start, span.end) }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The place.
    pub fn span(&self) -> Span {
        self.at.0..self.at.1
    }

    /// The value without its place.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// The keys of a table that are there, be their values good or bad, with the places of their names.
///
/// Rules ask it so as not to call missing what was refused, and to find keys that have no effect.
#[derive(Debug, Clone, Default)]
pub struct Said(pub(super) Vec<(&'static str, Span)>);

impl Said {
    /// Whether the key is there with more than an empty list.
    pub fn has(&self, key: &str) -> bool {
        self.span(key).is_some()
    }

    /// The place of the key's name, if it is there.
    pub fn span(&self, key: &str) -> Option<Span> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, span)| span.clone())
    }

    /// Those of the keys that are there, with their places.
    pub fn among<'a>(&'a self, keys: &'a [&'static str]) -> impl Iterator<Item = (&'static str, Span)> + 'a {
        self.0.iter().filter(|(name, _)| keys.contains(name)).cloned()
    }
}
