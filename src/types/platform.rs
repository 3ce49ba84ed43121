//! Target platforms in BuildKit's spelling.

use std::fmt;
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// The operating system of a platform; builders of a fleet run Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// `linux`
    Linux,
}

/// The architecture of a platform, by Go's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// `amd64`
    Amd64,
    /// `386`
    I386,
    /// `arm64`
    Arm64,
    /// `arm`
    Arm,
    /// `riscv64`
    Riscv64,
    /// `ppc64le`
    Ppc64le,
    /// `s390x`
    S390x,
    /// `loong64`
    Loong64,
    /// `mips64le`
    Mips64le,
    /// `mips64`
    Mips64,
}

/// Each architecture with its variants; the first variant listed is what a missing one means, and is not
/// written. Source: containerd's `platforms` package, `normalizeArch`, which buildx and buildkitd share.
const ARCHS: &[(Arch, &str, Option<&str>, &[&str])] = &[
    (Arch::Amd64, "amd64", Some("v1"), &["v1", "v2", "v3", "v4"]),
    (Arch::I386, "386", None, &[]),
    (Arch::Arm64, "arm64", Some("v8"), &["v8"]),
    (Arch::Arm, "arm", None, &["v5", "v6", "v7"]),
    (Arch::Riscv64, "riscv64", None, &[]),
    (Arch::Ppc64le, "ppc64le", None, &[]),
    (Arch::S390x, "s390x", None, &[]),
    (Arch::Loong64, "loong64", None, &[]),
    (Arch::Mips64le, "mips64le", None, &[]),
    (Arch::Mips64, "mips64", None, &[]),
];

/// What people write instead, in lower case, and what is meant.
const MEANT: &[(&str, &str)] = &[
    ("x86_64", "linux/amd64"),
    ("x86-64", "linux/amd64"),
    ("x64", "linux/amd64"),
    ("amd64", "linux/amd64"),
    ("aarch64", "linux/arm64"),
    ("arm64v8", "linux/arm64"),
    ("arm64", "linux/arm64"),
    ("armv8", "linux/arm64"),
    ("armhf", "linux/arm/v7"),
    ("armv7", "linux/arm/v7"),
    ("armv7l", "linux/arm/v7"),
    ("armv6", "linux/arm/v6"),
    ("armv6l", "linux/arm/v6"),
    ("armel", "linux/arm/v6"),
    ("arm", "linux/arm/v7"),
    ("i386", "linux/386"),
    ("i686", "linux/386"),
    ("x86", "linux/386"),
    ("386", "linux/386"),
    ("riscv64", "linux/riscv64"),
    ("risc-v", "linux/riscv64"),
    ("riscv", "linux/riscv64"),
    ("ppc64le", "linux/ppc64le"),
    ("powerpc64le", "linux/ppc64le"),
    ("s390x", "linux/s390x"),
    ("loongarch64", "linux/loong64"),
    ("loong64", "linux/loong64"),
    ("mips64el", "linux/mips64le"),
    ("mips64le", "linux/mips64le"),
];

/// A target platform in BuildKit's spelling, `os/arch` or `os/arch/variant`.
///
/// `linux/arm64/v8` and `linux/arm64` are one platform and compare equal; so are `linux/arm` and
/// `linux/arm/v7`, and `linux/amd64/v1` and `linux/amd64`. Errors: `invalid-platform`, with the spelling that
/// is accepted. Source: containerd's platform normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: Os,
    arch: Arch,
    variant: Option<&'static str>,
}

impl Platform {
    /// The operating system's name.
    pub fn os(&self) -> &'static str {
        match self.os {
            Os::Linux => "linux",
        }
    }

    /// The architecture.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// The architecture's name.
    pub fn architecture(&self) -> &'static str {
        ARCHS.iter().find(|(arch, ..)| *arch == self.arch).map_or("", |(_, name, ..)| name)
    }

    /// The variant, normalised: none where it is the one that a missing variant means.
    pub fn variant(&self) -> Option<&'static str> {
        self.variant
    }
}

impl FromStr for Platform {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let fault = |help: String| {
            Fault::new(Code::InvalidPlatform, format!("`{}` is not a platform", shown(text)), help)
        };
        if text.contains(',') {
            return Err(fault("write each platform as a string of its own".to_owned()));
        }
        let mut parts = text.split('/');
        let (os, arch, variant) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let entry = ARCHS.iter().find(|(_, name, ..)| Some(*name) == arch);
        if let (true, Some((arch, name, usual, variants)), None) = (os == "linux", entry, parts.next()) {
            let variant = match variant {
                None if *arch == Arch::Arm => Some("v7"),
                None => None,
                Some(given) => match variants.iter().find(|v| **v == given) {
                    Some(v) if Some(*v) == *usual => None,
                    Some(v) => Some(*v),
                    None if variants.is_empty() => {
                        return Err(fault(format!("`{name}` has no variants: write `linux/{name}`")));
                    }
                    None => {
                        let known = variants.join("`, `");
                        return Err(fault(format!("the variants of `{name}` are `{known}`")));
                    }
                },
            };
            return Ok(Self { os: Os::Linux, arch: *arch, variant });
        }
        Err(fault(match meant(text) {
            Some(platform) => format!("write `{platform}`"),
            None if matches!(os, "windows" | "darwin" | "freebsd") => {
                "the nodes of a fleet run Linux: write `linux/` and an architecture".to_owned()
            }
            None => format!(
                "write `linux/` and one of: {}",
                ARCHS.iter().map(|(_, name, ..)| *name).collect::<Vec<_>>().join(", ")
            ),
        }))
    }
}

/// The platform that a text in another spelling most likely means.
fn meant(text: &str) -> Option<Platform> {
    let folded = text.trim().to_lowercase();
    if folded != text && folded.parse::<Platform>().is_ok() {
        return folded.parse().ok();
    }
    let bare = folded
        .strip_prefix("linux")
        .map(|rest| rest.trim_start_matches(['/', '-', '_', ' ']))
        .unwrap_or(&folded)
        .trim_end_matches("-linux");
    let bare = bare.split('/').next().unwrap_or_default();
    let (_, platform) = MEANT.iter().find(|(name, _)| *name == bare)?;
    platform.parse().ok()
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os(), self.architecture())?;
        match self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_platform_are_equal() {
        let normal = |text: &str| text.parse::<Platform>().expect(text).to_string();
        for (text, wanted) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v2", "linux/amd64/v2"),
            ("linux/arm64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("linux/386", "linux/386"),
            ("linux/riscv64", "linux/riscv64"),
        ] {
            assert_eq!(normal(text), wanted);
            assert_eq!(normal(wanted), wanted);
        }
    }

    #[test]
    fn other_spellings_are_refused_with_the_accepted_one() {
        for (text, wanted) in [
            ("x86_64", "`linux/amd64`"),
            ("arm64", "`linux/arm64`"),
            ("aarch64", "`linux/arm64`"),
            ("linux/aarch64", "`linux/arm64`"),
            ("linux/x86_64", "`linux/amd64`"),
            ("Linux/ARM64", "`linux/arm64`"),
            ("linux-arm64", "`linux/arm64`"),
            ("aarch64-linux", "`linux/arm64`"),
            ("linux/amd64 ", "`linux/amd64`"),
            ("linux/armhf", "`linux/arm/v7`"),
            ("linux/arm/v8", "`v5`, `v6`, `v7`"),
            ("linux/riscv64/v1", "`linux/riscv64`"),
            ("linux/amd64,linux/arm64", "string of its own"),
            ("windows/amd64", "run Linux"),
            ("linux/foo", "one of: amd64"),
            ("linux/amd64/v2/x", "`linux/amd64`"),
            ("linux", "one of: amd64"),
            ("", "one of: amd64"),
        ] {
            let fault = text.parse::<Platform>().expect_err(text);
            assert_eq!(fault.code, Code::InvalidPlatform);
            assert!(fault.help.contains(wanted), "{text}: {}", fault.help);
        }
    }
}
