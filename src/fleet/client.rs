//! Who starts builds on a host, with the defaults of the preset filled in.

use crate::diag::Span;
use crate::inventory::{
    ClientEntry, ClientNix, ClientTls, IdentityEntry, Preset, Said, SopsEntry, Spanned, WorkerBlocks,
};
use crate::types::{AbsPath, BuilderName, FileMode, PublicKey, ServiceName, UnitName, UserName, Word};

/// The user or the services of a host that start builds.
#[derive(Debug)]
pub struct Client {
    /// Where its table stands.
    pub span: Span,
    /// The NixOS module whose services it is.
    pub preset: Option<Spanned<Preset>>,
    /// Where `instances` stands without a preset to use it.
    pub instances: Vec<Spanned<Word>>,
    /// The user.
    pub user: Spanned<UserName>,
    /// Its group, if not the user's own primary group.
    pub group: Option<UserName>,
    /// Its `HOME`.
    pub home: AbsPath,
    /// The same, where the inventory or a dynamic user's state directory decides it; a static user's is known to
    /// the host itself.
    pub home_said: Option<AbsPath>,
    /// Whether systemd makes the user up; the place where that is said, if it is.
    pub dynamic_user: bool,
    /// Whether the inventory says so, or otherwise, itself.
    pub dynamic_user_said: bool,
    /// The state directory of a dynamic user, below `/var/lib`.
    pub state_directory: String,
    /// The units that start builds.
    pub units: Vec<Spanned<ServiceName>>,
    /// The key that nodes let in.
    pub public_key: Option<Spanned<PublicKey>>,
    /// The private key that belongs to it.
    pub identity: Option<Identity>,
    /// Which keys of its table are there, and where.
    pub said: Said,
    /// The builder of `docker build`.
    pub default_builder: Option<BuilderName>,
    /// Where buildx keeps its builders, if not below the home.
    pub buildx_config: Option<AbsPath>,
    /// Its certificate.
    pub tls: Option<ClientTls>,
    /// Use of the nodes by Nix.
    pub nix: Option<ClientNix>,
    /// The other dialect to render.
    pub worker_blocks: Option<Spanned<WorkerBlocks>>,
    /// The builders that it uses, sorted.
    pub builders: Vec<BuilderName>,
}

/// Where the private key is and how it gets there.
#[derive(Debug)]
pub struct Identity {
    /// Where its table stands.
    pub span: Span,
    /// Where it comes from.
    pub source: IdentitySource,
    /// Where ssh finds it, if the inventory says so.
    pub path: Option<Spanned<AbsPath>>,
    /// What it is copied from, if it is.
    pub copied_from: Option<Spanned<AbsPath>>,
    /// Where `sops` and `copy-from` stand when both are said.
    pub conflict: Option<(Span, Span)>,
    /// The owner of the file.
    pub owner: Option<UserName>,
    /// The group of the file.
    pub group: Option<UserName>,
    /// Its permissions.
    pub mode: Option<FileMode>,
    /// What is restarted when it changes; `None` for the units of the client.
    pub restart_units: Option<Vec<UnitName>>,
    /// Which keys of its table are there, and where.
    pub said: Said,
}

/// Where a private key comes from.
#[derive(Debug)]
pub enum IdentitySource {
    /// A secret of sops-nix.
    Sops(SopsEntry),
    /// Another file of the host, root's.
    CopyFrom(AbsPath),
    /// A person puts it at its path.
    ByHand,
}

/// What a preset says of the services that it stands for.
struct PresetDefaults {
    user: &'static str,
    state_directory: &'static str,
    unit_prefix: &'static str,
}

impl Preset {
    /// Source: nixpkgs, `services/continuous-integration/{gitea-actions-runner,forgejo-runner}.nix`.
    fn defaults(self) -> PresetDefaults {
        match self {
            Self::GiteaActionsRunner => PresetDefaults {
                user: "gitea-runner",
                state_directory: "gitea-runner",
                unit_prefix: "gitea-runner-",
            },
            // Its instances have a state directory each; what they share goes into one of its own.
            Self::ForgejoRunner => PresetDefaults {
                user: "forgejo-runner",
                state_directory: "buildfleet",
                unit_prefix: "forgejo-runner-",
            },
        }
    }
}

impl Client {
    /// `None` when the entry has no user, which has been reported.
    pub(super) fn link(entry: ClientEntry, builders: Vec<BuilderName>) -> Option<Self> {
        let preset = entry.preset.as_ref().map(|preset| (preset.get().defaults(), preset.span()));
        let preset_user = || {
            let (defaults, span) = preset.as_ref()?;
            Some(Spanned::new(defaults.user.parse().expect("a user name"), span.clone()))
        };
        let user = entry.user.clone().or_else(preset_user)?;
        let dynamic_user = entry.dynamic_user.as_ref().map_or(preset.is_some(), |said| *said.get());
        let state_directory = match (&entry.state_directory, &preset) {
            (Some(said), _) => said.get().as_str().to_owned(),
            (None, Some((defaults, _))) => defaults.state_directory.to_owned(),
            (None, None) => user.get().as_str().to_owned(),
        };
        let home = entry.home.clone().or_else(|| {
            let home =
                if dynamic_user { format!("/var/lib/{state_directory}") } else { format!("/home/{user}") };
            home.parse().ok()
        })?;
        let units = entry.before.clone().unwrap_or_else(|| {
            let prefix = preset.as_ref().map_or("", |(defaults, _)| defaults.unit_prefix);
            let unit = |instance: &Spanned<Word>| {
                let name = format!("{prefix}{}.service", systemd_escape(instance.get().as_str()));
                Some(Spanned::new(name.parse().ok()?, instance.span()))
            };
            entry.instances.iter().filter(|_| preset.is_some()).filter_map(unit).collect()
        });
        let default_builder =
            entry.default_builder.map(Spanned::into_inner).or_else(|| match builders.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            });
        Some(Self {
            span: entry.span,
            instances: entry.instances,
            group: entry.group,
            user,
            home_said: entry.home.or_else(|| dynamic_user.then(|| home.clone())),
            home,
            dynamic_user,
            dynamic_user_said: entry.dynamic_user.is_some() || entry.preset.is_some(),
            state_directory,
            units,
            public_key: entry.public_key,
            said: entry.said,
            identity: entry.identity.map(Identity::link),
            default_builder,
            buildx_config: entry.buildx_config,
            tls: entry.tls,
            nix: entry.nix,
            worker_blocks: entry.worker_blocks,
            preset: entry.preset,
            builders,
        })
    }

    /// Whether Nix builds on the nodes too, which it reaches over SSH whatever the builder does.
    pub fn sends_nix_builds(&self) -> bool {
        self.nix.as_ref().is_some_and(|nix| nix.build_machines)
    }

    /// Where ssh finds the private key of a user that is not made up.
    ///
    /// A dynamic user finds it among the credentials of its unit.
    pub fn identity_path(&self) -> Option<String> {
        let identity = self.identity.as_ref()?;
        match (&identity.path, &identity.source) {
            (Some(path), _) => Some(path.to_string()),
            (None, IdentitySource::Sops(sops)) => Some(format!("/run/secrets/{}", sops.secret)),
            (None, IdentitySource::CopyFrom(path)) => Some(path.to_string()),
            (None, IdentitySource::ByHand) => None,
        }
    }
}

impl Identity {
    fn link(entry: IdentityEntry) -> Self {
        let conflict = match (&entry.sops_span, &entry.copy_from) {
            (Some(sops), Some(copy)) => Some((sops.clone(), copy.span())),
            _ => None,
        };
        let copied_from = entry.copy_from.clone();
        let source = match (entry.sops, entry.copy_from) {
            (Some(sops), _) => IdentitySource::Sops(sops),
            (None, Some(path)) => IdentitySource::CopyFrom(path.into_inner()),
            (None, None) => IdentitySource::ByHand,
        };
        Self {
            span: entry.span,
            source,
            path: entry.path,
            copied_from,
            conflict,
            owner: entry.owner,
            group: entry.group,
            mode: entry.mode,
            restart_units: entry.restart_units,
            said: entry.said,
        }
    }
}

/// A text as a part of a unit's name, as `utils.escapeSystemdPath` of NixOS writes it.
fn systemd_escape(text: &str) -> String {
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if at == 0 => out.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::systemd_escape;

    #[test]
    fn unit_names_are_escaped_as_nixos_does() {
        assert_eq!(systemd_escape("first"), "first");
        assert_eq!(systemd_escape("ser5-amd64"), "ser5\\x2damd64");
        assert_eq!(systemd_escape("my runner"), "my\\x20runner");
    }
}
