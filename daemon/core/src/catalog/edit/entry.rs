//! One recipe as lines of YAML.

use serde_json::{Map, Value};
use spark_ipc::model::recipe::Recipe;

use super::{indent_of, is_content, scalar};

/// The fields in the order in which they are written.
const ORDER: [&str; 15] = [
    "id",
    "repo",
    "title",
    "kind",
    "image",
    "nodes",
    "executor",
    "served_name",
    "port",
    "flags",
    "env",
    "allow",
    "need_gib",
    "source",
    "notes",
];

/// The whole entry, its dash `indent` columns in.
pub(super) fn rendered(recipe: &Recipe, indent: usize) -> String {
    let (fields, defaults) = (fields(recipe), defaults(recipe));
    let shown = ORDER.iter().filter_map(|name| {
        let value = fields.get(*name)?;
        (defaults.get(*name) != Some(value)).then(|| field(name, value, indent + 2))
    });
    with_dash(shown.flatten().collect(), indent)
}

/// The entry with the lines of what did not change; `None` when it is not written field by field.
pub(super) fn changed(lines: &[&str], old: &Recipe, new: &Recipe) -> Option<String> {
    let indent = indent_of(lines.first()?);
    let chunks = chunks(lines, indent)?;
    let columns = indent_of(chunks.first()?.lines.first()?);
    let (before, after, defaults) = (fields(old), fields(new), defaults(new));
    let mut made: Vec<String> = Vec::new();
    for chunk in &chunks {
        let value = after.get(&chunk.key)?;
        if before.get(&chunk.key) == Some(value) {
            made.extend(chunk.lead.iter().chain(&chunk.lines).cloned());
        } else if defaults.get(&chunk.key) != Some(value) {
            made.extend(chunk.lead.iter().cloned());
            let items = chunk.with_items(value);
            made.extend(items.unwrap_or_else(|| field(&chunk.key, value, columns)));
        }
    }
    for name in ORDER {
        let value = after.get(name)?;
        let there = chunks.iter().any(|c| c.key == name);
        if !there && defaults.get(name) != Some(value) {
            made.extend(field(name, value, columns));
        }
    }
    Some(with_dash(made, indent))
}

/// A field with its lines, and the comments before it.
struct Chunk {
    lead: Vec<String>,
    key: String,
    lines: Vec<String>,
}

/// The lines of an entry by field, the dash replaced by a space. Text after the dash must be a field.
fn chunks(lines: &[&str], indent: usize) -> Option<Vec<Chunk>> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    let first = lines.first()?.replacen('-', " ", 1);
    let rest = lines.iter().skip(1).map(|l| (*l).to_owned());
    let mut columns = None;
    for line in std::iter::once(first).chain(rest) {
        if !is_content(&line) {
            waiting.push(line);
            continue;
        }
        let columns = *columns.get_or_insert_with(|| indent_of(&line));
        let is_item = line.trim_start().starts_with("- ");
        if indent_of(&line) == columns && !is_item {
            let key = line.trim_start().split(':').next()?.to_owned();
            let (lead, lines) = (std::mem::take(&mut waiting), vec![line]);
            chunks.push(Chunk { lead, key, lines });
        } else {
            let chunk = chunks.last_mut()?;
            chunk.lines.append(&mut waiting);
            chunk.lines.push(line);
        }
    }
    let known = |c: &Chunk| ORDER.contains(&c.key.as_str());
    (columns? > indent && chunks.iter().all(known)).then_some(chunks)
}

impl Chunk {
    /// The lines of a list or of a map, each item that stays with its own; `None` when it is neither, or not
    /// written with one line an item.
    fn with_items(&self, value: &Value) -> Option<Vec<String>> {
        let (head, rest) = self.lines.split_first()?;
        if !ends_with_colon(head) {
            return None;
        }
        let mut old: Vec<(Value, Vec<String>)> = Vec::new();
        let mut lead: Vec<String> = Vec::new();
        for line in rest {
            lead.push(line.clone());
            if is_content(line) {
                old.push((item(line)?, std::mem::take(&mut lead)));
            }
        }
        let columns = indent_of(rest.iter().find(|l| is_content(l))?);
        let mut made = vec![head.clone()];
        for (wanted, line) in items(value, columns)? {
            let at = old.iter().position(|(value, _)| *value == wanted);
            made.extend(at.map_or_else(|| vec![line], |at| old.remove(at).1));
        }
        Some(made)
    }
}

fn ends_with_colon(line: &str) -> bool {
    let code = line.split(" #").next().unwrap_or_default();
    code.trim_end().ends_with(':')
}

/// `- value` as a list of one, `name: value` as a map of one.
fn item(line: &str) -> Option<Value> {
    let value: Value = serde_saphyr::from_str(line.trim()).ok()?;
    let one = match &value {
        Value::Array(items) => items.len() == 1,
        Value::Object(fields) => fields.len() == 1,
        _ => false,
    };
    one.then_some(value)
}

/// The items of a list or of a map, each as a value of one and as a line.
fn items(value: &Value, columns: usize) -> Option<Vec<(Value, String)>> {
    let pad = " ".repeat(columns);
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| {
                let line = format!("{pad}- {}", scalar::of(item.as_str()?));
                Some((Value::Array(vec![item.clone()]), line))
            })
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, item)| {
                let line = format!("{pad}{name}: {}", scalar::quoted(item.as_str()?));
                let one = Map::from_iter([(name.clone(), item.clone())]);
                Some((Value::Object(one), line))
            })
            .collect(),
        _ => None,
    }
}

/// A field from nothing.
fn field(name: &str, value: &Value, columns: usize) -> Vec<String> {
    let pad = " ".repeat(columns);
    match value {
        Value::Array(_) | Value::Object(_) => {
            let below = items(value, columns + 2).unwrap_or_default();
            let lines = below.into_iter().map(|(_, line)| line);
            std::iter::once(format!("{pad}{name}:"))
                .chain(lines)
                .collect()
        }
        Value::String(text) => vec![format!("{pad}{name}: {}", scalar::of(text))],
        other => vec![format!("{pad}{name}: {other}")],
    }
}

/// The lines with the dash before the first field.
fn with_dash(mut lines: Vec<String>, indent: usize) -> String {
    if let Some(first) = lines.iter_mut().find(|l| is_content(l))
        && first.is_char_boundary(indent + 1)
    {
        first.replace_range(indent..=indent, "-");
    }
    lines.iter().flat_map(|l| [l.as_str(), "\n"]).collect()
}

fn fields(recipe: &Recipe) -> Map<String, Value> {
    match serde_json::to_value(recipe) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The fields of a recipe of which only the needful is told, without that.
fn defaults(recipe: &Recipe) -> Map<String, Value> {
    let needful = ["id", "repo", "image"];
    let mut told = fields(recipe);
    told.retain(|name, _| needful.contains(&name.as_str()));
    let whole = serde_json::from_value::<Recipe>(Value::Object(told));
    let mut defaults = whole.map(|r| fields(&r)).unwrap_or_default();
    defaults.retain(|name, _| !needful.contains(&name.as_str()));
    defaults
}
