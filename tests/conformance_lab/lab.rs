//! A lab for the length of a test.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::root;

/// The buildx builder of the lab.
pub const BUILDER: &str = "avalanche";

/// A host that starts builds.
#[derive(Clone, Copy)]
pub struct Client {
    pub host: &'static str,
    /// The service that starts them.
    pub unit: &'static str,
    pub home: &'static str,
}

pub const EAGLE: Client = Client { host: "eagle", unit: "gitea-runner-first", home: "/var/lib/gitea-runner" };
pub const SER5: Client = Client { host: "ser5", unit: "ci-agent", home: "/var/lib/ci" };

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub begin: Instant,
    pub end: Instant,
}

impl Ran {
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    pub fn took(&self) -> Duration {
        self.end - self.begin
    }

    /// What it printed, if it succeeded as it must.
    #[track_caller]
    pub fn succeed(self) -> String {
        assert!(self.is_success(), "{:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        self.stdout
    }
}

/// Three hosts; they end with it.
pub struct Lab {
    process: Child,
    pub folder: PathBuf,
    // Declared last: the next test begins when all of this one has ended.
    _turn: MutexGuard<'static, ()>,
}

/// Times are measured, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Lab {
    /// A lab whose builder has this driver. An error is what the lab says of why it does not start.
    pub fn up(driver: &str) -> Result<Self, String> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (process, folder) = start(driver)?;
        Ok(Self { process, folder, _turn: turn })
    }

    /// A lab of the `remote` driver.
    pub fn remote() -> Self {
        Self::up("remote").unwrap_or_else(|why| panic!("no lab: {why}"))
    }

    /// A second lab while this one is up.
    pub fn another(&self) -> Another {
        let (process, folder) = start("remote").unwrap_or_else(|why| panic!("no second lab: {why}"));
        Another { process, folder }
    }

    /// Runs a command on a host, as root.
    pub fn on(&self, host: &str, command: &[&str]) -> Ran {
        run(&self.folder, &[&["on", host], command].concat())
    }

    /// Runs a command as the service that starts builds would.
    pub fn client(&self, client: Client, command: &[&str]) -> Ran {
        run(&self.folder, &[&["unit", client.host, client.unit], command].concat())
    }

    /// Runs the rendered script as its service would.
    pub fn converge(&self, client: Client) -> Ran {
        let unit = format!("buildfleet-converge-{BUILDER}");
        let ran = run(&self.folder, &["unit", client.host, &unit]);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let said = if said.is_empty() { "(nothing)" } else { said.trim_end() };
        println!("  converge on {}: exit {:?} after {:.1?}: {said}", client.host, ran.code, ran.took());
        ran
    }

    /// A build of a folder that is shared by the hosts. Its records bear the mark.
    pub fn build(&self, client: Client, platforms: &str, context: &str, mark: &str) -> Ran {
        let platforms = format!("--platform={platforms}");
        let label = format!("--label=mark={mark}");
        let context = format!("/share/{context}");
        let mut command = vec!["timeout", "90", "buildx", "build", "--progress=plain", &label];
        if platforms != "--platform=" {
            command.push(&platforms);
        }
        command.extend(["--output=type=cacheonly", &context]);
        self.client(client, &command)
    }

    /// A folder to build, with a file that no other has.
    pub fn context(&self, name: &str) {
        let folder = self.folder.join("share").join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY file /\n").expect("a file");
        fs::write(folder.join("file"), name).expect("a file");
    }

    /// The platforms of the builds that a daemon has in its history and that bear a mark; all builds for the mark "".
    pub fn built(&self, host: &str, mark: &str) -> Vec<String> {
        let command = ["/tools/buildctl", "debug", "histories", "--format", "{{json .}}"];
        platforms_of(&self.on(host, &command).succeed(), mark)
    }

    /// Where builds with a mark were made: `ser5: linux/amd64; opi01: linux/arm64; eagle: -`.
    pub fn whereabouts(&self, mark: &str) -> String {
        let of = |host| match self.built(host, mark).join(" ") {
            list if list.is_empty() => format!("{host}: -"),
            list => format!("{host}: {list}"),
        };
        ["ser5", "opi01", "eagle"].map(of).join("; ")
    }

    /// How many cache records a daemon has.
    pub fn cache_records(&self, host: &str) -> usize {
        let listed = self.on(host, &["/tools/buildctl", "du", "--format", "{{json .}}"]).succeed();
        let value: Value = serde_json::from_str(&listed).expect("JSON");
        value.as_array().map_or(0, Vec::len)
    }

    /// Starts, stops, pauses or continues a daemon.
    pub fn daemon(&self, host: &str, name: &str, verb: &str) {
        run(&self.folder, &["daemon", host, name, verb]).succeed();
    }

    /// Pulls out a host's cable, or puts it back.
    pub fn link(&self, host: &str, state: &str) {
        run(&self.folder, &["link", host, state]).succeed();
    }

    /// The name of the cgroup of its containers.
    pub fn cgroup(&self) -> String {
        format!("buildfleet-lab-{}", self.process.id())
    }

    /// The path, as this process sees it, of a path on a host.
    pub fn path(&self, host: &str, path: &str) -> PathBuf {
        let pid = fs::read_to_string(self.folder.join(format!("{host}.pid"))).expect("a host");
        PathBuf::from(format!("/proc/{}/root{path}", pid.trim()))
    }

    /// buildx's file of the builder, as this process sees it.
    pub fn instance(&self, client: Client) -> PathBuf {
        self.path(client.host, &format!("{}/.docker/buildx/instances/{BUILDER}", client.home))
    }

    /// Which node has which platforms in buildx's file: `ser5: linux/amd64; opi01: linux/arm64`.
    pub fn nodes(&self, client: Client) -> String {
        nodes_of(&fs::read(self.instance(client)).expect("an instance")).expect("a whole instance")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            show_logs(&self.folder);
        }
        end(&mut self.process);
    }
}

/// A second lab.
pub struct Another {
    process: Child,
    pub folder: PathBuf,
}

impl Another {
    pub fn on(&self, host: &str, command: &[&str]) -> Ran {
        run(&self.folder, &[&["on", host], command].concat())
    }

    /// The process that keeps the lab.
    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }
}

impl Drop for Another {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// The script.
pub fn script() -> Command {
    let mut command = Command::new(root().join("conformance/lab/lab"));
    command.env("BUILDFLEET", env!("CARGO_BIN_EXE_buildfleet")).env("LC_ALL", "C.UTF-8");
    command
}

fn start(driver: &str) -> Result<(Child, PathBuf), String> {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("lab-{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let errors = folder.with_extension("err");
    let begin = Instant::now();
    let mut process = script()
        .arg(&folder)
        .args(["up", driver])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&errors).expect("a file"))
        .spawn()
        .expect("bash");
    let mut said = String::new();
    let _ = BufReader::new(process.stdout.take().expect("piped")).read_line(&mut said);
    if said == "ready\n" {
        let _ = fs::remove_file(errors);
        println!("a lab with the driver {driver} is up after {:.1?}", begin.elapsed());
        return Ok((process, folder));
    }
    end(&mut process);
    let why = fs::read_to_string(&errors).unwrap_or_default();
    let _ = fs::remove_file(errors);
    Err(why)
}

/// Ends a lab the way it is meant to end: its standard input ends, and it clears up.
fn end(process: &mut Child) {
    drop(process.stdin.take());
    let _ = process.wait();
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let begin = Instant::now();
    let output = script().arg(folder).args(arguments).stdin(Stdio::null()).output().expect("bash");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        begin,
        end: Instant::now(),
    }
}

/// The last lines of each log, for a test that has failed.
fn show_logs(folder: &Path) {
    for host in ["ser5", "opi01", "eagle"] {
        for log in ["sshd", "buildkitd", "dockerd"] {
            let path = folder.join(format!("{host}/log/{log}.log"));
            let mut text = String::new();
            let Ok(mut file) = File::open(path) else { continue };
            let _ = file.read_to_string(&mut text);
            let lines: Vec<_> = text.lines().rev().take(8).collect();
            println!("--- {log} on {host}");
            lines.iter().rev().for_each(|line| println!("{line}"));
        }
    }
}

/// The platforms of the finished builds in a daemon's history that bear a mark.
pub fn platforms_of(history: &str, mark: &str) -> Vec<String> {
    let mut platforms = Vec::new();
    for line in history.lines().filter(|line| !line.trim().is_empty()) {
        let entry: Value = serde_json::from_str(line).expect("a record is JSON");
        let attributes = entry.pointer("/record/FrontendAttrs").expect("the request");
        let marked = attributes.get("label:mark").and_then(Value::as_str);
        if mark.is_empty() || marked == Some(mark) {
            let platform = attributes.get("platform").and_then(Value::as_str).unwrap_or("none asked for");
            platforms.push(platform.to_owned());
        }
    }
    platforms.sort();
    platforms
}

/// Which node has which platforms in the text of an instance, or why it is not a whole one.
pub fn nodes_of(instance: &[u8]) -> Result<String, String> {
    let value: Value = serde_json::from_slice(instance).map_err(|error| error.to_string())?;
    let nodes = value.get("Nodes").and_then(Value::as_array).ok_or("no nodes")?;
    let mut shown = Vec::new();
    for node in nodes {
        let name = node.get("Name").and_then(Value::as_str).ok_or("no name")?;
        let platforms = node.get("Platforms").and_then(Value::as_array).ok_or("no platforms")?;
        let text = |platform: &Value, key| Some(platform.get(key)?.as_str()?.to_owned());
        let shorten =
            |platform| Some(format!("{}/{}", text(platform, "os")?, text(platform, "architecture")?));
        let platforms: Option<Vec<_>> = platforms.iter().map(shorten).collect();
        shown.push(format!("{name}: {}", platforms.ok_or("no platform")?.join(" ")));
    }
    Ok(shown.join("; "))
}

/// The platforms of the `COPY` steps that a build took from the cache, and of those that it ran.
pub fn copied(progress: &str) -> (Vec<String>, Vec<String>) {
    let (mut cached, mut ran) = (Vec::new(), Vec::new());
    for line in progress.lines() {
        let Some((number, rest)) = line.split_once(" [") else { continue };
        let Some((step, "COPY file /")) = rest.split_once("] ") else { continue };
        let platform = step.split(' ').next().unwrap_or_default().to_owned();
        let is_cached = progress.lines().any(|line| line == format!("{number} CACHED"));
        let list = if is_cached { &mut cached } else { &mut ran };
        if !list.contains(&platform) {
            list.push(platform);
        }
    }
    cached.sort();
    ran.sort();
    (cached, ran)
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn labs_do_not_see_each_other_and_leave_nothing() {
    let lab = Lab::remote();
    let mut another = lab.another();
    // Same addresses, other hosts: a name of one is not that of the other.
    lab.on("ser5", &["touch", "/tmp/here"]).succeed();
    assert!(!another.on("ser5", &["test", "-e", "/tmp/here"]).is_success());
    let key = |ran: Ran| ran.succeed();
    let scan = ["ssh-keyscan", "-t", "ed25519", "ser5.internal"];
    assert_ne!(key(lab.on("eagle", &scan)), key(another.on("eagle", &scan)));

    // A lab that is killed takes its hosts along.
    let hosts: Vec<PathBuf> = ["switch", "ser5", "opi01", "eagle"]
        .map(|name| fs::read_to_string(another.folder.join(format!("{name}.pid"))).expect("a host"))
        .map(|pid| PathBuf::from(format!("/proc/{}", pid.trim())))
        .into();
    assert!(hosts.iter().all(|host| host.exists()));
    another.process().kill().expect("it runs");
    let begin = Instant::now();
    // Each is gone, or dead and waiting for whoever adopts it.
    let is_alive = |host: &PathBuf| host.join("exe").read_link().is_ok();
    while hosts.iter().any(is_alive) {
        assert!(begin.elapsed() < Duration::from_secs(5), "hosts outlive their lab");
        thread::sleep(Duration::from_millis(20));
    }
    println!("after SIGKILL of a lab its hosts are gone within {:.1?}", begin.elapsed());
    fs::remove_dir_all(&another.folder).expect("nothing is mounted in it any more");

    // One that ends in order leaves no folder either, and the other was not disturbed.
    let folder = lab.folder.clone();
    lab.on("ser5", &["test", "-e", "/tmp/here"]).succeed();
    drop(lab);
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn a_lab_says_that_it_needs_root() {
    // It is bash that refuses, so any readable copy of the script will do.
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("lab");
    fs::copy(root().join("conformance/lab/lab"), &copy).expect("a copy");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), open).expect("a mode");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "bash"])
        .arg(&copy)
        .args(["/nonexistent/lab", "up"])
        .output()
        .expect("setpriv");
    let said = String::from_utf8_lossy(&output.stderr);
    println!("without root: {said}");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(said, "lab: needs root: it makes namespaces and mounts\n");
}
