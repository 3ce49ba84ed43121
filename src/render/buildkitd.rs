//! buildkitd.toml: of a host's own daemon, and of the container that buildx starts on it.
//!
//! buildkitd ignores unknown keys without a word, so nothing is written that is not in the table of keys.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

use super::header::{Header, comment};
use super::instance::BUILDKIT_SOCKET;
use crate::fleet::{Host, Worker};
use crate::inventory::{Executor, RegistryEntry, Settings, Spanned};
use crate::types::{AbsPath, Registry, Remark};

/// Which daemon reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// The host's own.
    Native,
    /// One in a container that buildx starts; certificates are carried into it.
    Container,
}

/// What a container has its own of, or cannot see.
const NOT_IN_CONTAINERS: &[&str] = &["root", "provenanceEnvDir", "grpc", "otel", "tlsconfigdir"];
/// Where buildx puts files in a container. Source: buildx, `util/confutil/container.go`.
const CONTAINER_FOLDER: &str = "/etc/buildkit";

/// The file of a host for a daemon.
pub fn toml(header: &Header, host: &Host, worker: &Worker, daemon: Daemon) -> String {
    let mut document = DocumentMut::new();
    let root = document.as_table_mut();
    settings_into(root, &worker.daemon.settings, daemon);
    if daemon == Daemon::Native {
        listen(root, worker);
    }
    if let (Some(remark), Some(cdi)) = (&host.comments.cdi, root.get_mut("cdi").and_then(Item::as_table_mut))
    {
        cdi.decor_mut().set_prefix(format!("\n{}", comment(remark.lines())));
    }
    let mut workers = Table::new();
    workers.set_implicit(true);
    workers.insert(worker.executor.as_str(), Item::Table(worker_table(host, worker)));
    if daemon == Daemon::Native {
        let mut off = Table::new();
        off.insert("enabled", false.into());
        off.decor_mut().set_prefix(format!(
            "\n# One worker: without this, buildkitd adds a second one where it finds {}.\n",
            match worker.executor {
                Executor::Oci => "a containerd",
                Executor::Containerd => "runc",
            }
        ));
        workers.insert(worker.executor.other().as_str(), Item::Table(off));
    }
    root.insert("worker", Item::Table(workers));
    registries(root, worker, daemon);
    position(root);
    let for_whom = match daemon {
        Daemon::Native => format!("The buildkitd of {}, which the driver `remote` reaches.", host.name),
        Daemon::Container => {
            format!(
                "The buildkitd in the container that the driver `docker-container` starts on {}.",
                host.name
            )
        }
    };
    let mut top = header.hashed();
    top.push_str("#\n");
    let description = host.description.iter().flat_map(Remark::lines);
    top.push_str(&comment(std::iter::once(for_whom.as_str()).chain(description)));
    let body = document.to_string();
    format!("{top}\n{}", body.trim_start_matches('\n'))
}

/// The files that a container gets besides its buildkitd.toml: place below `/etc/buildkit`, and path on the client.
pub fn container_files(worker: &Worker) -> Vec<(String, &AbsPath)> {
    let mut files = Vec::new();
    for (registry, (_, entry)) in &worker.registries {
        for path in certificates(entry) {
            files.push((carried(registry, path), path));
        }
    }
    files.sort();
    files.dedup();
    files
}

fn certificates(entry: &RegistryEntry) -> impl Iterator<Item = &AbsPath> {
    let pairs = entry.keypairs.iter().flatten().flat_map(|pair| [pair.cert.get(), pair.key.get()]);
    entry.ca.iter().flatten().map(Spanned::get).chain(pairs)
}

fn carried(registry: &Registry, path: &AbsPath) -> String {
    format!("certs/{}/{}", registry.certs_folder(), path.plain_file_name())
}

impl Executor {
    fn other(self) -> Self {
        match self {
            Self::Oci => Self::Containerd,
            Self::Containerd => Self::Oci,
        }
    }
}

/// Writes settings in the order of the table of keys, values before tables.
fn settings_into(table: &mut Table, settings: &Settings, daemon: Daemon) {
    let left_out = |key: &str| daemon == Daemon::Container && NOT_IN_CONTAINERS.contains(&key);
    for key in settings.shape().keys().filter(|key| !left_out(key.name)) {
        match settings.get(key.name).map(Spanned::get) {
            Some(Value::InlineTable(inline)) => {
                table.insert(key.name, Item::Table(spread(inline)));
            }
            Some(value) => {
                table.insert(key.name, Item::Value(value.clone()));
            }
            None => {}
        }
        if let Some(nested) = settings.table(key.name).filter(|nested| !nested.is_empty()) {
            let mut below = Table::new();
            settings_into(&mut below, nested, daemon);
            // `[frontend]` alone would say nothing.
            let only_tables = below.iter().all(|(_, item)| item.is_table());
            below.set_implicit(only_tables);
            table.insert(key.name, Item::Table(below));
        }
        if let Some((_, list)) = settings.list(key.name) {
            let tables = list.iter().map(|entry| {
                let mut below = Table::new();
                settings_into(&mut below, entry, daemon);
                below
            });
            table.insert(key.name, Item::ArrayOfTables(tables.collect()));
        }
    }
}

fn spread(inline: &InlineTable) -> Table {
    inline.iter().map(|(key, value)| (key.to_owned(), Item::Value(value.clone()))).collect()
}

/// `[grpc] address`: always said, so that a reader sees where the daemon can be reached.
fn listen(root: &mut Table, worker: &Worker) {
    let addresses: Array = match &worker.daemon.listen {
        Some(said) => said.iter().map(|endpoint| Value::from(endpoint.get().clone())).collect(),
        None => {
            let tcp = worker.tcp().map(|(_, port)| format!("tcp://0.0.0.0:{port}"));
            std::iter::once(BUILDKIT_SOCKET.to_owned()).chain(tcp).collect()
        }
    };
    let grpc = root.entry("grpc").or_insert(Item::Table(Table::new()));
    if let Some(grpc) = grpc.as_table_mut() {
        grpc.set_implicit(false);
        let rest: Vec<_> = grpc.iter().map(|(key, item)| (key.to_owned(), item.clone())).collect();
        grpc.clear();
        grpc.insert("address", addresses.into());
        grpc.extend(rest);
    }
}

/// The limits of garbage collection where the inventory gives none, so that there always is an upper bound.
/// They are much like BuildKit's own on a large disk, which are decimal (10 GB, not 10 GiB), but written down: a
/// reviewer sees them, and no release changes them.
const GC_DEFAULTS: &[(&str, &str)] =
    &[("reservedSpace", "10GB"), ("maxUsedSpace", "100GB"), ("minFreeSpace", "20%")];

fn worker_table(host: &Host, worker: &Worker) -> Table {
    let mut table = Table::new();
    table.insert("enabled", true.into());
    table.insert("platforms", worker.platforms.iter().map(|p| p.get().to_string()).collect::<Array>().into());
    let settings = &worker.settings;
    let collected = settings.get("gc").and_then(|gc| gc.get().as_bool()) != Some(false);
    let rules = settings.list("gcpolicy").is_some_and(|(_, rules)| !rules.is_empty());
    let limited = rules || GC_DEFAULTS.iter().any(|(key, _)| settings.get(key).is_some());
    let bounded;
    let settings = if collected && !limited {
        bounded = settings.with_texts(GC_DEFAULTS);
        &bounded
    } else {
        settings
    };
    settings_into(&mut table, settings, Daemon::Native);
    // A setting of the fleet may be for the hosts with the other executor.
    table.retain(|key, _| worker.executor.reads(key));
    let gc = ["gc", "reservedSpace", "maxUsedSpace", "minFreeSpace"]
        .into_iter()
        .find(|key| table.contains_key(key));
    let remarks = [
        (Some("platforms"), &host.comments.platforms),
        (Some("max-parallelism"), &host.comments.max_parallelism),
        (gc, &host.comments.gc),
    ];
    for (key, remark) in remarks {
        if let (Some(remark), Some(mut key)) = (remark, key.and_then(|key| table.key_mut(key))) {
            key.leaf_decor_mut().set_prefix(comment(remark.lines()));
        }
    }
    table
}

fn registries(root: &mut Table, worker: &Worker, daemon: Daemon) {
    if worker.registries.is_empty() {
        return;
    }
    let mut registries = Table::new();
    registries.set_implicit(true);
    for (name, (_, entry)) in &worker.registries {
        let place = |path: &AbsPath| match daemon {
            Daemon::Native => path.to_string(),
            Daemon::Container => format!("{CONTAINER_FOLDER}/{}", carried(name, path)),
        };
        let mut table = Table::new();
        settings_into(&mut table, &entry.settings, daemon);
        if let Some(ca) = entry.ca.as_ref().filter(|ca| !ca.is_empty()) {
            table.insert("ca", ca.iter().map(|path| place(path.get())).collect::<Array>().into());
        }
        if let Some(pairs) = entry.keypairs.as_ref().filter(|pairs| !pairs.is_empty()) {
            let pairs = pairs.iter().map(|pair| {
                let mut table = Table::new();
                table.insert("cert", place(pair.cert.get()).into());
                table.insert("key", place(pair.key.get()).into());
                table
            });
            table.insert("keypair", Item::ArrayOfTables(pairs.collect()));
        }
        registries.insert(name.as_str(), Item::Table(table));
    }
    root.insert("registry", Item::Table(registries));
}

/// Numbers the tables in the order in which they were inserted, which is the order of the file.
fn position(root: &mut Table) {
    fn visit(table: &mut Table, next: &mut isize) {
        table.set_position(Some(*next));
        *next += 1;
        for (_, item) in table.iter_mut() {
            match item {
                Item::Table(below) => visit(below, next),
                Item::ArrayOfTables(list) => list.iter_mut().for_each(|below| visit(below, next)),
                _ => {}
            }
        }
    }
    visit(root, &mut 0);
}
