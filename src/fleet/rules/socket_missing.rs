//! `socket-missing`: a daemon that does not listen where its clients connect.

use std::collections::{BTreeMap, BTreeSet};

use super::listed;
use super::reached;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::{Builder, Fleet, Host, Worker};
use crate::inventory::Driver;
use crate::types::{Endpoint, HostName};

/// Where clients connect that come over SSH or are on the host itself; buildctl's and buildx's default.
const SOCKET: &str = "/run/buildkit/buildkitd.sock";

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let local = local_nodes(fleet);
    // Hosts that take the list from the fleet have its place in common.
    let mut missing: BTreeMap<_, (Span, Vec<&Host>)> = BTreeMap::new();
    for (name, (host, worker)) in reached::daemons(fleet) {
        let Some(listen) = &worker.daemon.listen else { continue };
        let span = listen.first().map_or_else(|| host.span.clone(), |first| first.span());
        // Without a TCP endpoint, other hosts come over SSH.
        let needs_socket = worker.tcp().is_none() || local.contains(name);
        for wanted in unheard(worker, needs_socket) {
            missing.entry((span.start, wanted)).or_insert_with(|| (span.clone(), Vec::new())).1.push(host);
        }
    }
    for ((_, wanted), (span, hosts)) in missing {
        let names = listed(hosts.iter().map(|host| &host.name));
        report.push(
            Diagnostic::error(
                Code::SocketMissing,
                format!("buildkitd does not listen at `{wanted}` on {names}"),
            )
            .primary(span, "the list of its sockets, which replaces the default")
            .help(format!("add `\"{wanted}\"` to `grpc.address`, or take `address` out"))
            .note(
                "clients over SSH and on the host itself use the socket, those over TCP the port of the \
                 endpoint",
            ),
        );
    }
}

/// The hosts that are client and node of one builder with the driver `remote`.
fn local_nodes(fleet: &Fleet) -> BTreeSet<&HostName> {
    let remote = fleet.builders.values().filter(|builder| builder.driver() == Driver::Remote);
    let nodes = remote.flat_map(|builder| fleet.nodes(builder).map(move |(_, host, _)| (builder, host)));
    let is_local = |(builder, host): &(&Builder, &Host)| {
        host.client.as_ref().is_some_and(|client| client.builders.binary_search(builder.name.get()).is_ok())
    };
    nodes.filter(is_local).map(|(_, host)| host.name.get()).collect()
}

/// The sockets that clients use and the daemon does not have.
fn unheard(worker: &Worker, needs_socket: bool) -> Vec<String> {
    let listens = |wanted: &dyn Fn(&Endpoint) -> bool| {
        worker.daemon.listen.iter().flatten().any(|listen| wanted(listen.get()))
    };
    let mut unheard = Vec::new();
    if needs_socket && !listens(&|at| matches!(at, Endpoint::Unix { path } if path.as_str() == SOCKET)) {
        unheard.push(format!("unix://{SOCKET}"));
    }
    if let Some((_, wanted)) = worker.tcp()
        && !listens(&|at| matches!(at, Endpoint::Tcp { port, .. } if *port == wanted))
    {
        unheard.push(format!("tcp://0.0.0.0:{wanted}"));
    }
    unheard
}
