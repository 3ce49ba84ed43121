//! `identity-unreachable`: the key of a dynamic user in a folder that exists for its unit alone.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Client, Fleet, IdentitySource};

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values() {
        let Some(client) = host.client.as_ref().filter(|client| client.dynamic_user) else { continue };
        let Some(identity) = &client.identity else { continue };
        let Some(path) = identity.path.as_ref().filter(|path| is_private(client, path.get().as_str())) else {
            continue;
        };
        let help = match identity.source {
            IdentitySource::ByHand => {
                "put the key outside, for example below `/root/.ssh`, and name it in `path`: systemd \
                 hands it over by `LoadCredential=`"
            }
            _ => "leave `path` out: systemd hands the key over by `LoadCredential=`",
        };
        report.push(
            Diagnostic::error(Code::IdentityUnreachable, format!("nobody can put a key at `{path}`"))
                .primary(
                    path.span(),
                    "systemd makes this folder for the unit, and it belongs to no lasting user",
                )
                .context(
                    client.user.span(),
                    format!("user `{}` of client `{}` is dynamic", client.user, host.name),
                )
                .help(help),
        );
    }
}

fn is_private(client: &Client, path: &str) -> bool {
    let state = format!("/var/lib/{}", client.state_directory);
    [client.home.as_str(), &state, "/var/lib/private"].iter().any(|folder| is_below(path, folder))
}

fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    !folder.is_empty() && path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_longer_name_is_not_below() {
        assert!(is_below("/var/lib/runner/id", "/var/lib/runner"));
        assert!(!is_below("/var/lib/runners/id", "/var/lib/runner"));
        assert!(!is_below("/root/.ssh/id", "/"));
    }
}
