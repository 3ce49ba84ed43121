//! Stage 1: the file as it stands, every value parsed and with its place.
//!
//! Faults of form and value are found here, and all of them; whether names lead anywhere is for
//! [`crate::fleet`].

mod builder;
mod client;
mod fields;
mod host;
mod item;
pub mod keys;
mod reference;
mod registry;
mod schema;
mod settings;
pub mod shape;
mod spanned;
mod starter;
mod value;
mod words;

use std::cell::RefCell;

pub use builder::BuilderEntry;
pub use client::{ClientEntry, ClientNix, ClientTls, IdentityEntry, SopsEntry};
pub use fields::Fields;
pub use host::{Comments, DaemonEntry, HostEntry, NixEntry, WorkerEntry};
pub use reference::markdown;
pub use registry::{KeyPair, RegistryEntry};
pub use schema::json_schema;
pub use settings::Settings;
pub use spanned::{Said, Spanned};
pub use starter::STARTER;
pub use value::{Labels, Parallelism};
pub use words::{Driver, Executor, HostOs, NixProtocol, Preset, WorkerBlocks};

use crate::diag::{Code, Diagnostic, Report, Source};
use crate::types::{AbsPath, BuilderName, BuildkitVersion, FleetName, HostName, Registry, UserName};

/// The inventory as written.
#[derive(Debug)]
pub struct Inventory {
    /// `name`.
    pub name: Option<FleetName>,
    /// `buildkit-version`.
    pub buildkit_version: Option<Spanned<BuildkitVersion>>,
    /// `account.user`.
    pub account_user: Option<Spanned<UserName>>,
    /// `account.home`.
    pub account_home: Option<AbsPath>,
    /// `account.trusted-user`.
    pub trusted_user: Option<Spanned<bool>>,
    /// `[worker]`.
    pub worker: Settings,
    /// `worker.executor`.
    pub executor: Option<Executor>,
    /// `[buildkitd]`.
    pub daemon: DaemonEntry,
    /// `[registries]`.
    pub registries: Vec<(Spanned<Registry>, RegistryEntry)>,
    /// `[builders]`, in the order of the file.
    pub builders: Vec<(Spanned<BuilderName>, BuilderEntry)>,
    /// `[hosts]`, in the order of the file.
    pub hosts: Vec<(Spanned<HostName>, HostEntry)>,
    /// Whether a builder is not among them, because of a fault that has been reported.
    pub lacks_builders: bool,
    /// Whether a host is not.
    pub lacks_hosts: bool,
}

impl Inventory {
    /// Reads the text; every fault of form and value goes into the report.
    ///
    /// `None` when there is nothing to go on with: no TOML, or no table of hosts. What is returned may lack
    /// entries whose faults have been reported; the report then has errors.
    pub fn read(source: &Source, report: &mut Report) -> Option<Self> {
        // In the raw text, because a pasted key may stand in a comment, or be what breaks the syntax.
        let private = source.private_spans();
        for span in &private {
            report.push(Diagnostic::from_fault(crate::types::private_key_fault(), span.clone()));
        }
        let document = match toml_edit::Document::parse(source.text()) {
            Ok(document) => document,
            Err(error) => {
                report.push(syntax(&error));
                return None;
            }
        };
        let shared = RefCell::new(std::mem::take(report));
        let root = Fields::new(&keys::ROOT, document.as_table(), 0..0, &shared, &private);
        let inventory = Self::from_root(root);
        *report = shared.into_inner();
        inventory
    }

    fn from_root(root: Fields<'_>) -> Option<Self> {
        version(&root)?;
        let name = root.optional::<FleetName>("name").map(Spanned::into_inner);
        let buildkit_version = root.optional::<BuildkitVersion>("buildkit-version");
        let account = root.table("account");
        let (mut account_user, mut account_home, mut trusted_user) = (None, None, None);
        if let Some(account) = account {
            account_user = account.optional::<UserName>("user");
            account_home = account.optional::<AbsPath>("home").map(Spanned::into_inner);
            trusted_user = account.optional::<bool>("trusted-user");
            account.finish();
        }
        let mut worker = Settings::empty(&keys::WORKER_DEFAULTS);
        let mut executor = None;
        if let Some(fields) = root.table("worker") {
            worker = Settings::read(&keys::WORKER_DEFAULTS, &fields);
            executor = fields.optional::<Executor>("executor").map(Spanned::into_inner);
            fields.finish();
        }
        let daemon = root.table("buildkitd").map_or_else(DaemonEntry::empty, DaemonEntry::read);
        let registries = RegistryEntry::read_all(&root);
        root.require("builders");
        root.require("hosts");
        let builders: Vec<_> = root
            .map::<BuilderName>("builders")
            .into_iter()
            .filter_map(|(name, fields)| Some((name, BuilderEntry::read(fields)?)))
            .collect();
        let hosts: Vec<_> = root
            .map::<HostName>("hosts")
            .into_iter()
            .map(|(name, fields)| (name, HostEntry::read(fields)))
            .collect();
        let (lacks_builders, lacks_hosts) =
            (root.entries("builders") != builders.len(), root.entries("hosts") != hosts.len());
        root.finish();
        Some(Self {
            name,
            buildkit_version,
            account_user,
            account_home,
            trusted_user,
            worker,
            executor,
            daemon,
            registries,
            builders,
            hosts,
            lacks_builders,
            lacks_hosts,
        })
    }
}

/// Checks `version` before all else: of another version, no other message would be right.
fn version(root: &Fields<'_>) -> Option<()> {
    if !root.require("version") {
        return Some(());
    }
    let version = root.optional::<value::Count>("version");
    match version {
        Some(version) if version.get().get() != 1 => {
            let title = format!("version {} of the inventory is not known", version.get().get());
            root.push(
                Diagnostic::error(Code::UnsupportedVersion, title)
                    .primary(version.span(), "this buildfleet reads version 1")
                    .help("write `version = 1`, or use a buildfleet that knows the version"),
            );
            None
        }
        _ => Some(()),
    }
}

fn syntax(error: &toml_edit::TomlError) -> Diagnostic {
    let message = error.message().lines().next().unwrap_or("not TOML");
    Diagnostic::error(Code::Syntax, format!("the inventory is not TOML: {message}"))
        .primary(error.span().unwrap_or(0..0), "")
        .help("nothing further is checked until the syntax is right")
}
