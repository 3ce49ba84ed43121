//! `duplicate-ca`: two certificates of one base name for one registry.
//!
//! buildx copies them into one folder of the container, where the second overwrites the first. A host's own
//! buildkitd reads them where they are, so that there it is a trap for the day on which the driver changes.

use std::collections::{BTreeMap, BTreeSet};

use super::reached;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::{Fleet, Worker};
use crate::inventory::{Driver, Spanned};
use crate::types::{AbsPath, Registry};

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    // Hosts that take an entry from the fleet have its places in common; an error is said before a warning.
    for driver in [Driver::DockerContainer, Driver::Remote] {
        for (_, worker) in reached::of_driver(fleet, driver).into_values() {
            for (registry, first, second) in collisions(worker) {
                if said.insert((first.span().start, second.span().start)) {
                    report.push(collision(driver, registry, first, second));
                }
            }
        }
    }
}

/// The files that would have one place in a container: most often two of one registry, but names of registries
/// lose what folders cannot hold, too.
fn collisions(worker: &Worker) -> Vec<(&Registry, &Spanned<AbsPath>, &Spanned<AbsPath>)> {
    let mut seen: BTreeMap<_, &Spanned<AbsPath>> = BTreeMap::new();
    let mut found = Vec::new();
    for (registry, (_, entry)) in &worker.registries {
        let pairs = entry.keypairs.iter().flatten().flat_map(|pair| [&pair.cert, &pair.key]);
        for path in entry.ca.iter().flatten().chain(pairs) {
            let place = (registry.certs_folder(), path.get().plain_file_name());
            let first = *seen.entry(place).or_insert(path);
            if first.get() != path.get() {
                found.push((registry, first, path));
            }
        }
    }
    found
}

fn collision(
    driver: Driver,
    registry: &Registry,
    first: &Spanned<AbsPath>,
    second: &Spanned<AbsPath>,
) -> Diagnostic {
    let title = format!("`{first}` and `{second}` have one base name");
    let (diagnostic, why) = match driver {
        Driver::DockerContainer => {
            (Diagnostic::error(Code::DuplicateCa, title), "overwrites the other in the container")
        }
        Driver::Remote => (
            Diagnostic::warning(Code::DuplicateCa, title),
            "would overwrite the other in a container of buildx's",
        ),
    };
    diagnostic
        .primary(second.span(), why)
        .context(first.span(), format!("the other, for registry `{registry}` too"))
        .help("rename one of the files")
}
