//! A strict reader of words of the POSIX shell: what a shell would do anything with, but keep it, is an error.

/// The words of a text without expansions, operators and comments.
///
/// Source: POSIX.1-2024, "Shell Command Language", 2.2 and 2.3.
pub fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => {
                let (quoted, rest) =
                    chars.as_str().split_once('\'').ok_or_else(|| format!("a quote without end: {text}"))?;
                word.get_or_insert_default().push_str(quoted);
                chars = rest.chars();
            }
            '\\' => match chars.next() {
                // A backslash and a line break are nothing at all.
                None | Some('\n') => return Err(format!("a `\\` that joins lines: {text}")),
                Some(c) => word.get_or_insert_default().push(c),
            },
            c if c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c) => {
                word.get_or_insert_default().push(c);
            }
            c => return Err(format!("{c:?} without quotes: {text}")),
        }
    }
    words.extend(word.take());
    if text.contains('\0') { Err("a NUL".to_owned()) } else { Ok(words) }
}
