//! Free text: a line of it, or several.

use std::fmt;
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// Text of one line, of any printable characters: a label's value, an option's.
///
/// Errors: `invalid-text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(String);

/// Text of one or more lines, for comments in rendered files.
///
/// Errors: `invalid-text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Remark(String);

/// Whether a character changes how others are shown without being seen: the direction marks that make code
/// read as what it is not, separators of lines that some readers break at, and byte order marks.
pub fn is_format_control(c: char) -> bool {
    matches!(
        c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
    )
}

fn check(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), Fault> {
    let bad = text.chars().find(|&c| (c.is_control() && !allowed(c)) || is_format_control(c));
    match bad {
        None => Ok(()),
        Some(c) => Err(Fault::new(
            Code::InvalidText,
            format!("`{}` has the character {} in it", shown(text), c.escape_unicode()),
            if c == '\n' || c == '\r' { "write it on one line" } else { "take the character out" },
        )),
    }
}

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        check(text, |_| false)?;
        if text.is_empty() {
            return Err(Fault::new(
                Code::InvalidText,
                "the text is empty",
                "leave the key out, or say something",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Remark {
    /// Its lines, without blanks at their ends; none is empty but between others.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines().map(str::trim_end)
    }

    /// The text on one line.
    pub fn on_one_line(&self) -> String {
        self.0.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl FromStr for Remark {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        check(text, |c| c == '\n' || c == '\t')?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Fault::new(
                Code::InvalidText,
                "the text is empty",
                "leave the key out, or say something",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_but_printable_text_is_kept() {
        for good in ["${HOME}", "''", "%n $x `id`", "\\", "🦀", "-oX=y", "\"q\"", "# no"] {
            assert_eq!(good.parse::<Word>().map(|w| w.to_string()).as_deref(), Ok(good));
            assert_eq!(good.parse::<Remark>().map(|w| w.to_string()).as_deref(), Ok(good));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for bad in ["", "a\nb", "a\rb", "\0", "\u{1b}[31m", "a\u{202e}b", "\u{feff}a", "a\u{2028}b", "\u{7f}"]
        {
            assert_eq!(bad.parse::<Word>().expect_err("text").code, Code::InvalidText, "{bad:?}");
        }
        for bad in ["", " \n ", "a\rb", "\0", "\u{1b}[31m", "a\u{2066}b"] {
            assert_eq!(bad.parse::<Remark>().expect_err("text").code, Code::InvalidText, "{bad:?}");
        }
        assert_eq!("a \n\tb".parse::<Remark>().map(|r| r.on_one_line()).as_deref(), Ok("a b"));
    }
}
