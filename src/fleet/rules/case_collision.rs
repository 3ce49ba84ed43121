//! `case-collision`: two hosts whose names differ in case alone.
//!
//! buildx and the network compare names without case. Those of builders are lower case anyway.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report};
use crate::inventory::Inventory;

pub(in crate::fleet) fn check(inventory: &Inventory, report: &mut Report) {
    let mut seen = BTreeMap::new();
    for (name, _) in &inventory.hosts {
        let Some(first) = seen.insert(name.get().folded(), name) else { continue };
        report.push(
            Diagnostic::error(
                Code::CaseCollision,
                format!("hosts `{first}` and `{name}` differ in case alone"),
            )
            .primary(name.span(), "buildx and DNS take it for the other")
            .context(first.span(), "the other")
            .help("rename one of them"),
        );
    }
}
