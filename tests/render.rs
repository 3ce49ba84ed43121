//! One snapshot for each artefact of each fixture: what a reviewer of the rendered tree sees.

mod common;

use common::{fixtures, rendered, text};

#[test]
fn every_artefact_of_every_fixture() {
    for name in fixtures() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("snapshots/{name}"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            let mut listing = String::new();
            for artefact in rendered(&name) {
                listing.push_str(&format!("{:o} {}\n", artefact.mode.bits(), artefact.path));
                // The modules are the repository's own; a test of their equality is enough.
                if !artefact.path.starts_with("nixos-module") {
                    insta::assert_snapshot!(artefact.path.as_str().replace('/', "__"), text(&artefact));
                }
            }
            insta::assert_snapshot!("tree", listing);
        });
    }
}

#[test]
fn the_file_of_the_design_note_is_rendered_to_the_letter() {
    let wanted = include_str!("golden/buildkitd.remote-workers.toml");
    let artefacts = rendered("design-note");
    let found =
        artefacts.iter().find(|a| a.path.ends_with("buildkitd.remote-workers.toml")).expect("the file");
    assert_eq!(text(found), wanted);
    for artefact in artefacts.iter().filter(|a| !a.path.ends_with("buildkitd.remote-workers.toml")) {
        assert!(!text(artefact).contains("remote-workers"), "{} refers to it", artefact.path);
    }
}
