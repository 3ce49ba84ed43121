//! Stage 2: the fleet, with every name leading somewhere and every default filled in.
//!
//! [`Fleet::resolve`] links the entries of the inventory and runs the rules; a fleet that it returns is
//! one that works, as far as an inventory can tell.

mod client;
mod host;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

pub use client::{Client, Identity, IdentitySource};
pub use host::{Host, Worker};

use crate::diag::{Report, Span};
use crate::inventory::{BuilderEntry, Driver, Inventory, Labels, Said, Spanned};
use crate::types::{
    AbsPath, Address, BuilderName, Duration, FleetName, HostName, Platform, Port, UserName, Word,
};

/// The fleet.
#[derive(Debug)]
pub struct Fleet {
    /// What it is called.
    pub name: Option<FleetName>,
    /// The account that builds arrive at.
    pub account: Account,
    /// The hosts, by name.
    pub hosts: BTreeMap<HostName, Host>,
    /// The builders, by name.
    pub builders: BTreeMap<BuilderName, Builder>,
    /// Whether builders are missing because of faults that have been reported.
    pub(crate) lacks_builders: bool,
}

/// The account on worker hosts that clients log in to.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, and its group's.
    pub user: UserName,
    /// Its home directory.
    pub home: AbsPath,
    /// Whether Nix trusts it.
    pub trusted_user: bool,
    /// Where `user` stands, if it is said.
    pub user_span: Option<Span>,
    /// Where `trusted-user` stands, if it is said.
    pub trusted_span: Option<Span>,
}

/// A builder: nodes in the order of the inventory, and who uses them.
#[derive(Debug)]
pub struct Builder {
    /// Its name, and where it stands.
    pub name: Spanned<BuilderName>,
    /// How buildx reaches its nodes.
    pub driver: Spanned<Driver>,
    /// Its nodes in order; each is a host with a worker.
    pub nodes: Vec<Spanned<HostName>>,
    /// Where the list of nodes stands.
    pub nodes_span: Span,
    /// Its clients in order; each is a host with a client.
    pub clients: Vec<Spanned<HostName>>,
    /// Where the list of clients stands.
    pub clients_span: Span,
    /// Whether the list of nodes is empty, rather than refused.
    pub has_no_nodes: bool,
    /// Whether the list of clients is.
    pub has_no_clients: bool,
    /// The platforms that builds ask for, as far as the inventory says.
    pub platforms: Vec<Spanned<Platform>>,
    /// How often clients probe.
    pub probe_interval: Duration,
    /// Options of the driver.
    pub driver_opts: Option<Spanned<Labels>>,
    /// Arguments of buildkitd in containers.
    pub buildkitd_flags: Vec<Spanned<Word>>,
    /// Which keys of its table are there, and where.
    pub said: Said,
}

/// How a client reaches a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Through the socket of the daemon on the client itself.
    Local,
    /// As the account, over SSH.
    Ssh,
    /// Over TCP, to the host and port of the endpoint.
    Tcp(&'a Address, Port),
}

impl Fleet {
    /// Links the inventory; every fault of reference goes into the report.
    ///
    /// `None` if the report has errors, those of the first stage included.
    pub fn resolve(inventory: Inventory, report: &mut Report) -> Option<Self> {
        rules::case_collision::check(&inventory, report);
        rules::unknown_host::check(&inventory, report);
        rules::unknown_builder::check(&inventory, report);
        let fleet = Self::link(inventory);
        rules::check(&fleet, report);
        (!report.has_errors()).then_some(fleet)
    }

    fn link(inventory: Inventory) -> Self {
        let user =
            inventory.account_user.as_ref().map_or_else(Account::default_user, |user| user.get().clone());
        let home = inventory.account_home.clone().unwrap_or_else(|| Account::default_home(&user));
        let user_span = inventory.account_user.as_ref().map(Spanned::span);
        let trusted = inventory.trusted_user.as_ref();
        let account = Account {
            user,
            home,
            trusted_user: trusted.is_some_and(|trusted| *trusted.get()),
            user_span,
            trusted_span: trusted.map(Spanned::span),
        };
        let builders: BTreeMap<_, _> = inventory
            .builders
            .iter()
            .map(|(name, entry)| (name.get().clone(), Builder::link(name, entry)))
            .collect();
        let mut used: BTreeMap<&HostName, BTreeSet<&BuilderName>> = BTreeMap::new();
        for builder in builders.values() {
            for client in &builder.clients {
                used.entry(client.get()).or_default().insert(builder.name.get());
            }
        }
        let mut hosts = BTreeMap::new();
        let common = host::Common {
            buildkit_version: inventory.buildkit_version.as_ref(),
            worker: &inventory.worker,
            executor: inventory.executor,
            daemon: &inventory.daemon,
            registries: &inventory.registries,
        };
        for (name, entry) in inventory.hosts {
            let used = used.get(name.get()).into_iter().flatten().map(|b| (*b).clone()).collect();
            hosts.insert(name.get().clone(), Host::link(name, entry, &common, used));
        }
        Self { name: inventory.name, account, hosts, builders, lacks_builders: inventory.lacks_builders }
    }

    /// The host of that name, if there is one.
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// The nodes of a builder that are hosts with a worker, in the order of the inventory.
    pub fn nodes<'a>(
        &'a self,
        builder: &'a Builder,
    ) -> impl Iterator<Item = (&'a Spanned<HostName>, &'a Host, &'a Worker)> {
        builder.nodes.iter().filter_map(|name| {
            let host = self.host(name.get())?;
            Some((name, host, host.worker.as_ref()?))
        })
    }

    /// The nodes of a builder in order of preference: as in the inventory, those of last resort behind.
    pub fn preferred<'a>(&'a self, builder: &'a Builder) -> Vec<(&'a Host, &'a Worker)> {
        let (last, first): (Vec<_>, Vec<_>) = self
            .nodes(builder)
            .map(|(_, host, worker)| (host, worker))
            .partition(|(_, worker)| worker.fallback);
        first.into_iter().chain(last).collect()
    }

    /// The clients of a builder that are hosts with a client, in order.
    pub fn clients<'a>(&'a self, builder: &'a Builder) -> impl Iterator<Item = (&'a Host, &'a Client)> {
        builder.clients.iter().filter_map(|name| {
            let host = self.host(name.get())?;
            Some((host, host.client.as_ref()?))
        })
    }

    /// The builders that a client uses, by name.
    pub fn builders_of<'a>(&'a self, client: &'a Client) -> impl Iterator<Item = &'a Builder> {
        client.builders.iter().filter_map(|name| self.builders.get(name))
    }
}

impl Account {
    fn default_user() -> UserName {
        "nix-builder".parse().expect("a user name")
    }

    fn default_home(user: &UserName) -> AbsPath {
        format!("/var/lib/{user}").parse().expect("a user name is a path component")
    }
}

impl Builder {
    fn link(name: &Spanned<BuilderName>, entry: &BuilderEntry) -> Self {
        Self {
            name: name.clone(),
            driver: entry.driver.clone(),
            nodes: entry.nodes.clone(),
            nodes_span: entry.nodes_span.clone(),
            clients: entry.clients.clone(),
            clients_span: entry.clients_span.clone(),
            has_no_nodes: entry.has_no_nodes,
            has_no_clients: entry.has_no_clients,
            platforms: entry.platforms.clone(),
            probe_interval: entry
                .probe_interval
                .clone()
                .unwrap_or_else(|| "30s".parse().expect("a duration")),
            driver_opts: entry.driver_opts.clone(),
            buildkitd_flags: entry.buildkitd_flags.clone(),
            said: entry.said.clone(),
        }
    }

    /// How buildx reaches its nodes.
    pub fn driver(&self) -> Driver {
        *self.driver.get()
    }

    /// How `client` reaches the node on `host`.
    pub fn reach<'a>(&self, client: &Host, host: &'a Host) -> Reach<'a> {
        if client.name.get() == host.name.get() {
            return Reach::Local;
        }
        match (self.driver(), host.worker.as_ref().and_then(Worker::tcp)) {
            (Driver::Remote, Some((address, port))) => Reach::Tcp(address, port),
            _ => Reach::Ssh,
        }
    }
}
