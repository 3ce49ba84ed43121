//! A machine of the fleet, with the fleet's settings laid under its own.

use std::collections::BTreeMap;

use super::client::Client;
use crate::diag::Span;
use crate::inventory::{
    Comments, DaemonEntry, Executor, HostEntry, HostOs, NixEntry, RegistryEntry, Said, Settings, Spanned,
    WorkerEntry,
};
use crate::types::{
    Address, BuilderName, BuildkitVersion, Endpoint, HostName, NixSystem, Platform, Port, PublicKey,
    Registry, Remark,
};

/// A machine of the fleet.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub name: Spanned<HostName>,
    /// Where its table stands.
    pub span: Span,
    /// What clients connect to.
    pub address: Option<Spanned<Address>>,
    /// The port of its sshd.
    pub port: Port,
    /// The keys of its sshd.
    pub host_keys: Vec<Spanned<PublicKey>>,
    /// What manages it.
    pub os: HostOs,
    /// What it is, for readers.
    pub description: Option<Remark>,
    /// Why values are as they are.
    pub comments: Comments,
    /// Its worker, if it is a node of builders.
    pub worker: Option<Worker>,
    /// Its client, if it starts builds.
    pub client: Option<Client>,
    /// Which keys its own `[buildkitd]` has, and where.
    pub daemon_said: Said,
    /// Which keys of its table are there, and where.
    pub said: Said,
}

/// The worker of a host and the daemon around it.
#[derive(Debug)]
pub struct Worker {
    /// Where its table stands.
    pub span: Span,
    /// What it builds, in order.
    pub platforms: Vec<Spanned<Platform>>,
    /// The Nix system of the host.
    pub system: Option<NixSystem>,
    /// The version of its BuildKit, and where that is said; the newest if it is not.
    pub buildkit_version: Option<Spanned<BuildkitVersion>>,
    /// Whether it is used only while no other node is up.
    pub fallback: bool,
    /// Where the remote driver reaches it, if not over SSH.
    pub endpoint: Option<Spanned<Endpoint>>,
    /// The name in its certificate, if not that of the endpoint.
    pub servername: Option<Spanned<Address>>,
    /// Whether its TCP socket may be without TLS.
    pub allow_plain_tcp: bool,
    /// What runs build steps.
    pub executor: Executor,
    /// The worker block of its buildkitd.toml.
    pub settings: Settings,
    /// The rest of its buildkitd.toml.
    pub daemon: DaemonEntry,
    /// How it reaches registries.
    pub registries: BTreeMap<Registry, (Span, RegistryEntry)>,
    /// What it offers to Nix.
    pub nix: NixEntry,
    /// Which keys of its table are there, and where.
    pub said: Said,
}

/// What holds for all hosts where they do not say otherwise.
pub(super) struct Common<'a> {
    pub buildkit_version: Option<&'a Spanned<BuildkitVersion>>,
    pub worker: &'a Settings,
    pub executor: Option<Executor>,
    pub daemon: &'a DaemonEntry,
    pub registries: &'a [(Spanned<Registry>, RegistryEntry)],
}

impl Host {
    pub(super) fn link(
        name: Spanned<HostName>,
        entry: HostEntry,
        common: &Common<'_>,
        builders: Vec<BuilderName>,
    ) -> Self {
        let HostEntry { system, daemon, registries, .. } = entry;
        let version = entry.buildkit_version.or_else(|| common.buildkit_version.cloned());
        let daemon_said = daemon.said.clone();
        let worker =
            entry.worker.map(|worker| Worker::link(worker, version, system, &daemon, &registries, common));
        Self {
            name,
            span: entry.span,
            address: entry.address,
            port: entry.port.unwrap_or_default(),
            host_keys: entry.host_keys,
            os: entry.os.map_or(HostOs::Nixos, Spanned::into_inner),
            description: entry.description,
            comments: entry.comments,
            worker,
            client: entry.client.and_then(|client| Client::link(client, builders)),
            daemon_said,
            said: entry.said,
        }
    }
}

impl Host {
    /// What a client connects to: the address, or that of the endpoint. A host that only its own client reaches may
    /// have neither; its name stands in then, and nothing connects to it.
    pub fn address_or_name(&self) -> String {
        let endpoint = || self.worker.as_ref()?.tcp().map(|(address, _)| address.to_string());
        let address = self.address.as_ref().map(ToString::to_string).or_else(endpoint);
        address.unwrap_or_else(|| self.name.get().folded())
    }
}

impl Worker {
    fn link(
        entry: WorkerEntry,
        buildkit_version: Option<Spanned<BuildkitVersion>>,
        system: Option<NixSystem>,
        daemon: &DaemonEntry,
        registries: &[(Spanned<Registry>, RegistryEntry)],
        common: &Common<'_>,
    ) -> Self {
        let mut merged: BTreeMap<Registry, (Span, RegistryEntry)> = BTreeMap::new();
        for (name, entry) in common.registries.iter().chain(registries) {
            let entry = match merged.get(name.get()) {
                Some((_, below)) => below.overlaid(entry),
                None => entry.clone(),
            };
            merged.insert(name.get().clone(), (name.span(), entry));
        }
        let system = system.or_else(|| entry.platforms.first().and_then(|p| NixSystem::of(p.get())));
        Self {
            span: entry.span,
            platforms: entry.platforms,
            buildkit_version,
            system,
            fallback: entry.fallback,
            endpoint: entry.endpoint,
            servername: entry.servername,
            allow_plain_tcp: entry.allow_plain_tcp,
            executor: entry.executor.or(common.executor).unwrap_or(Executor::Oci),
            settings: common.worker.overlaid(&entry.settings),
            daemon: common.daemon.overlaid(daemon),
            registries: merged,
            nix: entry.nix,
            said: entry.said,
        }
    }

    /// Host and port of its TCP endpoint, if it has one.
    pub fn tcp(&self) -> Option<(&Address, Port)> {
        match self.endpoint.as_ref()?.get() {
            Endpoint::Tcp { address, port } => Some((address, *port)),
            _ => None,
        }
    }

    /// Whether its daemon speaks TLS on its TCP sockets.
    pub fn has_tls(&self) -> bool {
        let tls = self.daemon.settings.table("grpc").and_then(|grpc| grpc.table("tls"));
        tls.is_some_and(|tls| tls.get("cert").is_some() && tls.get("key").is_some())
    }

    /// The name in the certificate of its TCP endpoint, if it has one and speaks TLS there.
    pub fn tls_name(&self) -> Option<&Address> {
        let (address, _) = self.tcp().filter(|_| self.has_tls())?;
        Some(self.servername.as_ref().map_or(address, Spanned::get))
    }

    /// Its platforms in order, each once.
    pub fn platforms_once(&self) -> Vec<Platform> {
        let mut once = Vec::new();
        for platform in &self.platforms {
            if !once.contains(platform.get()) {
                once.push(*platform.get());
            }
        }
        once
    }

    /// Whether the platform is one of its own.
    pub fn serves(&self, platform: &Platform) -> bool {
        self.platforms.iter().any(|own| own.get() == platform)
    }

    /// Whether it builds the platform without emulation, as far as can be told.
    pub fn is_native(&self, platform: &Platform) -> bool {
        self.system.as_ref().is_none_or(|system| system.runs(platform))
    }

    /// How many steps it runs at once, if it is limited.
    pub fn max_parallelism(&self) -> Option<i64> {
        self.settings.get("max-parallelism")?.get().as_integer()
    }
}
