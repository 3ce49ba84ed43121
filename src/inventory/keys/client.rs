//! `[hosts.<name>.client]`: who starts builds, and with what identity.

use super::super::shape::{Key, Need, Shape, Table};
use super::super::words::{NixProtocol, Preset, WorkerBlocks};
use crate::types::{
    AbsPath, BuilderName, FileMode, FolderName, PublicKey, SecretName, ServiceName, TreePath, UnitName,
    UserName, Word,
};

use Need::{Default, Required};

/// `[hosts.<name>.client]`
pub static CLIENT: Table = Table {
    heading: "[hosts.<name>.client]",
    doc: "The user or the services of a host that start builds.",
    groups: &[&[
        Key::of::<Preset>(
            "preset",
            Default("none: a user of its own"),
            "The NixOS module whose services start the builds. It sets `user`, `dynamic-user`, `state-directory`, \
             `home` and, from `instances`, `before`; each can be said otherwise.",
            "\"gitea-actions-runner\"",
        ),
        Key::list_of::<Word>(
            "instances",
            Default("none"),
            "The instances of the preset's services.",
            "[\"first\", \"second\"]",
        ),
        Key::of::<UserName>(
            "user",
            Default("the preset's; else needed"),
            "The user that runs `docker buildx`.",
            "\"gitea-runner\"",
        ),
        Key::of::<UserName>("group", Default("`user`"), "Its group.", "\"gitea-runner\""),
        Key::of::<AbsPath>(
            "home",
            Default("`/var/lib/<state-directory>` or `/home/<user>`"),
            "Its `HOME`.",
            "\"/var/lib/gitea-runner\"",
        ),
        Key::of::<bool>(
            "dynamic-user",
            Default("the preset's, else `false`"),
            "Whether systemd makes the user up (`DynamicUser=`). Such a user has no files that others could put there; \
             it gets its identity by `LoadCredential=`.",
            "true",
        ),
        Key::of::<FolderName>(
            "state-directory",
            Default("the preset's, else `user`"),
            "The `StateDirectory=` of a dynamic user, below `/var/lib`.",
            "\"gitea-runner\"",
        ),
        Key::list_of::<ServiceName>(
            "before",
            Default("the preset's, from `instances`"),
            "The units that start builds: the builder is set up before them, and they get `BUILDX_BUILDER` and the rest.",
            "[\"gitea-runner-first.service\"]",
        ),
        Key::of::<PublicKey>(
            "public-key",
            Default("none; needed to reach nodes over SSH"),
            "The public key that the worker hosts let in.",
            "\"ssh-ed25519 AAAA... eagle-builder\"",
        ),
        Key::nested(
            "identity",
            Shape::Table(&IDENTITY),
            Default("none; needed to reach nodes over SSH"),
            "Where its private key is and how it gets there. The key itself is never read.",
        ),
        Key::of::<BuilderName>(
            "default-builder",
            Default("its only builder, else none"),
            "The builder that `docker build` uses (`BUILDX_BUILDER`).",
            "\"avalanche\"",
        ),
        Key::of::<AbsPath>(
            "buildx-config",
            Default("`<home>/.docker/buildx`"),
            "The folder in which buildx keeps its builders (`BUILDX_CONFIG`).",
            "\"/home/nemo/.docker/buildx\"",
        ),
        Key::nested(
            "tls",
            Shape::Table(&CLIENT_TLS),
            Default("none"),
            "Its certificate for nodes with a `tcp://` endpoint.",
        ),
        Key::nested("nix", Shape::Table(&CLIENT_NIX), Default("none"), "Use of the same hosts by Nix."),
        Key::of::<WorkerBlocks>(
            "worker-blocks",
            Default("none"),
            "Renders `buildkitd.remote-workers.toml` too, in a dialect that every buildkitd refuses. Nothing refers to it.",
            "\"remote-ssh\"",
        ),
    ]],
};

/// `[hosts.<name>.client.identity]`
pub static IDENTITY: Table = Table {
    heading: "[hosts.<name>.client.identity]",
    doc: "The client's private key: from sops-nix (`sops`), copied from another file of the host (`copy-from`), or, with \
          neither, put at `path` by hand.",
    groups: &[&[
        Key::of::<AbsPath>(
            "path",
            Default("`/run/secrets/<key>` with `sops`; else needed"),
            "Where ssh finds the key.",
            "\"/var/lib/gitea-runner/.ssh/id_nix_builder\"",
        ),
        Key::nested("sops", Shape::Table(&SOPS), Default("none"), "The secret of sops-nix that holds it."),
        Key::of::<AbsPath>(
            "copy-from",
            Default("none"),
            "A file of root's from which it is copied, at boot and whenever that file changes.",
            "\"/root/.ssh/id_nix_builder\"",
        ),
        Key::of::<UserName>(
            "owner",
            Default("`user`; root for a dynamic user"),
            "The owner of the file.",
            "\"gitea-runner\"",
        ),
        Key::of::<UserName>(
            "group",
            Default("`group`; root for a dynamic user"),
            "The group of the file.",
            "\"gitea-runner\"",
        ),
        Key::of::<FileMode>(
            "mode",
            Default("`\"0600\"`; of a dynamic user's secret `\"0400\"`"),
            "Its permissions, in octal; ssh refuses a key of its user's that others can read.",
            "\"0600\"",
        ),
        Key::list_of::<UnitName>(
            "restart-units",
            Default("none"),
            "The units that are restarted when the key changes; those of a dynamic user always are.",
            "[\"gitea-runner-first.service\"]",
        ),
    ]],
};

/// `[hosts.<name>.client.identity.sops]`
pub static SOPS: Table = Table {
    heading: "[hosts.<name>.client.identity.sops]",
    doc: "A secret of sops-nix.",
    groups: &[&[
        Key::of::<SecretName>("key", Required, "The key inside the file.", "\"builder_ssh_private_key\""),
        Key::of::<SecretName>(
            "secret",
            Default("`key`"),
            "The attribute of `sops.secrets`.",
            "\"builder_ssh_key\"",
        ),
        Key::of::<TreePath>(
            "file",
            Default("the host's `sops.defaultSopsFile`"),
            "The encrypted file, relative to the rendered tree.",
            "\"../secrets/eagle/secrets.sops.yaml\"",
        ),
    ]],
};

/// `[hosts.<name>.client.tls]`
pub static CLIENT_TLS: Table = Table {
    heading: "[hosts.<name>.client.tls]",
    doc: "The client's side of TLS, as paths on the client; the user must be able to read them.",
    groups: &[&[
        Key::of::<AbsPath>(
            "ca",
            Required,
            "The CA of the daemons' certificates.",
            "\"/etc/buildkit/ca.pem\"",
        ),
        Key::of::<AbsPath>("cert", Required, "The client's certificate.", "\"/etc/buildkit/client.pem\""),
        Key::of::<AbsPath>("key", Required, "Its key.", "\"/etc/buildkit/client.key\""),
    ]],
};

/// `[hosts.<name>.client.nix]`
pub static CLIENT_NIX: Table = Table {
    heading: "[hosts.<name>.client.nix]",
    doc: "Use of the same hosts by Nix, through the same account.",
    groups: &[&[
        Key::of::<bool>(
            "build-machines",
            Required,
            "Whether the nodes are the client's `nix.buildMachines`.",
            "true",
        ),
        Key::of::<AbsPath>(
            "ssh-key",
            Default("the identity's path"),
            "The private key that root's nix-daemon reads.",
            "\"/root/.ssh/id_nix_builder\"",
        ),
        Key::of::<NixProtocol>("protocol", Default("`\"ssh-ng\"`"), "The protocol.", "\"ssh-ng\""),
    ]],
};
