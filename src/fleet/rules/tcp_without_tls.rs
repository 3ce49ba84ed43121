//! `tcp-without-tls`: a TCP socket at which anyone can build.

use std::collections::BTreeSet;

use super::listed;
use super::reached;
use super::tls_incomplete::tls_keys;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Fleet, Worker};
use crate::inventory::Spanned;
use crate::types::Endpoint;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let note = "a build runs programs as root in a container on the host";
    let mut said = BTreeSet::new();
    let mut allowed = Vec::new();
    for (name, (_, worker)) in reached::daemons(fleet) {
        // TLS in part is `tls-incomplete`.
        let Some(socket) = tcp_socket(worker).filter(|_| tls_keys(worker).next().is_none()) else { continue };
        if worker.allow_plain_tcp {
            allowed.push((name, socket));
            continue;
        }
        // Hosts that take the list from the fleet have its places in common.
        if !said.insert(socket.span().start) {
            continue;
        }
        let tls = format!(
            "add `[hosts.{name}.buildkitd.grpc.tls]` with `cert`, `key` and `ca`, or leave TCP for SSH"
        );
        let title = format!("anyone who reaches `{socket}` can build on host `{name}`");
        report.push(
            Diagnostic::error(Code::TcpWithoutTls, title)
                .primary(socket.span(), "no TLS")
                .help(tls)
                .help("`allow-plain-tcp = true` says that the network keeps others from the port")
                .note(note),
        );
    }
    let Some((_, first)) = allowed.first() else { return };
    let names = listed(allowed.iter().map(|(name, _)| name));
    report.push(
        Diagnostic::warning(
            Code::TcpWithoutTls,
            format!("anyone who reaches the TCP port can build on {names}"),
        )
        .primary(first.span(), "no TLS, as `allow-plain-tcp` allows")
        .help("let a firewall or a private network keep others from the port")
        .note(note),
    );
}

fn tcp_socket(worker: &Worker) -> Option<&Spanned<Endpoint>> {
    let mut sockets = worker.endpoint.iter().chain(worker.daemon.listen.iter().flatten());
    sockets.find(|socket| matches!(socket.get(), Endpoint::Tcp { .. }))
}
