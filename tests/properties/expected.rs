//! What the rendered files should say, worked out from the inventory as a second parser reads it: nothing here goes
//! through the stages.

use std::collections::{BTreeMap, BTreeSet};

use buildfleet::inventory::keys;
use buildfleet::inventory::shape::{Shape, Table};
use serde_json::{Map, Value, json};

use crate::nix::{self, canonical};

/// An inventory as said.
pub struct Said {
    /// As JSON.
    pub inventory: Value,
}

/// The defaults of the garbage collection, where the inventory has no limit at all.
const GC: &[(&str, &str)] = &[("reservedSpace", "10GB"), ("maxUsedSpace", "100GB"), ("minFreeSpace", "20%")];
const SOCKET: &str = "unix:///run/buildkit/buildkitd.sock";

/// The entries of a table; none of anything else.
fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| Some(item.as_str()?.to_owned())).collect()
}

/// Values of `over` in the place of those below, tables key by key where both are tables of BuildKit's.
fn overlaid(below: &Value, over: &Value) -> Value {
    let mut merged = below.as_object().cloned().unwrap_or_default();
    for (key, value) in entries(over) {
        // The operator's own keys are one value.
        let whole = ["labels", "stargzSnapshotter", "options"].contains(&key);
        let value = match merged.get(key) {
            Some(known) if known.is_object() && value.is_object() && !whole => overlaid(known, value),
            _ => value.clone(),
        };
        merged.insert(key.to_owned(), value);
    }
    Value::Object(merged)
}

impl Said {
    pub fn of(text: &str) -> Self {
        let inventory: toml::Value = toml::from_str(text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        Self { inventory: serde_json::to_value(inventory).expect("JSON") }
    }

    fn host(&self, name: &str) -> &Value {
        &self.inventory["hosts"][name]
    }

    fn account(&self) -> &str {
        self.inventory["account"]["user"].as_str().unwrap_or("nix-builder")
    }

    fn driver(&self, builder: &str) -> &str {
        self.inventory["builders"][builder]["driver"].as_str().expect("a driver")
    }

    fn daemon(&self, host: &str) -> Value {
        // `cdi = false` is short for a table.
        let long = |value: &Value| {
            let mut value = value.clone();
            if let Some(on) = value["cdi"].as_bool() {
                value["cdi"] = json!({ "disabled": !on });
            }
            value
        };
        overlaid(&long(&self.inventory["buildkitd"]), &long(&self.host(host)["buildkitd"]))
    }

    fn registries(&self, host: &str) -> Value {
        overlaid(&self.inventory["registries"], &self.host(host)["registries"])
    }

    /// The platforms of a host, as said.
    pub fn platforms(&self, host: &str) -> Vec<String> {
        strings(&self.host(host)["worker"]["platforms"])
    }

    /// Whether the host is a last resort.
    pub fn is_fallback(&self, host: &str) -> bool {
        self.host(host)["worker"]["fallback"] == true
    }

    /// The nodes of a builder in the order of preference.
    pub fn nodes(&self, builder: &str) -> Vec<String> {
        let nodes = strings(&self.inventory["builders"][builder]["nodes"]);
        let (last, first): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|host| self.is_fallback(host));
        [first, last].concat()
    }

    fn endpoint_said(&self, host: &str) -> Option<&str> {
        self.host(host)["worker"]["endpoint"].as_str()
    }

    /// Whether the daemon of a host speaks TLS on a TCP endpoint.
    pub fn has_tls(&self, host: &str) -> bool {
        self.endpoint_said(host).is_some() && self.daemon(host)["grpc"]["tls"].is_object()
    }

    /// Where clients elsewhere reach a node.
    pub fn endpoint(&self, builder: &str, host: &str) -> String {
        let said = self.endpoint_said(host);
        if let Some(endpoint) = said.filter(|_| self.driver(builder) == "remote") {
            return endpoint.to_owned();
        }
        let address = match self.host(host)["address"].as_str() {
            Some(address) if address.contains(':') => format!("[{address}]"),
            Some(address) => address.to_lowercase(),
            None => {
                let of_endpoint = said.and_then(|endpoint| endpoint.strip_prefix("tcp://")?.rsplit_once(':'));
                of_endpoint.map_or_else(|| host.to_lowercase(), |(address, _)| address.to_owned())
            }
        };
        let port = self.host(host)["port"].as_i64().map(|port| format!(":{port}")).unwrap_or_default();
        format!("ssh://{}@{address}{port}", self.account())
    }

    /// A certificate's place in a container, below `/etc/buildkit`.
    fn carried_to(registry: &str, path: &str) -> String {
        let mut folder = String::new();
        for c in registry.chars() {
            match c {
                c if c.is_ascii_alphanumeric() || ".-".contains(c) => folder.push(c),
                _ if folder.ends_with('_') => {}
                _ => folder.push('_'),
            }
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '_' };
        format!("certs/{folder}/{}", name.chars().map(plain).collect::<String>().replace("..", "__"))
    }

    /// The files for the container on a host: place, and path on the client.
    pub fn carried(&self, host: &str) -> BTreeMap<String, String> {
        let registries = self.registries(host);
        let paths = entries(&registries).flat_map(|(registry, entry)| {
            let pairs = entry["keypair"].as_array().into_iter().flatten();
            let pairs = pairs.flat_map(|pair| [&pair["cert"], &pair["key"]]).filter_map(Value::as_str);
            let all: Vec<_> = strings(&entry["ca"]).into_iter().chain(pairs.map(str::to_owned)).collect();
            all.into_iter().map(|path| (Self::carried_to(registry, &path), path)).collect::<Vec<_>>()
        });
        paths.collect()
    }

    /// The buildkitd.toml of a host: that of its own daemon, or of the container on it.
    pub fn buildkitd(&self, host: &str, container: bool) -> Value {
        let entry = &self.host(host)["worker"];
        let mut worker = overlaid(&self.inventory["worker"], &Value::Null);
        let ours = ["fallback", "endpoint", "servername", "nix", "allow-plain-tcp"];
        worker = overlaid(&worker, entry);
        let table = worker.as_object_mut().expect("a table");
        table.retain(|key, _| !ours.contains(&key.as_str()));
        let executor = table.remove("executor").and_then(|word| Some(word.as_str()?.to_owned()));
        let executor = executor.unwrap_or_else(|| "oci".to_owned());
        let other = if executor == "oci" { "containerd" } else { "oci" };
        // What the other executor alone reads is left out.
        let foreign: &[&str] = match other {
            "oci" => &["noProcessSandbox", "binary", "proxySnapshotterPath", "stargzSnapshotter"],
            _ => &["address", "namespace", "runtime"],
        };
        table.retain(|key, _| !foreign.contains(&key.as_str()));
        let limited = GC.iter().any(|(key, _)| table.contains_key(*key)) || table.contains_key("gcpolicy");
        if !limited && table.get("gc") != Some(&json!(false)) {
            table.extend(GC.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
        }
        table.insert("enabled".into(), json!(true));

        let mut file = self.daemon(host);
        if container {
            let table = file.as_object_mut().expect("a table");
            table.retain(|key, _| !["root", "provenanceEnvDir", "grpc", "otel"].contains(&key.as_str()));
        } else if file["grpc"]["address"].is_null() {
            let port = self.endpoint_said(host).and_then(|endpoint| endpoint.rsplit_once(':'));
            let tcp = port.map(|(_, port)| format!("tcp://0.0.0.0:{port}"));
            let listen: Vec<_> = std::iter::once(SOCKET.to_owned()).chain(tcp).collect();
            file["grpc"]["address"] = json!(listen);
        }
        file["worker"][executor.as_str()] = worker;
        if !container {
            file["worker"][other] = json!({ "enabled": false });
        }
        let registries = self.registries(host);
        for (name, entry) in entries(&registries) {
            let mut entry = entry.clone();
            if container {
                let place = |path: &Value| {
                    let path = path.as_str().expect("a path");
                    json!(format!("/etc/buildkit/{}", Self::carried_to(name, path)))
                };
                for path in entry["ca"].as_array_mut().into_iter().flatten() {
                    *path = place(path);
                }
                for pair in entry["keypair"].as_array_mut().into_iter().flatten() {
                    pair["cert"] = place(&pair["cert"]);
                    pair["key"] = place(&pair["key"]);
                }
                entry.as_object_mut().expect("a table").retain(|_, value| !value.is_null());
            }
            file["registry"][name] = entry;
        }
        file
    }

    fn builders_of(&self, host: &str) -> Vec<String> {
        let builders = entries(&self.inventory["builders"]);
        let used =
            builders.filter(|(_, entry)| strings(&entry["clients"]).iter().any(|client| client == host));
        used.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn default_builder(&self, host: &str) -> Option<String> {
        let said = self.host(host)["client"]["default-builder"].as_str().map(str::to_owned);
        said.or_else(|| match self.builders_of(host).as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        })
    }

    /// What `setup.sh` of a host should have, as far as it is said.
    pub fn setup_words(&self, host: &str) -> Vec<(String, Vec<String>)> {
        let client = &self.host(host)["client"];
        let text = |value: &Value| vec![value.as_str().unwrap_or_default().to_owned()];
        let builders = self.builders_of(host);
        let over_ssh = |builder: &&String| {
            let driver = self.driver(builder);
            self.nodes(builder)
                .iter()
                .any(|node| node != host && (driver != "remote" || self.endpoint_said(node).is_none()))
        };
        let ssh: Vec<_> = builders.iter().filter(over_ssh).cloned().collect();
        let identity = &client["identity"];
        let identity = match &identity["path"] {
            Value::Null => &identity["copy-from"],
            path => path,
        };
        let alternatives = builders.iter().any(|builder| {
            let mut seen = BTreeSet::new();
            let own = |host: &String| self.platforms(host).into_iter().collect::<BTreeSet<_>>();
            self.nodes(builder).iter().flat_map(own).any(|platform| !seen.insert(platform))
        });
        let named = |name: &str, words| (name.to_owned(), words);
        vec![
            named("client", vec![host.to_owned()]),
            named("account", vec![self.account().to_owned()]),
            named("identity", if ssh.is_empty() { vec![String::new()] } else { text(identity) }),
            named("default_builder", vec![self.default_builder(host).unwrap_or_default()]),
            named("tls_ca", text(&client["tls"]["ca"])),
            named("tls_cert", text(&client["tls"]["cert"])),
            named("tls_key", text(&client["tls"]["key"])),
            named("alternatives", vec![if alternatives { "yes" } else { "no" }.to_owned()]),
            named("with_builders", builders),
            named("with_ssh", ssh),
        ]
    }

    /// A key as it is printed: algorithm, base64, and what is left of the comment.
    fn key(said: &str) -> (String, Option<String>) {
        let mut words = said.splitn(3, ' ');
        let (algorithm, base64) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let comment = words.next().map(str::trim).filter(|comment| !comment.is_empty());
        (format!("{algorithm} {base64}"), comment.map(str::to_owned))
    }

    /// Checks `builders/<name>/default.nix`.
    pub fn check_builder_module(&self, builder: &str, found: &nix::Value) {
        assert_eq!(found.at(&["driver"]).text(), Some(self.driver(builder)), "{builder}");
        let nodes = self.nodes(builder);
        assert_eq!(found.at(&["nodes"]).items().len(), nodes.len(), "{builder}");
        for (name, node) in nodes.iter().zip(found.at(&["nodes"]).items()) {
            assert_eq!(node.at(&["host"]).text(), Some(name.as_str()), "{builder}");
            let keys: Vec<_> = node.at(&["hostKeys"]).items().iter().filter_map(nix::Value::text).collect();
            let wanted = strings(&self.host(name)["host-keys"]);
            let wanted: Vec<_> = wanted.iter().map(|key| Self::key(key).0).collect();
            assert_eq!(keys, wanted, "{builder}: {name}");
            if let Some(address) = self.host(name)["address"].as_str() {
                assert_eq!(node.at(&["address"]).text(), Some(address.to_lowercase().as_str()), "{builder}");
            }
            if *node.at(&["nix"]) != nix::Value::Null {
                let features =
                    node.at(&["nix", "supportedFeatures"]).items().iter().filter_map(nix::Value::text);
                let wanted = strings(&self.host(name)["worker"]["nix"]["supported-features"]);
                assert_eq!(features.collect::<Vec<_>>(), wanted, "{builder}: {name}");
            }
        }
        for client in found.at(&["clients"]).items() {
            let host = client.at(&["host"]).text().expect("a host");
            let said = self.host(host)["client"]["public-key"].as_str().expect("a key");
            let (key, comment) = Self::key(said);
            let wanted = comment.map_or_else(|| key.clone(), |comment| format!("{key} {comment}"));
            assert_eq!(client.at(&["publicKey"]).text(), Some(wanted.as_str()), "{builder}: {host}");
        }
        let mut clients: Vec<_> =
            found.at(&["clients"]).items().iter().filter_map(|client| client.at(&["host"]).text()).collect();
        let mut wanted = strings(&self.inventory["builders"][builder]["clients"]);
        clients.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(clients, wanted, "{builder}");
    }

    /// Checks `hosts/<name>/default.nix`.
    pub fn check_host_module(&self, host: &str, found: &nix::Value) {
        let found = found.at(&["services", "buildfleet"]);
        assert_eq!(found.at(&["host"]).text(), Some(host));
        let builder = found.at(&["builder"]);
        if *builder != nix::Value::Null {
            assert_eq!(builder.at(&["user"]).text(), Some(self.account()), "{host}");
            let home = self.inventory["account"]["home"].as_str().map(str::to_owned);
            let home = home.unwrap_or_else(|| format!("/var/lib/{}", self.account()));
            assert_eq!(builder.at(&["home"]).text(), Some(home.as_str()), "{host}");
        }
        let said = &self.host(host)["client"];
        if said.is_null() {
            return;
        }
        let client = found.at(&["client"]);
        let same = |names: &[&str], value: &Value| {
            if let Some(text) = value.as_str() {
                assert_eq!(client.at(names).text(), Some(text), "{host}: {names:?}");
            }
        };
        same(&["user"], &said["user"]);
        same(&["home"], &said["home"]);
        same(&["buildxConfig"], &said["buildx-config"]);
        let default = self.default_builder(host);
        assert_eq!(client.at(&["defaultBuilder"]).text(), default.as_deref(), "{host}");
        for (name, key) in [("copyFrom", "copy-from"), ("path", "path"), ("owner", "owner"), ("mode", "mode")]
        {
            same(&["identity", name], &said["identity"][key]);
        }
        same(&["identity", "sops", "secret"], &said["identity"]["sops"]["secret"]);
        same(&["identity", "sops", "key"], &said["identity"]["sops"]["key"]);
        if let Some(file) = said["identity"]["sops"]["file"].as_str() {
            let wanted = nix::Value::Path(canonical(&format!("../../{file}")));
            assert_eq!(client.at(&["identity", "sops", "file"]), &wanted, "{host}");
        }
        for key in ["ca", "cert", "key"] {
            same(&["tls", key], &said["tls"][key]);
        }
        same(&["nixBuildMachines", "sshKey"], &said["nix"]["ssh-key"]);
        let units: Vec<_> = client.at(&["units"]).items().iter().filter_map(nix::Value::text).collect();
        match &said["before"] {
            Value::Null => {
                assert_eq!(units.len(), strings(&said["instances"]).len(), "{host}: a unit for each instance")
            }
            before => assert_eq!(units, strings(before), "{host}"),
        }
    }

    /// What a host has besides its folder, for `tests/nix/runners.nix`.
    pub fn beside(&self, host: &str, module: &nix::Value) -> Value {
        let client = module.at(&["services", "buildfleet", "client"]);
        let units: Vec<_> = client.at(&["units"]).items().iter().filter_map(nix::Value::text).collect();
        let named = |prefix: &str| {
            let stem = |unit: &&str| unit.trim_end_matches(".service").trim_start_matches(prefix).to_owned();
            units.iter().map(stem).collect::<Vec<_>>()
        };
        // A user of the preset's services that is said not to be dynamic is the host's to declare.
        let said = &self.host(host)["client"];
        let preset = said["preset"].as_str().filter(|_| said["dynamic-user"].as_bool() != Some(false));
        match preset {
            Some("gitea-actions-runner") => json!({ "gitea": named("gitea-runner-") }),
            Some(_) => json!({ "forgejo": named("forgejo-runner-") }),
            None => match client.at(&["user"]).text() {
                Some(user) => json!({ "user": user, "services": named("") }),
                None => json!({}),
            },
        }
    }
}

/// Checks every key of a buildkitd.toml against the table of keys.
pub fn keys_are_known(file: &Value) {
    for (key, value) in entries(file) {
        match key {
            "worker" => {
                for (executor, block) in entries(value) {
                    assert!(["oci", "containerd"].contains(&executor), "{executor}");
                    known(&keys::WORKER_DEFAULTS, block, &["enabled", "platforms"]);
                }
            }
            "registry" => entries(value).for_each(|(_, entry)| known(&keys::REGISTRY, entry, &[])),
            _ => known(
                &keys::BUILDKITD,
                &Value::Object(Map::from_iter([(key.to_owned(), value.clone())])),
                &[],
            ),
        }
    }
}

fn known(table: &Table, found: &Value, ours: &[&str]) {
    for (name, value) in entries(found).filter(|(name, _)| !ours.contains(name)) {
        let key = table.key(name).unwrap_or_else(|| panic!("`{name}` is no key of {}", table.heading));
        let below = match key.shape {
            Shape::List(item) => item.as_table(),
            shape => shape.as_table(),
        };
        let Some(below) = below else { continue };
        match value {
            Value::Array(items) => items.iter().for_each(|item| known(below, item, &[])),
            value => known(below, value, &[]),
        }
    }
}
