//! POSIX shell: words.

use super::EscapeError;

/// The text as one word: bare where no shell reads anything into it, else in single quotes.
///
/// Errors: a NUL, which no argument can hold. Source: POSIX, "Shell Command Language", 2.2.
pub fn word(text: &str) -> Result<String, EscapeError> {
    if text.contains('\0') {
        return Err(EscapeError::new("the shell", "a NUL"));
    }
    let bare =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@%+,-".contains(&b));
    // A word that begins with `-` stays one word, but is read as an option by what gets it; that is the
    // author's to mind, with `--`.
    if bare { Ok(text.to_owned()) } else { Ok(format!("'{}'", text.replace('\'', "'\\''"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (text, wanted) in [
            ("a", "a"),
            ("/var/lib/x", "/var/lib/x"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$(x)`y`\"\\", "'$(x)`y`\"\\'"),
            ("a\nb", "'a\nb'"),
            ("~", "'~'"),
            ("a=b", "'a=b'"),
        ] {
            assert_eq!(word(text).as_deref(), Ok(wanted));
        }
        assert!(word("\0").is_err());
    }
}
