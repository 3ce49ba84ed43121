//! `key-not-used`: an account that Nix is to trust, where no client sends Nix builds.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let Some(span) = fleet.account.trusted_span.clone().filter(|_| fleet.account.trusted_user) else {
        return;
    };
    let sends = |client: &crate::fleet::Client| client.sends_nix_builds();
    if fleet.hosts.values().any(|host| host.client.as_ref().is_some_and(sends)) {
        return;
    }
    report.push(
        Diagnostic::warning(Code::KeyNotUsed, "`trusted-user` has no effect here")
            .primary(span, "no client has `nix.build-machines = true`")
            .help("take it out, or let a client use the hosts for Nix")
            .note(
                "a trusted user of Nix is as good as root, so that it is made one only where that is needed",
            ),
    );
}
