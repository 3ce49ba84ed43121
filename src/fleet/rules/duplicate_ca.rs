//! `duplicate-ca`: two certificates of one base name for one registry.
//!
//! buildx copies them into one folder of the container, so this concerns `docker-container` nodes alone.

use std::collections::{BTreeMap, BTreeSet};

use super::reached;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::inventory::{Driver, RegistryEntry, Spanned};
use crate::types::{AbsPath, Registry};

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for (_, worker) in reached::of_driver(fleet, Driver::DockerContainer).into_values() {
        for (registry, (_, entry)) in &worker.registries {
            for (first, second) in collisions(entry) {
                // Hosts that take an entry from the fleet have its places in common.
                if said.insert((first.span().start, second.span().start)) {
                    report.push(collision(registry, first, second));
                }
            }
        }
    }
}

fn collisions(entry: &RegistryEntry) -> Vec<(&Spanned<AbsPath>, &Spanned<AbsPath>)> {
    let pairs = entry.keypairs.iter().flatten().flat_map(|pair| [&pair.cert, &pair.key]);
    let mut seen: BTreeMap<_, &Spanned<AbsPath>> = BTreeMap::new();
    let mut found = Vec::new();
    for path in entry.ca.iter().flatten().chain(pairs) {
        let first = *seen.entry(path.get().file_name()).or_insert(path);
        if first.get() != path.get() {
            found.push((first, path));
        }
    }
    found
}

fn collision(registry: &Registry, first: &Spanned<AbsPath>, second: &Spanned<AbsPath>) -> Diagnostic {
    Diagnostic::error(Code::DuplicateCa, format!("`{first}` and `{second}` have one base name"))
        .primary(second.span(), "overwrites the other in the container")
        .context(first.span(), format!("the other, for registry `{registry}` too"))
        .help("rename one of the files")
}
