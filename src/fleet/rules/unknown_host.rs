//! `unknown-host`: a builder names a node or a client that is not there.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::inventory::Inventory;
use crate::inventory::shape::nearest;

/// How many unknown names get a suggestion: each takes a look at all names, and so many are no typos.
pub(super) const SUGGESTIONS: usize = 50;

pub(in crate::fleet) fn check(inventory: &Inventory, report: &mut Report) {
    let hosts: BTreeSet<_> = inventory.hosts.iter().map(|(name, _)| name.get()).collect();
    let mut suggestions = 0..SUGGESTIONS;
    for (builder, entry) in &inventory.builders {
        let nodes = entry.nodes.iter().map(|name| (name, "a node"));
        let clients = entry.clients.iter().map(|name| (name, "a client"));
        for (name, role) in nodes.chain(clients).filter(|(name, _)| !hosts.contains(name.get())) {
            let near = suggestions
                .next()
                .and_then(|_| nearest(name.get().as_str(), hosts.iter().map(|host| host.as_str())));
            let diagnostic = Diagnostic::error(Code::UnknownHost, format!("there is no host `{name}`"))
                .primary(name.span(), format!("{role} of builder `{builder}`"));
            report.push(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("add `[hosts.{name}]`, or take the name out here")),
            });
        }
    }
}
