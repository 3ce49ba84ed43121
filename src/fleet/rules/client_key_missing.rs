//! `client-key-missing`: a client that reaches nodes over SSH has no public key that they could let in.

use super::reached;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for way in reached::logging_in(fleet) {
        if way.client.said.has("public-key") {
            continue;
        }
        let name = &way.from.name;
        report.push(
            Diagnostic::error(Code::ClientKeyMissing, format!("client `{name}` has no `public-key`"))
                .primary(way.client.span.clone(), "no node would let it in")
                .context(
                    way.node.span(),
                    format!("it reaches node `{}` of builder `{}` over SSH", way.node, way.builder.name),
                )
                .help(format!(
                    "put the `.pub` file of its key into `public-key` of `[hosts.{name}.client]`; \
                     `ssh-keygen -t ed25519` makes a key pair"
                )),
        );
    }
}
