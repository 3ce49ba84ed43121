//! The list of problems that the stages fill.

use super::{Code, Fault, Span};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The output would be wrong; nothing is rendered.
    Error,
    /// It works, but is probably not what was meant.
    Warning,
}

/// A place in the inventory and what is to be said of it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the source text.
    pub span: Span,
    /// Why here; may be empty.
    pub text: String,
}

/// One problem: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, which `buildfleet explain` knows.
    pub code: Code,
    /// Whether it stops the rendering.
    pub severity: Severity,
    /// What is wrong: lowercase, no full stop, the operator's values in backticks.
    pub title: String,
    /// The place that decides; none when the file as a whole is meant.
    pub primary: Option<Label>,
    /// Further places that explain the first.
    pub context: Vec<Label>,
    /// What to do.
    pub help: Vec<String>,
    /// What else one should know.
    pub notes: Vec<String>,
}

impl Diagnostic {
    fn new(severity: Severity, code: Code, title: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            title: title.into(),
            primary: None,
            context: Vec::new(),
            help: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A problem that makes the output wrong.
    pub fn error(code: Code, title: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, title)
    }

    /// Something that works but is probably not meant.
    pub fn warning(code: Code, title: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, title)
    }

    /// The error that a newtype's [`Fault`] at `span` is.
    pub fn from_fault(fault: Fault, span: Span) -> Self {
        Self::error(fault.code, fault.what).primary(span, "").help(fault.help)
    }

    /// Sets the place that decides.
    #[must_use]
    pub fn primary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into() });
        self
    }

    /// Adds a place that explains the first.
    #[must_use]
    pub fn context(mut self, span: Span, text: impl Into<String>) -> Self {
        self.context.push(Label { span, text: text.into() });
        self
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a line of background.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

/// Every problem found so far.
#[derive(Debug, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether anything found stops the rendering.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// How many errors and how many warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        (errors, self.diagnostics.len() - errors)
    }

    /// The problems in the order of the file; those of the file as a whole come first.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics;
        diagnostics
            .sort_by_key(|d| (d.primary.as_ref().map(|l| (l.span.start, l.span.end)), d.severity, d.code));
        diagnostics
    }
}
