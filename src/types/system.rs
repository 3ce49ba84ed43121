//! Nix systems: what a host is to Nix.

use std::fmt;
use std::str::FromStr;

use super::platform::{Arch, Platform};
use super::shown;
use crate::diag::{Code, Fault};

/// A Nix system, such as `x86_64-linux`. Errors: `invalid-value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NixSystem(String);

impl NixSystem {
    /// The system as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NixSystem {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        check_system(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NixSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The systems of Linux that Nix knows, each with BuildKit's architecture.
const SYSTEMS: &[(&str, Arch)] = &[
    ("x86_64-linux", Arch::Amd64),
    ("aarch64-linux", Arch::Arm64),
    ("armv7l-linux", Arch::Arm),
    ("armv6l-linux", Arch::Arm),
    ("i686-linux", Arch::I386),
    ("riscv64-linux", Arch::Riscv64),
    ("powerpc64le-linux", Arch::Ppc64le),
    ("s390x-linux", Arch::S390x),
    ("loongarch64-linux", Arch::Loong64),
    ("mips64el-linux", Arch::Mips64le),
];

fn check_system(text: &str) -> Result<(), Fault> {
    if SYSTEMS.iter().any(|(name, _)| *name == text) {
        return Ok(());
    }
    let near = text.parse::<Platform>().ok().and_then(|platform| NixSystem::of(&platform));
    let help = match near {
        Some(system) => format!("`{text}` is a platform of BuildKit; as a Nix system it is `{system}`"),
        None => {
            format!("it is one of: {}", SYSTEMS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))
        }
    };
    Err(Fault::new(Code::InvalidValue, format!("`{}` is not a Nix system", shown(text)), help))
}

impl NixSystem {
    /// The system whose hosts run the platform natively, if Nix knows one.
    pub fn of(platform: &Platform) -> Option<Self> {
        let name = match (platform.arch(), platform.variant()) {
            (Arch::Arm, Some("v6" | "v5")) => "armv6l-linux",
            (arch, _) => SYSTEMS.iter().find(|(_, own)| *own == arch).map(|(name, _)| *name)?,
        };
        Some(Self(name.to_owned()))
    }

    /// Whether hosts of the system run programs of the platform without emulation.
    ///
    /// 32-bit Arm on 64-bit Arm is taken to work: it does on the boards in use, though not on every server.
    pub fn runs(&self, platform: &Platform) -> bool {
        let own = SYSTEMS.iter().find(|(name, _)| *name == self.0).map(|(_, arch)| *arch);
        match own {
            Some(Arch::Amd64) => matches!(platform.arch(), Arch::Amd64 | Arch::I386),
            Some(Arch::Arm64) => matches!(platform.arch(), Arch::Arm64 | Arch::Arm),
            Some(arch) => arch == platform.arch(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems() {
        let system: NixSystem = "x86_64-linux".parse().expect("system");
        assert!(system.runs(&"linux/amd64/v2".parse().expect("platform")));
        assert!(system.runs(&"linux/386".parse().expect("platform")));
        assert!(!system.runs(&"linux/arm64".parse().expect("platform")));
        let of = |p: &str| NixSystem::of(&p.parse().expect("platform")).map(|s| s.to_string());
        assert_eq!(of("linux/arm64").as_deref(), Some("aarch64-linux"));
        assert_eq!(of("linux/arm/v6").as_deref(), Some("armv6l-linux"));
        assert!("linux/arm64".parse::<NixSystem>().expect_err("platform").help.contains("aarch64-linux"));
    }
}
