//! `remote-workers-refused`: the dialect of worker blocks that no buildkitd takes.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values() {
        let Some(blocks) = host.client.as_ref().and_then(|client| client.worker_blocks.as_ref()) else {
            continue;
        };
        report.push(
            Diagnostic::warning(
                Code::RemoteWorkersRefused,
                format!("every buildkitd refuses the file that `worker-blocks` renders for `{}`", host.name),
            )
            .primary(blocks.span(), "renders `[[worker.oci]]` with `[worker.oci.ssh]`")
            .help("take it out: the builders reach the same hosts through buildx")
            // Seen with buildkitd v0.33.1 and `[[worker.oci]]` in its --config.
            .note(
                "buildkitd ends with `buildkitd: toml: cannot store an array table in a struct`; there is \
                 no remote worker",
            ),
        );
    }
}
