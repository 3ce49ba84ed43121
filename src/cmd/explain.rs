//! `explain`: the page of a diagnostic code, or the list of all.

use std::fmt::Write as _;

use buildfleet::diag::Code;
use buildfleet::error::{Error, Exit};
use buildfleet::inventory::shape::nearest;

use super::{exit, put};
use crate::cli::Explain;

/// Prints the page, or without a code the list.
pub fn run(args: &Explain) -> Result<Exit, Error> {
    let text = match &args.code {
        None => list(),
        Some(name) => page(name)?.to_owned(),
    };
    put(&text)?;
    Ok(exit(false))
}

fn page(name: &str) -> Result<&'static str, Error> {
    let unknown = |_| {
        let nearest = nearest(name, Code::ALL.iter().map(|code| code.as_str()));
        Error::UnknownCode { code: name.to_owned(), nearest: nearest.map(ToOwned::to_owned) }
    };
    name.parse::<Code>().map(Code::page).map_err(unknown)
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or_default();
    let mut out = String::new();
    for code in Code::ALL {
        let _ = writeln!(out, "{:width$}  {}", code.as_str(), code.summary());
    }
    out
}
