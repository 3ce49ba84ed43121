//! `conformance/keys.tsv`: which BuildKit first knew a key of buildkitd.toml.

use std::collections::BTreeMap;

use super::common::root;

/// A version of BuildKit: its minor and its patch number, as the major one is 0.
pub type Version = (u32, u32);

/// The first version that knew each key.
pub struct Keys(BTreeMap<String, Version>);

impl Keys {
    pub fn read() -> Self {
        let path = root().join("conformance/keys.tsv");
        let text = std::fs::read_to_string(&path).expect("conformance/keys.tsv is committed");
        let mut keys = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let [key, _, first, last] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not four columns: {line}");
            };
            // One that changed its type has several lines.
            let first = version(first);
            assert!(last == "-" || keys.contains_key(key), "{key} is not known any more");
            keys.entry(key.to_owned())
                .and_modify(|known: &mut Version| *known = first.min(*known))
                .or_insert(first);
        }
        Self(keys)
    }

    /// The first version that knew the key at this path. What lies below a table of free names counts as the table.
    pub fn first(&self, path: &[Step]) -> Option<Version> {
        let mut name = String::new();
        for step in path {
            match step {
                Step::Key(key) => {
                    if !name.is_empty() {
                        name.push('.');
                    }
                    let free = name == "registry.";
                    let quoted = if key.contains('.') { format!("\"{key}\"") } else { key.clone() };
                    name.push_str(if free { "*" } else { &quoted });
                }
                Step::Entry(_) => name.push_str("[]"),
            }
            if let Some(first) = self.0.get(&name) {
                return Some(*first);
            }
        }
        None
    }
}

/// `v0.17.0`
pub fn version(text: &str) -> Version {
    let numbers: Vec<u32> =
        text.trim_start_matches("v0.").split('.').map(|number| number.parse().expect("a version")).collect();
    (numbers[0], numbers[1])
}

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Entry(usize),
}

/// The paths of all values of a file; an array of anything but tables is one value.
pub fn paths(table: &toml::Table) -> Vec<Vec<Step>> {
    let mut paths = Vec::new();
    for (key, value) in table {
        below(vec![Step::Key(key.clone())], value, &mut paths);
    }
    paths
}

fn below(path: Vec<Step>, value: &toml::Value, paths: &mut Vec<Vec<Step>>) {
    let step = |step| path.iter().cloned().chain([step]).collect::<Vec<_>>();
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                below(step(Step::Key(key.clone())), value, paths);
            }
        }
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            for (at, value) in list.iter().enumerate() {
                below(step(Step::Entry(at)), value, paths);
            }
        }
        _ => paths.push(path),
    }
}

/// A path as the parser of the oldest BuildKit names it.
pub fn dotted(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Entry(at) => at.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}
