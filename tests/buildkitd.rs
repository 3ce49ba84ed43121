//! The rendered `buildkitd.toml` files read by buildkitd itself.
//!
//! `.ci/run` runs these where buildkitd is installed, and says so where it is not.

mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{ending, fixtures, inventory, resolve, root, tree};

/// What buildkitd says of a file, up to where it has read all of it: it serves, it ends, or it is at work for so long
/// that it must be past its configuration, which it reads before anything else.
fn said_of(config: &Path) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = |name: &str| folder.path().join(name);
    let log = inside("log");
    let mut child = Command::new("buildkitd")
        .arg("--config")
        .arg(config)
        .arg("--root")
        .arg(inside("root"))
        .args(["--addr", &format!("unix://{}", inside("socket").display())])
        .arg("--otel-socket-path")
        .arg(inside("otel"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("a log"))
        .spawn()
        .expect("buildkitd is needed for this test");
    let begin = Instant::now();
    loop {
        let said = fs::read_to_string(&log).expect("a log");
        let ended = child.try_wait().expect("a status").is_some();
        if ended || said.contains("running server on") || begin.elapsed() > Duration::from_secs(15) {
            let _ = child.kill();
            child.wait().expect("it ends");
            return fs::read_to_string(&log).expect("a log");
        }
        sleep(Duration::from_millis(50));
    }
}

/// Whether it got past its configuration. What the machine of the test lacks comes later: certificates, containerd,
/// a network bridge, privileges.
fn is_taken(said: &str) -> bool {
    !said.contains("failed to parse config")
        && !said.contains("toml:")
        && !said.contains("failed to load config")
}

#[test]
#[ignore = "needs buildkitd"]
fn buildkitd_takes_its_files() {
    let mut files = Vec::new();
    let trees: Vec<_> = fixtures().into_iter().map(|name| (tree(&name), name)).collect();
    for (folder, name) in &trees {
        for suffix in ["/buildkitd.toml", "/buildkitd.container.toml"] {
            files.extend(ending(folder, name, suffix));
        }
    }
    assert!(files.len() > trees.len(), "every fixture has a worker");
    std::thread::scope(|scope| {
        for path in files {
            scope.spawn(move || {
                let said = said_of(&path);
                assert!(is_taken(&said), "{}: {said}", path.display());
            });
        }
    });
}

#[test]
#[ignore = "needs buildkitd"]
fn buildkitd_refuses_what_is_not_toml_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("buildkitd.toml");
    for wrong in ["[worker.oci]\nmax-parallelism = \"many\"\n", "[worker.oci\n"] {
        fs::write(&path, wrong).expect("written");
        let said = said_of(&path);
        assert!(!is_taken(&said), "the test above would miss it: {said}");
    }
}

#[test]
#[ignore = "needs buildkitd"]
fn buildkitd_refuses_remote_workers_as_the_warning_says() {
    const REFUSAL: &str = "cannot store an array table in a struct";
    let said = said_of(&root().join("tests/golden/buildkitd.remote-workers.toml"));
    assert!(!is_taken(&said) && said.contains(REFUSAL), "{said}");
    let (_, printed) = resolve(inventory("design-note"));
    assert!(printed.contains(REFUSAL), "{printed}");
}
