//! `[hosts.<name>.client]`: who starts builds, and with what identity.

use super::fields::Fields;
use super::spanned::{Said, Spanned};
use super::words::{NixProtocol, Preset, WorkerBlocks};
use crate::diag::Span;
use crate::types::{
    AbsPath, BuilderName, FileMode, FolderName, PublicKey, SecretName, ServiceName, TreePath, UnitName,
    UserName, Word,
};

/// A client as written.
#[derive(Debug)]
pub struct ClientEntry {
    /// Where the table stands.
    pub span: Span,
    /// `preset`.
    pub preset: Option<Spanned<Preset>>,
    /// `instances`.
    pub instances: Vec<Spanned<Word>>,
    /// `user`.
    pub user: Option<Spanned<UserName>>,
    /// `group`.
    pub group: Option<UserName>,
    /// `home`.
    pub home: Option<AbsPath>,
    /// `dynamic-user`.
    pub dynamic_user: Option<Spanned<bool>>,
    /// `state-directory`.
    pub state_directory: Option<Spanned<FolderName>>,
    /// `before`; `None` where it is not said.
    pub before: Option<Vec<Spanned<ServiceName>>>,
    /// `public-key`.
    pub public_key: Option<Spanned<PublicKey>>,
    /// `[identity]`.
    pub identity: Option<IdentityEntry>,
    /// `default-builder`.
    pub default_builder: Option<Spanned<BuilderName>>,
    /// `buildx-config`.
    pub buildx_config: Option<AbsPath>,
    /// `[tls]`.
    pub tls: Option<ClientTls>,
    /// `[nix]`.
    pub nix: Option<ClientNix>,
    /// `worker-blocks`.
    pub worker_blocks: Option<Spanned<WorkerBlocks>>,
    /// Which of its keys are there, and where.
    pub said: Said,
}

/// `[hosts.<name>.client.identity]`.
#[derive(Debug)]
pub struct IdentityEntry {
    /// Where the table stands.
    pub span: Span,
    /// `path`.
    pub path: Option<Spanned<AbsPath>>,
    /// `[sops]`.
    pub sops: Option<SopsEntry>,
    /// Where `sops` stands, if it is there.
    pub sops_span: Option<Span>,
    /// `copy-from`.
    pub copy_from: Option<Spanned<AbsPath>>,
    /// `owner`.
    pub owner: Option<UserName>,
    /// `group`.
    pub group: Option<UserName>,
    /// `mode`.
    pub mode: Option<FileMode>,
    /// `restart-units`; `None` where it is not said.
    pub restart_units: Option<Vec<UnitName>>,
    /// Which of its keys are there, and where.
    pub said: Said,
}

/// `[hosts.<name>.client.identity.sops]`.
#[derive(Debug, Clone)]
pub struct SopsEntry {
    /// `key`.
    pub key: SecretName,
    /// `secret`, or `key`.
    pub secret: SecretName,
    /// `file`.
    pub file: Option<TreePath>,
}

/// `[hosts.<name>.client.tls]`.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// `ca`.
    pub ca: AbsPath,
    /// `cert`.
    pub cert: AbsPath,
    /// `key`.
    pub key: AbsPath,
}

/// `[hosts.<name>.client.nix]`.
#[derive(Debug, Clone)]
pub struct ClientNix {
    /// `build-machines`.
    pub build_machines: bool,
    /// `ssh-key`.
    pub ssh_key: Option<AbsPath>,
    /// `protocol`.
    pub protocol: NixProtocol,
    /// Which of its keys are there, and where.
    pub said: Said,
}

impl ClientEntry {
    /// Reads the table.
    pub fn read(fields: Fields<'_>) -> Self {
        let entry = Self {
            span: fields.span(),
            preset: fields.optional("preset"),
            instances: fields.list("instances"),
            user: fields.optional("user"),
            group: fields.optional("group").map(Spanned::into_inner),
            home: fields.optional("home").map(Spanned::into_inner),
            dynamic_user: fields.optional("dynamic-user"),
            state_directory: fields.optional("state-directory"),
            before: fields.has("before").then(|| fields.list("before")),
            public_key: fields.optional("public-key"),
            identity: fields.table("identity").map(IdentityEntry::read),
            default_builder: fields.optional("default-builder"),
            buildx_config: fields.optional("buildx-config").map(Spanned::into_inner),
            tls: fields.table("tls").and_then(ClientTls::read),
            nix: fields.table("nix").and_then(ClientNix::read),
            worker_blocks: fields.optional("worker-blocks"),
            said: fields.said(),
        };
        if entry.user.is_none() && entry.preset.is_none() && !fields.has("preset") {
            fields.require("user");
        }
        fields.finish();
        entry
    }
}

impl IdentityEntry {
    fn read(fields: Fields<'_>) -> Self {
        let units = |key| fields.list(key).into_iter().map(Spanned::into_inner).collect();
        let entry = Self {
            span: fields.span(),
            path: fields.optional("path"),
            sops: fields.table("sops").and_then(SopsEntry::read),
            sops_span: fields.has("sops").then(|| fields.key_span("sops")),
            copy_from: fields.optional("copy-from"),
            owner: fields.optional("owner").map(Spanned::into_inner),
            group: fields.optional("group").map(Spanned::into_inner),
            mode: fields.optional("mode").map(Spanned::into_inner),
            restart_units: fields.has("restart-units").then(|| units("restart-units")),
            said: fields.said(),
        };
        if !fields.has("sops") && !fields.has("copy-from") {
            fields.require("path");
        }
        fields.finish();
        entry
    }
}

impl SopsEntry {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let key = fields.required::<SecretName>("key").map(Spanned::into_inner);
        let secret = fields.optional::<SecretName>("secret").map(Spanned::into_inner);
        let file = fields.optional("file").map(Spanned::into_inner);
        fields.finish();
        let key = key?;
        Some(Self { secret: secret.unwrap_or_else(|| key.clone()), key, file })
    }
}

impl ClientTls {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let (ca, cert, key) = (fields.required("ca"), fields.required("cert"), fields.required("key"));
        fields.finish();
        Some(Self { ca: ca?.into_inner(), cert: cert?.into_inner(), key: key?.into_inner() })
    }
}

impl ClientNix {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let build_machines = fields.required::<bool>("build-machines");
        let ssh_key = fields.optional("ssh-key").map(Spanned::into_inner);
        let protocol = fields.optional("protocol").map_or(NixProtocol::SshNg, Spanned::into_inner);
        let said = fields.said();
        fields.finish();
        Some(Self { build_machines: build_machines?.into_inner(), ssh_key, protocol, said })
    }
}
