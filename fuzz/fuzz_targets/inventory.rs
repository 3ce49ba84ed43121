//! Any bytes as an inventory: either there is an error to show for it, or the fleet renders, and well-formed.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/properties/nix.rs"]
mod nix;

use buildfleet::diag::{Report, Source, print};
use buildfleet::fleet::Fleet;
use buildfleet::inventory::Inventory;
use buildfleet::plan::Plan;
use buildfleet::render::{Artefact, render};
use buildfleet::types::looks_private;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = match Source::from_bytes("inventory.toml", bytes.to_vec()) {
        Ok(source) => source,
        Err(error) => {
            print::source_error(&error, print::Colour::Never);
            return;
        }
    };
    let mut report = Report::new();
    let inventory = Inventory::read(&source, &mut report);
    let fleet = inventory.and_then(|inventory| Fleet::resolve(inventory, &mut report));
    assert!(fleet.is_some() != report.has_errors(), "there is a fleet exactly if there is no error");
    let printed = print::report(report, &source, print::Colour::Never);
    assert!(
        printed.chars().all(|c| c == '\n' || !c.is_control()),
        "what is printed moves no cursor: {printed:?}"
    );
    let Some(fleet) = fleet else { return };
    let artefacts = render(&Plan::of(&fleet)).expect("a valid fleet renders");
    assert_eq!(artefacts, render(&Plan::of(&fleet)).expect("twice"));
    artefacts.iter().filter(|artefact| !artefact.path.starts_with("nixos-module")).for_each(check);
});

fn check(artefact: &Artefact) {
    let path = &artefact.path;
    let text = std::str::from_utf8(&artefact.bytes).expect("UTF-8");
    assert!(text.ends_with('\n') && !text.ends_with("\n\n") && !text.contains('\r'), "{path}:\n{text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "{path}:\n{text}");
    assert!(!looks_private(text), "{path}");
    if path.extension() == Some("nix") {
        nix::read(text).unwrap_or_else(|fault| panic!("{path}: {fault}\n{text}"));
    }
}
