//! `key-too-new`: a setting that the BuildKit of a host does not know, and so would ignore without a word.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    // Hosts that take a setting from the fleet have its place in common.
    let mut found = BTreeMap::new();
    for host in fleet.hosts.values() {
        let Some(worker) = &host.worker else { continue };
        let Some(version) = &worker.buildkit_version else { continue };
        let mut see = |key: &'static crate::inventory::shape::Key, span: crate::diag::Span| {
            if key.since > *version.get() {
                found.entry(span.start).or_insert((key, span, host, version));
            }
        };
        worker.settings.each(&mut see);
        worker.daemon.settings.each(&mut see);
        worker.registries.values().for_each(|(_, entry)| entry.settings.each(&mut see));
    }
    for (key, span, host, version) in found.into_values() {
        let title = format!("BuildKit {} does not know `{}`", version, key.name);
        report.push(
            Diagnostic::error(Code::KeyTooNew, title)
                .primary(span, format!("known from {} on; host `{}` would ignore it", key.since, host.name))
                .context(version.span(), "the version of its BuildKit")
                .help(format!("take it out, or have the host run BuildKit {}", key.since)),
        );
    }
}
