//! `gc-deprecated`: `gckeepstorage` and `keepBytes`, which newer keys replace.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::inventory::Settings;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        let rules = worker.settings.list("gcpolicy").map_or(&[][..], |(_, rules)| rules);
        let deprecated = |settings: &Settings, key| Some((key, settings.get(key)?.span()));
        let top = deprecated(&worker.settings, "gckeepstorage");
        for (key, span) in
            top.into_iter().chain(rules.iter().filter_map(|rule| deprecated(rule, "keepBytes")))
        {
            // Hosts that take the value from the fleet have its place in common.
            if !said.insert(span.start) {
                continue;
            }
            report.push(
                Diagnostic::error(Code::GcDeprecated, format!("`{key}` is deprecated"))
                    .primary(span, "BuildKit takes it for `reservedSpace`")
                    .help("say `maxUsedSpace`, and `reservedSpace` and `minFreeSpace` with it"),
            );
        }
    }
}
