//! What buildfleet renders, at work: three hosts in namespaces with the real buildkitd, buildx, ssh and Nix.
//!
//! `conformance/lab/lab` builds the hosts; the tests drive it, print what was shown, and fail where it is not.

mod common;

#[path = "conformance_lab/lab.rs"]
mod lab;
#[path = "conformance_lab/outage.rs"]
mod outage;
#[path = "conformance_lab/privilege.rs"]
mod privilege;
#[path = "conformance_lab/routing.rs"]
mod routing;
