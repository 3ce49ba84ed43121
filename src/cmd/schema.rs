//! `schema`: the JSON Schema of the inventory.

use buildfleet::error::{Error, Exit};
use buildfleet::inventory::json_schema;

use super::{exit, put};

/// Prints it.
pub fn run() -> Result<Exit, Error> {
    put(&format!("{:#}\n", json_schema()))?;
    Ok(exit(false))
}
