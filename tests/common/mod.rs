//! What the tests share: the fixtures, and the stages up to the rendered files.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use buildfleet::diag::{Report, Source, print};
use buildfleet::fleet::Fleet;
use buildfleet::inventory::Inventory;
use buildfleet::plan::Plan;
use buildfleet::render::{self, Artefact};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fleets that render, by the name of their folder.
pub fn fixtures() -> Vec<String> {
    let mut names: Vec<_> =
        folders(&root().join("fixtures")).into_iter().filter(|name| name != "invalid").collect();
    names.sort();
    assert!(names.len() >= 7, "the fixtures are there: {names:?}");
    names
}

/// The names of the folders in a folder.
pub fn folders(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("a folder");
    let folders = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect()
}

/// The bytes of a fixture's inventory.
pub fn inventory(name: &str) -> Vec<u8> {
    std::fs::read(root().join("fixtures").join(name).join("inventory.toml")).expect("a fixture")
}

/// An inventory as the stages see it: the fleet if it is valid, and what is printed of it.
pub fn resolve(bytes: Vec<u8>) -> (Option<Fleet>, String) {
    let source = match Source::from_bytes("inventory.toml", bytes) {
        Ok(source) => source,
        Err(error) => return (None, print::source_error(&error, print::Colour::Never)),
    };
    let mut report = Report::new();
    let inventory = Inventory::read(&source, &mut report);
    let fleet = inventory.and_then(|inventory| Fleet::resolve(inventory, &mut report));
    (fleet, print::report(report, &source, print::Colour::Never))
}

/// The fleet of a fixture.
pub fn fleet(name: &str) -> Fleet {
    let (fleet, printed) = resolve(inventory(name));
    fleet.unwrap_or_else(|| panic!("{name} is valid:\n{printed}"))
}

/// The rendered files of a fixture.
pub fn rendered(name: &str) -> Vec<Artefact> {
    let fleet = fleet(name);
    render::render(&Plan::of(&fleet)).expect("a valid fleet renders")
}

/// The text of a rendered file.
pub fn text(artefact: &Artefact) -> &str {
    std::str::from_utf8(&artefact.bytes).expect("UTF-8")
}

/// A fixture's rendered tree on disk, until it is dropped.
pub fn tree(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for artefact in rendered(name) {
        let path = folder.path().join("rendered").join(&artefact.path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, &artefact.bytes).expect("a file");
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(artefact.mode.bits());
        std::fs::set_permissions(&path, mode).expect("a mode");
    }
    folder
}

/// The paths of a fixture's rendered files whose names end so.
pub fn ending(folder: &tempfile::TempDir, name: &str, suffix: &str) -> Vec<PathBuf> {
    let paths = rendered(name).into_iter().map(|artefact| artefact.path);
    paths
        .filter(|path| path.as_str().ends_with(suffix))
        .map(|path| folder.path().join("rendered").join(path))
        .collect()
}

/// Runs a program that must be there, and returns what it did.
pub fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").output();
    output.unwrap_or_else(|error| panic!("`{program}` is needed for this test: {error}"))
}

/// Runs a program that must succeed, and returns what it printed.
pub fn succeed(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{program} {args:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
