//! `duplicate-key`: one public key for two clients, or one host key for two hosts.

use std::collections::{BTreeMap, BTreeSet};

use super::listed;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Fleet, Host};
use crate::inventory::Spanned;
use crate::types::PublicKey;

/// A host and one of its keys.
type Owned<'a> = (&'a Host, &'a Spanned<PublicKey>);

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    of_both(fleet, report);
    let hosts = || fleet.hosts.values();
    let of_clients = hosts().filter_map(|host| Some((host, host.client.as_ref()?.public_key.as_ref()?)));
    for (first, second, names) in shared(of_clients) {
        report.push(
            Diagnostic::warning(Code::DuplicateKey, format!("clients {names} have one public key"))
                .primary(second.span(), "used again")
                .context(first.span(), "used first")
                .help("make a key pair for each client: a shared one cannot be taken from a single client"),
        );
    }
    for (first, second, names) in
        shared(hosts().flat_map(|host| host.host_keys.iter().map(move |key| (host, key))))
    {
        report.push(
            Diagnostic::warning(Code::DuplicateKey, format!("hosts {names} have one host key"))
                .primary(second.span(), "used again")
                .context(first.span(), "used first")
                .help(
                    "where the hosts come of one image, delete `/etc/ssh/ssh_host_*` there and have them \
                     made anew",
                )
                .note("each of these hosts can pass for the others"),
        );
    }
}

/// A client that logs in with a host's key, which root alone should be able to use.
fn of_both(fleet: &Fleet, report: &mut Report) {
    let hosts = || fleet.hosts.values();
    let keys: BTreeMap<_, _> = hosts()
        .flat_map(|host| host.host_keys.iter().map(move |key| (key.get().blob(), (host, key))))
        .collect();
    for host in hosts() {
        let Some(key) = host.client.as_ref().and_then(|client| client.public_key.as_ref()) else { continue };
        let Some((owner, own)) = keys.get(key.get().blob()) else { continue };
        let title = format!("client `{}` has the host key of `{}`", host.name, owner.name);
        report.push(
            Diagnostic::warning(Code::DuplicateKey, title)
                .primary(key.span(), "used to log in")
                .context(own.span(), "used by sshd")
                .help("make a key pair for the client: `ssh-keygen -t ed25519`"),
        );
    }
}

/// The keys that several hosts have: the first two places, and the hosts.
fn shared<'a>(
    keys: impl Iterator<Item = Owned<'a>>,
) -> Vec<(&'a Spanned<PublicKey>, &'a Spanned<PublicKey>, String)> {
    // By the blob, so that comments do not make keys different.
    let mut owners: BTreeMap<&[u8], Vec<Owned<'a>>> = BTreeMap::new();
    for (host, key) in keys {
        owners.entry(key.get().blob()).or_default().push((host, key));
    }
    let several = |owned: Vec<Owned<'a>>| {
        let (host, first) = *owned.first()?;
        let (_, second) = *owned.iter().find(|(other, _)| other.name.get() != host.name.get())?;
        let names: BTreeSet<_> = owned.iter().map(|(host, _)| host.name.get()).collect();
        Some((first, second, listed(names)))
    };
    owners.into_values().filter_map(several).collect()
}
