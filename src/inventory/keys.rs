//! Every key of the inventory: the one list from which the reader, the schema and the reference are made.
//!
//! The keys that go into buildkitd.toml bear BuildKit's own names and units
//! (source: BuildKit, `cmd/buildkitd/config/config.go` and `docs/buildkitd.toml.md`).

use super::shape::{Key, Need, Shape, Table};
use super::value::{
    Array, Bounded, Count, Driver, Entitlement, Executor, HostOs, Id, Labels, LogFormat, LogLevel,
    NetworkMode, NixProtocol, Parallelism, Passed, Preset, Snapshotter, WorkerBlocks,
};
use crate::types::{
    AbsPath, Address, BuilderName, BuildkitVersion, DiskSpace, Duration, Endpoint, FileMode, FleetName,
    FolderName, GcFilter, HostName, HostPort, IpAddress, Mirror, NixSystem, Platform, Port, PublicKey,
    Remark, SecretName, ServiceName, Subnet, TreePath, UnitName, UserName, Word,
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
    Key::setting::<Word>("defaultCgroupParent", BUILDKIT, "The cgroup of build containers.", "\"buildkit\""),
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

/// `[buildkitd]`
pub static BUILDKITD: Table = Table {
    heading: "[buildkitd]",
    doc: "What holds for the daemons of all hosts, under BuildKit's own names; in `[hosts.<name>.buildkitd]`, for one. \
          The container of a `docker-container` node gets what makes sense there: not `root`, `provenanceEnvDir`, `grpc`, \
          `otel`.",
    groups: &[&[
        Key::setting::<AbsPath>(
            "root",
            "`/var/lib/buildkit`",
            "Where state and cache are kept.",
            "\"/srv/buildkit\"",
        ),
        Key::setting::<Array<Entitlement>>(
            "insecure-entitlements",
            "none",
            "What builds may ask for beyond the sandbox.",
            "[\"network.host\"]",
        ),
        Key::setting::<bool>("proxyNetwork", "`false`", "Makes builds use the proxy network.", "true")
            .since(31),
        Key::setting::<AbsPath>(
            "provenanceEnvDir",
            "`/etc/buildkit/provenance.d`",
            "Extra provenance.",
            "\"/etc/provenance\"",
        )
        .since(25),
        Key::nested(
            "cdi",
            Shape::Either(&Shape::Bool, &Shape::Table(&CDI)),
            Default("`true`"),
            "Container Device Interface; `false` for a host without a GPU, where detection keeps containers from starting.",
        ),
        Key::nested("log", Shape::Table(&LOG), Default(BUILDKIT), "What the daemon logs."),
        Key::nested("dns", Shape::Table(&DNS), Default("the host's"), "Name resolution of build steps."),
        Key::nested("grpc", Shape::Table(&GRPC), Default(BUILDKIT), "Where the daemon listens."),
        Key::nested("otel", Shape::Table(&OTEL), Default(BUILDKIT), "Traces."),
        Key::nested("history", Shape::Table(&HISTORY), Default(BUILDKIT), "The records of finished builds."),
        Key::nested(
            "frontend",
            Shape::Table(&FRONTEND),
            Default(BUILDKIT),
            "The frontends that builds may use.",
        ),
        Key::nested("system", Shape::Table(&SYSTEM), Default(BUILDKIT), "The rest."),
    ]],
};

/// `[buildkitd.cdi]`
pub static CDI: Table = Table {
    heading: "[buildkitd.cdi]",
    doc: "Container Device Interface.",
    groups: &[&[
        Key::setting::<bool>(
            "disabled",
            "`false`",
            "Whether it is off; `cdi = false` says the same.",
            "true",
        )
        .since(20),
        Key::setting::<Array<AbsPath>>(
            "specDirs",
            "`/etc/cdi`, `/var/run/cdi`, `/etc/buildkit/cdi`",
            "Where specs are.",
            "[\"/etc/cdi\"]",
        )
        .since(20),
        Key::setting::<Array<Word>>(
            "autoAllowed",
            "none",
            "Devices that need no entitlement.",
            "[\"nvidia.com/gpu\"]",
        )
        .since(20),
    ]],
};

/// `[buildkitd.log]`
pub static LOG: Table = Table {
    heading: "[buildkitd.log]",
    doc: "What the daemon logs.",
    groups: &[&[
        Key::setting::<LogFormat>("format", "`\"text\"`", "Its form.", "\"json\""),
        Key::setting::<LogLevel>("level", "`\"info\"`", "How much.", "\"warn\"").since(30),
    ]],
};

/// `[buildkitd.dns]`
pub static DNS: Table = Table {
    heading: "[buildkitd.dns]",
    doc: "Name resolution of build steps.",
    groups: &[&[
        Key::setting::<Array<IpAddress>>(
            "nameservers",
            "the host's",
            "IP addresses of servers.",
            "[\"10.0.0.1\"]",
        ),
        Key::setting::<Array<Word>>("options", "none", "Options of resolv.conf.", "[\"edns0\"]"),
        Key::setting::<Array<Word>>("searchDomains", "none", "Domains to search.", "[\"internal\"]"),
    ]],
};

/// `[buildkitd.grpc]`
pub static GRPC: Table = Table {
    heading: "[buildkitd.grpc]",
    doc: "Where the daemon listens.",
    groups: &[&[
        Key::list_of::<Endpoint>(
            "address",
            Default(
                "`[\"unix:///run/buildkit/buildkitd.sock\"]`, and the port of a `tcp://` endpoint on all addresses",
            ),
            "The sockets: `unix://` and `tcp://`.",
            "[\"unix:///run/buildkit/buildkitd.sock\", \"tcp://0.0.0.0:1234\"]",
        ),
        Key::setting::<HostPort>(
            "debugAddress",
            "none",
            "Where profiles can be had, `host:port`.",
            "\"127.0.0.1:6060\"",
        ),
        Key::setting::<Id>("uid", "`0`", "The owner of the sockets.", "0"),
        Key::setting::<Id>("gid", "that of the group `buildkit`", "The group of the sockets.", "992"),
        Key::nested(
            "tls",
            Shape::Table(&GRPC_TLS),
            Default("no TLS"),
            "TLS of the `tcp://` sockets: all three, or none.",
        ),
    ]],
};

/// `[buildkitd.grpc.tls]`
pub static GRPC_TLS: Table = Table {
    heading: "[buildkitd.grpc.tls]",
    doc: "TLS of the `tcp://` sockets; with `ca`, clients must show a certificate too.",
    groups: &[&[
        Key::setting::<AbsPath>("cert", "none", "The daemon's certificate.", "\"/etc/buildkit/tls.crt\""),
        Key::setting::<AbsPath>("key", "none", "Its key, on the host.", "\"/etc/buildkit/tls.key\""),
        Key::setting::<AbsPath>(
            "ca",
            "none",
            "The CA of the clients' certificates.",
            "\"/etc/buildkit/ca.crt\"",
        ),
    ]],
};

/// `[buildkitd.otel]`
pub static OTEL: Table = Table {
    heading: "[buildkitd.otel]",
    doc: "Traces.",
    groups: &[&[Key::setting::<AbsPath>(
        "socketPath",
        "`/run/buildkit/otel-grpc.sock`",
        "The socket of the collector.",
        "\"/run/buildkit/otel-grpc.sock\"",
    )]],
};

/// `[buildkitd.history]`
pub static HISTORY: Table = Table {
    heading: "[buildkitd.history]",
    doc: "The records of finished builds.",
    groups: &[&[
        Key::setting::<Duration>("maxAge", "`\"48h\"`", "How long a record is kept.", "\"168h\""),
        Key::setting::<Count>("maxEntries", "`50`", "How many are kept.", "100"),
    ]],
};

/// `[buildkitd.frontend]`
pub static FRONTEND: Table = Table {
    heading: "[buildkitd.frontend]",
    doc: "The frontends that builds may use.",
    groups: &[&[
        Key::nested(
            "dockerfile.v0",
            Shape::Table(&FRONTEND_DOCKERFILE),
            Default(BUILDKIT),
            "The built-in Dockerfile frontend.",
        ),
        Key::nested(
            "gateway.v0",
            Shape::Table(&FRONTEND_GATEWAY),
            Default(BUILDKIT),
            "Frontends that are images.",
        ),
    ]],
};

/// `[buildkitd.frontend."dockerfile.v0"]`
pub static FRONTEND_DOCKERFILE: Table = Table {
    heading: "[buildkitd.frontend.\"dockerfile.v0\"]",
    doc: "The built-in Dockerfile frontend.",
    groups: &[&[Key::setting::<bool>("enabled", "`true`", "Whether builds may use it.", "false")]],
};

/// `[buildkitd.frontend."gateway.v0"]`
pub static FRONTEND_GATEWAY: Table = Table {
    heading: "[buildkitd.frontend.\"gateway.v0\"]",
    doc: "Frontends that are images.",
    groups: &[&[
        Key::setting::<bool>("enabled", "`true`", "Whether builds may use them.", "false"),
        Key::setting::<Array<Word>>(
            "allowedRepositories",
            "all",
            "The images allowed.",
            "[\"docker.io/docker/dockerfile\"]",
        ),
    ]],
};

/// `[buildkitd.system]`
pub static SYSTEM: Table = Table {
    heading: "[buildkitd.system]",
    doc: "The rest.",
    groups: &[&[
        Key::setting::<Duration>(
            "platformsCacheMaxAge",
            "`\"1h\"`",
            "How often emulators are looked for.",
            "\"1h\"",
        ),
        Key::setting::<Duration>(
            "sessionAuthTimeout",
            BUILDKIT,
            "How long a build waits for credentials.",
            "\"30s\"",
        )
        .since(34),
        Key::setting::<Parallelism>("maxRegistryConcurrency", BUILDKIT, "Connections per registry.", "4")
            .since(31),
    ]],
};

/// `[registries."<host[:port]>"]`
pub static REGISTRY: Table = Table {
    heading: "[registries.\"<host[:port]>\"]",
    doc: "How the daemons reach a registry; in `[hosts.<name>.registries.\"<host[:port]>\"]`, how one does.",
    groups: &[&[
        Key::setting::<bool>("http", "`false`", "Plain HTTP, no TLS.", "true"),
        Key::setting::<bool>("insecure", "`false`", "TLS without checking the certificate.", "true"),
        Key::setting::<Array<Mirror>>(
            "mirrors",
            "none",
            "Asked first, in order: `host[:port][/path]`.",
            "[\"mirror.internal:5000\"]",
        ),
        Key::setting::<Array<AbsPath>>(
            "tlsconfigdir",
            "none",
            "Folders with CAs and client certificates for the registry, on the worker host; not for `docker-container` nodes.",
            "[\"/etc/docker/certs.d/forge.internal\"]",
        ),
        Key::list_of::<AbsPath>(
            "ca",
            Default("the system's"),
            "CA certificates, on the worker host; for `docker-container` nodes on the client, which carries them in.",
            "[\"/etc/ssl/certs/ca-certificates.crt\"]",
        ),
        Key::nested("keypair", Shape::List(&Shape::Table(&KEYPAIR)), Default("none"), "Client certificates."),
    ]],
};

/// `[[registries."<host[:port]>".keypair]]`
pub static KEYPAIR: Table = Table {
    heading: "[[registries.\"<host[:port]>\".keypair]]",
    doc: "A client certificate for the registry.",
    groups: &[&[
        Key::of::<AbsPath>("cert", Required, "The certificate.", "\"/etc/buildkit/registry.crt\""),
        Key::of::<AbsPath>("key", Required, "Its key.", "\"/etc/buildkit/registry.key\""),
    ]],
};

/// `[hosts.<name>.client]`
pub static CLIENT: Table = Table {
    heading: "[hosts.<name>.client]",
    doc: "The user or the services of a host that start builds.",
    groups: &[&[
        Key::of::<Preset>(
            "preset",
            Default("none: a user of its own"),
            "The NixOS module whose services start the builds. It sets `user`, `dynamic-user`, `state-directory`, \
             `home` and, from `instances`, `before`; each can be said otherwise.",
            "\"gitea-actions-runner\"",
        ),
        Key::list_of::<Word>(
            "instances",
            Default("none"),
            "The instances of the preset's services.",
            "[\"first\", \"second\"]",
        ),
        Key::of::<UserName>(
            "user",
            Default("the preset's; else needed"),
            "The user that runs `docker buildx`.",
            "\"gitea-runner\"",
        ),
        Key::of::<UserName>("group", Default("`user`"), "Its group.", "\"gitea-runner\""),
        Key::of::<AbsPath>(
            "home",
            Default("`/var/lib/<state-directory>` or `/home/<user>`"),
            "Its `HOME`.",
            "\"/var/lib/gitea-runner\"",
        ),
        Key::of::<bool>(
            "dynamic-user",
            Default("the preset's, else `false`"),
            "Whether systemd makes the user up (`DynamicUser=`). Such a user has no files that others could put there; \
             it gets its identity by `LoadCredential=`.",
            "true",
        ),
        Key::of::<FolderName>(
            "state-directory",
            Default("the preset's, else `user`"),
            "The `StateDirectory=` of a dynamic user, below `/var/lib`.",
            "\"gitea-runner\"",
        ),
        Key::list_of::<ServiceName>(
            "before",
            Default("the preset's, from `instances`"),
            "The units that start builds: the builder is set up before them, and they get `BUILDX_BUILDER` and the rest.",
            "[\"gitea-runner-first.service\"]",
        ),
        Key::of::<PublicKey>(
            "public-key",
            Default("none; needed to reach nodes over SSH"),
            "The public key that the worker hosts let in.",
            "\"ssh-ed25519 AAAA... eagle-builder\"",
        ),
        Key::nested(
            "identity",
            Shape::Table(&IDENTITY),
            Default("none; needed to reach nodes over SSH"),
            "Where its private key is and how it gets there. The key itself is never read.",
        ),
        Key::of::<BuilderName>(
            "default-builder",
            Default("its only builder, else none"),
            "The builder that `docker build` uses (`BUILDX_BUILDER`).",
            "\"avalanche\"",
        ),
        Key::of::<AbsPath>(
            "buildx-config",
            Default("`<home>/.docker/buildx`"),
            "The folder in which buildx keeps its builders (`BUILDX_CONFIG`).",
            "\"/home/nemo/.docker/buildx\"",
        ),
        Key::nested(
            "tls",
            Shape::Table(&CLIENT_TLS),
            Default("none"),
            "Its certificate for nodes with a `tcp://` endpoint.",
        ),
        Key::nested("nix", Shape::Table(&CLIENT_NIX), Default("none"), "Use of the same hosts by Nix."),
        Key::of::<WorkerBlocks>(
            "worker-blocks",
            Default("none"),
            "Renders `buildkitd.remote-workers.toml` too, in a dialect that every buildkitd refuses. Nothing refers to it.",
            "\"remote-ssh\"",
        ),
    ]],
};

/// `[hosts.<name>.client.identity]`
pub static IDENTITY: Table = Table {
    heading: "[hosts.<name>.client.identity]",
    doc: "The client's private key: from sops-nix (`sops`), copied from another file of the host (`copy-from`), or, with \
          neither, put at `path` by hand.",
    groups: &[&[
        Key::of::<AbsPath>(
            "path",
            Default("`/run/secrets/<key>` with `sops`; else needed"),
            "Where ssh finds the key.",
            "\"/var/lib/gitea-runner/.ssh/id_nix_builder\"",
        ),
        Key::nested("sops", Shape::Table(&SOPS), Default("none"), "The secret of sops-nix that holds it."),
        Key::of::<AbsPath>(
            "copy-from",
            Default("none"),
            "A file of root's from which it is copied, at boot and whenever that file changes.",
            "\"/root/.ssh/id_nix_builder\"",
        ),
        Key::of::<UserName>(
            "owner",
            Default("`user`; root for a dynamic user"),
            "The owner of the file.",
            "\"gitea-runner\"",
        ),
        Key::of::<UserName>(
            "group",
            Default("`group`; root for a dynamic user"),
            "The group of the file.",
            "\"gitea-runner\"",
        ),
        Key::of::<FileMode>(
            "mode",
            Default("`\"0600\"`; of a dynamic user's secret `\"0400\"`"),
            "Its permissions, in octal; ssh refuses a key of its user's that others can read.",
            "\"0600\"",
        ),
        Key::list_of::<UnitName>(
            "restart-units",
            Default("none"),
            "The units that are restarted when the key changes; those of a dynamic user always are.",
            "[\"gitea-runner-first.service\"]",
        ),
    ]],
};

/// `[hosts.<name>.client.identity.sops]`
pub static SOPS: Table = Table {
    heading: "[hosts.<name>.client.identity.sops]",
    doc: "A secret of sops-nix.",
    groups: &[&[
        Key::of::<SecretName>("key", Required, "The key inside the file.", "\"builder_ssh_private_key\""),
        Key::of::<SecretName>(
            "secret",
            Default("`key`"),
            "The attribute of `sops.secrets`.",
            "\"builder_ssh_key\"",
        ),
        Key::of::<TreePath>(
            "file",
            Default("the host's `sops.defaultSopsFile`"),
            "The encrypted file, relative to the rendered tree.",
            "\"../secrets/eagle/secrets.sops.yaml\"",
        ),
    ]],
};

/// `[hosts.<name>.client.tls]`
pub static CLIENT_TLS: Table = Table {
    heading: "[hosts.<name>.client.tls]",
    doc: "The client's side of TLS, as paths on the client; the user must be able to read them.",
    groups: &[&[
        Key::of::<AbsPath>(
            "ca",
            Required,
            "The CA of the daemons' certificates.",
            "\"/etc/buildkit/ca.pem\"",
        ),
        Key::of::<AbsPath>("cert", Required, "The client's certificate.", "\"/etc/buildkit/client.pem\""),
        Key::of::<AbsPath>("key", Required, "Its key.", "\"/etc/buildkit/client.key\""),
    ]],
};

/// `[hosts.<name>.client.nix]`
pub static CLIENT_NIX: Table = Table {
    heading: "[hosts.<name>.client.nix]",
    doc: "Use of the same hosts by Nix, through the same account.",
    groups: &[&[
        Key::of::<bool>(
            "build-machines",
            Required,
            "Whether the nodes are the client's `nix.buildMachines`.",
            "true",
        ),
        Key::of::<AbsPath>(
            "ssh-key",
            Default("the identity's path"),
            "The private key that root's nix-daemon reads.",
            "\"/root/.ssh/id_nix_builder\"",
        ),
        Key::of::<NixProtocol>("protocol", Default("`\"ssh-ng\"`"), "The protocol.", "\"ssh-ng\""),
    ]],
};
