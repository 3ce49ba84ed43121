//! `manifest.json`: what buildfleet wrote, so that it can tell what it did not.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::PublishError;

/// Its path in the tree.
pub(super) const NAME: &str = "manifest.json";

/// Its mode.
pub(super) const MODE: u32 = 0o644;

/// Who writes it.
const TOOL: &str = "buildfleet";

/// More is not read: a million files have less.
const READ_AT_MOST: u64 = 512 * 1024 * 1024;

/// The SHA-256 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// That of the bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// That of all that can be read.
    pub(super) fn of_reader(mut from: impl Read, buffer: &mut [u8]) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        loop {
            match from.read(buffer) {
                Ok(0) => return Ok(Self(hasher.finalize().into())),
                Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a tree consists of, by the tree's own account.
///
/// It only ever tells which files may be replaced; no path is made of what it says.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// The modes and digests as written, by path.
    files: BTreeMap<Utf8PathBuf, (String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Form {
    generator: Generator,
    files: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Generator {
    name: String,
    version: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    path: String,
    mode: String,
    sha256: String,
}

impl Manifest {
    /// The manifest of the files.
    pub(super) fn of<'a>(files: impl Iterator<Item = (&'a Utf8Path, u32, Digest)>) -> Self {
        let entry = |(path, mode, digest): (&Utf8Path, u32, Digest)| {
            (path.to_owned(), (format!("{mode:04o}"), digest.to_string()))
        };
        Self { files: files.map(entry).collect() }
    }

    /// That of the tree; `None` if the tree has none, or one that we did not write.
    pub(super) fn read(tree: &Utf8Path) -> Result<Option<Self>, PublishError> {
        let path = tree.join(NAME);
        // Not through a symbolic link, and not from a pipe, which would wait for somebody to write.
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).map_err(PublishError::io("read", &path))?;
        file.take(READ_AT_MOST).read_to_end(&mut bytes).map_err(PublishError::io("read", &path))?;
        let Ok(form) = serde_json::from_slice::<Form>(&bytes) else { return Ok(None) };
        if form.generator.name != TOOL {
            return Ok(None);
        }
        let files = form.files.into_iter().map(|entry| (entry.path.into(), (entry.mode, entry.sha256)));
        Ok(Some(Self { files: files.collect() }))
    }

    /// The file as it stands in the tree: sorted by path, the same for the same files.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let generator = Generator { name: TOOL.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let entry = |(path, (mode, sha256)): (&Utf8PathBuf, &(String, String))| Entry {
            path: path.to_string(),
            mode: mode.clone(),
            sha256: sha256.clone(),
        };
        let form = Form { generator, files: self.files.iter().map(entry).collect() };
        let mut bytes = serde_json::to_vec_pretty(&form).expect("strings are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Whether it lists the file; the digest tells whether it has been changed.
    pub(super) fn digest(&self, path: &Utf8Path) -> Option<&str> {
        self.files.get(path).map(|(_, digest)| digest.as_str())
    }
}
