//! `identity-unreachable`: a key where its user cannot have it, or where others can.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Client, Fleet, Host, IdentitySource};

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    of_dynamic_users(fleet, report);
    for host in fleet.hosts.values() {
        let Some(client) = &host.client else { continue };
        of_places(host, client, report);
        of_folders(host, client, report);
    }
}

/// Copied onto itself, in the store, or of an owner who is not the user.
fn of_places(host: &Host, client: &Client, report: &mut Report) {
    let Some(identity) = &client.identity else { return };
    let error = |title: String| Diagnostic::error(Code::IdentityUnreachable, title);
    let path = identity.path.as_ref();
    let copied = identity.copied_from.as_ref();
    for place in path.into_iter().chain(copied).filter(|place| is_below(place.get().as_str(), "/nix/store")) {
        report.push(
            error(format!("everyone could read the key of client `{}`", host.name))
                .primary(place.span(), "the Nix store is open to every user and every machine that copies it")
                .help("keep the key outside, for example below `/root/.ssh`, or use sops-nix"),
        );
    }
    if let (Some(path), Some(from)) = (path, copied)
        && path.get() == from.get()
    {
        report.push(
            error(format!("the key of client `{}` would be copied onto itself", host.name))
                .primary(path.span(), "the copy is removed before it is made anew, and with it the key")
                .context(from.span(), "what it is copied from")
                .help("leave `copy-from` out if the key is there already, or name another `path`"),
        );
    }
    if let Some(owner) =
        identity.owner.as_ref().filter(|owner| !client.dynamic_user && *owner != client.user.get())
    {
        let span = identity.said.span("owner").unwrap_or_else(|| identity.span.clone());
        report.push(
            error(format!("user `{}` cannot read a key of `{owner}`", client.user))
                .primary(span, "ssh wants a key that its user alone can read")
                .context(client.user.span(), "the user that starts builds")
                .help("leave `owner` out"),
        );
    }
}

/// Folders of a dynamic user outside its state directory, which it may not write.
fn of_folders(host: &Host, client: &Client, report: &mut Report) {
    if !client.dynamic_user {
        return;
    }
    let state = format!("/var/lib/{}", client.state_directory);
    let home = Some(("home", client.home.as_str()));
    let config = client.buildx_config.as_ref().map(|path| ("buildx-config", path.as_str()));
    for (key, path) in home.into_iter().chain(config) {
        let Some(span) = client.said.span(key).filter(|_| path != state && !is_below(path, &state)) else {
            continue;
        };
        report.push(
            Diagnostic::error(
                Code::InvalidPath,
                format!("dynamic user `{}` cannot write in `{path}`", client.user),
            )
            .primary(span, format!("its files are below `{state}`, for client `{}`", host.name))
            .help(format!("leave `{key}` out, or name a folder below `{state}`")),
        );
    }
}

fn of_dynamic_users(fleet: &Fleet, report: &mut Report) {
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
