//! `no-nodes`: a builder without nodes.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values().filter(|builder| builder.has_no_nodes) {
        report.push(
            Diagnostic::error(Code::NoNodes, format!("builder `{}` has no nodes", builder.name))
                .primary(builder.nodes_span.clone(), "nothing builds here")
                .help("list at least one host that has a `worker`"),
        );
    }
}
