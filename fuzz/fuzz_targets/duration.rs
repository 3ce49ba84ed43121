//! Any text as a span of time: what is accepted is printed as itself, and Go reads the same number of seconds.
#![no_main]

use buildfleet::types::Duration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(duration) = text.parse::<Duration>() else { return };
    assert_eq!(duration.to_string(), text);
    assert_eq!(duration.to_string().parse().as_ref(), Ok(&duration));
    assert_eq!(Some(duration.as_secs()), seconds(text), "{text}");
    assert_eq!(duration.as_integer(), None);
});

/// Go, `time.ParseDuration`, of whole numbers: nanoseconds must fit 63 bits.
fn seconds(mut text: &str) -> Option<i64> {
    let mut nanoseconds: i64 = 0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, rest) = text.split_at_checked(digits)?;
        let (unit, rest) = rest.split_at_checked(1)?;
        let unit = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            _ => return None,
        };
        nanoseconds = nanoseconds.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        text = rest;
    }
    Some(nanoseconds / 1_000_000_000)
}
