//! Paths on the hosts, and paths beside the rendered tree.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use super::shown;
use crate::diag::{Code, Fault};

/// An absolute path on a host, normalised: no `.`, `..`, empty component or trailing `/`, and not `/` itself.
///
/// Control characters, quotes, `$` and `\\` are refused, as one of systemd-tmpfiles, ssh_config and unit files
/// cannot carry each. Errors: `invalid-path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsPath(Utf8PathBuf);

/// A path relative to the rendered tree, which may lead out of it upwards (`../secrets/a.yaml`).
///
/// Errors: `invalid-path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Utf8PathBuf);

const MAX_PATH: usize = 4095;

fn fault(text: &str, why: &str) -> Fault {
    Fault::new(Code::InvalidPath, format!("`{}` is not a path that can be used here", shown(text)), why)
}

fn check_text(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(fault(text, "name a file or folder"));
    }
    if text.len() > MAX_PATH {
        return Err(fault(text, "a path has at most 4095 bytes"));
    }
    if text.chars().any(|c| c.is_control() || super::text::is_format_control(c)) {
        return Err(fault(text, "take out the control characters"));
    }
    if text.contains(['\'', '"', '$', '\\', '`']) {
        return Err(fault(
            text,
            "take out quotes, `$` and `\\`: not every program that gets the path can carry them",
        ));
    }
    if text.split('/').any(|part| part.len() > 255) {
        return Err(fault(text, "a name in a path has at most 255 bytes"));
    }
    Ok(())
}

impl AbsPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The path as a path.
    pub fn as_path(&self) -> &Utf8Path {
        &self.0
    }

    /// Its last component.
    pub fn file_name(&self) -> &str {
        self.0.file_name().expect("it is not `/` and ends in no `..`")
    }

    /// Its last component with `_` for all but letters, digits and `._+-`, and without `..`: a name that every
    /// program can carry.
    pub fn plain_file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '_' };
        self.file_name().chars().map(plain).collect::<String>().replace("..", "__")
    }
}

impl FromStr for AbsPath {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        check_text(text)?;
        let Some(rest) = text.strip_prefix('/') else {
            let help = if text.starts_with('~') {
                "write the home directory out: nothing expands `~` here"
            } else {
                "write an absolute path, from `/` on"
            };
            return Err(fault(text, help));
        };
        if rest.split('/').any(|part| part == "..") {
            return Err(fault(text, "write the path without `..`"));
        }
        if rest.is_empty() || rest.split('/').any(|part| part.is_empty() || part == ".") {
            return Err(fault(text, "write the path without empty parts, `.` or a `/` at the end"));
        }
        Ok(Self(text.into()))
    }
}

impl TreePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for TreePath {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        check_text(text)?;
        if text.starts_with('/') {
            return Err(fault(
                text,
                "write it relative to the rendered tree, such as `../secrets/host.yaml`",
            ));
        }
        if text.starts_with('~') {
            return Err(fault(text, "write it relative to the rendered tree: nothing expands `~` here"));
        }
        let mut inside = text;
        while let Some(rest) = inside.strip_prefix("../") {
            inside = rest;
        }
        if inside.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(fault(text, "write `../` at the beginning alone, and no empty parts or `.`"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths() {
        for good in ["/a", "/var/lib/x y", "/é/%/#x", "/a/..b"] {
            assert_eq!(good.parse::<AbsPath>().map(|p| p.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "a",
            "./a",
            "~/a",
            "/",
            "/a/",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a\nb",
            "/a'b",
            "/a\"b",
            "/$x",
            "/a\\b",
            "/a\u{202e}b",
        ] {
            assert_eq!(bad.parse::<AbsPath>().expect_err(bad).code, Code::InvalidPath);
        }
        assert_eq!(
            "/etc/ssl/ca.crt".parse::<AbsPath>().map(|p| p.file_name().to_owned()).as_deref(),
            Ok("ca.crt")
        );
    }

    #[test]
    fn paths_beside_the_tree() {
        for good in ["secrets/a.yaml", "../secrets/a.yaml", "../../a b"] {
            assert_eq!(good.parse::<TreePath>().map(|p| p.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "/a", "~/a", "a/../b", "..", "../", "./a", "a//b", "a/"] {
            assert_eq!(bad.parse::<TreePath>().expect_err(bad).code, Code::InvalidPath);
        }
    }
}
