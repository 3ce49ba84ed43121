//! `platform-unserved`: a platform that a builder is to build and no node of it serves.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        let served: BTreeSet<_> = fleet
            .nodes(builder)
            .flat_map(|(_, _, worker)| &worker.platforms)
            .map(|platform| platform.get())
            .collect();
        // Without nodes, or with none that are workers, that is the fault.
        if served.is_empty() {
            continue;
        }
        let list = served.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(", ");
        for platform in builder.platforms.iter().filter(|platform| !served.contains(platform.get())) {
            report.push(
                Diagnostic::error(
                    Code::PlatformUnserved,
                    format!("no node of builder `{}` serves `{platform}`", builder.name),
                )
                .primary(platform.span(), "buildx would send it to the first node without a word")
                .context(builder.nodes_span.clone(), format!("these serve {list}"))
                .help(format!(
                    "add a node with `{platform}`, add it to the `platforms` of one, or take it out here"
                )),
            );
        }
    }
}
