//! `not-a-client`: a builder's client that is not set up as one.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        for name in &builder.clients {
            let Some(host) = fleet.host(name.get()).filter(|host| !host.said.has("client")) else { continue };
            let title = format!("client `{name}` of builder `{}` is not set up as one", builder.name);
            report.push(
                Diagnostic::error(Code::NotAClient, title)
                    .primary(name.span(), "named as a client")
                    .context(host.span.clone(), "has no `client`")
                    .help(format!(
                        "add `[hosts.{name}.client]` with the `user` that starts builds, or take it out here"
                    )),
            );
        }
    }
}
