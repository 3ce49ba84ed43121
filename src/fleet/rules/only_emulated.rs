//! `only-emulated`: a platform of a builder that every node for it emulates.

use std::collections::BTreeMap;

use super::listed;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        let mut servers: BTreeMap<_, (bool, Vec<_>)> = BTreeMap::new();
        for (name, _, worker) in fleet.nodes(builder) {
            for platform in &worker.platforms {
                let (native, nodes) = servers.entry(platform.get()).or_default();
                *native |= worker.is_native(platform.get());
                nodes.push((name, platform));
            }
        }
        for (platform, (native, nodes)) in servers {
            let Some((_, place)) = nodes.first().filter(|_| !native) else { continue };
            let names = listed(nodes.iter().map(|(name, _)| name));
            report.push(
                Diagnostic::warning(
                    Code::OnlyEmulated,
                    format!("builder `{}` has emulation alone for `{platform}`", builder.name),
                )
                .primary(place.span(), format!("emulated by {names}"))
                .context(builder.name.span(), "no node of it runs that platform itself")
                .help(format!("add a node that runs `{platform}`, or say `system` of the host where it does"))
                .note(
                    "the host needs binfmt for it (`boot.binfmt.emulatedSystems`), and builds are many \
                     times slower",
                ),
            );
        }
    }
}
