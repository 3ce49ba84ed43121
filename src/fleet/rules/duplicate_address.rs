//! `duplicate-address`: two hosts of one address and port, or of one endpoint.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Fleet, Host};
use crate::types::Port;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    of_sshd(fleet, report);
    of_endpoints(fleet, report);
    of_nix(fleet, report);
}

/// Two hosts of one address and port, of which ssh could trust only one.
fn of_sshd(fleet: &Fleet, report: &mut Report) {
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

/// Two workers of one TCP endpoint.
fn of_endpoints(fleet: &Fleet, report: &mut Report) {
    let mut seen = BTreeMap::new();
    for host in fleet.hosts.values() {
        let Some(endpoint) = host.worker.as_ref().and_then(|worker| worker.endpoint.as_ref()) else {
            continue;
        };
        let Some((name, first)) = seen.insert(endpoint.get(), (&host.name, endpoint)) else { continue };
        let title = format!("hosts `{name}` and `{}` share endpoint `{endpoint}`", host.name);
        report.push(
            Diagnostic::error(Code::DuplicateAddress, title)
                .primary(endpoint.span(), format!("used again by host `{}`", host.name))
                .context(first.span(), format!("used by host `{name}`"))
                .help("give each host its own endpoint, or list all platforms on one host")
                .note("two nodes that lead to one daemon break builds for several platforms"),
        );
    }
}

/// Two hosts that differ in their port alone, which Nix cannot tell apart: a build machine is a name without port.
fn of_nix(fleet: &Fleet, report: &mut Report) {
    let uses_nix = |host: &Host| host.client.as_ref().is_some_and(|client| client.sends_nix_builds());
    if !fleet.hosts.values().any(uses_nix) {
        return;
    }
    let mut seen: BTreeMap<_, (&Host, Port)> = BTreeMap::new();
    for host in fleet.hosts.values().filter(|host| host.worker.is_some()) {
        let Some(address) = &host.address else { continue };
        let Some((other, port)) = seen.insert(address.get(), (host, host.port)) else { continue };
        if port == host.port {
            continue;
        }
        let first = other.address.as_ref().map_or_else(|| other.span.clone(), |first| first.span());
        let title = format!("Nix cannot tell the build machines `{}` and `{}` apart", other.name, host.name);
        report.push(
            Diagnostic::error(Code::DuplicateAddress, title)
                .primary(address.span(), format!("on port {}", host.port))
                .context(first, format!("on port {port}"))
                .help("give each host a name of its own in DNS, or do without `nix.build-machines`")
                .note("an entry of `nix.buildMachines` names a host without its port"),
        );
    }
}
