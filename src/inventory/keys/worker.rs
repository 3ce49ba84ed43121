//! `[worker]` and `[hosts.<name>.worker]`: what a host builds, and BuildKit's settings for it.

use super::super::shape::{Key, Need, Shape, Table};
use super::super::value::{Array, Bounded, Labels, Parallelism, Passed};
use super::super::words::{Executor, NetworkMode, Snapshotter};
use super::BUILDKIT;
use crate::types::{
    AbsPath, Address, CgroupParent, DiskSpace, Duration, Endpoint, GcFilter, NixSystem, Platform, Subnet,
    Word,
};

use Need::{Default, Required};

/// `[worker]`
pub static WORKER_DEFAULTS: Table = Table {
    heading: "[worker]",
    doc: "What holds for the workers of all hosts, under BuildKit's own names; a host's own value wins, key by key.",
    groups: &[WORKER_SETTINGS],
};

/// `[hosts.<name>.worker]`
pub static WORKER: Table = Table {
    heading: "[hosts.<name>.worker]",
    doc: "The worker of a host: what it builds, how much at once, and BuildKit's settings for it.",
    groups: &[
        &[
            Key::list_of::<Platform>(
                "platforms",
                Required,
                "What it builds, in BuildKit's spelling `os/arch[/variant]`.",
                "[\"linux/amd64\"]",
            ),
            Key::of::<bool>(
                "fallback",
                Default("`false`"),
                "Whether it is the last resort for its platforms, used while no other node is up.",
                "true",
            ),
            Key::of::<Endpoint>(
                "endpoint",
                Default("`ssh://<account>@<address>[:<port>]`"),
                "Where the `remote` driver reaches its buildkitd, when that is not over SSH: `tcp://host:port`, with \
                 TLS by `buildkitd.grpc.tls` here and `client.tls` there.",
                "\"tcp://ser5.internal:1234\"",
            ),
            Key::of::<Address>(
                "servername",
                Default("the host of the endpoint"),
                "The name that the daemon's TLS certificate bears.",
                "\"ser5.example\"",
            ),
            Key::of::<bool>(
                "allow-plain-tcp",
                Default("`false`"),
                "Lets a `tcp://` endpoint be without TLS: anyone who reaches the port can build, and so run programs \
                 as root in a container, on the host.",
                "true",
            ),
            Key::nested("nix", Shape::Table(&NIX), Default("its defaults"), "What the host offers to Nix."),
        ],
        WORKER_SETTINGS,
    ],
};

/// `[hosts.<name>.worker.nix]`
pub static NIX: Table = Table {
    heading: "[hosts.<name>.worker.nix]",
    doc: "The entry of the host in `nix.buildMachines` of the clients that ask for it.",
    groups: &[&[
        Key::list_of::<NixSystem>(
            "systems",
            Default("those of its platforms"),
            "The systems that it builds for.",
            "[\"x86_64-linux\"]",
        ),
        Key::of::<Parallelism>(
            "max-jobs",
            Default("`max-parallelism`, else 1"),
            "How many builds at once.",
            "4",
        ),
        Key::of::<Bounded<1, 1000>>(
            "speed-factor",
            Default("`1`"),
            "How fast it is, compared with others.",
            "2",
        ),
        Key::list_of::<Word>(
            "supported-features",
            Default("none"),
            "What it offers.",
            "[\"kvm\", \"big-parallel\"]",
        ),
        Key::list_of::<Word>(
            "mandatory-features",
            Default("none"),
            "What a build must ask for.",
            "[\"benchmark\"]",
        ),
    ]],
};

/// The worker settings of buildkitd.toml, of both executors.
const WORKER_SETTINGS: &[Key] = &[
    Key::of::<Executor>(
        "executor",
        Default("`\"oci\"`"),
        "What runs build steps: `[worker.oci]` or `[worker.containerd]`.",
        "\"oci\"",
    ),
    Key::setting::<Parallelism>("max-parallelism", "no limit", "How many build steps run at once.", "8"),
    Key::setting::<bool>("gc", "`true`", "Whether the cache is collected.", "true"),
    Key::setting::<DiskSpace>(
        "reservedSpace",
        "`\"10GB\"`, where none of the three is given",
        "The cache that is never collected. BuildKit's units are binary: `\"10GB\"` is 10 GiB.",
        "\"10GB\"",
    ),
    Key::setting::<DiskSpace>(
        "maxUsedSpace",
        "`\"100GB\"`, where none of the three is given",
        "The most that the cache may take.",
        "\"60%\"",
    ),
    Key::setting::<DiskSpace>(
        "minFreeSpace",
        "`\"20%\"`, where none of the three is given",
        "The free disk space that collection aims at.",
        "\"20%\"",
    ),
    Key::setting::<DiskSpace>(
        "gckeepstorage",
        "none",
        "Deprecated, and refused: say `maxUsedSpace`.",
        "\"10GB\"",
    ),
    Key::nested(
        "gcpolicy",
        Shape::List(&GCPOLICY_ITEM),
        Default(BUILDKIT),
        "Rules of collection, tried in order; any of them replaces BuildKit's own four.",
    ),
    Key::setting::<Labels>(
        "labels",
        "none",
        "Labels of the worker; a host's take the place of the fleet's as a whole.",
        "{ rack = \"b\" }",
    ),
    Key::setting::<Snapshotter>("snapshotter", "`\"auto\"`", "What keeps the layers.", "\"overlayfs\""),
    Key::setting::<NetworkMode>("networkMode", "`\"auto\"`", "The network of build steps.", "\"host\""),
    Key::setting::<AbsPath>(
        "cniConfigPath",
        "`/etc/buildkit/cni.json`",
        "The CNI configuration.",
        "\"/etc/buildkit/cni.json\"",
    ),
    Key::setting::<AbsPath>(
        "cniBinaryPath",
        "`/opt/cni/bin`",
        "The folder of CNI plugins.",
        "\"/opt/cni/bin\"",
    ),
    Key::setting::<Bounded<0, 4096>>(
        "cniPoolSize",
        "`0`",
        "How many network namespaces are kept ready.",
        "16",
    ),
    Key::setting::<Word>(
        "bridgeName",
        BUILDKIT,
        "The bridge of `networkMode = \"bridge\"`.",
        "\"buildkit0\"",
    ),
    Key::setting::<Subnet>("bridgeSubnet", BUILDKIT, "Its subnet.", "\"10.10.0.0/16\""),
    Key::setting::<CgroupParent>(
        "defaultCgroupParent",
        BUILDKIT,
        "The cgroup of build containers.",
        "\"buildkit\"",
    ),
    Key::setting::<Word>(
        "apparmor-profile",
        "none",
        "The AppArmor profile of build containers.",
        "\"buildkit\"",
    ),
    Key::setting::<bool>("selinux", "`false`", "Whether SELinux labels are applied.", "true"),
    Key::setting::<bool>("rootless", "`false`", "Whether buildkitd runs without root.", "true"),
    Key::setting::<bool>(
        "noProcessSandbox",
        "`false`",
        "Runs steps in the daemon's pid namespace; `oci` only.",
        "true",
    ),
    Key::setting::<Word>(
        "binary",
        "`buildkit-runc` or `runc`",
        "The OCI runtime, a name or a path; `oci` only.",
        "\"crun\"",
    ),
    Key::setting::<AbsPath>(
        "proxySnapshotterPath",
        "none",
        "The socket of a snapshotter; `oci` only.",
        "\"/run/stargz.sock\"",
    ),
    Key::setting::<Passed>(
        "stargzSnapshotter",
        "none",
        "Handed to the stargz snapshotter as it is; `oci` only.",
        "{ no_prometheus = true }",
    ),
    Key::setting::<AbsPath>(
        "address",
        "`/run/containerd/containerd.sock`",
        "The socket of containerd; `containerd` only.",
        "\"/run/containerd/containerd.sock\"",
    ),
    Key::setting::<Word>(
        "namespace",
        "`buildkit`",
        "The containerd namespace; `containerd` only.",
        "\"buildkit\"",
    ),
    Key::nested(
        "runtime",
        Shape::Table(&RUNTIME),
        Default(BUILDKIT),
        "The containerd runtime; `containerd` only.",
    ),
];

/// `[hosts.<name>.worker.runtime]`
pub static RUNTIME: Table = Table {
    heading: "[hosts.<name>.worker.runtime]",
    doc: "`[worker.containerd.runtime]`.",
    groups: &[&[
        Key::setting::<Word>("name", BUILDKIT, "Its name.", "\"io.containerd.runc.v2\""),
        Key::setting::<AbsPath>("path", BUILDKIT, "The shim.", "\"/usr/bin/containerd-shim-runc-v2\""),
        Key::setting::<Passed>(
            "options",
            "none",
            "Handed to the runtime as they are.",
            "{ BinaryName = \"runc\" }",
        ),
    ]],
};

static GCPOLICY_ITEM: Shape = Shape::Table(&GCPOLICY);

/// `[[hosts.<name>.worker.gcpolicy]]`
pub static GCPOLICY: Table = Table {
    heading: "[[hosts.<name>.worker.gcpolicy]]",
    doc: "A rule of garbage collection.",
    groups: &[&[
        Key::setting::<bool>(
            "all",
            "`false`",
            "Whether it covers internal and frontend records too.",
            "true",
        ),
        Key::setting::<Array<GcFilter>>(
            "filters",
            "none: every record",
            "What it covers.",
            "[\"type==exec.cachemount\"]",
        ),
        Key::setting::<Duration>(
            "keepDuration",
            "none",
            "How long a record is kept after its last use.",
            "\"48h\"",
        ),
        Key::setting::<DiskSpace>("reservedSpace", "none", "What the rule never collects.", "\"1GB\""),
        Key::setting::<DiskSpace>(
            "maxUsedSpace",
            "none",
            "The most that records of the rule may take.",
            "\"20GB\"",
        ),
        Key::setting::<DiskSpace>("minFreeSpace", "none", "The free disk space that it aims at.", "\"10GB\""),
        Key::setting::<DiskSpace>(
            "keepBytes",
            "none",
            "Deprecated, and refused: say `maxUsedSpace`.",
            "\"10GB\"",
        ),
    ]],
};
