//! The codes of all diagnostics: for life, each with a page in `docs/diagnostics/`.

use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($variant:ident => $name:literal: $summary:literal,)*) => {
        /// The stable name of a kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $summary] $variant,)*
        }

        impl Code {
            /// All codes, in the order in which the stages find them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as printed, kebab-case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the code means, in a line.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }

            /// The page that `buildfleet explain` prints, in Markdown.
            pub fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../docs/diagnostics/", $name, ".md")),)*
                }
            }
        }

        impl FromStr for Code {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($name => Ok(Self::$variant),)* _ => Err(UnknownCode(text.to_owned())) }
            }
        }
    };
}

codes! {
    TooLarge => "too-large": "the inventory is too large to be one",
    NotUtf8 => "not-utf8": "the inventory is not UTF-8",
    ByteOrderMark => "byte-order-mark": "the inventory begins with a byte order mark",
    EmptyInventory => "empty-inventory": "the inventory is empty",
    Syntax => "syntax": "the inventory is not TOML",
    UnsupportedVersion => "unsupported-version": "the inventory is of a version that is not known",
    UnknownKey => "unknown-key": "a key that nothing reads",
    MissingKey => "missing-key": "a key that is needed is not there",
    WrongType => "wrong-type": "a value of another type than the key takes",
    InvalidValue => "invalid-value": "a word that is none of those that the key takes",
    OutOfRange => "out-of-range": "a number outside its range",
    InvalidText => "invalid-text": "free text that cannot be carried",
    InvalidName => "invalid-name": "a host or builder name that cannot be used",
    ReservedName => "reserved-name": "a name that means something else already",
    CaseCollision => "case-collision": "two names that differ in case alone",
    InvalidAddress => "invalid-address": "an address that no host can have",
    InvalidEndpoint => "invalid-endpoint": "an endpoint that buildx cannot reach",
    InvalidPort => "invalid-port": "a port outside 1 to 65535",
    InvalidPlatform => "invalid-platform": "a platform that is not spelled as BuildKit spells it",
    InvalidUser => "invalid-user": "a user or group name that the system refuses",
    InvalidPath => "invalid-path": "a path that is relative or leaves its place",
    InvalidUnit => "invalid-unit": "a name that is no systemd unit's",
    InvalidSize => "invalid-size": "a size that BuildKit cannot read, or reads as something else",
    InvalidDuration => "invalid-duration": "a duration that BuildKit cannot read",
    InvalidRegistry => "invalid-registry": "a registry or mirror that matches nothing",
    InvalidFilter => "invalid-filter": "a garbage collection filter that matches nothing",
    PrivateKey => "private-key": "private key material in the inventory",
    MalformedKey => "malformed-key": "a public key that is none",
    RefusedKeyType => "refused-key-type": "a type of key that must not be used",
    WeakKey => "weak-key": "a key that is too short",
    KnownHostsLine => "known-hosts-line": "a line of known_hosts where a key is wanted",
    SeveralKeys => "several-keys": "two keys in one string",
    UnknownHost => "unknown-host": "a builder names a host that is not there",
    UnknownBuilder => "unknown-builder": "a key names a builder that is not there",
    NoNodes => "no-nodes": "a builder without nodes",
    NoClients => "no-clients": "a builder that nobody uses",
    NoBuilders => "no-builders": "a client that uses no builder",
    UnusedHost => "unused-host": "a host that no builder names",
    NotAWorker => "not-a-worker": "a node without a worker",
    NotAClient => "not-a-client": "a builder's client that is not set up as one",
    DuplicateNode => "duplicate-node": "a host twice among the nodes of a builder",
    DuplicateClient => "duplicate-client": "a host twice among the clients of a builder",
    DuplicateAddress => "duplicate-address": "two hosts of one address",
    DuplicateKey => "duplicate-key": "one key for two clients, or for two hosts",
    PlatformUnserved => "platform-unserved": "a platform that no node serves",
    PlatformTaken => "platform-taken": "two nodes declare one platform",
    OnlyEmulated => "only-emulated": "a platform that is left with emulation",
    HttpWithInsecure => "http-with-insecure": "http and insecure together mean something else",
    HttpWithCa => "http-with-ca": "a CA for a registry that is spoken to without TLS",
    HttpMerge => "http-merge": "a push of several platforms to a plain-http registry needs a flag",
    DuplicateCa => "duplicate-ca": "two CAs of one base name",
    GcUnbounded => "gc-unbounded": "garbage collection without an upper bound",
    GcDeprecated => "gc-deprecated": "garbage collection with a deprecated key",
    GcPartial => "gc-partial": "one garbage collection limit drops the defaults of the others",
    DockerRoot => "docker-root": "the docker group makes clients root on the hosts",
    HostKeyMissing => "host-key-missing": "a host that clients cannot tell from another",
    ClientKeyMissing => "client-key-missing": "a client that no node would let in",
    IdentityMissing => "identity-missing": "a client without an identity to log in with",
    IdentityUnreachable => "identity-unreachable": "an identity where its user cannot have it",
    DynamicRunner => "dynamic-runner": "a runner's user that NixOS makes up when it starts",
    WorkerNotNixos => "worker-not-nixos": "a worker on a host that is not NixOS",
    KeyNotUsed => "key-not-used": "a key that has no effect here",
    KeyTooNew => "key-too-new": "a key that the BuildKit of a host does not know",
    TcpWithoutTls => "tcp-without-tls": "a TCP endpoint that anyone can build on",
    TlsIncomplete => "tls-incomplete": "TLS with a part missing",
    SocketMissing => "socket-missing": "a daemon that does not listen where its clients connect",
    RemoteWorkersRefused => "remote-workers-refused": "a file that every buildkitd refuses",
}

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no diagnostic `{0}`")]
pub struct UnknownCode(pub String);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
