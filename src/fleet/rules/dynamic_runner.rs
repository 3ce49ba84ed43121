//! `dynamic-runner`: a runner's services, whose user NixOS makes up, set up like a user of its own.

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::{Client, Fleet};
use crate::inventory::HostOs;

/// What NixOS calls user and units of its runners, without `-<instance>.service`; the preset for them.
const RUNNERS: &[(&str, &str)] =
    &[("gitea-runner", "gitea-actions-runner"), ("forgejo-runner", "forgejo-runner")];

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values().filter(|host| host.os == HostOs::Nixos) {
        let Some(client) = host.client.as_ref().filter(|client| !client.dynamic_user_said) else { continue };
        let Some((name, preset, span)) = runner(client) else { continue };
        report.push(
            Diagnostic::warning(
                Code::DynamicRunner,
                format!("client `{}` looks like the runner of NixOS", host.name),
            )
            .primary(span, format!("NixOS runs `{name}` with `DynamicUser=`: the user exists while it runs"))
            .help(format!(
                "write `preset = \"{preset}\"`, or `dynamic-user = false` where the user is a real one"
            )),
        );
    }
}

fn runner(client: &Client) -> Option<(String, &'static str, Span)> {
    let unit_of = |runner: &str| {
        let ours = |name: &str| name.strip_prefix(runner).is_some_and(|rest| rest.starts_with('-'));
        client.units.iter().find(|unit| ours(unit.get().as_str()))
    };
    RUNNERS.iter().find_map(|(runner, preset)| match unit_of(runner) {
        Some(unit) => Some((unit.to_string(), *preset, unit.span())),
        None if client.user.get().as_str() == *runner => {
            Some(((*runner).to_owned(), *preset, client.user.span()))
        }
        None => None,
    })
}
