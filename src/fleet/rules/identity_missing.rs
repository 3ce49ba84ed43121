//! `identity-missing`: a client that reaches nodes over SSH has no private key, or no place for it.

use super::reached::{self, over_ssh};
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Fleet, IdentitySource};

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for way in reached::clients(fleet, over_ssh, |_| true) {
        let (name, client) = (&way.from.name, way.client);
        let table = format!("[hosts.{name}.client.identity]");
        let diagnostic = match &client.identity {
            None if client.said.has("identity") => continue,
            None => Diagnostic::error(Code::IdentityMissing, format!("client `{name}` has no `identity`"))
                .primary(client.span.clone(), "it has no key to log in with")
                .context(
                    way.node.span(),
                    format!("it reaches node `{}` of builder `{}` over SSH", way.node, way.builder.name),
                )
                .help(format!(
                    "add `{table}` with `sops`, `copy-from`, or the `path` of a key that is there"
                )),
            Some(identity) => {
                let copied = matches!(identity.source, IdentitySource::CopyFrom(_));
                if !copied || client.dynamic_user || identity.path.is_some() {
                    continue;
                }
                let title = format!("the identity of client `{name}` is copied, but not to any place");
                Diagnostic::error(Code::IdentityMissing, title)
                    .primary(identity.span.clone(), "`copy-from` without `path`")
                    .help(format!(
                        "add for example `path = \"{}/.ssh/id_nix_builder\"` to `{table}`",
                        client.home
                    ))
            }
        };
        report.push(diagnostic);
    }
}
