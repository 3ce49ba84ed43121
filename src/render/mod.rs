//! Stage 4: the plan as files, each a path, bytes and a mode.
//!
//! Data is written from types, programs from templates; every language has its own writer, which escapes.

mod builder;
mod buildkitd;
mod header;
mod host;
mod instance;
mod nix;
mod remote_workers;
mod workstation;

use camino::{Utf8Path, Utf8PathBuf};

use crate::escape::EscapeError;
use crate::plan::Plan;

/// A file of the rendered tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Where it goes, relative to the tree: normal components alone.
    pub path: Utf8PathBuf,
    /// What is in it; text files end with a line break.
    pub bytes: Vec<u8>,
    /// What may be done with it.
    pub mode: Mode,
}

/// What may be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Read: 0644.
    Data,
    /// Read and run: 0755.
    Program,
}

/// What could not be rendered. The types of the inventory admit none of it; it is an error rather than a panic
/// because the writers cannot know where a text comes from.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A language cannot hold a text.
    #[error("`{path}`: {source}")]
    Escape {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: EscapeError,
    },
    /// A template asks for what its view does not have.
    #[error("the template `{name}`: {why}")]
    Template {
        /// The template.
        name: &'static str,
        /// Why.
        why: String,
    },
}

impl Mode {
    /// The permission bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Data => 0o644,
            Self::Program => 0o755,
        }
    }
}

impl Artefact {
    fn data(path: impl Into<Utf8PathBuf>, text: String) -> Self {
        Self { path: path.into(), bytes: text.into_bytes(), mode: Mode::Data }
    }

    fn program(path: impl Into<Utf8PathBuf>, text: String) -> Self {
        Self { path: path.into(), bytes: text.into_bytes(), mode: Mode::Program }
    }
}

/// Makes a writer's complaint one about the file.
fn at<T>(path: &Utf8Path, result: Result<T, EscapeError>) -> Result<T, RenderError> {
    result.map_err(|source| RenderError::Escape { path: path.to_owned(), source })
}

/// The hand-written part, the same for every fleet: it travels into the tree, so that the tree stands alone.
const MODULES: &[(&str, &str)] = &[
    ("nixos-module/buildkitd.nix", include_str!("../../nixos-module/buildkitd.nix")),
    ("nixos-module/builder.nix", include_str!("../../nixos-module/builder.nix")),
    ("nixos-module/buildx-converge.sh", include_str!("../../nixos-module/buildx-converge.sh")),
    ("nixos-module/client-builders.nix", include_str!("../../nixos-module/client-builders.nix")),
    ("nixos-module/client-identity.nix", include_str!("../../nixos-module/client-identity.nix")),
    ("nixos-module/client-lib.nix", include_str!("../../nixos-module/client-lib.nix")),
    ("nixos-module/client.nix", include_str!("../../nixos-module/client.nix")),
    ("nixos-module/default.nix", include_str!("../../nixos-module/default.nix")),
    ("nixos-module/defaults.nix", include_str!("../../nixos-module/defaults.nix")),
    ("nixos-module/ssh-dispatch.sh", include_str!("../../nixos-module/ssh-dispatch.sh")),
];

/// Renders the plan: every file of the tree, sorted by path.
///
/// Errors: see [`RenderError`].
pub fn render(plan: &Plan<'_>) -> Result<Vec<Artefact>, RenderError> {
    let header = header::Header::of(plan.fleet);
    let mut artefacts = Vec::new();
    for (path, text) in MODULES {
        let mode = if path.ends_with(".sh") { Mode::Program } else { Mode::Data };
        artefacts.push(Artefact { path: (*path).into(), bytes: text.as_bytes().to_vec(), mode });
    }
    for builder in &plan.builders {
        builder::render(plan, builder, &header, &mut artefacts)?;
    }
    for host in &plan.hosts {
        host::render(plan, host, &header, &mut artefacts)?;
    }
    artefacts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(artefacts)
}
