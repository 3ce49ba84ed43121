//! `hosts/<name>/`: a folder for each host, to import on NixOS or to run from elsewhere.

use camino::{Utf8Path, Utf8PathBuf};

use super::buildkitd::{self, Daemon};
use super::header::{Header, comment};
use super::nix::{Attribute, Nix, attr};
use super::{Artefact, RenderError, at, instance, remote_workers, workstation};
use crate::fleet::{IdentitySource, Worker};
use crate::inventory::HostOs;
use crate::plan::{ClientPlan, Delivery, HostPlan, NodePlan, Plan};
use crate::types::{AbsPath, Duration};

/// Adds the files of a host.
pub fn render(
    plan: &Plan<'_>,
    host: &HostPlan<'_>,
    header: &Header,
    out: &mut Vec<Artefact>,
) -> Result<(), RenderError> {
    let folder = Utf8PathBuf::from(format!("hosts/{}", host.host.name));
    if let Some(node) = &host.node {
        daemon_files(host, node, header, &folder, out);
    }
    if let Some(client) = &host.client {
        client_files(plan, client, &folder, out);
        if client.client.worker_blocks.is_some() {
            let text = remote_workers::toml(plan, host, client);
            out.push(Artefact::data(folder.join("buildkitd.remote-workers.toml"), text));
        }
    }
    match (host.host.os, &host.client) {
        (HostOs::Nixos, _) if host.node.is_some() || host.client.is_some() => {
            let path = folder.join("default.nix");
            let text = at(&path, module(plan, host, header))?;
            out.push(Artefact::data(path, text));
        }
        (HostOs::Other, Some(client)) => workstation::render(plan, host, client, header, &folder, out)?,
        _ => {}
    }
    Ok(())
}

fn daemon_files(
    host: &HostPlan<'_>,
    node: &NodePlan<'_>,
    header: &Header,
    folder: &Utf8Path,
    out: &mut Vec<Artefact>,
) {
    if node.native {
        let text = buildkitd::toml(header, host.host, node.worker, Daemon::Native);
        out.push(Artefact::data(folder.join("buildkitd.toml"), text));
    }
    if node.container {
        let text = buildkitd::toml(header, host.host, node.worker, Daemon::Container);
        out.push(Artefact::data(folder.join("buildkitd.container.toml"), text));
        let files = buildkitd::container_files(node.worker);
        if !files.is_empty() {
            let mut text = header.hashed();
            text.push_str(
                "#\n# Carried into the container: place below /etc/buildkit <tab> path on the client.\n",
            );
            for (place, path) in files {
                text.push_str(&format!("{place}\t{path}\n"));
            }
            out.push(Artefact::data(folder.join("buildkitd.container.files"), text));
        }
    }
}

fn client_files(plan: &Plan<'_>, client: &ClientPlan<'_>, folder: &Utf8Path, out: &mut Vec<Artefact>) {
    let account = plan.fleet.account.user.as_str();
    for used in &client.builders {
        if let Delivery::Static(nodes) = &used.delivery {
            let json = instance::json(used.builder, client.client, account, nodes);
            out.push(Artefact::data(folder.join("instances").join(used.builder.name.get().as_str()), json));
        }
    }
}

/// The module of a NixOS host: settings alone, for the modules that travel with the tree.
fn module(
    plan: &Plan<'_>,
    host: &HostPlan<'_>,
    header: &Header,
) -> Result<String, crate::escape::EscapeError> {
    let mut settings = vec![attr("host", host.host.name.get().as_str())];
    let mut names: Vec<_> =
        host.node.iter().flat_map(|node| &node.builders).map(|builder| builder.name.get()).collect();
    names.extend(host.client.iter().flat_map(|client| &client.builders).map(|used| used.builder.name.get()));
    names.sort();
    names.dedup();
    let imports = names.iter().map(|name| attr(name.as_str(), Nix::Import(format!("../../builders/{name}"))));
    settings.push(attr("builders", imports.collect::<Vec<_>>()));
    if let Some(node) = &host.node {
        settings.extend(node_settings(plan, node));
    }
    if let Some(client) = &host.client {
        settings.push(attr("client", client_settings(plan, client)).apart());
    }
    let set = Nix::Set(vec![
        attr("imports", Nix::List(vec![Nix::Path("../../nixos-module".into())])),
        attr("services.buildfleet", Nix::Set(settings)).apart(),
    ]);
    // The one attribute path in the file, whose dot the writer would take for a part of a name, and the one
    // function: what is rendered is a default, so that the host's own modules have the last word.
    let body = set.write(0)?.replacen(
        "\"services.buildfleet\" = {",
        "services.buildfleet = import ../../nixos-module/defaults.nix lib {",
        1,
    );
    let about = about(host);
    Ok(format!(
        "{}#\n{}{{ lib, ... }}:\n{body}\n",
        header.hashed(),
        comment(about.iter().map(String::as_str))
    ))
}

/// What a reader should know of the host before the settings.
fn about(host: &HostPlan<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(host.host.description.iter().flat_map(|remark| remark.lines()).map(str::to_owned));
    if let Some(node) = &host.node {
        let platforms = node.worker.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let names =
            node.builders.iter().map(|builder| builder.name.to_string()).collect::<Vec<_>>().join(", ");
        let last = if node.worker.fallback { ", while no other node is up" } else { "" };
        lines.push(
            format!("{} builds {platforms} for the builder {names}{last}.", host.host.name)
                .replace("builder ", if node.builders.len() > 1 { "builders " } else { "builder " }),
        );
    }
    if let Some(client) = &host.client {
        let names =
            client.builders.iter().map(|used| used.builder.name.to_string()).collect::<Vec<_>>().join(", ");
        lines.push(format!("{} starts builds on {names}.", host.host.name));
    }
    lines
}

fn node_settings(plan: &Plan<'_>, node: &NodePlan<'_>) -> Vec<Attribute> {
    let mut settings = Vec::new();
    if node.native {
        let mut daemon = vec![attr("enable", true), attr("configFile", Nix::Path("buildkitd.toml".into()))];
        let ports = tcp_ports(node.worker);
        if !ports.is_empty() {
            daemon.push(attr("tcpPorts", Nix::List(ports.into_iter().map(Nix::Int).collect())));
        }
        let grpc = node.worker.daemon.settings.table("grpc");
        let text = |key| Some(grpc?.table("tls")?.get(key)?.get().as_str()?.to_owned());
        if text("ca").is_some() {
            daemon.push(attr("tls", true));
        }
        let files: Vec<_> = ["cert", "key", "ca"].into_iter().filter_map(text).collect();
        if !files.is_empty() {
            daemon.push(attr("tlsFiles", Nix::strings(files)));
        }
        let parent = node.worker.settings.get("defaultCgroupParent").and_then(|parent| parent.get().as_str());
        // With a colon it names a slice of systemd's, which ends its processes by itself.
        let parent = parent.filter(|parent| !parent.contains(':'));
        daemon.extend(parent.map(|parent| attr("cgroupParent", parent)));
        let gid =
            node.worker.daemon.settings.table("grpc").and_then(|grpc| grpc.get("gid")?.get().as_integer());
        daemon.extend(gid.map(|gid| attr("gid", gid)));
        settings.push(attr("buildkitd", daemon).apart());
    }
    if node.logged_in_to || node.container {
        let account = &plan.fleet.account;
        let mut role = vec![
            attr("enable", true),
            attr("user", account.user.as_str()),
            attr("home", account.home.as_str()),
        ];
        if node.container {
            role.push(
                attr("docker", true)
                    .why("Docker for docker-container nodes: whoever reaches it is root here."),
            );
        }
        if account.trusted_user && node.serves_nix {
            role.push(attr("trustedUser", true).why("Nix takes unsigned paths from it: as good as root."));
        }
        settings.push(attr("builder", role).apart());
    }
    settings
}

/// The TCP ports on which the host's own daemon listens for others.
fn tcp_ports(worker: &Worker) -> Vec<i64> {
    let said = worker.daemon.listen.iter().flatten().filter_map(|endpoint| match endpoint.get() {
        crate::types::Endpoint::Tcp { address, port }
            if !matches!(address.as_str(), "127.0.0.1" | "::1" | "localhost") =>
        {
            Some(i64::from(port.get()))
        }
        _ => None,
    });
    let own = worker.tcp().map(|(_, port)| i64::from(port.get()));
    let mut ports: Vec<_> =
        if worker.daemon.listen.is_some() { said.collect() } else { own.into_iter().collect() };
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn client_settings(plan: &Plan<'_>, plan_client: &ClientPlan<'_>) -> Vec<Attribute> {
    let client = plan_client.client;
    let mut settings = vec![attr("enable", true), attr("user", client.user.get().as_str())];
    if client.dynamic_user {
        settings.push(attr("dynamicUser", true));
        settings.push(attr("stateDirectory", client.state_directory.as_str()));
    } else {
        settings.extend(client.group.as_ref().map(|group| attr("group", group.as_str())));
    }
    settings.extend(client.home_said.as_ref().map(|home| attr("home", home.as_str())));
    settings.extend(client.buildx_config.as_ref().map(|path| attr("buildxConfig", path.as_str())));
    settings.push(attr("units", Nix::strings(&client.units)));
    settings.extend(client.default_builder.as_ref().map(|name| attr("defaultBuilder", name.as_str())));
    let builders = plan_client.builders.iter().map(|used| {
        let name = used.builder.name.get().as_str();
        match &used.delivery {
            Delivery::Converged => attr(
                name,
                vec![attr("converge", true), attr("interval", systemd_span(&used.builder.probe_interval))],
            ),
            Delivery::Static(_) => attr(
                name,
                vec![attr("converge", false), attr("instance", Nix::Path(format!("instances/{name}")))],
            ),
        }
    });
    settings.push(attr("builders", builders.collect::<Vec<_>>()));
    if plan_client.needs_ssh || plan_client.nix_machines {
        settings.push(attr("account", plan.fleet.account.user.as_str()));
    }
    if let Some(identity) = identity(plan_client) {
        settings.push(attr("identity", identity));
    }
    if let Some(tls) = &client.tls {
        settings.push(attr(
            "tls",
            vec![attr("ca", tls.ca.as_str()), attr("cert", tls.cert.as_str()), attr("key", tls.key.as_str())],
        ));
    }
    if let Some(nix) = client.nix.as_ref().filter(|nix| nix.build_machines) {
        let mut machines = vec![attr("enable", true)];
        machines.extend(nix.ssh_key.as_ref().map(|key| attr("sshKey", key.as_str())));
        machines.push(attr("protocol", nix.protocol.as_str()));
        settings.push(attr("nixBuildMachines", machines));
    }
    settings
}

fn identity(plan_client: &ClientPlan<'_>) -> Option<Vec<Attribute>> {
    let client = plan_client.client;
    let identity = client.identity.as_ref()?;
    let mut settings = Vec::new();
    match &identity.source {
        IdentitySource::Sops(sops) => {
            let mut secret = vec![attr("secret", sops.secret.as_str()), attr("key", sops.key.as_str())];
            secret.extend(sops.file.as_ref().map(|file| attr("file", Nix::Path(format!("../../{file}")))));
            settings.push(attr("sops", secret));
        }
        IdentitySource::CopyFrom(path) => settings.push(attr("copyFrom", path.as_str())),
        IdentitySource::ByHand => {}
    }
    settings.extend(identity.path.as_ref().map(|path| attr("path", AbsPath::as_str(path.get()))));
    settings.extend(identity.owner.as_ref().map(|owner| attr("owner", owner.as_str())));
    settings.extend(identity.group.as_ref().map(|group| attr("group", group.as_str())));
    settings.extend(identity.mode.as_ref().map(|mode| attr("mode", mode.as_str())));
    settings.extend(identity.restart_units.as_ref().map(|units| attr("restartUnits", Nix::strings(units))));
    Some(settings)
}

/// A duration as systemd writes one.
pub fn systemd_span(duration: &Duration) -> String {
    match duration.as_integer() {
        Some(seconds) => format!("{seconds}s"),
        None => duration.to_string(),
    }
}
