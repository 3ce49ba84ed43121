//! A real buildkitd that runs with a rendered file, as far as the machine of the test allows.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::common::{root, succeed};

/// Which BuildKit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildKit {
    Newest,
    Oldest,
}

impl BuildKit {
    pub const BOTH: [Self; 2] = [Self::Newest, Self::Oldest];

    /// One of its programs.
    pub fn program(self, name: &str) -> String {
        let folder = match self {
            Self::Newest => "conformance/bin",
            Self::Oldest => "conformance/bin/oldest",
        };
        let path = root().join(folder).join(name);
        assert!(path.exists(), "{} is needed for this test: run conformance/setup", path.display());
        path.into_os_string().into_string().expect("UTF-8")
    }
}

/// A program that ends with the test, and is asked to before it is made to: a daemon that is killed leaves its network
/// namespaces mounted.
pub struct Running(Child);

impl Running {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a status").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let begin = Instant::now();
        if !self.has_ended() {
            let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        }
        while !self.has_ended() {
            if begin.elapsed() > Duration::from_secs(10) {
                let _ = self.0.kill();
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// A scratch folder for daemons, and what they need of a machine and a rendered file names: certificates, containerd.
pub struct Machine {
    // It ends before its folder goes.
    _containerd: Running,
    folder: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let certificate = [
            &["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=lab"][..],
            &["-keyout", &at("key.pem"), "-out", &at("cert.pem")],
        ];
        succeed("openssl", &certificate.concat());
        let config = format!(
            "version = 2\nroot = '{}'\nstate = '{}'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n\
             [grpc]\naddress = '{}'\n[ttrpc]\naddress = '{}'\n",
            at("containerd"),
            at("containerd.state"),
            at("containerd.sock"),
            at("containerd.ttrpc"),
        );
        fs::write(at("containerd.toml"), config).expect("written");
        let containerd = Command::new("containerd")
            .args(["--config", &at("containerd.toml")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("containerd.log")).expect("a log"))
            .spawn()
            .expect("containerd is needed for this test: run conformance/setup");
        Self { folder, _containerd: Running(containerd) }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Flags that replace what a file says of a machine, where that of the test cannot have it: nothing else.
    pub fn stand_ins(&self, config: &Value) -> Vec<String> {
        let mut flags = Vec::new();
        let mut say = |flag: &str, value: String| flags.extend([flag.to_owned(), value]);
        if config["grpc"].get("tls").is_some() {
            say("--tlscert", self.at("cert.pem"));
            say("--tlskey", self.at("key.pem"));
            say("--tlscacert", self.at("cert.pem"));
        }
        if config["grpc"].get("debugAddress").is_some() {
            say("--debugaddr", "127.0.0.1:0".into());
        }
        let oci = &config["worker"]["oci"];
        if oci.get("binary").is_some() {
            say("--oci-worker-binary", "runc".into());
        }
        if oci["networkMode"] == "bridge" {
            say("--oci-worker-net", "host".into());
        }
        if config["worker"]["containerd"].get("address").is_some() {
            say("--containerd-worker-addr", self.at("containerd.sock"));
        }
        flags
    }

    /// Starts a daemon with a rendered file, and asks it for its workers once it serves. `config` is what the file says.
    pub fn workers(&self, buildkit: BuildKit, file: &Path, config: &Value) -> Result<Value, String> {
        let folder = self.folder();
        Daemon::start(buildkit, file, folder.path(), &self.stand_ins(config)).workers()
    }

    /// A folder for a daemon.
    pub fn folder(&self) -> tempfile::TempDir {
        tempfile::tempdir_in(self.folder.path()).expect("a folder")
    }

    /// The size of the disk on which daemons keep their cache, as they count it.
    pub fn disk(&self) -> i64 {
        let disk = rustix::fs::statvfs(self.folder.path()).expect("a file system");
        i64::try_from(disk.f_blocks * disk.f_frsize).expect("a disk")
    }
}

/// A buildkitd.
pub struct Daemon {
    running: Running,
    buildkit: BuildKit,
    folder: PathBuf,
}

impl Daemon {
    pub fn start(buildkit: BuildKit, file: &Path, folder: &Path, flags: &[String]) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let child = Command::new(buildkit.program("buildkitd"))
            .arg("--config")
            .arg(file)
            .args(["--root", &at("root"), "--addr", &format!("unix://{}", at("sock"))])
            .args(["--otel-socket-path", &at("otel")])
            .args(flags)
            // Where Debian has runc and iptables.
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("log")).expect("a log"))
            .spawn()
            .expect("buildkitd starts");
        Self { running: Running(child), buildkit, folder: folder.to_owned() }
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).expect("a log")
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.folder.join("sock").display())
    }

    /// Its workers, as soon as it serves; or what it said, if it ends or does not serve in time.
    pub fn workers(mut self) -> Result<Value, String> {
        self.wait().map(|workers| workers[0].clone())
    }

    pub fn wait(&mut self) -> Result<Value, String> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            if self.running.has_ended() {
                return Err(self.log());
            }
            if self.folder.join("sock").exists() {
                let output = Command::new(self.buildkit.program("buildctl"))
                    .args(["--addr", &self.address(), "--timeout", "10"])
                    .args(["debug", "workers", "--format", "{{json .}}"])
                    .output()
                    .expect("buildctl runs");
                if output.status.success() {
                    return Ok(serde_json::from_slice(&output.stdout).expect("JSON"));
                }
            }
            sleep(Duration::from_millis(50));
        }
        Err(format!("it does not serve:\n{}", self.log()))
    }
}
