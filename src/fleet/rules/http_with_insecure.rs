//! `http-with-insecure`: the two keys together mean TLS first, unchecked, and plain HTTP where that fails.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        for (registry, (_, entry)) in &worker.registries {
            let on = |key| entry.settings.get(key).filter(|_| entry.settings.is_true(key));
            let (Some(http), Some(insecure)) = (on("http"), on("insecure")) else { continue };
            // Hosts that take the entry from the fleet have its places in common.
            if !said.insert((http.span().start, insecure.span().start)) {
                continue;
            }
            let mut diagnostic = Diagnostic::warning(
                Code::HttpWithInsecure,
                format!("registry `{registry}` has both `http` and `insecure`"),
            )
            .primary(insecure.span(), "BuildKit tries TLS without checking the certificate, then plain HTTP")
            .context(http.span(), "`http` alone would be plain HTTP")
            .help(
                "keep `http` for a registry without TLS; for one with TLS keep neither, and name its CA \
                 in `ca`",
            );
            if let Some(ca) = entry.ca.iter().flatten().next() {
                diagnostic = diagnostic.context(ca.span(), "without effect, as nothing is checked");
            }
            report.push(diagnostic);
        }
    }
}
