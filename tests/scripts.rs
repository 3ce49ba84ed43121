//! The scripts that travel with a tree, run against stand-ins for the programs that they call.

mod common;

use common::{root, run};

fn with_shell(shell: &str) {
    let driver = root().join("tests/scripts/run");
    let output = run("sh", &[driver.to_str().expect("UTF-8"), shell]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shell}:\n{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains(" passed, 0 failed"), "{shell}:\n{printed}");
}

#[test]
fn scripts_do_what_they_say_in_the_systems_shell() {
    with_shell("sh");
}

#[test]
#[ignore = "needs dash"]
fn scripts_do_what_they_say_in_dash() {
    with_shell("dash");
}

#[test]
#[ignore = "needs bash"]
fn scripts_do_what_they_say_in_bash() {
    with_shell("bash");
}
