//! `key-not-used`: keys that are right in themselves, but have no effect beside the others.

use std::collections::{BTreeMap, BTreeSet};

use super::reached::{self, over_tcp};
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::{Client, Fleet, Host, IdentitySource};
use crate::inventory::{Driver, Executor, HostOs};
use crate::types::Endpoint;

/// The settings of a worker that only one executor reads.
const EXECUTOR_KEYS: &[(&str, Executor)] = &[
    ("noProcessSandbox", Executor::Oci),
    ("binary", Executor::Oci),
    ("proxySnapshotterPath", Executor::Oci),
    ("stargzSnapshotter", Executor::Oci),
    ("address", Executor::Containerd),
    ("namespace", Executor::Containerd),
    ("runtime", Executor::Containerd),
];

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    of_builders(fleet, report);
    of_executors(fleet, report);
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

/// A setting of the fleet counts as used where any of the hosts that take it has the executor for it.
fn of_executors(fleet: &Fleet, report: &mut Report) {
    let mut places: BTreeMap<_, (bool, Span, &'static str, Executor)> = BTreeMap::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        for (key, span) in worker.settings.set_keys() {
            let Some((_, reader)) = EXECUTOR_KEYS.iter().find(|(name, _)| *name == key) else { continue };
            let place = places.entry(span.start).or_insert((false, span, key, worker.executor));
            place.0 |= worker.executor == *reader;
        }
    }
    for (used, span, key, executor) in places.into_values() {
        if !used {
            let why = format!("the executor `{}` does not read it", executor.as_str());
            report.push(unused(key, span, why, "take it out, or set `executor` to the other"));
        }
    }
}

fn of_host(host: &Host, report: &mut Report) {
    let Some(worker) = &host.worker else {
        if let Some(span) = &host.daemon_span {
            let why = format!("host `{}` has no worker", host.name);
            report.push(unused("buildkitd", span.clone(), why, "take the table out, or add a `worker`"));
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

fn of_client(host: &Host, client: &Client, report: &mut Report) {
    let other = host.os == HostOs::Other;
    if let (None, Some(instance)) = (&client.preset, client.instances.first()) {
        let help = "add a `preset`, or name the units in `before`";
        report.push(unused(
            "instances",
            instance.span(),
            "they are the instances of a preset, and there is none",
            help,
        ));
    }
    if let Some(span) = client.state_directory_span.as_ref().filter(|_| !client.dynamic_user) {
        let why = format!("user `{}` is not dynamic", client.user);
        report.push(unused(
            "state-directory",
            span.clone(),
            why,
            "take it out, or add `dynamic-user = true`",
        ));
    }
    if let Some(preset) = client.preset.as_ref().filter(|_| other) {
        let why = format!("host `{}` is not NixOS", host.name);
        report.push(unused("preset", preset.span(), why, "say `user`, `home` and `before` instead"));
    }
    let Some(identity) = &client.identity else { return };
    if matches!(identity.source, IdentitySource::Sops(_)) && other {
        let why = format!("sops-nix is for NixOS, which host `{}` is not", host.name);
        report.push(unused("sops", identity.span.clone(), why, "say `path`, and put the key there"));
    }
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
