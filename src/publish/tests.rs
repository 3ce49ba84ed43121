//! Publishing into real folders.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use scratch::Scratch;

use super::*;
use crate::render::Mode;

/// A scratch folder whose path is UTF-8.
mod scratch {
    use super::*;

    pub struct Scratch(
        #[expect(dead_code, reason = "dropping it removes the folder")] tempfile::TempDir,
        Utf8PathBuf,
    );

    impl Scratch {
        pub fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
            Self(folder, path)
        }

        pub fn join(&self, path: &str) -> Utf8PathBuf {
            self.1.join(path)
        }

        /// Everything in the folder, for comparison: path, inode, mode, times and content.
        pub fn everything(&self) -> BTreeMap<Utf8PathBuf, String> {
            let mut seen = BTreeMap::new();
            let mut folders = vec![self.1.clone()];
            while let Some(folder) = folders.pop() {
                for entry in folder.read_dir_utf8().expect("a folder").map(|entry| entry.expect("an entry")) {
                    let m = fs::symlink_metadata(entry.path()).expect("metadata");
                    let content =
                        if m.is_file() { fs::read(entry.path()).expect("content") } else { Vec::new() };
                    let what =
                        format!("{} {:o} {}.{} {content:?}", m.ino(), m.mode(), m.mtime(), m.mtime_nsec());
                    seen.insert(entry.path().to_owned(), what);
                    if m.is_dir() {
                        folders.push(entry.path().to_owned());
                    }
                }
            }
            seen
        }

        pub fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = self
                .1
                .read_dir_utf8()
                .expect("a folder")
                .map(|entry| entry.expect("an entry").file_name().to_owned())
                .collect();
            names.sort();
            names
        }
    }
}

fn file(path: &str, text: &str) -> Artefact {
    Artefact { path: path.into(), bytes: text.into(), mode: Mode::Data }
}

fn program(path: &str, text: &str) -> Artefact {
    Artefact { path: path.into(), bytes: text.into(), mode: Mode::Program }
}

fn two() -> Vec<Artefact> {
    vec![file("hosts/ser5/buildkitd.toml", "debug = false\n"), program("hosts/ser5/setup.sh", "#!/bin/sh\n")]
}

fn mode(path: &Utf8Path) -> u32 {
    fs::metadata(path).expect("metadata").mode() & 0o7777
}

#[test]
fn a_tree_appears_whole_with_its_modes() {
    let scratch = Scratch::new();
    let target = scratch.join("deep/rendered");
    let changes = publish(&two(), &target).expect("published");
    assert_eq!(changes, Changes { files: 2, changed: 2, removed: 0, written: true, kept: None });
    assert_eq!(fs::read_to_string(target.join("hosts/ser5/setup.sh")).expect("content"), "#!/bin/sh\n");
    assert_eq!(mode(&target.join("hosts/ser5/setup.sh")), 0o755);
    assert_eq!(mode(&target.join("hosts/ser5/buildkitd.toml")), 0o644);
    assert_eq!(mode(&target.join(manifest::NAME)), 0o644);
    assert_eq!(mode(&target.join("hosts")), 0o755);
    assert_eq!(mode(&target), 0o755);
    assert_eq!(scratch.names(), ["deep"]);
}

#[test]
fn the_manifest_lists_what_is_there() {
    let scratch = Scratch::new();
    publish(&two(), &scratch.join("rendered")).expect("published");
    let text = fs::read_to_string(scratch.join("rendered/manifest.json")).expect("content");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let at = |pointer| json.pointer(pointer).and_then(serde_json::Value::as_str);
    assert_eq!(at("/generator/name"), Some("buildfleet"));
    assert_eq!(at("/generator/version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(at("/files/0/path"), Some("hosts/ser5/buildkitd.toml"));
    assert_eq!(at("/files/1/mode"), Some("0755"));
    // As `sha256sum` says.
    assert_eq!(
        at("/files/1/sha256"),
        Some("a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf")
    );
    assert!(text.ends_with("}\n"));
    let mut turned = two();
    turned.reverse();
    assert!(
        !publish(&turned, &scratch.join("rendered")).expect("published").written,
        "the order is the manifest's"
    );
}

#[test]
fn nothing_is_written_when_nothing_differs() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    let before = scratch.everything();
    let changes = publish(&two(), &target).expect("published");
    assert_eq!(changes, Changes { files: 2, changed: 0, removed: 0, written: false, kept: None });
    assert_eq!(scratch.everything(), before);
}

#[test]
fn what_stays_keeps_its_inode_and_time() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    let before = scratch.everything();
    let artefacts =
        [file("hosts/ser5/buildkitd.toml", "debug = false\n"), file("hosts/opi01/new.toml", "x = 1\n")];
    let changes = publish(&artefacts, &target).expect("published");
    assert_eq!(changes, Changes { files: 2, changed: 1, removed: 1, written: true, kept: None });
    let after = scratch.everything();
    let stays = target.join("hosts/ser5/buildkitd.toml");
    assert_eq!(before.get(&stays), after.get(&stays));
    assert!(!after.contains_key(&target.join("hosts/ser5/setup.sh")));
    assert!(after.contains_key(&target.join("hosts/opi01/new.toml")));
    assert_eq!(scratch.names(), ["rendered"]);
}

#[test]
fn an_empty_folder_gives_way() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("rendered")).expect("a folder");
    publish(&two(), &scratch.join("rendered/")).expect("published");
    assert!(scratch.join("rendered/hosts").is_dir());
}

#[test]
fn a_missing_file_and_a_wrong_mode_are_mended() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    fs::set_permissions(target.join("hosts/ser5/setup.sh"), fs::Permissions::from_mode(0o600))
        .expect("chmod");
    fs::remove_file(target.join("hosts/ser5/buildkitd.toml")).expect("removed");
    assert_eq!(publish(&two(), &target).expect("published").changed, 2);
    assert_eq!(mode(&target.join("hosts/ser5/setup.sh")), 0o755);
    assert!(!publish(&two(), &target).expect("published").written);
}

/// Publishes over what `prepare` did, and expects a refusal that leaves everything as it was.
fn refused(prepare: impl FnOnce(&Utf8Path)) -> PublishError {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    prepare(&target);
    let before = scratch.everything();
    let error = publish(&[file("a", "new")], &target).expect_err("refused");
    assert_eq!(scratch.everything(), before);
    error
}

#[test]
fn what_is_no_folder_is_refused() {
    let error = refused(|target| fs::write(target, "mine").expect("written"));
    assert!(matches!(error, PublishError::NotAFolder(_)), "{error}");
    let error = refused(|target| {
        fs::create_dir(target.with_file_name("elsewhere")).expect("a folder");
        symlink("elsewhere", target).expect("a link");
    });
    assert!(matches!(error, PublishError::Symlink(_)), "{error}");
    let error = refused(|target| symlink("nowhere", target).expect("a link"));
    assert!(matches!(error, PublishError::Symlink(_)), "{error}");
}

#[test]
fn a_link_with_a_slash_is_a_link() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("elsewhere")).expect("a folder");
    symlink("elsewhere", scratch.join("rendered")).expect("a link");
    let error = publish(&two(), &scratch.join("rendered/")).expect_err("refused");
    assert!(matches!(error, PublishError::Symlink(_)), "{error}");
}

#[test]
fn a_folder_that_is_not_ours_is_refused() {
    for manifest in
        [None, Some("{}"), Some(""), Some(r#"{"generator":{"name":"x","version":"1"},"files":[]}"#)]
    {
        let error = refused(|target| {
            fs::create_dir(target).expect("a folder");
            fs::write(target.join("notes"), "mine").expect("written");
            if let Some(manifest) = manifest {
                fs::write(target.join("manifest.json"), manifest).expect("written");
            }
        });
        assert!(matches!(error, PublishError::NotOurs(_)), "{error}");
    }
}

#[test]
fn what_a_person_put_there_or_changed_is_named_and_kept() {
    let error = refused(|target| {
        publish(&two(), target).expect("published");
        fs::write(target.join("hosts/ser5/setup.sh"), "mine").expect("written");
        fs::write(target.join("hosts/notes"), "mine").expect("written");
        symlink("/etc/passwd", target.join("hosts/link")).expect("a link");
    });
    let text = error.to_string();
    assert!(text.contains("  `hosts/link`: not written by buildfleet\n"), "{text}");
    assert!(text.contains("  `hosts/notes`: not written by buildfleet\n"), "{text}");
    assert!(text.contains("  `hosts/ser5/setup.sh`: changed since buildfleet wrote it\n"), "{text}");
    assert!(text.ends_with("move these away or delete them, then render again"), "{text}");
}

#[test]
fn an_artefact_does_not_replace_a_file_of_its_name_that_is_not_ours() {
    let error = refused(|target| {
        publish(&two(), target).expect("published");
        fs::write(target.join("a"), "mine").expect("written");
    });
    assert!(matches!(error, PublishError::Foreign { .. }), "{error}");
}

#[test]
fn many_foreign_files_are_counted() {
    let error = refused(|target| {
        publish(&two(), target).expect("published");
        (0..30).for_each(|n| fs::write(target.join(format!("n{n}")), "mine").expect("written"));
    });
    assert!(error.to_string().contains("and 20 more"), "{error}");
}

#[test]
fn a_file_that_is_already_as_wanted_is_welcome() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    fs::write(target.join("a"), "new").expect("written");
    assert!(publish(&[file("a", "new")], &target).expect("published").kept.is_none());
    assert_eq!(scratch.names(), ["rendered"]);
}

#[test]
fn paths_that_some_file_systems_take_for_one_are_refused() {
    let clash = |one: &str, other: &str| {
        let scratch = Scratch::new();
        let error =
            publish(&[file(one, ""), file(other, "")], &scratch.join("rendered")).expect_err("refused");
        assert!(matches!(error, PublishError::Clash { .. }), "{error}");
        assert!(scratch.names().is_empty());
    };
    clash("hosts/a", "hosts/A");
    clash("hosts/a", "Hosts/b");
    clash("hosts", "hosts/a");
    clash("hosts/a", "hosts/a");
    clash("Manifest.json", "b");
}

#[test]
fn no_path_leaves_the_tree() {
    for path in ["", "/etc/passwd", "../a", "a/../../b", "./a", "."] {
        let scratch = Scratch::new();
        let artefacts = [file(path, "")];
        let caught = std::panic::catch_unwind(|| publish(&artefacts, &scratch.join("rendered")));
        assert!(caught.is_err(), "`{path}` is a bug");
        assert!(scratch.names().is_empty());
    }
}

#[test]
fn a_target_without_a_name_is_refused() {
    for target in [".", "..", "/", "a/.."] {
        let error = publish(&two(), Utf8Path::new(target)).expect_err("refused");
        assert!(matches!(error, PublishError::NoName(_)), "{error}");
    }
}

#[test]
fn a_lock_is_waited_for_but_not_for_ever() {
    let scratch = Scratch::new();
    let lock = File::open(scratch.join("")).expect("a folder");
    lock.lock().expect("locked");
    let target = scratch.join("rendered");
    let error = publish_within(Duration::from_millis(50), &two(), &target).expect_err("locked");
    assert!(matches!(error, PublishError::Locked { .. }), "{error}");
    thread::scope(|scope| {
        let waits = scope.spawn(|| publish(&two(), &target));
        thread::sleep(Duration::from_millis(50));
        assert!(!target.exists());
        lock.unlock().expect("unlocked");
        waits.join().expect("no panic").expect("published");
    });
}

#[test]
fn of_two_at_once_one_remains_whole() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    let tree = |text: &str| (0..50).map(|n| file(&format!("{n}/f"), text)).collect::<Vec<_>>();
    thread::scope(|scope| {
        for text in ["one", "two", "three", "four"] {
            let target = &target;
            let tree = tree(text);
            scope.spawn(move || publish(&tree, target).expect("published"));
        }
    });
    let first = fs::read(target.join("0/f")).expect("content");
    assert!((0..50).all(|n| fs::read(target.join(format!("{n}/f"))).expect("content") == first));
    assert_eq!(scratch.names(), ["rendered"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    let closed = scratch.join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).expect("chmod");
    // Root writes there all the same, but not into sysfs.
    let is_root = fs::write(closed.join("probe"), "").is_ok();
    let target = if is_root { Utf8PathBuf::from("/sys/rendered") } else { closed.join("rendered") };
    let error = publish(&two(), &target).expect_err("refused");
    let text = error.to_string();
    assert!(text.starts_with(&format!("write beside `{target}`: ")), "{text}");
    assert!(!text.contains("os error"), "{text}");
}

#[test]
fn a_failure_while_staging_leaves_all_as_it_was() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    let before = scratch.everything();
    let error = publish(&[file(&"long".repeat(100), "")], &target).expect_err("too long");
    assert!(matches!(error, PublishError::Io { doing: "write", .. }), "{error}");
    assert_eq!(scratch.everything(), before);
}

#[test]
fn what_a_killed_run_left_is_cleared_up() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    let place = Place::of(&target).expect("a place");
    let wanted = two();
    let wanted = Wanted::of(&wanted).expect("wanted");
    let stage = Stage::build(&place, &wanted, &Disk::default()).expect("staged");
    std::mem::forget(stage);
    assert_eq!(scratch.names().len(), 2);
    assert!(!publish(&two(), &target).expect("published").written);
    assert_eq!(scratch.names(), ["rendered"]);
}

#[test]
fn a_tree_that_a_killed_run_left_aside_comes_back() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    let place = Place::of(&target).expect("a place");
    let artefacts = [file("a", "new")];
    let wanted = Wanted::of(&artefacts).expect("wanted");
    let stage = Stage::build(&place, &wanted, &Disk::default()).expect("staged");
    std::mem::forget(stage);
    let left = scratch.names().into_iter().next().expect("the stage");
    fs::rename(&target, scratch.join(&left).join("old")).expect("moved");
    assert!(!publish(&two(), &target).expect("published").written);
    assert_eq!(scratch.names(), ["rendered"]);
}

#[test]
fn a_change_made_during_the_swap_is_kept() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    publish(&two(), &target).expect("published");
    let place = Place::of(&target).expect("a place");
    let artefacts = [file("a", "new")];
    let wanted = Wanted::of(&artefacts).expect("wanted");
    let before = place.before().expect("a tree");
    let stage = Stage::build(&place, &wanted, &Disk::default()).expect("staged");
    fs::write(target.join("late"), "mine").expect("written");
    let kept = stage.swap(&place, &before, &wanted).expect("swapped").expect("kept");
    assert_eq!(fs::read_to_string(kept.join("new/late")).expect("content"), "mine");
    assert!(target.join("a").is_file());
    // Not even the next run clears it up.
    publish(&artefacts, &target).expect("published");
    assert!(kept.join("new/late").is_file());
}

#[test]
fn the_swap_in_two_steps_does_the_same_and_is_taken_back_on_failure() {
    let scratch = Scratch::new();
    let (new, target, old) = (scratch.join("new"), scratch.join("target"), scratch.join("old"));
    fs::create_dir(&target).expect("a folder");
    fs::write(target.join("a"), "old").expect("written");
    stage::replace(&new, &target, &old).expect_err("there is nothing new");
    assert_eq!(scratch.names(), ["target"]);
    fs::create_dir(&new).expect("a folder");
    stage::replace(&new, &target, &old).expect("replaced");
    assert_eq!(scratch.names(), ["old", "target"]);
    assert!(old.join("a").is_file());
}

#[test]
fn many_files_take_seconds() {
    let scratch = Scratch::new();
    let target = scratch.join("rendered");
    let mut artefacts: Vec<_> =
        (0..4_000).map(|n| file(&format!("hosts/h{}/f{}", n / 4, n % 4), &format!("{n}"))).collect();
    publish(&artefacts, &target).expect("published");
    let begin = Instant::now();
    assert!(!publish(&artefacts, &target).expect("published").written);
    artefacts.truncate(3_999);
    assert_eq!(publish(&artefacts, &target).expect("published").removed, 1);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}
