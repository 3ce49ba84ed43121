//! `docs/inventory.md`, made from [`keys::ROOT`] so that it cannot say anything else than the reader does.

use std::fmt::Write as _;

use super::keys;
use super::schema::tables;
use super::shape::{Key, Need, Shape, Table};
use crate::types::BuildkitVersion;

/// What comes before the tables.
const INTRODUCTION: &str = "\
# The inventory

One TOML file describes the fleet. buildfleet reads the file that it is given, or `buildfleet.toml` in the current
folder or the nearest one above; `buildfleet init` writes one to begin with, and `buildfleet check` names every problem
in it. `version = 1` says which form of the file this is.

**The host wins.** What `[worker]`, `[buildkitd]` and `[registries]` say holds for all hosts. A host may say otherwise in
its own `worker`, `buildkitd` and `registries`, key by key: a key that the host does not set stays as the fleet has it,
and a list that it sets replaces the fleet's list.

**The order of `nodes` decides.** Per platform, the first node of a builder that is up builds. Nodes whose worker has
`fallback = true` come after all others. The order of tables in the file decides nothing.

**BuildKit's own names.** A key that goes into `buildkitd.toml` is called what BuildKit calls it, with BuildKit's units:
sizes are binary whatever they are called (`\"10GB\"` is 10 GiB), durations know hours, minutes and seconds.

**Editors.** With this as the first line of the inventory, editors that know TOML schemas complete keys and show what they
mean:

    #:schema ./inventory.schema.json

`buildfleet schema > inventory.schema.json` writes that file.
";

/// The whole page: Markdown, the same at every call.
pub fn markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    let tables = tables(&keys::ROOT);
    out.push_str("\n## Tables\n\n");
    for table in &tables {
        let _ = writeln!(out, "- [{}](#{})", shown(table), anchor(table));
    }
    let mut shared: Vec<(&'static Table, Vec<&'static str>)> = Vec::new();
    for table in tables {
        let _ = write!(out, "\n## {}\n\n{}\n", shown(table), table.doc);
        let mut own = Vec::new();
        for group in table.groups {
            let names: Vec<_> = group.iter().map(|key| key.name).collect();
            match shared.iter().find(|(_, known)| *known == names) {
                Some((first, _)) => {
                    let (from, to) = (names.first().unwrap_or(&""), names.last().unwrap_or(&""));
                    let _ = write!(
                        out,
                        "\nIts keys are those from `{from}` to `{to}` of [{}](#{}).\n",
                        shown(first),
                        anchor(first)
                    );
                }
                None => own.extend(*group),
            }
            // A lone key of that name elsewhere is another key.
            if names.len() > 8 {
                shared.push((table, names));
            }
        }
        if !own.is_empty() {
            out.push_str("\n| key | type | default | meaning | example |\n|---|---|---|---|---|\n");
            own.into_iter().for_each(|key| row(&mut out, key));
        }
    }
    out
}

fn row(out: &mut String, key: &Key) {
    let default = match key.need {
        Need::Required => "**required**",
        Need::Default(default) => default,
    };
    let example = if key.example.is_empty() { String::new() } else { format!("`{}`", key.example) };
    let cells = [format!("`{}`", key.name), kind(&key.shape), default.to_owned(), meaning(key), example];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// The type with its unit.
fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Bool => "boolean".to_owned(),
        Shape::Integer(min, max) if min == max => format!("integer: {min}"),
        Shape::Integer(min, i64::MAX) => format!("integer, from {min}"),
        Shape::Integer(min, max) => format!("integer, {min} to {max}"),
        Shape::Text(what, _) => format!("string: {what}"),
        Shape::OneOf(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ")
        }
        Shape::Size => "size: bytes, or a string such as `\"10GB\"` or `\"60%\"`".to_owned(),
        Shape::Duration => "duration: seconds, or a string such as `\"48h\"`".to_owned(),
        Shape::List(item) => format!("array of {}", kind(item)),
        Shape::Map(what, item) => format!("table by {what}: {}", kind(item)),
        Shape::Table(table) => format!("table [{}](#{})", shown(table), anchor(table)),
        Shape::Any => "table".to_owned(),
        Shape::Either(a, b) => format!("{}, or {}", kind(a), kind(b)),
    }
}

/// The heading; that of the root is no table's.
fn shown(table: &Table) -> String {
    if table.heading.starts_with('[') { format!("`{}`", table.heading) } else { "The top level".to_owned() }
}

/// The anchor that forges give the heading.
fn anchor(table: &Table) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_ascii_alphanumeric() || "-_".contains(c) => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    shown(table).chars().filter_map(kept).collect()
}

/// What the key does, and since when BuildKit knows it.
fn meaning(key: &Key) -> String {
    if key.since > BuildkitVersion::OLDEST {
        format!("{} BuildKit {} or later.", key.doc, key.since)
    } else {
        key.doc.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_table_has_one_section_and_every_link_leads_to_one() {
        let page = markdown();
        let mut anchors = BTreeSet::new();
        for table in tables(&keys::ROOT) {
            assert_eq!(page.matches(&format!("\n## {}\n", shown(table))).count(), 1, "{}", table.heading);
            assert!(anchors.insert(anchor(table)), "{}", table.heading);
        }
        for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(anchors.contains(link), "{link}");
        }
    }

    #[test]
    fn every_key_has_a_row_of_five_cells() {
        let page = markdown();
        for key in tables(&keys::ROOT).into_iter().flat_map(Table::keys) {
            assert!(page.contains(&format!("\n| `{}` | ", key.name)), "{}", key.name);
        }
        for line in page.lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
        }
    }

    #[test]
    fn shared_keys_are_listed_once() {
        assert_eq!(markdown().matches("\n| `snapshotter` |").count(), 1);
    }
}
