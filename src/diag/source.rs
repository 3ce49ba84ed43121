//! The text of an inventory and the name that messages give it.

use std::borrow::Cow;
use std::ops::Range;

use super::{Code, Diagnostic};

/// A range of bytes of the source text.
pub type Span = Range<usize>;

/// The largest inventory that is read, in bytes: some 100,000 hosts, far below what would trouble a machine.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// An inventory as text, with the name that messages show.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
}

/// Bytes that are no inventory at all; reported like any other problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// What can still be shown of the text, up to the fault.
    pub source_name: String,
    /// The problem, without a place in the text where there is none.
    pub diagnostic: Diagnostic,
    /// Line and column of the fault, both from 1, where one can be named.
    pub place: Option<(usize, usize)>,
}

impl Source {
    /// Takes the bytes of a file as an inventory's text.
    ///
    /// Errors: `too-large`, `not-utf8`, `byte-order-mark`, `empty-inventory`.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Box<SourceError>> {
        let name = name.into();
        let refuse = |diagnostic: Diagnostic, place| {
            Err(Box::new(SourceError { source_name: name.clone(), diagnostic, place }))
        };
        if bytes.len() > MAX_BYTES {
            let what = format!("the inventory is larger than {} MiB", MAX_BYTES / (1024 * 1024));
            return refuse(
                Diagnostic::error(Code::TooLarge, what)
                    .help("check that this is the inventory, and split the fleet into several if it is"),
                None,
            );
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return refuse(
                Diagnostic::error(Code::ByteOrderMark, "the inventory begins with a byte order mark")
                    .help("save it as UTF-8 without a byte order mark (BOM)"),
                Some((1, 1)),
            );
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..good).unwrap_or_default();
                let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
                let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
                let column =
                    String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count() + 1;
                return refuse(
                    Diagnostic::error(
                        Code::NotUtf8,
                        format!("the inventory is not UTF-8: byte {good} begins no character"),
                    )
                    .help("save it as UTF-8"),
                    Some((line, column)),
                );
            }
        };
        if text.trim().is_empty() {
            return refuse(
                Diagnostic::error(Code::EmptyInventory, "the inventory is empty")
                    .help("`buildfleet init` writes one to begin with"),
                Some((1, 1)),
            );
        }
        Ok(Self { name, text })
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with private key material blanked out, every line and column where it was.
    ///
    /// Found by its looks rather than by the parser, as a pasted key often is what breaks the syntax.
    pub fn redacted(&self) -> Cow<'_, str> {
        redact(&self.text)
    }
}

/// What private keys begin with, and what ends them; `None` ends with the word.
const PRIVATE: &[(&str, Option<&str>)] = &[
    ("-----BEGIN", Some("-----END")),
    ("PuTTY-User-Key-File", Some("Private-MAC")),
    ("AGE-SECRET-KEY-", None),
    ("b3BlbnNzaC1rZXktdjE", None),
];

fn redact(text: &str) -> Cow<'_, str> {
    let mut spans: Vec<Span> = Vec::new();
    for &(begin, end) in PRIVATE {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(begin)) {
            let start = from + at;
            let rest = text.get(start..).unwrap_or_default();
            let is_word = |c: char| c.is_ascii_alphanumeric() || "+/=-".contains(c);
            // A certificate or a public key in PEM is nothing to hide.
            let public = begin == "-----BEGIN" && !rest.lines().next().is_some_and(|l| l.contains("PRIVATE"));
            let length = match end {
                _ if public => begin.len(),
                Some(end) => rest.find(end).map_or(rest.len(), |at| at + end.len()),
                None => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            };
            if length > begin.len() {
                spans.push(start + begin.len()..start + length);
            }
            from = start + length;
        }
    }
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let hidden = |at: usize| spans.iter().any(|span| span.contains(&at));
    let blanked = text.char_indices().flat_map(|(at, c)| {
        let (c, n) = if hidden(at) && c != '\n' { ('*', c.len_utf8()) } else { (c, 1) };
        std::iter::repeat_n(c, n)
    });
    Cow::Owned(blanked.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Result<Source, Box<SourceError>> {
        Source::from_bytes("inventory.toml", bytes.to_vec())
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let refused = |bytes: &[u8]| source(bytes).expect_err("refused");
        assert_eq!(refused(b"").diagnostic.code, Code::EmptyInventory);
        assert_eq!(refused(b" \n\t\n").diagnostic.code, Code::EmptyInventory);
        assert_eq!(refused(b"\xef\xbb\xbfversion = 1").diagnostic.code, Code::ByteOrderMark);
        let error = refused(b"version = 1\nname = \"\xff\"\n");
        assert_eq!((error.diagnostic.code, error.place), (Code::NotUtf8, Some((2, 9))));
        assert_eq!(refused(&vec![b' '; MAX_BYTES + 1]).diagnostic.code, Code::TooLarge);
    }

    #[test]
    fn private_keys_are_blanked_where_they_stand() {
        let text = "a = 1\nkey = '-----BEGIN OPENSSH PRIVATE KEY-----\nsecrét\n-----END OPENSSH PRIVATE KEY-----'\nb = 1\n";
        let source = source(text.as_bytes()).expect("text");
        let redacted = source.redacted();
        assert!(!redacted.contains("secr"));
        assert_eq!(redacted.len(), text.len());
        assert!(redacted.starts_with("a = 1\n") && redacted.ends_with("b = 1\n"));
        assert_eq!(redacted.lines().count(), text.lines().count());
    }

    #[test]
    fn what_is_public_stays() {
        let text = "# -----BEGIN CERTIFICATE-----\nversion = 1\n";
        assert_eq!(source(text.as_bytes()).expect("text").redacted(), text);
    }
}
