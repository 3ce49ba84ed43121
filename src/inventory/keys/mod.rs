//! Every key of the inventory: the one list from which the reader, the schema and the reference are made.
//!
//! The keys that go into buildkitd.toml bear BuildKit's own names and units
//! (source: BuildKit, `cmd/buildkitd/config/config.go` and `docs/buildkitd.toml.md`).

mod client;
mod daemon;
mod worker;

pub use client::*;
pub use daemon::*;
pub use worker::*;

use super::shape::{Key, Need, Shape, Table};
use super::value::{Bounded, Labels};
use super::words::{Driver, HostOs};
use crate::types::{
    AbsPath, Address, BuildkitVersion, Duration, FleetName, HostName, NixSystem, Platform, Port, PublicKey,
    Remark, UserName, Word,
};

use Need::{Default, Required};

/// What stands in for a default that buildkitd chooses itself.
const BUILDKIT: &str = "BuildKit's";

/// The whole inventory.
pub static ROOT: Table = Table {
    heading: "inventory",
    doc: "The top level of the file.",
    groups: &[&[
        Key::of::<Bounded<1, 1>>("version", Required, "The version of this format.", "1"),
        Key::of::<FleetName>(
            "name",
            Default("none"),
            "What the fleet is called; the header of every rendered file names it.",
            "\"avalanche\"",
        ),
        Key::of::<BuildkitVersion>(
            "buildkit-version",
            Default("the newest"),
            "The BuildKit of the hosts, 0.17 or later: keys that it does not know, and would ignore without a word, are \
             refused.",
            "\"0.33\"",
        ),
        Key::nested(
            "account",
            Shape::Table(&ACCOUNT),
            Default("its defaults"),
            "The account that builds arrive at.",
        ),
        Key::nested(
            "builders",
            Shape::Map("builder", &Shape::Table(&BUILDER)),
            Required,
            "The builders, by name, as `docker buildx ls` shows them: lower case, `[a-z][a-z0-9.-]*`.",
        ),
        Key::nested(
            "hosts",
            Shape::Map("host", &Shape::Table(&HOST)),
            Required,
            "The machines, by name: workers, clients, or both. A name is `[A-Za-z][A-Za-z0-9-]*`.",
        ),
        Key::nested(
            "worker",
            Shape::Table(&WORKER_DEFAULTS),
            Default("none"),
            "Defaults for the workers of all hosts.",
        ),
        Key::nested(
            "buildkitd",
            Shape::Table(&BUILDKITD),
            Default("none"),
            "Defaults for the daemons of all hosts.",
        ),
        Key::nested(
            "registries",
            Shape::Map("registry", &Shape::Table(&REGISTRY)),
            Default("none"),
            "How every daemon reaches a registry, by its exact `host[:port]`.",
        ),
    ]],
};

/// `[account]`
pub static ACCOUNT: Table = Table {
    heading: "[account]",
    doc: "The account on the worker hosts that clients log in to over SSH, for Docker, BuildKit and Nix builds alike.",
    groups: &[&[
        Key::of::<UserName>(
            "user",
            Default("`nix-builder`"),
            "Its name, and its group's.",
            "\"nix-builder\"",
        ),
        Key::of::<AbsPath>(
            "home",
            Default("`/var/lib/<user>`"),
            "Its home directory.",
            "\"/var/lib/nix-builder\"",
        ),
        Key::of::<bool>(
            "trusted-user",
            Default("`false`"),
            "Whether it is one of `nix.settings.trusted-users` on the worker hosts, which Nix needs to copy unsigned \
             paths there. A trusted user is equivalent to root.",
            "true",
        ),
    ]],
};

/// `[builders.<name>]`
pub static BUILDER: Table = Table {
    heading: "[builders.<name>]",
    doc: "A named group of nodes, as in `docker buildx create --name`.",
    groups: &[&[
        Key::of::<Driver>(
            "driver",
            Required,
            "How buildx reaches the nodes: each host's own buildkitd (`remote`), or a buildkitd in a container that \
             buildx starts through each host's Docker (`docker-container`).",
            "\"remote\"",
        ),
        Key::list_of::<HostName>(
            "nodes",
            Required,
            "The hosts that build. The order decides: per platform, the first that is up. The first node also gets \
             the builds that name no platform.",
            "[\"ser5\", \"opi01\"]",
        ),
        Key::list_of::<HostName>("clients", Required, "The hosts that start builds here.", "[\"eagle\"]"),
        Key::list_of::<Platform>(
            "platforms",
            Default("those of its nodes"),
            "The platforms that builds ask this builder for; each must be served by a node, as buildx sends a platform \
             that no node declares to the first node without a word.",
            "[\"linux/amd64\", \"linux/arm64\"]",
        ),
        Key::of::<Duration>(
            "probe-interval",
            Default("`\"30s\"`"),
            "How often clients probe the nodes, where a platform has more than one.",
            "\"1m\"",
        ),
        Key::of::<Labels>(
            "driver-opts",
            Default("none"),
            "Options of the `docker-container` driver for every node, as in `--driver-opt`.",
            "{ network = \"host\" }",
        ),
        Key::list_of::<Word>(
            "buildkitd-flags",
            Default("none"),
            "Arguments of buildkitd in the containers of the `docker-container` driver.",
            "[\"--allow-insecure-entitlement=network.host\"]",
        ),
    ]],
};

/// `[hosts.<name>]`
pub static HOST: Table = Table {
    heading: "[hosts.<name>]",
    doc: "A machine of the fleet.",
    groups: &[&[
        Key::of::<Address>(
            "address",
            Default("none; needed where clients reach it"),
            "The DNS name or IP address that clients connect to.",
            "\"ser5.internal\"",
        ),
        Key::of::<Port>("port", Default("`22`"), "The port of its sshd.", "2222"),
        Key::list_of::<PublicKey>(
            "host-keys",
            Default("none; needed where clients reach it over SSH"),
            "The public keys of its sshd (`/etc/ssh/ssh_host_*_key.pub`). Clients trust these and no other.",
            "[\"ssh-ed25519 AAAA...\"]",
        ),
        Key::of::<HostOs>("os", Default("`\"nixos\"`"), "What manages it.", "\"other\""),
        Key::of::<NixSystem>(
            "system",
            Default("that of its first platform"),
            "Its Nix system, which tells the platforms that it runs without emulation.",
            "\"x86_64-linux\"",
        ),
        Key::of::<BuildkitVersion>(
            "buildkit-version",
            Default("the fleet's"),
            "Its BuildKit, where it is another than the fleet's.",
            "\"0.17\"",
        ),
        Key::of::<Remark>(
            "description",
            Default("none"),
            "What it is, for readers: a comment in the rendered files.",
            "\"SER5 MAX - AMD64 Builder\"",
        ),
        Key::nested(
            "comments",
            Shape::Table(&COMMENTS),
            Default("none"),
            "Why a value is as it is, written beside it in the rendered buildkitd.toml.",
        ),
        Key::nested("worker", Shape::Table(&WORKER), Default("none: not a node"), "Makes the host a worker."),
        Key::nested(
            "buildkitd",
            Shape::Table(&BUILDKITD),
            Default("the fleet's"),
            "Settings of its daemon; key by key, the host's win over the fleet's.",
        ),
        Key::nested(
            "registries",
            Shape::Map("registry", &Shape::Table(&REGISTRY)),
            Default("the fleet's"),
            "How its daemon reaches a registry; key by key, the host's win over the fleet's.",
        ),
        Key::nested(
            "client",
            Shape::Table(&CLIENT),
            Default("none: starts no builds"),
            "Makes the host a client.",
        ),
    ]],
};

/// `[hosts.<name>.comments]`
pub static COMMENTS: Table = Table {
    heading: "[hosts.<name>.comments]",
    doc: "Why a value is as it is.",
    groups: &[&[
        Key::of::<Remark>(
            "platforms",
            Default("none"),
            "Of the platforms.",
            "\"the NPU needs the vendor's kernel\"",
        ),
        Key::of::<Remark>("max-parallelism", Default("none"), "Of the limit.", "\"leave headroom for K3s\""),
        Key::of::<Remark>("cdi", Default("none"), "Of the CDI settings.", "\"no GPU here\""),
        Key::of::<Remark>(
            "gc",
            Default("none"),
            "Of the garbage collection.",
            "\"the disk is shared with K3s\"",
        ),
    ]],
};
