//! `gc-partial`: `maxUsedSpace` without the two limits whose defaults go with it.

use std::collections::BTreeSet;

use super::gc_unbounded::uses_limits;
use super::listed;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        let Some(max) = worker.settings.get("maxUsedSpace").filter(|_| uses_limits(&worker.settings)) else {
            continue;
        };
        let others = [("reservedSpace", "10GB"), ("minFreeSpace", "20%")].into_iter();
        let missing: Vec<_> = others.filter(|(key, _)| worker.settings.get(key).is_none()).collect();
        // Hosts that take the value from the fleet have its place in common.
        if missing.is_empty() || !said.insert(max.span().start) {
            continue;
        }
        let keys = listed(missing.iter().map(|(key, _)| key));
        let defaults = listed(missing.iter().map(|(key, default)| format!("{key} = \"{default}\"")));
        report.push(
            Diagnostic::warning(Code::GcPartial, format!("`maxUsedSpace` without {keys}"))
                .primary(max.span(), "setting one limit drops BuildKit's defaults of the others")
                .help(format!("add what BuildKit would take by itself: {defaults}")),
        );
    }
}
