//! A node goes down, and comes back.
//!
//! What must hold for builds that run all the while, whatever happens to the node:
//!
//! 1. buildx's file is there and whole at every look, and names exactly one node for each platform.
//! 2. A build that fails overlaps a time in which the file named a node that was down: from the fault to the end of the
//!    next converge run. All other builds succeed, among them those during which a node is exchanged for another.
//! 3. A build that fails says that a node does not answer, never that a builder is missing or cannot be read.
//! 4. Nothing is ever built by a daemon that does not have its platform.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::lab::{Client, EAGLE, Lab, Ran, SER5, copied, nodes_of};
use crate::routing::assert_whereabouts;

const BOTH: &str = "linux/amd64,linux/arm64";
const PRIMARY: &str = "ser5: linux/amd64; opi01: linux/arm64";
const FALLBACK: &str = "ser5: linux/amd64; eagle: linux/arm64";
/// The script's own limit: ten seconds for each candidate of the platform that has the most of them, which is two.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn the_fallback_takes_over_and_gives_way() {
    let lab = Lab::remote();
    lab.context("kept");
    lab.converge(EAGLE).succeed();
    lab.build(EAGLE, BOTH, "kept", "kept").succeed_loudly();

    let faults: [(&str, Step, Step); 4] = [
        (
            "sshd is stopped",
            |lab| lab.daemon("opi01", "sshd", "stop"),
            |lab| {
                lab.daemon("opi01", "sshd", "start");
            },
        ),
        (
            "the link is cut",
            |lab| lab.link("opi01", "down"),
            |lab| {
                lab.link("opi01", "up");
                lab.until_reached("opi01");
            },
        ),
        (
            "buildkitd is stopped",
            |lab| lab.daemon("opi01", "buildkitd", "stop"),
            |lab| {
                lab.daemon("opi01", "buildkitd", "start");
            },
        ),
        (
            "buildkitd hangs",
            |lab| lab.daemon("opi01", "buildkitd", "pause"),
            |lab| {
                lab.daemon("opi01", "buildkitd", "continue");
            },
        ),
    ];
    let outages = Builds::run_beside(&lab, |builds| {
        let mut outages = Vec::new();
        for (number, (what, fault, repair)) in faults.iter().enumerate() {
            let context = format!("outage-{number}");
            lab.context(&context);
            builds.wait_for_success();

            let begin = Instant::now();
            fault(&lab);
            println!("{what} on opi01");
            let converged = lab.converge(EAGLE);
            outages.push((begin, converged.end));
            println!("{what}: the fallback is in place {:.1?} after the fault", begin.elapsed());
            assert!(converged.took() < LIMIT, "{what}: it took {:?}", converged.took());
            assert!(converged.stdout.contains("opi01 -> eagle (opi01 does not answer: "), "{converged:?}");
            assert_eq!(converged.code, Some(0), "a fallback in use is no failure");
            assert_eq!(lab.nodes(EAGLE), FALLBACK);
            lab.build(EAGLE, BOTH, &context, &context).succeed_loudly();
            builds.wait_for_success();

            // Back up. The fallback serves until the node is exchanged, so no build may fail from here on.
            repair(&lab);
            assert_whereabouts(&lab, &context, "ser5: linux/amd64; opi01: -; eagle: linux/arm64");
            let converged = lab.converge(EAGLE);
            assert!(converged.took() < LIMIT, "{what}: it took {:?}", converged.took());
            assert_eq!((converged.code, lab.nodes(EAGLE).as_str()), (Some(0), PRIMARY));
            let mark = format!("back-{number}");
            lab.build(EAGLE, BOTH, &context, &mark).succeed_loudly();
            assert_whereabouts(&lab, &mark, "ser5: linux/amd64; opi01: linux/arm64; eagle: -");
        }
        // The fallback's cache is there when it is needed again.
        lab.build(EAGLE, BOTH, "kept", "kept-before").succeed_loudly();
        outages
    });
    outages.judge(&lab);

    // Caches: each node still has what it built first.
    let (cached, ran) = copied(&lab.build(EAGLE, BOTH, "kept", "kept-after").succeed_loudly());
    println!("rebuilt on ser5 and opi01: cached {cached:?}, ran {ran:?}");
    assert_eq!((cached.join(" "), ran.is_empty()), (BOTH.replace(',', " "), true));
    lab.daemon("opi01", "sshd", "stop");
    lab.converge(EAGLE).succeed();
    for number in 0..faults.len() {
        let context = format!("outage-{number}");
        let (cached, ran) = copied(&lab.build(EAGLE, BOTH, &context, "rebuilt").succeed_loudly());
        println!("{context} rebuilt on ser5 and eagle: cached {cached:?}, ran {ran:?}");
        assert_eq!((cached.join(" "), ran.is_empty()), (BOTH.replace(',', " "), true));
    }
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn with_nobody_left_the_build_fails_and_goes_nowhere_else() {
    let lab = Lab::remote();
    lab.context("nobody");
    lab.converge(EAGLE).succeed();
    for hosts in [["eagle", "opi01"], ["opi01", "eagle"]] {
        // In the second round the fallback is in use when the last candidate goes.
        let Some((first, second)) = hosts.split_first() else { unreachable!("two hosts") };
        lab.daemon(first, "buildkitd", "stop");
        lab.converge(EAGLE).succeed();
        second.iter().for_each(|host| lab.daemon(host, "buildkitd", "stop"));

        let converged = lab.converge(EAGLE);
        assert!(converged.took() < LIMIT, "it took {:?}", converged.took());
        assert_eq!(converged.code, Some(1));
        assert!(
            converged.stderr.contains("linux/arm64: nobody answers, keeping opi01: opi01 does not answer: "),
            "{converged:?}"
        );
        assert_eq!(lab.nodes(EAGLE), PRIMARY, "the preferred node stays");
        let mark = format!("nobody-{first}");
        // buildx tries for 20 s, so once must do.
        if first == &"eagle" {
            hosts.iter().for_each(|host| lab.daemon(host, "buildkitd", "start"));
            continue;
        }
        let build = lab.build(EAGLE, "linux/arm64", "nobody", &mark);
        println!("a build for linux/arm64: exit {:?} after {:.1?}", build.code, build.took());
        println!("  {}", build.stderr.lines().last().unwrap_or_default());
        assert_eq!(build.code, Some(1), "{build:?}");
        assert!(build.stderr.contains("ERROR: "), "{build:?}");
        // What was there keeps working.
        let amd = format!("amd-{first}");
        lab.build(EAGLE, "linux/amd64", "nobody", &amd).succeed_loudly();

        hosts.iter().for_each(|host| lab.daemon(host, "buildkitd", "start"));
        assert_whereabouts(&lab, &mark, "ser5: -; opi01: -; eagle: -");
        assert_whereabouts(&lab, &amd, "ser5: linux/amd64; opi01: -; eagle: -");
        lab.converge(EAGLE).succeed();
        assert_eq!(lab.nodes(EAGLE), PRIMARY);
    }
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn a_second_run_writes_nothing() {
    let lab = Lab::remote();
    for (what, nodes) in [("all are up", PRIMARY), ("opi01 is down", FALLBACK), ("nobody is left", PRIMARY)] {
        match what {
            "opi01 is down" => lab.daemon("opi01", "sshd", "stop"),
            "nobody is left" => lab.daemon("eagle", "buildkitd", "stop"),
            _ => {}
        }
        lab.converge(EAGLE);
        let before = state(&lab, EAGLE);
        // A file system's clock may be coarse.
        sleep(Duration::from_millis(50));
        let again = lab.converge(EAGLE);
        assert_eq!(again.stdout, "");
        assert_eq!(state(&lab, EAGLE), before, "{what}");
        assert_eq!(lab.nodes(EAGLE), nodes);
        println!("{what}: {} files and folders as they were, by inode, times and size", before.len());
    }
}

#[test]
#[ignore = "needs root and the conformance tools: conformance/setup"]
fn clients_at_once_do_not_harm_each_other() {
    const ROUNDS: usize = 6;
    let lab = Lab::remote();
    lab.context("shared");
    for client in [EAGLE, SER5] {
        lab.converge(client).succeed();
    }
    // Both build, while two runs at a time converge for each.
    thread::scope(|scope| {
        for client in [EAGLE, SER5] {
            let lab = &lab;
            scope.spawn(move || {
                for number in 0..ROUNDS {
                    let mark = format!("{}-{number}", client.host);
                    lab.build(client, BOTH, "shared", &mark).succeed_loudly();
                }
            });
            for _ in 0..2 {
                scope.spawn(move || (0..ROUNDS).for_each(|_| drop(lab.converge(client).succeed())));
            }
        }
    });
    for client in [EAGLE, SER5] {
        for number in 0..ROUNDS {
            let mark = format!("{}-{number}", client.host);
            assert_eq!(lab.whereabouts(&mark), "ser5: linux/amd64; opi01: linux/arm64; eagle: -", "{mark}");
        }
    }
    println!("{} two-platform builds of two clients: all on their nodes", 2 * ROUNDS);

    // One moves to the fallback; the other, which has not noticed, keeps what it has.
    lab.daemon("opi01", "sshd", "stop");
    let before = state(&lab, SER5);
    lab.converge(EAGLE).succeed();
    assert_eq!((lab.nodes(EAGLE).as_str(), lab.nodes(SER5).as_str()), (FALLBACK, PRIMARY));
    assert_eq!(state(&lab, SER5), before);
    lab.converge(SER5).succeed();
    assert_eq!(lab.nodes(SER5), FALLBACK);
    lab.build(SER5, BOTH, "shared", "other").succeed_loudly();
    assert_whereabouts(&lab, "other", "ser5: linux/amd64; opi01: -; eagle: linux/arm64");
}

type Step = fn(&Lab);

impl Lab {
    /// Waits until eagle gets through to a host: a cable that was pulled takes a moment to carry again.
    fn until_reached(&self, host: &str) {
        let name = format!("{host}.internal");
        let ping = ["ssh-keyscan", "-T", "1", "-t", "ed25519", &name];
        let begin = Instant::now();
        while !self.on("eagle", &ping).is_success() {
            assert!(begin.elapsed() < Duration::from_secs(20), "{host} is not reached again");
        }
    }
}

/// Inode, modification and change time, and size of all that buildx and the script keep for a client, by path.
fn state(lab: &Lab, client: Client) -> BTreeMap<String, (u64, i64, i64, i64, i64, u64)> {
    fn walk(path: &Path, found: &mut BTreeMap<String, (u64, i64, i64, i64, i64, u64)>) {
        let it = fs::symlink_metadata(path).expect("it is there");
        let times = (it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec());
        found.insert(path.display().to_string(), (it.ino(), times.0, times.1, times.2, times.3, it.len()));
        if it.is_dir() {
            fs::read_dir(path).expect("a folder").for_each(|it| walk(&it.expect("an entry").path(), found));
        }
    }
    let mut found = BTreeMap::new();
    walk(&lab.path(client.host, &format!("{}/.docker", client.home)), &mut found);
    found
}

/// Builds that start once a second, each on its own, beside something else, with an eye on buildx's file all the while.
struct Builds<'a> {
    lab: &'a Lab,
    done: Mutex<Vec<Ran>>,
    stop: AtomicBool,
    looks: AtomicUsize,
    /// What was wrong with the file.
    broken: Mutex<Vec<String>>,
    /// What the file named, and at how many looks.
    seen: Mutex<BTreeMap<String, usize>>,
}

/// What is left to judge when all have ended.
struct Outcome {
    outages: Vec<(Instant, Instant)>,
    builds: Vec<Ran>,
    looks: usize,
    broken: Vec<String>,
    seen: BTreeMap<String, usize>,
}

impl<'a> Builds<'a> {
    /// Runs them beside `story`, which says when the node in use was down.
    fn run_beside(lab: &'a Lab, story: impl FnOnce(&Self) -> Vec<(Instant, Instant)>) -> Outcome {
        lab.context("loop");
        let builds = Self {
            lab,
            done: Mutex::default(),
            stop: AtomicBool::new(false),
            looks: AtomicUsize::new(0),
            broken: Mutex::default(),
            seen: Mutex::default(),
        };
        let outages = thread::scope(|scope| {
            // Ends the other threads also if the story panics.
            struct Stop<'b>(&'b AtomicBool);
            impl Drop for Stop<'_> {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            let stop = Stop(&builds.stop);
            scope.spawn(|| builds.look());
            scope.spawn(|| {
                while !builds.stop.load(Ordering::Relaxed) {
                    scope.spawn(|| {
                        let ran = lab.build(EAGLE, BOTH, "loop", "loop");
                        builds.done.lock().expect("no panic").push(ran);
                    });
                    sleep(Duration::from_secs(1));
                }
            });
            let outages = story(&builds);
            drop(stop);
            outages
        });
        Outcome {
            outages,
            builds: builds.done.into_inner().expect("no panic"),
            looks: builds.looks.into_inner(),
            broken: builds.broken.into_inner().expect("no panic"),
            seen: builds.seen.into_inner().expect("no panic"),
        }
    }

    fn look(&self) {
        let path = self.lab.instance(EAGLE);
        while !self.stop.load(Ordering::Relaxed) {
            let named = fs::read(&path).map_err(|error| error.to_string()).and_then(|text| nodes_of(&text));
            match named {
                Ok(nodes) => *self.seen.lock().expect("no panic").entry(nodes).or_default() += 1,
                Err(why) => self.broken.lock().expect("no panic").push(why),
            }
            self.looks.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_micros(300));
        }
    }

    /// Waits for a build to succeed that started after now.
    #[track_caller]
    fn wait_for_success(&self) {
        let now = Instant::now();
        let is_one = |ran: &Ran| ran.begin > now && ran.is_success();
        while !self.done.lock().expect("no panic").iter().any(is_one) {
            assert!(now.elapsed() < Duration::from_secs(30), "no build in the loop succeeds any more");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Outcome {
    fn judge(&self, lab: &Lab) {
        let (fine, failed): (Vec<_>, Vec<_>) = self.builds.iter().partition(|ran| ran.is_success());
        println!("builds in the loop: {} succeeded, {} failed", fine.len(), failed.len());
        println!("looks at buildx's file: {}, broken {}: {:?}", self.looks, self.broken.len(), self.seen);
        assert_eq!(self.broken, Vec::<String>::new());
        assert!(self.looks > 1000, "{} looks", self.looks);
        assert_eq!(self.seen.keys().collect::<Vec<_>>(), [FALLBACK, PRIMARY]);
        assert!(fine.len() >= 10, "only {} builds succeeded", fine.len());

        for ran in failed {
            let overlaps = |(begin, end): &&(Instant, Instant)| ran.begin < *end && ran.end > *begin;
            let error = ran.stderr.lines().last().unwrap_or_default();
            assert!(
                self.outages.iter().find(overlaps).is_some(),
                "a build failed while its nodes were up:\n{}",
                ran.stderr
            );
            println!("  failed after {:.1?}, as its node was down: {error}", ran.took());
            let excused =
                ["context deadline exceeded", "Unavailable", "closing transport", "EOF", "connection"];
            assert!(
                excused.iter().any(|text| error.contains(text)),
                "not for want of an answer:\n{}",
                ran.stderr
            );
        }
        for (host, platform) in [("ser5", "linux/amd64"), ("opi01", "linux/arm64"), ("eagle", "linux/arm64")]
        {
            let mut built = lab.built(host, "");
            let count = built.len();
            built.dedup();
            println!("{host} has built {count} times, for {built:?}");
            assert_eq!(built, [platform], "{host}");
        }
    }
}
