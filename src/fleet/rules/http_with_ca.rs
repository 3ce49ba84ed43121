//! `http-with-ca`: a CA for a registry that is spoken to without TLS.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        for (registry, (_, entry)) in &worker.registries {
            let (http, ca) = (entry.settings.get("http"), entry.ca.iter().flatten().next());
            let (Some(http), Some(ca)) = (http, ca) else { continue };
            // With `insecure` too it is `http-with-insecure` that tells.
            if !entry.settings.is_true("http") || entry.settings.is_true("insecure") {
                continue;
            }
            // Hosts that take the entry from the fleet have its places in common.
            if !said.insert((http.span().start, ca.span().start)) {
                continue;
            }
            report.push(
                Diagnostic::warning(
                    Code::HttpWithCa,
                    format!("the CA of registry `{registry}` is never used"),
                )
                .primary(ca.span(), "a CA is for TLS")
                .context(http.span(), "plain HTTP")
                .help("take `http` out if the registry has TLS, `ca` if it has none"),
            );
        }
    }
}
