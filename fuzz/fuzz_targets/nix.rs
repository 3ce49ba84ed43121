//! Any text as a string, a name and a path of Nix: Nix reads the same text.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/properties/nix.rs"]
mod nix;

use buildfleet::escape::nix as escape;
use buildfleet::types::TreePath;
use libfuzzer_sys::fuzz_target;
use nix::{Value, canonical, read};

fuzz_target!(|text: &str| {
    let Ok(string) = escape::string(text) else {
        assert!(text.contains('\0'), "only a NUL is refused");
        return;
    };
    assert_eq!(read(&string), Ok(Value::Str(text.to_owned())), "{string}");
    assert!(!string.contains(['\n', '\r']), "it stays on its line: {string}");

    let name = escape::attribute(text).expect("a name");
    let set = read(&format!("{{{name}=1;}}"));
    assert_eq!(set, Ok(Value::Set([(text.to_owned(), Value::Int(1))].into())), "{name}");

    if text.parse::<TreePath>().is_ok() {
        for relative in [text.to_owned(), format!("../../{text}")] {
            let path = escape::path(&relative).expect("a path");
            assert_eq!(read(&path), Ok(Value::Path(canonical(&relative))), "{path}");
            let list = read(&format!("[ ({path}) ]"));
            assert_eq!(list, Ok(Value::List(vec![Value::Path(canonical(&relative))])), "{path}");
        }
    }
});
