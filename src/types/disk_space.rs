//! Amounts of disk space as BuildKit reads them.

use std::fmt;
use std::str::FromStr;

use super::shown;
use crate::diag::{Code, Fault};

/// An amount of disk space: bytes, or a share of the disk.
///
/// Written as a whole number of bytes, as a number with a unit (`"512MB"`, `"10GB"`, `"1.5TiB"`) or as a
/// percentage (`"20%"`). BuildKit's units are binary whatever they are called: `"10GB"` is 10 GiB. What BuildKit
/// accepts but nobody means is refused: a bare `20` (20 bytes), `"120%"`, an empty string.
/// Errors: `invalid-size`. Source: BuildKit, `cmd/buildkitd/config/gcpolicy.go`; docker/go-units, `RAMInBytes`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskSpace {
    /// A whole number of bytes.
    Bytes(i64),
    /// A number with a unit, as written, and its value in bytes.
    Text(String, i64),
    /// Percent of the disk, 1 to 100.
    Percent(u8),
}

/// Less than this is hardly meant: a unit was forgotten.
const LEAST: i64 = 1024 * 1024;

/// The units, each 1024 of the one before.
const UNITS: &[char] = &['k', 'm', 'g', 't', 'p'];

fn fault(what: &str, help: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidSize, format!("`{}` is not a size", shown(what)), help)
}

impl DiskSpace {
    /// The number of bytes, if it is no share of a disk.
    pub fn bytes(&self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) | Self::Text(_, bytes) => Some(*bytes),
            Self::Percent(_) => None,
        }
    }

    /// The number, if it is written as a whole number of bytes.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) => Some(*bytes),
            _ => None,
        }
    }
}

impl TryFrom<i64> for DiskSpace {
    type Error = Fault;

    fn try_from(bytes: i64) -> Result<Self, Fault> {
        if bytes < 0 {
            return Err(fault(&bytes.to_string(), "a size is not negative"));
        }
        if bytes < LEAST {
            return Err(fault(
                &bytes.to_string(),
                format!(
                    "a bare number is bytes; did you mean `\"{bytes}GB\"`? leave the key out for no limit"
                ),
            ));
        }
        Ok(Self::Bytes(bytes))
    }
}

impl FromStr for DiskSpace {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        const HELP: &str = "write a size such as `\"512MB\"`, `\"10GB\"` or `\"20%\"`";
        if let Some(number) = text.strip_suffix('%') {
            return match number.parse::<u8>() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                _ => Err(fault(text, "a share of the disk is a whole number from `\"1%\"` to `\"100%\"`")),
            };
        }
        let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, unit) = text.split_at(digits);
        let Ok(value) = number.parse::<f64>() else { return Err(fault(text, HELP)) };
        let unit = unit.strip_prefix(' ').unwrap_or(unit).to_lowercase();
        let letter = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
        let mut letters = letter.chars();
        let power = match (letters.next(), letters.next()) {
            (None, _) if unit.is_empty() || unit == "b" => 0,
            (Some(c), None) => match UNITS.iter().position(|unit| *unit == c) {
                Some(at) => at as i32 + 1,
                None => return Err(fault(text, HELP)),
            },
            _ => return Err(fault(text, HELP)),
        };
        let bytes = value * 1024_f64.powi(power);
        if bytes >= i64::MAX as f64 {
            return Err(fault(text, "no disk is that large"));
        }
        let bytes = bytes as i64;
        if bytes < LEAST {
            return Err(fault(text, format!("that is {bytes} bytes; add a unit, such as `\"10GB\"`")));
        }
        Ok(Self::Text(text.to_owned(), bytes))
    }
}

impl fmt::Display for DiskSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Text(text, _) => f.write_str(text),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_binary() {
        for (text, bytes) in [
            ("10GB", 10_737_418_240),
            ("10G", 10_737_418_240),
            ("10GiB", 10_737_418_240),
            ("10gb", 10_737_418_240),
            ("10 GB", 10_737_418_240),
            ("10.5GB", 11_274_289_152),
            ("512MB", 536_870_912),
        ] {
            let space: DiskSpace = text.parse().expect(text);
            assert_eq!(space.bytes(), Some(bytes));
            assert_eq!(space.to_string(), text);
        }
        assert_eq!("20%".parse::<DiskSpace>(), Ok(DiskSpace::Percent(20)));
    }

    #[test]
    fn nonsense_is_refused_even_where_buildkit_takes_it() {
        for bad in [
            "",
            "ten",
            "-5GB",
            "120%",
            "0%",
            "10.5%",
            "20",
            "10.5",
            "5XB",
            "1e9",
            "10GBB",
            "10 000 MB",
            "9999999PB",
        ] {
            assert_eq!(bad.parse::<DiskSpace>().expect_err(bad).code, Code::InvalidSize);
        }
        for bad in [-1, 0, 20] {
            assert_eq!(DiskSpace::try_from(bad).expect_err("bytes").code, Code::InvalidSize);
        }
        assert!(DiskSpace::try_from(20).expect_err("bytes").help.contains("\"20GB\""));
    }
}
