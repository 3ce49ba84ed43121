//! `check`: every problem of the inventory, and nothing written.

use buildfleet::diag::print::Colour;
use buildfleet::error::{Error, Exit};

use super::{counted, exit, fleet, put};
use crate::cli::Check;

/// Reports all that is found; errors are findings, warnings are not.
pub fn run(args: &Check, colour: Colour) -> Result<Exit, Error> {
    let Some((name, fleet)) = fleet(args.input.inventory.as_deref(), colour)? else {
        return Ok(exit(true));
    };
    let hosts = counted(fleet.hosts.len(), "host");
    let builders = counted(fleet.builders.len(), "builder");
    put(&format!("{name}: {hosts}, {builders}: no errors\n"))?;
    Ok(exit(false))
}
