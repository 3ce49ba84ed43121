//! Nix: strings, attribute names and paths.

use super::EscapeError;

/// The text as a Nix string, `"…"`.
///
/// Errors: a NUL, which Nix cuts a string at. Source: the Nix manual, "String literal".
pub fn string(text: &str) -> Result<String, EscapeError> {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\0' => return Err(EscapeError::new("Nix", "a NUL")),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if chars.peek() == Some(&'{') => out.push_str("\\$"),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(out)
}

/// The text as an attribute's name: bare where Nix reads it so, else a string.
pub fn attribute(text: &str) -> Result<String, EscapeError> {
    const KEYWORDS: &[&str] = &["if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or"];
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_'-".contains(&b))
        && !KEYWORDS.contains(&text);
    if bare { Ok(text.to_owned()) } else { string(text) }
}

/// A relative path as a Nix path, from the folder of the file that holds it.
///
/// A path literal where its characters allow one; else `./. + "/…"`.
pub fn path(relative: &str) -> Result<String, EscapeError> {
    let plain = relative.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+/".contains(&b));
    match (plain, relative.starts_with("../")) {
        (true, true) => Ok(relative.to_owned()),
        (true, false) => Ok(format!("./{relative}")),
        (false, _) => Ok(format!("./. + {}", string(&format!("/{relative}"))?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        for (text, wanted) in [
            ("a", r#""a""#),
            ("${x}", r#""\${x}""#),
            ("$${x}", r#""$\${x}""#),
            ("$x", r#""$x""#),
            ("\\${x}", r#""\\\${x}""#),
            ("a\"b", r#""a\"b""#),
            ("''", r#""''""#),
            ("a\n\t\rb", r#""a\n\t\rb""#),
            ("é🦀", "\"é🦀\""),
        ] {
            assert_eq!(string(text).as_deref(), Ok(wanted));
        }
        assert!(string("a\0").is_err());
    }

    #[test]
    fn attribute_names_and_paths() {
        for (text, wanted) in
            [("a-b", "a-b"), ("a.b", "\"a.b\""), ("if", "\"if\""), ("1a", "\"1a\""), ("", "\"\"")]
        {
            assert_eq!(attribute(text).as_deref(), Ok(wanted));
        }
        for (text, wanted) in [("a.nix", "./a.nix"), ("../a", "../a"), ("../a b", "./. + \"/../a b\"")] {
            assert_eq!(path(text).as_deref(), Ok(wanted));
        }
    }
}
