//! `[hosts.<name>]`: a machine, its worker and its daemon.

use super::client::ClientEntry;
use super::fields::Fields;
use super::keys;
use super::registry::RegistryEntry;
use super::settings::Settings;
use super::spanned::{Said, Spanned};
use super::value::{Bounded, Parallelism};
use super::words::{Executor, HostOs};
use crate::diag::Span;
use crate::types::{
    Address, BuildkitVersion, Endpoint, NixSystem, Platform, Port, PublicKey, Registry, Remark, Word,
};

/// A host as written.
#[derive(Debug)]
pub struct HostEntry {
    /// Where its table stands.
    pub span: Span,
    /// `address`.
    pub address: Option<Spanned<Address>>,
    /// `port`.
    pub port: Option<Port>,
    /// `host-keys`.
    pub host_keys: Vec<Spanned<PublicKey>>,
    /// `os`.
    pub os: Option<Spanned<HostOs>>,
    /// `buildkit-version`.
    pub buildkit_version: Option<Spanned<BuildkitVersion>>,
    /// `system`.
    pub system: Option<NixSystem>,
    /// `description`.
    pub description: Option<Remark>,
    /// `[comments]`.
    pub comments: Comments,
    /// `[worker]`.
    pub worker: Option<WorkerEntry>,
    /// `[buildkitd]`.
    pub daemon: DaemonEntry,
    /// `[registries]`.
    pub registries: Vec<(Spanned<Registry>, RegistryEntry)>,
    /// `[client]`.
    pub client: Option<ClientEntry>,
    /// Which of its keys are there, and where.
    pub said: Said,
}

/// `[hosts.<name>.comments]`.
#[derive(Debug, Clone, Default)]
pub struct Comments {
    /// Of the platforms.
    pub platforms: Option<Remark>,
    /// Of `max-parallelism`.
    pub max_parallelism: Option<Remark>,
    /// Of `[cdi]`.
    pub cdi: Option<Remark>,
    /// Of the garbage collection.
    pub gc: Option<Remark>,
    /// Which of them are there, and where.
    pub said: Said,
}

/// `[hosts.<name>.worker]`.
#[derive(Debug)]
pub struct WorkerEntry {
    /// Where the table stands.
    pub span: Span,
    /// `platforms`, in order.
    pub platforms: Vec<Spanned<Platform>>,
    /// `fallback`.
    pub fallback: bool,
    /// `endpoint`.
    pub endpoint: Option<Spanned<Endpoint>>,
    /// `servername`.
    pub servername: Option<Spanned<Address>>,
    /// `allow-plain-tcp`.
    pub allow_plain_tcp: bool,
    /// `executor`.
    pub executor: Option<Executor>,
    /// BuildKit's own keys.
    pub settings: Settings,
    /// `[nix]`.
    pub nix: NixEntry,
    /// Which of its keys are there, and where.
    pub said: Said,
}

/// `[hosts.<name>.worker.nix]`.
#[derive(Debug, Default)]
pub struct NixEntry {
    /// `systems`.
    pub systems: Vec<NixSystem>,
    /// `max-jobs`.
    pub max_jobs: Option<i64>,
    /// `speed-factor`.
    pub speed_factor: Option<i64>,
    /// `supported-features`.
    pub supported_features: Vec<Word>,
    /// `mandatory-features`.
    pub mandatory_features: Vec<Word>,
}

/// `[buildkitd]`, of the fleet or of a host.
#[derive(Debug, Clone)]
pub struct DaemonEntry {
    /// BuildKit's own keys.
    pub settings: Settings,
    /// `grpc.address`; `None` where it is not said.
    pub listen: Option<Vec<Spanned<Endpoint>>>,
    /// Which of its keys are there, and where.
    pub said: Said,
}

impl DaemonEntry {
    /// Nothing said.
    pub fn empty() -> Self {
        Self { settings: Settings::empty(&keys::BUILDKITD), listen: None, said: Said::default() }
    }

    /// Reads the table.
    pub fn read(fields: Fields<'_>) -> Self {
        let settings = Settings::read(&keys::BUILDKITD, &fields);
        // Its keys have been gone through by `Settings::read`, so that only the list is left to read.
        let grpc = if fields.is_table("grpc") { fields.table("grpc") } else { None };
        let listen = grpc.and_then(|grpc| grpc.list_whole("address"));
        let said = fields.said();
        fields.finish();
        Self { settings, listen, said }
    }

    /// This entry, with what `over` says in its place.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        Self {
            settings: self.settings.overlaid(&over.settings),
            listen: over.listen.clone().or_else(|| self.listen.clone()),
            said: over.said.clone(),
        }
    }
}

impl HostEntry {
    /// Reads the table.
    pub fn read(fields: Fields<'_>) -> Self {
        let entry = Self {
            span: fields.span(),
            address: fields.optional("address"),
            port: fields.optional("port").map(Spanned::into_inner),
            host_keys: fields.list("host-keys"),
            os: fields.optional("os"),
            buildkit_version: fields.optional("buildkit-version"),
            system: fields.optional("system").map(Spanned::into_inner),
            description: fields.optional("description").map(Spanned::into_inner),
            comments: fields.table("comments").map(Comments::read).unwrap_or_default(),
            worker: fields.table("worker").map(WorkerEntry::read),
            daemon: fields.table("buildkitd").map_or_else(DaemonEntry::empty, DaemonEntry::read),
            registries: RegistryEntry::read_all(&fields),
            client: fields.table("client").map(ClientEntry::read),
            said: fields.said(),
        };
        fields.finish();
        entry
    }
}

impl Comments {
    fn read(fields: Fields<'_>) -> Self {
        let comments = Self {
            platforms: fields.optional("platforms").map(Spanned::into_inner),
            max_parallelism: fields.optional("max-parallelism").map(Spanned::into_inner),
            cdi: fields.optional("cdi").map(Spanned::into_inner),
            gc: fields.optional("gc").map(Spanned::into_inner),
            said: fields.said(),
        };
        fields.finish();
        comments
    }
}

impl WorkerEntry {
    fn read(fields: Fields<'_>) -> Self {
        fields.require("platforms");
        let entry = Self {
            span: fields.span(),
            platforms: fields.list("platforms"),
            fallback: fields.optional("fallback").is_some_and(Spanned::into_inner),
            endpoint: fields.optional("endpoint"),
            servername: fields.optional("servername"),
            allow_plain_tcp: fields.optional("allow-plain-tcp").is_some_and(Spanned::into_inner),
            executor: fields.optional("executor").map(Spanned::into_inner),
            settings: Settings::read(&keys::WORKER, &fields),
            nix: fields.table("nix").map(NixEntry::read).unwrap_or_default(),
            said: fields.said(),
        };
        fields.finish();
        entry
    }
}

impl NixEntry {
    fn read(fields: Fields<'_>) -> Self {
        fn plain<T>(list: Vec<Spanned<T>>) -> Vec<T> {
            list.into_iter().map(Spanned::into_inner).collect()
        }
        let entry = Self {
            systems: plain(fields.list("systems")),
            max_jobs: fields.optional::<Parallelism>("max-jobs").map(|jobs| jobs.get().get()),
            speed_factor: fields
                .optional::<Bounded<1, 1000>>("speed-factor")
                .map(|factor| factor.get().get()),
            supported_features: plain(fields.list("supported-features")),
            mandatory_features: plain(fields.list("mandatory-features")),
        };
        fields.finish();
        entry
    }
}
