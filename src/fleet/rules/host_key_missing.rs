//! `host-key-missing`: a node that clients reach over SSH has no host key by which they could know it.

use super::reached;
use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for way in reached::logged_in_to(fleet)
        .iter()
        .filter(|way| way.to.host_keys.is_empty() && !way.to.said.has("host-keys"))
    {
        let name = &way.to.name;
        let address = way.to.address.as_ref().map_or_else(|| name.to_string(), ToString::to_string);
        report.push(
            Diagnostic::error(Code::HostKeyMissing, format!("host `{name}` has no `host-keys`"))
                .primary(name.span(), "clients could not tell it from another")
                .context(
                    way.node.span(),
                    format!(
                        "client `{}` reaches it over SSH for builder `{}`",
                        way.from.name, way.builder.name
                    ),
                )
                .help(format!(
                    "add the keys that `cat /etc/ssh/ssh_host_*_key.pub` shows on the host; `ssh-keyscan \
                     -p {} {address}` asks the network for them, where another may answer",
                    way.to.port
                )),
        );
    }
}
