//! Network addresses and ports.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// A DNS name, in lower case, or an IP address, an IPv6 one without brackets.
///
/// Labels are letters, digits, `-` and `_`, 1 to 63 characters, and begin and end with none of the last two;
/// 253 characters in all. Errors: `invalid-address`. Source: RFC 1123, section 2.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The address as text, without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an IPv6 address.
    pub fn is_ipv6(&self) -> bool {
        self.0.contains(':')
    }

    /// The address as it stands in a URL: an IPv6 one in brackets.
    pub fn in_url(&self) -> String {
        if self.is_ipv6() { format!("[{}]", self.0) } else { self.0.clone() }
    }
}

impl FromStr for Address {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Ok(Self(ip.to_string()));
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self(ip.to_string()));
        }
        let fault = |help: &str| {
            Err(Fault::new(Code::InvalidAddress, format!("`{}` is not an address", shown(text)), help))
        };
        if text.contains("://") {
            return fault("write the host alone, without a scheme");
        }
        if text.contains('@') {
            return fault("write the host alone; the user is `account.user`");
        }
        if text.starts_with('[') {
            return fault("write an IPv6 address without brackets; the port is a key of its own");
        }
        if text.contains(':') {
            return fault("write the host alone; the port is a key of its own");
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with(['-', '_'])
                && !label.ends_with(['-', '_'])
        };
        if text.is_empty() || text.len() > 253 || !text.split('.').all(is_label) {
            return fault("it is a DNS name such as `ser5.internal`, or an IP address");
        }
        if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return fault("an IPv4 address has four numbers from 0 to 255");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IP address, without brackets. Errors: `invalid-address`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpAddress(IpAddr);

impl FromStr for IpAddress {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        text.parse().map(Self).map_err(|_| {
            Fault::new(
                Code::InvalidAddress,
                format!("`{}` is not an IP address", shown(text)),
                "write an IP address such as `10.0.0.1`: names cannot be looked up before there is a server",
            )
        })
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A range of IP addresses, `10.10.0.0/16`. Errors: `invalid-address`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet(IpAddr, u8);

impl FromStr for Subnet {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let parsed = text.split_once('/').and_then(|(address, bits)| {
            let address: IpAddr = address.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self(address, bits))
        });
        parsed.ok_or_else(|| {
            Fault::new(
                Code::InvalidAddress,
                format!("`{}` is not a subnet", shown(text)),
                "write an address and the length of its prefix, such as `10.10.0.0/16`",
            )
        })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

/// A TCP port, 1 to 65535; that of SSH by default. Errors: `invalid-port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u16);

impl Port {
    /// The port of SSH.
    pub const SSH: Self = Self(22);

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for Port {
    fn default() -> Self {
        Self::SSH
    }
}

impl TryFrom<i64> for Port {
    type Error = Fault;

    fn try_from(number: i64) -> Result<Self, Fault> {
        match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(Fault::new(
                Code::InvalidPort,
                format!("`{number}` is not a port"),
                "a port is a whole number from 1 to 65535",
            )),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, wanted) in [
            ("ser5.internal", "ser5.internal"),
            ("Ser5.Internal", "ser5.internal"),
            ("ser5", "ser5"),
            ("10.0.0.1", "10.0.0.1"),
            ("fd00::0001", "fd00::1"),
            ("a_b.internal", "a_b.internal"),
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()).as_deref(), Ok(wanted));
        }
        for (text, help) in [
            ("ssh://ser5", "scheme"),
            ("nix@ser5", "account.user"),
            ("ser5:22", "port"),
            ("[fd00::1]", "brackets"),
            ("-oProxyCommand=x", "DNS name"),
            ("a b", "DNS name"),
            ("", "DNS name"),
            ("10.0.0.256", "four numbers"),
            ("10.0.0", "four numbers"),
            ("ser5.", "DNS name"),
            ("é.internal", "DNS name"),
        ] {
            let fault = text.parse::<Address>().expect_err(text);
            assert!(fault.help.contains(help), "{text}: {}", fault.help);
        }
    }

    #[test]
    fn numbers_of_the_network() {
        assert!("10.0.0.1".parse::<IpAddress>().is_ok() && "fd00::1".parse::<IpAddress>().is_ok());
        assert!("ns.internal".parse::<IpAddress>().is_err());
        for good in ["10.10.0.0/16", "fd00::/64"] {
            assert_eq!(good.parse::<Subnet>().map(|s| s.to_string()).as_deref(), Ok(good));
        }
        for bad in ["10.10.0.0", "10.10.0.0/33", "x/16", "10.0.0.0/-1", ""] {
            assert_eq!(bad.parse::<Subnet>().expect_err(bad).code, Code::InvalidAddress);
        }
    }

    #[test]
    fn ports() {
        assert_eq!(Port::try_from(22), Ok(Port::SSH));
        for bad in [0, -1, 65_536] {
            assert_eq!(Port::try_from(bad).expect_err("port").code, Code::InvalidPort);
        }
    }
}
