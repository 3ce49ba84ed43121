//! What a newtype says of a text that it does not accept.

use super::Code;

/// Why a text is not a value: the `Err` of every `FromStr` in [`crate::types`].
///
/// It knows nothing of places; the reader of the inventory adds the span and makes a diagnostic of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable code under which it is reported.
    pub code: Code,
    /// What is wrong: lowercase, no full stop, the operator's text in backticks.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl Fault {
    /// A fault with its three parts.
    pub fn new(code: Code, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, what: what.into(), help: help.into() }
    }
}
