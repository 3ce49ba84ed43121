//! Stage 5: the tree on disk becomes the artefacts, all of them or none; the only stage that writes.
//!
//! The tree belongs to buildfleet, and its manifest says so. What a person put there or changed is never
//! replaced: it is named, and nothing is written. Otherwise the whole new tree is staged beside the old one,
//! unchanged files as hard links, and then takes its place in one step, so that whoever looks sees the old tree
//! or the new one. If nothing differs, nothing is written at all.

mod disk;
mod manifest;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use disk::{Disk, Foreign};
use manifest::{Digest, Manifest};
use stage::Stage;

use crate::error::{reason, shown};
use crate::render::Artefact;

/// How long to wait for another run that writes beside us.
const PATIENCE: Duration = Duration::from_secs(60);

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// How many files the tree has, the manifest not counted.
    pub files: usize,
    /// How many of them are new or differ from before.
    pub changed: usize,
    /// How many files of the tree before are gone.
    pub removed: usize,
    /// Whether anything was written at all.
    pub written: bool,
    /// Where the tree before still is, if it was changed while it was replaced, or could not be removed.
    pub kept: Option<Utf8PathBuf>,
}

/// Why a tree was not published; what was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Two artefacts that some file systems take for one.
    #[error("write both `{one}` and `{other}`: where case is ignored they are one file")]
    Clash {
        /// The one.
        one: Utf8PathBuf,
        /// The other.
        other: Utf8PathBuf,
    },
    /// A target such as `.` or `/`, which nothing can take the place of.
    #[error("write to {}: name a folder that can be replaced, such as `rendered`", shown(.0))]
    NoName(Utf8PathBuf),
    /// Something other than a folder is there.
    #[error("write to {}: it is not a folder; move it away, or name another folder", shown(.0))]
    NotAFolder(Utf8PathBuf),
    /// A symbolic link is there.
    #[error("write to {}: it is a symbolic link; name the folder that it leads to", shown(.0))]
    Symlink(Utf8PathBuf),
    /// Another file system is mounted there.
    #[error("write to {}: a file system of its own begins there; name a folder inside it", shown(.0))]
    MountPoint(Utf8PathBuf),
    /// A folder is there that buildfleet did not write.
    #[error(
        "write to {}: it holds files, but no `manifest.json` of buildfleet's; move it away, or name another folder",
        shown(.0)
    )]
    NotOurs(Utf8PathBuf),
    /// Files in the tree that would be lost.
    #[error("write to {}: the folder belongs to buildfleet, but holds what it did not write\n{}\
             move these away or delete them, then render again", shown(.target), disk::listed(.files))]
    Foreign {
        /// The tree.
        target: Utf8PathBuf,
        /// The files.
        files: Vec<Foreign>,
    },
    /// Somebody else holds the lock.
    #[error("write to {}: another program has locked {} for a long time", shown(.target), shown(.parent))]
    Locked {
        /// The tree.
        target: Utf8PathBuf,
        /// The folder that is locked.
        parent: Utf8PathBuf,
    },
    /// The system refuses.
    #[error("{doing} {}: {}", shown(.path), reason(.source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: Utf8PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl PublishError {
    fn io(doing: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// Makes the tree at `target` consist of the artefacts and their manifest.
///
/// Folders above it are created. Of several runs at once each waits for the one before.
///
/// # Panics
///
/// On an artefact whose path is not plainly relative: no such path may ever get here.
pub fn publish(artefacts: &[Artefact], target: &Utf8Path) -> Result<Changes, PublishError> {
    publish_within(PATIENCE, artefacts, target)
}

fn publish_within(
    patience: Duration,
    artefacts: &[Artefact],
    target: &Utf8Path,
) -> Result<Changes, PublishError> {
    let wanted = Wanted::of(artefacts)?;
    let place = Place::of(target)?;
    fs::create_dir_all(&place.parent).map_err(PublishError::io("create", &place.parent))?;
    let _lock = place.lock(patience)?;
    stage::sweep(&place, &wanted);
    let before = place.before()?;
    let (disk, manifest) = match &before {
        Before::Nothing => (&Disk::default(), &Manifest::default()),
        Before::Tree(disk, manifest) => (disk, manifest),
    };
    let foreign = disk.foreign(manifest, &wanted);
    if !foreign.is_empty() {
        return Err(PublishError::Foreign { target: place.target(), files: foreign });
    }
    let mut changes = disk.changes(&wanted);
    if changes.written {
        let stage = Stage::build(&place, &wanted, disk)?;
        changes.kept = stage.swap(&place, &before, &wanted)?;
    }
    Ok(changes)
}

/// What the tree shall be: each file by its path, the manifest apart.
struct Wanted<'a> {
    files: BTreeMap<&'a Utf8Path, Content<'a>>,
    manifest: Vec<u8>,
}

/// A file of the tree as it shall be.
struct Content<'a> {
    bytes: &'a [u8],
    mode: u32,
    digest: Digest,
}

impl<'a> Wanted<'a> {
    fn of(artefacts: &'a [Artefact]) -> Result<Self, PublishError> {
        let mut spelled = Spelled::default();
        spelled.add(Utf8Path::new(manifest::NAME), Part::File)?;
        let mut files = BTreeMap::new();
        for artefact in artefacts {
            let path = artefact.path.as_path();
            let normal = path.components().all(|part| matches!(part, Utf8Component::Normal(_)));
            assert!(normal && !path.as_str().is_empty(), "the artefact `{path}` stays inside the tree");
            spelled.add(path, Part::File)?;
            for folder in path.ancestors().skip(1).filter(|folder| !folder.as_str().is_empty()) {
                spelled.add(folder, Part::Folder)?;
            }
            let digest = Digest::of(&artefact.bytes);
            files.insert(path, Content { bytes: &artefact.bytes, mode: artefact.mode.bits(), digest });
        }
        let manifest =
            Manifest::of(files.iter().map(|(path, file)| (*path, file.mode, file.digest))).to_bytes();
        Ok(Self { files, manifest })
    }
}

/// The paths of a tree as a file system sees them that ignores case.
#[derive(Default)]
struct Spelled<'a>(BTreeMap<String, (&'a Utf8Path, Part)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    File,
    Folder,
}

impl<'a> Spelled<'a> {
    fn add(&mut self, path: &'a Utf8Path, part: Part) -> Result<(), PublishError> {
        match self.0.entry(path.as_str().to_lowercase()) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert((path, part));
                Ok(())
            }
            btree_map::Entry::Occupied(entry) => match *entry.get() {
                (same, Part::Folder) if same == path && part == Part::Folder => Ok(()),
                (other, _) => Err(PublishError::Clash { one: other.to_owned(), other: path.to_owned() }),
            },
        }
    }
}

/// Where the tree goes: a name in a folder.
struct Place {
    parent: Utf8PathBuf,
    name: String,
}

/// What is at the place.
enum Before {
    /// Nothing, or an empty folder.
    Nothing,
    /// A tree with our manifest.
    Tree(Disk, Manifest),
}

impl Place {
    fn of(target: &Utf8Path) -> Result<Self, PublishError> {
        let name = target.file_name().ok_or_else(|| PublishError::NoName(target.to_owned()))?;
        let parent = match target.parent() {
            Some(parent) if !parent.as_str().is_empty() => parent,
            _ => Utf8Path::new("."),
        };
        Ok(Self { parent: parent.to_owned(), name: name.to_owned() })
    }

    /// The target, without a slash at its end, which would follow a symbolic link.
    fn target(&self) -> Utf8PathBuf {
        if self.parent == "." { Utf8PathBuf::from(&self.name) } else { self.parent.join(&self.name) }
    }

    /// Locks the folder that the tree is in, which leaves no lock file behind.
    fn lock(&self, patience: Duration) -> Result<File, PublishError> {
        let folder = File::open(&self.parent).map_err(PublishError::io("open", &self.parent))?;
        let begin = Instant::now();
        loop {
            match folder.try_lock() {
                Ok(()) => return Ok(folder),
                // Some network file systems cannot lock a folder. The swap is one step there, too.
                Err(TryLockError::Error(_)) => return Ok(folder),
                Err(TryLockError::WouldBlock) if begin.elapsed() < patience => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(PublishError::Locked { target: self.target(), parent: self.parent.clone() });
                }
            }
        }
    }

    /// Looks at what is there; refuses what cannot be replaced.
    fn before(&self) -> Result<Before, PublishError> {
        let target = self.target();
        let metadata = match fs::symlink_metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Before::Nothing),
            Err(error) => return Err(PublishError::io("look at", &target)(error)),
        };
        if metadata.is_symlink() {
            return Err(PublishError::Symlink(target));
        }
        if !metadata.is_dir() {
            return Err(PublishError::NotAFolder(target));
        }
        let parent = fs::metadata(&self.parent).map_err(PublishError::io("look at", &self.parent))?;
        if parent.dev() != metadata.dev() {
            return Err(PublishError::MountPoint(target));
        }
        let mut entries = target.read_dir_utf8().map_err(PublishError::io("read", &target))?;
        if entries.next().is_none() {
            return Ok(Before::Nothing);
        }
        // Read before anything else, so that a home directory given by mistake is not gone through.
        let Some(manifest) = Manifest::read(&target)? else { return Err(PublishError::NotOurs(target)) };
        Ok(Before::Tree(Disk::read(&target)?, manifest))
    }
}
