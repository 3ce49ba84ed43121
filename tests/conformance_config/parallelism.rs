//! `max-parallelism`, which no daemon tells: by what it does.

use std::fs;
use std::path::{Path, PathBuf};

use super::common::run;
use super::daemon::{BuildKit, Daemon, Machine};
use super::{Rendered, files};

/// Two steps that each wait for the other to run, five seconds long: a build of them succeeds only if they run at once.
const DOCKERFILE: &str = r#"FROM scratch AS base
COPY busybox step /bin/
FROM base AS a
RUN --mount=type=cache,target=/at ["/bin/busybox", "sh", "/bin/step", "a", "b"]
FROM base AS b
RUN --mount=type=cache,target=/at ["/bin/busybox", "sh", "/bin/step", "b", "a"]
FROM scratch
COPY --from=a /bin/busybox /a
COPY --from=b /bin/busybox /b
"#;
const STEP: &str = r#"b=/bin/busybox
$b touch "/at/$1"
for i in 1 2 3 4 5 6 7 8 9 10; do
  [ -e "/at/$2" ] && exit 0
  $b sleep 0.5
done
echo alone
exit 7
"#;

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn steps_run_at_once_only_where_the_inventory_lets_them() {
    let (_folders, files) = files();
    let limited = |to: fn(i64) -> bool| {
        let of = |file: &&Rendered| file.expected["worker"]["oci"]["max-parallelism"].as_i64();
        files.iter().find(|file| !file.container && of(file).is_some_and(to)).expect("a fixture has it")
    };
    let machine = Machine::new();
    let context = context();
    for buildkit in BuildKit::BOTH {
        let (one, said) = build(&machine, buildkit, limited(|limit| limit == 1), context.path());
        assert!(!one && said.contains("alone") && said.contains("exit code: 7"), "{buildkit:?}: {said}");
        let (both, said) = build(&machine, buildkit, limited(|limit| limit > 1), context.path());
        assert!(both, "{buildkit:?}: {said}");
    }
}

/// Whether the build succeeds with the daemon of a file, and what it prints.
fn build(machine: &Machine, buildkit: BuildKit, file: &Rendered, context: &Path) -> (bool, String) {
    let folder = machine.folder();
    let flags = machine.stand_ins(&file.expected);
    let mut daemon = Daemon::start(buildkit, &file.path, folder.path(), &flags);
    daemon.wait().unwrap_or_else(|log| panic!("{}: {log}", file.name));
    let local = |name: &str| format!("{name}={}", context.display());
    let (address, context, dockerfile) = (daemon.address(), local("context"), local("dockerfile"));
    let arguments = [
        &["--addr", &address, "build", "--progress=plain", "--frontend=dockerfile.v0"][..],
        &["--local", &context, "--local", &dockerfile],
    ];
    let output = run(&buildkit.program("buildctl"), &arguments.concat());
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn context() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let busybox = ["/usr/bin/busybox", "/bin/busybox"].map(PathBuf::from);
    let busybox = busybox.iter().find(|path| path.exists());
    let busybox = busybox.expect("busybox-static is needed for this test: run conformance/setup");
    fs::copy(busybox, folder.path().join("busybox")).expect("a copy");
    fs::write(folder.path().join("step"), STEP).expect("written");
    fs::write(folder.path().join("Dockerfile"), DOCKERFILE).expect("written");
    folder
}
