//! `duplicate-address`: two hosts of one address and port, of which ssh could trust only one.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut seen = BTreeMap::new();
    for host in fleet.hosts.values() {
        let Some(address) = &host.address else { continue };
        let Some((name, first)) = seen.insert((address.get(), host.port), (&host.name, address)) else {
            continue;
        };
        let title =
            format!("hosts `{name}` and `{}` share address `{address}` and port {}", host.name, host.port);
        report.push(
            Diagnostic::error(Code::DuplicateAddress, title)
                .primary(address.span(), format!("used again by host `{}`", host.name))
                .context(first.span(), format!("used by host `{name}`"))
                .help("give each host its own address, or its own `port` where they stand behind one address")
                .note("two nodes that lead to one daemon break builds for several platforms"),
        );
    }
}
