//! `no-builders`: a client that no builder lists.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    // A builder that was refused may be the one.
    if fleet.lacks_builders {
        return;
    }
    for host in fleet.hosts.values() {
        let Some(client) = host.client.as_ref().filter(|client| client.builders.is_empty()) else { continue };
        report.push(
            Diagnostic::error(Code::NoBuilders, format!("client `{}` uses no builder", host.name))
                .primary(client.span.clone(), "no builder has it among its `clients`")
                .help(format!(
                    "add `{}` to the `clients` of a builder, or take its `client` table out",
                    host.name
                )),
        );
    }
}
