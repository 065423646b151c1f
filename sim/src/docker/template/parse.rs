//! From text to template nodes.

use serde_json::Value;

use super::{Node, Pipe, Word};

const FUNCTIONS: [&str; 13] = [
    "json", "index", "len", "join", "println", "print", "printf", "upper", "lower", "not", "eq",
    "ne", "split",
];

/// What ended a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Eof,
    Else,
    Closed,
}

pub(super) fn nodes(text: &str) -> Result<Vec<Node>, String> {
    let mut rest = text;
    match list(&mut rest)? {
        (nodes, Stop::Eof) => Ok(nodes),
        (_, Stop::Else) => Err(fail("unexpected {{else}}")),
        (_, Stop::Closed) => Err(fail("unexpected {{end}}")),
    }
}

fn list(rest: &mut &str) -> Result<(Vec<Node>, Stop), String> {
    let mut nodes = Vec::new();
    loop {
        let Some((text, after)) = rest.split_once("{{") else {
            push_text(&mut nodes, rest);
            *rest = "";
            return Ok((nodes, Stop::Eof));
        };
        push_text(&mut nodes, text);
        let (action, after) = after
            .split_once("}}")
            .ok_or_else(|| fail("unclosed action"))?;
        *rest = after;
        let action = action.trim_matches('-').trim();
        let (word, tail) = action
            .split_once(char::is_whitespace)
            .unwrap_or((action, ""));
        match word {
            "end" => return Ok((nodes, Stop::Closed)),
            "else" => return Ok((nodes, Stop::Else)),
            "range" => nodes.push(Node::Range(pipe(tail)?, closed(rest)?.0)),
            "if" => {
                let condition = pipe(tail)?;
                let (yes, no) = closed(rest)?;
                nodes.push(Node::If(condition, yes, no));
            }
            _ => nodes.push(Node::Print(pipe(action)?)),
        }
    }
}

/// The body of a block, with what stands after its `else`.
fn closed(rest: &mut &str) -> Result<(Vec<Node>, Vec<Node>), String> {
    let (yes, end) = list(rest)?;
    let (no, end) = if end == Stop::Else {
        list(rest)?
    } else {
        (Vec::new(), end)
    };
    match end {
        Stop::Closed => Ok((yes, no)),
        Stop::Eof => Err(fail("unexpected EOF")),
        Stop::Else => Err(fail("unexpected {{else}}")),
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.to_owned()));
    }
}

fn pipe(text: &str) -> Result<Pipe, String> {
    let mut commands: Pipe = vec![Vec::new()];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' || first == '`' {
            quoted(rest, first)?
        } else {
            word_end(rest)
        };
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match word {
            "|" => commands.push(Vec::new()),
            word => push_word(&mut commands, word)?,
        }
        rest = after.trim_start();
    }
    if commands.iter().any(Vec::is_empty) {
        return Err(fail("missing value for command"));
    }
    Ok(commands)
}

fn push_word(commands: &mut Pipe, text: &str) -> Result<(), String> {
    // `(index .A 0).B` is the pipe `index .A 0 | .B`.
    if let Some(inner) = text.strip_prefix('(') {
        let (inner, field) = inner
            .rsplit_once(')')
            .ok_or_else(|| fail("unclosed left paren"))?;
        commands.splice(.., pipe(inner)?);
        if !field.is_empty() {
            commands.push(vec![word(field)?]);
        }
        return Ok(());
    }
    let word = word(text)?;
    if let Some(last) = commands.last_mut() {
        last.push(word);
    }
    Ok(())
}

fn word(text: &str) -> Result<Word, String> {
    if let Some(path) = text.strip_prefix('.') {
        let path = path
            .split('.')
            .filter(|part| !part.is_empty())
            .map(str::to_owned);
        return Ok(Word::Field(path.collect()));
    }
    if let Some(raw) = text.strip_prefix('`') {
        return Ok(Word::Literal(Value::from(raw.trim_end_matches('`'))));
    }
    if text.starts_with('"') || text.parse::<i64>().is_ok() {
        return serde_json::from_str(text)
            .map(Word::Literal)
            .map_err(|_e| fail("invalid syntax"));
    }
    match text {
        "true" | "false" => Ok(Word::Literal(Value::from(text == "true"))),
        name if FUNCTIONS.contains(&name) => Ok(Word::Name(name.to_owned())),
        name => Err(fail(&format!("function \"{name}\" not defined"))),
    }
}

fn quoted(text: &str, quote: char) -> Result<usize, String> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err(fail("unterminated quoted string"))
}

fn word_end(text: &str) -> usize {
    if text.starts_with('|') {
        return 1;
    }
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            c if depth == 0 && (c.is_whitespace() || c == '|') => return at,
            _ => {}
        }
    }
    text.len()
}

fn fail(why: &str) -> String {
    format!("template parsing error: template: :1: {why}")
}
