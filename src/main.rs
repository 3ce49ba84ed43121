//! The program: parse the arguments, run the command, return its exit code.

mod cli;
mod cmd;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cmd::run(cli::Cli::parse())
}
