//! What must hold between the entries of a fleet: one file per diagnostic code, named after it.
//!
//! A rule reads the whole fleet and states facts; it changes nothing and prints nothing. Rules take time
//! linear in the size of the fleet, and what holds for many hosts alike is said once.

mod account_user;
mod address_missing;
pub(super) mod case_collision;
mod client_key_missing;
mod docker_root;
mod driver_opts;
mod duplicate_address;
mod duplicate_ca;
mod duplicate_client;
mod duplicate_key;
mod duplicate_node;
mod dynamic_runner;
mod endpoint;
mod executor;
mod gc_deprecated;
mod gc_partial;
mod gc_unbounded;
mod host_key_missing;
mod http_merge;
mod http_with_ca;
mod http_with_insecure;
mod identity_missing;
mod identity_unreachable;
mod key_not_used;
mod key_too_new;
mod no_builders;
mod no_clients;
mod no_nodes;
mod no_units;
mod not_a_client;
mod not_a_worker;
mod only_emulated;
mod platform_taken;
mod platform_unserved;
mod reached;
mod remote_workers_refused;
mod socket_missing;
mod tcp_without_tls;
mod tls_incomplete;
mod trusted_user;
pub(super) mod unknown_builder;
pub(super) mod unknown_host;
mod unused_host;
mod weak_key;
mod worker_not_nixos;

use std::fmt::Display;

use super::Fleet;
use crate::diag::Report;

/// The rules for a linked fleet; those for names that lead nowhere run before it is linked.
const RULES: &[fn(&Fleet, &mut Report)] = &[
    no_nodes::check,
    no_clients::check,
    no_builders::check,
    unused_host::check,
    not_a_worker::check,
    not_a_client::check,
    duplicate_node::check,
    duplicate_client::check,
    duplicate_address::check,
    duplicate_key::check,
    weak_key::check,
    platform_unserved::check,
    platform_taken::check,
    only_emulated::check,
    http_with_insecure::check,
    http_with_ca::check,
    http_merge::check,
    duplicate_ca::check,
    gc_unbounded::check,
    gc_deprecated::check,
    gc_partial::check,
    docker_root::check,
    address_missing::check,
    host_key_missing::check,
    client_key_missing::check,
    identity_missing::check,
    identity_unreachable::check,
    dynamic_runner::check,
    worker_not_nixos::check,
    key_not_used::check,
    key_too_new::check,
    trusted_user::check,
    no_units::check,
    account_user::check,
    driver_opts::check,
    endpoint::check,
    executor::check,
    tcp_without_tls::check,
    tls_incomplete::check,
    socket_missing::check,
    remote_workers_refused::check,
];

/// Runs every rule for a linked fleet.
pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for rule in RULES {
        rule(fleet, report);
    }
}

/// Names in backticks: five at most, then how many more there are.
fn listed<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<_> = names.by_ref().take(5).map(|name| format!("`{name}`")).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
        assert_eq!(listed(1..=5), "`1`, `2`, `3`, `4`, `5`");
        assert_eq!(listed(1..=10_000), "`1`, `2`, `3`, `4`, `5` and 9995 more");
    }
}
