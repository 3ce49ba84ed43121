//! `http-merge`: a push of several platforms to a plain-http registry, which the client merges.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Builder, Fleet};
use crate::inventory::Driver;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for builder in fleet.builders.values().filter(|builder| is_merged(fleet, builder)) {
        for (_, _, worker) in fleet.nodes(builder) {
            for (registry, (span, entry)) in &worker.registries {
                if !entry.settings.is_true("http") || !said.insert(registry) {
                    continue;
                }
                let place = entry.settings.get("http").map_or_else(|| span.clone(), |http| http.span());
                let title =
                    format!("`--push` of several platforms to plain-http registry `{registry}` fails");
                report.push(
                    Diagnostic::warning(Code::HttpMerge, title)
                        .primary(place, "the nodes speak plain HTTP, but the client merges what they push")
                        .context(builder.name.span(), "its platforms are built by several nodes")
                        .help(format!(
                            "say `-o type=image,name={registry}/NAME,push=true,registry.insecure=true` in \
                             place of `--push`"
                        ))
                        .note(
                            "with the driver `remote` the client has no settings of registries and \
                             expects HTTPS",
                        ),
                );
            }
        }
    }
}

/// Whether a build for all platforms goes to more than one node; buildx then merges the parts itself.
fn is_merged(fleet: &Fleet, builder: &Builder) -> bool {
    if builder.driver() != Driver::Remote {
        return false;
    }
    let mut first = BTreeMap::new();
    for (host, worker) in fleet.preferred(builder) {
        for platform in &worker.platforms {
            first.entry(platform.get()).or_insert(host.name.get());
        }
    }
    first.into_values().collect::<BTreeSet<_>>().len() > 1
}
