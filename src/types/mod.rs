//! The values of an inventory as types that cannot hold a bad one.
//!
//! Each is parsed once, by `FromStr`, whose error is a [`Fault`](crate::diag::Fault); `Display` is its
//! inverse. Past the edge nothing is checked again.

mod address;
mod disk_space;
mod duration;
mod endpoint;
mod key;
mod name;
mod path;
mod platform;
mod registry;
mod system;
mod text;
mod version;

pub use address::{Address, IpAddress, Port, Subnet};
pub use disk_space::DiskSpace;
pub use duration::Duration;
pub use endpoint::{Endpoint, HostPort};
pub use key::{KeyStrength, PublicKey};
pub use name::{
    BuilderName, CgroupParent, FileMode, FleetName, FolderName, HostName, SecretName, ServiceName, UnitName,
    UserName,
};
pub use path::{AbsPath, TreePath};
pub use platform::{Arch, Os, Platform};
pub use registry::{GcFilter, Mirror, Registry};
pub use system::NixSystem;
pub use text::{Remark, Word, is_format_control};
pub use version::BuildkitVersion;

pub use key::{looks_private, private_key_fault};

/// An operator's text as messages show it: on one line, without control characters, at most 60 of them.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == 60 {
            shown.push('…');
            break;
        }
        if c.is_control() || text::is_format_control(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
