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
    /// Where the fault is, if a place can be named.
    pub place: Option<Place>,
}

/// A place in bytes that are no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The line itself, with what is no text replaced.
    pub text: String,
}

impl Place {
    /// The place of the byte `at`.
    fn of(bytes: &[u8], at: usize) -> Self {
        let before = bytes.get(..at).unwrap_or_default();
        let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()).min(200);
        let in_line = String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count();
        Self {
            line: before.iter().filter(|&&b| b == b'\n').count() + 1,
            column: in_line + 1,
            text: {
                let text = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
                blank(&text, private_spans(&text)).into_owned()
            },
        }
    }
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
                Some(Place::of(&bytes, 0)),
            );
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let place = Place::of(error.as_bytes(), good);
                return refuse(
                    Diagnostic::error(
                        Code::NotUtf8,
                        format!("the inventory is not UTF-8: byte {good} begins no character"),
                    )
                    .help("save it as UTF-8"),
                    Some(place),
                );
            }
        };
        if text.trim().is_empty() {
            return refuse(
                Diagnostic::error(Code::EmptyInventory, "the inventory is empty")
                    .help("`buildfleet init` writes one to begin with"),
                None,
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

    /// The text with private key material blanked out, every line and column where it was, and so the `further`
    /// places.
    ///
    /// Found by its looks rather than by the parser, as a pasted key often is what breaks the syntax.
    pub fn redacted(&self, further: impl Iterator<Item = Span>) -> Cow<'_, str> {
        let mut spans = self.private_spans();
        spans.extend(further);
        spans.sort_by_key(|span| span.start);
        blank(&self.text, spans)
    }

    /// Where private key material stands, be it in a value, a key or a comment.
    pub fn private_spans(&self) -> Vec<Span> {
        private_spans(&self.text)
    }
}

/// What private keys begin with, and what ends them; `None` ends with the word.
const PRIVATE: &[(&str, Option<&str>)] = &[
    ("-----BEGIN", Some("-----END")),
    ("PuTTY-User-Key-File", Some("Private-MAC")),
    ("AGE-SECRET-KEY-", None),
    ("b3BlbnNzaC1rZXktdjE", None),
];

fn private_spans(text: &str) -> Vec<Span> {
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
                spans.push(start..start + length);
            }
            from = start + length;
        }
    }
    spans.sort_by_key(|span| span.start);
    // What lies within another is no second key: a PEM holds the base64 that OpenSSH's keys begin with.
    spans.dedup_by(|later, first| later.start < first.end);
    spans
}

/// Blanks the spans out, which are sorted by their starts.
fn blank(text: &str, spans: Vec<Span>) -> Cow<'_, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut spans = spans.into_iter().peekable();
    let mut hidden = |at: usize| {
        while spans.next_if(|span| span.end <= at).is_some() {}
        spans.peek().is_some_and(|span| span.contains(&at))
    };
    let blanked = text.char_indices().flat_map(move |(at, c)| {
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
        let place = error.place.expect("a place");
        assert_eq!((error.diagnostic.code, place.line, place.column), (Code::NotUtf8, 2, 9));
        assert_eq!(refused(&vec![b' '; MAX_BYTES + 1]).diagnostic.code, Code::TooLarge);
    }

    #[test]
    fn private_keys_are_blanked_where_they_stand() {
        let text = "a = 1\nkey = '-----BEGIN OPENSSH PRIVATE KEY-----\nsecrét\n-----END OPENSSH PRIVATE KEY-----'\nb = 1\n";
        let source = source(text.as_bytes()).expect("text");
        let redacted = source.redacted(std::iter::empty());
        assert!(!redacted.contains("secr"));
        assert_eq!(redacted.len(), text.len());
        assert!(redacted.starts_with("a = 1\n") && redacted.ends_with("b = 1\n"));
        assert_eq!(redacted.lines().count(), text.lines().count());
    }

    #[test]
    fn what_is_public_stays() {
        let text = "# -----BEGIN CERTIFICATE-----\nversion = 1\n";
        assert_eq!(source(text.as_bytes()).expect("text").redacted(std::iter::empty()), text);
    }
}
