//! `not-a-worker`: a node without a worker.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        for name in &builder.nodes {
            let Some(host) = fleet.host(name.get()).filter(|host| !host.said.has("worker")) else { continue };
            report.push(
                Diagnostic::error(
                    Code::NotAWorker,
                    format!("node `{name}` of builder `{}` has no worker", builder.name),
                )
                .primary(name.span(), "named as a node")
                .context(host.span.clone(), "has no `worker`")
                .help(format!(
                    "add `[hosts.{name}.worker]` with the `platforms` that it builds, or take it out here"
                )),
            );
        }
    }
}
