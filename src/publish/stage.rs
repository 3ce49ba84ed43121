//! The new tree beside the old one, and the step in which it takes its place.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use tempfile::TempDir;

use super::disk::Disk;
use super::manifest::{self, Digest, Manifest};
use super::{Before, Content, Place, PublishError, Wanted};

/// Beyond so many new files and folders, the whole file system is synced once instead of each of them.
const SYNC_EACH: usize = 64;

/// The mode of every folder of the tree.
const FOLDER: u32 = 0o755;

/// A folder beside the target that holds the new tree, and during the swap the old one.
///
/// Only its owner can look into it, so that nobody takes a half-written tree for a whole one.
pub(super) struct Stage {
    folder: TempDir,
    path: Utf8PathBuf,
}

impl Place {
    /// What the names of our stages begin with. They differ by target, as a folder may hold several.
    fn prefix(&self) -> String {
        let digest = Digest::of(self.name.as_bytes()).to_string();
        format!(".buildfleet-{}-", digest.get(..8).unwrap_or_default())
    }
}

impl Stage {
    /// Writes the whole new tree and syncs it. Files that are right already are linked and keep their time.
    pub(super) fn build(place: &Place, wanted: &Wanted<'_>, disk: &Disk) -> Result<Self, PublishError> {
        let folder = tempfile::Builder::new()
            .prefix(&place.prefix())
            .tempdir_in(&place.parent)
            .map_err(PublishError::io("write beside", &place.target()))?;
        let name = folder.path().file_name().and_then(|name| name.to_str());
        let path = place.parent.join(name.expect("it is the prefix with some letters and digits"));
        let stage = Self { folder, path };
        let new = stage.new_tree();

        let folders = wanted.files.keys().flat_map(|path| path.ancestors().skip(1));
        let mut folders: BTreeSet<Utf8PathBuf> = folders.map(|folder| new.join(folder)).collect();
        folders.insert(new.join(""));
        for folder in &folders {
            create_folder(folder).map_err(PublishError::io("create", folder))?;
        }

        let stays = |path: &Utf8Path, file: &Content<'_>| disk.has(path, file.digest, file.mode);
        let changed = wanted.files.iter().filter(|(path, file)| !stays(path, file)).count();
        let sync = if changed + folders.len() > SYNC_EACH { Sync::Once } else { Sync::Each };
        let target = place.target();
        for (path, file) in &wanted.files {
            let to = new.join(path);
            if stays(path, file) && fs::hard_link(target.join(path), &to).is_ok() {
                continue;
            }
            // Where there are no hard links, or not of somebody else's file, a copy keeps the time as well.
            let modified = if stays(path, file) { disk.modified(path) } else { None };
            let written = write(&to, file.bytes, file.mode, sync).and_then(|written| match modified {
                Some(modified) => written.set_modified(modified),
                None => Ok(()),
            });
            written.map_err(PublishError::io("write", &to))?;
        }
        // Last, so that a tree with a manifest is a whole one.
        let to = new.join(manifest::NAME);
        write(&to, &wanted.manifest, manifest::MODE, sync).map_err(PublishError::io("write", &to))?;
        sync.finish(&new, &folders).map_err(PublishError::io("sync", &new))?;
        Ok(stage)
    }

    /// Puts the new tree in its place and removes the old one. What is kept of that, and where, is returned.
    pub(super) fn swap(
        self,
        place: &Place,
        before: &Before,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Utf8PathBuf>, PublishError> {
        let (new, target) = (self.new_tree(), place.target());
        match before {
            // An empty folder gives way, one that has been filled meanwhile does not.
            Before::Nothing => {
                fs::rename(&new, &target).map_err(PublishError::io("put in place", &target))?
            }
            Before::Tree(..) => {
                // From here on the folder may hold the old tree: dropping it must not remove that unseen.
                let (path, old) = (self.path.clone(), self.old_tree());
                let _ = self.folder.keep();
                if let Err(error) = exchange(&new, &target, &old) {
                    // An old tree that could not be put back is left for the next run to restore.
                    if fs::symlink_metadata(&old).is_err() {
                        let _ = fs::remove_dir_all(&path);
                    }
                    return Err(PublishError::io("replace", &target)(error));
                }
                sync_folder(&place.parent).map_err(PublishError::io("sync", &place.parent))?;
                return Ok(if discard(&path, wanted) { None } else { Some(path) });
            }
        }
        sync_folder(&place.parent).map_err(PublishError::io("sync", &place.parent))?;
        Ok(None)
    }

    fn new_tree(&self) -> Utf8PathBuf {
        self.path.join("new")
    }

    fn old_tree(&self) -> Utf8PathBuf {
        self.path.join("old")
    }
}

/// Clears up after runs that were killed. What cannot be cleared up does no harm.
pub(super) fn sweep(place: &Place, wanted: &Wanted<'_>) {
    let prefix = place.prefix();
    let Ok(entries) = place.parent.read_dir_utf8() else { return };
    let left = entries.flatten().filter(|entry| entry.file_name().starts_with(&prefix));
    for entry in left.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let old = entry.path().join("old");
        let target = place.target();
        // Killed between the two renames of a file system that cannot exchange: there is no tree at all.
        if fs::symlink_metadata(&target).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            let _ = fs::rename(&old, &target);
        }
        discard(entry.path(), wanted);
    }
}

/// Removes a stage, unless a tree in it holds what we did not write; says whether it is gone.
fn discard(stage: &Utf8Path, wanted: &Wanted<'_>) -> bool {
    let is_ours = |tree: Utf8PathBuf| match Manifest::read(&tree) {
        Ok(Some(manifest)) => Disk::read(&tree).is_ok_and(|disk| disk.foreign(&manifest, wanted).is_empty()),
        // It never was a tree: the manifest is written last.
        Ok(None) => true,
        Err(_) => false,
    };
    is_ours(stage.join("new")) && is_ours(stage.join("old")) && fs::remove_dir_all(stage).is_ok()
}

/// `target` becomes what `new` is, in one step where the file system can do that.
fn exchange(new: &Utf8Path, target: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, new.as_std_path(), CWD, target.as_std_path(), RenameFlags::EXCHANGE)
    {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => replace(new, target, old),
        done => done.map_err(Into::into),
    }
}

/// `target` becomes what `new` is, in two steps; if the second fails, the first is taken back.
pub(super) fn replace(new: &Utf8Path, target: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    fs::rename(target, old)?;
    fs::rename(new, target).inspect_err(|_| {
        let _ = fs::rename(old, target);
    })
}

fn create_folder(path: &Utf8Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(FOLDER))
}

/// Writes a new file with just that mode, whatever the umask.
fn write(path: &Utf8Path, bytes: &[u8], mode: u32, sync: Sync) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    if sync == Sync::Each {
        file.sync_all()?;
    }
    Ok(file)
}

/// How the new tree gets to the disk before it is swapped in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// Each file and folder by itself.
    Each,
    /// The whole file system, at the end.
    Once,
}

impl Sync {
    fn finish(self, tree: &Utf8Path, folders: &BTreeSet<Utf8PathBuf>) -> io::Result<()> {
        match self {
            Self::Each => folders.iter().rev().try_for_each(|folder| sync_folder(folder)),
            Self::Once => Ok(rustix::fs::syncfs(File::open(tree)?)?),
        }
    }
}

fn sync_folder(path: &Utf8Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some file systems cannot sync a folder, and need not.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}
