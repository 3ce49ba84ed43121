//! ssh_config: arguments of keywords.

use super::EscapeError;

/// The text as one argument of a keyword that expands tokens, such as `IdentityFile`.
///
/// In double quotes, `%` doubled. Errors: a line break or another control character, which end the line or are
/// not printed. Source: ssh_config(5), "TOKENS"; OpenSSH `misc.c`, `argv_split`.
pub fn argument(text: &str) -> Result<String, EscapeError> {
    if text.chars().any(char::is_control) {
        return Err(EscapeError::new("ssh_config", "a control character"));
    }
    if text.contains("${") {
        return Err(EscapeError::new("ssh_config", "`${`, which it takes for an environment variable,"));
    }
    let text = text.replace('%', "%%");
    let bare =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@%+,-".contains(&b));
    if bare { Ok(text) } else { Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        for (text, wanted) in [
            ("/home/nemo/.ssh/id", "/home/nemo/.ssh/id"),
            ("/a b", "\"/a b\""),
            ("/a%d", "/a%%d"),
            ("/a\"b\\c", "\"/a\\\"b\\\\c\""),
        ] {
            assert_eq!(argument(text).as_deref(), Ok(wanted));
        }
        assert!(argument("a\nb").is_err() && argument("${HOME}").is_err());
    }
}
