//! Any text as a platform: what is printed of an accepted one is that one again, normalised.
#![no_main]

use buildfleet::types::{NixSystem, Platform};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(platform) = text.parse::<Platform>() else { return };
    let printed = platform.to_string();
    assert_eq!(printed.parse(), Ok(platform), "{printed}");
    // A missing variant is the usual one, and written is what is not usual; 32-bit Arm is always written out.
    assert_eq!(
        printed == text || text.starts_with(&printed) || printed.starts_with(text),
        true,
        "{text}: {printed}"
    );
    let of_table = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '/';
    assert!(printed.chars().all(of_table), "{printed}");
    if let Some(system) = NixSystem::of(&platform) {
        assert!(system.runs(&platform), "{printed}: {system}");
        assert_eq!(system.to_string().parse(), Ok(system));
    }
});
