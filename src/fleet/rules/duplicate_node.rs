//! `duplicate-node`: a host twice among the nodes of a builder.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        let mut seen = BTreeMap::new();
        for node in &builder.nodes {
            let Some(first) = seen.insert(node.get(), node) else { continue };
            report.push(
                Diagnostic::error(
                    Code::DuplicateNode,
                    format!("builder `{}` has node `{node}` twice", builder.name),
                )
                .primary(node.span(), "named again")
                .context(first.span(), "named here already")
                .help("take one of them out; all platforms of a host belong to its one node"),
            );
        }
    }
}
