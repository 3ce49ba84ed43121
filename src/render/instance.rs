//! The definition of a builder as buildx keeps it: `instances/<name>` below its configuration folder.
//!
//! Source: buildx, `store/nodegroup.go`; the fields and their order are those that `buildx create` writes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fleet::{Builder, Client, Reach, Worker};
use crate::plan::InstanceNode;
use crate::types::Platform;

/// The socket of a host's own buildkitd.
pub const BUILDKIT_SOCKET: &str = "unix:///run/buildkit/buildkitd.sock";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Instance<'a> {
    name: &'a str,
    driver: &'a str,
    nodes: Vec<Node>,
    dynamic: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    name: String,
    endpoint: String,
    platforms: Vec<OciPlatform>,
    driver_opts: Option<BTreeMap<&'static str, String>>,
    flags: Option<Vec<String>>,
    files: Option<BTreeMap<String, String>>,
}

/// A platform of the OCI image specification.
#[derive(Serialize)]
struct OciPlatform {
    architecture: &'static str,
    os: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'static str>,
}

impl From<&Platform> for OciPlatform {
    fn from(platform: &Platform) -> Self {
        Self { architecture: platform.architecture(), os: platform.os(), variant: platform.variant() }
    }
}

/// The definition of a builder whose every platform has one node, as one line of JSON.
pub fn json(builder: &Builder, client: &Client, account: &str, nodes: &[InstanceNode<'_>]) -> String {
    let nodes = nodes.iter().map(|node| Node {
        name: node.host.name.get().folded(),
        endpoint: match &node.reach {
            Reach::Local => BUILDKIT_SOCKET.to_owned(),
            _ => endpoint(account, node.host, node.worker),
        },
        platforms: node.platforms.iter().map(OciPlatform::from).collect(),
        driver_opts: match node.reach {
            Reach::Tcp(..) => tls(client, node.worker),
            _ => None,
        },
        flags: None,
        files: None,
    });
    let instance = Instance {
        name: builder.name.get().as_str(),
        driver: builder.driver().as_str(),
        nodes: nodes.collect(),
        dynamic: false,
    };
    let mut line = serde_json::to_string(&instance).expect("strings and lists are JSON");
    line.push('\n');
    line
}

/// Where clients on other hosts reach a node: its own endpoint, or the account over SSH.
pub fn endpoint(account: &str, host: &crate::fleet::Host, worker: &Worker) -> String {
    if let Some((address, port)) = worker.tcp() {
        return format!("tcp://{}:{port}", address.in_url());
    }
    ssh_endpoint(account, host)
}

/// The endpoint of a host over SSH.
pub fn ssh_endpoint(account: &str, host: &crate::fleet::Host) -> String {
    let address = host.address_or_name();
    // The only text with a colon among names and addresses is an IPv6 address.
    let address = if address.contains(':') { format!("[{address}]") } else { address };
    match host.port {
        crate::types::Port::SSH => format!("ssh://{account}@{address}"),
        port => format!("ssh://{account}@{address}:{port}"),
    }
}

fn tls(client: &Client, worker: &Worker) -> Option<BTreeMap<&'static str, String>> {
    if !worker.has_tls() {
        return None;
    }
    let tls = client.tls.as_ref()?;
    let mut opts = BTreeMap::from([
        ("cacert", tls.ca.to_string()),
        ("cert", tls.cert.to_string()),
        ("key", tls.key.to_string()),
    ]);
    opts.extend(worker.tls_name().map(|name| ("servername", name.to_string())));
    Some(opts)
}
