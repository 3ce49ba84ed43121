//! Any text as an amount of disk space: what is accepted is printed as itself, and BuildKit reads the same number.
#![no_main]

use buildfleet::types::DiskSpace;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(space) = text.parse::<DiskSpace>() else { return };
    let printed = space.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&space), "{printed}");
    match &space {
        DiskSpace::Percent(percent) => assert_eq!(printed, format!("{percent}%")),
        _ => assert_eq!(space.bytes(), in_bytes(&printed), "{printed:?}"),
    }
    assert!(!printed.chars().any(char::is_control), "{printed:?}");
});

/// docker/go-units, `RAMInBytes`.
fn in_bytes(text: &str) -> Option<i64> {
    let separator = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let (number, suffix) = text.split_at(separator + 1);
    let size: f64 = number.strip_suffix(' ').unwrap_or(number).parse().ok().filter(|size| *size >= 0.0)?;
    if suffix.is_empty() {
        return Some(size as i64);
    }
    // Its length is counted in bytes before case is folded.
    if suffix.len() > 3 {
        return None;
    }
    let suffix = suffix.to_lowercase();
    if suffix == "b" {
        return Some(size as i64);
    }
    let (unit, rest) = suffix.split_at_checked(1)?;
    let power = ["k", "m", "g", "t", "p"].iter().position(|known| *known == unit)?;
    matches!(rest, "" | "b" | "ib").then(|| (size * 1024_f64.powi(power as i32 + 1)) as i64)
}
