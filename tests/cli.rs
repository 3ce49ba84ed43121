//! The program as its users meet it: arguments, streams, files and exit codes.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use buildfleet::diag::Code;
use common::{inventory, root};

/// What a run left behind.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// The program in a folder, with an environment of its own.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buildfleet"));
    command.current_dir(folder).env_remove("NO_COLOR").env("TERM", "xterm").stdin(Stdio::null());
    command
}

fn buildfleet(folder: &Path, args: &[&str]) -> Run {
    Run::of(program(folder).args(args).output().expect("it runs"))
}

fn with_stdin(folder: &Path, args: &[&str], stdin: &[u8]) -> Run {
    let mut command = program(folder);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    let stdin = stdin.to_owned();
    // It need not read all of it.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("it is written");
    Run::of(output)
}

/// A folder whose `buildfleet.toml` has these bytes.
fn folder_with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("buildfleet.toml"), bytes).expect("written");
    folder
}

/// Every path below a folder, with its time and content.
fn state(folder: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let data = path.symlink_metadata().expect("it is there");
        let bytes = if data.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
        found.push((path.display().to_string(), data.modified().expect("a time"), bytes));
        if data.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
    }
    found.sort();
    found
}

const BROKEN: &[u8] = b"version = 1\nnonsense = true\n";

#[test]
fn a_good_inventory_is_fine() {
    let folder = folder_with(&inventory("minimal"));
    let run = buildfleet(folder.path(), &["check"]).ends(0);
    assert_eq!(run.stdout, "buildfleet.toml: 2 hosts, 1 builder: no errors\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn errors_are_findings() {
    let folder = folder_with(BROKEN);
    let run = buildfleet(folder.path(), &["check"]).ends(1);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("error[unknown-key]"), "{}", run.stderr);
    assert!(run.stderr.contains("buildfleet.toml:2:1"), "{}", run.stderr);
}

#[test]
fn warnings_are_not() {
    let folder = folder_with(&inventory("design-note"));
    let run = buildfleet(folder.path(), &["check"]).ends(0);
    assert!(run.stderr.contains("warning[remote-workers-refused]"), "{}", run.stderr);
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
}

#[test]
fn wrong_arguments_are_trouble() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in
        [&["frobnicate"][..], &["render"], &["check", "--frobnicate"], &["--color", "pink", "check"], &[]]
    {
        let run = buildfleet(folder.path(), args).ends(2);
        assert!(run.stderr.contains("--help") || run.stderr.contains("Usage:"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn the_inventory_may_come_from_standard_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = with_stdin(folder.path(), &["check", "-"], &inventory("minimal")).ends(0);
    assert_eq!(run.stdout, "<stdin>: 2 hosts, 1 builder: no errors\n");
    let run = with_stdin(folder.path(), &["check", "-"], BROKEN).ends(1);
    assert!(run.stderr.contains("<stdin>:2:1"), "{}", run.stderr);
    with_stdin(folder.path(), &["render", "-", "--out", "rendered"], &inventory("minimal")).ends(0);
    assert!(folder.path().join("rendered/hosts/ser5/default.nix").is_file());
}

#[test]
fn the_inventory_is_found_upwards() {
    let folder = folder_with(&inventory("minimal"));
    let below = folder.path().join("a/b");
    fs::create_dir_all(&below).expect("folders");
    let run = buildfleet(&below, &["check"]).ends(0);
    assert!(run.stdout.starts_with("../../buildfleet.toml:"), "{}", run.stdout);

    // The nearest counts, even if it is a broken one.
    fs::write(folder.path().join("a/buildfleet.toml"), BROKEN).expect("written");
    buildfleet(&below, &["check"]).ends(1);

    let empty = tempfile::tempdir().expect("a folder");
    let run = buildfleet(empty.path(), &["check"]).ends(2);
    assert!(run.stderr.starts_with("error: could not find `buildfleet.toml`"), "{}", run.stderr);
}

#[test]
fn an_inventory_to_begin_with_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    buildfleet(folder.path(), &["init"]).ends(0);
    buildfleet(folder.path(), &["check"]).ends(0);
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);

    let starter = buildfleet(folder.path(), &["init", "-"]).ends(0).stdout;
    assert_eq!(fs::read_to_string(folder.path().join("buildfleet.toml")).expect("a file"), starter);
}

#[test]
fn init_leaves_a_file_alone() {
    let folder = folder_with(b"mine");
    let run = buildfleet(folder.path(), &["init"]).ends(2);
    assert!(run.stderr.contains("it is there already"), "{}", run.stderr);
    assert_eq!(fs::read(folder.path().join("buildfleet.toml")).expect("a file"), b"mine");

    std::os::unix::fs::symlink("nowhere.toml", folder.path().join("link.toml")).expect("a link");
    buildfleet(folder.path(), &["init", "link.toml"]).ends(2);
    assert!(!folder.path().join("nowhere.toml").exists());
}

#[test]
fn rendering_again_writes_nothing() {
    let folder = folder_with(&inventory("avalanche"));
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
    let before = state(folder.path());
    let run = buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
    assert_eq!(run.stdout, "rendered is up to date\n");
    assert_eq!(state(folder.path()), before);
}

#[test]
fn the_manifest_lists_the_tree() {
    let folder = folder_with(&inventory("hostile"));
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
    let manifest = fs::read_to_string(folder.path().join("rendered/manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let listed = manifest.get("files").and_then(|files| files.as_array()).into_iter().flatten();
    let listed = listed.filter_map(|file| file.get("path")?.as_str());
    let listed: BTreeSet<_> = listed.map(str::to_owned).chain(["manifest.json".to_owned()]).collect();
    let there = state(&folder.path().join("rendered")).into_iter().map(|(path, ..)| folder.path().join(path));
    let there = there.filter(|path| path.is_file()).map(|path| {
        let path = path.strip_prefix(folder.path().join("rendered")).expect("it is inside");
        path.to_str().expect("UTF-8").to_owned()
    });
    assert_eq!(listed, there.collect());
}

#[test]
fn a_failure_leaves_the_old_tree() {
    let folder = folder_with(&inventory("minimal"));
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
    let before = state(&folder.path().join("rendered"));
    fs::write(folder.path().join("buildfleet.toml"), BROKEN).expect("written");
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(1);
    assert_eq!(state(&folder.path().join("rendered")), before);

    // Nor is anything made where there was nothing.
    buildfleet(folder.path(), &["render", "--out", "other"]).ends(1);
    let there: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(there.len(), 2, "{there:?}");
}

#[test]
fn what_others_wrote_is_not_replaced() {
    let folder = folder_with(&inventory("minimal"));
    let mine = folder.path().join("rendered/mine");
    fs::create_dir(folder.path().join("rendered")).expect("a folder");
    fs::write(&mine, "mine").expect("written");
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(2);
    assert_eq!(fs::read(&mine).expect("a file"), b"mine");
    assert_eq!(fs::read_dir(folder.path().join("rendered")).expect("a folder").count(), 1);
}

#[test]
fn a_later_render_replaces_the_tree() {
    let folder = folder_with(&inventory("avalanche"));
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
    fs::write(folder.path().join("buildfleet.toml"), inventory("minimal")).expect("written");
    buildfleet(folder.path(), &["render", "--out", "rendered"]).ends(0);
    assert!(!folder.path().join("rendered/hosts/eagle").exists());
    assert!(folder.path().join("rendered/hosts/desk/default.nix").is_file());
}

#[test]
fn inventories_that_cannot_be_read_are_trouble() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, reason) in
        [(".", "it is a folder, not a file"), ("missing.toml", "there is no such file or folder")]
    {
        let run = buildfleet(folder.path(), &["check", path]).ends(2);
        assert!(run.stderr.contains(reason), "{}", run.stderr);
        assert!(run.stderr.starts_with("error: could not read"), "{}", run.stderr);
    }
}

#[test]
fn bytes_that_are_no_inventory_are_findings() {
    let bom = [b"\xef\xbb\xbf", &*inventory("minimal")].concat();
    let latin1 = b"version = 1\nname = \"Caf\xe9\"\n".to_vec();
    let cases = [
        (bom, "byte-order-mark"),
        (latin1, "not-utf8"),
        (Vec::new(), "empty-inventory"),
        (b" \n".to_vec(), "empty-inventory"),
    ];
    for (bytes, code) in cases {
        let folder = folder_with(&bytes);
        let run = buildfleet(folder.path(), &["check"]).ends(1);
        assert!(run.stderr.contains(&format!("error[{code}]")), "{code}: {}", run.stderr);
        let run = with_stdin(folder.path(), &["render", "-", "--out", "rendered"], &bytes).ends(1);
        assert!(run.stderr.contains(&format!("error[{code}]")), "{code}: {}", run.stderr);
        assert!(!folder.path().join("rendered").exists());
    }
}

#[test]
fn a_hundred_megabytes_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    // A hole in the file, which takes no space.
    let file = fs::File::create(folder.path().join("buildfleet.toml")).expect("a file");
    file.set_len(100 * 1024 * 1024).expect("a size");
    let run = buildfleet(folder.path(), &["check"]).ends(1);
    assert!(run.stderr.contains("error[too-large]"), "{}", run.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [&["schema"][..], &["explain"], &["init", "-"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = program(folder.path())
            .args(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        let run = Run::of(output).ends(0);
        assert_eq!(run.stderr, "", "{args:?}");
    }
}

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let folder = folder_with(BROKEN);
    let has_colour = |args: &[&str], variables: &[(&str, &str)]| {
        let output =
            program(folder.path()).args(args).envs(variables.iter().copied()).output().expect("it runs");
        Run::of(output).ends(1).stderr.contains('\u{1b}')
    };
    assert!(!has_colour(&["check"], &[]), "a pipe is no terminal");
    assert!(!has_colour(&["check"], &[("NO_COLOR", "1")]));
    assert!(!has_colour(&["check", "--color", "never"], &[]));
    assert!(has_colour(&["check", "--color", "always"], &[]));
    assert!(
        has_colour(&["--color", "always", "check"], &[("NO_COLOR", "1")]),
        "an argument is nearer than the environment"
    );
}

#[test]
fn every_code_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = buildfleet(folder.path(), &["explain"]).ends(0).stdout;
    assert_eq!(list.lines().count(), Code::ALL.len());
    for code in Code::ALL {
        assert!(list.lines().any(|line| line.starts_with(&format!("{code} "))), "{code}: {list}");
        assert_eq!(buildfleet(folder.path(), &["explain", code.as_str()]).ends(0).stdout, code.page());
    }
    let run = buildfleet(folder.path(), &["explain", "duplicate-adress"]).ends(2);
    assert!(run.stderr.contains("did you mean `duplicate-address`?"), "{}", run.stderr);
    buildfleet(folder.path(), &["explain", "\u{1b}[31m"]).ends(2);
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let printed = buildfleet(root(), &["schema"]).ends(0).stdout;
    assert_eq!(printed, fs::read_to_string(root().join("inventory.schema.json")).expect("the schema"));
}

#[test]
fn help_has_the_exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [
        &["--help"][..],
        &["init", "--help"],
        &["check", "--help"],
        &["render", "--help"],
        &["schema", "--help"],
        &["explain", "--help"],
    ] {
        let help = buildfleet(folder.path(), args).ends(0).stdout;
        for line in ["Exit codes:", "  0  fine", "  1  findings", "  2  could not run", "Examples:"] {
            assert!(help.contains(line), "{args:?}: {help}");
        }
    }
    let version = buildfleet(folder.path(), &["--version"]).ends(0).stdout;
    assert_eq!(version, format!("buildfleet {}\n", env!("CARGO_PKG_VERSION")));
}
