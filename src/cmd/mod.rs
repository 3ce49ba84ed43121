//! The commands: each calls the stages and prints. Data goes to stdout, words go to stderr.

mod check;
mod explain;
mod init;
mod render;
mod schema;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::process::ExitCode;

use buildfleet::diag::{Report, Source, print};
use buildfleet::error::{Error, Exit};
use buildfleet::fleet::Fleet;
use buildfleet::inventory::Inventory;
use camino::{Utf8Path, Utf8PathBuf};
use print::Colour;

use crate::cli::{Cli, ColourChoice, Command};

/// The name under which an inventory is found.
const INVENTORY: &str = "buildfleet.toml";

/// More than this is not read: one byte past what [`Source::from_bytes`] accepts, so that it can say so.
const READ_AT_MOST: u64 = buildfleet::diag::MAX_BYTES as u64 + 1;

/// Runs the command; what it could not do is said on stderr.
pub fn run(cli: Cli) -> ExitCode {
    let colour = colour(cli.color);
    let done = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args, colour),
        Command::Render(args) => render::run(&args, colour),
        Command::Schema => schema::run(),
        Command::Explain(args) => explain::run(&args),
    };
    let exit = done.unwrap_or_else(|error| {
        if !error.is_closed_pipe() {
            say(&format!("error: could not {error}\n"));
        }
        error.exit()
    });
    ExitCode::from(exit.code())
}

fn colour(choice: ColourChoice) -> Colour {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let plain = || set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match choice {
        ColourChoice::Always => Colour::Always,
        ColourChoice::Auto if io::stderr().is_terminal() && !plain() => Colour::Always,
        ColourChoice::Auto | ColourChoice::Never => Colour::Never,
    }
}

/// Writes words to stderr. If nobody listens there, there is nobody to tell.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes data to stdout.
fn put(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Stdout)
}

/// `1 host`, `2 hosts`.
fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// The fleet of the inventory that is meant, with its name; everything found is said.
///
/// `None` if there are errors.
fn fleet(inventory: Option<&Utf8Path>, colour: Colour) -> Result<Option<(String, Fleet)>, Error> {
    let (name, bytes) = read(inventory)?;
    let source = match Source::from_bytes(name, bytes) {
        Ok(source) => source,
        Err(error) => {
            say(&print::source_error(&error, colour));
            return Ok(None);
        }
    };
    let mut report = Report::new();
    let fleet =
        Inventory::read(&source, &mut report).and_then(|inventory| Fleet::resolve(inventory, &mut report));
    // `None` without an error to show for it would end in silence.
    assert!(fleet.is_some() != report.has_errors(), "there is a fleet exactly if there is no error");
    say(&print::report(report, &source, colour));
    Ok(fleet.map(|fleet| (source.name().to_owned(), fleet)))
}

/// The bytes of the inventory that is meant, with the name that messages give it.
fn read(inventory: Option<&Utf8Path>) -> Result<(String, Vec<u8>), Error> {
    if inventory.is_some_and(|path| path == "-") {
        let name = "<stdin>".to_owned();
        let bytes = bounded(io::stdin().lock()).map_err(Error::Stdin)?;
        return Ok((name, bytes));
    }
    let path = match inventory {
        Some(path) => path.to_owned(),
        None => find()?,
    };
    let bytes =
        File::open(&path).and_then(bounded).map_err(|source| Error::Read { path: path.clone(), source })?;
    Ok((path.into_string(), bytes))
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(READ_AT_MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The inventory in the current folder or the nearest one above, as a path from here.
fn find() -> Result<Utf8PathBuf, Error> {
    let here = std::env::current_dir().map_err(Error::CurrentDir)?;
    let mut path = Utf8PathBuf::from(INVENTORY);
    for _ in here.ancestors() {
        if std::fs::symlink_metadata(&path).is_ok() {
            return Ok(path);
        }
        path = Utf8Path::new("..").join(path);
    }
    Err(Error::NoInventory)
}

/// The exit code of a command that found what it found.
fn exit(found_errors: bool) -> Exit {
    if found_errors { Exit::Findings } else { Exit::Fine }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buildfleet::diag::Code;

    #[test]
    fn an_endless_stream_is_read_as_far_as_it_takes_to_refuse_it() {
        let bytes = bounded(io::repeat(b' ')).expect("bytes");
        assert_eq!(bytes.len() as u64, READ_AT_MOST);
        let error = Source::from_bytes("endless", bytes).expect_err("refused");
        assert_eq!(error.diagnostic.code, Code::TooLarge);
    }
}
