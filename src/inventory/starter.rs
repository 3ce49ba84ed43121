//! The inventory that `init` writes.

/// A commented inventory that passes `check` as it is: two workers, and a runner that builds on them.
///
/// Of the keys in it nobody has the private half.
pub const STARTER: &str = r#"#:schema ./inventory.schema.json
#
# The inventory of a fleet of container-image builders, to begin with.
#
#   buildfleet check                    finds every problem in this file
#   buildfleet render --out rendered    writes what the hosts import
#   buildfleet schema > inventory.schema.json
#                                       lets editors complete keys (the first line names the file)
#
# Put your own names, addresses and keys in. Of the keys below nobody has the private half: with them this file is
# complete, but nobody can log in anywhere.

version = 1
name = "example"

# A builder is a named group of nodes, as `docker buildx ls` shows it.
[builders.example]
driver = "remote"                       # each host's own buildkitd, over SSH
nodes = ["amber", "basalt"]             # the order decides: per platform, the first that is up
clients = ["cedar"]                     # who starts builds here

# The account on the workers that clients log in to.
[account]
user = "nix-builder"

# What holds for the workers of all hosts; a host's own value wins.
[worker]
reservedSpace = "10GB"
maxUsedSpace = "60%"                    # never more of the disk than this
minFreeSpace = "20%"

# How the daemons reach a registry of your own:
#
#   [registries."registry.internal:5000"]
#   http = true                         # plain HTTP
#
#   [registries."forge.internal"]
#   ca = ["/etc/ssl/certs/ca-certificates.crt"]

# A worker for linux/amd64.
[hosts.amber]
address = "amber.internal"
# REPLACE: the output of `cat /etc/ssh/ssh_host_ed25519_key.pub` on the host.
host-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0erg4uVqnsLQwMAitg+w4N9d6QfZBE0AjPRWkO/iMi"]
worker = { platforms = ["linux/amd64"], max-parallelism = 8 }

# A worker for linux/arm64.
[hosts.basalt]
address = "basalt.internal"
# REPLACE: as above.
host-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIgmEtkc5jGIcLf8gQ5jt9nJO59/eO0BXEqIZR/r27BK"]
worker = { platforms = ["linux/arm64"], max-parallelism = 4 }

# A host that starts builds: a NixOS machine with `services.gitea-actions-runner.instances.first`.
[hosts.cedar]
[hosts.cedar.client]
preset = "gitea-actions-runner"         # sets the user, its home and the names of the units
instances = ["first"]
# REPLACE: make a pair with `ssh-keygen -t ed25519 -N '' -f id_builder`; this is the content of `id_builder.pub`.
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHwuH2dNXXS+JzvJJh6MHo8dnFGOHXGXZcx+SmN8nVg1 cedar"

# Where the private half comes from. It never stands in this file.
[hosts.cedar.client.identity]
copy-from = "/root/.ssh/id_builder"     # a file of root's on the host: put `id_builder` there
# or, with sops-nix:
#   sops = { key = "builder_ssh_private_key" }
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Report, Source, print};
    use crate::fleet::Fleet;
    use crate::inventory::Inventory;

    #[test]
    fn it_passes_check_without_a_word() {
        let source = Source::from_bytes("buildfleet.toml", STARTER.into()).expect("text");
        let mut report = Report::new();
        let fleet = Inventory::read(&source, &mut report).and_then(|inv| Fleet::resolve(inv, &mut report));
        assert_eq!(print::report(report, &source, print::Colour::Never), "");
        assert_eq!(fleet.expect("a fleet").hosts.len(), 3);
    }
}
