//! Registries and mirrors, and the filters of garbage collection.

use std::fmt;
use std::str::FromStr;

use super::endpoint::host_and_port;
use super::shown;
use crate::diag::{Code, Fault};

/// A registry as BuildKit matches it: the exact `host` or `host:port`. Errors: `invalid-registry`.
///
/// Source: BuildKit looks the key up by the host of the image's reference; `http://h` or a path never match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry(String);

/// A mirror of a registry: `host[:port][/path]`. Errors: `invalid-registry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mirror(String);

/// A filter of garbage collection, in containerd's syntax: `type==exec.cachemount`. Errors: `invalid-filter`.
///
/// BuildKit does not check filters: one that it does not understand matches nothing, or everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GcFilter(String);

fn fault(text: &str, help: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidRegistry, format!("`{}` matches no registry", shown(text)), help)
}

fn normal_host(text: &str) -> Result<String, Fault> {
    match host_and_port(text) {
        Ok((address, Some(port))) => Ok(format!("{}:{port}", address.in_url())),
        Ok((address, None)) => Ok(address.in_url()),
        Err(inner) => {
            Err(fault(text, format!("it is the exact `host` or `host:port` of image names; {}", inner.help)))
        }
    }
}

impl Registry {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder in which buildx keeps certificates for it inside a container.
    ///
    /// Source: buildx, `util/confutil/container.go`: runs of other characters than `[a-zA-Z0-9.-]` become `_`.
    pub fn certs_folder(&self) -> String {
        let mut folder = String::new();
        for c in self.0.chars() {
            if c.is_ascii_alphanumeric() || c == '.' || c == '-' {
                folder.push(c);
            } else if !folder.ends_with('_') {
                folder.push('_');
            }
        }
        folder
    }
}

impl FromStr for Registry {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if let Some((_, rest)) = text.split_once("://") {
            let host = rest.split('/').next().unwrap_or_default();
            return Err(fault(text, format!("write `{host}`: a key with a scheme is silently never used")));
        }
        if text.contains('/') {
            return Err(fault(text, "write the host alone, without a path"));
        }
        let host = normal_host(text)?;
        if host != text {
            return Err(fault(text, format!("write `{host}`, as image names have it")));
        }
        Ok(Self(host))
    }
}

impl FromStr for Mirror {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if text.contains("://") {
            return Err(fault(
                text,
                "write the mirror without a scheme; `http` is said in the mirror's own `[registries]`",
            ));
        }
        let (host, path) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let good = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if !path.split('/').skip(1).all(good) {
            return Err(fault(text, "a path is names of letters, digits and `._-`, with no `/` at the end"));
        }
        Ok(Self(format!("{}{path}", normal_host(host)?)))
    }
}

/// The fields that a filter may ask for. Source: BuildKit, `cache/manager.go`, `adaptUsageInfo`.
const FIELDS: &[&str] =
    &["id", "parents", "description", "inuse", "mutable", "immutable", "type", "shared", "private"];
/// The record types. Source: BuildKit, `client/diskusage.go`.
const TYPES: &[&str] =
    &["internal", "frontend", "source.local", "source.git.checkout", "exec.cachemount", "regular"];
const OPERATORS: &[&str] = &["==", "!=", "~="];

impl FromStr for GcFilter {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let fault = |help: String| {
            Fault::new(Code::InvalidFilter, format!("`{}` is not a filter", shown(text)), help)
        };
        if text.chars().any(char::is_control) {
            return Err(fault("take out the control characters".to_owned()));
        }
        for part in text.split(',') {
            let part = part.trim();
            let found =
                OPERATORS.iter().find_map(|op| part.split_once(op).map(|(field, value)| (field, *op, value)));
            match found {
                Some((field, ..)) if !FIELDS.contains(&field) => {
                    return Err(fault(format!("the fields of a filter are: {}", FIELDS.join(", "))));
                }
                Some(("type", "==" | "!=", value)) if !TYPES.contains(&value) => {
                    return Err(fault(format!("the types of records are: {}", TYPES.join(", "))));
                }
                Some((_, _, "")) => return Err(fault("write a value behind the operator".to_owned())),
                Some(_) => {}
                // A field alone asks whether it is set.
                None if FIELDS.contains(&part) => {}
                None => {
                    return Err(fault(
                        "write `field==value`, such as `type==exec.cachemount`; one `=` matches nothing"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// Declares `Display` for newtypes over a string.
macro_rules! display {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
display!(Registry, Mirror, GcFilter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_match_image_names() {
        for good in ["docker.io", "forge.internal", "forge.internal:5000", "10.0.0.1:5000", "[fd00::1]:5000"]
        {
            assert_eq!(good.parse::<Registry>().map(|r| r.to_string()).as_deref(), Ok(good));
        }
        for (bad, help) in [
            ("http://forge.internal:5000/v2", "`forge.internal:5000`"),
            ("forge.internal/nemo", "without a path"),
            ("Forge.Internal", "`forge.internal`"),
            ("forge internal", "exact"),
            ("", "exact"),
            ("forge:0", "1 to 65535"),
        ] {
            let fault = bad.parse::<Registry>().expect_err(bad);
            assert_eq!(fault.code, Code::InvalidRegistry);
            assert!(fault.help.contains(help), "{bad}: {}", fault.help);
        }
        assert_eq!(
            "[fd00::1]:5000".parse::<Registry>().map(|r| r.certs_folder()).as_deref(),
            Ok("_fd00_1_5000")
        );
    }

    #[test]
    fn mirrors_may_have_a_path() {
        for good in ["mirror.internal:5000", "core.harbor.domain/proxy.docker.io"] {
            assert!(good.parse::<Mirror>().is_ok(), "{good}");
        }
        for bad in ["https://m", "m/", "m//x", "m/a b", ""] {
            assert!(bad.parse::<Mirror>().is_err(), "{bad}");
        }
    }

    #[test]
    fn filters_are_understood() {
        for good in ["type==exec.cachemount", "type==source.local,shared==true", "id~=^abc", "mutable"] {
            assert!(good.parse::<GcFilter>().is_ok(), "{good}");
        }
        for bad in ["type=x", "==", "type==", "type==cachemount", "kind==regular", "", "type==regular\n"] {
            assert_eq!(bad.parse::<GcFilter>().expect_err(bad).code, Code::InvalidFilter);
        }
    }
}
