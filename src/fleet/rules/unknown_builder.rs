//! `unknown-builder`: a default builder that is not there, or that does not know the client.

use std::collections::{BTreeMap, BTreeSet};

use super::unknown_host::SUGGESTIONS;
use crate::diag::{Code, Diagnostic, Report};
use crate::inventory::Inventory;
use crate::inventory::shape::nearest;

pub(in crate::fleet) fn check(inventory: &Inventory, report: &mut Report) {
    let builders: BTreeMap<_, _> =
        inventory.builders.iter().map(|(name, entry)| (name.get(), (name, entry))).collect();
    let clients = builders
        .values()
        .flat_map(|(name, entry)| entry.clients.iter().map(|client| (name.get(), client.get())));
    let used: BTreeSet<_> = clients.collect();
    let mut suggestions = 0..SUGGESTIONS;
    for (host, entry) in &inventory.hosts {
        let Some(wanted) = entry.client.as_ref().and_then(|client| client.default_builder.as_ref()) else {
            continue;
        };
        let diagnostic = match builders.get(wanted.get()) {
            Some(_) if used.contains(&(wanted.get(), host.get())) => continue,
            Some((name, builder)) => {
                let title =
                    format!("client `{host}` is not among the clients of its default builder `{name}`");
                Diagnostic::error(Code::UnknownBuilder, title)
                    .primary(wanted.span(), "the builder is not set up for it")
                    .context(builder.clients_span.clone(), format!("`{host}` is missing here"))
                    .help(format!(
                        "add `{host}` to the `clients` of `[builders.{name}]`, or name another builder"
                    ))
            }
            None => {
                let diagnostic =
                    Diagnostic::error(Code::UnknownBuilder, format!("there is no builder `{wanted}`"))
                        .primary(wanted.span(), format!("the default builder of client `{host}`"));
                let names = builders.keys().map(|name| name.as_str());
                match suggestions.next().and_then(|_| nearest(wanted.get().as_str(), names)) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!("add `[builders.{wanted}]`, or name another builder")),
                }
            }
        };
        report.push(diagnostic);
    }
}
