//! Any text as an endpoint, an address, a registry and a mirror: what is printed of an accepted one is that one again.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use buildfleet::types::{Address, Endpoint, Mirror, Registry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    round_trip::<Address>(text);
    round_trip::<Endpoint>(text);
    round_trip::<Registry>(text);
    round_trip::<Mirror>(text);
});

fn round_trip<T: FromStr + Display + Debug + PartialEq>(text: &str)
where
    T::Err: Debug + PartialEq,
{
    let Ok(value) = text.parse::<T>() else { return };
    let printed = value.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&value), "{text:?} is printed as {printed:?}");
    assert!(!printed.chars().any(|c| c.is_control() || c == '"'), "{printed:?}");
}
