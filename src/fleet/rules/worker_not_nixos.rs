//! `worker-not-nixos`: workers on hosts for which nothing but a buildkitd.toml is rendered.

use super::listed;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::inventory::HostOs;

/// One diagnostic for all such hosts, as there may be many and the answer is the same.
pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let others = || fleet.hosts.values().filter(|host| host.os == HostOs::Other && host.worker.is_some());
    let Some((first, worker)) = others().find_map(|host| Some((host, host.worker.as_ref()?))) else { return };
    let names = listed(others().map(|host| &host.name));
    report.push(
        Diagnostic::warning(Code::WorkerNotNixos, format!("workers on hosts that are not NixOS: {names}"))
            .primary(worker.span.clone(), format!("of `{}` only the buildkitd.toml is rendered", first.name))
            .help(format!(
                "set up there yourself: account `{}` with the clients' keys, buildkitd with its unit, and \
                 buildctl",
                fleet.account.user
            )),
    );
}
