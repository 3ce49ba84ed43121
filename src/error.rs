//! What the world does to us (files, permissions), and the exit codes.
//!
//! Every text reads on after "could not". What is wrong with an inventory is no error of this kind but a
//! [`Diagnostic`](crate::diag::Diagnostic).

use std::fmt;
use std::io::{self, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};

use crate::publish::PublishError;
use crate::render::RenderError;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: fine; there may have been warnings.
    Fine,
    /// 1: the inventory has errors, and nothing was written.
    Findings,
    /// 2: it could not run.
    Trouble,
}

impl Exit {
    /// The number that the caller sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Trouble => 2,
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No inventory was named, and none was found. Exit code 2.
    #[error(
        "find `buildfleet.toml` in this folder or one above it: name the inventory, or write one with `buildfleet init`"
    )]
    NoInventory,
    /// The current folder is gone or unreadable. Exit code 2.
    #[error("find the current folder: {}", reason(.0))]
    CurrentDir(#[source] io::Error),
    /// The inventory cannot be read. Exit code 2.
    #[error("read {}: {}", shown(.path), reason(.source))]
    Read {
        /// The inventory.
        path: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Standard input cannot be read. Exit code 2.
    #[error("read standard input: {}", reason(.0))]
    Stdin(#[source] io::Error),
    /// A file cannot be written. Exit code 2.
    #[error("write {}: {}", shown(.path), reason(.source))]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that would be written is there. Exit code 2.
    #[error("write {}: it is there already and is left as it is; name another file", shown(.path))]
    Exists {
        /// The file.
        path: Utf8PathBuf,
    },
    /// Standard output cannot be written. Exit code 2; 0 where the reader has gone.
    #[error("write to standard output: {}", reason(.0))]
    Stdout(#[source] io::Error),
    /// There is no such diagnostic. Exit code 2.
    #[error("explain `{}`: there is no such code; {}", .code.escape_debug(), hint(.nearest.as_deref()))]
    UnknownCode {
        /// What was asked for.
        code: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// An artefact cannot be made. Exit code 2.
    #[error("render the fleet: {0}")]
    Render(#[from] RenderError),
    /// The tree cannot be written. Exit code 2.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Error {
    /// How the program ends.
    pub fn exit(&self) -> Exit {
        if self.is_closed_pipe() { Exit::Fine } else { Exit::Trouble }
    }

    /// Whether the reader of standard output has seen enough, which is no fault.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`buildfleet explain` lists them all".to_owned(),
    }
}

/// The reason in words, without the number that the system gives it.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a folder, not a file".to_owned(),
        ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}

/// A path in backticks that cannot write to a terminal.
pub(crate) fn shown(path: &Utf8Path) -> impl fmt::Display {
    let mut out = String::from("`");
    for c in path.as_str().chars() {
        if c.is_control() { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_on_after_could_not() {
        let source = io::Error::from_raw_os_error(21);
        let error = Error::Read { path: "fleets\u{1b}[31m".into(), source };
        assert_eq!(error.to_string(), "read `fleets\\u{1b}[31m`: it is a folder, not a file");
        assert_eq!(error.exit().code(), 2);
        let error =
            Error::UnknownCode { code: "duplicate-adress".into(), nearest: Some("duplicate-address".into()) };
        assert_eq!(
            error.to_string(),
            "explain `duplicate-adress`: there is no such code; did you mean `duplicate-address`?"
        );
        assert_eq!(reason(&io::Error::from_raw_os_error(40)), "too many levels of symbolic links");
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_fault() {
        let error = Error::Stdout(ErrorKind::BrokenPipe.into());
        assert!(error.is_closed_pipe());
        assert_eq!(error.exit(), Exit::Fine);
    }
}
