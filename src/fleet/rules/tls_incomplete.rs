//! `tls-incomplete`: a part of TLS is missing, at the daemon or at a client.

use std::collections::BTreeSet;

use super::listed;
use super::reached::{self, over_tcp};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::{Fleet, Worker};

const PARTS: &[&str] = &["cert", "key", "ca"];

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for (host, worker) in reached::daemons(fleet).into_values() {
        let (there, spans): (BTreeSet<_>, Vec<_>) = tls_keys(worker).unzip();
        let Some(span) = spans.into_iter().next().filter(|_| there.len() < PARTS.len()) else { continue };
        // Hosts that take the table from the fleet have its places in common.
        if !said.insert(span.start) {
            continue;
        }
        let missing = listed(PARTS.iter().filter(|part| !there.contains(*part)));
        report.push(
            Diagnostic::error(
                Code::TlsIncomplete,
                format!("TLS of the daemon on `{}` lacks {missing}", host.name),
            )
            .primary(span, format!("without {missing}"))
            .help("give all three: `cert`, `key` and `ca`")
            .note(
                "without `cert` and `key` buildkitd has no TLS at all, without `ca` it lets every client in",
            ),
        );
    }
    for way in reached::clients(fleet, over_tcp, |worker| tls_keys(worker).next().is_some()) {
        if way.client.tls.is_some() {
            continue;
        }
        let name = &way.from.name;
        report.push(
            Diagnostic::error(Code::TlsIncomplete, format!("client `{name}` has no certificate"))
                .primary(way.client.span.clone(), "has no `tls`")
                .context(
                    way.node.span(),
                    format!(
                        "it reaches node `{}` of builder `{}` over TCP with TLS",
                        way.node, way.builder.name
                    ),
                )
                .help(format!("add `[hosts.{name}.client.tls]` with `ca`, `cert` and `key`")),
        );
    }
}

/// The parts of TLS that the daemon of a worker has, and where they are said.
pub(super) fn tls_keys(worker: &Worker) -> impl Iterator<Item = (&'static str, Span)> {
    let tls = worker.daemon.settings.table("grpc").and_then(|grpc| grpc.table("tls"));
    tls.into_iter().flat_map(|tls| tls.set_keys())
}
