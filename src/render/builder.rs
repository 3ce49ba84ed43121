//! `builders/<name>/`: what the clients and nodes of a builder share, once for all of them.

use base64::Engine as _;
use camino::Utf8PathBuf;

use super::header::Header;
use super::instance::{endpoint, ssh_endpoint};
use super::nix::{Attribute, Nix, attr};
use super::{Artefact, RenderError, at};
use crate::fleet::{Client, Host, Worker};
use crate::inventory::{Driver, HostOs, Labels};
use crate::plan::{BuilderPlan, Plan};
use crate::types::{NixSystem, Port, PublicKey};

/// Adds the files of a builder.
pub fn render(
    plan: &Plan<'_>,
    builder: &BuilderPlan<'_>,
    header: &Header,
    out: &mut Vec<Artefact>,
) -> Result<(), RenderError> {
    let folder = Utf8PathBuf::from(format!("builders/{}", builder.builder.name));
    out.push(Artefact::data(folder.join("nodes.tsv"), nodes_table(plan, builder, header)));
    let known_hosts = known_hosts(builder, header);
    out.extend(known_hosts.map(|text| Artefact::data(folder.join("known_hosts"), text)));
    if builder.concerns_nixos {
        let path = folder.join("default.nix");
        let text = at(&path, module(builder, header))?;
        out.push(Artefact::data(path, text));
    }
    Ok(())
}

/// The table from which clients choose: the nodes in order of preference.
fn nodes_table(plan: &Plan<'_>, builder: &BuilderPlan<'_>, header: &Header) -> String {
    let account = plan.fleet.account.user.as_str();
    let driver = builder.builder.driver();
    let mut out = header.hashed();
    out.push_str(
        "#\n# The nodes in order of preference: per platform, the first that is up gets the builds.\n",
    );
    out.push_str(
        "# node <tab> host <tab> endpoint <tab> platforms <tab> name in its TLS certificate, - without TLS\n",
    );
    out.push_str(&format!("driver\t{}\n", driver.as_str()));
    if driver == Driver::DockerContainer {
        if let Some(opts) = &builder.builder.driver_opts {
            out.push_str(&format!("driver-opts\t{}\n", json_object(opts.get())));
        }
        if !builder.builder.buildkitd_flags.is_empty() {
            let flags: Vec<_> =
                builder.builder.buildkitd_flags.iter().map(|flag| flag.get().as_str()).collect();
            out.push_str(&format!("flags\t{}\n", serde_json::to_string(&flags).expect("strings are JSON")));
        }
    }
    for (host, worker) in &builder.nodes {
        let endpoint = match driver {
            Driver::Remote => endpoint(account, host, worker),
            Driver::DockerContainer => ssh_endpoint(account, host),
        };
        let platforms = worker.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let servername = match driver {
            Driver::Remote => worker.tls_name().map_or_else(|| "-".to_owned(), ToString::to_string),
            Driver::DockerContainer => "-".to_owned(),
        };
        out.push_str(&format!("node\t{}\t{endpoint}\t{platforms}\t{servername}\n", host.name));
    }
    out
}

fn json_object(labels: &Labels) -> String {
    let object: serde_json::Map<_, _> =
        labels.iter().map(|(key, value)| (key.to_string(), value.as_str().into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// Whether clients log in to the node, be it to build or, with Nix, besides.
fn logs_in(builder: &BuilderPlan<'_>, worker: &Worker) -> bool {
    builder.builder.driver() == Driver::DockerContainer || worker.tcp().is_none() || builder.serves_nix
}

/// The pinned host keys for clients that NixOS does not manage.
fn known_hosts(builder: &BuilderPlan<'_>, header: &Header) -> Option<String> {
    if !builder.clients.iter().any(|(host, _)| host.os == HostOs::Other) {
        return None;
    }
    let mut lines = String::new();
    for (host, _) in builder.nodes.iter().filter(|(_, worker)| logs_in(builder, worker)) {
        let Some(address) = &host.address else { continue };
        let name = match host.port {
            Port::SSH => address.to_string(),
            port => format!("[{address}]:{port}"),
        };
        for key in &host.host_keys {
            lines.push_str(&format!("{name} {}\n", key.get().without_comment()));
        }
    }
    (!lines.is_empty()).then(|| format!("{}{lines}", header.hashed()))
}

fn module(builder: &BuilderPlan<'_>, header: &Header) -> Result<String, crate::escape::EscapeError> {
    let nodes = builder.nodes.iter().map(|(host, worker)| Nix::Set(node(builder, host, worker)));
    let clients = builder.clients.iter().map(|(host, client)| Nix::Set(client_entry(host, client)));
    let set = Nix::Set(vec![
        attr("driver", builder.builder.driver().as_str()),
        attr("nodesFile", Nix::Path("nodes.tsv".into())),
        attr("nodes", Nix::List(nodes.collect())),
        attr("clients", Nix::List(clients.collect())),
    ]);
    let name = &builder.builder.name;
    Ok(format!(
        "{}#\n# The builder {name}, for the modules of its nodes and clients.\n{}\n",
        header.hashed(),
        set.write(0)?
    ))
}

fn node(builder: &BuilderPlan<'_>, host: &Host, worker: &Worker) -> Vec<Attribute> {
    let tcp = builder.builder.driver() == Driver::Remote && worker.tcp().is_some();
    let mut node = vec![
        attr("host", host.name.get().as_str()),
        attr("address", host.address_or_name()),
        attr("port", i64::from(host.port.get())),
        attr("transport", if tcp { "tcp" } else { "ssh" }),
        attr("hostKeys", Nix::strings(host.host_keys.iter().map(|key| key.get().without_comment()))),
    ];
    if builder.builder.driver() == Driver::DockerContainer {
        let folder = format!("../../hosts/{}", host.name);
        node.push(attr("containerConfig", Nix::Path(format!("{folder}/buildkitd.container.toml"))));
        if !super::buildkitd::container_files(worker).is_empty() {
            node.push(attr("containerFiles", Nix::Path(format!("{folder}/buildkitd.container.files"))));
        }
    }
    if builder.serves_nix {
        node.push(attr("nix", nix_machine(host, worker)));
    }
    node
}

fn nix_machine(host: &Host, worker: &Worker) -> Vec<Attribute> {
    let nix = &worker.nix;
    let mut systems = nix.systems.clone();
    if systems.is_empty() {
        for platform in &worker.platforms {
            systems.extend(NixSystem::of(platform.get()).filter(|system| !systems.contains(system)));
        }
    }
    vec![
        attr("systems", Nix::strings(systems)),
        attr("maxJobs", nix.max_jobs.or(worker.max_parallelism()).unwrap_or(1)),
        attr("speedFactor", nix.speed_factor.unwrap_or(1)),
        attr("supportedFeatures", Nix::strings(&nix.supported_features)),
        attr("mandatoryFeatures", Nix::strings(&nix.mandatory_features)),
        attr("publicHostKey", host.host_keys.first().map_or(Nix::Null, |key| Nix::Str(encoded(key.get())))),
    ]
}

/// A host key as `nix.buildMachines` wants it: the whole line of the key file, in base64 once more.
fn encoded(key: &PublicKey) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{}\n", key.without_comment()))
}

fn client_entry(host: &Host, client: &Client) -> Vec<Attribute> {
    let key = client.public_key.as_ref().map_or(Nix::Null, |key| Nix::Str(key.to_string()));
    vec![
        attr("host", host.name.get().as_str()),
        attr("publicKey", key),
        attr("nix", client.sends_nix_builds()),
    ]
}
