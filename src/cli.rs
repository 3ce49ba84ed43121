//! The command line as types, and nothing else; one variant per file in [`cmd`](crate::cmd).

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0  fine; there may be warnings
  1  findings: the inventory has errors, and nothing was written
  2  could not run: wrong arguments, a file that cannot be read or written, a
     folder that holds what buildfleet did not write";

const EXAMPLES: &str = "\
Examples:
  buildfleet init                            write a commented inventory to begin with
  buildfleet check                           find every problem in buildfleet.toml
  buildfleet render --out rendered           write what the hosts import
  buildfleet explain duplicate-address       read more about a problem";

const CHECK_EXAMPLES: &str = "\
Examples:
  buildfleet check                           buildfleet.toml, here or in the nearest folder above
  buildfleet check fleets/lab.toml
  git show main:buildfleet.toml | buildfleet check -";

const RENDER_EXAMPLES: &str = "\
Examples:
  buildfleet render --out rendered
  buildfleet render fleets/lab.toml --out rendered/lab

A host imports its folder: imports = [ ./rendered/hosts/ser5 ];";

const INIT_EXAMPLES: &str = "\
Examples:
  buildfleet init                            write ./buildfleet.toml
  buildfleet init fleets/lab.toml
  buildfleet init -                          write to standard output";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  buildfleet schema > inventory.schema.json

An inventory whose first line is `#:schema ./inventory.schema.json` then has
completion in editors that know TOML schemas.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  buildfleet explain                         list all codes
  buildfleet explain duplicate-address";

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "buildfleet",
    version,
    about = "Render everything a fleet of container-image builders needs from one inventory file",
    after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"),
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// When to use colours; `auto` does on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColourChoice::Auto)]
    pub color: ColourChoice,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented inventory to begin with
    #[command(after_help = format!("{INIT_EXAMPLES}\n\n{EXIT_CODES}"))]
    Init(Init),
    /// Find every problem in the inventory; write nothing
    #[command(after_help = format!("{CHECK_EXAMPLES}\n\n{EXIT_CODES}"))]
    Check(Check),
    /// Write everything that the fleet needs, all or nothing
    #[command(after_help = format!("{RENDER_EXAMPLES}\n\n{EXIT_CODES}"))]
    Render(Render),
    /// Print the JSON Schema of the inventory, for editors
    #[command(after_help = format!("{SCHEMA_EXAMPLES}\n\n{EXIT_CODES}"))]
    Schema,
    /// Explain a diagnostic code, or list them all
    #[command(after_help = format!("{EXPLAIN_EXAMPLES}\n\n{EXIT_CODES}"))]
    Explain(Explain),
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write it; a file that is there already is left alone; `-` is standard output
    #[arg(value_name = "FILE", default_value = "buildfleet.toml")]
    pub file: Utf8PathBuf,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub input: Input,
}

/// `render`
#[derive(Debug, Args)]
pub struct Render {
    #[command(flatten)]
    pub input: Input,

    /// The folder to write; it belongs to buildfleet, and its earlier content is replaced
    #[arg(long, value_name = "DIR")]
    pub out: Utf8PathBuf,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The code, as messages print it in brackets
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// Which inventory is meant.
#[derive(Debug, Args)]
pub struct Input {
    /// The inventory; `-` is standard input [default: buildfleet.toml, here or in the nearest folder above]
    #[arg(value_name = "INVENTORY")]
    pub inventory: Option<Utf8PathBuf>,
}
