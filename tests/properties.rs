//! What holds for every inventory: of any valid one, each rendered file says to its reader what was meant; of any that
//! is broken in one place, `check` says what and where.
//!
//! A failure is kept in `tests/properties/proptest-regressions.txt`, and tried first from then on.

#![expect(clippy::indexing_slicing, reason = "what a JSON value lacks is null, and a test may panic")]

#[path = "properties/breakages.rs"]
mod breakages;
mod common;
#[path = "properties/expected.rs"]
mod expected;
#[path = "properties/generator.rs"]
mod generator;
#[path = "properties/nix.rs"]
mod nix;
#[path = "properties/shell.rs"]
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use breakages::BREAKAGES;
use buildfleet::diag::{Diagnostic, Report, Severity, Source};
use buildfleet::fleet::Fleet;
use buildfleet::inventory::Inventory;
use buildfleet::plan::Plan;
use buildfleet::render::{self, Artefact};
use buildfleet::types::{Platform, looks_private};
use common::{root, run, succeed, text};
use expected::Said;
use generator::{Doc, docs};
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner};
use serde_json::{Value, json};

/// The choices that an inventory is made of at most: enough for some six hosts in four builders.
const CHOICES: usize = 700;

fn runner(cases: u32) -> TestRunner {
    const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties/proptest-regressions.txt");
    // The same cases each time, so that a test that passes here passes in CI. `PROPTEST_CASES` asks for a number
    // of others.
    let explore = std::env::var_os("PROPTEST_CASES").is_some();
    let (cases, rng_seed) = if explore {
        (Config::default().cases, Config::default().rng_seed)
    } else {
        (cases, RngSeed::Fixed(1))
    };
    let persistence = Some(Box::new(FileFailurePersistence::Direct(KEPT)) as Box<_>);
    TestRunner::new(Config {
        cases,
        rng_seed,
        failure_persistence: persistence,
        source_file: Some(file!()),
        // Few cases are those that take a program to check, so that shrinking would take long too.
        max_shrink_iters: if cases <= 20 { 12 } else { 512 },
        ..Config::default()
    })
}

/// Runs a test that panics where the property does not hold.
fn holds(cases: u32, property: impl Fn(&Doc)) {
    let done = runner(cases).run(&docs(CHOICES), |doc| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| property(&doc)));
        caught.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            TestCaseError::fail(text.unwrap_or_default())
        })
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The stages up to the fleet.
fn resolve(doc: &Doc) -> (Option<Fleet>, Vec<Diagnostic>) {
    let source = Source::from_bytes("inventory.toml", doc.text().into_bytes()).expect("text");
    let mut report = Report::new();
    let inventory = Inventory::read(&source, &mut report);
    let fleet = inventory.and_then(|inventory| Fleet::resolve(inventory, &mut report));
    (fleet, report.into_sorted())
}

/// The fleet of a valid inventory.
fn valid(doc: &Doc) -> Fleet {
    let (fleet, diagnostics) = resolve(doc);
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    fleet.expect("a fleet, as there is no error")
}

fn rendered(doc: &Doc) -> Vec<Artefact> {
    render::render(&Plan::of(&valid(doc))).expect("a valid fleet renders")
}

/// The rendered files that are not the same for all fleets.
fn own(artefacts: &[Artefact]) -> impl Iterator<Item = (&str, &str)> {
    let own = artefacts.iter().filter(|artefact| !artefact.path.starts_with("nixos-module"));
    own.map(|artefact| (artefact.path.as_str(), text(artefact)))
}

/// The name in the middle of a path.
fn between<'a>(path: &'a str, before: &str, after: &str) -> Option<&'a str> {
    path.strip_prefix(before)?.strip_suffix(after)
}

#[test]
fn equal_inventories_give_equal_bytes() {
    let strategy = (docs(CHOICES), proptest::collection::vec(proptest::prelude::any::<u32>(), 0..60));
    let done = runner(48).run(&strategy, |(doc, order)| {
        let artefacts = rendered(&doc);
        proptest::prop_assert_eq!(&artefacts, &rendered(&doc));
        let other = doc.shuffled(&order);
        proptest::prop_assert_eq!(&artefacts, &rendered(&other), "in the order of {:?}", other);
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn contracts_hold_for_every_file() {
    holds(48, |doc| {
        let artefacts = rendered(doc);
        let mut seen = BTreeSet::new();
        for artefact in &artefacts {
            let (path, text) = (&artefact.path, text(artefact));
            assert!(path.components().all(|c| matches!(c, camino::Utf8Component::Normal(_))), "{path}");
            assert!(seen.insert(path.as_str().to_lowercase()), "{path} twice but for case");
            let portable = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
            assert!(path.as_str().bytes().all(portable) && !path.as_str().contains("/-"), "{path}");
            assert!(path.components().all(|c| !c.as_str().ends_with('.')), "{path}");
            assert!(
                text.ends_with('\n') && !text.ends_with("\n\n") && !text.contains('\r'),
                "{path}:\n{text}"
            );
            for line in text.lines() {
                assert_eq!(line.trim_end(), line, "{path}: no trailing blanks");
            }
            assert!(!looks_private(text), "{path}");
        }
    });
}

#[test]
fn buildkitd_toml_says_what_the_inventory_says() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts).filter(|(path, _)| path.ends_with(".toml")) {
            let found: toml::Value =
                toml::from_str(text).unwrap_or_else(|fault| panic!("{path}: {fault}\n{text}"));
            let found = serde_json::to_value(found).expect("JSON");
            let native = between(path, "hosts/", "/buildkitd.toml");
            let container = between(path, "hosts/", "/buildkitd.container.toml");
            let Some(host) = native.or(container) else { continue };
            let wanted = said.buildkitd(host, container.is_some());
            assert_eq!(found, wanted, "{path}:\n{text}");
            expected::keys_are_known(&found);
        }
    });
}

#[test]
fn nix_reads_what_the_inventory_says() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts).filter(|(path, _)| path.ends_with(".nix")) {
            let faults = rnix::Root::parse(text).errors().to_vec();
            assert!(faults.is_empty(), "{path}: {faults:?}\n{text}");
            let found = nix::read(text).unwrap_or_else(|fault| panic!("{path}: {fault}\n{text}"));
            if let Some(builder) = between(path, "builders/", "/default.nix") {
                said.check_builder_module(builder, &found);
            }
            if let Some(host) = between(path, "hosts/", "/default.nix") {
                said.check_host_module(host, &found);
            }
        }
    });
}

/// A character class of the shell, as in `*[!A-Z]*`.
fn of_class(text: &str, also: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

/// The fields of each line, without comments.
fn rows(tsv: &str) -> Vec<Vec<&str>> {
    tsv.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect()
}

#[test]
fn tables_of_nodes_are_what_the_script_takes() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts) {
            let Some(builder) = between(path, "builders/", "/nodes.tsv") else { continue };
            let entry = &said.inventory["builders"][builder];
            let (mut hosts, mut endpoints) = (Vec::new(), BTreeSet::new());
            // The checks of `read_table` in nixos-module/buildx-converge.sh.
            for (at, row) in rows(text).iter().enumerate() {
                match row.as_slice() {
                    ["driver", driver] => assert!(at == 0 && entry["driver"] == *driver, "{path}:\n{text}"),
                    ["driver-opts", opts] => {
                        assert!(opts.starts_with('{') && opts.ends_with('}'), "{path}: {opts}");
                        let opts: Value = serde_json::from_str(opts).expect("JSON");
                        assert_eq!(opts, entry["driver-opts"], "{path}");
                    }
                    ["flags", flags] => {
                        assert!(flags.starts_with('[') && flags.ends_with(']'), "{path}: {flags}");
                        let flags: Value = serde_json::from_str(flags).expect("JSON");
                        assert_eq!(flags, entry["buildkitd-flags"], "{path}");
                    }
                    ["node", host, endpoint, platforms, servername] => {
                        assert!(
                            of_class(host, "-") && host.starts_with(|c: char| c.is_ascii_alphabetic()),
                            "{host}"
                        );
                        assert!(of_class(endpoint, "][:/@.%_+~-"), "{endpoint}");
                        assert!(
                            ["ssh://", "tcp://"].iter().any(|scheme| endpoint.starts_with(scheme)),
                            "{endpoint}"
                        );
                        assert!(
                            of_class(platforms, "/,.") && platforms.to_lowercase() == *platforms,
                            "{platforms}"
                        );
                        assert!(
                            of_class(servername, ".:-"),
                            "the script refuses the server name {servername}"
                        );
                        assert!(endpoints.insert(*endpoint), "{endpoint} twice in {path}");
                        assert!(!hosts.contains(host), "{host} twice in {path}");
                        assert_eq!(said.endpoint(builder, host), *endpoint, "{path}");
                        let wanted = said.platforms(host);
                        assert_eq!(platforms.split(',').collect::<Vec<_>>(), wanted, "{path}: {host}");
                        hosts.push(host);
                    }
                    row => panic!("{path}: {row:?}"),
                }
            }
            let nodes = said.nodes(builder);
            assert_eq!(hosts.iter().map(|host| host.to_string()).collect::<Vec<_>>(), nodes, "{path}");
        }
    });
}

#[test]
fn a_platform_goes_to_its_first_node_that_is_no_fallback() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts) {
            let Some(builder) = between(path, "builders/", "/nodes.tsv") else { continue };
            let nodes: Vec<_> = rows(text).into_iter().filter(|row| row[0] == "node").collect();
            let order: Vec<_> =
                said.inventory["builders"][builder]["nodes"].as_array().expect("nodes").to_vec();
            let order: Vec<_> = order.iter().map(|name| name.as_str().expect("a name")).collect();
            let platforms: BTreeSet<_> = order.iter().flat_map(|host| said.platforms(host)).collect();
            for platform in platforms {
                let serves = |host: &&&str| said.platforms(host).contains(&platform);
                let first = order.iter().find(|host| serves(host) && !said.is_fallback(host));
                let wanted = first.or_else(|| order.iter().find(serves)).expect("it is of a node");
                let found = nodes.iter().find(|row| row[3].split(',').any(|own| own == platform));
                assert_eq!(found.expect("a node for each platform")[1], *wanted, "{path}: {platform}");
            }
        }
    });
}

#[test]
fn instances_have_a_node_for_each_daemon_and_each_platform_once() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts) {
            let Some((host, builder)) =
                path.strip_prefix("hosts/").and_then(|rest| rest.split_once("/instances/"))
            else {
                continue;
            };
            let found: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(text.lines().count(), 1, "{path}: buildx writes one line");
            assert_eq!(
                (found["Name"].as_str(), found["Driver"].as_str()),
                (Some(builder), Some("remote")),
                "{path}"
            );
            let nodes = found["Nodes"].as_array().expect("nodes");
            let wanted = said.nodes(builder);
            let names: Vec<_> = nodes.iter().filter_map(|node| node["Name"].as_str()).collect();
            assert_eq!(names, wanted.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>(), "{path}");
            let (mut endpoints, mut platforms) = (BTreeSet::new(), BTreeSet::new());
            for (node, name) in nodes.iter().zip(&wanted) {
                let endpoint = node["Endpoint"].as_str().expect("an endpoint").to_owned();
                let local = "unix:///run/buildkit/buildkitd.sock".to_owned();
                let meant = if name == host { local } else { said.endpoint(builder, name) };
                assert_eq!(endpoint, meant, "{path}");
                assert!(endpoints.insert(endpoint), "{path}: two nodes lead to one daemon");
                let own = node["Platforms"].as_array().expect("platforms");
                assert!(!own.is_empty(), "{path}: a node without platforms gets every build");
                for platform in own {
                    let part =
                        |key: &str| platform[key].as_str().map(|part| format!("/{part}")).unwrap_or_default();
                    let platform = format!("{}{}{}", part("os"), part("architecture"), part("variant"));
                    let platform = platform.trim_start_matches('/').to_owned();
                    assert!(said.platforms(name).contains(&platform), "{path}: {platform}");
                    assert!(platforms.insert(platform.clone()), "{path}: {platform} twice");
                }
                let over_tls = name != host && said.has_tls(name);
                let opts = &node["DriverOpts"];
                let tls = &said.inventory["hosts"][host]["client"]["tls"];
                if over_tls {
                    for (opt, key) in [("cacert", "ca"), ("cert", "cert"), ("key", "key")] {
                        assert_eq!(opts[opt], tls[key], "{path}");
                    }
                } else {
                    assert!(opts.is_null(), "{path}: {opts}");
                }
            }
            let all: BTreeSet<_> = wanted.iter().flat_map(|name| said.platforms(name)).collect();
            assert_eq!(platforms, all, "{path}");
        }
    });
}

#[test]
fn files_for_containers_are_carried_to_places_of_their_own() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts) {
            let Some(host) = between(path, "hosts/", "/buildkitd.container.files") else { continue };
            let mut places = BTreeMap::new();
            for row in rows(text) {
                let [place, source] = row.as_slice() else { panic!("{path}: {row:?}") };
                // The checks of `files_json` in nixos-module/buildx-converge.sh.
                assert!(
                    place.starts_with("certs/") && of_class(place, "._/+-") && !place.contains(".."),
                    "{place}"
                );
                let before = places.insert((*place).to_owned(), (*source).to_owned());
                assert_eq!(before, None, "{path}: {place} twice");
            }
            assert_eq!(places, said.carried(host), "{path}");
        }
    });
}

/// The words that `setup.sh` has of the inventory: assignments, and the lists behind `"$@"`.
fn setup_words(script: &str) -> BTreeMap<String, Vec<String>> {
    let mut words = BTreeMap::new();
    let top =
        script.lines().skip_while(|line| !line.starts_with("client=")).take_while(|line| !line.is_empty());
    for line in top {
        let list =
            line.split_once("() { \"$@\" ").and_then(|(name, rest)| Some((name, rest.strip_suffix("; }")?)));
        let (name, value) = list.or_else(|| line.split_once('=')).unwrap_or_else(|| panic!("{line}"));
        let read = shell::words(value).unwrap_or_else(|fault| panic!("{line}: {fault}"));
        assert!(list.is_some() || read.len() == 1 || value.is_empty(), "one word: {line}");
        assert_eq!(words.insert(name.to_owned(), read), None, "{name} once");
    }
    words
}

#[test]
fn setup_scripts_have_the_words_of_the_inventory() {
    holds(48, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        for (path, text) in own(&artefacts) {
            let Some(host) = between(path, "hosts/", "/setup.sh") else { continue };
            let words = setup_words(text);
            for (name, wanted) in said.setup_words(host) {
                assert_eq!(words.get(&name), Some(&wanted), "{path}: {name}");
            }
        }
    });
}

#[test]
fn what_is_broken_in_one_place_is_named_there() {
    let applied: Vec<_> = BREAKAGES.iter().map(|_| std::cell::Cell::new(0)).collect();
    let missed = std::cell::RefCell::new(BTreeMap::new());
    let done = runner(12).run(&docs(250), |mut doc| {
        breakages::add_probes(&mut doc);
        valid(&doc);
        for (breakage, applied) in BREAKAGES.iter().zip(&applied) {
            let mut broken = doc.clone();
            let Some(line) = (breakage.edit)(&mut broken) else { continue };
            applied.set(applied.get() + 1);
            let (fleet, diagnostics) = resolve(&broken);
            let text = broken.text();
            let at = |d: &Diagnostic| {
                d.primary
                    .as_ref()
                    .map(|l| text.bytes().take(l.span.start).filter(|b| *b == b'\n').count() + 1)
            };
            let named = diagnostics.iter().any(|d| d.code.as_str() == breakage.code && at(d) == Some(line));
            if !named {
                let all: Vec<_> = diagnostics.iter().map(|d| (d.code.as_str(), at(d), &d.title)).collect();
                let wanted = text.lines().nth(line - 1).unwrap_or_default();
                let what = format!("wanted `{}` at line {line} `{wanted}`, found {all:?}", breakage.code);
                // All breakages are gone through, so that one fault hides no other.
                missed.borrow_mut().entry(breakage.what).or_insert(what);
            }
            if diagnostics.iter().any(|d| d.severity == Severity::Error) {
                assert!(fleet.is_none());
            }
        }
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(missed.borrow().is_empty(), "{:#?}", missed.borrow());
    let never = BREAKAGES.iter().zip(&applied).filter(|(_, applied)| applied.get() == 0);
    assert_eq!(never.map(|(breakage, _)| breakage.what).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn platforms_are_printed_as_they_are_compared() {
    for text in ["linux/amd64", "linux/arm64/v8", "linux/arm", "linux/amd64/v3"] {
        let platform: Platform = text.parse().expect("a platform");
        assert_eq!(platform.to_string().parse(), Ok(platform));
    }
}

// --- with programs ------------------------------------------------------------------------------------------------

/// The rendered tree on disk.
fn tree(artefacts: &[Artefact]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for artefact in artefacts {
        let path = folder.path().join("rendered").join(&artefact.path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, &artefact.bytes).expect("a file");
    }
    folder
}

/// A text as an expression of Nix, by the JSON of another writer.
fn in_nix(text: &str) -> String {
    json!(text).to_string().replace("${", "\\${")
}

#[test]
#[ignore = "needs nix-instantiate"]
fn hosts_evaluate_to_what_the_inventory_says() {
    holds(20, |doc| {
        let (artefacts, said) = (rendered(doc), Said::of(&doc.text()));
        let folder = tree(&artefacts);
        let path = |path: &Path| format!("(/. + {})", in_nix(path.to_str().expect("UTF-8")));
        let nix = root().join("tests/nix");
        let mut hosts = String::new();
        let modules = own(&artefacts);
        let modules: BTreeMap<_, _> = modules
            .filter_map(|(path, text)| Some((between(path, "hosts/", "/default.nix")?, text)))
            .collect();
        for (host, module) in &modules {
            let module = nix::read(module).unwrap_or_else(|fault| panic!("{host}: {fault}"));
            let beside = in_nix(&said.beside(host, &module).to_string());
            hosts.push_str(&format!(
                "{} = import {} {{ host = {}; modules = [ (import {} (builtins.fromJSON {beside})) ]; }};\n",
                in_nix(host),
                path(&nix.join("eval.nix")),
                path(&folder.path().join("rendered/hosts").join(host)),
                path(&nix.join("runners.nix")),
            ));
        }
        let keep = "builtins.mapAttrs (_: host: { inherit (host) failed; \
                    files = builtins.deepSeq host.files true; })";
        let expression = format!("{keep} {{ {hosts} }}");
        let args = ["--store", "dummy://", "--eval", "--strict", "--json", "--expr", &expression];
        let found: Value = serde_json::from_str(&succeed("nix-instantiate", &args)).expect("JSON");
        for host in modules.into_keys() {
            assert_eq!(found[host]["failed"], json!([]), "{host}");
            assert_eq!(found[host]["files"], true, "{host}");
        }
    });
}

#[test]
#[ignore = "needs dash and shellcheck"]
fn setup_scripts_are_scripts_to_a_shell() {
    holds(20, |doc| {
        let artefacts = rendered(doc);
        let folder = tree(&artefacts);
        let scripts: Vec<_> = own(&artefacts).filter(|(path, _)| path.ends_with(".sh")).collect();
        for (path, text) in scripts {
            let file = folder.path().join("rendered").join(path);
            succeed("dash", &["-n", file.to_str().expect("UTF-8")]);
            // The level of `.ci/run` for the project's own scripts.
            succeed("shellcheck", &["--shell=sh", file.to_str().expect("UTF-8")]);
            let words = setup_words(text);
            let top: String = text
                .lines()
                .take_while(|line| *line != "say() { printf '%s\\n' \"$1\"; }")
                .fold(String::new(), |top, line| top + line + "\n");
            for (name, wanted) in &words {
                let print = match name.strip_prefix("with_") {
                    Some(_) => format!("{top}\n{name} printf '%s\\0'\n"),
                    None => format!("{top}\nprintf '%s\\0' \"${name}\"\n"),
                };
                let output = run("dash", &["-c", &print]);
                let found = String::from_utf8(output.stdout).expect("UTF-8");
                let wanted: String = match wanted.as_slice() {
                    [] => "\0".to_owned(),
                    words => words.iter().map(|word| format!("{word}\0")).collect(),
                };
                assert_eq!(found, wanted, "{path}: {name}");
            }
        }
    });
}
