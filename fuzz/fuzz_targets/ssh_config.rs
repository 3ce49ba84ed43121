//! Any text as an argument in ssh_config: ssh reads the same text, as one argument.
#![no_main]

use buildfleet::escape::ssh as escape;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(argument) = escape::argument(text) else {
        assert!(text.contains("${") || text.chars().any(char::is_control), "it could be written: {text:?}");
        return;
    };
    let read = split(&argument).unwrap_or_else(|| panic!("a quote without end: {argument}"));
    let read: Vec<_> = read.iter().map(|word| expand(word)).collect();
    assert_eq!(read, [Some(text.to_owned())], "{argument}");
});

/// OpenSSH, `misc.c`, `argv_split` with comments.
fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        match chars.peek() {
            None | Some('#') => return Some(words),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        loop {
            match (chars.next(), quote) {
                (None, Some(_)) => return None,
                (None | Some(' ' | '\t'), None) => break,
                (Some('\\'), _) => {
                    let taken =
                        chars.next_if(|c| matches!(c, '\'' | '"' | '\\') || (quote.is_none() && *c == ' '));
                    word.push(taken.unwrap_or('\\'));
                }
                (Some(c @ ('\'' | '"')), None) => quote = Some(c),
                (Some(c), Some(open)) if c == open => quote = None,
                (Some(c), _) => word.push(c),
            }
        }
        words.push(word);
    }
}

/// OpenSSH, `misc.c`, `vdollar_percent_expand`: `None` for what it would look up or refuse.
fn expand(word: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '%' => text.push(chars.next().filter(|c| *c == '%')?),
            '$' if chars.peek() == Some(&'{') => return None,
            c => text.push(c),
        }
    }
    Some(text)
}
