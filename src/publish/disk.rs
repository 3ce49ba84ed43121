//! A tree as it is on disk, and how it differs from what we wrote and from what we want.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::OFlags;

use super::manifest::{self, Digest, Manifest};
use super::{Changes, PublishError, Wanted};

/// So many files are named in a message; the others are counted.
const NAMED: usize = 10;

/// Everything in a tree but its folders, by path.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<Utf8PathBuf, Found>,
}

/// Something that is not a folder.
#[derive(Debug)]
pub(super) enum Found {
    /// A file.
    File {
        /// Its permissions.
        mode: u32,
        /// When its content was written.
        modified: SystemTime,
        /// Its content.
        digest: Digest,
    },
    /// A symbolic link, a socket, a file whose name is not UTF-8: never ours.
    Other,
}

/// A file that we did not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Where in the tree.
    pub path: Utf8PathBuf,
    /// How it comes to be there.
    pub why: Why,
}

/// How a file comes to be in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody put it there.
    Added,
    /// We wrote it, and somebody changed it.
    Changed,
}

impl Disk {
    /// Goes through the tree, following no symbolic link.
    pub(super) fn read(root: &Utf8Path) -> Result<Self, PublishError> {
        let mut disk = Self::default();
        let mut buffer = vec![0; 64 * 1024];
        let mut folders = vec![Utf8PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let full = if folder.as_str().is_empty() { root.to_owned() } else { root.join(&folder) };
            for entry in fs::read_dir(&full).map_err(PublishError::io("read", &full))? {
                let entry = entry.map_err(PublishError::io("read", &full))?;
                let name = entry.file_name();
                let path = folder.join(name.to_string_lossy().as_ref());
                let kind = entry.file_type().map_err(PublishError::io("look at", &full.join(&path)))?;
                match (name.to_str(), kind) {
                    (Some(_), kind) if kind.is_dir() => folders.push(path),
                    (Some(_), kind) if kind.is_file() => {
                        let found = Found::read(&root.join(&path), &mut buffer)?;
                        disk.files.insert(path, found);
                    }
                    _ => {
                        disk.files.insert(path, Found::Other);
                    }
                }
            }
        }
        Ok(disk)
    }

    /// The files that would be lost: neither as we wrote them nor as we would write them now.
    pub(super) fn foreign(&self, ours: &Manifest, wanted: &Wanted<'_>) -> Vec<Foreign> {
        let mut foreign = Vec::new();
        for (path, found) in self.files.iter().filter(|(path, _)| *path != manifest::NAME) {
            let listed = ours.digest(path);
            let wanted = wanted.files.get(path.as_path()).map(|file| file.digest);
            let known = match found {
                Found::File { digest, .. } => {
                    wanted == Some(*digest) || listed.is_some_and(|listed| listed == digest.to_string())
                }
                Found::Other => false,
            };
            if !known {
                let why = if listed.is_some() { Why::Changed } else { Why::Added };
                foreign.push(Foreign { path: path.clone(), why });
            }
        }
        foreign
    }

    /// How the wanted tree differs.
    pub(super) fn changes(&self, wanted: &Wanted<'_>) -> Changes {
        let same = wanted.files.iter().filter(|(path, file)| self.has(path, file.digest, file.mode)).count();
        let kept = |path: &Utf8Path| path == manifest::NAME || wanted.files.contains_key(path);
        let removed = self.files.keys().filter(|path| !kept(path)).count();
        let changed = wanted.files.len() - same;
        let listed = self.has(Utf8Path::new(manifest::NAME), Digest::of(&wanted.manifest), manifest::MODE);
        let written = changed + removed > 0 || !listed;
        Changes { files: wanted.files.len(), changed, removed, written, kept: None }
    }

    /// Whether the file is there as wanted.
    pub(super) fn has(&self, path: &Utf8Path, wanted: Digest, wanted_mode: u32) -> bool {
        matches!(self.files.get(path), Some(Found::File { mode, digest, .. })
            if *mode == wanted_mode && *digest == wanted)
    }

    /// When the content of the file was written.
    pub(super) fn modified(&self, path: &Utf8Path) -> Option<SystemTime> {
        match self.files.get(path)? {
            Found::File { modified, .. } => Some(*modified),
            Found::Other => None,
        }
    }
}

impl Found {
    fn read(path: &Utf8Path, buffer: &mut [u8]) -> Result<Self, PublishError> {
        // Whatever may have come in its place meanwhile: no link is followed, no pipe waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(PublishError::io("read", path))?;
        let metadata = file.metadata().map_err(PublishError::io("look at", path))?;
        let modified = metadata.modified().map_err(PublishError::io("look at", path))?;
        let digest = Digest::of_reader(file, buffer).map_err(PublishError::io("read", path))?;
        Ok(Self::File { mode: metadata.mode() & 0o7777, modified, digest })
    }
}

/// The files with the reason for each, a line each.
pub(super) fn listed(files: &[Foreign]) -> String {
    let mut out = String::new();
    for file in files.iter().take(NAMED) {
        let why = match file.why {
            Why::Added => "not written by buildfleet",
            Why::Changed => "changed since buildfleet wrote it",
        };
        let _ = writeln!(out, "  {}: {why}", crate::error::shown(&file.path));
    }
    if files.len() > NAMED {
        let _ = writeln!(out, "  and {} more", files.len() - NAMED);
    }
    out
}
