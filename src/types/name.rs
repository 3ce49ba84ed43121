//! Names: of hosts, builders, fleets, users, units, folders and secrets.

use std::fmt;
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// Declares a newtype over a checked string.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Fault;

            fn from_str(text: &str) -> Result<Self, Fault> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a host in the inventory: a folder's name, and the base of a buildx node's name.
    ///
    /// `[A-Za-z][A-Za-z0-9-]*`, at most 63 characters, not ending in `-`, and no name that a file system
    /// reserves. Errors: `invalid-name`, `reserved-name`.
    HostName, check_host_name
}
name! {
    /// The name of a builder: `[a-z][a-z0-9.-]*`, at most 63 characters.
    ///
    /// buildx folds names to lower case, and `_` separates the parts of node names, so both are refused.
    /// Errors: `invalid-name`, `reserved-name`.
    BuilderName, check_builder_name
}
name! {
    /// What a fleet is called: letters, digits, blanks and `._-`, at most 64 characters. Errors: `invalid-name`.
    FleetName, check_fleet_name
}
name! {
    /// A user or a group: `[A-Za-z0-9_.][A-Za-z0-9_.-]*`, at most 31 characters, as NixOS wants it.
    /// Errors: `invalid-user`.
    UserName, check_user_name
}
name! {
    /// A systemd unit with its suffix, as NixOS wants it: `[A-Za-z0-9@:_.\-]+` and a known suffix;
    /// NixOS lets `%` pass, but systemd does not.
    /// Errors: `invalid-unit`.
    UnitName, check_unit_name
}
name! {
    /// A systemd service: a unit's name that ends in `.service`. Errors: `invalid-unit`.
    ServiceName, check_service_name
}
name! {
    /// The name of a sops-nix secret, or of a key in its file: `[A-Za-z0-9_][A-Za-z0-9_./-]*` without `..`.
    /// Errors: `invalid-value`.
    SecretName, check_secret_name
}
name! {
    /// A folder below another, such as a `StateDirectory=`: `[A-Za-z0-9_.][A-Za-z0-9_./-]*` without `..`.
    /// Errors: `invalid-path`.
    FolderName, check_folder_name
}
name! {
    /// The parent of the cgroups of builds: `[A-Za-z0-9/][A-Za-z0-9._/:-]*`. Errors: `invalid-value`.
    CgroupParent, check_cgroup
}
name! {
    /// The permissions of a private key: `0600` or `0400`, as ssh refuses one that others can read.
    /// Errors: `invalid-value`.
    FileMode, check_mode
}

/// What Windows keeps for devices, with any ending; a checkout with such a folder fails there.
const RESERVED: &[&str] = &["con", "nul", "aux", "prn"];

fn check_reserved(text: &str) -> Result<(), Fault> {
    let folded = text.to_lowercase();
    let stem = folded.split('.').next().unwrap_or_default();
    let device = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    if RESERVED.contains(&stem) || device("com") || device("lpt") {
        return Err(Fault::new(
            Code::ReservedName,
            format!("the name `{text}` is reserved for a device on some file systems"),
            "choose another name, so that the rendered tree can be checked out everywhere",
        ));
    }
    if folded == "default" {
        return Err(Fault::new(
            Code::ReservedName,
            "the name `default` is buildx's own",
            "choose another name: `default` is the builder of the Docker daemon",
        ));
    }
    Ok(())
}

fn check_host_name(text: &str) -> Result<(), Fault> {
    let good = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.ends_with('-')
        && text.len() <= 63;
    if good {
        return check_reserved(text);
    }
    let help = if text.contains('.') {
        "the table's name is the short name of the host; its DNS name goes into `address`"
    } else {
        "a host's name is letters, digits and `-`, begins with a letter and has at most 63 characters"
    };
    Err(Fault::new(Code::InvalidName, format!("`{}` is not the name of a host", shown(text)), help))
}

fn check_builder_name(text: &str) -> Result<(), Fault> {
    let good = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !text.ends_with(['-', '.'])
        && !text.contains("..")
        && text.len() <= 63;
    if good {
        return check_reserved(text);
    }
    let folded = text.to_lowercase().replace(['_', ' '], "-");
    let help = if folded != text && check_builder_name(&folded).is_ok() {
        format!(
            "write `{folded}`: buildx folds names to lower case, and `_` separates the parts of node names"
        )
    } else {
        "a builder's name is `[a-z][a-z0-9.-]*`, at most 63 characters".to_owned()
    };
    Err(Fault::new(Code::InvalidName, format!("`{}` is not the name of a builder", shown(text)), help))
}

fn check_fleet_name(text: &str) -> Result<(), Fault> {
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._-".contains(&b))
        && text.len() <= 64;
    if good {
        return Ok(());
    }
    Err(Fault::new(
        Code::InvalidName,
        format!("`{}` is not the name of a fleet", shown(text)),
        "it is letters, digits, blanks and `._-`, begins with a letter or a digit and has at most 64 characters",
    ))
}

fn check_user_name(text: &str) -> Result<(), Fault> {
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && text.len() <= 31
        && !text.bytes().all(|b| b == b'.')
        && !text.bytes().all(|b| b.is_ascii_digit());
    if good {
        return Ok(());
    }
    let help = if text.len() > 31 {
        "NixOS takes at most 31 characters"
    } else {
        "it is letters, digits and `_.-`, does not begin with `-` and is not a number"
    };
    Err(Fault::new(Code::InvalidUser, format!("`{}` is not the name of a user or group", shown(text)), help))
}

/// The kinds of units that NixOS knows.
const UNIT_SUFFIXES: &[&str] = &[
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "scope",
    "slice",
];

fn check_unit_name(text: &str) -> Result<(), Fault> {
    let fault = |help: String| {
        Fault::new(Code::InvalidUnit, format!("`{}` is not the name of a systemd unit", shown(text)), help)
    };
    let Some((stem, suffix)) = text.rsplit_once('.').filter(|(_, suffix)| UNIT_SUFFIXES.contains(suffix))
    else {
        let known = !text.is_empty() && text.bytes().all(is_unit_byte);
        return Err(fault(if known {
            format!("write the whole name, `{text}.service`")
        } else {
            format!("a unit's name ends in one of: {}", UNIT_SUFFIXES.join(", "))
        }));
    };
    if stem.is_empty() || text.len() > 255 {
        return Err(fault("a unit's name has 1 to 255 characters".to_owned()));
    }
    if !stem.bytes().all(is_unit_byte) {
        let escaped: String = stem
            .bytes()
            .map(|b| if is_unit_byte(b) { char::from(b).to_string() } else { format!("\\x{b:02x}") })
            .collect();
        return Err(fault(format!("escape it as systemd does: '{escaped}.{suffix}'")));
    }
    Ok(())
}

fn check_service_name(text: &str) -> Result<(), Fault> {
    check_unit_name(text)?;
    if text.ends_with(".service") {
        return Ok(());
    }
    Err(Fault::new(
        Code::InvalidUnit,
        format!("`{}` is not a service", shown(text)),
        "name the service itself, which ends in `.service`: it is given an environment and credentials",
    ))
}

fn is_unit_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"@:_.\\-".contains(&byte)
}

fn check_secret_name(text: &str) -> Result<(), Fault> {
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./-".contains(&b))
        && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && text.len() <= 255;
    if good {
        return Ok(());
    }
    Err(Fault::new(
        Code::InvalidValue,
        format!("`{}` is not the name of a secret", shown(text)),
        "it is letters, digits and `_./-`, begins with a letter, a digit or `_`, and names no folder above",
    ))
}

fn check_folder_name(text: &str) -> Result<(), Fault> {
    check_secret_name(text.strip_prefix('.').unwrap_or(text)).map_err(|_| {
        Fault::new(
            Code::InvalidPath,
            format!("`{}` is not a folder below another", shown(text)),
            "it is letters, digits and `_./-`, does not begin with `/` and names no folder above",
        )
    })
}

fn check_cgroup(text: &str) -> Result<(), Fault> {
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/:-".contains(&b))
        && !text.split('/').any(|part| part == "..");
    if good {
        return Ok(());
    }
    Err(Fault::new(
        Code::InvalidValue,
        format!("`{}` is not the parent of cgroups", shown(text)),
        "it is letters, digits and `._/:-`, such as `buildkit` or `system.slice:buildkit:build`",
    ))
}

fn check_mode(text: &str) -> Result<(), Fault> {
    if ["0600", "0400", "600", "400"].contains(&text) {
        return Ok(());
    }
    Err(Fault::new(
        Code::InvalidValue,
        format!("`{}` is not the mode of a private key", shown(text)),
        "write `\"0600\"` or `\"0400\"`: ssh refuses a key that others can read",
    ))
}

impl HostName {
    /// The name in lower case, as buildx and case-insensitive file systems see it.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: FromStr<Err = Fault> + fmt::Debug>(text: &str) -> Code {
        text.parse::<T>().expect_err(text).code
    }

    #[test]
    fn host_names() {
        for good in ["ser5", "Opi-01", "a", &"a".repeat(63)] {
            assert_eq!(good.parse::<HostName>().map(|n| n.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "5ser", "a_b", "a.b", "-a", "a-", "a b", "é", "a/b", "..", &"a".repeat(64)] {
            assert_eq!(code::<HostName>(bad), Code::InvalidName, "{bad}");
        }
        for reserved in ["con", "NUL", "com1", "Lpt9", "default"] {
            assert_eq!(code::<HostName>(reserved), Code::ReservedName, "{reserved}");
        }
        assert!("common".parse::<HostName>().is_ok());
    }

    #[test]
    fn builder_names() {
        for good in ["avalanche", "avalanche-multi", "a.b"] {
            assert!(good.parse::<BuilderName>().is_ok(), "{good}");
        }
        for bad in ["", "Avalanche", "a_b", "1a", "a.", "a..b", "a-", "../a"] {
            assert_eq!(code::<BuilderName>(bad), Code::InvalidName, "{bad}");
        }
        assert!(
            "Avalanche_Multi".parse::<BuilderName>().expect_err("case").help.contains("`avalanche-multi`")
        );
        assert_eq!(code::<BuilderName>("default"), Code::ReservedName);
    }

    #[test]
    fn users_and_units() {
        for good in ["nix-builder", "_apt", "gitea.runner", "root"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        for bad in ["", "-x", "a:b", "a b", "é", "1000", "..", &"a".repeat(32)] {
            assert_eq!(code::<UserName>(bad), Code::InvalidUser, "{bad}");
        }
        for good in ["gitea-runner-first.service", "a\\x2db.service", "x@1.timer"] {
            assert!(good.parse::<UnitName>().is_ok(), "{good}");
        }
        for (bad, help) in [
            ("docker", "docker.service"),
            ("my runner.service", "'my\\x20runner.service'"),
            ("a.conf", "a.conf.service"),
            ("", "ends in one of"),
            (".service", "1 to 255"),
        ] {
            let fault = bad.parse::<UnitName>().expect_err(bad);
            assert!(fault.help.contains(help), "{bad}: {}", fault.help);
        }
    }
}
