//! Every build goes where the inventory says, through real buildx.

use std::thread;

use crate::lab::{BUILDER, Client, EAGLE, Lab, Ran, SER5, copied, platforms_of};

const BOTH: &str = "linux/amd64,linux/arm64";

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn remote_builds_go_to_the_node_of_their_platform() {
    let lab = Lab::remote();
    lab.context("first");
    for client in [EAGLE, SER5] {
        lab.converge(client).succeed();
        assert_eq!(lab.nodes(client), "ser5: linux/amd64; opi01: linux/arm64");
    }

    let (_, ran) = copied(&lab.build(EAGLE, BOTH, "first", "both").succeed_loudly());
    assert_eq!(ran, ["linux/amd64", "linux/arm64"]);
    assert_whereabouts(&lab, "both", "ser5: linux/amd64; opi01: linux/arm64; eagle: -");
    for (host, has) in [("ser5", true), ("opi01", true), ("eagle", false)] {
        let records = lab.cache_records(host);
        println!("cache of {host}: {records} records");
        assert_eq!(records > 0, has, "{host} has {records} cache records");
    }

    // Another client, which reaches its own node through the local socket and shares the caches.
    let (cached, ran) = copied(&lab.build(SER5, BOTH, "first", "again").succeed_loudly());
    assert_eq!((cached.join(" "), ran.join(" ")), ("linux/amd64 linux/arm64".into(), String::new()));
    assert_whereabouts(&lab, "again", "ser5: linux/amd64; opi01: linux/arm64; eagle: -");

    lab.build(EAGLE, "linux/arm64", "first", "arm").succeed_loudly();
    assert_whereabouts(&lab, "arm", "ser5: -; opi01: linux/arm64; eagle: -");
    lab.build(EAGLE, "linux/amd64", "first", "amd").succeed_loudly();
    assert_whereabouts(&lab, "amd", "ser5: linux/amd64; opi01: -; eagle: -");
    // As the inventory's documentation has it: builds that name no platform go to the first node.
    lab.build(EAGLE, "", "first", "plain").succeed_loudly();
    assert_whereabouts(&lab, "plain", "ser5: none asked for; opi01: -; eagle: -");
}

/// The exemption for machines on which no Docker engine can run. Its value is the reason.
const EXEMPTION: &str = "BUILDFLEET_CONFORMANCE_WITHOUT_DOCKER";

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn container_builds_go_to_the_node_of_their_platform() {
    let lab = match (Lab::up("docker-container"), std::env::var(EXEMPTION)) {
        (Ok(lab), _) => lab,
        (Err(why), Ok(reason)) if why.contains("docker") && !reason.trim().is_empty() => {
            return println!("NOT SHOWN: the docker-container driver. {EXEMPTION}={reason}\n{why}");
        }
        (Err(why), _) => panic!("no Docker engine, and no reason in {EXEMPTION}: {why}"),
    };
    lab.context("first");
    for client in [EAGLE, SER5] {
        lab.converge(client).succeed();
        let prefix = format!("{}_{BUILDER}", client.host);
        let expected = format!("{prefix}_ser5: linux/amd64; {prefix}_opi01: linux/arm64");
        assert_eq!(lab.nodes(client), expected);
    }

    // Two clients at once, each with containers of its own on the same two engines.
    let builds = thread::scope(|scope| {
        let build = |client: Client| {
            let lab = &lab;
            scope.spawn(move || lab.build(client, BOTH, "first", client.host))
        };
        [build(EAGLE), build(SER5)].map(|build| build.join().expect("it ends"))
    });
    for build in builds {
        let (_, ran) = copied(&build.succeed_loudly());
        assert_eq!(ran, ["linux/amd64", "linux/arm64"]);
    }
    for client in ["eagle", "ser5"] {
        for (host, platform) in [("ser5", "linux/amd64"), ("opi01", "linux/arm64")] {
            let container = format!("buildx_buildkit_{client}_{BUILDER}_{host}");
            let history = ["exec", &container, "buildctl", "debug", "histories", "--format", "{{json .}}"];
            let built = platforms_of(&docker(&lab, host, &history).succeed(), "");
            println!("{container} on {host} built {built:?}");
            assert_eq!(built, [platform]);
        }
    }
    assert_eq!(docker(&lab, "eagle", &["ps", "--quiet"]).succeed(), "", "the fallback was not asked");

    // A host is down: the fallback's own engine takes over, through its local socket, and gives way again.
    lab.daemon("opi01", "sshd", "stop");
    lab.converge(EAGLE).succeed();
    assert_eq!(
        lab.nodes(EAGLE),
        format!("eagle_{BUILDER}_ser5: linux/amd64; eagle_{BUILDER}_eagle: linux/arm64")
    );
    let (cached, ran) = copied(&lab.build(EAGLE, BOTH, "first", "fallback").succeed_loudly());
    assert_eq!((cached.join(" "), ran.join(" ")), ("linux/amd64".into(), "linux/arm64".into()));
    lab.daemon("opi01", "sshd", "start");
    lab.converge(EAGLE).succeed();
    let (cached, ran) = copied(&lab.build(EAGLE, BOTH, "first", "back").succeed_loudly());
    assert_eq!((cached.join(" "), ran.join(" ")), ("linux/amd64 linux/arm64".into(), String::new()));

    // Containers are not the lab's own children, and cgroups have names: those too are gone.
    let cgroup = lab.cgroup();
    let find = || crate::common::succeed("find", &["/sys/fs/cgroup", "-name", &cgroup]);
    assert_ne!(find(), "", "the containers were in it");
    drop(lab);
    assert_eq!(find(), "");
}

fn docker(lab: &Lab, host: &str, arguments: &[&str]) -> Ran {
    let docker = ["/tools/docker", "--host", "unix:///var/run/docker.sock"];
    lab.on(host, &[&docker, arguments].concat())
}

#[track_caller]
pub fn assert_whereabouts(lab: &Lab, mark: &str, expected: &str) {
    let shown = lab.whereabouts(mark);
    println!("  the build {mark} was made on {shown}");
    assert_eq!(shown, expected, "where the build {mark} was made");
}

impl Ran {
    /// What a build that must succeed said: buildx writes its progress to standard error.
    #[track_caller]
    pub fn succeed_loudly(self) -> String {
        assert!(self.is_success(), "{:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        self.stderr
    }
}
