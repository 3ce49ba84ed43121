//! `platform-taken`: two nodes of a builder declare one platform, or one host declares it twice.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::{Fleet, Worker};
use crate::types::Platform;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values() {
        let mut seen = BTreeMap::new();
        for platform in host.worker.iter().flat_map(|worker| &worker.platforms) {
            let Some(first) = seen.insert(platform.get(), platform) else { continue };
            report.push(
                Diagnostic::warning(
                    Code::PlatformTaken,
                    format!("host `{}` has platform `{platform}` twice", host.name),
                )
                .primary(platform.span(), "named again")
                .context(first.span(), "named here already")
                .help("take one of them out"),
            );
        }
    }
    for builder in fleet.builders.values() {
        let mut takers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, _, worker) in fleet.nodes(builder).filter(|(_, _, worker)| !worker.fallback) {
            for (platform, place) in own(worker) {
                takers.entry(platform).or_default().push((name, place));
            }
        }
        for (platform, takers) in takers {
            let [(first, first_place), (second, second_place), more @ ..] = takers.as_slice() else {
                continue;
            };
            if first.get() == second.get() {
                continue;
            }
            let more = if more.is_empty() { String::new() } else { format!(", and by {} more", more.len()) };
            let title = format!("builder `{}` has `{platform}` from several nodes", builder.name);
            report.push(
                Diagnostic::warning(Code::PlatformTaken, title)
                    .primary(second_place.clone(), format!("declared again by node `{second}`{more}"))
                    .context(first_place.clone(), format!("declared first by node `{first}`"))
                    .help(format!(
                        "mark `{second}` with `fallback = true` if it is meant as a standby, take the \
                         platform from it if not"
                    ))
                    .note(
                        "buildx's own `--append` would give the platform to the last; here the first that \
                         is up builds, and the later one is only used while it is down",
                    ),
            );
        }
    }
}

/// The platforms of a worker, each once.
fn own(worker: &Worker) -> BTreeMap<&Platform, Span> {
    worker.platforms.iter().rev().map(|platform| (platform.get(), platform.span())).collect()
}
