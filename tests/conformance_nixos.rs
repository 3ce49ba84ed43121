//! The options that the modules set are options of NixOS, of the types that the stand-in gives them.
//!
//! `tests/nix/nixos.nix` declares what the modules may set: without a declaration there, they do not evaluate. Here its
//! declarations are held against NixOS' own list, of which `conformance/nixos-options.json` is the part that matters
//! (nixos-unstable of December 2024).

mod common;

use std::collections::BTreeMap;

use common::{root, succeed};

/// What every module has without being in the list, and one that is internal to NixOS.
const NOT_LISTED: &[&str] = &["assertions", "warnings", "networking.proxy.envVars"];

/// Where the stand-in is another than NixOS on purpose: the option, its type here, its type there.
const OTHERWISE: &[(&str, &str, &str)] = &[
    // NixOS makes the file of `text` itself.
    ("environment.etc._name_.source", "null or path", "path"),
    // Narrower here, so that what is written evaluates there too.
    ("users.users._name_.description", "single-line string", "string"),
];

/// A type in the words of either list, without what they say differently.
fn plain(description: &str) -> String {
    let cut = |text: &str, at: &str| text.split(at).next().unwrap_or_default().to_owned();
    let text = description.replace(['(', ')', '[', ']', '"', '“', '”'], "").replace("&lt;null&gt;", "null");
    let text = cut(&cut(&cut(&text, " matching the pattern"), "; between"), ", not containing");
    text.replace("strings concatenated with \\n", "lines")
        .replace("strings concatenated with \n", "lines")
        .replace("optionally newline-terminated ", "")
        .replace("absolute path", "path")
        .replace(',', ", ")
        .replace("  ", " ")
}

/// Whether what is of the first type is of the second.
fn fits(option: &str, here: &str, there: &str) -> bool {
    let choices = here.replace("one of ", "").replace(", ", " or ");
    here == there
        || choices == there
        || there.starts_with(&format!("{here} or "))
        // A section or a freeform set: the keys are free text there as well.
        || (here == "attribute set of systemd option" && there.starts_with("attribute set of "))
        || OTHERWISE.contains(&(option, here, there))
}

#[test]
#[ignore = "needs nix-instantiate"]
fn every_option_that_is_set_is_one_of_nixos() {
    let options = root().join("tests/nix/options.nix");
    let args = ["--store", "dummy://", "--eval", "--strict", "--json", options.to_str().expect("UTF-8")];
    let declared: BTreeMap<String, String> =
        serde_json::from_str(&succeed("nix-instantiate", &args)).expect("JSON");
    let real: BTreeMap<String, String> =
        serde_json::from_str(include_str!("../conformance/nixos-options.json")).expect("JSON");
    assert!(declared.len() > 80, "the options are gone through: {declared:?}");
    let mut faults = Vec::new();
    for (option, here) in &declared {
        match real.get(option) {
            None if NOT_LISTED.contains(&option.as_str()) => {}
            None => faults.push(format!("{option} is no option of NixOS")),
            Some(there) if fits(option, &plain(here), &plain(there)) => {}
            Some(there) => faults.push(format!("{option}: {} here, {} there", plain(here), plain(there))),
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    for option in real.keys() {
        assert!(declared.contains_key(option), "{option} is declared no more: take it out of the list");
    }
}
