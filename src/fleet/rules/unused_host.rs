//! `unused-host`: a host that is neither a node nor a client.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    // A builder that was refused may be the one.
    if fleet.lacks_builders {
        return;
    }
    let names = fleet.builders.values().flat_map(|builder| builder.nodes.iter().chain(&builder.clients));
    let named: BTreeSet<_> = names.map(|name| name.get()).collect();
    for host in fleet.hosts.values().filter(|host| host.client.is_none() && !named.contains(host.name.get()))
    {
        let name = &host.name;
        let (why, help) = match &host.worker {
            None => (
                "has neither `worker` nor `client`",
                format!("add one of them, or take `[hosts.{name}]` out"),
            ),
            Some(_) => (
                "no builder has it as a node",
                format!("add `{name}` to the `nodes` of a builder, or take `[hosts.{name}]` out"),
            ),
        };
        report.push(
            Diagnostic::warning(Code::UnusedHost, format!("host `{name}` is not used"))
                .primary(name.span(), why)
                .help(help),
        );
    }
}
