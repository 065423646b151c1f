//! From a request to the whole answer, token by token, before the first one is sent.

use serde_json::{Map, Value, json};

use super::wire::{ApiError, Function, Request};
use crate::engine::{
    answer::{self, Turn},
    host::EngineFault,
    tokens::{count, tokens},
};

/// What the server is, as far as answers depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Persona {
    /// The name it answers with.
    pub(crate) name: String,
    /// Whether it thinks first.
    pub(crate) reasoning: bool,
    /// Whether the model may choose tools.
    pub(crate) auto_tools: bool,
    /// Context length in tokens.
    pub(crate) max_len: u64,
    /// What is wrong with it.
    pub(crate) fault: Option<EngineFault>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The function.
    pub(crate) name: String,
    /// Its arguments as JSON text, in tokens.
    pub(crate) arguments: Vec<String>,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Thoughts, in tokens.
    pub(crate) reasoning: Vec<String>,
    /// Text, in tokens.
    pub(crate) content: Vec<String>,
    /// At most one call.
    pub(crate) call: Option<Call>,
    /// `stop`, `length` or `tool_calls`.
    pub(crate) finish: &'static str,
    /// Tokens read.
    pub(crate) prompt_tokens: u64,
}

impl Reply {
    /// Tokens written.
    pub(crate) fn completion_tokens(&self) -> u64 {
        let call = self
            .call
            .as_ref()
            .map_or(0, |call| call.arguments.len() + 1);
        (self.reasoning.len() + self.content.len() + call) as u64
    }

    /// Counts in `OpenAI`'s shape.
    pub(crate) fn usage(&self) -> Value {
        let (prompt, completion) = (self.prompt_tokens, self.completion_tokens());
        json!({
            "prompt_tokens": prompt, "total_tokens": prompt + completion,
            "completion_tokens": completion, "prompt_tokens_details": null,
        })
    }
}

/// Answers `turns` as `persona`; `seed` chooses where the client left a choice.
pub(crate) fn compose(
    request: &Request,
    turns: &[Turn],
    persona: &Persona,
    seed: u64,
) -> Result<Reply, ApiError> {
    let prompt_tokens = prompt_tokens(request, turns);
    let budget = budget(request, prompt_tokens, persona.max_len)?;
    let call = choose_tool(request, turns, persona)?.map(|function| call(function, turns));
    let empty = persona.fault == Some(EngineFault::Empty);
    let thinks = persona.reasoning && thinking_enabled(request) && !empty;
    let reasoning = if thinks {
        tokens(&answer::reasoning(turns))
    } else {
        Vec::new()
    };
    let text = if call.is_some() || empty {
        String::new()
    } else {
        text(request, turns, persona, seed)
    };
    let content = tokens(&text);
    let mut reply = Reply {
        reasoning,
        content,
        call,
        finish: "stop",
        prompt_tokens,
    };
    if reply.call.is_some() {
        reply.finish = "tool_calls";
    }
    lengthen(&mut reply, request, budget);
    shorten(&mut reply, budget);
    Ok(reply)
}

fn prompt_tokens(request: &Request, turns: &[Turn]) -> u64 {
    let tools = request.tools.iter().flatten();
    let tools: u64 = tools
        .map(|t| count(&t.function.name) + count(&t.function.parameters.to_string()))
        .sum();
    turns.iter().map(|turn| count(&turn.text) + 4).sum::<u64>() + tools + 3
}

fn budget(request: &Request, prompt: u64, max_len: u64) -> Result<u64, ApiError> {
    if prompt >= max_len {
        return Err(ApiError::bad(
            Some("input_tokens"),
            format!(
                "This model's maximum context length is {max_len} tokens. However, your request has {prompt} input tokens. Please reduce the length of the input messages."
            ),
        ));
    }
    match request.limit() {
        Some(wanted) if prompt + wanted > max_len => Err(ApiError::bad(
            Some("max_tokens"),
            format!(
                "'max_tokens' or 'max_completion_tokens' is too large: {wanted}. This model's maximum context length is {max_len} tokens and your request has {prompt} input tokens ({wanted} > {max_len} - {prompt})."
            ),
        )),
        Some(wanted) => Ok(wanted),
        None => Ok(max_len - prompt),
    }
}

fn thinking_enabled(request: &Request) -> bool {
    let kwargs = request.chat_template_kwargs.as_ref();
    let switch = |name: &str| kwargs.and_then(|k| k.get(name)).and_then(Value::as_bool);
    switch("enable_thinking")
        .or_else(|| switch("thinking"))
        .unwrap_or(true)
}

fn text(request: &Request, turns: &[Turn], persona: &Persona, seed: u64) -> String {
    if persona.fault == Some(EngineFault::Garbage) {
        return "!\u{fffd}ыы the the the 00000 ]]]] ".repeat(6);
    }
    let text = answer::answer(turns, &persona.name, seed);
    let format = request.response_format.as_ref();
    let text = match format.and_then(|f| f.get("type")).and_then(Value::as_str) {
        Some("json_object") => json!({ "answer": text }).to_string(),
        Some("json_schema") => {
            let schema = format.and_then(|f| f.pointer("/json_schema/schema"));
            instance(schema.unwrap_or(&Value::Null), &text).to_string()
        }
        _ => text,
    };
    cut_at_stop(text, request)
}

fn cut_at_stop(text: String, request: &Request) -> String {
    let stops = request.stop.as_ref().map_or(&[][..], |stop| stop.all());
    let first = stops
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()));
    match first.min() {
        Some(at) => text.get(..at).unwrap_or_default().to_owned(),
        None => text,
    }
}

fn lengthen(reply: &mut Reply, request: &Request, budget: u64) {
    if reply.call.is_some() {
        return;
    }
    let wanted = if request.ignore_eos {
        budget
    } else {
        request.min_tokens.min(budget)
    };
    // Nobody asks for the rest of a 256 K context.
    let wanted = wanted.min(65_536);
    let mut filler = [" and", " so", " on", ","].iter().cycle();
    while reply.completion_tokens() < wanted {
        reply
            .content
            .extend(filler.next().map(|word| (*word).to_owned()));
    }
}

/// Cuts at the limit; the token that ends a text must fit too.
fn shorten(reply: &mut Reply, budget: u64) {
    let total = reply.completion_tokens();
    if total < budget || (total == budget && reply.call.is_some()) {
        return;
    }
    reply.finish = "length";
    let budget = usize::try_from(budget).unwrap_or(usize::MAX);
    reply.reasoning.truncate(budget);
    let left = budget - reply.reasoning.len();
    reply.content.truncate(left);
    if let Some(call) = &mut reply.call {
        call.arguments.truncate(left.saturating_sub(1));
    }
}

/// The function to call, if the client allows it and the conversation asks for it.
fn choose_tool<'a>(
    request: &'a Request,
    turns: &[Turn],
    persona: &Persona,
) -> Result<Option<&'a Function>, ApiError> {
    let functions: Vec<&Function> = request
        .tools
        .iter()
        .flatten()
        .map(|t| &t.function)
        .collect();
    let named = request
        .tool_choice
        .as_ref()
        .and_then(|c| c.pointer("/function/name"))
        .and_then(Value::as_str);
    if let Some(name) = named {
        let found = functions.iter().find(|f| f.name == name).copied();
        let unknown = || {
            let text =
                "The tool specified in `tool_choice` does not match any of the specified `tools`";
            ApiError::bad(Some("tool_choice"), text.to_owned())
        };
        return found.ok_or_else(unknown).map(Some);
    }
    let answered = turns.last().is_some_and(|turn| turn.role == "tool");
    match request.tool_choice.as_ref().and_then(Value::as_str) {
        Some("none") => Ok(None),
        Some("required") => Ok(functions.first().copied()),
        _ if functions.is_empty() => Ok(None),
        _ if !persona.auto_tools => Err(ApiError::bad(
            None,
            "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set".to_owned(),
        )),
        _ if answered => Ok(None),
        _ => Ok(functions.into_iter().find(|function| asked_for(&function.name, turns))),
    }
}

/// Whether the last question has a telling word of the function's name in it.
fn asked_for(name: &str, turns: &[Turn]) -> bool {
    let asked = turns.iter().rev().find(|turn| turn.role == "user");
    let asked = asked.map_or(String::new(), |turn| turn.text.to_lowercase());
    let name = name.to_lowercase();
    let mut words = name
        .split(['_', '-', '.'])
        .filter(|word| !matches!(*word, "get" | "set" | "the" | "do" | ""));
    asked.contains("tool") || asked.contains("function") || words.any(|word| asked.contains(word))
}

fn call(function: &Function, turns: &[Turn]) -> Call {
    let asked = turns
        .iter()
        .rev()
        .find(|turn| turn.role == "user")
        .map_or("", |turn| &turn.text);
    let arguments = match instance(&function.parameters, asked) {
        Value::Object(arguments) => Value::Object(arguments),
        _ => Value::Object(Map::new()),
    };
    Call {
        name: function.name.clone(),
        arguments: tokens(&arguments.to_string()),
    }
}

/// A value that satisfies `schema`, with words and numbers taken from `text`.
fn instance(schema: &Value, text: &str) -> Value {
    if let Some(first) = schema.pointer("/enum/0") {
        return first.clone();
    }
    let number = || {
        text.split(|c: char| !c.is_ascii_digit())
            .find_map(|n| n.parse::<i64>().ok())
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("object") | None => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let filled = properties.into_iter().flatten();
            Value::Object(
                filled
                    .map(|(name, part)| (name.clone(), instance(part, text)))
                    .collect(),
            )
        }
        Some("integer" | "number") => json!(number().unwrap_or(1)),
        Some("boolean") => json!(true),
        Some("array") => json!([instance(schema.get("items").unwrap_or(&Value::Null), text)]),
        Some("null") => Value::Null,
        Some(_) => json!(telling_word(text)),
    }
}

/// The last capitalised word that does not begin the sentence, such as a place; else the whole text.
fn telling_word(text: &str) -> String {
    let clean = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let capital = |word: &&str| word.starts_with(char::is_uppercase) && *word != "I";
    text.split_whitespace()
        .skip(1)
        .filter(capital)
        .last()
        .map_or_else(|| text.trim().to_owned(), clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persona() -> Persona {
        Persona {
            name: "m".to_owned(),
            reasoning: false,
            auto_tools: false,
            max_len: 1000,
            fault: None,
        }
    }

    fn reply(body: &Value, persona: &Persona) -> Result<Reply, ApiError> {
        let request = Request::read(body.to_string().as_bytes(), "messages").unwrap();
        let turns: Vec<Turn> = request
            .messages
            .iter()
            .map(super::super::wire::Message::turn)
            .collect();
        compose(&request, &turns, persona, 0)
    }

    fn user(text: &str) -> Value {
        json!([{"role": "user", "content": text}])
    }

    fn weather() -> Value {
        json!([{"type": "function", "function": {"name": "get_weather", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}])
    }

    #[test]
    fn the_answer_ends_at_the_limit() {
        let check = |limit: u64, content: &str, finish: &str| {
            let body = json!({"messages": user("count to 5"), "max_tokens": limit});
            let reply = reply(&body, &persona()).unwrap();
            assert_eq!(
                (reply.content.concat().as_str(), reply.finish),
                (content, finish),
                "{limit}"
            );
        };
        check(100, "1 2 3 4 5", "stop");
        check(5, "1 2 3 4 5", "length");
        check(2, "1 2", "length");
    }

    #[test]
    fn thinking_can_use_up_the_limit_and_can_be_switched_off() {
        let thinking = Persona {
            reasoning: true,
            ..persona()
        };
        let body = json!({"messages": user("2+2"), "max_tokens": 5});
        let cut = reply(&body, &thinking).unwrap();
        assert_eq!(
            (cut.reasoning.len(), cut.content.len(), cut.finish),
            (5, 0, "length")
        );
        let off =
            json!({"messages": user("2+2"), "chat_template_kwargs": {"enable_thinking": false}});
        let off = reply(&off, &thinking).unwrap();
        assert_eq!(
            (off.reasoning.len(), off.content.concat().as_str()),
            (0, "4")
        );
    }

    #[test]
    fn requests_longer_than_the_context_are_refused() {
        let long = "word ".repeat(1200);
        assert!(reply(&json!({"messages": user(&long)}), &persona()).is_err());
        let body = json!({"messages": user("hi"), "max_tokens": 5000});
        let error = format!("{:?}", reply(&body, &persona()).expect_err("too long"));
        assert!(
            error.contains("is too large: 5000. This model's maximum context length is 1000"),
            "{error}"
        );
    }

    #[test]
    fn tools_are_called_when_asked_for_and_allowed() {
        let body = json!({"messages": user("What is the weather in Oslo for 3 days?"), "tools": weather()});
        let refused = format!("{:?}", reply(&body, &persona()).expect_err("no parser"));
        assert!(
            refused.contains("--enable-auto-tool-choice and --tool-call-parser"),
            "{refused}"
        );
        let able = Persona {
            auto_tools: true,
            ..persona()
        };
        let called = reply(&body, &able).unwrap();
        let call = called.call.expect("a call");
        assert_eq!(
            (call.name.as_str(), called.finish),
            ("get_weather", "tool_calls")
        );
        let arguments: Value = serde_json::from_str(&call.arguments.concat()).unwrap();
        assert_eq!(arguments, json!({"city": "Oslo", "days": 3}));
        let other = json!({"messages": user("Hello"), "tools": weather()});
        assert_eq!(reply(&other, &able).unwrap().call, None);
    }

    #[test]
    fn a_named_tool_needs_no_parser() {
        let choice = |name: &str| json!({"type": "function", "function": {"name": name}});
        let mut body = json!({"messages": user("Hi"), "tools": weather()});
        body["tool_choice"] = choice("get_weather");
        assert!(reply(&body, &persona()).unwrap().call.is_some());
        body["tool_choice"] = choice("nope");
        assert!(reply(&body, &persona()).is_err());
        body["tool_choice"] = json!("none");
        assert_eq!(reply(&body, &persona()).unwrap().call, None);
    }

    #[test]
    fn garbage_is_not_the_answer() {
        let broken = Persona {
            fault: Some(EngineFault::Garbage),
            ..persona()
        };
        let garbage = reply(&json!({"messages": user("12*17")}), &broken).unwrap();
        assert!(!garbage.content.concat().contains("204"));
    }

    #[test]
    fn structured_output_follows_the_schema() {
        let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
        let body = json!({"messages": user("Hi"), "response_format":
            {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
        assert_eq!(
            reply(&body, &persona()).unwrap().content.concat(),
            r#"{"ok":true}"#
        );
    }

    #[test]
    fn stop_texts_and_forced_length_are_obeyed() {
        let body = json!({"messages": user("count to 9"), "stop": " 4"});
        assert_eq!(reply(&body, &persona()).unwrap().content.concat(), "1 2 3");
        let body = json!({"messages": user("2+2"), "ignore_eos": true, "max_tokens": 50});
        let forced = reply(&body, &persona()).unwrap();
        assert_eq!((forced.completion_tokens(), forced.finish), (50, "length"));
    }
}
