//! Edits that break exactly one thing of a valid inventory, with the code under which `check` has to name it.

use crate::generator::{Doc, array, key, lit};

/// An edit, and what has to be said of it.
pub struct Breakage {
    /// What is done, for messages.
    pub what: &'static str,
    /// The code.
    pub code: &'static str,
    /// Edits the inventory and returns the line of the fault; `None` where the rest of the inventory does not allow it.
    pub edit: fn(&mut Doc) -> Option<usize>,
}

const BUILDER: &str = "builders.zz-probe";
const AMD: &str = "hosts.zz-amd";
const ARM: &str = "hosts.zz-arm";
const AMD_WORKER: &str = "hosts.zz-amd.worker";
const ARM_WORKER: &str = "hosts.zz-arm.worker";
const GRPC: &str = "hosts.zz-amd.buildkitd.grpc";
const CLIENT: &str = "hosts.zz-client.client";
const IDENTITY: &str = "hosts.zz-client.client.identity";
const REGISTRY: &str = "hosts.zz-amd.registries.\"zz.internal\"";

/// Adds the builder, its two nodes and its client that the edits are made to.
pub fn add_probes(doc: &mut Doc) {
    doc.set(BUILDER, "driver", "\"remote\"");
    doc.set(BUILDER, "nodes", array(&["zz-amd", "zz-arm"]));
    doc.set(BUILDER, "clients", array(&["zz-client"]));
    for (host, worker, platform, number) in
        [(AMD, AMD_WORKER, "linux/amd64", 9000), (ARM, ARM_WORKER, "linux/arm64", 9001)]
    {
        doc.set(host, "address", lit(&format!("zz-{number}.internal")));
        doc.set(host, "host-keys", array(&[key(number)]));
        doc.set(worker, "platforms", array(&[platform]));
    }
    doc.set(CLIENT, "user", "\"zz-user\"");
    doc.set(CLIENT, "public-key", lit(&key(9002)));
    doc.set(IDENTITY, "path", "\"/keys/zz\"");
}

/// Says a value, which is the fault.
fn say(doc: &mut Doc, table: &str, key: &str, value: &str) -> Option<usize> {
    doc.set(table, key, value);
    Some(doc.line(table, key))
}

/// Adds a table, whose name is the fault.
fn head(doc: &mut Doc, table: &str, key: &str, value: &str) -> Option<usize> {
    doc.set(table, key, value);
    Some(doc.line(table, ""))
}

/// A well-formed RSA key of that many bytes.
fn rsa(bytes: usize) -> String {
    use base64::Engine as _;
    let mut blob = b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01".to_vec();
    blob.extend(u32::try_from(bytes + 1).expect("few").to_be_bytes());
    blob.push(0);
    blob.extend(std::iter::repeat_n(0xc5, bytes));
    format!("ssh-rsa {}", base64::engine::general_purpose::STANDARD.encode(blob))
}

/// Two nodes over TCP with all that it takes.
fn over_tcp(doc: &mut Doc) {
    for (host, number) in [("zz-amd", 1), ("zz-arm", 2)] {
        doc.set(&format!("hosts.{host}.worker"), "endpoint", lit(&format!("tcp://zz-{number}.tcp:1234")));
        for part in ["ca", "cert", "key"] {
            doc.set(&format!("hosts.{host}.buildkitd.grpc.tls"), part, "\"/etc/tls\"");
            doc.set("hosts.zz-client.client.tls", part, "\"/etc/tls\"");
        }
    }
}

macro_rules! broken {
    ($($code:literal: $edit:expr;)*) => {
        &[$(Breakage { what: concat!($code, ": ", stringify!($edit)), code: $code, edit: $edit },)*]
    };
}

const PRIVATE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// All of them.
pub const BREAKAGES: &[Breakage] = broken! {
    "syntax": |doc| say(doc, AMD, "port", "= 1");
    "unsupported-version": |doc| say(doc, "", "version", "2");
    "unknown-key": |doc| say(doc, AMD_WORKER, "max-paralelism", "1");
    "unknown-key": |doc| say(doc, "", "colour", "1");
    "unknown-key": |doc| say(doc, GRPC, "adress", "[]");
    "missing-key": |doc| { doc.unset(BUILDER, "driver"); Some(doc.line(BUILDER, "")) };
    "missing-key": |doc| { doc.unset(AMD_WORKER, "platforms"); doc.table(AMD_WORKER); Some(doc.line(AMD_WORKER, "")) };
    "missing-key": |doc| { doc.unset(CLIENT, "user"); Some(doc.line(CLIENT, "")) };
    "missing-key": |doc| { doc.unset(AMD, "address"); Some(doc.line(AMD, "")) };
    "wrong-type": |doc| say(doc, AMD_WORKER, "max-parallelism", "\"8\"");
    "wrong-type": |doc| say(doc, BUILDER, "nodes", "\"zz-amd\"");
    "wrong-type": |doc| say(doc, AMD, "address", "1");
    "wrong-type": |doc| if doc.has_table("account") { None } else { say(doc, "", "account", "1") };
    "invalid-value": |doc| say(doc, BUILDER, "driver", "\"kubernetes\"");
    "invalid-value": |doc| say(doc, AMD, "os", "\"windows\"");
    "invalid-value": |doc| say(doc, AMD_WORKER, "networkMode", "\"Host\"");
    "invalid-value": |doc| say(doc, IDENTITY, "mode", "\"888\"");
    "invalid-value": |doc| say(doc, AMD, "system", "\"linux/amd64\"");
    "invalid-value": |doc| say(doc, IDENTITY, "sops", "{ key = \"../x\" }");
    "out-of-range": |doc| say(doc, AMD_WORKER, "max-parallelism", "0");
    "out-of-range": |doc| say(doc, AMD_WORKER, "cniPoolSize", "-1");
    "invalid-text": |doc| say(doc, AMD_WORKER, "bridgeName", "\"a\\u0000b\"");
    "invalid-text": |doc| say(doc, AMD_WORKER, "binary", "\"\"");
    "invalid-text": |doc| say(doc, AMD, "description", "\"\\u202E\"");
    "invalid-text": |doc| say(doc, AMD_WORKER, "labels", "{ a = \"b\\nc\" }");
    "invalid-name": |doc| say(doc, "", "name", "\"a/b\"");
    "invalid-name": |doc| head(doc, "builders.Zz", "driver", "\"remote\"");
    "invalid-name": |doc| head(doc, "hosts.\"zz.internal\"", "port", "1");
    "reserved-name": |doc| head(doc, "hosts.com1", "port", "1");
    "reserved-name": |doc| head(doc, "builders.default", "driver", "\"remote\"");
    "case-collision": |doc| head(doc, "hosts.ZZ-amd", "port", "1");
    "invalid-address": |doc| say(doc, AMD, "address", "\"https://x\"");
    "invalid-address": |doc| say(doc, AMD, "address", "\"1.2.3.400\"");
    "invalid-address": |doc| say(doc, AMD, "address", "\"a b\"");
    "invalid-port": |doc| say(doc, AMD, "port", "65536");
    "invalid-port": |doc| say(doc, AMD_WORKER, "endpoint", "\"tcp://h:0\"");
    "invalid-endpoint": |doc| say(doc, AMD_WORKER, "endpoint", "\"h:1\"");
    "invalid-endpoint": |doc| say(doc, AMD_WORKER, "endpoint", "\"unix:///run/x\"");
    "invalid-endpoint": |doc| say(doc, GRPC, "address", "[\"unix:///run/buildkit/buildkitd.sock\", \"ssh://u@h\"]");
    "invalid-platform": |doc| say(doc, AMD_WORKER, "platforms", "[\"amd64\"]");
    "invalid-platform": |doc| say(doc, AMD_WORKER, "platforms", "[\"linux/amd64/v9\"]");
    "invalid-user": |doc| say(doc, CLIENT, "user", "\"-x\"");
    "invalid-user": |doc| say(doc, "account", "user", "\"a b\"");
    "invalid-path": |doc| say(doc, IDENTITY, "path", "\"~/x\"");
    "invalid-path": |doc| say(doc, CLIENT, "home", "\"/a/../b\"");
    "invalid-path": |doc| say(doc, CLIENT, "buildx-config", "\"/a$b\"");
    "invalid-path": |doc| say(doc, CLIENT, "state-directory", "\"../x\"");
    "invalid-unit": |doc| say(doc, CLIENT, "before", "[\"ci\"]");
    "invalid-unit": |doc| say(doc, CLIENT, "before", "[\"a b.service\"]");
    "invalid-unit": |doc| {
        doc.set(CLIENT, "preset", "\"forgejo-runner\"");
        say(doc, CLIENT, "instances", &array(&["x".repeat(300)]))
    };
    "invalid-size": |doc| say(doc, AMD_WORKER, "maxUsedSpace", "20");
    "invalid-size": |doc| say(doc, AMD_WORKER, "minFreeSpace", "\"120%\"");
    "invalid-duration": |doc| say(doc, BUILDER, "probe-interval", "\"2d\"");
    "invalid-duration": |doc| say(doc, "hosts.zz-amd.buildkitd.history", "maxAge", "0");
    "invalid-registry": |doc| say(doc, REGISTRY, "mirrors", "[\"http://m\"]");
    "invalid-registry": |doc| head(doc, "hosts.zz-amd.registries.\"http://h\"", "http", "true");
    "invalid-filter": |doc| say(doc, AMD_WORKER, "gcpolicy", "[{ filters = [\"type=regular\"], maxUsedSpace = \"1GB\" }]");
    "private-key": |doc| say(doc, CLIENT, "public-key", &lit(PRIVATE));
    "private-key": |doc| say(doc, AMD, "description", &lit(PRIVATE));
    "private-key": |doc| say(doc, AMD_WORKER, "labels", &format!("{{ a = {} }}", lit(PRIVATE)));
    "private-key": |doc| say(doc, BUILDER, "driver-opts", &format!("{{ a = {} }}", lit(PRIVATE)));
    "private-key": |doc| say(doc, AMD_WORKER, "stargzSnapshotter", &format!("{{ a = {{ b = [{}] }} }}", lit(PRIVATE)));
    "private-key": |doc| say(doc, CLIENT, "private-key", &lit(PRIVATE));
    "malformed-key": |doc| say(doc, AMD, "host-keys", "[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0\"]");
    "malformed-key": |doc| say(doc, AMD, "host-keys", &array(&[format!("restrict {}", key(1))]));
    "refused-key-type": |doc| say(doc, AMD, "host-keys", "[\"ssh-dss AAAAB3NzaC1kc3M=\"]");
    "weak-key": |doc| say(doc, AMD, "host-keys", &array(&[rsa(128)]));
    "weak-key": |doc| say(doc, CLIENT, "public-key", &lit(&rsa(256)));
    "known-hosts-line": |doc| say(doc, AMD, "host-keys", &array(&[format!("zz {}", key(1))]));
    "several-keys": |doc| say(doc, CLIENT, "public-key", &lit(&format!("{} {}", key(1), key(2))));
    "unknown-host": |doc| say(doc, BUILDER, "nodes", "[\"zz-amd\", \"zz-arm\", \"zz-am\"]");
    "unknown-host": |doc| say(doc, BUILDER, "clients", "[\"zz-client\", \"zz-clients\"]");
    "unknown-builder": |doc| say(doc, CLIENT, "default-builder", "\"zz-prob\"");
    "no-nodes": |doc| say(doc, BUILDER, "nodes", "[]");
    "no-clients": |doc| say(doc, BUILDER, "clients", "[]");
    "no-builders": |doc| head(doc, "hosts.zz-lone.client", "user", "\"u\"");
    "unused-host": |doc| head(doc, "hosts.zz-lone", "port", "1");
    "not-a-worker": |doc| say(doc, BUILDER, "nodes", "[\"zz-amd\", \"zz-arm\", \"zz-client\"]");
    "not-a-client": |doc| say(doc, BUILDER, "clients", "[\"zz-client\", \"zz-amd\"]");
    "duplicate-node": |doc| say(doc, BUILDER, "nodes", "[\"zz-amd\", \"zz-arm\", \"zz-amd\"]");
    "duplicate-client": |doc| say(doc, BUILDER, "clients", "[\"zz-client\", \"zz-client\"]");
    "duplicate-address": |doc| say(doc, ARM, "address", "\"ZZ-9000.internal\"");
    "duplicate-address": |doc| { over_tcp(doc); say(doc, ARM_WORKER, "endpoint", "\"tcp://zz-1.tcp:1234\"") };
    "duplicate-key": |doc| say(doc, ARM, "host-keys", &array(&[key(9000) + " other"]));
    "platform-unserved": |doc| say(doc, BUILDER, "platforms", "[\"linux/amd64\", \"linux/s390x\"]");
    "platform-taken": |doc| say(doc, ARM_WORKER, "platforms", "[\"linux/arm64\", \"linux/amd64\"]");
    "platform-taken": |doc| say(doc, ARM_WORKER, "platforms", "[\"linux/arm64\", \"linux/arm64/v8\"]");
    "only-emulated": |doc| say(doc, ARM_WORKER, "platforms", "[\"linux/arm64\", \"linux/s390x\"]");
    "http-with-insecure": |doc| { doc.set(REGISTRY, "http", "true"); say(doc, REGISTRY, "insecure", "true") };
    "http-with-ca": |doc| { doc.set(REGISTRY, "http", "true"); say(doc, REGISTRY, "ca", "[\"/etc/ca.pem\"]") };
    "http-merge": |doc| say(doc, REGISTRY, "http", "true");
    "duplicate-ca": |doc| say(doc, REGISTRY, "ca", "[\"/a/x.pem\", \"/b/x.pem\"]");
    "duplicate-ca": |doc| {
        // Two registries whose certificates buildx puts into one folder, `certs/zz_5000`.
        doc.set(BUILDER, "driver", "\"docker-container\"");
        doc.set(AMD_WORKER, "executor", "\"oci\"");
        doc.set(ARM_WORKER, "executor", "\"oci\"");
        doc.set("hosts.zz-amd.registries.\"zz:5000\"", "ca", "[\"/a/x.pem\"]");
        say(doc, "hosts.zz-amd.registries.zz_5000", "ca", "[\"/b/x.pem\"]")
    };
    "gc-unbounded": |doc| say(doc, AMD_WORKER, "gc", "false");
    "gc-deprecated": |doc| say(doc, AMD_WORKER, "gckeepstorage", "\"10GB\"");
    "gc-deprecated": |doc| say(doc, AMD_WORKER, "gcpolicy", "[{ all = true, keepBytes = \"10GB\" }]");
    "gc-partial": |doc| {
        let common = ["gc", "reservedSpace", "minFreeSpace", "gcpolicy"].iter().any(|key| doc.has("worker", key));
        if common { None } else { say(doc, AMD_WORKER, "maxUsedSpace", "\"60%\"") }
    };
    "docker-root": |doc| say(doc, BUILDER, "driver", "\"docker-container\"");
    "invalid-value": |doc| {
        doc.set(BUILDER, "driver", "\"docker-container\"");
        doc.set(AMD_WORKER, "executor", "\"containerd\"");
        Some(doc.line(AMD_WORKER, ""))
    };
    "host-key-missing": |doc| { doc.unset(AMD, "host-keys"); Some(doc.line(AMD, "")) };
    "client-key-missing": |doc| { doc.unset(CLIENT, "public-key"); Some(doc.line(CLIENT, "")) };
    "identity-missing": |doc| { doc.drop_table(IDENTITY); Some(doc.line(CLIENT, "")) };
    "identity-missing": |doc| {
        doc.unset(IDENTITY, "path");
        doc.set(IDENTITY, "copy-from", "\"/root/id\"");
        Some(doc.line(IDENTITY, ""))
    };
    "identity-unreachable": |doc| {
        doc.set(CLIENT, "dynamic-user", "true");
        say(doc, IDENTITY, "path", "\"/var/lib/zz-user/id\"")
    };
    "dynamic-runner": |doc| say(doc, CLIENT, "user", "\"gitea-runner\"");
    "dynamic-runner": |doc| say(doc, CLIENT, "before", "[\"forgejo-runner-first.service\"]");
    "worker-not-nixos": |doc| {
        if doc.text().contains("os = \"other\"") {
            return None;
        }
        doc.set(AMD, "os", "\"other\"");
        Some(doc.line(AMD_WORKER, ""))
    };
    "key-not-used": |doc| say(doc, BUILDER, "driver-opts", "{ network = \"host\" }");
    "key-not-used": |doc| say(doc, AMD_WORKER, "servername", "\"x\"");
    "key-not-used": |doc| say(doc, CLIENT, "instances", "[\"first\"]");
    "key-not-used": |doc| say(doc, CLIENT, "state-directory", "\"x\"");
    "key-not-used": |doc| {
        doc.set(IDENTITY, "sops", "{ key = \"k\" }");
        say(doc, IDENTITY, "copy-from", "\"/root/id\"")
    };
    "key-not-used": |doc| head(doc, "hosts.zz-client.buildkitd", "root", "\"/x\"");
    "tcp-without-tls": |doc| say(doc, AMD_WORKER, "endpoint", "\"tcp://zz:1234\"");
    "tls-incomplete": |doc| {
        over_tcp(doc);
        doc.unset("hosts.zz-amd.buildkitd.grpc.tls", "ca");
        Some(doc.line("hosts.zz-amd.buildkitd.grpc.tls", "cert"))
    };
    "tls-incomplete": |doc| { over_tcp(doc); doc.drop_table("hosts.zz-client.client.tls"); Some(doc.line(CLIENT, "")) };
    "socket-missing": |doc| say(doc, GRPC, "address", "[\"unix:///run/other.sock\"]");
    "remote-workers-refused": |doc| say(doc, CLIENT, "worker-blocks", "\"remote-ssh\"");
};
