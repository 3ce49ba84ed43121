//! The JSON Schema of the inventory, made from [`keys::ROOT`], for completion and checks in editors.
//!
//! It is never stricter than the reader; what it cannot say, such as which names lead somewhere, is left to
//! `buildfleet check`.

use serde_json::{Map, Value, json};
use toml_edit::Value as Toml;

use super::keys;
use super::shape::{Key, Need, Shape, Table};

/// What a string may be that gives a size; the reader looks closer.
const SIZE: &str = "^[0-9.]+ ?([kKmMgGtTpP]i?)?[bB]?$|^[0-9.]+ ?%$";

/// What a string may be that gives a duration.
const DURATION: &str = "^([0-9.]+[a-zµ]+)+$";

/// The schema: draft 2020-12, each table once under `$defs`; the same at every call.
pub fn json_schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.extend(table(&keys::ROOT, "buildfleet inventory"));
    let defs = tables(&keys::ROOT).into_iter().skip(1);
    let defs: Map<String, Value> =
        defs.map(|def| (name(def), Value::Object(table(def, def.heading).into_iter().collect()))).collect();
    schema.insert("$defs".to_owned(), Value::Object(defs));
    Value::Object(schema)
}

/// The tables below and including `root`, each once: a table before those in it, and the top-level tables in
/// the order of the root's keys, each followed by what belongs to it.
pub(super) fn tables(root: &'static Table) -> Vec<&'static Table> {
    fn visit(table: &'static Table, seen: &mut Vec<&'static Table>) {
        if seen.iter().any(|known| std::ptr::eq(*known, table)) {
            return;
        }
        seen.push(table);
        for key in table.keys() {
            visit_shape(&key.shape, seen);
        }
    }
    fn visit_shape(shape: &Shape, seen: &mut Vec<&'static Table>) {
        match shape {
            Shape::Table(table) => visit(table, seen),
            Shape::List(item) | Shape::Map(_, item) => visit_shape(item, seen),
            Shape::Either(a, b) => {
                visit_shape(a, seen);
                visit_shape(b, seen);
            }
            Shape::Bool
            | Shape::Integer(..)
            | Shape::Text(..)
            | Shape::OneOf(_)
            | Shape::Size
            | Shape::Duration
            | Shape::Any => {}
        }
    }
    let mut seen = Vec::new();
    visit(root, &mut seen);
    // A table that two top-level tables share belongs to the one that its heading begins with.
    let place = |table: &&Table| {
        let first = table.heading.trim_start_matches('[').split(['.', ']']).next().unwrap_or_default();
        root.keys().position(|key| key.name == first).map_or(0, |at| at + 1)
    };
    seen.sort_by_key(place);
    seen
}

/// The name of a table under `$defs`: its heading without what a URI would have to escape.
fn name(table: &Table) -> String {
    table.heading.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect()
}

fn table(table: &'static Table, title: &str) -> Vec<(String, Value)> {
    let properties: Map<String, Value> =
        table.keys().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        table.keys().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let mut schema = vec![
        ("title".to_owned(), json!(title)),
        ("description".to_owned(), json!(table.doc)),
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties)),
    ];
    if !required.is_empty() {
        schema.push(("required".to_owned(), json!(required)));
    }
    schema.push(("additionalProperties".to_owned(), json!(false)));
    schema
}

fn property(key: &Key) -> Value {
    let description = match key.need {
        Need::Required => key.doc.to_owned(),
        Need::Default(default) => format!("{}\n\nDefault: {default}.", key.doc),
    };
    let mut schema = shape(&key.shape);
    schema.insert("description".to_owned(), json!(description));
    if let Need::Default(default) = key.need
        && let Some(value) = default.strip_prefix('`').and_then(|d| d.strip_suffix('`')).and_then(value)
    {
        schema.insert("default".to_owned(), value);
    }
    // An abridged key is an example for people, not a value.
    if let Some(example) = value(key.example).filter(|_| !key.example.contains("...")) {
        schema.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(schema)
}

fn shape(of: &Shape) -> Map<String, Value> {
    let schema = match of {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer(min, i64::MAX) => json!({ "type": "integer", "minimum": min }),
        Shape::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Text(what, "") => json!({ "title": what, "type": "string" }),
        Shape::Text(what, pattern) => json!({ "title": what, "type": "string", "pattern": pattern }),
        Shape::OneOf(words) => json!({ "type": "string", "enum": words }),
        Shape::Size => {
            json!({ "title": "size", "type": ["integer", "string"], "minimum": 0, "pattern": SIZE })
        }
        Shape::Duration => {
            json!({ "title": "duration", "type": ["integer", "string"], "minimum": 1, "pattern": DURATION })
        }
        Shape::List(item) => json!({ "type": "array", "items": shape(item) }),
        Shape::Map(_, item) => json!({ "type": "object", "additionalProperties": shape(item) }),
        Shape::Table(table) => json!({ "$ref": format!("#/$defs/{}", name(table)) }),
        Shape::Any => json!({ "type": "object" }),
        Shape::Either(a, b) => json!({ "anyOf": [shape(a), shape(b)] }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => panic!("every schema is an object"),
    }
}

/// A TOML value as JSON; `None` for what is no TOML value, such as a default in words.
fn value(toml: &str) -> Option<Value> {
    fn convert(toml: &Toml) -> Option<Value> {
        Some(match toml {
            Toml::String(text) => json!(text.value()),
            Toml::Integer(number) => json!(number.value()),
            Toml::Float(number) => json!(number.value()),
            Toml::Boolean(word) => json!(word.value()),
            Toml::Datetime(_) => return None,
            Toml::Array(items) => Value::Array(items.iter().map(convert).collect::<Option<_>>()?),
            Toml::InlineTable(table) => {
                let pair = |(key, value): (&str, &Toml)| Some((key.to_owned(), convert(value)?));
                Value::Object(table.iter().map(pair).collect::<Option<_>>()?)
            }
        })
    }
    convert(&toml.parse::<Toml>().ok()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::inventory::STARTER;

    fn complaints(toml: &str) -> Vec<String> {
        let instance: Value = toml::from_str(toml).expect("TOML");
        let validator = jsonschema::draft202012::new(&json_schema()).expect("a schema");
        validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    const SMALL: &str = r#"
        version = 1
        [builders.b]
        driver = "remote"
        nodes = ["ser5"]
        clients = ["eagle"]
        probe-interval = "1m"
        [hosts.ser5]
        address = "ser5.internal"
        worker = { platforms = ["linux/amd64"], max-parallelism = 8, maxUsedSpace = "60%", labels = { a = "b" } }
        buildkitd = { cdi = false, history = { maxAge = 3600 } }
        [hosts.eagle.client]
        user = "gitea-runner"
        identity.path = "/home/gitea-runner/.ssh/id"
        [registries."forge.internal"]
        http = true
    "#;

    #[test]
    fn it_is_a_schema() {
        jsonschema::draft202012::meta::validate(&json_schema()).expect("draft 2020-12");
    }

    #[test]
    fn a_good_inventory_fits() {
        assert_eq!(complaints(SMALL), [""; 0]);
        assert_eq!(complaints(STARTER), [""; 0]);
    }

    #[test]
    fn a_bad_one_does_not() {
        let bad = |from: &str, to: &str| {
            assert!(SMALL.contains(from));
            assert_eq!(complaints(&SMALL.replacen(from, to, 1)).len(), 1, "{to}");
        };
        bad("version = 1", "version = 2");
        bad("version = 1", "");
        bad("\"remote\"", "\"kubernetes\"");
        bad("linux/amd64", "amd64");
        bad("max-parallelism = 8", "max-parallelism = 0");
        bad("max-parallelism", "max-paralelism");
        bad("\"60%\"", "\"much\"");
        bad("\"1m\"", "0");
        bad("cdi = false", "cdi = \"no\"");
        bad("http = true", "http = 1");
        bad("user =", "colour = \"red\"\nuser =");
        bad("address = \"ser5.internal\"", "address = 5");
    }

    #[test]
    fn every_example_and_default_fits_its_own_key() {
        let defs = json_schema().get("$defs").cloned().expect("definitions");
        for table in tables(&keys::ROOT) {
            for key in table.keys() {
                assert!(key.example.is_empty() || value(key.example).is_some(), "`{}` is TOML", key.example);
                let Value::Object(property) = property(key) else { panic!("an object") };
                let mut ours = shape(&key.shape);
                ours.insert("$defs".to_owned(), defs.clone());
                let ours = jsonschema::draft202012::new(&Value::Object(ours)).expect("a schema");
                let examples = property.get("examples").and_then(Value::as_array).into_iter().flatten();
                for said in examples.chain(property.get("default")) {
                    assert!(ours.is_valid(said), "{said} fits `{}` of {}", key.name, table.heading);
                }
            }
        }
    }

    #[test]
    fn tables_have_names_of_their_own() {
        let tables = tables(&keys::ROOT);
        let names: BTreeSet<_> = tables.iter().map(|table| name(table)).collect();
        assert_eq!(names.len(), tables.len());
    }
}
