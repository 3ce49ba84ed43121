//! Any text as a public key: what is printed of an accepted one is one line, and is that key again.
#![no_main]

use buildfleet::types::{PublicKey, looks_private};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(key) = text.parse::<PublicKey>() else { return };
    let printed = key.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&key), "{printed}");
    assert!(!printed.chars().any(char::is_control) && !looks_private(&printed), "{printed:?}");
    let bare = key.without_comment();
    assert_eq!(bare.split(' ').count(), 2, "{bare}");
    let again = bare.parse::<PublicKey>().expect("a key without its comment");
    assert!(again.same_key(&key) && again.comment().is_none() && again.algorithm() == key.algorithm());
    assert_eq!(again.fingerprint(), key.fingerprint());
});
