//! buildfleet renders everything that a fleet of container-image builders needs from one inventory.
//!
//! ```text
//! inventory.toml ─▶ Inventory ─▶ Fleet ─▶ Plan ─▶ Vec<Artefact> ─▶ published tree
//!                   parsed       linked   decided  rendered         the only write
//! ```
//!
//! A stage takes the type before it, so that validation cannot be skipped; everything before
//! [`publish`] is pure: the same inventory, the same bytes.

pub mod diag;
pub mod error;
pub mod escape;
pub mod fleet;
pub mod inventory;
pub mod plan;
pub mod publish;
pub mod render;
mod template;
pub mod types;
