//! `key-not-used`: keys that are right in themselves, but have no effect beside the others.

use std::collections::{BTreeMap, BTreeSet};

use super::reached::{self, over_tcp};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::{Builder, Client, Fleet, Host, IdentitySource};
use crate::inventory::{Driver, Executor, HostOs};
use crate::types::Endpoint;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    of_builders(fleet, report);
    of_executors(fleet, report);
    of_workers(fleet, report);
    let over_tcp: BTreeSet<_> =
        reached::clients(fleet, over_tcp, |_| true).iter().map(|way| way.from.name.get()).collect();
    for host in fleet.hosts.values() {
        of_host(host, report);
        if let Some(client) = &host.client {
            of_client(host, client, report);
            if client.tls.is_some() && !over_tcp.contains(host.name.get()) {
                let why = format!("client `{}` reaches no node over TCP", host.name);
                report.push(unused(
                    "client.tls",
                    client.span.clone(),
                    why,
                    "take `tls` out, or give a node a `tcp://` endpoint",
                ));
            }
        }
    }
}

fn unused(key: &str, span: Span, why: impl Into<String>, help: &str) -> Diagnostic {
    Diagnostic::warning(Code::KeyNotUsed, format!("`{key}` has no effect here")).primary(span, why).help(help)
}

fn of_builders(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values().filter(|builder| builder.driver() == Driver::Remote) {
        if let Some(span) = builder.said.span("probe-interval").filter(|_| !has_alternatives(fleet, builder))
        {
            report.push(unused(
                "probe-interval",
                span,
                "every platform has one node",
                "take it out: nothing is probed",
            ));
        }
        let opts = builder.driver_opts.as_ref().map(|opts| ("driver-opts", opts.span()));
        let flags = builder.buildkitd_flags.first().map(|flag| ("buildkitd-flags", flag.span()));
        for (key, span) in opts.into_iter().chain(flags) {
            report.push(
                unused(
                    key,
                    span,
                    "the daemons run already",
                    "take it out, or use `driver = \"docker-container\"`",
                )
                .context(builder.driver.span(), format!("builder `{}` starts no containers", builder.name)),
            );
        }
    }
}

fn has_alternatives(fleet: &Fleet, builder: &Builder) -> bool {
    let mut seen = BTreeSet::new();
    let platforms = fleet.nodes(builder).flat_map(|(_, _, worker)| worker.platforms_once());
    !platforms.into_iter().all(|platform| seen.insert(platform))
}

/// A setting of the fleet counts as used where any of the hosts that take it has the executor for it.
fn of_executors(fleet: &Fleet, report: &mut Report) {
    let mut places: BTreeMap<_, (bool, Span, &'static str, Executor)> = BTreeMap::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        for (key, span) in worker.settings.set_keys() {
            let place = places.entry(span.start).or_insert((false, span, key, worker.executor));
            place.0 |= worker.executor.reads(key);
        }
    }
    for (used, span, key, executor) in places.into_values() {
        if !used {
            let why = format!("the executor `{}` does not read it", executor.as_str());
            report.push(unused(key, span, why, "take it out, or set `executor` to the other"));
        }
    }
}

/// Settings of a daemon that a container has its own of.
const NOT_IN_CONTAINERS: &[&str] = &["root", "provenanceEnvDir", "grpc", "otel"];

/// Keys of workers that depend on who uses the host, and how.
fn of_workers(fleet: &Fleet, report: &mut Report) {
    let native = reached::daemons(fleet);
    let nix: BTreeSet<_> = reached::logged_in_to_by_nix(fleet);
    for (name, (host, worker)) in reached::of_driver(fleet, Driver::DockerContainer) {
        if native.contains_key(name) {
            continue;
        }
        let why = format!("host `{name}` is a node of `docker-container` builders alone");
        let help = "take it out: buildx starts the daemon and reaches it through Docker";
        for (key, span) in worker.said.among(&["endpoint"]) {
            report.push(unused(key, span, why.clone(), help));
        }
        for (key, span) in host.daemon_said.among(NOT_IN_CONTAINERS) {
            report.push(unused(key, span, why.clone(), help));
        }
    }
    let mut beside_rules = BTreeMap::new();
    for host in fleet.hosts.values() {
        let Some(worker) = &host.worker else { continue };
        let rules = worker.settings.list("gcpolicy").filter(|(_, rules)| !rules.is_empty());
        for limit in ["reservedSpace", "maxUsedSpace", "minFreeSpace"] {
            if let (Some((rules, _)), Some(value)) = (rules, worker.settings.get(limit)) {
                beside_rules.insert(value.span().start, (limit, value.span(), rules.clone()));
            }
        }
        if let Some(span) = worker.said.span("nix").filter(|_| !nix.contains(host.name.get())) {
            let why = format!("no client of host `{}` has `nix.build-machines = true`", host.name);
            report.push(unused("nix", span, why, "take it out, or let a client use the host for Nix"));
        }
        let cdi = worker.daemon.settings.table("cdi").is_some();
        let limit = worker.max_parallelism().is_some();
        for (key, there) in [("cdi", cdi), ("max-parallelism", limit)] {
            if let Some(span) = host.comments.said.span(key).filter(|_| !there) {
                report.push(unused(
                    key,
                    span,
                    "there is no such setting to comment on",
                    "take it out, or add the setting",
                ));
            }
        }
    }
    for (limit, span, rules) in beside_rules.into_values() {
        report.push(
            unused(
                limit,
                span,
                "BuildKit makes no rules of its limits where it is given rules",
                "say it in the rules",
            )
            .context(rules, "these rules"),
        );
    }
}

/// Keys of a host that are about its worker.
const OF_WORKERS: &[&str] = &["buildkitd", "registries", "comments", "system", "host-keys", "port"];

fn of_host(host: &Host, report: &mut Report) {
    let Some(worker) = &host.worker else {
        if !host.said.has("worker") {
            for (key, span) in host.said.among(OF_WORKERS) {
                let why = format!("host `{}` has no worker", host.name);
                report.push(unused(key, span, why, "take it out, or add a `worker`"));
            }
        }
        return;
    };
    if worker.tcp().is_some() {
        return;
    }
    let why = format!("host `{}` has no `tcp://` endpoint", host.name);
    if let Some(name) = &worker.servername {
        report.push(unused(
            "servername",
            name.span(),
            why.clone(),
            "take it out, or add a `tcp://` endpoint",
        ));
    }
    if worker.allow_plain_tcp
        && !worker.daemon.listen.iter().flatten().any(|listen| matches!(listen.get(), Endpoint::Tcp { .. }))
    {
        report.push(unused(
            "allow-plain-tcp",
            worker.span.clone(),
            why,
            "take it out, or add a `tcp://` endpoint",
        ));
    }
}

/// Keys of a client that are about users and services of NixOS.
const OF_NIXOS: &[&str] =
    &["group", "home", "buildx-config", "dynamic-user", "state-directory", "instances", "before", "nix"];
/// Keys of an identity that are about the file that NixOS makes of it.
const OF_FILES: &[&str] = &["owner", "group", "mode", "restart-units"];

/// Keys of an identity without effect, for the way in which the key gets to its user.
fn of_identity(host: &Host, client: &Client, report: &mut Report) {
    let Some(identity) = &client.identity else { return };
    let mut say = |keys: &[&'static str], why: String, help: &str| {
        for (key, span) in identity.said.among(keys) {
            report.push(unused(key, span, why.clone(), help));
        }
    };
    if host.os == HostOs::Other {
        let why = format!("host `{}` is not NixOS, which would put the key there", host.name);
        say(&["sops", "copy-from"], why.clone(), "say `path`, and put the key there");
        say(OF_FILES, why, "take it out, and give the file to its user, with mode 0600");
        return;
    }
    match identity.source {
        IdentitySource::ByHand => {
            let why = format!("the key of client `{}` is put there by hand", host.name);
            say(OF_FILES, why, "take it out, or say where the key comes from: `sops` or `copy-from`");
        }
        _ if client.dynamic_user => {
            let why = format!("user `{}` is dynamic, and gets the key by `LoadCredential=`", client.user);
            say(&["path", "owner", "group", "mode"], why, "take it out");
        }
        _ => {}
    }
}

fn of_client(host: &Host, client: &Client, report: &mut Report) {
    let other = host.os == HostOs::Other;
    of_identity(host, client, report);
    if other {
        for (key, span) in client.said.among(OF_NIXOS) {
            let why =
                format!("host `{}` is not NixOS: setup.sh runs as the user, wherever that is", host.name);
            report.push(unused(key, span, why, "take it out"));
        }
    }
    if let Some(span) = client.said.span("group").filter(|_| client.dynamic_user && !other) {
        report.push(unused("group", span, format!("user `{}` is dynamic", client.user), "take it out"));
    }
    if let Some(nix) = client.nix.as_ref().filter(|nix| !nix.build_machines && !other) {
        for (key, span) in nix.said.among(&["ssh-key", "protocol"]) {
            report.push(unused(key, span, "`build-machines` is `false`", "take it out"));
        }
    }
    if let (None, Some(instance)) = (&client.preset, client.instances.first())
        && !other
    {
        let help = "add a `preset`, or name the units in `before`";
        report.push(unused(
            "instances",
            instance.span(),
            "they are the instances of a preset, and there is none",
            help,
        ));
    }
    if let Some(span) = client.said.span("state-directory").filter(|_| !client.dynamic_user && !other) {
        let why = format!("user `{}` is not dynamic", client.user);
        report.push(unused("state-directory", span, why, "take it out, or add `dynamic-user = true`"));
    }
    if let Some(preset) = client.preset.as_ref().filter(|_| other) {
        let why = format!("host `{}` is not NixOS", host.name);
        report.push(unused("preset", preset.span(), why, "say `user`, `home` and `before` instead"));
    }
    let Some(identity) = &client.identity else { return };
    if let Some((sops, copy)) = &identity.conflict {
        report.push(
            Diagnostic::error(
                Code::KeyNotUsed,
                format!("the identity of client `{}` has two sources", host.name),
            )
            .primary(copy.clone(), "a copy of another file")
            .context(sops.clone(), "a secret of sops-nix")
            .help("keep one of `sops` and `copy-from`"),
        );
    }
}
