//! `no-clients`: a builder that nobody uses.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values().filter(|builder| builder.has_no_clients) {
        report.push(
            Diagnostic::warning(Code::NoClients, format!("builder `{}` has no clients", builder.name))
                .primary(builder.clients_span.clone(), "nobody can build here")
                .help("list the hosts that start builds"),
        );
    }
}
