//! Each invalid fixture: the report as printed, and that it is about what it is named after.

mod common;

use buildfleet::diag::Code;
use common::{fixtures, folders, inventory, resolve, root};

fn invalid() -> Vec<String> {
    let mut names = folders(&root().join("fixtures/invalid"));
    names.sort();
    names
}

fn bytes(code: &str) -> Vec<u8> {
    match code {
        // Too large for a repository.
        "too-large" => vec![b'#'; 100 * 1024 * 1024],
        _ => inventory(&format!("invalid/{code}")),
    }
}

#[test]
fn each_invalid_inventory_is_told_what_is_wrong() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/invalid");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for code in invalid() {
        let (_, printed) = resolve(bytes(&code));
        assert!(printed.contains(&format!("[{code}]")), "{code}:\n{printed}");
        let known: Code = code.parse().expect("a code");
        // An inventory may have warnings besides the error that it is about.
        for line in printed.lines().filter(|line| line.starts_with("error[")) {
            assert!(line.contains(&format!("[{known}]")), "{code} is about one thing:\n{printed}");
        }
        settings.bind(|| insta::assert_snapshot!(code.as_str(), printed));
    }
}

#[test]
fn what_is_printed_of_the_valid_fixtures() {
    for name in fixtures() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("snapshots/{name}"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("report", resolve(inventory(&name)).1));
    }
}

#[test]
fn private_keys_are_not_printed() {
    for body in [
        "version = 1\nname = '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0",
        "x = -----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0",
    ] {
        let (_, printed) = resolve(body.as_bytes().to_vec());
        assert!(!printed.contains("c2Vj"), "{printed}");
    }
}

#[test]
fn nothing_that_is_cut_short_or_changed_makes_it_panic() {
    let whole = inventory("avalanche");
    for end in (0..whole.len()).step_by(7) {
        resolve(whole.get(..end).expect("within").to_vec());
    }
    // Every byte once replaced by one that ends strings, tables or comments early.
    for (at, with) in (0..whole.len()).step_by(11).zip(b"\"[]={}#\n.\\'\0".iter().cycle()) {
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte = *with;
        }
        resolve(changed);
    }
}

/// A valid inventory of two workers and a client.
const BASE: &str = r#"version = 1

[builders.main]
driver = "remote"
nodes = ["amd", "arm"]
clients = ["desk"]

[hosts.amd]
address = "amd.example"
host-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFTck5zMLAbyb2RjggxCUGWdjPVgN5CIt2KucO+YPDXe"]
[hosts.amd.worker]
platforms = ["linux/amd64"]

[hosts.arm]
address = "arm.example"
host-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtn/FE9CTWoK28DIoHqbICy+DwAv17I/K2plUC6b3EB"]
[hosts.arm.worker]
platforms = ["linux/arm64"]

[hosts.desk.client]
user = "ci"
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJpxbag6LmqfFjlQCtQJfwsSgdjJX4LDcpm3BEl3wkdh"
identity = { path = "/home/ci/.ssh/id" }
"#;

/// The codes that are reported, each once, in the order of the file.
fn codes(printed: &str) -> Vec<&str> {
    let mut codes = Vec::new();
    for line in printed.lines() {
        let code = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["));
        let code = code.and_then(|rest| rest.split(']').next());
        codes.extend(code.filter(|code| !codes.contains(code)));
    }
    codes
}

/// Replaces one text of the base by another.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "`{from}` is there once");
    BASE.replace(from, to)
}

#[test]
fn one_change_gives_one_code() {
    assert_eq!(resolve(BASE.into()).1, "");
    let identity = "identity = { path = \"/home/ci/.ssh/id\" }";
    let user = "user = \"ci\"";
    let worker = "platforms = [\"linux/arm64\"]";
    let version = "version = 1";
    for (from, to, code) in [
        (
            identity,
            "identity = { path = \"/home/ci/.ssh/id\", copy-from = \"/home/ci/.ssh/id\" }",
            "identity-unreachable",
        ),
        (
            identity,
            "identity = { path = \"/home/ci/.ssh/id\", copy-from = \"/nix/store/x/id\" }",
            "identity-unreachable",
        ),
        (
            identity,
            "identity = { path = \"/a/id\", copy-from = \"/b/id\", owner = \"root\" }",
            "identity-unreachable",
        ),
        (
            identity,
            "identity = { path = \"/a/id\", copy-from = \"/b/id\", mode = \"0644\" }",
            "invalid-value",
        ),
        (identity, "identity = { path = \"/a/id\", mode = \"0600\" }", "key-not-used"),
        (user, "preset = \"gitea-actions-runner\"", "missing-key"),
        (user, "preset = \"gitea-actions-runner\"\ninstances = [\"a\"]\nhome = \"/srv/x\"", "invalid-path"),
        (user, "user = \"ci\"\nbefore = [\"ci.timer\"]", "invalid-unit"),
        (user, "user = \"ci\"\nnix = { build-machines = false, ssh-key = \"/root/id\" }", "key-not-used"),
        (worker, "platforms = [\"linux/arm64\"]\nendpoint = \"tcp://arm.example:1234\"", "tcp-without-tls"),
        (
            worker,
            "platforms = [\"linux/arm64\"]\nexecutor = \"containerd\"\nbinary = \"crun\"",
            "key-not-used",
        ),
        (
            worker,
            "platforms = [\"linux/arm64\"]\nmaxUsedSpace = \"6GB\"\ngcpolicy = [{ maxUsedSpace = \"5GB\" }]",
            "key-not-used",
        ),
        (worker, "platforms = [\"linux/arm64\"]\nnix = { max-jobs = 2 }", "key-not-used"),
        (worker, "platforms = [\"linux/arm64\"]\nbridgeSubnet = \"x\"", "invalid-address"),
        (worker, "platforms = [\"linux/arm64\"]\nlabels = { a = 1 }", "wrong-type"),
        (version, "version = 1\naccount.user = \"root\"", "reserved-name"),
        (version, "version = 1\nbuildkitd.dns.nameservers = [\"ns.example\"]", "invalid-address"),
        (version, "version = 1\n# AGE-SECRET-KEY-1QQQQ", "private-key"),
        ("driver = \"remote\"", "driver = \"remote\"\nprobe-interval = \"1m\"", "key-not-used"),
        ("[builders.main]", "[builders.Main]", "invalid-name"),
        ("address = \"arm.example\"", "address = \"arm.example\"\ncomments.cdi = \"x\"", "key-not-used"),
        ("[hosts.desk.client]", "[hosts.desk]\nport = 23\n[hosts.desk.client]", "key-not-used"),
        (
            "[hosts.desk.client]",
            "[hosts.desk]\nos = \"other\"\n[hosts.desk.client]\nhome = \"/home/ci\"",
            "key-not-used",
        ),
    ] {
        let (_, printed) = resolve(changed(from, to).into_bytes());
        assert_eq!(codes(&printed), [code], "{to}:\n{printed}");
    }
}

#[test]
fn nix_over_tcp_needs_what_ssh_needs() {
    let tls = "buildkitd.grpc.tls = { cert = \"/a\", key = \"/b\", ca = \"/c\" }\n";
    let text = changed("version = 1", &format!("version = 1\n{tls}"))
        .replace("address = \"arm.example\"\n", "")
        .replace(
            "platforms = [\"linux/arm64\"]",
            "platforms = [\"linux/arm64\"]\nendpoint = \"tcp://arm.example:1234\"",
        )
        .replace(
            "user = \"ci\"",
            "user = \"ci\"\ntls = { ca = \"/a\", cert = \"/b\", key = \"/c\" }\nnix.build-machines = true",
        );
    let (_, printed) = resolve(text.into_bytes());
    assert_eq!(codes(&printed), ["missing-key"], "{printed}");
}

#[test]
fn private_keys_are_found_wherever_they_stand() {
    let pem = "-----BEGIN OPENSSH PRIVATE KEY----- c2VjcmV0 -----END OPENSSH PRIVATE KEY-----";
    for (from, to) in [
        ("version = 1", format!("version = 1\n# {pem}")),
        ("version = 1", format!("version = 1\n\"{pem}\" = 1")),
        ("version = 1", format!("version = 1\n[hosts.\"{pem}\"]")),
        (
            "platforms = [\"linux/arm64\"]",
            format!("platforms = [\"linux/arm64\"]\nlabels = {{ a = \"{pem}\" }}"),
        ),
        (
            "platforms = [\"linux/arm64\"]",
            format!("platforms = [\"linux/arm64\"]\nlabels = {{ \"{pem}\" = \"a\" }}"),
        ),
        (
            "platforms = [\"linux/arm64\"]",
            format!("platforms = [\"linux/arm64\"]\nstargzSnapshotter = {{ a = [{{ b = \"{pem}\" }}] }}"),
        ),
        (
            "platforms = [\"linux/arm64\"]",
            format!(
                "platforms = [\"linux/arm64\"]\nlabels = {{ a = \"{}\" }}",
                pem.replace("-----B", "\\u002d----B")
            ),
        ),
    ] {
        let (fleet, printed) = resolve(changed(from, &to).into_bytes());
        assert!(fleet.is_none() && codes(&printed).contains(&"private-key"), "{to}:\n{printed}");
        assert!(!printed.contains("c2Vj"), "{printed}");
    }
}

#[test]
fn long_lines_and_many_problems_stay_readable() {
    let names: Vec<_> = (0..5_000).map(|n| format!("\"x{n}\"")).collect();
    let (_, printed) = resolve(changed("\"amd\", \"arm\"", &names.join(", ")).into_bytes());
    assert!(
        printed.contains("--> inventory.toml:5:"),
        "{}",
        printed.lines().take(9).collect::<Vec<_>>().join("\n")
    );
    assert!(printed.contains("more, which are not shown"));
    assert!(printed.len() < 1_000_000, "{} bytes", printed.len());
}

#[test]
fn the_name_of_the_file_cannot_write_to_a_terminal() {
    let source =
        buildfleet::diag::Source::from_bytes("a\u{1b}[31m\nb", b"version = 2".to_vec()).expect("text");
    let mut report = buildfleet::diag::Report::new();
    buildfleet::inventory::Inventory::read(&source, &mut report);
    let printed = buildfleet::diag::print::report(report, &source, buildfleet::diag::print::Colour::Never);
    assert!(!printed.contains('\u{1b}') && !printed.contains("m\nb"), "{printed}");
}
