//! `duplicate-client`: a host twice among the clients of a builder.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        let mut seen = BTreeMap::new();
        for client in &builder.clients {
            let Some(first) = seen.insert(client.get(), client) else { continue };
            let title = format!("builder `{}` has client `{client}` twice", builder.name);
            report.push(
                Diagnostic::error(Code::DuplicateClient, title)
                    .primary(client.span(), "named again")
                    .context(first.span(), "named here already")
                    .help("take one of them out"),
            );
        }
    }
}
