//! Who reaches whom, and how, without looking at every pair of client and node; a help to other rules.
//!
//! How a node is reached depends on the client only in whether it is the node itself. So one client that is
//! not the node speaks for all, and of two nodes one is never the client itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Builder, Client, Fleet, Host, Reach, Worker};
use crate::inventory::{Driver, Spanned};
use crate::types::HostName;

/// A client that reaches a node.
pub(super) struct Way<'a> {
    /// The builder that joins them.
    pub builder: &'a Builder,
    /// The host of the client.
    pub from: &'a Host,
    /// The client on it.
    pub client: &'a Client,
    /// The node, where the builder names it.
    pub node: &'a Spanned<HostName>,
    /// Its host.
    pub to: &'a Host,
    /// Its worker.
    pub worker: &'a Worker,
}

/// Whether it is over SSH.
pub(super) fn over_ssh(reach: Reach<'_>) -> bool {
    reach == Reach::Ssh
}

/// Whether it is over TCP.
pub(super) fn over_tcp(reach: Reach<'_>) -> bool {
    matches!(reach, Reach::Tcp(..))
}

/// The nodes that a client elsewhere reaches in a certain manner, each with the first such way.
pub(super) fn nodes<'a>(fleet: &'a Fleet, manner: fn(Reach<'_>) -> bool) -> Vec<Way<'a>> {
    let mut ways = BTreeMap::new();
    for way in fleet.builders.values().flat_map(|builder| strangers(fleet, builder)) {
        if manner(way.builder.reach(way.from, way.to)) {
            ways.entry(way.to.name.get()).or_insert(way);
        }
    }
    ways.into_values().collect()
}

/// The clients that reach a certain kind of node elsewhere in a certain manner, each with the first such way.
pub(super) fn clients<'a>(
    fleet: &'a Fleet,
    manner: fn(Reach<'_>) -> bool,
    kind: fn(&Worker) -> bool,
) -> Vec<Way<'a>> {
    let mut ways = BTreeMap::new();
    for builder in fleet.builders.values() {
        let wanted = |way: &Way<'a>| manner(builder.reach(way.from, way.to)) && kind(way.worker);
        let found: Vec<_> = strangers(fleet, builder).filter(wanted).take(2).collect();
        for (from, client) in fleet.clients(builder) {
            if let Some(way) = found.iter().find(|way| way.to.name.get() != from.name.get()) {
                ways.entry(from.name.get()).or_insert(Way { from, client, ..*way });
            }
        }
    }
    ways.into_values().collect()
}

/// The nodes that a client elsewhere logs in to, to build or, with Nix, besides; each with the first such way.
pub(super) fn logged_in_to(fleet: &Fleet) -> Vec<Way<'_>> {
    let mut ways = nodes(fleet, over_ssh);
    let known: BTreeSet<_> = ways.iter().map(|way| way.to.name.get()).collect();
    let mut besides = BTreeMap::new();
    for builder in fleet.builders.values() {
        let nix: Vec<_> =
            fleet.clients(builder).filter(|(_, client)| client.sends_nix_builds()).take(2).collect();
        for (node, to, worker) in fleet.nodes(builder).filter(|(node, ..)| !known.contains(node.get())) {
            if let Some((from, client)) = nix.iter().find(|(from, _)| from.name.get() != node.get()) {
                besides.entry(node.get()).or_insert(Way { builder, from, client, node, to, worker });
            }
        }
    }
    ways.extend(besides.into_values());
    ways
}

/// The hosts that a client elsewhere uses for Nix.
pub(super) fn logged_in_to_by_nix(fleet: &Fleet) -> BTreeSet<&HostName> {
    let mut hosts = BTreeSet::new();
    for builder in fleet.builders.values() {
        let nix: Vec<_> =
            fleet.clients(builder).filter(|(_, client)| client.sends_nix_builds()).take(2).collect();
        let used = fleet
            .nodes(builder)
            .filter(|(node, ..)| nix.iter().any(|(from, _)| from.name.get() != node.get()));
        hosts.extend(used.map(|(node, ..)| node.get()));
    }
    hosts
}

/// The clients that log in to a node elsewhere, to build or, with Nix, besides; each with the first such way.
pub(super) fn logging_in(fleet: &Fleet) -> Vec<Way<'_>> {
    let mut ways = clients(fleet, over_ssh, |_| true);
    let known: BTreeSet<_> = ways.iter().map(|way| way.from.name.get()).collect();
    let mut besides = BTreeMap::new();
    for builder in fleet.builders.values() {
        let nodes: Vec<_> = fleet.nodes(builder).take(2).collect();
        for (from, client) in fleet.clients(builder) {
            if known.contains(from.name.get()) || !client.sends_nix_builds() {
                continue;
            }
            if let Some((node, to, worker)) = nodes.iter().find(|(node, ..)| node.get() != from.name.get()) {
                besides.entry(from.name.get()).or_insert(Way { builder, from, client, node, to, worker });
            }
        }
    }
    ways.extend(besides.into_values());
    ways
}

/// Each node of a builder with the first client that is another host.
fn strangers<'a>(fleet: &'a Fleet, builder: &'a Builder) -> impl Iterator<Item = Way<'a>> {
    fleet.nodes(builder).filter_map(move |(node, to, worker)| {
        let (from, client) = fleet.clients(builder).find(|(from, _)| from.name.get() != to.name.get())?;
        Some(Way { builder, from, client, node, to, worker })
    })
}

/// The hosts whose own buildkitd a builder uses, by name.
pub(super) fn daemons(fleet: &Fleet) -> BTreeMap<&HostName, (&Host, &Worker)> {
    of_driver(fleet, Driver::Remote)
}

/// The hosts that are nodes of a builder with that driver, by name.
pub(super) fn of_driver(fleet: &Fleet, driver: Driver) -> BTreeMap<&HostName, (&Host, &Worker)> {
    let builders = fleet.builders.values().filter(|builder| builder.driver() == driver);
    let nodes = builders.flat_map(|builder| fleet.nodes(builder));
    nodes.map(|(_, host, worker)| (host.name.get(), (host, worker))).collect()
}
