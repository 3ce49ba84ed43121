//! Values that are one of a few words.

use toml_edit::Item;

use super::shape::{Shape, nearest};
use super::value::{Problem, Value};
use crate::diag::{Code, Fault};

/// Declares an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All words, in the order of the reference.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// As written in the inventory.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl Value for $name {
            const SHAPE: Shape = Shape::OneOf(Self::WORDS);

            fn read(item: &Item) -> Result<Self, Problem> {
                match item.as_str().ok_or(Problem::Type)? {
                    $($word => Ok(Self::$variant),)*
                    other => Err(unknown_word(other, Self::WORDS).into()),
                }
            }
        }

        impl From<$name> for toml_edit::Value {
            fn from(word: $name) -> Self {
                word.as_str().into()
            }
        }
    };
}

fn unknown_word(word: &str, words: &[&str]) -> Fault {
    let list = words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
    let help = match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? it takes one of {list}"),
        None => format!("it takes one of {list}"),
    };
    Fault::new(Code::InvalidValue, format!("`{}` is not a value of this key", word.escape_debug()), help)
}

words! {
    /// How buildx reaches the nodes of a builder.
    Driver {
        /// Each host's own buildkitd.
        Remote = "remote",
        /// A buildkitd in a container, through each host's Docker.
        DockerContainer = "docker-container",
    }
}
words! {
    /// What runs the build steps of a worker.
    Executor {
        /// runc, started by buildkitd itself.
        Oci = "oci",
        /// A containerd that runs already.
        Containerd = "containerd",
    }
}
impl Executor {
    /// Whether it knows the key of a worker; most are known to both.
    pub fn reads(self, key: &str) -> bool {
        match key {
            "noProcessSandbox" | "binary" | "proxySnapshotterPath" | "stargzSnapshotter" => self == Self::Oci,
            "address" | "namespace" | "runtime" => self == Self::Containerd,
            _ => true,
        }
    }
}

words! {
    /// What manages a host.
    HostOs {
        /// NixOS: a module is rendered.
        Nixos = "nixos",
        /// Anything else with a POSIX shell: a script is rendered.
        Other = "other",
    }
}
words! {
    /// A NixOS module whose services are the client.
    Preset {
        /// `services.gitea-actions-runner`.
        GiteaActionsRunner = "gitea-actions-runner",
        /// `services.forgejo-runner`.
        ForgejoRunner = "forgejo-runner",
    }
}
words! {
    /// The dialect of worker blocks to render beside the real file.
    WorkerBlocks {
        /// `[[worker.oci]]` with `[worker.oci.ssh]`, which no buildkitd reads.
        RemoteSsh = "remote-ssh",
    }
}
words! {
    /// The protocol between the Nix daemons.
    NixProtocol {
        /// `nix-daemon --stdio`.
        SshNg = "ssh-ng",
        /// `nix-store --serve`.
        Ssh = "ssh",
    }
}
words! {
    /// `[log] format`.
    LogFormat { /** Lines of text. */ Text = "text", /** Lines of JSON. */ Json = "json", }
}
words! {
    /// `[log] level`.
    LogLevel {
        /** Errors. */ Error = "error",
        /** And warnings. */ Warn = "warn",
        /** And what happens. */ Info = "info",
        /** And details. */ Debug = "debug",
        /** And all else. */ Trace = "trace",
    }
}
words! {
    /// What a build may be allowed beyond the sandbox.
    Entitlement {
        /// The host's network.
        NetworkHost = "network.host",
        /// A privileged container.
        SecurityInsecure = "security.insecure",
        /// CDI devices.
        Device = "device",
    }
}
words! {
    /// `networkMode` of a worker.
    NetworkMode {
        /** CNI if configured, else the host's. */ Auto = "auto",
        /** The host's network. */ Host = "host",
        /** A CNI plugin. */ Cni = "cni",
        /** A bridge made by buildkitd. */ Bridge = "bridge",
        /** Loopback alone. */ None = "none",
    }
}
words! {
    /// `snapshotter` of a worker.
    Snapshotter {
        /** The best that works. */ Auto = "auto",
        /** The kernel's overlayfs. */ Overlayfs = "overlayfs",
        /** Plain copies. */ Native = "native",
        /** fuse-overlayfs, for rootless daemons. */ FuseOverlayfs = "fuse-overlayfs",
        /** Lazily pulled eStargz layers. */ Stargz = "stargz",
    }
}
