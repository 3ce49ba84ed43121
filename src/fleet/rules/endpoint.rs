//! `invalid-endpoint`: an endpoint of a kind that does not belong where it stands.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Fleet, Host};
use crate::inventory::Spanned;
use crate::types::Endpoint;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for host in fleet.hosts.values() {
        let Some(worker) = &host.worker else { continue };
        if let Some(diagnostic) = worker.endpoint.as_ref().and_then(|endpoint| of_worker(host, endpoint)) {
            report.push(diagnostic);
        }
        for listen in worker.daemon.listen.iter().flatten() {
            // Hosts that take the list from the fleet have its places in common.
            if matches!(listen.get(), Endpoint::Ssh { .. }) && said.insert(listen.span().start) {
                report.push(
                    Diagnostic::error(
                        Code::InvalidEndpoint,
                        format!("buildkitd cannot listen at `{listen}`"),
                    )
                    .primary(listen.span(), "sshd listens there, not buildkitd")
                    .help(
                        "list `unix://` and `tcp://` sockets alone; clients over SSH use the `unix://` one",
                    ),
                );
            }
        }
    }
}

fn of_worker(host: &Host, endpoint: &Spanned<Endpoint>) -> Option<Diagnostic> {
    let help = match endpoint.get() {
        Endpoint::Tcp { .. } => return None,
        Endpoint::Ssh { .. } => "leave `endpoint` out: it is made of account, `address` and `port`",
        Endpoint::Unix { .. } => "leave `endpoint` out: a client on the host itself uses the socket anyway",
    };
    let title = format!("the endpoint of host `{}` is not `tcp://`", host.name);
    Some(Diagnostic::error(Code::InvalidEndpoint, title).primary(endpoint.span(), "").help(help))
}
