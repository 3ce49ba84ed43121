//! `init`: a commented inventory to begin with.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};

use buildfleet::error::{Error, Exit};
use buildfleet::inventory::STARTER;
use camino::Utf8Path;

use super::{exit, put, say};
use crate::cli::Init;

/// Writes the inventory; what is there already is left alone.
pub fn run(args: &Init) -> Result<Exit, Error> {
    if args.file == "-" {
        put(STARTER)?;
        return Ok(exit(false));
    }
    write(&args.file)?;
    say(&format!("wrote {0}: put your hosts and keys in, then run `buildfleet check {0}`\n", args.file));
    Ok(exit(false))
}

fn write(path: &Utf8Path) -> Result<(), Error> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::Write { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(STARTER.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| {
        // Half an inventory would stand in the way of the next attempt.
        let _ = fs::remove_file(path);
        failed(source)
    })
}
