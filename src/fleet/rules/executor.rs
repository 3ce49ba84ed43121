//! `invalid-value`: a `docker-container` node whose worker is to use a containerd, which its container has none of.

use std::collections::BTreeMap;

use super::reached;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::inventory::{Driver, Executor};

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut builders = BTreeMap::new();
    for builder in fleet.builders.values().filter(|builder| builder.driver() == Driver::DockerContainer) {
        for node in &builder.nodes {
            builders.entry(node.get()).or_insert((builder, node));
        }
    }
    for (name, (_, worker)) in reached::of_driver(fleet, Driver::DockerContainer) {
        let Some((builder, node)) = builders.get(name).filter(|_| worker.executor == Executor::Containerd)
        else {
            continue;
        };
        report.push(
            Diagnostic::error(
                Code::InvalidValue,
                format!("`executor = \"containerd\"` does not work for a node of builder `{}`", builder.name),
            )
            .primary(worker.span.clone(), "the container of the node has no containerd")
            .context(node.span(), "a node of a `docker-container` builder")
            .help("leave `executor` out, or use a builder with `driver = \"remote\"`"),
        );
    }
}
