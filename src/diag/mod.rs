//! What is wrong with an inventory: where, why and what to do.
//!
//! A stage pushes [`Diagnostic`]s into a [`Report`] and goes on, so that an operator sees every problem at
//! once. Looks are left to [`mod@print`]; here are only facts.

mod code;
mod fault;
pub mod print;
mod report;
mod source;

pub use code::Code;
pub use fault::Fault;
pub use report::{Diagnostic, Label, Report, Severity};
pub use source::{MAX_BYTES, Place, Source, SourceError, Span};
