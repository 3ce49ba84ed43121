//! `hosts/<name>/setup.sh`: the set-up of a client that NixOS does not manage.

use camino::Utf8Path;
use serde::Serialize;

use super::host::systemd_span;
use super::{Artefact, RenderError};
use crate::inventory::Driver;
use crate::plan::{ClientPlan, Delivery, HostPlan, Plan};
use crate::template::Template;

const SETUP: Template<SetupView> = Template::new("workstation/setup.sh.j2");

const SHEBANG: &str = "#!/bin/sh\n";

/// What the script knows of its client; the nodes are in the tree around it.
#[derive(Serialize)]
struct SetupView {
    client: String,
    /// What the fleet is called, or empty.
    fleet: String,
    account: String,
    /// Where the private key is; empty where none is needed.
    identity_path: String,
    default_builder: String,
    tls_ca: String,
    tls_cert: String,
    tls_key: String,
    /// `yes` or `no`, as the further such: whether a platform has more than one node.
    alternatives: &'static str,
    /// How often the nodes are probed, as a systemd time span.
    interval: String,
    needs_buildctl: &'static str,
    needs_docker: &'static str,
    builder_names: Vec<String>,
    converge_builders: Vec<String>,
    /// Those of its builders that it reaches over SSH.
    ssh_builders: Vec<String>,
}

/// Adds the script of a client.
pub fn render(
    plan: &Plan<'_>,
    host: &HostPlan<'_>,
    client: &ClientPlan<'_>,
    header: &super::header::Header,
    folder: &Utf8Path,
    out: &mut Vec<Artefact>,
) -> Result<(), RenderError> {
    let yes = |condition| if condition { "yes" } else { "no" };
    let of_driver = |driver| client.builders.iter().any(|used| used.builder.driver() == driver);
    let names = |wanted: &dyn Fn(&Delivery<'_>) -> bool| {
        let used = client.builders.iter().filter(|used| wanted(&used.delivery));
        used.map(|used| used.builder.name.to_string()).collect::<Vec<_>>()
    };
    let tls = client.client.tls.as_ref();
    let converges = |delivery: &Delivery<'_>| matches!(delivery, Delivery::Converged);
    // One timer serves all builders, so that the one in the greatest hurry decides.
    let watched = client.builders.iter().filter(|used| used.has_alternatives);
    let interval = watched.map(|used| &used.builder.probe_interval).min_by_key(|interval| interval.as_secs());
    let view = SetupView {
        client: host.host.name.to_string(),
        fleet: plan.fleet.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        account: plan.fleet.account.user.to_string(),
        identity_path: client.client.identity_path().filter(|_| client.needs_ssh).unwrap_or_default(),
        default_builder: client.client.default_builder.as_ref().map(ToString::to_string).unwrap_or_default(),
        tls_ca: tls.map(|tls| tls.ca.to_string()).unwrap_or_default(),
        tls_cert: tls.map(|tls| tls.cert.to_string()).unwrap_or_default(),
        tls_key: tls.map(|tls| tls.key.to_string()).unwrap_or_default(),
        alternatives: yes(client.builders.iter().any(|used| used.has_alternatives)),
        interval: interval.map(systemd_span).unwrap_or_default(),
        needs_buildctl: yes(client
            .builders
            .iter()
            .any(|used| used.builder.driver() == Driver::Remote && converges(&used.delivery))),
        needs_docker: yes(of_driver(Driver::DockerContainer)),
        builder_names: names(&|_| true),
        converge_builders: names(&converges),
        ssh_builders: client
            .builders
            .iter()
            .filter(|used| used.over_ssh)
            .map(|used| used.builder.name.to_string())
            .collect(),
    };
    // A header is comment, not a word of the script, so it is not the template's to print.
    let script = SETUP.render(&view)?;
    let text = script.replacen(SHEBANG, &format!("{SHEBANG}{}#\n", header.hashed()), 1);
    out.push(Artefact::program(folder.join("setup.sh"), text));
    Ok(())
}
