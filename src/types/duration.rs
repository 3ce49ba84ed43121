//! Spans of time as BuildKit reads them.

use std::fmt;
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// A span of time, at least a second: a whole number of seconds, or a string such as `"48h"` or `"1h30m"`.
///
/// BuildKit knows hours and what is below; `"2d"` is refused with the hours that it means.
/// Errors: `invalid-duration`. Source: BuildKit, `cmd/buildkitd/config/config.go`; Go's `time.ParseDuration`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    text: Option<String>,
    seconds: i64,
}

fn fault(what: &str, help: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidDuration, format!("`{}` is not a duration", shown(what)), help)
}

impl Duration {
    /// The number of seconds.
    pub fn as_secs(&self) -> i64 {
        self.seconds
    }

    /// The number of seconds, if it is written as one.
    pub fn as_integer(&self) -> Option<i64> {
        self.text.is_none().then_some(self.seconds)
    }
}

impl TryFrom<i64> for Duration {
    type Error = Fault;

    fn try_from(seconds: i64) -> Result<Self, Fault> {
        // More than a century is a number of something else, and would overflow Go's nanoseconds soon after.
        if (1..=3_153_600_000).contains(&seconds) {
            return Ok(Self { text: None, seconds });
        }
        Err(fault(&seconds.to_string(), "it takes a whole number of seconds from 1 on"))
    }
}

impl FromStr for Duration {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        const HELP: &str = "write hours, minutes and seconds, such as `\"48h\"` or `\"1h30m\"`";
        let mut seconds: i64 = 0;
        let mut rest = text;
        let mut last = 4;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let Ok(number) = number.parse::<i64>() else { return Err(fault(text, HELP)) };
            let mut chars = after.chars();
            let (unit, rank) = match chars.next() {
                Some('h') => (3600, 3),
                Some('m') => (60, 2),
                Some('s') => (1, 1),
                Some('d') if chars.as_str().is_empty() => {
                    return Err(fault(
                        text,
                        format!("BuildKit knows no days: write `\"{}h\"`", number.saturating_mul(24)),
                    ));
                }
                Some('w') if chars.as_str().is_empty() => {
                    return Err(fault(
                        text,
                        format!("BuildKit knows no weeks: write `\"{}h\"`", number.saturating_mul(168)),
                    ));
                }
                None => {
                    return Err(fault(
                        text,
                        format!("write a unit, `\"{number}s\"`, or a number without quotes"),
                    ));
                }
                Some(_) => return Err(fault(text, HELP)),
            };
            if rank >= last {
                return Err(fault(text, HELP));
            }
            last = rank;
            seconds = seconds.saturating_add(number.saturating_mul(unit));
            rest = chars.as_str();
        }
        let checked = Self::try_from(seconds).map_err(|_| fault(text, HELP))?;
        Ok(Self { text: Some(text.to_owned()), ..checked })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None => self.seconds.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_minutes_and_seconds() {
        for (text, seconds) in
            [("48h", 172_800), ("48h30m", 174_600), ("90s", 90), ("1h0m1s", 3601), ("300m", 18_000)]
        {
            let duration: Duration = text.parse().expect(text);
            assert_eq!((duration.as_secs(), duration.to_string().as_str()), (seconds, text));
        }
        assert_eq!(Duration::try_from(172_800).map(|d| d.as_integer()), Ok(Some(172_800)));
    }

    #[test]
    fn what_buildkit_cannot_read_is_refused() {
        for (bad, help) in [
            ("2d", "`\"48h\"`"),
            ("1w", "`\"168h\"`"),
            ("", "hours"),
            ("-1h", "hours"),
            ("48", "`\"48s\"`"),
            ("1m1h", "hours"),
            ("0s", "hours"),
            ("h", "hours"),
            ("1.5h", "hours"),
            ("99999999999999999999h", "hours"),
            ("9999999999999h", "hours"),
        ] {
            let fault = bad.parse::<Duration>().expect_err(bad);
            assert!(fault.help.contains(help), "{bad}: {}", fault.help);
        }
        assert!(
            Duration::try_from(0).is_err()
                && Duration::try_from(-1).is_err()
                && Duration::try_from(i64::MAX).is_err()
        );
    }
}
