//! `missing-key`: a node that clients reach over SSH needs an address to make the endpoint of.

use super::reached;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for way in reached::logged_in_to(fleet).iter().filter(|way| !way.to.said.has("address")) {
        let name = &way.to.name;
        report.push(
            Diagnostic::error(Code::MissingKey, format!("host `{name}` has no `address`"))
                .primary(name.span(), "the endpoint of the node is made of it")
                .context(
                    way.node.span(),
                    format!(
                        "client `{}` reaches it over SSH for builder `{}`",
                        way.from.name, way.builder.name
                    ),
                )
                .help(format!("add for example `address = \"{name}.internal\"` to `[hosts.{name}]`")),
        );
    }
}
