//! What a buildkitd should have loaded: from the inventory alone, without the stages that render.
//!
//! Sizes are bytes or a percentage, durations seconds, as the program `strict` prints them.

use serde_json::{Map, Value, json};

/// The settings of hosts that are none of buildkitd's.
const NOT_BUILDKITD: &[&str] = &["executor", "fallback", "endpoint", "servername", "allow-plain-tcp", "nix"];
/// What the container of a `docker-container` node has its own of.
const NOT_IN_CONTAINERS: &[&str] = &["root", "provenanceEnvDir", "grpc", "otel"];
const SIZES: &[&str] = &["reservedSpace", "maxUsedSpace", "minFreeSpace"];
const DURATIONS: &[&str] = &["keepDuration", "maxAge", "platformsCacheMaxAge"];
/// What is promised where the inventory sets no limit.
const LIMITS: &[(&str, &str)] =
    &[("reservedSpace", "10GB"), ("maxUsedSpace", "100GB"), ("minFreeSpace", "20%")];

/// The configuration of a host's own daemon, or of the one in a container.
pub fn config(inventory: &Value, host: &str, container: bool) -> Value {
    let host = &inventory["hosts"][host];
    let mut worker = overlaid(&inventory["worker"], &host["worker"]);
    let executor = worker.get("executor").and_then(Value::as_str).unwrap_or("oci").to_owned();
    worker.retain(|key, _| !NOT_BUILDKITD.contains(&key.as_str()));
    worker.insert("enabled".into(), true.into());
    let limited = LIMITS.iter().any(|(key, _)| worker.contains_key(*key)) || worker.contains_key("gcpolicy");
    if worker.get("gc") != Some(&Value::Bool(false)) && !limited {
        worker.extend(LIMITS.iter().map(|(key, text)| ((*key).to_owned(), (*text).into())));
    }

    let mut config = overlaid(&switched(&inventory["buildkitd"]), &switched(&host["buildkitd"]));
    config.retain(|key, _| !(container && NOT_IN_CONTAINERS.contains(&key.as_str())));
    let mut workers = Map::new();
    if !container {
        let other = if executor == "oci" { "containerd" } else { "oci" };
        workers.insert(other.into(), json!({"enabled": false}));
        let grpc = config.entry("grpc").or_insert_with(|| json!({}));
        if grpc.get("address").is_none() {
            let mut addresses = vec!["unix:///run/buildkit/buildkitd.sock".to_owned()];
            if let Some(tcp) =
                host["worker"]["endpoint"].as_str().and_then(|said| said.strip_prefix("tcp://"))
            {
                let (_, port) = tcp.rsplit_once(':').expect("a port");
                addresses.push(format!("tcp://0.0.0.0:{port}"));
            }
            grpc["address"] = addresses.into();
        }
    }
    workers.insert(executor, Value::Object(worker));
    config.insert("worker".into(), Value::Object(workers));

    let registries = overlaid(&inventory["registries"], &host["registries"]);
    if !registries.is_empty() {
        config.insert("registry".into(), Value::Object(registries));
    }
    let mut config = Value::Object(config);
    measured(&mut config);
    config
}

/// `cdi = false`, which says `cdi.disabled = true`.
fn switched(daemon: &Value) -> Value {
    let mut daemon = daemon.clone();
    if let Some(on) = daemon.get("cdi").and_then(Value::as_bool) {
        daemon["cdi"] = json!({"disabled": !on});
    }
    daemon
}

/// Tables key by key, and anything else as a whole: labels and the like are one value.
fn overlaid(under: &Value, over: &Value) -> Map<String, Value> {
    const WHOLE: &[&str] = &["labels", "stargzSnapshotter", "options"];
    let mut merged = under.as_object().cloned().unwrap_or_default();
    for (key, value) in over.as_object().into_iter().flatten() {
        let value = match (merged.get(key), value) {
            (Some(below @ Value::Object(_)), Value::Object(_)) if !WHOLE.contains(&key.as_str()) => {
                Value::Object(overlaid(below, value))
            }
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    merged
}

/// Texts of sizes and durations turned into what they measure.
fn measured(value: &mut Value) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                match value.as_str() {
                    Some(text) if SIZES.contains(&key.as_str()) => *value = size(text),
                    Some(text) if DURATIONS.contains(&key.as_str()) => *value = seconds(text).into(),
                    _ => measured(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(measured),
        _ => {}
    }
}

fn size(text: &str) -> Value {
    if text.ends_with('%') {
        return text.into();
    }
    let (number, power) = ["KB", "MB", "GB", "TB"]
        .iter()
        .zip(1..)
        .find_map(|(unit, power)| Some((text.strip_suffix(unit)?, power)))
        .unwrap_or_else(|| panic!("the fixtures have a unit that this test does not know: {text}"));
    (number.parse::<i64>().expect("a number") * 1024_i64.pow(power)).into()
}

fn seconds(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => panic!("the fixtures have a unit that this test does not know: {text}"),
    };
    number.parse::<i64>().expect("a number") * unit
}

/// The rules of collection on a disk of this many bytes. Source: BuildKit, `cmd/buildkitd/config/gcpolicy.go`.
pub fn policies(worker: &Value, disk: i64) -> Vec<Value> {
    let bytes = |table: &Value, key: &str| match &table[key] {
        Value::String(percent) => {
            let percent: i64 = percent.trim_end_matches('%').parse().expect("a percentage");
            // Rounded up, from a count in binary units to one in decimal units.
            (disk * percent / 100 / (1 << 30) + 1) * 1_000_000_000
        }
        number => number.as_i64().unwrap_or(0),
    };
    let rule = |table: &Value| {
        json!({
            "all": table["all"].as_bool().unwrap_or(false),
            "filters": table["filters"],
            "keepDuration": table["keepDuration"].as_i64().unwrap_or(0),
            "reservedSpace": bytes(table, "reservedSpace"),
            "maxUsedSpace": bytes(table, "maxUsedSpace"),
            "minFreeSpace": bytes(table, "minFreeSpace"),
        })
    };
    if worker["gc"] == false {
        return Vec::new();
    }
    if let Some(rules) = worker["gcpolicy"].as_array() {
        return rules.iter().map(rule).collect();
    }
    let with = |key: &str, value: Value| {
        let mut table = json!({});
        for (limit, _) in LIMITS {
            table[*limit] = worker[*limit].clone();
        }
        table[key] = value;
        rule(&table)
    };
    // BuildKit's own first rule is about what is easily made again; it has no limit of ours, and is not judged here.
    vec![with("keepDuration", (60 * 24 * 3600).into()), with("all", false.into()), with("all", true.into())]
}

/// How what was loaded differs from what should have been, by the path of the key.
pub fn differences(expected: &Value, loaded: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", expected, loaded, &mut found);
    found
}

fn compare(path: &str, expected: &Value, loaded: &Value, found: &mut Vec<String>) {
    match (expected, loaded) {
        (Value::Object(expected), Value::Object(loaded)) => {
            for key in expected.keys().chain(loaded.keys().filter(|key| !expected.contains_key(*key))) {
                let at = |table: &Map<String, Value>| table.get(key).cloned().unwrap_or_default();
                compare(&format!("{path}/{key}"), &at(expected), &at(loaded), found);
            }
        }
        (Value::Array(expected), Value::Array(loaded)) if expected.len() == loaded.len() => {
            for (at, (expected, loaded)) in expected.iter().zip(loaded).enumerate() {
                compare(&format!("{path}/{at}"), expected, loaded, found);
            }
        }
        // A key that is off or empty is as good as none.
        (Value::Bool(false), Value::Null) => {}
        (Value::Array(list), Value::Null) if list.is_empty() => {}
        (Value::Object(table), Value::Null) => {
            for (key, value) in table {
                compare(&format!("{path}/{key}"), value, &Value::Null, found);
            }
        }
        (expected, loaded) if expected.as_f64().is_some() && expected.as_f64() == loaded.as_f64() => {}
        (expected, loaded) if expected == loaded => {}
        _ => found.push(format!("{path}: expected {expected}, loaded {loaded}")),
    }
}
