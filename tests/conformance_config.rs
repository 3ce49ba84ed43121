//! The rendered `buildkitd.toml` files read by BuildKit: by its own type, strictly, and by the daemon; and what was loaded
//! compared with what the inventory says. For the newest BuildKit and for the oldest that we support.
//!
//! `conformance/README.md` says which those are.

// What JSON does not have is null, and what a list does not have fails the test.
#![allow(clippy::indexing_slicing)]

mod common;

#[path = "conformance_config/daemon.rs"]
mod daemon;
#[path = "conformance_config/expected.rs"]
mod expected;
#[path = "conformance_config/parallelism.rs"]
mod parallelism;
#[path = "conformance_config/table.rs"]
mod table;

use std::fs;
use std::path::PathBuf;
use std::thread::scope;

use buildfleet::inventory::keys;
use buildfleet::inventory::shape::{Shape, Table};
use common::{ending, fixtures, inventory, resolve, root, run, tree};
use daemon::{BuildKit, Daemon, Machine};
use expected::{differences, policies};
use serde_json::{Value, json};
use table::{Keys, Step, dotted, paths, version};

/// A rendered file.
struct Rendered {
    path: PathBuf,
    /// The fixture, the host and the file, for messages.
    name: String,
    container: bool,
    /// What it should say.
    expected: Value,
}

impl Rendered {
    /// The worker that it switches on.
    fn worker<'a>(&self, config: &'a Value) -> (&'static str, &'a Value) {
        let on = ["oci", "containerd"].into_iter().find(|name| config["worker"][name]["enabled"] == true);
        let on = on.unwrap_or_else(|| panic!("{} has a worker: {config}", self.name));
        (on, &config["worker"][on])
    }
}

/// Every rendered file of every fixture, and the folders that they are in.
fn files() -> (Vec<tempfile::TempDir>, Vec<Rendered>) {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for fixture in fixtures() {
        let folder = tree(&fixture);
        let text = String::from_utf8(inventory(&fixture)).expect("UTF-8");
        let said: Value = toml::from_str(&text).expect("TOML");
        for (suffix, container) in [("/buildkitd.toml", false), ("/buildkitd.container.toml", true)] {
            for path in ending(&folder, &fixture, suffix) {
                let host = path.parent().and_then(|host| host.file_name()).expect("a host");
                let host = host.to_str().expect("UTF-8");
                let name = format!("{fixture}: {host}{suffix}");
                let expected = expected::config(&said, host, container);
                files.push(Rendered { path, name, container, expected });
            }
        }
        folders.push(folder);
    }
    assert!(files.len() > folders.len(), "every fixture has a worker");
    (folders, files)
}

/// What the program `strict` says of files, which it refuses if it ends with 1.
fn strict(buildkit: BuildKit, disk: i64, files: &[Rendered]) -> Vec<Value> {
    let disk = disk.to_string();
    let paths = files.iter().map(|file| file.path.to_str().expect("UTF-8"));
    let arguments: Vec<_> = ["-disk", &disk].into_iter().chain(paths).collect();
    let output = run(&buildkit.program("strict"), &arguments);
    let lines = std::str::from_utf8(&output.stdout).expect("UTF-8").lines();
    let said: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(said.len(), files.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let refused = said.iter().any(|said| said["unknown"] != json!([]) || said.get("error").is_some());
    assert_eq!(output.status.code(), Some(i32::from(refused)));
    said
}

/// Certificates of a container are where buildx puts them; which names they get there is for other tests.
fn without_folders(config: &Value) -> Value {
    let mut config = config.clone();
    let plain = |path: &mut Value| {
        let text = path.as_str().expect("a path");
        *path = text.rsplit('/').next().unwrap_or(text).into();
    };
    for registry in config["registry"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        registry["ca"].as_array_mut().into_iter().flatten().for_each(plain);
        for pair in registry["keypair"].as_array_mut().into_iter().flatten() {
            ["cert", "key"].into_iter().for_each(|key| plain(&mut pair[key]));
        }
    }
    config
}

#[track_caller]
fn assert_loaded(file: &Rendered, expected: &Value, loaded: &Value) {
    let differences = if file.container {
        differences(&without_folders(expected), &without_folders(loaded))
    } else {
        differences(expected, loaded)
    };
    assert!(differences.is_empty(), "{}: {differences:#?}", file.name);
}

const DISK: i64 = 1_000_000_000_000;

#[test]
#[ignore = "needs the conformance tools: conformance/setup"]
fn the_newest_buildkit_knows_every_key_and_loads_what_the_inventory_says() {
    let (_folders, files) = files();
    for (file, said) in files.iter().zip(strict(BuildKit::Newest, DISK, &files)) {
        assert_eq!(said["error"], Value::Null, "{}", file.name);
        assert_eq!(said["unknown"], json!([]), "{}", file.name);
        assert_loaded(file, &file.expected, &said["config"]);
        println!("strict, {}: {} keys, all known and loaded as meant", said["buildkit"], file.name);
    }
}

#[test]
#[ignore = "needs the conformance tools: conformance/setup"]
fn the_oldest_buildkit_misses_exactly_the_newer_keys() {
    let (_folders, files) = files();
    let keys = Keys::read();
    let mut missed = 0;
    for (file, said) in files.iter().zip(strict(BuildKit::Oldest, DISK, &files)) {
        assert_eq!(said["error"], Value::Null, "{}", file.name);
        let oldest = version(said["buildkit"].as_str().expect("a version"));
        let text = fs::read_to_string(&file.path).expect("a file");
        let written = paths(&toml::from_str(&text).expect("TOML"));
        let newer = |path: &&Vec<Step>| {
            let first = keys.first(path);
            first.unwrap_or_else(|| panic!("{}: {path:?} is in keys.tsv", file.name)) > oldest
        };
        let newer: Vec<_> = written.iter().filter(newer).collect();
        let mut names: Vec<_> = newer.iter().map(|path| dotted(path)).collect();
        names.sort();
        assert_eq!(said["unknown"], json!(names), "{}", file.name);
        missed += names.len();

        // The others arrive.
        let mut expected = file.expected.clone();
        newer.iter().for_each(|path| remove(&mut expected, path));
        assert_loaded(file, &expected, &said["config"]);
    }
    assert!(missed > 0, "a fixture has newer keys");
}

fn remove(value: &mut Value, path: &[Step]) {
    match path {
        [Step::Key(key)] => drop(value.as_object_mut().and_then(|table| table.remove(key))),
        [Step::Key(key), rest @ ..] => remove(&mut value[key], rest),
        [Step::Entry(at), rest @ ..] => remove(&mut value[at], rest),
        [] => {}
    }
}

/// BuildKit's own rule for what is easily made again, and then those of the inventory's limits; or the inventory's rules.
#[track_caller]
fn assert_policies(file: &Rendered, config: &Value, disk: i64, loaded: &[Value]) {
    let (_, worker) = file.worker(config);
    let expected = policies(worker, disk);
    let own = usize::from(worker["gc"] != false && worker.get("gcpolicy").is_none());
    let loaded = &loaded[own.min(loaded.len())..];
    assert_eq!(loaded, expected, "{}", file.name);
}

#[test]
#[ignore = "needs the conformance tools: conformance/setup"]
fn limits_of_collection_are_those_of_the_inventory_in_bytes() {
    let (_folders, files) = files();
    for buildkit in BuildKit::BOTH {
        for (file, said) in files.iter().zip(strict(buildkit, DISK, &files)) {
            let (name, _) = file.worker(&said["config"]);
            let loaded = said["policies"][name].as_array().expect("rules");
            assert_policies(file, &file.expected, DISK, loaded);
        }
    }
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn daemons_serve_with_their_files_and_say_what_the_inventory_says() {
    let (_folders, files) = files();
    let machine = Machine::new();
    scope(|scope| {
        // At most a few at once, on two cores.
        for some in files.chunks(files.len().div_ceil(4)) {
            let machine = &machine;
            scope.spawn(move || {
                for (file, buildkit) in some.iter().flat_map(|file| BuildKit::BOTH.map(|which| (file, which)))
                {
                    let worker = machine.workers(buildkit, &file.path, &file.expected);
                    let worker = worker.unwrap_or_else(|log| panic!("{}, {buildkit:?}: {log}", file.name));
                    assert_serves(machine, file, &worker);
                }
            });
        }
    });
}

/// Compares what `buildctl debug workers` prints of a worker.
fn assert_serves(machine: &Machine, file: &Rendered, worker: &Value) {
    let (executor, said) = file.worker(&file.expected);
    let labels = &worker["labels"];
    assert_eq!(labels["org.mobyproject.buildkit.worker.executor"], executor, "{}", file.name);
    for (key, label) in said["labels"].as_object().into_iter().flatten() {
        assert_eq!(labels[key], *label, "{}", file.name);
    }
    // Its own come first; the daemon adds what the machine can run besides.
    let platform = |platform: &Value| {
        let parts = ["os", "architecture", "variant"].map(|part| platform[part].as_str());
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    };
    let platforms: Vec<_> = worker["platforms"].as_array().expect("a list").iter().map(platform).collect();
    let asked = said["platforms"].as_array().expect("a list");
    assert_eq!(json!(platforms[..asked.len()]), json!(asked), "{}", file.name);

    let rule = |rule: &Value| {
        json!({
            "all": rule["all"],
            "filters": rule["filter"],
            "keepDuration": rule["keepDuration"].as_i64().expect("nanoseconds") / 1_000_000_000,
            "reservedSpace": rule["reservedSpace"],
            "maxUsedSpace": rule["maxUsedSpace"],
            "minFreeSpace": rule["minFreeSpace"],
        })
    };
    let rules: Vec<_> = worker["gcPolicy"].as_array().into_iter().flatten().map(rule).collect();
    assert_policies(file, &file.expected, machine.disk(), &rules);
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn daemons_refuse_what_is_not_toml_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("buildkitd.toml");
    for wrong in ["[worker.oci]\nmax-parallelism = \"many\"\n", "[worker.oci\n"] {
        fs::write(&path, wrong).expect("written");
        for buildkit in BuildKit::BOTH {
            let log = Daemon::start(buildkit, &path, folder.path(), &[]).workers();
            let log = log.expect_err("the tests above would miss it");
            assert!(log.contains("failed to parse config"), "{log}");
        }
    }
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn a_daemon_refuses_remote_workers_as_the_warning_says() {
    const REFUSAL: &str = "cannot store an array table in a struct";
    let folder = tempfile::tempdir().expect("a folder");
    let file = root().join("tests/golden/buildkitd.remote-workers.toml");
    let log = Daemon::start(BuildKit::Newest, &file, folder.path(), &[]).workers();
    let log = log.expect_err("it cannot start");
    assert!(log.contains(REFUSAL), "{log}");
    let (_, printed) = resolve(inventory("design-note"));
    assert!(printed.contains(REFUSAL), "{printed}");
    // Nor does it with the oldest, which words it otherwise.
    Daemon::start(BuildKit::Oldest, &file, folder.path(), &[]).workers().expect_err("it cannot start");
}

#[test]
fn every_setting_is_a_key_of_buildkit() {
    let keys = Keys::read();
    let key = |name: &str| Step::Key(name.into());
    for executor in ["oci", "containerd"] {
        visit(&keys, &keys::WORKER_DEFAULTS, &[key("worker"), key(executor)]);
    }
    visit(&keys, &keys::BUILDKITD, &[]);
    visit(&keys, &keys::REGISTRY, &[key("registry"), key("any.internal")]);
}

/// Settings of one executor alone.
const ONE_EXECUTOR: &[(&str, &[&str])] = &[
    ("containerd", &["noProcessSandbox", "binary", "proxySnapshotterPath", "stargzSnapshotter"]),
    ("oci", &["address", "namespace", "runtime"]),
];

fn visit(keys: &Keys, table: &Table, path: &[Step]) {
    for key in table.keys() {
        let path: Vec<_> = path.iter().cloned().chain([Step::Key(key.name.into())]).collect();
        let dotted = dotted(&path);
        let foreign = |(executor, foreign): &(&str, &[&str])| {
            dotted.starts_with(&format!("worker.{executor}.")) && foreign.contains(&key.name)
        };
        if key.name == "executor" || ONE_EXECUTOR.iter().any(foreign) {
            continue;
        }
        match key.shape {
            Shape::List(Shape::Table(below)) => {
                let path: Vec<_> = path.iter().cloned().chain([Step::Entry(0)]).collect();
                visit(keys, below, &path);
            }
            shape => match shape.as_table() {
                Some(below) => visit(keys, below, &path),
                None => assert!(keys.first(&path).is_some(), "no BuildKit knows {dotted}"),
            },
        }
    }
}

#[test]
fn the_readme_of_conformance_says_what_is_pinned() {
    let read = |name: &str| fs::read_to_string(root().join("conformance").join(name)).expect("a file");
    let readme = read("README.md");
    for (file, module) in [
        ("go.mod", "github.com/moby/buildkit"),
        ("go.mod", "github.com/docker/buildx"),
        ("go.mod", "github.com/getsops/sops/v3"),
        ("strict/go.mod", "github.com/moby/buildkit"),
        ("oldest/go.mod", "github.com/moby/buildkit"),
    ] {
        let text = read(file);
        let version = text.lines().find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(' '));
        let version = version.and_then(|rest| rest.split(' ').next()).expect("it is required");
        let row =
            |line: &str| line.contains(&format!("| {version} |")) && line.contains(&format!("`{file}`"));
        assert!(readme.lines().any(row), "{module} {version} by {file}");
    }

    // And which settings the oldest ignores.
    let keys = Keys::read();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | v0."));
    for (names, first) in rows {
        for name in names.split("`, `") {
            let path: Vec<_> = name.split('.').map(|key| Step::Key(key.into())).collect();
            assert_eq!(keys.first(&path), Some(version(first.trim_end_matches(" |"))), "{name}");
        }
    }
}
