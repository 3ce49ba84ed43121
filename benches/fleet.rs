//! How long fleets of growing size take: validated, rendered and published to a scratch folder.
//!
//! `cargo bench` prints a line per size: seconds of each stage, hosts per second, cost per host, bytes and peak
//! memory. Each size runs in a process of its own, so that its peak memory is its own. `--quick` leaves out the
//! largest.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use buildfleet::diag::{Report, Source};
use buildfleet::fleet::Fleet;
use buildfleet::inventory::Inventory;
use buildfleet::plan::Plan;
use buildfleet::publish::publish;
use buildfleet::render::render;
use camino::Utf8Path;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(hosts) = args.iter().find_map(|arg| arg.strip_prefix("--hosts=")) {
        run(hosts.parse().expect("a number"));
        return;
    }
    println!(
        "{:>7} {:>8} {:>8} {:>8} {:>10} {:>12} {:>7} {:>9} {:>9}",
        "hosts", "check s", "render s", "write s", "hosts/s", "µs per host", "files", "MB", "peak MB"
    );
    let sizes: &[usize] =
        if args.iter().any(|arg| arg == "--quick") { &[10, 1_000] } else { &[10, 1_000, 10_000] };
    for hosts in sizes {
        let program = std::env::current_exe().expect("this program");
        let status = Command::new(program).arg(format!("--hosts={hosts}")).status().expect("a process");
        assert!(status.success(), "{hosts} hosts");
    }
}

fn run(hosts: usize) {
    let inventory = inventory(hosts);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let target = Utf8Path::from_path(folder.path()).expect("UTF-8").join("rendered");
    // What is done once for the whole process, such as compiling templates, is not what is measured.
    let begin = Instant::now();
    let source = Source::from_bytes("inventory.toml", inventory.into_bytes()).expect("text");
    let mut report = Report::new();
    let read = Inventory::read(&source, &mut report);
    let fleet = read.and_then(|inventory| Fleet::resolve(inventory, &mut report));
    let fleet = fleet.unwrap_or_else(|| panic!("valid: {:?}", report.into_sorted().first()));
    let checked = begin.elapsed();
    let artefacts = render(&Plan::of(&fleet)).expect("it renders");
    let rendered = begin.elapsed();
    publish(&artefacts, &target).expect("published");
    let written = begin.elapsed();
    let bytes: usize = artefacts.iter().map(|artefact| artefact.bytes.len()).sum();
    let seconds = |from: Duration, to: Duration| (to - from).as_secs_f64();
    println!(
        "{hosts:>7} {:>8.3} {:>8.3} {:>8.3} {:>10.0} {:>12.1} {:>7} {:>9.1} {:>9.1}",
        checked.as_secs_f64(),
        seconds(checked, rendered),
        seconds(rendered, written),
        hosts as f64 / written.as_secs_f64(),
        written.as_secs_f64() * 1e6 / hosts as f64,
        artefacts.len(),
        bytes as f64 / 1e6,
        peak_megabytes(),
    );
}

/// The most memory that the process has had, from the kernel's accounts.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

/// A fleet of that many hosts, forty to a builder: workers of three platforms, clients, hosts that are both, and
/// clients that NixOS does not manage.
fn inventory(hosts: usize) -> String {
    let mut out = String::from(
        "version = 1\nname = \"bench\"\n\n[worker]\nmaxUsedSpace = \"60%\"\nreservedSpace = \"10GB\"\nminFreeSpace = \"20%\"\n\n[registries.\"forge.internal:5000\"]\nca = [\"/etc/pki/forge.pem\"]\n",
    );
    let per_builder = 40;
    for (number, first) in (0..hosts).step_by(per_builder).enumerate() {
        let members: Vec<usize> = (first..hosts.min(first + per_builder)).collect();
        let names = |wanted: &dyn Fn(usize) -> bool| {
            let names = members.iter().filter(|host| wanted(**host)).map(|host| format!("\"h{host}\""));
            names.collect::<Vec<_>>().join(", ")
        };
        let driver = if number % 3 == 2 { "docker-container" } else { "remote" };
        let _ = write!(
            out,
            "\n[builders.b{number}]\ndriver = \"{driver}\"\nnodes = [{}]\nclients = [{}]\n",
            names(&|host| host % 4 != 3),
            names(&|host| host % 4 == 3 || host % 8 == 0),
        );
    }
    for host in 0..hosts {
        let _ = write!(
            out,
            "\n[hosts.h{host}]\naddress = \"h{host}.internal\"\nhost-keys = [\"{}\"]\ndescription = \"Host {host}\"\n{}",
            key(host, 0),
            if host % 8 == 7 { "os = \"other\"\n" } else { "" },
        );
        if host % 4 != 3 {
            let (platform, first) = match host % 4 {
                0 => ("linux/amd64", host % 40 == 0),
                1 => ("linux/arm64", host % 40 == 1),
                _ => ("linux/riscv64", host % 40 == 2),
            };
            let _ = write!(
                out,
                "[hosts.h{host}.worker]\nplatforms = [\"{platform}\"]\nmax-parallelism = {}\nfallback = {}\n",
                host % 16 + 1,
                !first,
            );
        }
        if host % 4 == 3 || host % 8 == 0 {
            let _ = write!(
                out,
                "[hosts.h{host}.client]\nuser = \"ci\"\npublic-key = \"{} h{host}\"\nidentity.path = \"/home/ci/.ssh/id\"\n",
                key(host, 1)
            );
        }
    }
    out
}

/// A well-formed Ed25519 public key that nobody has the private half of.
fn key(host: usize, kind: u8) -> String {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    let mut key = [kind; 32];
    key[..8].copy_from_slice(&host.to_be_bytes());
    blob.extend(key);
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob))
}
