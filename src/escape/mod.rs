//! One escaper per language: each writes any text as one literal of its language, or says that it cannot.

pub mod nix;
pub mod shell;

/// A text that a language cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{language} cannot hold a text with {what} in it")]
pub struct EscapeError {
    /// The language.
    pub language: &'static str,
    /// What it cannot hold.
    pub what: &'static str,
}

impl EscapeError {
    fn new(language: &'static str, what: &'static str) -> Self {
        Self { language, what }
    }
}
