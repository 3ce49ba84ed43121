//! `missing-key`, `invalid-unit`: a dynamic user without units, which exists nowhere and so gets no builder.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values() {
        let Some(client) = host.client.as_ref().filter(|client| client.dynamic_user) else { continue };
        if client.preset.is_some()
            && !client.said.has("before")
            && client.units.len() < client.instances.len()
        {
            let long = client.instances.iter().max_by_key(|instance| instance.get().as_str().len());
            let span = long.map_or_else(|| client.span.clone(), |instance| instance.span());
            report.push(
                Diagnostic::error(
                    Code::InvalidUnit,
                    "the name of an instance is too long for that of a unit",
                )
                .primary(span, "systemd takes 255 characters, and writes some of these as four")
                .help("choose a shorter name"),
            );
            continue;
        }
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
