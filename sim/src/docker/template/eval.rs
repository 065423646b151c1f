//! Template nodes over a JSON value, printed as Go prints.

use serde_json::Value;

use super::{Node, Pipe, Word};

pub(super) fn nodes(nodes: &[Node], data: &Value, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(print) => out.push_str(&show(&pipe(print, data)?)),
            Node::Range(over, body) => range(&pipe(over, data)?, body, out)?,
            Node::If(condition, yes, no) => {
                let branch = if truth(&pipe(condition, data)?) {
                    yes
                } else {
                    no
                };
                self::nodes(branch, data, out)?;
            }
        }
    }
    Ok(())
}

fn range(over: &Value, body: &[Node], out: &mut String) -> Result<(), String> {
    match over {
        Value::Array(items) => items.iter().try_for_each(|item| nodes(body, item, out)),
        Value::Object(map) => map.values().try_for_each(|item| nodes(body, item, out)),
        _ => Ok(()),
    }
}

fn pipe(commands: &Pipe, data: &Value) -> Result<Value, String> {
    let mut piped: Option<Value> = None;
    for command in commands {
        piped = Some(run(command, data, piped)?);
    }
    Ok(piped.unwrap_or(Value::Null))
}

fn run(command: &[Word], data: &Value, piped: Option<Value>) -> Result<Value, String> {
    let Some((head, tail)) = command.split_first() else {
        return Ok(Value::Null);
    };
    let mut args = Vec::new();
    for word in tail {
        args.push(operand(word, data)?);
    }
    match head {
        Word::Name(name) => {
            args.extend(piped);
            Ok(call(name, &args))
        }
        // The one method that people use: `.Label "key"` of a `docker ps` row.
        Word::Field(path) if path.len() == 1 && path.first().is_some_and(|p| p == "Label") => {
            Ok(label(data, args.first()))
        }
        Word::Field(path) => field(piped.as_ref().unwrap_or(data), path),
        Word::Literal(value) => Ok(value.clone()),
    }
}

fn operand(word: &Word, data: &Value) -> Result<Value, String> {
    match word {
        Word::Field(path) => field(data, path),
        Word::Literal(value) => Ok(value.clone()),
        Word::Name(name) => Ok(call(name, &[])),
    }
}

fn field(data: &Value, path: &[String]) -> Result<Value, String> {
    let mut at = data;
    for (depth, name) in path.iter().enumerate() {
        if let Value::Object(map) = at
            && let Some(next) = map.get(name)
        {
            at = next;
            continue;
        }
        let seen = path.get(..=depth).unwrap_or_default().join(".");
        return Err(format!(
            "template parsing error: template: :1:2: executing \"\" at <.{seen}>: \
             map has no entry for key \"{name}\""
        ));
    }
    Ok(at.clone())
}

fn label(row: &Value, key: Option<&Value>) -> Value {
    let labels = row
        .get("Labels")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let key = key.and_then(Value::as_str).unwrap_or_default();
    let value = labels
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == key).then_some(value));
    Value::from(value.unwrap_or_default())
}

fn call(name: &str, args: &[Value]) -> Value {
    let first = args.first().unwrap_or(&Value::Null);
    let second = args.get(1).unwrap_or(&Value::Null);
    match name {
        "json" => Value::from(first.to_string()),
        "index" => args
            .iter()
            .skip(1)
            .fold(first.clone(), |at, key| index(&at, key)),
        "len" => Value::from(length(first)),
        "join" => Value::from(join(first, second)),
        "split" => split(first, second),
        "upper" => Value::from(show(first).to_uppercase()),
        "lower" => Value::from(show(first).to_lowercase()),
        "not" => Value::from(!truth(first)),
        "eq" => Value::from(first == second),
        "ne" => Value::from(first != second),
        "println" => Value::from(format!("{}\n", spaced(args))),
        _ => Value::from(spaced(args)),
    }
}

/// Go's zero value for a label that is not there prints as nothing.
fn index(at: &Value, key: &Value) -> Value {
    let found = match key {
        Value::String(key) => at.get(key),
        key => key
            .as_u64()
            .and_then(|i| usize::try_from(i).ok())
            .and_then(|i| at.get(i)),
    };
    found.cloned().unwrap_or_else(|| Value::from(""))
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.len(),
        _ => 0,
    }
}

fn join(list: &Value, separator: &Value) -> String {
    let parts: Vec<String> = list.as_array().into_iter().flatten().map(show).collect();
    parts.join(separator.as_str().unwrap_or_default())
}

fn split(text: &Value, separator: &Value) -> Value {
    let (text, separator) = (
        text.as_str().unwrap_or_default(),
        separator.as_str().unwrap_or(","),
    );
    text.split(separator).map(Value::from).collect()
}

fn spaced(args: &[Value]) -> String {
    args.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64().is_some_and(|n| n != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As Go's `fmt` prints it.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{k}:{}", show(v)))
                .collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}
