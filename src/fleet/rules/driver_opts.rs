//! `invalid-value`: an option that the `docker-container` driver refuses, so that buildx drops the node.
//!
//! Source: buildx, `driver/docker-container/factory.go`.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::inventory::{Driver, shape};

const KNOWN: &[&str] = &[
    "network",
    "image",
    "memory",
    "memory-swap",
    "cpu-period",
    "cpu-quota",
    "cpu-shares",
    "cpuset-cpus",
    "cpuset-mems",
    "cgroup-parent",
    "restart-policy",
    "default-load",
    "provenance-add-gha",
    "allow-untrusted-image",
];

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values().filter(|builder| builder.driver() == Driver::DockerContainer) {
        let Some(opts) = &builder.driver_opts else { continue };
        for (key, _) in opts.get().iter() {
            let key = key.as_str();
            let is_env = key.strip_prefix("env.").is_some_and(|name| !name.is_empty());
            if is_env || KNOWN.contains(&key) {
                continue;
            }
            let known = format!("the options are {}, and `env.NAME`", KNOWN.join(", "));
            let help = match shape::nearest(key, KNOWN.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? {known}"),
                None => known,
            };
            report.push(
                Diagnostic::error(Code::InvalidValue, format!("`{key}` is no option of the driver"))
                    .primary(
                        opts.span(),
                        format!("buildx would drop the nodes of builder `{}`", builder.name),
                    )
                    .help(help),
            );
        }
    }
}
