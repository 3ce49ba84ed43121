//! Endpoints: where buildx reaches a node, and where a daemon listens.

use std::fmt;
use std::str::FromStr;

use super::{AbsPath, Address, Port, UserName, shown};
use crate::diag::{Code, Fault};

/// The address of a node or of a daemon's socket.
///
/// `tcp://host:port`, `unix:///path` or `ssh://user@host[:port][/socket]`, an IPv6 address in brackets.
/// Errors: `invalid-endpoint`, `invalid-address`, `invalid-port`, `invalid-path`, `invalid-user`.
/// Source: buildx, `driver/remote/util/endpoint.go`; docker/cli, `connhelper/ssh/ssh.go`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// TCP, with TLS or without.
    Tcp {
        /// The host.
        address: Address,
        /// The port, which BuildKit has no default for.
        port: Port,
    },
    /// A socket on the same host.
    Unix {
        /// The socket.
        path: AbsPath,
    },
    /// SSH.
    Ssh {
        /// The account.
        user: UserName,
        /// The host.
        address: Address,
        /// The port, where it is not that of SSH.
        port: Option<Port>,
        /// The socket there, where it is not buildkitd's usual one.
        socket: Option<AbsPath>,
    },
}

fn fault(text: &str, help: &str) -> Fault {
    Fault::new(Code::InvalidEndpoint, format!("`{}` is not an endpoint", shown(text)), help)
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn host_and_port(text: &str) -> Result<(Address, Option<Port>), Fault> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((host, after)) = rest.split_once(']') else {
                return Err(fault(text, "close the bracket of the IPv6 address"));
            };
            if !host.contains(':') {
                return Err(fault(text, "brackets are for IPv6 addresses"));
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(fault(text, "after the bracket comes `:` and the port, or nothing")),
            }
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(fault(text, "write an IPv6 address in brackets"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Port::try_from(digits.parse::<i64>().unwrap_or(i64::MAX))?)
        }
        Some(other) => {
            let what = format!("`{}` is not a port", shown(other));
            return Err(Fault::new(Code::InvalidPort, what, "a port is a whole number from 1 to 65535"));
        }
        None => None,
    };
    Ok((host.parse()?, port))
}

impl FromStr for Endpoint {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(fault(text, "begin with `tcp://`, `unix://` or `ssh://`"));
        };
        if rest.contains(['?', '#']) {
            return Err(fault(text, "take out the query: buildx refuses it"));
        }
        match scheme {
            "tcp" => match host_and_port(rest)? {
                (address, Some(port)) => Ok(Self::Tcp { address, port }),
                _ => Err(fault(text, "add the port: there is no default, and buildx would never connect")),
            },
            "unix" => Ok(Self::Unix { path: rest.parse()? }),
            "ssh" => {
                let Some((user, rest)) = rest.split_once('@') else {
                    return Err(fault(text, "name the account: `ssh://user@host`"));
                };
                if user.contains(':') {
                    return Err(fault(
                        text,
                        "take out the password: buildx refuses it, and secrets have no place here",
                    ));
                }
                let (host, socket) = match rest.find('/') {
                    Some(at) => rest.split_at(at),
                    None => (rest, ""),
                };
                if socket == "/" {
                    return Err(fault(
                        text,
                        "take out the `/` at the end: buildx would take it for the socket",
                    ));
                }
                let (address, port) = host_and_port(host)?;
                let socket = if socket.is_empty() { None } else { Some(socket.parse()?) };
                let port = port.filter(|port| *port != Port::SSH);
                Ok(Self::Ssh { user: user.parse()?, address, port, socket })
            }
            _ => Err(fault(text, "begin with `tcp://`, `unix://` or `ssh://`")),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address, port } => write!(f, "tcp://{}:{port}", address.in_url()),
            Self::Unix { path } => write!(f, "unix://{path}"),
            Self::Ssh { user, address, port, socket } => {
                write!(f, "ssh://{user}@{}", address.in_url())?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                socket.as_ref().map_or(Ok(()), |socket| socket.fmt(f))
            }
        }
    }
}

/// Where something listens, `host:port`. Errors: `invalid-endpoint`, `invalid-address`, `invalid-port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort(Address, Port);

impl FromStr for HostPort {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match host_and_port(text)? {
            (address, Some(port)) => Ok(Self(address, port)),
            _ => Err(fault(text, "write host and port, such as `127.0.0.1:6060`")),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.in_url(), self.1)
    }
}

impl From<Endpoint> for toml_edit::Value {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_print_as_buildx_reads_them() {
        for (text, wanted) in [
            ("tcp://ser5.internal:1234", "tcp://ser5.internal:1234"),
            ("tcp://0.0.0.0:1234", "tcp://0.0.0.0:1234"),
            ("tcp://[::]:1234", "tcp://[::]:1234"),
            ("unix:///run/buildkit/buildkitd.sock", "unix:///run/buildkit/buildkitd.sock"),
            ("ssh://nix-builder@ser5.internal:22", "ssh://nix-builder@ser5.internal"),
            (
                "ssh://nix-builder@ser5.internal:2222/run/x.sock",
                "ssh://nix-builder@ser5.internal:2222/run/x.sock",
            ),
        ] {
            assert_eq!(text.parse::<Endpoint>().map(|e| e.to_string()).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn what_buildx_would_misread_is_refused() {
        for bad in [
            "ser5:1234",
            "tcp://ser5",
            "tcp://ser5:0",
            "tcp://ser5:99999",
            "tcp://fd00::1:1234",
            "tcp://[fd00::1:1234",
            "http://ser5:1234",
            "unix://run/x.sock",
            "ssh://ser5",
            "ssh://u:p@ser5",
            "ssh://u@ser5/",
            "ssh://u@ser5?x=1",
            "ssh://-oX@ser5",
            "ssh://u@-oProxyCommand=x",
            "tcp://:1234",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
