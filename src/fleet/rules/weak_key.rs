//! `weak-key`: a public key or host key that is too short for today.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;
use crate::types::KeyStrength;

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    for host in fleet.hosts.values() {
        let of_client = host.client.iter().filter_map(|client| client.public_key.as_ref());
        let of_client = of_client.map(|key| ("public key of client", key));
        let of_host = host.host_keys.iter().map(|key| ("host key of", key));
        for (role, key) in
            of_client.chain(of_host).filter(|(_, key)| key.get().strength() == KeyStrength::Weak)
        {
            report.push(
                Diagnostic::warning(Code::WeakKey, format!("the {role} `{}` is weak", host.name))
                    .primary(key.span(), "RSA of fewer than 3072 bits")
                    .help("make an Ed25519 key: `ssh-keygen -t ed25519`"),
            );
        }
    }
}
