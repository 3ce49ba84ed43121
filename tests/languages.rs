//! The rendered files read back by programs that are not ours: whatever text an inventory holds, they find the same.
//!
//! Tests that need a program are ignored, and say which; `cargo test -- --include-ignored` runs them.

#![expect(clippy::indexing_slicing, reason = "what a JSON value lacks is null, and a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use buildfleet::fleet::{Fleet, Host, Reach};
use buildfleet::inventory::{Driver, HostOs, Preset};
use buildfleet::types::PublicKey;
use common::{ending, fixtures, fleet, inventory, rendered, root, run, succeed, text, tree};
use serde_json::{Value, json};

// --- what the second parsers of TOML, JSON and Nix find ---------------------------------------------------------

fn toml_of(text: &str) -> Value {
    let value: toml::Value = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(value).expect("JSON")
}

fn inventory_of(name: &str) -> Value {
    toml_of(std::str::from_utf8(&inventory(name)).expect("UTF-8"))
}

/// A rendered file of a fixture.
fn file(name: &str, path: &str) -> String {
    let artefacts = rendered(name);
    let found = artefacts.iter().find(|artefact| artefact.path == path);
    text(found.unwrap_or_else(|| panic!("{name} has {path}"))).to_owned()
}

/// The entries of a table.
fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The items of a list.
fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string: {value}"))
}

#[test]
fn toml_reads_back_as_the_inventory_says() {
    // What the inventory says of a worker or a daemon for our own use.
    const OURS: &[&str] =
        &["executor", "fallback", "endpoint", "servername", "nix", "allow-plain-tcp", "labels", "grpc"];
    for name in fixtures() {
        let said = inventory_of(&name);
        for (host, entry) in entries(&said["hosts"]) {
            if entry["worker"].is_null() {
                continue;
            }
            let path = format!("hosts/{host}/buildkitd.toml");
            let found = toml_of(&file(&name, &path));
            let (mut daemon, mut worker) = (said["buildkitd"].clone(), said["worker"].clone());
            for (common, own) in [(&mut daemon, &entry["buildkitd"]), (&mut worker, &entry["worker"])] {
                for (key, value) in entries(own) {
                    if key == "labels"
                        || (key == "log" || key == "dns" || key == "history") && !common[key].is_null()
                    {
                        continue;
                    }
                    common[key] = value.clone();
                }
            }
            let executor = worker["executor"].as_str().unwrap_or("oci");
            let block = &found["worker"][executor];
            assert_eq!(block["enabled"], true, "{name}: {path}");
            for (key, value) in entries(&worker).filter(|(key, _)| !OURS.contains(&key.as_str())) {
                assert_eq!(&block[key], value, "{name}: {path}: {key}");
            }
            for (key, value) in entries(&daemon).filter(|(key, _)| !OURS.contains(&key.as_str())) {
                match value {
                    // `cdi = false` is short for the table.
                    Value::Bool(on) if key == "cdi" => {
                        assert_eq!(found[key]["disabled"], !on, "{name}: {path}")
                    }
                    _ => assert_eq!(&found[key], value, "{name}: {path}: {key}"),
                }
            }
            for labels in [&said["worker"]["labels"], &entry["worker"]["labels"]] {
                for (label, value) in entries(labels) {
                    let own = &entry["worker"]["labels"][label];
                    let wanted = if own.is_null() { value } else { own };
                    assert_eq!(&block["labels"][label], wanted, "{name}: {path}: {label}");
                }
            }
        }
    }
}

#[test]
fn every_toml_file_is_toml() {
    for name in fixtures() {
        for artefact in rendered(&name).iter().filter(|artefact| artefact.path.extension() == Some("toml")) {
            assert!(toml_of(text(artefact)).is_object(), "{name}: {}", artefact.path);
        }
    }
}

#[test]
fn hostile_strings_come_back_from_toml() {
    let said = inventory_of("hostile");
    let worker = &said["hosts"]["ser5"]["worker"];
    for path in ["hosts/ser5/buildkitd.toml", "hosts/ser5/buildkitd.container.toml"] {
        let found = toml_of(&file("hostile", path));
        let block = &found["worker"]["oci"];
        assert_eq!(block["labels"], said["worker"]["labels"], "{path}");
        for key in ["bridgeName", "binary", "stargzSnapshotter", "max-parallelism"] {
            assert_eq!(block[key], worker[key], "{path}: {key}");
        }
        assert_eq!(found["dns"], said["hosts"]["ser5"]["buildkitd"]["dns"], "{path}");
    }
}

/// The rows of a table, without comments.
fn rows(tsv: &str) -> Vec<Vec<&str>> {
    tsv.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect()
}

#[test]
fn tables_of_nodes_read_back_as_the_inventory_says() {
    for name in fixtures() {
        let said = inventory_of(&name);
        for (builder, resolved) in &fleet(&name).builders {
            let table = file(&name, &format!("builders/{builder}/nodes.tsv"));
            let entry = &said["builders"][builder.as_str()];
            let mut nodes = Vec::new();
            for row in rows(&table) {
                match row.as_slice() {
                    ["driver", driver] => assert_eq!(entry["driver"], *driver),
                    ["driver-opts", opts] => {
                        let opts: Value = serde_json::from_str(opts).expect("JSON");
                        assert_eq!(entry["driver-opts"], opts, "{name}: {builder}");
                    }
                    ["flags", flags] => {
                        let flags: Value = serde_json::from_str(flags).expect("JSON");
                        assert_eq!(entry["buildkitd-flags"], flags, "{name}: {builder}");
                    }
                    ["node", host, endpoint, platforms, servername] => {
                        let worker = &said["hosts"][*host]["worker"];
                        // Without a name of its own, a certificate is for the host in the endpoint.
                        let dialled = endpoint.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':'));
                        let dialled = dialled.map_or("-", |(host, _)| host.trim_matches(['[', ']']));
                        let wanted = worker["servername"].as_str().unwrap_or(dialled);
                        assert_eq!(*servername, wanted, "{name}: {builder}: {host}");
                        let platforms: Vec<_> = platforms.split(',').collect();
                        assert_eq!(json!(platforms), worker["platforms"], "{name}: {builder}: {host}");
                        match &worker["endpoint"] {
                            Value::String(said) if resolved.driver() == Driver::Remote => {
                                assert_eq!(said, endpoint)
                            }
                            _ => assert!(endpoint.starts_with("ssh://"), "{name}: {builder}: {endpoint}"),
                        }
                        nodes.push((*host).to_owned());
                    }
                    row => panic!("{name}: {builder}: {row:?}"),
                }
            }
            let (last, first): (Vec<_>, Vec<_>) = items(&entry["nodes"])
                .iter()
                .map(string)
                .partition(|host| said["hosts"][*host]["worker"]["fallback"] == true);
            assert_eq!(nodes, [first, last].concat(), "{name}: {builder}");
            for (key, word) in [("driver-opts", "driver-opts\t"), ("buildkitd-flags", "flags\t")] {
                let shown = table.lines().any(|line| line.starts_with(word));
                assert_eq!(shown, !entry[key].is_null(), "{name}: {builder}: {key}");
            }
        }
    }
}

#[test]
fn instances_read_back_as_the_inventory_says() {
    let mut seen = 0;
    for name in fixtures() {
        for artefact in rendered(&name) {
            let mut folders = artefact.path.components().rev().map(|part| part.as_str());
            let (Some(builder), Some("instances"), Some(host)) =
                (folders.next(), folders.next(), folders.next())
            else {
                continue;
            };
            let instance: Value = serde_json::from_str(text(&artefact)).expect("JSON");
            let table = file(&name, &format!("builders/{builder}/nodes.tsv"));
            assert_eq!(instance["Name"], builder, "{name}: {}", artefact.path);
            let nodes = rows(&table).into_iter().filter(|row| row.first() == Some(&"node"));
            let nodes: Vec<_> =
                nodes.filter(|row| row.get(1) != Some(&host)).filter_map(|row| row.get(2).copied()).collect();
            let found: Vec<_> =
                items(&instance["Nodes"]).iter().map(|node| string(&node["Endpoint"])).collect();
            assert_eq!(found, nodes, "{name}: {}", artefact.path);
            seen += 1;
        }
    }
    assert!(seen > 0, "some instance is rendered");
}

#[test]
fn nix_is_nix_to_rnix() {
    for name in fixtures() {
        for artefact in rendered(&name).iter().filter(|artefact| artefact.path.extension() == Some("nix")) {
            let faults = rnix::Root::parse(text(artefact)).errors().to_vec();
            assert!(faults.is_empty(), "{name}: {}: {faults:?}", artefact.path);
        }
    }
}

// --- Nix --------------------------------------------------------------------------------------------------------

#[test]
#[ignore = "needs nix-instantiate"]
fn nix_is_nix_to_nix() {
    for name in fixtures() {
        let folder = tree(&name);
        let files = ending(&folder, &name, ".nix");
        let mut args = vec!["--store", "dummy://", "--parse"];
        args.extend(files.iter().map(|path| path.to_str().expect("UTF-8")));
        succeed("nix-instantiate", &args);
    }
}

/// A text as an expression of Nix.
fn nix_string(text: &str) -> String {
    json!(text).to_string().replace("${", "\\${")
}

/// A path as an expression of Nix.
fn nix_path(path: &Path) -> String {
    format!("(/. + {})", nix_string(path.to_str().expect("UTF-8")))
}

/// The value of a Nix expression.
fn evaluate(expression: &str) -> Value {
    let args = ["--store", "dummy://", "--eval", "--strict", "--json", "--expr", expression];
    serde_json::from_str(&succeed("nix-instantiate", &args)).expect("JSON")
}

/// What a host has besides its folder, for `runners.nix`: the units of its runners and its user.
fn beside(host: &Host) -> Value {
    let Some(client) = &host.client else { return json!({}) };
    let units = client.units.iter().map(|unit| unit.get().as_str().trim_end_matches(".service"));
    let named = |prefix: &str| {
        units.clone().map(|unit| unit.trim_start_matches(prefix).to_owned()).collect::<Vec<_>>()
    };
    match client.preset.as_ref().map(|preset| preset.get()) {
        Some(Preset::GiteaActionsRunner) => json!({ "gitea": named("gitea-runner-") }),
        Some(Preset::ForgejoRunner) => json!({ "forgejo": named("forgejo-runner-") }),
        None => json!({ "user": client.user.get().as_str(), "services": named("") }),
    }
}

/// A host's folder evaluated, with further modules.
fn evaluate_host(folder: &Path, host: &Host, modules: &str) -> Value {
    let nix = root().join("tests/nix");
    evaluate(&format!(
        "import {} {{ host = {}; modules = [ (import {} (builtins.fromJSON {})) {modules} ]; }}",
        nix_path(&nix.join("eval.nix")),
        nix_path(&folder.join("rendered/hosts").join(host.name.get().as_str())),
        nix_path(&nix.join("runners.nix")),
        nix_string(&beside(host).to_string()),
    ))
}

/// What a host of a fixture evaluates to.
struct Evaluated {
    fixture: String,
    host: String,
    value: Value,
}

impl Evaluated {
    fn place(&self) -> String {
        format!("{}: {}", self.fixture, self.host)
    }

    /// What NixOS would write: the files of one kind, by name.
    fn files(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.value["files"][kind]).map(|(name, body)| (name.as_str(), string(body)))
    }

    /// What NixOS would write into a certain file.
    fn file(&self, kind: &str) -> &str {
        string(&self.value["files"][kind])
    }
}

/// Every NixOS host of every fixture. The scratch folder is `/scratch` in it, and store paths have no hashes: they
/// would change with every change of a script.
static EVALUATED: LazyLock<Vec<Evaluated>> = LazyLock::new(|| {
    let of_fixture = |fixture: String| {
        let (fleet, folder) = (fleet(&fixture), tree(&fixture));
        let nixos = fleet.hosts.values().filter(|host| host.os == HostOs::Nixos);
        let evaluated = nixos.map(|host| {
            let value = evaluate_host(folder.path(), host, "").to_string();
            let value = value.replace(folder.path().to_str().expect("UTF-8"), "/scratch");
            let mut parts = value.split("/nix/store/");
            let mut value = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                value.push_str("/nix/store/");
                value.push_str(part.split_once('-').expect("a hash and a name").1);
            }
            let value = serde_json::from_str(&value).expect("JSON");
            Evaluated { fixture: fixture.clone(), host: host.name.get().to_string(), value }
        });
        evaluated.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> =
            fixtures().into_iter().map(|fixture| scope.spawn(move || of_fixture(fixture))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("it evaluates")).collect()
    })
});

#[test]
#[ignore = "needs nix-instantiate"]
fn builders_evaluate_to_what_the_inventory_says() {
    for name in fixtures() {
        let (fleet, folder, said) = (fleet(&name), tree(&name), inventory_of(&name));
        for (builder, resolved) in &fleet.builders {
            let path = folder.path().join("rendered/builders").join(builder.as_str());
            let keep = "b: removeAttrs b [ \"nodesFile\" ] // { nodes = map (n: removeAttrs n \
                        [ \"containerConfig\" \"containerFiles\" ]) b.nodes; }";
            let found = evaluate(&format!("({keep}) (import {})", nix_path(&path)));
            assert_eq!(found["driver"], said["builders"][builder.as_str()]["driver"], "{name}: {builder}");
            let over_ssh = fleet
                .preferred(resolved)
                .into_iter()
                .filter(|(_, worker)| resolved.driver() == Driver::DockerContainer || worker.tcp().is_none());
            let over_ssh: Vec<_> = over_ssh.map(|(host, _)| host).collect();
            let nodes = items(&found["nodes"]).iter().filter(|node| node["transport"] == "ssh");
            let nodes: Vec<_> = nodes.collect();
            assert_eq!(nodes.len(), over_ssh.len(), "{name}: {builder}");
            for (node, host) in nodes.into_iter().zip(over_ssh) {
                let entry = &said["hosts"][host.name.get().as_str()];
                assert_eq!(node["host"], host.name.get().as_str());
                assert_eq!(node["address"], entry["address"], "{name}: {builder}");
                assert_eq!(node["port"], *entry.get("port").unwrap_or(&json!(22)), "{name}: {builder}");
                let keys = items(&entry["host-keys"])
                    .iter()
                    .map(|key| string(key).parse::<PublicKey>().expect("a key").without_comment());
                assert_eq!(node["hostKeys"], json!(keys.collect::<Vec<_>>()), "{name}: {builder}");
            }
            let clients = items(&said["builders"][builder.as_str()]["clients"]).iter().map(|host| {
                let client = &said["hosts"][string(host)]["client"];
                let nix = client["nix"]["build-machines"] == true;
                json!({ "host": host, "publicKey": client["public-key"], "nix": nix })
            });
            assert_eq!(found["clients"], json!(clients.collect::<Vec<_>>()), "{name}: {builder}");
        }
    }
}

/// Without nulls and what is empty, to be read by people.
fn telling(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(list) if list.is_empty() => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(table) => {
            let kept: serde_json::Map<_, _> =
                table.iter().filter_map(|(key, value)| Some((key.clone(), telling(value)?))).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        other => Some(other.clone()),
    }
}

#[test]
#[ignore = "needs nix-instantiate"]
fn hosts_evaluate() {
    for host in EVALUATED.iter() {
        assert_eq!(host.value["failed"], json!([]), "{}", host.place());
        assert_eq!(host.value["warnings"], json!([]), "{}", host.place());
        let mut shown = String::new();
        let mut show = |title: &str, body: &str| {
            let lines: Vec<_> = body.trim_end().lines().map(str::trim_end).collect();
            shown.push_str(&format!("--- {title}\n{}\n\n", lines.join("\n")));
        };
        for kind in ["units", "scripts", "tmpfiles"] {
            for (name, body) in host.files(kind) {
                show(&format!("{kind}: {name}"), body);
            }
        }
        for kind in ["sshConfig", "knownHosts", "sshdConfig", "machines"] {
            // NixOS ends every ssh_config so.
            if !matches!(host.file(kind).trim(), "" | "Host *") {
                show(kind, host.file(kind));
            }
        }
        for option in ["environment", "users", "nix", "sops", "networking", "virtualisation"] {
            let mut value = host.value["config"][option].clone();
            // Shown as a file above.
            if let Some(nix) = value.as_object_mut() {
                nix.remove("buildMachines");
            }
            if let Some(value) = telling(&value) {
                show(option, &format!("{value:#}"));
            }
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("snapshots/{}", host.fixture));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(format!("eval__{}", host.host), shown));
    }
}

#[test]
#[ignore = "needs nix-instantiate"]
fn a_users_own_modules_combine() {
    let value = |fixture: &str, host: &str, module: &str| {
        let fleet = fleet(fixture);
        let host = fleet.hosts.values().find(|entry| entry.name.get().as_str() == host).expect("a host");
        let value = evaluate_host(tree(fixture).path(), host, module);
        assert_eq!(value["failed"], json!([]), "{fixture}: {module}");
        value["config"].clone()
    };
    let worker = value(
        "avalanche",
        "ser5",
        r#"{
          virtualisation.docker.autoPrune = { enable = false; dates = "daily"; };
          services.openssh.enable = true;
          services.openssh.settings.MaxStartups = "7:30:70";
          systemd.services.buildkitd.serviceConfig = {
            Restart = "on-failure"; RestartSec = "9s"; TimeoutStopSec = "1h"; TasksMax = 99;
            LimitNOFILE = 7; LimitNPROC = 8; OOMScoreAdjust = -1;
          };
          users.users.nix-builder.extraGroups = [ "wheel" ];
          users.users.nix-builder.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA me" ];
          nix.settings.trusted-users = [ "me" ];
        }"#,
    );
    assert_eq!(worker["virtualisation"]["docker"]["autoPrune"], json!({ "enable": false, "dates": "daily" }));
    assert_eq!(worker["services"]["openssh"]["settings"]["MaxStartups"], "7:30:70");
    let service = &worker["systemd"]["services"]["buildkitd"]["serviceConfig"];
    assert_eq!(service["Restart"], "on-failure");
    assert_eq!(service["RestartSec"], "9s");
    assert_eq!(service["OOMScoreAdjust"], -1);
    let account = &worker["users"]["users"]["nix-builder"];
    for group in ["wheel", "buildkit", "docker"] {
        assert!(items(&account["extraGroups"]).contains(&json!(group)), "{account}");
    }
    assert_eq!(items(&account["openssh"]["authorizedKeys"]["keys"]).len(), 3);
    for user in ["root", "me", "nix-builder"] {
        assert!(
            items(&worker["nix"]["settings"]["trusted-users"]).contains(&json!(user)),
            "{}",
            worker["nix"]
        );
    }

    let client = value(
        "avalanche",
        "eagle",
        r#"{
          systemd.services.gitea-runner-first.environment = { BUILDX_BUILDER = "own"; OTHER = "x"; };
          systemd.services.gitea-runner-first.serviceConfig.SupplementaryGroups = [ "own" ];
          systemd.services.buildfleet-converge-avalanche.serviceConfig = {
            TimeoutStartSec = "7s"; SuccessExitStatus = "0"; LogLevelMax = "debug";
          };
        }"#,
    );
    let services = &client["systemd"]["services"];
    assert_eq!(services["gitea-runner-first"]["environment"]["BUILDX_BUILDER"], "own");
    assert_eq!(services["gitea-runner-second"]["environment"]["BUILDX_BUILDER"], "avalanche");
    let groups = &services["gitea-runner-first"]["serviceConfig"]["SupplementaryGroups"];
    for group in ["own", "docker", "buildkit"] {
        assert!(items(groups).contains(&json!(group)), "{groups}");
    }
    assert_eq!(services["buildfleet-converge-avalanche"]["serviceConfig"]["TimeoutStartSec"], "7s");

    let own = "{ nix.distributedBuilds = false; nix.settings.builders-use-substitutes = false; }";
    let nix = value("multi-builder", "ci", own);
    assert_eq!(nix["nix"]["distributedBuilds"], false);
    assert_eq!(nix["nix"]["settings"]["builders-use-substitutes"], false);
}

// --- the shell --------------------------------------------------------------------------------------------------

/// Every script of every tree, and what the modules give to NixOS to run.
fn scripts_are_clean(check: impl Fn(&str)) {
    for name in fixtures() {
        let folder = tree(&name);
        let scripts = ending(&folder, &name, ".sh");
        assert!(!scripts.is_empty(), "{name} has scripts");
        for script in scripts {
            check(script.to_str().expect("UTF-8"));
        }
    }
}

#[test]
fn scripts_are_shell_to_sh() {
    scripts_are_clean(|script| drop(succeed("sh", &["-n", script])));
}

#[test]
#[ignore = "needs dash"]
fn scripts_are_shell_to_dash() {
    scripts_are_clean(|script| drop(succeed("dash", &["-n", script])));
}

#[test]
#[ignore = "needs shellcheck"]
fn scripts_are_clean_to_shellcheck() {
    scripts_are_clean(|script| drop(succeed("shellcheck", &["-s", "sh", script])));
}

#[test]
#[ignore = "needs nix-instantiate and shellcheck"]
fn scripts_of_units_are_clean_to_shellcheck() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("script");
    let mut seen = 0;
    for host in EVALUATED.iter() {
        for (_, body) in host.files("scripts") {
            fs::write(&path, format!("set -e\n{body}")).expect("written");
            succeed("shellcheck", &["-s", "bash", path.to_str().expect("UTF-8")]);
            seen += 1;
        }
    }
    assert!(seen > 0, "some unit has a script");
}

// --- systemd ----------------------------------------------------------------------------------------------------

/// A unit whose programs are ones that exist here.
fn runnable(unit: &str) -> String {
    let lines = unit.lines().map(|line| match line.split_once("=/nix/store/") {
        Some((key, command)) if key.starts_with("Exec") => {
            let arguments = command.split_once(' ').map_or("", |(_, arguments)| arguments);
            format!("{key}=/bin/true {arguments}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
#[ignore = "needs nix-instantiate and systemd-analyze"]
fn units_are_units_to_systemd() {
    let mut seen = 0;
    for host in EVALUATED.iter() {
        let folder = tempfile::tempdir().expect("a folder");
        let units: Vec<_> = host.files("units").collect();
        for (name, body) in &units {
            fs::write(folder.path().join(name), runnable(body)).expect("written");
        }
        // With the colon, systemd's own units are there too.
        let path = format!("{}:", folder.path().display());
        for (name, body) in units {
            let mut analyze = std::process::Command::new("systemd-analyze");
            analyze.args(["verify", "--man=no", "--"]).arg(name).env("SYSTEMD_UNIT_PATH", &path);
            let output = analyze.output().expect("systemd-analyze is needed for this test");
            let said = String::from_utf8_lossy(&output.stderr);
            // The machine's own units may have faults of their own.
            let faults = said
                .lines()
                .filter(|line| line.contains(name) || line.contains(&*folder.path().to_string_lossy()));
            let faults: Vec<_> = faults.collect();
            assert!(faults.is_empty(), "{}: {name}: {faults:#?}\n{body}", host.place());
            assert!(output.status.success(), "{}: {name}: {said}", host.place());
            seen += 1;
        }
    }
    assert!(seen > 0, "some unit is there");
}

/// A rule's path or argument as it is meant.
fn plain(text: &str) -> String {
    text.replace("%%", "%")
}

/// A path inside a scratch root.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[test]
#[ignore = "needs nix-instantiate, systemd-tmpfiles and to be root"]
fn tmpfiles_are_made() {
    let mut seen = BTreeSet::new();
    for host in EVALUATED.iter().filter(|host| host.files("tmpfiles").next().is_some()) {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = folder.path();
        fs::set_permissions(scratch, fs::Permissions::from_mode(0o755)).expect("a mode");
        let config = &host.value["config"];
        let rules: Vec<_> = entries(&config["systemd"]["tmpfiles"]["settings"])
            .flat_map(|(_, paths)| entries(paths))
            .flat_map(|(path, kinds)| entries(kinds).map(move |(kind, rule)| (path, kind.as_str(), rule)))
            .collect();

        // Users and groups of the host, each with a number of its own.
        let names = rules.iter().flat_map(|(_, _, rule)| [string(&rule["user"]), string(&rule["group"])]);
        let names: BTreeSet<_> = names.filter(|name| !matches!(*name, "-" | "root")).collect();
        let ids: BTreeMap<_, u32> = names.into_iter().zip(2001..).chain([("root", 0)]).collect();
        let lines =
            |line: fn(&str, u32) -> String| ids.iter().map(|(name, id)| line(name, *id)).collect::<String>();
        fs::create_dir(scratch.join("etc")).expect("a folder");
        fs::write(scratch.join("etc/passwd"), lines(|name, id| format!("{name}:x:{id}:{id}::/:/bin/sh\n")))
            .expect("written");
        fs::write(scratch.join("etc/group"), lines(|name, id| format!("{name}:x:{id}:\n"))).expect("written");

        // What NixOS or the operator has made: the client's home, and the key that is copied.
        let (fleet, mut source) = (fleet(&host.fixture), None);
        let client = fleet
            .hosts
            .values()
            .find(|entry| entry.name.get().as_str() == host.host)
            .and_then(|h| h.client.as_ref());
        if let Some(client) = client {
            let home = below(scratch, client.home.as_str());
            fs::create_dir_all(&home).expect("a home");
            let id = ids.get(client.user.get().as_str()).copied();
            std::os::unix::fs::chown(&home, id, id).expect("this test is run as root");
        }
        for (_, _, rule) in rules.iter().filter(|(_, kind, _)| *kind == "C") {
            let path = below(scratch, &plain(string(&rule["argument"])));
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(&path, "first").expect("written");
            source = Some(path);
        }

        let tmpfiles = |more: &[&str]| {
            let file = scratch.join("etc/rules.conf");
            let bodies: Vec<_> = host.files("tmpfiles").map(|(_, body)| body).collect();
            fs::write(&file, bodies.concat()).expect("written");
            let root = format!("--root={}", scratch.display());
            let file = file.to_str().expect("UTF-8");
            let output = run("systemd-tmpfiles", &[&[&*root, "--create"], more, &[file]].concat());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && said.is_empty(),
                "{}: {said}\n{}",
                host.place(),
                bodies.concat()
            );
        };
        tmpfiles(&[]);
        for (path, kind, rule) in &rules {
            let (made, argument) = (below(scratch, &plain(path)), plain(string(&rule["argument"])));
            let place = format!("{}: {kind} {path}", host.place());
            let data = made.symlink_metadata().unwrap_or_else(|error| panic!("{place}: {error}"));
            match *kind {
                "d" => assert!(data.is_dir(), "{place}"),
                "L+" => {
                    assert_eq!(fs::read_link(&made).expect("a link").to_str(), Some(&*argument), "{place}")
                }
                "C" => assert_eq!(fs::read_to_string(&made).expect("a file"), "first", "{place}"),
                "r" => continue,
                other => panic!("{place}: a test for {other}"),
            }
            if matches!(*kind, "d" | "C") {
                let mode = u32::from_str_radix(string(&rule["mode"]), 8).expect("a mode");
                assert_eq!(data.mode() & 0o7777, mode, "{place}");
                assert_eq!(Some(&data.uid()), ids.get(string(&rule["user"])), "{place}");
                assert_eq!(Some(&data.gid()), ids.get(string(&rule["group"])), "{place}");
            }
            seen.insert((*kind).to_owned());
        }

        // A rotated key arrives, as `buildfleet-identity.service` brings it.
        if let Some(source) = source {
            fs::write(source, "second").expect("written");
            let (path, ..) = rules.iter().find(|(_, kind, _)| *kind == "C").expect("a copy");
            tmpfiles(&["--remove", &format!("--prefix={}", plain(path))]);
            assert_eq!(
                fs::read_to_string(below(scratch, &plain(path))).expect("a file"),
                "second",
                "{}",
                host.place()
            );
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["C", "L+", "d"], "all kinds were tried");
}

// --- OpenSSH ----------------------------------------------------------------------------------------------------

/// The fingerprints that ssh-keygen finds in a text, in order.
fn fingerprints(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    fs::write(&path, text).expect("written");
    let printed = succeed("ssh-keygen", &["-l", "-f", path.to_str().expect("UTF-8")]);
    printed.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect()
}

/// Every public key of a fleet.
fn keys(fleet: &Fleet) -> Vec<&PublicKey> {
    let host_keys = fleet.hosts.values().flat_map(|host| &host.host_keys);
    let clients = fleet.hosts.values().filter_map(|host| host.client.as_ref()?.public_key.as_ref());
    host_keys.chain(clients).map(|key| key.get()).collect()
}

#[test]
#[ignore = "needs ssh-keygen"]
fn keys_are_keys_to_openssh() {
    for name in fixtures() {
        for key in keys(&fleet(&name)) {
            assert_eq!(fingerprints(&format!("{key}\n")), [key.fingerprint()], "{name}: {key}");
        }
    }
}

#[test]
#[ignore = "needs ssh-keygen"]
fn known_hosts_have_the_keys_of_the_nodes() {
    let mut seen = 0;
    for name in fixtures() {
        let (fleet, folder) = (fleet(&name), tree(&name));
        for path in ending(&folder, &name, "/known_hosts") {
            let builder =
                path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a builder");
            let resolved =
                fleet.builders.values().find(|entry| entry.name.get().as_str() == builder).expect("it");
            let mut lines = 0;
            for (_, host, worker) in fleet.nodes(resolved) {
                if resolved.driver() == Driver::Remote && worker.tcp().is_some() {
                    continue;
                }
                found_in_known_hosts(&path, host, &name);
                lines += host.host_keys.len();
                seen += 1;
            }
            let text = fs::read_to_string(&path).expect("a file");
            let found = text.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(found, lines, "{name}: {builder}");
            assert!(lines > 0, "{name}: {builder}: a file without a key");
        }
    }
    assert!(seen > 0, "some builder has known hosts");
}

/// ssh-keygen finds exactly the keys of a host under the name that ssh looks up.
fn found_in_known_hosts(path: &Path, host: &Host, place: &str) {
    let address = host.address.as_ref().expect("an address").get().as_str();
    let looked_up =
        if host.port.get() == 22 { address.to_owned() } else { format!("[{address}]:{}", host.port.get()) };
    let printed = succeed("ssh-keygen", &["-F", &looked_up, "-l", "-f", path.to_str().expect("UTF-8")]);
    for key in &host.host_keys {
        let fingerprint = key.get().fingerprint();
        assert!(printed.contains(&fingerprint), "{place}: {fingerprint}\n{printed}");
    }
    let found = printed.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(found, host.host_keys.len(), "{place}: {printed}");
}

/// The nodes that a host reaches over SSH.
fn reached<'a>(fleet: &'a Fleet, client: &'a Host) -> Vec<&'a Host> {
    let builders = client.client.iter().flat_map(|c| fleet.builders_of(c));
    let nodes = builders.flat_map(|builder| {
        let nodes = fleet.nodes(builder).map(|(_, host, _)| host);
        nodes.filter(|node| builder.reach(client, node) == Reach::Ssh).collect::<Vec<_>>()
    });
    let by_name: BTreeMap<_, _> = nodes.map(|node| (node.name.get().clone(), node)).collect();
    by_name.into_values().collect()
}

/// What ssh makes of a configuration for a destination, by key.
fn ssh_settings(config: &Path, user: &str, address: &str) -> BTreeMap<String, String> {
    let printed = succeed("ssh", &["-G", "-F", config.to_str().expect("UTF-8"), "-l", user, address]);
    let settings = printed.lines().filter_map(|line| line.split_once(' '));
    // Several identities come one per line.
    settings.fold(BTreeMap::new(), |mut found, (key, value)| {
        found
            .entry(key.to_owned())
            .and_modify(|old: &mut String| *old = format!("{old}\n{value}"))
            .or_insert(value.to_owned());
        found
    })
}

#[test]
#[ignore = "needs nix-instantiate, ssh and ssh-keygen"]
fn ssh_uses_the_identity_for_the_nodes_alone() {
    let me = succeed("id", &["-un"]).trim().to_owned();
    let mut seen = 0;
    for host in EVALUATED.iter() {
        let fleet = fleet(&host.fixture);
        let client_host =
            fleet.hosts.values().find(|entry| entry.name.get().as_str() == host.host).expect("a host");
        let nodes = reached(&fleet, client_host);
        let written = host.file("sshConfig");
        let (Some(client), false) = (&client_host.client, nodes.is_empty()) else {
            assert!(!written.contains("IdentityFile"), "{}", host.place());
            continue;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("config");
        let credentials = folder.path().join("credentials");
        let account = fleet.account.user.as_str();
        let is = |word: &str, user: &str, who: &str| {
            (format!(" {word}localuser {user}"), format!(" {word}localuser {who}"))
        };
        let user = client.user.get().as_str();

        // As the client, and as the Nix daemon, which is root: whoever runs this test plays both.
        let mut roles = vec![(
            "client",
            [is("!", "root", "nobody-at-all"), is("", "root", "nobody-at-all"), is("", user, &me)],
        )];
        let nix_key = items(&host.value["config"]["nix"]["buildMachines"])
            .iter()
            .map(|machine| string(&machine["sshKey"]))
            .next();
        if nix_key.is_some() {
            roles.push(("nix", [is("!", "root", &me), is("", user, "nobody-at-all"), is("", "root", &me)]));
        }
        for (role, replacements) in roles {
            let mut text = written.replace("/run/credentials", credentials.to_str().expect("UTF-8"));
            for (from, to) in replacements {
                text = text.replace(&from, &to);
            }
            let mut wanted = Vec::new();
            if role == "nix" {
                wanted.extend(nix_key.map(str::to_owned));
            } else if client.dynamic_user {
                // Of all units' credentials, a process can read its own.
                let unit = client.units.first().expect("a unit").get().as_str();
                let key = credentials.join(unit).join("builder-key");
                fs::create_dir_all(key.parent().expect("a parent")).expect("a folder");
                fs::write(&key, "").expect("written");
                wanted.push(key.to_str().expect("UTF-8").to_owned());
            } else {
                wanted.extend(client.identity_path());
            }
            fs::write(&config, text).expect("written");
            let place = format!("{} as {role}", host.place());
            for node in &nodes {
                let address = node.address.as_ref().expect("an address").get().as_str();
                let found = ssh_settings(&config, account, address);
                let get = |key: &str| found.get(key).map(String::as_str);
                // Versions differ in whether they show `%%` as it is written.
                assert_eq!(get("identityfile").map(plain), wanted.first().cloned(), "{place}: {address}");
                assert_eq!(get("identitiesonly"), Some("yes"), "{place}: {address}");
                assert_eq!(get("batchmode"), Some("yes"), "{place}: {address}");
                assert_eq!(get("connecttimeout"), Some("5"), "{place}: {address}");
                assert!(matches!(get("stricthostkeychecking"), Some("yes" | "true")), "{place}: {address}");
                assert_eq!(get("userknownhostsfile"), Some("none"), "{place}: {address}");
                seen += 1;
            }
            let address =
                nodes.first().and_then(|node| node.address.as_ref()).expect("an address").get().as_str();
            for (user, address) in [(account, "elsewhere.example"), ("someone-else", address)] {
                let found = ssh_settings(&config, user, address);
                assert_eq!(
                    found.get("identitiesonly").map(String::as_str),
                    Some("no"),
                    "{place}: {user}@{address}"
                );
                assert_eq!(
                    found.get("batchmode").map(String::as_str),
                    Some("no"),
                    "{place}: {user}@{address}"
                );
                assert!(
                    !found.values().any(|value| wanted.contains(&plain(value))),
                    "{place}: {user}@{address}"
                );
            }
        }
        let known = folder.path().join("known_hosts");
        fs::write(&known, host.file("knownHosts")).expect("written");
        for node in nodes {
            found_in_known_hosts(&known, node, &host.place());
        }
    }
    assert!(seen > 0, "some client reaches a node over SSH");
}

#[test]
#[ignore = "needs nix-instantiate, ssh-keygen and sshd"]
fn sshd_takes_its_settings() {
    // Not in everybody's PATH, and sshd wants to be called by its whole path.
    let sshd =
        ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|path| Path::new(path).is_file()).expect("sshd");
    let folder = tempfile::tempdir().expect("a folder");
    let (key, config) = (folder.path().join("key"), folder.path().join("config"));
    succeed("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().expect("UTF-8")]);
    let mut seen = 0;
    for host in EVALUATED.iter().filter(|host| !host.file("sshdConfig").trim().is_empty()) {
        fs::write(&config, format!("HostKey {}\n{}", key.display(), host.file("sshdConfig")))
            .expect("written");
        let printed = succeed(sshd, &["-T", "-f", config.to_str().expect("UTF-8")]);
        for line in host.file("sshdConfig").lines().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(' ').expect("a name and a value");
            let wanted = format!("{} {value}", name.to_lowercase());
            assert!(printed.lines().any(|line| line == wanted), "{}: {wanted}\n{printed}", host.place());
            seen += 1;
        }
    }
    assert!(seen > 0, "some host has settings of sshd");
}

#[test]
#[ignore = "needs nix-instantiate and ssh-keygen"]
fn exactly_the_clients_of_a_worker_are_let_in() {
    const DISPATCH: &str =
        "restrict,command=\"/nix/store/buildfleet-ssh-dispatch/bin/buildfleet-ssh-dispatch ";
    let mut seen = 0;
    for host in EVALUATED.iter() {
        let fleet = fleet(&host.fixture);
        // Per key, what builds on this host need to run here.
        let mut wanted: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for builder in fleet.builders.values() {
            for (client_host, client) in fleet.clients(builder) {
                let here = fleet.nodes(builder).map(|(_, node, worker)| (node, worker));
                let here = here.filter(|(node, _)| node.name.get().as_str() == host.host);
                for (node, worker) in here.filter(|(node, _)| builder.reach(client_host, node) == Reach::Ssh)
                {
                    let key = client.public_key.as_ref().expect("a key").get().to_string();
                    let commands = wanted.entry(key).or_default();
                    commands.insert(if builder.driver() == Driver::Remote { "buildctl" } else { "docker" });
                    if client.nix.as_ref().is_some_and(|nix| nix.build_machines) {
                        assert!(
                            worker.system.is_some() || !worker.platforms.is_empty(),
                            "{}",
                            node.name.get()
                        );
                        commands.insert("nix");
                    }
                }
            }
        }
        let account = &host.value["config"]["users"]["users"][fleet.account.user.as_str()];
        let lines: Vec<_> = items(&account["openssh"]["authorizedKeys"]["keys"]).iter().map(string).collect();
        let mut found = BTreeMap::new();
        for line in &lines {
            let rest = line.strip_prefix(DISPATCH).unwrap_or_else(|| panic!("{}: {line}", host.place()));
            let (commands, key) = rest.split_once("\" ").expect("a command and a key");
            found.insert(key.to_owned(), commands.split(' ').collect::<BTreeSet<_>>());
        }
        assert_eq!(found, wanted, "{}", host.place());
        assert_eq!(lines.len(), found.len(), "{}: each key once", host.place());
        if !lines.is_empty() {
            let parsed = lines
                .iter()
                .filter_map(|line| line.split_once("\" "))
                .map(|(_, key)| key.parse::<PublicKey>().expect("a key").fingerprint());
            assert_eq!(
                fingerprints(&(lines.join("\n") + "\n")),
                parsed.collect::<Vec<_>>(),
                "{}",
                host.place()
            );
            seen += lines.len();
        }
    }
    assert!(seen > 0, "some key is let in");
}
