//! `gc-unbounded`: garbage collection that is off, or that has no `maxUsedSpace`.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Report, Span};
use crate::fleet::Fleet;
use crate::inventory::Settings;

const LIMITS: &[&str] = &["reservedSpace", "minFreeSpace"];

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let mut said = BTreeSet::new();
    for worker in fleet.hosts.values().filter_map(|host| host.worker.as_ref()) {
        let Some((span, title, why)) = unbounded(&worker.settings) else { continue };
        // Hosts that take the settings from the fleet have their places in common.
        if said.insert(span.start) {
            report.push(
                Diagnostic::warning(Code::GcUnbounded, title)
                    .primary(span, why)
                    .help(
                        "set `maxUsedSpace`, for example to \"60%\", and `reservedSpace` and \
                         `minFreeSpace` with it",
                    )
                    .note(
                        "without it `reservedSpace` is all that BuildKit keeps, or, with `minFreeSpace`, \
                         it collects nothing until the disk is that full",
                    ),
            );
        }
    }
}

/// Whether BuildKit makes its rules of the three limits: not when it is off, nor when rules are given.
pub(super) fn uses_limits(settings: &Settings) -> bool {
    !is_off(settings) && settings.list("gcpolicy").is_none_or(|(_, rules)| rules.is_empty())
}

fn is_off(settings: &Settings) -> bool {
    settings.get("gc").is_some_and(|gc| gc.get().as_bool() == Some(false))
}

/// Where it is said, what is wrong and why.
fn unbounded(settings: &Settings) -> Option<(Span, &'static str, &'static str)> {
    if is_off(settings) {
        let why = "the cache grows until the disk is full; take `gc` out for BuildKit's defaults";
        return Some((settings.get("gc")?.span(), "the garbage collection is off", why));
    }
    if uses_limits(settings) {
        let limit = LIMITS.iter().find_map(|key| settings.get(key));
        let limit = limit.filter(|_| settings.get("maxUsedSpace").is_none())?;
        let why = "setting one limit drops BuildKit's default of `maxUsedSpace`";
        return Some((limit.span(), "the garbage collection has no `maxUsedSpace`", why));
    }
    let (span, rules) = settings.list("gcpolicy")?;
    let title = "no rule of the garbage collection has `maxUsedSpace` for every record";
    let why = "it wants one without `filters` and `keepDuration`";
    (!rules.iter().any(is_bound)).then(|| (span.clone(), title, why))
}

/// Whether the rule holds for records of every kind and age, and ends somewhere.
fn is_bound(rule: &Settings) -> bool {
    let filtered =
        rule.get("filters").and_then(|value| value.get().as_array()).is_some_and(|list| !list.is_empty());
    rule.get("maxUsedSpace").is_some() && rule.get("keepDuration").is_none() && !filtered
}
