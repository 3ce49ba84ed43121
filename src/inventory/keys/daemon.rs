//! `[buildkitd]` and `[registries]`: BuildKit's settings for the daemon around the worker.

use super::super::shape::{Key, Need, Shape, Table};
use super::super::value::{Array, Count, Id, Parallelism};
use super::super::words::{Entitlement, LogFormat, LogLevel};
use super::BUILDKIT;
use crate::types::{AbsPath, Duration, Endpoint, HostPort, IpAddress, Mirror, Word};

use Need::{Default, Required};

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
