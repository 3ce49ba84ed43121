//! Each invalid fixture: the report as printed, and that it is about what it is named after.

mod common;

use buildfleet::diag::Code;
use common::{fixtures, folders, inventory, resolve, root};

fn invalid() -> Vec<String> {
    let mut names = folders(&root().join("fixtures/invalid"));
    names.sort();
    names
}

fn bytes(code: &str) -> Vec<u8> {
    match code {
        // Too large for a repository.
        "too-large" => vec![b'#'; 100 * 1024 * 1024],
        _ => inventory(&format!("invalid/{code}")),
    }
}

#[test]
fn each_invalid_inventory_is_told_what_is_wrong() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/invalid");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for code in invalid() {
        let (_, printed) = resolve(bytes(&code));
        assert!(printed.contains(&format!("[{code}]")), "{code}:\n{printed}");
        let known: Code = code.parse().expect("a code");
        // An inventory may have warnings besides the error that it is about.
        for line in printed.lines().filter(|line| line.starts_with("error[")) {
            assert!(line.contains(&format!("[{known}]")), "{code} is about one thing:\n{printed}");
        }
        settings.bind(|| insta::assert_snapshot!(code.as_str(), printed));
    }
}

#[test]
fn what_is_printed_of_the_valid_fixtures() {
    for name in fixtures() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("snapshots/{name}"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("report", resolve(inventory(&name)).1));
    }
}

#[test]
fn private_keys_are_not_printed() {
    for body in [
        "version = 1\nname = '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0",
        "x = -----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0",
    ] {
        let (_, printed) = resolve(body.as_bytes().to_vec());
        assert!(!printed.contains("c2Vj"), "{printed}");
    }
}

#[test]
fn nothing_that_is_cut_short_or_changed_makes_it_panic() {
    let whole = inventory("avalanche");
    for end in (0..whole.len()).step_by(7) {
        resolve(whole.get(..end).expect("within").to_vec());
    }
    // Every byte once replaced by one that ends strings, tables or comments early.
    for (at, with) in (0..whole.len()).step_by(11).zip(b"\"[]={}#\n.\\'\0".iter().cycle()) {
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte = *with;
        }
        resolve(changed);
    }
}
