//! Does a chat model answer, calculate, and call tools?
//!
//! A thinking model may put everything into its reasoning, whose field has two names, and may use up a small
//! budget before it says a word. Neither is a fault, so both fields count, and who ran out of tokens is asked
//! again with more before anything is held against it (spark-domain 2.8).

use serde_json::Value;

use super::{Verdict, clean_line};

/// A product that a sound model of any size knows, and that broken kernels get wrong.
pub(super) const PRODUCT: &str = "204";

/// What came of a completion, put together from its pieces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    text: String,
    reasoning: String,
    finish: Option<String>,
    tokens: Option<u64>,
    calls: Vec<(String, String)>,
    error: Option<String>,
    pieces: usize,
    rest: Vec<u8>,
}

impl Transcript {
    /// Takes in the next bytes of a stream of server-sent events.
    pub fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&line);
        }
    }

    /// Takes in a whole answer that is not a stream, or the end of one.
    pub fn finish(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        if self.pieces == 0 && rest.trim_ascii_start().starts_with(b"{") {
            self.take(&rest);
        } else {
            self.line(&rest);
        }
    }

    /// Whether some text, reasoning or a call has come.
    pub fn has_begun(&self) -> bool {
        !(self.text.is_empty() && self.reasoning.is_empty() && self.calls.is_empty())
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(data) = line.strip_prefix(b"data:") {
            self.take(data);
        } else if self.pieces == 0 && line.trim_ascii_start().starts_with(b"{") {
            // A server that does not stream sends its answer on one line.
            self.take(line);
        }
    }

    fn take(&mut self, json: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(json) else {
            return;
        };
        self.pieces += 1;
        let choice = &value["choices"][0];
        for part in [&choice["delta"], &choice["message"]] {
            self.text
                .push_str(part["content"].as_str().unwrap_or_default());
            let thought = ["reasoning", "reasoning_content"];
            let thought = thought.iter().find_map(|field| part[*field].as_str());
            self.reasoning.push_str(thought.unwrap_or_default());
            for call in part["tool_calls"].as_array().into_iter().flatten() {
                let word = |name: &str| {
                    call["function"][name]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned()
                };
                self.calls.push((word("name"), word("arguments")));
            }
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        self.tokens = value["usage"]["completion_tokens"].as_u64().or(self.tokens);
        if let Some(error) = value["error"]["message"].as_str() {
            self.error = Some(clean_line(error, 200));
        }
    }

    /// Whether its budget ended before the answer did.
    pub(super) fn ran_out(&self) -> bool {
        self.finish.as_deref() == Some("length")
    }

    fn said(&self) -> &str {
        let text = self.text.trim();
        if text.is_empty() {
            self.reasoning.trim()
        } else {
            text
        }
    }

    /// Any text is an answer.
    pub(super) fn judge_answer(&self) -> Verdict {
        if let Some(wrong) = self.broken() {
            return wrong;
        }
        let usage = self
            .tokens
            .map_or("no usage".to_owned(), |n| format!("{n} tokens"));
        Verdict::Right(format!("{} ({usage})", clean_line(self.said(), 60)))
    }

    /// 12*17 is 204.
    pub(super) fn judge_product(&self) -> Verdict {
        if let Some(wrong) = self.broken() {
            return wrong;
        }
        if self.text.contains(PRODUCT) || self.reasoning.contains(PRODUCT) {
            return Verdict::Right(format!("12*17 is {PRODUCT}"));
        }
        let said = clean_line(self.said(), 60);
        Verdict::Wrong {
            error: format!("it answers garbage: asked for 12*17, it said {said:?}"),
            evidence: Some(format!(
                "asked for 12*17, it said {said:?} and not {PRODUCT}"
            )),
        }
    }

    /// A call whose arguments are an object.
    pub(super) fn judge_call(&self) -> Verdict {
        if let Some(error) = &self.error {
            return Verdict::wrong(error.clone());
        }
        let Some((name, arguments)) = self.calls.first() else {
            return if self.ran_out() {
                Verdict::Unsure("it thought longer than it may, and called no tool".to_owned())
            } else {
                Verdict::wrong(format!(
                    "it called no tool, and said {:?}",
                    clean_line(self.said(), 60)
                ))
            };
        };
        match serde_json::from_str::<Value>(arguments) {
            Ok(Value::Object(_)) => Verdict::Right(format!(
                "{}{}",
                clean_line(name, 40),
                clean_line(arguments, 60)
            )),
            _ => Verdict::wrong(format!(
                "the arguments of its call are no JSON object: {:?}",
                clean_line(arguments, 60)
            )),
        }
    }

    /// An error in the stream, or no text at all.
    fn broken(&self) -> Option<Verdict> {
        if let Some(error) = &self.error {
            return Some(Verdict::wrong(error.clone()));
        }
        if !self.said().is_empty() {
            return None;
        }
        if self.ran_out() {
            return Some(Verdict::Wrong {
                error: "its answer is empty: it used up every token before the first word"
                    .to_owned(),
                evidence: Some(r#""finish_reason": "length", "content": """#.to_owned()),
            });
        }
        Some(Verdict::wrong(if self.pieces == 0 {
            "its answer is no completion"
        } else {
            "its answer is empty"
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn whole(message: &Value, finish: &str) -> Transcript {
        let choice = json!({"message": message, "finish_reason": finish});
        let body = json!({"choices": [choice], "usage": {"completion_tokens": 3}});
        let mut transcript = Transcript::default();
        transcript.push(body.to_string().as_bytes());
        transcript.finish();
        transcript
    }

    fn is_right(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Right(_))
    }

    #[test]
    fn an_answer_may_be_in_any_of_three_fields() {
        for message in [
            json!({"content": "OK"}),
            json!({"content": null, "reasoning_content": "hm"}),
            json!({"content": " ", "reasoning": "well"}),
        ] {
            assert!(
                is_right(&whole(&message, "stop").judge_answer()),
                "{message}"
            );
        }
        let empty = whole(&json!({"content": ""}), "stop").judge_answer();
        assert_eq!(empty, Verdict::wrong("its answer is empty"));
    }

    #[test]
    fn garbage_has_its_own_advice_and_an_empty_budget_another() {
        let node = spark_ipc::id::NodeId::numbered(1);
        let id = |verdict: &Verdict| verdict.advice(&node).map(|a| a.id);
        for text in ["the the the", "12*17 is 194.", "2 0 4"] {
            let verdict = whole(&json!({"content": text}), "stop").judge_product();
            assert_eq!(id(&verdict).as_deref(), Some("garbage_answers"), "{text}");
        }
        let empty = whole(&json!({"content": null}), "length");
        assert_eq!(id(&empty.judge_answer()).as_deref(), Some("only_thoughts"));
        assert_eq!(id(&empty.judge_product()).as_deref(), Some("only_thoughts"));
        assert!(is_right(
            &whole(&json!({"content": "It is 204."}), "stop").judge_product()
        ));
        assert!(is_right(
            &whole(&json!({"reasoning": "so 204"}), "length").judge_product()
        ));
    }

    #[test]
    fn a_call_needs_arguments_that_are_an_object() {
        let call = |arguments: &str| {
            whole(
                &json!({"tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}),
                "tool_calls",
            )
        };
        assert!(is_right(&call(r#"{"city": "Paris"}"#).judge_call()));
        for arguments in ["", "Paris", "[1]", r#"{"city": "#] {
            assert!(
                matches!(call(arguments).judge_call(), Verdict::Wrong { .. }),
                "{arguments}"
            );
        }
        let none = |finish| whole(&json!({"content": "It rains."}), finish).judge_call();
        assert!(matches!(none("stop"), Verdict::Wrong { .. }));
        assert!(matches!(none("length"), Verdict::Unsure(_)));
    }

    const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"reasoning\":\"12*17…\"}}]}\n\n: keep-alive\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"20\"}}]}\r\n\r\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"4\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"completion_tokens\":9}}\n\ndata: [DONE]\n\n";

    #[test]
    fn an_error_inside_a_stream_is_told() {
        let mut transcript = Transcript::default();
        transcript.push(b"data: {\"error\":{\"message\":\"EngineCore died\"}}\n\n");
        assert_eq!(transcript.judge_answer(), Verdict::wrong("EngineCore died"));
    }

    proptest! {
        #[test]
        fn any_cutting_of_a_stream_gives_the_same_answer(cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut transcript = Transcript::default();
            for pair in cuts.windows(2) {
                transcript.push(&STREAM.as_bytes()[pair[0]..pair[1]]);
            }
            transcript.finish();
            prop_assert_eq!(transcript.judge_product(), Verdict::Right("12*17 is 204".to_owned()));
            prop_assert_eq!(transcript.judge_answer(), Verdict::Right("204 (9 tokens)".to_owned()));
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut transcript = Transcript::default();
            transcript.push(&bytes);
            transcript.finish();
            prop_assert!(!is_right(&transcript.judge_call()));
        }
    }
}
