//! `docker-root`: the `docker-container` driver needs the docker group, which makes its clients root.

use super::listed;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::inventory::Driver;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for builder in fleet.builders.values() {
        if builder.driver() != Driver::DockerContainer || builder.nodes.is_empty() {
            continue;
        }
        let (hosts, account) = (listed(&builder.nodes), &fleet.account.user);
        report.push(
            Diagnostic::warning(
                Code::DockerRoot,
                format!("builder `{}` makes its clients root on its nodes", builder.name),
            )
            .primary(
                builder.driver.span(),
                format!("puts account `{account}` into the group docker on {hosts}"),
            )
            .help(
                "use `driver = \"remote\"`, which needs no Docker, where the clients are not trusted that \
                 far",
            )
            .note("whoever may talk to the Docker daemon can mount the host's root into a container"),
        );
    }
}
