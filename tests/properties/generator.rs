//! Inventories that are valid by construction, with hostile text wherever an operator may choose one.
//!
//! An inventory is made from a list of numbers, one for each choice; where the list ends, every further choice is the
//! plainest. So a failing inventory shrinks by shortening and zeroing the list.

use proptest::prelude::*;

/// Numbers that decide, in order.
pub struct Dice<'a> {
    draws: std::slice::Iter<'a, u32>,
}

impl Dice<'_> {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.draws.next().map_or(0, |draw| *draw as usize % n)
    }

    /// Once in `n` times, and never where the plainest is wanted.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len());
        items.get(at).copied().expect("it is below the length")
    }

    /// Each of the items or not, in any order; at least one.
    fn some<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let mut left = items.to_vec();
        let count = 1 + self.below(items.len());
        (0..count).map(|_| left.remove(self.below(left.len()))).collect()
    }

    /// A line of any text.
    pub fn word(&mut self) -> String {
        (0..=self.below(4)).map(|_| self.of(FRAGMENTS)).collect()
    }

    fn words(&mut self) -> Vec<String> {
        (0..=self.below(3)).map(|_| self.word()).collect()
    }

    /// Lines of any text.
    fn remark(&mut self) -> String {
        let lines: Vec<_> = (0..=self.below(4)).map(|_| self.word()).collect();
        format!("{}x", lines.join(self.of(&["\n", "\n\n", "\t", " \n "])))
    }

    fn path(&mut self) -> String {
        let folder = self.of(&["/etc/x", "/srv/a b", "/opt", "/run/é"]);
        let parts: String = (0..=self.below(3)).map(|_| format!("/p{}", self.of(PATH_FRAGMENTS))).collect();
        format!("{folder}{parts}")
    }
}

/// What some language reads something into.
const FRAGMENTS: &[&str] = &[
    "a",
    "\"",
    "${x}",
    "''",
    "%n",
    "$HOME",
    "\\",
    "`id`",
    "$(id)",
    "🦀",
    "é",
    " ",
    "-oProxyCommand=x",
    "--x",
    "#",
    "=",
    "{",
    "}",
    "${",
    "%%",
    "\\n",
    ";",
    "|",
    "&",
    "<",
    "*",
    "?",
    "~",
    "'",
    "$$",
    "]",
    "{{ x }}",
    "{# y #}",
    "{% z %}",
    "\u{a0}",
    "\u{3000}",
    "\u{200d}",
    "'''",
    "\"\"\"",
    "''${",
    "/*",
    "*/",
    "\\x41",
    "\\u0041",
    ",",
    "]]>",
    "!",
    "$${",
];

/// The same, without what no path may hold.
const PATH_FRAGMENTS: &[&str] = &[
    "a", " b", "%d", "é", "🦀", "-x", "#", "*", "~", "{x}", "=", "&", ";", "|", "<", ">", "(", ")", "!",
    "%%", "[y]", ",", ":", ".", "..", "{{ x }}", "@",
];

const SIZES: &[&str] = &["\"10GB\"", "\"1.5TiB\"", "\"512 mb\"", "\"20%\"", "5368709120"];
const DURATIONS: &[&str] = &["\"30s\"", "\"48h\"", "\"1h30m\"", "90"];
const PLATFORMS: &[&str] = &[
    "linux/amd64",
    "linux/arm64",
    "linux/386",
    "linux/arm/v7",
    "linux/arm/v6",
    "linux/riscv64",
    "linux/amd64/v2",
];
const ACCOUNTS: &[&str] = &["nix-builder", "_ci.x-1", ".b", "A.b-c_"];
const USERS: &[&str] = &["ci", "_run.x-1", ".r", "R.b-c_"];
const UNITS: &[&str] = &["ci.service", "my\\x20runner@\\x25.service", "a-b:c.service"];

/// A TOML file as its tables, every key with a line of its own.
#[derive(Clone)]
pub struct Doc {
    sections: Vec<(String, Vec<(String, String)>)>,
}

impl std::fmt::Debug for Doc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n{}", self.text())
    }
}

/// A text as TOML.
pub fn lit(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// An array of texts as TOML.
pub fn array<T: AsRef<str>>(texts: &[T]) -> String {
    format!("[{}]", texts.iter().map(|text| lit(text.as_ref())).collect::<Vec<_>>().join(", "))
}

impl Doc {
    /// Says a key of a table, or says it otherwise.
    pub fn set(&mut self, table: &str, key: &str, value: impl Into<String>) {
        let at = self.sections.iter().position(|(path, _)| path == table).unwrap_or_else(|| {
            self.sections.push((table.to_owned(), Vec::new()));
            self.sections.len() - 1
        });
        let Some((_, entries)) = self.sections.get_mut(at) else { return };
        entries.retain(|(known, _)| known != key);
        entries.push((key.to_owned(), value.into()));
    }

    /// Makes a table that may stay empty.
    pub fn table(&mut self, table: &str) {
        if !self.has_table(table) {
            self.sections.push((table.to_owned(), Vec::new()));
        }
    }

    /// Takes a key out.
    pub fn unset(&mut self, table: &str, key: &str) {
        for (_, entries) in self.sections.iter_mut().filter(|(path, _)| path == table) {
            entries.retain(|(known, _)| known != key);
        }
    }

    /// Takes a table out.
    pub fn drop_table(&mut self, table: &str) {
        self.sections.retain(|(path, _)| path != table);
    }

    /// Whether there is that table.
    pub fn has_table(&self, table: &str) -> bool {
        self.sections.iter().any(|(path, _)| path == table)
    }

    /// Whether that table has that key.
    pub fn has(&self, table: &str, key: &str) -> bool {
        self.sections
            .iter()
            .any(|(path, entries)| path == table && entries.iter().any(|(known, _)| known == key))
    }

    /// The file, and the line of every header and key.
    fn lines(&self) -> (String, Vec<(&str, &str, usize)>) {
        let mut text = String::new();
        let mut places = Vec::new();
        for (path, entries) in &self.sections {
            let line = |text: &str| text.matches('\n').count() + 1;
            if !path.is_empty() {
                text.push('\n');
                places.push((path.as_str(), "", line(&text)));
                text.push_str(&format!("[{path}]\n"));
            }
            for (key, value) in entries {
                places.push((path.as_str(), key.as_str(), line(&text)));
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        (text, places)
    }

    /// The file.
    pub fn text(&self) -> String {
        self.lines().0
    }

    /// The line of a key, or, with none, of a table's header.
    pub fn line(&self, table: &str, key: &str) -> usize {
        let (_, places) = self.lines();
        let found = places.iter().find(|(path, known, _)| *path == table && *known == key);
        found.unwrap_or_else(|| panic!("`{key}` of [{table}] is there")).2
    }

    /// The same tables and keys in another order.
    pub fn shuffled(&self, draws: &[u32]) -> Self {
        let mut dice = Dice { draws: draws.iter() };
        let mut sections: Vec<_> =
            self.sections.iter().filter(|(path, _)| !path.is_empty()).map(|(path, _)| path).collect();
        let mut order = vec![String::new()];
        while !sections.is_empty() {
            // The plainest is the other way round, so that every order differs.
            let at = sections.len() - 1 - dice.below(sections.len());
            order.push(sections.remove(at).clone());
        }
        let mut shuffled = Self { sections: Vec::new() };
        for path in order {
            let mut entries: Vec<_> = self
                .sections
                .iter()
                .filter(|(own, _)| *own == path)
                .flat_map(|(_, entries)| entries)
                .collect();
            let mut mixed = Vec::new();
            while !entries.is_empty() {
                let at = entries.len() - 1 - dice.below(entries.len());
                mixed.push(entries.remove(at).clone());
            }
            shuffled.sections.push((path, mixed));
        }
        shuffled
    }
}

/// A well-formed Ed25519 public key that nobody has the private half of.
pub fn key(number: usize) -> String {
    use base64::Engine as _;
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    let mut own = [7; 32];
    for (byte, digit) in own.iter_mut().zip(number.to_be_bytes()) {
        *byte = digit;
    }
    blob.extend(own);
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob))
}

/// What a host is in the fleet.
#[derive(Default, Clone)]
struct Role {
    name: String,
    node: bool,
    /// A node of a builder with the driver `docker-container`.
    container: bool,
    client: bool,
    /// The builders that it starts builds on.
    builders: Vec<String>,
    /// Whether a client elsewhere reaches it.
    reached: bool,
}

/// An inventory of that many choices at most.
pub fn docs(choices: usize) -> impl Strategy<Value = Doc> {
    proptest::collection::vec(any::<u32>(), 0..choices).prop_map(|draws| {
        let mut dice = Dice { draws: draws.iter() };
        doc(&mut dice)
    })
}

fn doc(dice: &mut Dice<'_>) -> Doc {
    let mut doc = Doc { sections: Vec::new() };
    doc.set("", "version", "1");
    if dice.once_in(2) {
        let name = dice.of(&["avalanche", "a -b_c.d  e", "9 "]);
        doc.set("", "name", lit(name));
    }
    account(dice, &mut doc);

    let mut roles: Vec<Role> = Vec::new();
    for number in 0..2 + dice.below(5) {
        let base = dice.of(&[
            "h",
            "Ser",
            "x--",
            "Z9-",
            "a-long-name-of-a-host-that-is-allowed-to-have-63-characters",
        ]);
        roles.push(Role { name: format!("{base}{number}"), ..Role::default() });
    }
    let common_containerd = dice.once_in(6);
    if common_containerd {
        doc.set("worker", "executor", "\"containerd\"");
    }
    for number in 0..=dice.below(3) {
        builder(dice, &mut doc, &mut roles, number);
    }
    if dice.once_in(2) {
        worker_settings(dice, &mut doc, "worker");
    }
    if dice.once_in(2) {
        daemon_settings(dice, &mut doc, "buildkitd");
    }
    let mut certificates = 0;
    registries(dice, &mut doc, "", &mut certificates);
    let tls_for_clients = dice.once_in(3);
    for (number, role) in roles.iter().enumerate() {
        host(dice, &mut doc, role, number, common_containerd, tls_for_clients, &mut certificates);
    }
    doc
}

fn account(dice: &mut Dice<'_>, doc: &mut Doc) {
    if dice.once_in(3) {
        let user = dice.of(ACCOUNTS);
        doc.set("account", "user", lit(user));
    }
    if dice.once_in(4) {
        let home = dice.path();
        doc.set("account", "home", lit(&home));
    }
    if dice.once_in(4) {
        doc.set("account", "trusted-user", "true");
    }
}

fn builder(dice: &mut Dice<'_>, doc: &mut Doc, roles: &mut [Role], number: usize) {
    let name = format!("{}{number}", dice.of(&["b", "x.y-", "a--"]));
    let table = format!("builders.\"{name}\"");
    let container = dice.once_in(2);
    doc.set(&table, "driver", if container { "\"docker-container\"" } else { "\"remote\"" });
    let names: Vec<_> = roles.iter().map(|role| role.name.clone()).collect();
    let (nodes, clients) = (dice.some(&names), dice.some(&names));
    for role in roles.iter_mut() {
        if nodes.contains(&role.name) {
            role.node = true;
            role.container |= container;
            role.reached |= clients.iter().any(|client| *client != role.name);
        }
        if clients.contains(&role.name) {
            role.client = true;
            role.builders.push(name.clone());
        }
    }
    doc.set(&table, "nodes", array(&nodes));
    doc.set(&table, "clients", array(&clients));
    if dice.once_in(4) {
        let interval = dice.of(DURATIONS);
        doc.set(&table, "probe-interval", interval);
    }
    if dice.once_in(3) {
        let (key, value) = (dice.of(&["env.A", "network", "memory", "env.${x}''"]), dice.word());
        doc.set(&table, "driver-opts", format!("{{ {} = {}, image = \"x\" }}", basic(key), lit(&value)));
    }
    if dice.once_in(3) {
        let flags = dice.words();
        doc.set(&table, "buildkitd-flags", array(&flags));
    }
}

fn labels(dice: &mut Dice<'_>) -> String {
    let pairs: std::collections::BTreeMap<_, _> =
        (0..=dice.below(3)).map(|_| (dice.word(), dice.word())).collect();
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{} = {}", basic(key), lit(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A text as a key of TOML, which is never of several lines.
fn basic(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn worker_settings(dice: &mut Dice<'_>, doc: &mut Doc, table: &str) {
    for key in ["reservedSpace", "maxUsedSpace", "minFreeSpace"] {
        if dice.once_in(3) {
            let size = dice.of(SIZES);
            doc.set(table, key, size);
        }
    }
    for key in ["bridgeName", "apparmor-profile", "binary", "namespace"] {
        if dice.once_in(4) {
            let word = dice.word();
            doc.set(table, key, lit(&word));
        }
    }
    for key in ["cniConfigPath", "cniBinaryPath", "proxySnapshotterPath", "address"] {
        if dice.once_in(5) {
            let path = dice.path();
            doc.set(table, key, lit(&path));
        }
    }
    for key in ["gc", "selinux", "rootless", "noProcessSandbox"] {
        if dice.once_in(6) {
            let value = dice.of(&["true", "false"]);
            doc.set(table, key, value);
        }
    }
    if dice.once_in(2) {
        let limit = 1 + dice.below(65_535);
        doc.set(table, "max-parallelism", limit.to_string());
    }
    if dice.once_in(2) {
        let labels = labels(dice);
        doc.set(table, "labels", labels);
    }
    if dice.once_in(5) {
        let word = dice.of(&["auto", "overlayfs", "native", "fuse-overlayfs", "stargz"]);
        doc.set(table, "snapshotter", lit(word));
    }
    if dice.once_in(5) {
        let word = dice.of(&["auto", "host", "cni", "bridge", "none"]);
        doc.set(table, "networkMode", lit(word));
    }
    if dice.once_in(5) {
        let (key, value) = (dice.word(), dice.word());
        let passed = format!("{{ {} = [{}, {{ x = 1.5, y = [true] }}], n = -1 }}", basic(&key), lit(&value));
        doc.set(table, "stargzSnapshotter", passed);
    }
    if dice.once_in(5) {
        let (name, path) = (dice.word(), dice.path());
        doc.set(table, "runtime", format!("{{ name = {}, path = {} }}", lit(&name), lit(&path)));
    }
    if dice.once_in(4) {
        let rules: Vec<_> = (0..=dice.below(2)).map(|_| rule(dice)).collect();
        doc.set(table, "gcpolicy", format!("[{}]", rules.join(", ")));
    }
}

fn rule(dice: &mut Dice<'_>) -> String {
    let filters =
        dice.of(&["type==exec.cachemount", "type==source.local,shared==true", "id~=^a${b}\"'\\", "mutable"]);
    let (size, age, all) = (dice.of(SIZES), dice.of(DURATIONS), dice.of(&["true", "false"]));
    match dice.below(3) {
        0 => format!("{{ all = {all}, maxUsedSpace = {size} }}"),
        1 => format!("{{ filters = {}, keepDuration = {age} }}", array(&[filters])),
        _ => format!("{{ filters = {}, reservedSpace = {size}, minFreeSpace = {size} }}", array(&[filters])),
    }
}

fn daemon_settings(dice: &mut Dice<'_>, doc: &mut Doc, table: &str) {
    for key in ["root", "provenanceEnvDir"] {
        if dice.once_in(4) {
            let path = dice.path();
            doc.set(table, key, lit(&path));
        }
    }
    if dice.once_in(4) {
        doc.set(table, "insecure-entitlements", "[\"network.host\", \"device\"]");
    }
    if dice.once_in(6) {
        doc.set(table, "proxyNetwork", "true");
    }
    match dice.below(4) {
        1 => doc.set(table, "cdi", "false"),
        2 => doc.set(table, "cdi", "true"),
        3 => {
            let (path, words) = (dice.path(), dice.words());
            doc.set(
                table,
                "cdi",
                format!("{{ specDirs = [{}], autoAllowed = {} }}", lit(&path), array(&words)),
            );
        }
        _ => {}
    }
    if dice.once_in(3) {
        let (options, domains) = (dice.words(), dice.words());
        let dns = format!(
            "{{ nameservers = [\"10.0.0.1\", \"fd00::1\"], options = {}, searchDomains = {} }}",
            array(&options),
            array(&domains)
        );
        doc.set(table, "dns", dns);
    }
    if dice.once_in(4) {
        doc.set(&format!("{table}.log"), "level", "\"warn\"");
    }
    if dice.once_in(4) {
        let path = dice.path();
        doc.set(&format!("{table}.otel"), "socketPath", lit(&path));
    }
    if dice.once_in(4) {
        let age = dice.of(DURATIONS);
        doc.set(&format!("{table}.history"), "maxAge", age);
    }
    if dice.once_in(4) {
        let words = dice.words();
        doc.set(&format!("{table}.frontend.\"gateway.v0\""), "allowedRepositories", array(&words));
    }
    if dice.once_in(5) {
        doc.set(&format!("{table}.system"), "maxRegistryConcurrency", "4");
    }
    if dice.once_in(5) {
        doc.set(&format!("{table}.grpc"), "debugAddress", "\"127.0.0.1:6060\"");
    }
}

fn registries(dice: &mut Dice<'_>, doc: &mut Doc, host: &str, certificates: &mut usize) {
    let prefix = if host.is_empty() { String::new() } else { format!("hosts.{host}.") };
    for registry in ["docker.io", "forge.internal:5000", "[fd00::1]:5000", "10.0.0.1"] {
        if !dice.once_in(4) {
            continue;
        }
        let table = format!("{prefix}registries.\"{registry}\"");
        doc.table(&table);
        for key in ["http", "insecure"] {
            if dice.once_in(4) {
                let value = dice.of(&["true", "false"]);
                doc.set(&table, key, value);
            }
        }
        if dice.once_in(3) {
            doc.set(&table, "mirrors", "[\"mirror.internal:5000/a/b\", \"m\"]");
        }
        // No two of one name, as a container has one folder for all.
        let mut certificate = |dice: &mut Dice<'_>| {
            *certificates += 1;
            lit(&format!("{}/{certificates}{}", dice.path(), dice.of(PATH_FRAGMENTS)))
        };
        if dice.once_in(2) {
            let list: Vec<_> = (0..=dice.below(2)).map(|_| certificate(dice)).collect();
            doc.set(&table, "ca", format!("[{}]", list.join(", ")));
        }
        if dice.once_in(4) {
            let (cert, key) = (certificate(dice), certificate(dice));
            doc.set(&table, "keypair", format!("[{{ cert = {cert}, key = {key} }}]"));
        }
    }
}

fn host(
    dice: &mut Dice<'_>,
    doc: &mut Doc,
    role: &Role,
    number: usize,
    common_containerd: bool,
    tls: bool,
    certificates: &mut usize,
) {
    let table = format!("hosts.{}", role.name);
    doc.table(&table);
    if role.reached || dice.once_in(2) {
        let address = match dice.below(4) {
            0 => format!("h{number}.internal"),
            1 => format!("10.1.0.{number}"),
            2 => format!("fd00::{}", number + 1),
            _ => format!("Ser-{number}.x_y.Example"),
        };
        doc.set(&table, "address", lit(&address));
        let comment = dice.word();
        let mut keys = vec![format!("{} {comment}", key(2 * number))];
        if dice.once_in(3) {
            keys.push(key(1000 + number));
        }
        doc.set(&table, "host-keys", array(&keys));
    }
    if dice.once_in(3) {
        doc.set(&table, "port", (2222 + number).to_string());
    }
    let other = dice.once_in(3);
    if other {
        doc.set(&table, "os", "\"other\"");
    }
    if dice.once_in(2) {
        let description = dice.remark();
        doc.set(&table, "description", lit(&description));
    }
    for key in ["platforms", "max-parallelism", "cdi", "gc"] {
        if dice.once_in(4) {
            let remark = dice.remark();
            doc.set(&format!("{table}.comments"), key, lit(&remark));
        }
    }
    if role.node || dice.once_in(5) {
        worker(dice, doc, role, number, common_containerd, tls);
        if dice.once_in(3) {
            daemon_settings(dice, doc, &format!("{table}.buildkitd"));
        }
        registries(dice, doc, &role.name, certificates);
    }
    if role.client {
        client(dice, doc, role, number, other, tls);
    }
}

fn worker(
    dice: &mut Dice<'_>,
    doc: &mut Doc,
    role: &Role,
    number: usize,
    common_containerd: bool,
    tls: bool,
) {
    let host = format!("hosts.{}", role.name);
    let table = format!("{host}.worker");
    // Of few platforms there is often more than one node, of many there is seldom.
    let few = dice.below(2) * 5 + 2;
    let mut platforms = dice.some(PLATFORMS.get(..few).unwrap_or(PLATFORMS));
    if dice.once_in(8) {
        platforms.extend(platforms.first().copied());
    }
    doc.set(&table, "platforms", array(&platforms));
    if dice.once_in(3) {
        doc.set(&table, "fallback", "true");
    }
    if common_containerd && role.container {
        doc.set(&table, "executor", "\"oci\"");
    } else if !role.container && dice.once_in(4) {
        doc.set(&table, "executor", "\"containerd\"");
    }
    if dice.once_in(2) {
        worker_settings(dice, doc, &table);
    }
    if dice.once_in(3) {
        let words = dice.words();
        let nix = format!("{table}.nix");
        doc.set(&nix, "supported-features", array(&words));
        doc.set(&nix, "speed-factor", "3");
        if dice.once_in(2) {
            doc.set(&nix, "systems", "[\"x86_64-linux\"]");
        }
    }
    let socket = "unix:///run/buildkit/buildkitd.sock";
    if tls && dice.once_in(2) {
        let address = dice.of(&["tcp.internal", "[fd00::9]", "10.9.9.9"]);
        let endpoint = format!("tcp://{address}:{}", 1234 + number);
        doc.set(&table, "endpoint", lit(&endpoint));
        if dice.once_in(3) {
            doc.set(&table, "servername", "\"name.example\"");
        }
        let grpc = format!("{host}.buildkitd.grpc");
        if dice.once_in(3) {
            doc.set(&table, "allow-plain-tcp", "true");
        } else {
            for key in ["cert", "key", "ca"] {
                let path = dice.path();
                doc.set(&format!("{grpc}.tls"), key, lit(&path));
            }
        }
        if dice.once_in(3) {
            doc.set(&grpc, "address", array(&[socket, &format!("tcp://0.0.0.0:{}", 1234 + number)]));
        }
    } else if dice.once_in(5) {
        doc.set(&format!("{host}.buildkitd.grpc"), "address", array(&[socket, "unix:///run/other.sock"]));
    }
}

fn client(dice: &mut Dice<'_>, doc: &mut Doc, role: &Role, number: usize, other: bool, tls: bool) {
    let table = format!("hosts.{}.client", role.name);
    let preset = !other && dice.once_in(3);
    if preset {
        let preset = dice.of(&["gitea-actions-runner", "forgejo-runner"]);
        doc.set(&table, "preset", lit(preset));
        let instances = dice.words();
        doc.set(&table, "instances", array(&instances));
    } else {
        let user = dice.of(USERS);
        doc.set(&table, "user", lit(user));
    }
    let dynamic = preset || (!other && dice.once_in(6));
    if dynamic && !preset {
        doc.set(&table, "dynamic-user", "true");
        doc.set(&table, "state-directory", "\".state/a-b\"");
    }
    if dice.once_in(4) {
        doc.set(&table, "group", "\"grp_.x\"");
    }
    for key in ["home", "buildx-config"] {
        // A dynamic user can write below its state directory alone.
        if !dynamic && dice.once_in(4) {
            let path = dice.path();
            doc.set(&table, key, lit(&path));
        }
    }
    if !preset && (dynamic || dice.once_in(3)) {
        let units = dice.some(UNITS);
        doc.set(&table, "before", array(&units));
    }
    let comment = dice.word();
    doc.set(&table, "public-key", lit(&format!("{} {comment}", key(2 * number + 1))));
    let identity = format!("{table}.identity");
    // Apart from all homes, which a dynamic user alone has.
    let path = format!("/keys{}", dice.path());
    match dice.below(3) {
        1 if !other => {
            doc.set(
                &identity,
                "sops",
                "{ key = \"a.b/c_d-e\", secret = \"s.1\", file = \"../secrets/a b%{h}.yaml\" }",
            );
        }
        2 => {
            let from = dice.path();
            doc.set(&identity, "copy-from", lit(&from));
            if !dynamic {
                doc.set(&identity, "path", lit(&path));
            }
        }
        _ => doc.set(&identity, "path", lit(&path)),
    }
    if dice.once_in(4) {
        doc.set(&identity, "mode", "\"0400\"");
        if dynamic {
            doc.set(&identity, "owner", "\"root\"");
        }
    }
    if dice.once_in(3) {
        let at = dice.below(role.builders.len());
        let name = role.builders.get(at).expect("a client uses a builder");
        doc.set(&table, "default-builder", lit(name));
    }
    if tls {
        for key in ["ca", "cert", "key"] {
            let path = dice.path();
            doc.set(&format!("{table}.tls"), key, lit(&path));
        }
    }
    if dice.once_in(3) {
        let nix = format!("{table}.nix");
        doc.set(&nix, "build-machines", "true");
        if dice.once_in(2) {
            let path = dice.path();
            doc.set(&nix, "ssh-key", lit(&path));
        }
    }
    if dice.once_in(6) {
        doc.set(&table, "worker-blocks", "\"remote-ssh\"");
    }
}
