//! `render`: the five stages, of which only the last writes.

use buildfleet::diag::print::Colour;
use buildfleet::error::{Error, Exit};
use buildfleet::plan::Plan;
use buildfleet::publish::{Changes, publish};
use buildfleet::render::render;
use camino::Utf8Path;

use super::{counted, exit, fleet, put, say};
use crate::cli::Render;

/// Reports all that is found and, if none of it is an error, publishes the tree.
pub fn run(args: &Render, colour: Colour) -> Result<Exit, Error> {
    let Some((_, fleet)) = fleet(args.input.inventory.as_deref(), colour)? else {
        return Ok(exit(true));
    };
    let artefacts = render(&Plan::of(&fleet))?;
    let changes = publish(&artefacts, &args.out)?;
    if let Some(kept) = &changes.kept {
        say(&format!(
            "warning: the tree before this one could not be removed, or was changed meanwhile: see `{kept}`\n"
        ));
    }
    put(&summary(&changes, &args.out))?;
    Ok(exit(false))
}

fn summary(changes: &Changes, out: &Utf8Path) -> String {
    if !changes.written {
        return format!("{out} is up to date\n");
    }
    let files = counted(changes.files, "file");
    format!("wrote {files} to {out} ({} changed, {} removed)\n", changes.changed, changes.removed)
}
