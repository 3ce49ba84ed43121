//! `reserved-name`: an account for builds that has other duties.

use crate::diag::{Code, Diagnostic, Report};
use crate::fleet::Fleet;

const RESERVED: &[&str] = &["root", "nobody"];

pub(super) fn check(fleet: &Fleet, report: &mut Report) {
    let account = &fleet.account;
    let Some(span) = account.user_span.clone().filter(|_| RESERVED.contains(&account.user.as_str())) else {
        return;
    };
    report.push(
        Diagnostic::error(
            Code::ReservedName,
            format!("`{}` cannot be the account that builds arrive at", account.user),
        )
        .primary(span, "the account is made, with a home and authorized keys of its own")
        .help("name an account of its own, such as `nix-builder`"),
    );
}
