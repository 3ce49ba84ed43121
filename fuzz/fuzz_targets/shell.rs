//! Any text as a word of the shell: a shell reads the same text, as one word.
#![no_main]

#[path = "../../tests/properties/shell.rs"]
mod shell;

use buildfleet::escape::shell as escape;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(word) = escape::word(text) else {
        assert!(text.contains('\0'), "only a NUL is refused");
        return;
    };
    assert_eq!(shell::words(&word), Ok(vec![text.to_owned()]), "{word}");
    let twice = shell::words(&format!("{word} {word}"));
    assert_eq!(twice, Ok(vec![text.to_owned(), text.to_owned()]), "{word}");
});
