//! Stage 3: which host gets what, decided once for all writers.
//!
//! A valid fleet has a plan; nothing here can fail.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Builder, Client, Fleet, Host, Reach, Worker};
use crate::inventory::{Driver, HostOs};
use crate::types::{BuilderName, HostName, Platform};

/// What is rendered for a fleet.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The fleet itself.
    pub fleet: &'a Fleet,
    /// The builders, by name.
    pub builders: Vec<BuilderPlan<'a>>,
    /// The hosts, by name.
    pub hosts: Vec<HostPlan<'a>>,
}

/// What is rendered for a builder, once for all of its hosts.
#[derive(Debug)]
pub struct BuilderPlan<'a> {
    /// The builder.
    pub builder: &'a Builder,
    /// Its nodes in order of preference: per platform, the first that is up.
    pub nodes: Vec<(&'a Host, &'a Worker)>,
    /// Its clients, each once, by name.
    pub clients: Vec<(&'a Host, &'a Client)>,
    /// Whether a platform has more than one node, so that clients have to find out which is up.
    pub has_alternatives: bool,
    /// Whether a client sends Nix builds to its nodes too.
    pub serves_nix: bool,
    /// Whether a client that NixOS manages needs it as a module.
    pub concerns_nixos: bool,
}

/// What is rendered for a host.
#[derive(Debug)]
pub struct HostPlan<'a> {
    /// The host.
    pub host: &'a Host,
    /// Its worker and how it is used, if it is a node of a builder.
    pub node: Option<NodePlan<'a>>,
    /// Its client, if it uses a builder.
    pub client: Option<ClientPlan<'a>>,
}

/// A host as a node.
#[derive(Debug)]
pub struct NodePlan<'a> {
    /// Its worker.
    pub worker: &'a Worker,
    /// The builders that it is a node of, by name.
    pub builders: Vec<&'a Builder>,
    /// Whether it runs a buildkitd of its own, for the `remote` driver.
    pub native: bool,
    /// Whether buildx starts buildkitd in containers on it, for the `docker-container` driver.
    pub container: bool,
    /// Whether clients on other hosts log in to it.
    pub logged_in_to: bool,
    /// Whether clients on other hosts send Nix builds to it.
    pub serves_nix: bool,
}

/// A host as a client.
#[derive(Debug)]
pub struct ClientPlan<'a> {
    /// Its client.
    pub client: &'a Client,
    /// The builders that it uses, by name.
    pub builders: Vec<ClientBuilder<'a>>,
    /// Whether it reaches a node over SSH.
    pub needs_ssh: bool,
    /// Whether Nix uses the nodes too.
    pub nix_machines: bool,
}

/// A builder as one of its clients sees it.
#[derive(Debug)]
pub struct ClientBuilder<'a> {
    /// The builder.
    pub builder: &'a Builder,
    /// How its definition gets to buildx.
    pub delivery: Delivery<'a>,
    /// Whether a platform has more than one node.
    pub has_alternatives: bool,
    /// Whether the client reaches a node of it over SSH.
    pub over_ssh: bool,
}

/// How a builder's definition gets to buildx.
#[derive(Debug)]
pub enum Delivery<'a> {
    /// Every platform has one node: the definition is a file, and nothing runs.
    Static(Vec<InstanceNode<'a>>),
    /// A service finds out which nodes are up and writes the definition.
    Converged,
}

/// A node in a definition that does not change.
#[derive(Debug)]
pub struct InstanceNode<'a> {
    /// The host.
    pub host: &'a Host,
    /// Its worker.
    pub worker: &'a Worker,
    /// How the client reaches it.
    pub reach: Reach<'a>,
    /// The platforms that it gets.
    pub platforms: Vec<Platform>,
}

impl<'a> Plan<'a> {
    /// The plan of a fleet.
    pub fn of(fleet: &'a Fleet) -> Self {
        let builders: Vec<_> =
            fleet.builders.values().map(|builder| BuilderPlan::of(fleet, builder)).collect();
        let by_name: BTreeMap<&BuilderName, &BuilderPlan<'_>> =
            builders.iter().map(|plan| (plan.builder.name.get(), plan)).collect();
        let mut nodes: BTreeMap<&HostName, Vec<&Builder>> = BTreeMap::new();
        for plan in &builders {
            for (host, _) in &plan.nodes {
                nodes.entry(host.name.get()).or_default().push(plan.builder);
            }
        }
        let hosts = fleet.hosts.values().map(|host| HostPlan {
            host,
            node: nodes.remove(host.name.get()).and_then(|used| NodePlan::of(&by_name, host, used)),
            client: host.client.as_ref().and_then(|client| ClientPlan::of(&by_name, host, client)),
        });
        let hosts = hosts.collect();
        Self { fleet, builders, hosts }
    }
}

impl<'a> BuilderPlan<'a> {
    fn of(fleet: &'a Fleet, builder: &'a Builder) -> Self {
        let nodes = fleet.preferred(builder);
        let clients: BTreeMap<&HostName, _> =
            fleet.clients(builder).map(|(host, client)| (host.name.get(), (host, client))).collect();
        let clients: Vec<_> = clients.into_values().collect();
        let mut seen = BTreeSet::new();
        let has_alternatives = nodes.iter().any(|(_, worker)| {
            let own: BTreeSet<_> = worker.platforms.iter().map(|p| *p.get()).collect();
            own.into_iter().filter(|platform| !seen.insert(*platform)).count() > 0
        });
        let on_nixos = |(host, _): &(&Host, &Client)| host.os == HostOs::Nixos;
        Self {
            builder,
            has_alternatives,
            serves_nix: clients.iter().any(|(_, client)| client.sends_nix_builds()),
            concerns_nixos: clients.iter().any(on_nixos)
                || nodes.iter().any(|(host, _)| host.os == HostOs::Nixos),
            nodes,
            clients,
        }
    }

    /// Whether the definition is the same at all times: nothing to find out, and nothing to bring to a container.
    fn is_static(&self) -> bool {
        self.builder.driver() == Driver::Remote && !self.has_alternatives
    }
}

impl<'a> NodePlan<'a> {
    fn of(
        plans: &BTreeMap<&BuilderName, &BuilderPlan<'a>>,
        host: &'a Host,
        builders: Vec<&'a Builder>,
    ) -> Option<Self> {
        let worker = host.worker.as_ref()?;
        let uses = |driver| builders.iter().any(|builder| builder.driver() == driver);
        // Whether a builder has a client elsewhere does not depend on the host but in this: its own client.
        let others = |builder: &&Builder| {
            let plan = plans.get(builder.name.get());
            let over_ssh = builder.driver() == Driver::DockerContainer || worker.tcp().is_none();
            let elsewhere = plan.is_some_and(|plan| match plan.clients.as_slice() {
                [] => false,
                [(only, _)] => only.name.get() != host.name.get(),
                _ => true,
            });
            elsewhere && (over_ssh || plan.is_some_and(|plan| plan.serves_nix))
        };
        let nix_from_elsewhere = |builder: &&Builder| {
            let plan = plans.get(builder.name.get());
            let mut clients = plan.iter().flat_map(|plan| &plan.clients);
            clients.any(|(client, entry)| entry.sends_nix_builds() && client.name.get() != host.name.get())
        };
        Some(Self {
            worker,
            serves_nix: builders.iter().any(nix_from_elsewhere),
            native: uses(Driver::Remote),
            container: uses(Driver::DockerContainer),
            logged_in_to: builders.iter().any(others),
            builders,
        })
    }
}

impl<'a> ClientPlan<'a> {
    fn of(
        plans: &BTreeMap<&BuilderName, &BuilderPlan<'a>>,
        host: &'a Host,
        client: &'a Client,
    ) -> Option<Self> {
        let used: Vec<&BuilderPlan<'a>> =
            client.builders.iter().filter_map(|name| plans.get(name).copied()).collect();
        if used.is_empty() {
            return None;
        }
        let builders = used.iter().map(|plan| ClientBuilder {
            over_ssh: plan.builder.reaches_over_ssh(host, &plan.nodes),
            builder: plan.builder,
            has_alternatives: plan.has_alternatives,
            delivery: if plan.is_static() {
                Delivery::Static(InstanceNode::all(plan, host))
            } else {
                Delivery::Converged
            },
        });
        let builders: Vec<_> = builders.collect();
        Some(Self {
            client,
            needs_ssh: builders.iter().any(|used| used.over_ssh),
            builders,
            nix_machines: client.sends_nix_builds(),
        })
    }
}

impl Builder {
    /// Whether the client on `client` logs in to any of the nodes; where all are reached alike, that takes looking
    /// at two of them at most.
    fn reaches_over_ssh(&self, client: &Host, nodes: &[(&Host, &Worker)]) -> bool {
        nodes.iter().any(|(host, _)| self.reach(client, host) == Reach::Ssh)
    }
}

impl<'a> InstanceNode<'a> {
    fn all(plan: &BuilderPlan<'a>, client: &Host) -> Vec<Self> {
        let mut taken = BTreeSet::new();
        let nodes = plan.nodes.iter().map(|&(host, worker)| InstanceNode {
            host,
            worker,
            reach: plan.builder.reach(client, host),
            platforms: worker.platforms.iter().map(|p| *p.get()).filter(|p| taken.insert(*p)).collect(),
        });
        nodes.collect()
    }
}
