//! The version of BuildKit that a host runs.

use std::fmt;
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// A version of BuildKit, `0.33` or `v0.33.1`; keys of buildkitd.toml come with the second number.
///
/// From 0.17 on, the first with `maxUsedSpace`: before, `keepBytes` was the limit, which today keeps the least
/// instead of the most. Errors: `invalid-value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildkitVersion(u16);

impl BuildkitVersion {
    /// The oldest that files are rendered for.
    pub const OLDEST: Self = Self(17);

    /// The version 0.`minor`.
    pub const fn minor(minor: u16) -> Self {
        Self(minor)
    }
}

impl FromStr for BuildkitVersion {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let fault = |help: String| {
            Fault::new(Code::InvalidValue, format!("`{}` is not a version of BuildKit", shown(text)), help)
        };
        let numbers: Option<Vec<u16>> =
            text.strip_prefix('v').unwrap_or(text).split('.').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some([0, minor] | [0, minor, _]) if *minor >= Self::OLDEST.0 => Ok(Self(*minor)),
            Some([0, _] | [0, _, _]) => {
                Err(fault(format!("the oldest that files are rendered for is {}", Self::OLDEST)))
            }
            _ => Err(fault(
                "write it as `buildkitd --version` does, such as `\"0.33\"` or `\"v0.33.1\"`".to_owned(),
            )),
        }
    }
}

impl fmt::Display for BuildkitVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, minor) in [("0.33", 33), ("v0.33.1", 33), ("0.17.0", 17)] {
            assert_eq!(text.parse::<BuildkitVersion>(), Ok(BuildkitVersion(minor)));
        }
        for bad in ["", "0.16.9", "33", "1.0", "0.33.1.2", "0.x", "latest", "0.33-rc1", "0.99999"] {
            assert_eq!(bad.parse::<BuildkitVersion>().expect_err(bad).code, Code::InvalidValue);
        }
    }
}
