//! Changing `SERVICES_OVERRIDES`: one entry of the file is written anew, the others keep every byte.

use serde_json::{Map, Value};
use spark_ipc::FieldError;
use spark_ipc::id::ServiceName;
use spark_ipc::model::service::ServiceChange;

use super::{parse, spec_of};
use crate::entries;

/// What a file begins with that is made by the first change.
const HEAD: &str = "\
# What this house changes of the bundled services (docs/services.md). A service needs its name and what
# differs; a new one needs its whole entry.
services:
";

/// The text of the overrides after `change`, or every field that is wrong.
pub fn apply(
    bundled: &str,
    overrides: &str,
    name: &ServiceName,
    change: &ServiceChange,
) -> Result<String, Vec<FieldError>> {
    let fields = |text: &str| {
        let found = parse::services(text).entries;
        let mut named = found.into_iter().map(|f| f.fields);
        named.find(|f| f.get("name").and_then(Value::as_str) == Some(name.as_str()))
    };
    let base = fields(bundled);
    let before = fields(overrides).filter(|_| !(change.reset && base.is_some()));
    let mut own = before.unwrap_or_default();
    own.insert("name".to_owned(), name.as_str().into());
    own.extend(changed(change));
    let mut whole = base.clone().unwrap_or_default();
    whole.extend(own.clone());
    check(&whole)?;
    if let Some(base) = &base {
        own.retain(|key, value| key == "name" || base.get(key) != Some(value));
    }
    let block = if own.len() > 1 {
        block(&own)
    } else {
        String::new()
    };
    put(overrides, name, &block)
}

fn check(whole: &Map<String, Value>) -> Result<(), Vec<FieldError>> {
    let told = |message: String| {
        let (path, message) = match message.split_once(": ") {
            Some((path, rest)) if !path.contains(' ') => (path.to_owned(), rest.to_owned()),
            _ => ("body".to_owned(), message),
        };
        FieldError { path, message }
    };
    spec_of(whole)
        .map(|_| ())
        .map_err(|problems| problems.into_iter().map(told).collect())
}

fn changed(change: &ServiceChange) -> Map<String, Value> {
    // Its `None` fields are left out, and `reset` is no field of an entry.
    let mut fields = match serde_json::to_value(change) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.remove("reset");
    fields
}

/// An entry with one field a line; JSON's scalars are YAML's.
fn block(fields: &Map<String, Value>) -> String {
    let name = fields.get("name").into_iter().map(|v| ("name", v));
    let rest = fields.iter().filter(|(k, _)| *k != "name");
    let mut text = String::new();
    for (key, value) in name.chain(rest.map(|(k, v)| (k.as_str(), v))) {
        let start = if text.is_empty() { "  - " } else { "    " };
        text += start;
        text += key;
        text += ": ";
        text += &value.to_string();
        text.push('\n');
    }
    text
}

/// The file with the entry of `name` replaced; refused when it is written in a style that cannot be changed
/// line by line.
fn put(text: &str, name: &ServiceName, block: &str) -> Result<String, Vec<FieldError>> {
    let Some(list) = entries::list(text, "services") else {
        let empty = parse::services(text);
        return if empty.entries.is_empty() && empty.faults.is_empty() {
            Ok(begun(text, block))
        } else {
            Err(vec![FieldError {
                path: "SERVICES_OVERRIDES".to_owned(),
                message: "the file is not a block list under services:, so it is not changed"
                    .to_owned(),
            }])
        };
    };
    let is_it = |(start, end): &&(usize, usize)| {
        let alone = entries::blanked(text, |l| l == list.key_line || (*start..*end).contains(&l));
        let found = parse::services(&alone).entries;
        found
            .iter()
            .any(|f| f.fields.get("name").and_then(Value::as_str) == Some(name.as_str()))
    };
    let place = list.entries.iter().find(is_it).copied();
    let (start, end) = place.unwrap_or_else(|| {
        let end = list.entries.last().map_or(list.key_line + 1, |e| e.1);
        (end, end)
    });
    // What is said about the next entry stays with it.
    let is_content = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
    let lines: Vec<&str> = text.lines().collect();
    let own = lines.get(start..end).unwrap_or_default();
    let length = own.iter().rposition(is_content).map_or(0, |i| i + 1);
    Ok(entries::spliced(text, (start, start + length), block))
}

/// A file without any entry, with its first.
fn begun(text: &str, block: &str) -> String {
    if block.is_empty() {
        return text.to_owned();
    }
    let line_end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let head = if text.lines().any(|l| l.trim_end() == "services:") {
        ""
    } else {
        HEAD
    };
    format!("{text}{line_end}{head}{block}")
}
