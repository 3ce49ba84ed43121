//! `missing-key`: a dynamic user without units, which exists nowhere and so gets no builder.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values() {
        let Some(client) = host.client.as_ref().filter(|client| client.dynamic_user) else { continue };
        if !client.units.is_empty() || client.said.has("before") || client.said.has("instances") {
            continue;
        }
        let key = if client.preset.is_some() { "instances" } else { "before" };
        let example = if client.preset.is_some() { "[\"first\"]" } else { "[\"runner.service\"]" };
        report.push(
            Diagnostic::error(Code::MissingKey, format!("client `{}` has no units", host.name))
                .primary(client.span.clone(), "its user exists only while a unit of it runs")
                .help(format!("add for example `{key} = {example}`")),
        );
    }
}
