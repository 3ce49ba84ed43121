//! How a single TOML value becomes a type: strings through `FromStr`, numbers within their range.

use toml_edit::{InlineTable, Item};

use super::item::described;
use super::shape::Shape;
use crate::diag::{Code, Fault, Span};
use crate::types::{
    AbsPath, Address, BuilderName, BuildkitVersion, CgroupParent, DiskSpace, Duration, Endpoint, FileMode,
    FleetName, FolderName, GcFilter, HostName, HostPort, IpAddress, Mirror, NixSystem, Platform, Port,
    PublicKey, Remark, SecretName, ServiceName, Subnet, TreePath, UnitName, UserName, Word,
};

/// Why an item is not a value of a type.
#[derive(Debug)]
pub enum Problem {
    /// It has another TOML type than the key takes.
    Type,
    /// It has the right type, but not a value.
    Fault(Fault),
    /// Elements of it are wrong, each at its place.
    Within(Vec<(Fault, Span)>),
}

/// What is wrong with the elements of an array or table, if anything is.
#[derive(Default)]
struct Elements(Vec<(Fault, Span)>);

impl Elements {
    /// Keeps a good element and notes what is wrong with a bad one.
    fn take<T: Value>(&mut self, item: &Item) -> Option<T> {
        let span = item.span().unwrap_or_default();
        match T::read(item) {
            Ok(value) => return Some(value),
            Err(Problem::Type) => {
                let wanted = T::SHAPE.described();
                let what = format!("each element takes {wanted}, and this is {}", described(item));
                self.0.push((Fault::new(Code::WrongType, what, format!("write {wanted}")), span));
            }
            Err(Problem::Fault(fault)) => self.0.push((fault, span)),
            Err(Problem::Within(problems)) => self.0.extend(problems),
        }
        None
    }

    fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.0.is_empty() { Ok(value) } else { Err(Problem::Within(self.0)) }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A type that one TOML value spells.
pub trait Value: Sized {
    /// The form, for the reference, the schema and the message about a wrong type.
    const SHAPE: Shape;

    /// Reads the value; the caller knows the place and makes the diagnostic.
    fn read(item: &Item) -> Result<Self, Problem>;
}

/// A [`Value`] of which there are arrays.
pub trait ListItem: Value {
    /// The form of such an array.
    const LIST: Shape;
}

impl<T: Value + 'static> ListItem for T {
    const LIST: Shape = Shape::List(&T::SHAPE);
}

/// Declares types that a string spells: what it is, and a regular expression for editors.
macro_rules! spelled {
    ($($type:ty: $what:literal, $pattern:literal;)*) => {$(
        impl Value for $type {
            const SHAPE: Shape = Shape::Text($what, $pattern);

            fn read(item: &Item) -> Result<Self, Problem> {
                Ok(item.as_str().ok_or(Problem::Type)?.parse::<Self>()?)
            }
        }
    )*};
}

spelled! {
    AbsPath: "absolute path", "^/";
    Address: "DNS name or IP address", "^[^\\s/@]+$";
    BuilderName: "name of a builder", "^[a-z][a-z0-9.-]*$";
    Endpoint: "endpoint", "^(ssh|tcp|unix)://";
    FleetName: "name", "^[A-Za-z0-9][A-Za-z0-9 ._-]*$";
    BuildkitVersion: "version of BuildKit", "^v?0[.][0-9]+([.][0-9]+)?$";
    CgroupParent: "cgroup", "^[A-Za-z0-9/][A-Za-z0-9._/:-]*$";
    FileMode: "mode", "^0?[46]00$";
    FolderName: "folder", "^[A-Za-z0-9_.][A-Za-z0-9_./-]*$";
    GcFilter: "filter", "";
    HostPort: "`host:port`", "^[^\\s/]+:[0-9]+$";
    IpAddress: "IP address", "^[0-9a-fA-F.:]+$";
    Subnet: "subnet", "^[0-9a-fA-F.:]+/[0-9]+$";
    HostName: "name of a host", "^[A-Za-z][A-Za-z0-9-]*$";
    Mirror: "`host[:port][/path]`", "^[^\\s:/]+(:[0-9]+)?(/.*)?$";
    NixSystem: "Nix system", "^[a-z0-9_]+-linux$";
    Platform: "platform", "^linux/[a-z0-9]+(/v[0-9]+)?$";
    PublicKey: "OpenSSH public key", "^(sk-)?(ssh|ecdsa)-[^ ]+ [A-Za-z0-9+/=]+( .*)?$";
    Remark: "text", "";
    ServiceName: "systemd service", "^[A-Za-z0-9@:_.\\\\-]+[.]service$";
    SecretName: "name of a secret", "^[A-Za-z0-9_][A-Za-z0-9_./-]*$";
    TreePath: "path relative to the rendered tree", "^[^/~]";
    UnitName: "systemd unit", "^[A-Za-z0-9@:_.\\\\-]+[.][a-z]+$";
    UserName: "user or group", "^[A-Za-z0-9_.][A-Za-z0-9_.-]*$";
    Word: "text of one line", "";
}

impl Value for bool {
    const SHAPE: Shape = Shape::Bool;

    fn read(item: &Item) -> Result<Self, Problem> {
        item.as_bool().ok_or(Problem::Type)
    }
}

/// A whole number between the two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Bounded<MIN, MAX> {
    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> Value for Bounded<MIN, MAX> {
    const SHAPE: Shape = Shape::Integer(MIN, MAX);

    fn read(item: &Item) -> Result<Self, Problem> {
        let number = item.as_integer().ok_or(Problem::Type)?;
        if (MIN..=MAX).contains(&number) {
            return Ok(Self(number));
        }
        let help = if MAX == i64::MAX {
            format!("it takes a whole number of at least {MIN}")
        } else {
            format!("it takes a whole number from {MIN} to {MAX}")
        };
        Err(Fault::new(Code::OutOfRange, format!("`{number}` is out of range"), help).into())
    }
}

/// How many steps, connections or jobs at once; BuildKit takes 0 for no limit, which leaving the key out says.
pub type Parallelism = Bounded<1, 65_535>;
/// A user or group id.
pub type Id = Bounded<0, 4_294_967_294>;
/// A number of things to keep.
pub type Count = Bounded<0, { i64::MAX }>;

impl Value for Port {
    const SHAPE: Shape = Shape::Integer(1, 65_535);

    fn read(item: &Item) -> Result<Self, Problem> {
        Ok(Self::try_from(item.as_integer().ok_or(Problem::Type)?)?)
    }
}

impl Value for DiskSpace {
    const SHAPE: Shape = Shape::Size;

    fn read(item: &Item) -> Result<Self, Problem> {
        if let Some(bytes) = item.as_integer() {
            return Ok(Self::try_from(bytes)?);
        }
        Ok(item.as_str().ok_or(Problem::Type)?.parse::<Self>()?)
    }
}

impl Value for Duration {
    const SHAPE: Shape = Shape::Duration;

    fn read(item: &Item) -> Result<Self, Problem> {
        if let Some(seconds) = item.as_integer() {
            return Ok(Self::try_from(seconds)?);
        }
        Ok(item.as_str().ok_or(Problem::Type)?.parse::<Self>()?)
    }
}

/// An array that goes into buildkitd.toml as it is.
#[derive(Debug, Clone)]
pub struct Array<T>(Vec<T>);

impl<T: Value + 'static> Value for Array<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);

    fn read(item: &Item) -> Result<Self, Problem> {
        let array = item.as_array().ok_or(Problem::Type)?;
        let mut elements = Elements::default();
        let values = array.iter().filter_map(|value| elements.take(&Item::Value(value.clone()))).collect();
        elements.finish(Self(values))
    }
}

impl<T: Into<toml_edit::Value>> From<Array<T>> for toml_edit::Value {
    fn from(array: Array<T>) -> Self {
        Self::Array(array.0.into_iter().map(Into::into).collect())
    }
}

/// A table of strings with keys of the operator's own, such as `labels`.
#[derive(Debug, Clone, Default)]
pub struct Labels(Vec<(Word, Word)>);

impl Value for Labels {
    const SHAPE: Shape = Shape::Map("label", &Word::SHAPE);

    fn read(item: &Item) -> Result<Self, Problem> {
        let table = item.as_table_like().ok_or(Problem::Type)?;
        let mut elements = Elements::default();
        let mut labels = Vec::new();
        for (name, value) in table.iter() {
            let key = name.parse::<Word>();
            let value = elements.take::<Word>(value);
            match key {
                Ok(key) => labels.extend(value.map(|value| (key, value))),
                Err(fault) => elements
                    .0
                    .push((fault, table.key(name).and_then(toml_edit::Key::span).unwrap_or_default())),
            }
        }
        labels.sort();
        elements.finish(Self(labels))
    }
}

impl Labels {
    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Word, &Word)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl From<Labels> for toml_edit::Value {
    fn from(labels: Labels) -> Self {
        let mut table = InlineTable::new();
        for (key, value) in labels.iter() {
            table.insert(key.as_str(), value.as_str().into());
        }
        Self::InlineTable(table)
    }
}

/// A table that buildkitd hands on to a plugin as it is.
#[derive(Debug, Clone)]
pub struct Passed(InlineTable);

impl Value for Passed {
    const SHAPE: Shape = Shape::Any;

    fn read(item: &Item) -> Result<Self, Problem> {
        let mut plain = item.clone();
        plain.make_value();
        let mut table = plain.as_inline_table().ok_or(Problem::Type)?.clone();
        table.fmt();
        Ok(Self(table))
    }
}

impl From<Passed> for toml_edit::Value {
    fn from(passed: Passed) -> Self {
        Self::InlineTable(passed.0)
    }
}

/// Types that stand in buildkitd.toml as the string that `Display` gives.
macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl From<$type> for toml_edit::Value {
            fn from(value: $type) -> Self {
                value.to_string().into()
            }
        }
    )*};
}
as_text!(
    AbsPath,
    Address,
    CgroupParent,
    GcFilter,
    HostPort,
    IpAddress,
    Mirror,
    Platform,
    Subnet,
    UserName,
    Word
);

impl<const MIN: i64, const MAX: i64> From<Bounded<MIN, MAX>> for toml_edit::Value {
    fn from(number: Bounded<MIN, MAX>) -> Self {
        number.get().into()
    }
}

impl From<DiskSpace> for toml_edit::Value {
    fn from(space: DiskSpace) -> Self {
        match space.as_integer() {
            Some(bytes) => bytes.into(),
            None => space.to_string().into(),
        }
    }
}

impl From<Duration> for toml_edit::Value {
    fn from(duration: Duration) -> Self {
        match duration.as_integer() {
            Some(seconds) => seconds.into(),
            None => duration.to_string().into(),
        }
    }
}
