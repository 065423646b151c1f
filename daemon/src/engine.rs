//! Talking to an engine of ours: is it well, has it the right name, does it answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spark_ipc::model::inventory::ModelKind;
use spark_ipc::text::clean_line;

/// Time for health and model list.
const SHORT: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MAX_BODY: usize = 256 * 1024;

/// Why an engine does not count as ready.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("{path} answered {status}: {body}")]
    Status {
        path: &'static str,
        status: u16,
        body: String,
    },
    #[error("it serves {serves}, not {wanted}")]
    WrongModel { wanted: String, serves: String },
    #[error("its answer is empty: {0}")]
    Empty(String),
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// The client for all engines; cheap to clone.
#[derive(Debug, Clone)]
pub struct Engines {
    http: reqwest::Client,
}

/// One engine.
#[derive(Debug, Clone)]
pub struct EngineAt {
    http: reqwest::Client,
    base_url: String,
}

/// A question whose answer proves that the engine works.
#[derive(Debug, Clone)]
pub struct Probe {
    path: &'static str,
    body: Value,
    read: fn(&Value) -> Option<String>,
}

/// A real answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Cleaned, at most 120 characters.
    pub text: String,
    pub seconds: f64,
}

impl Engines {
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(SHORT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { http })
    }

    pub fn at(&self, base_url: &str) -> EngineAt {
        EngineAt {
            http: self.http.clone(),
            base_url: base_url.to_owned(),
        }
    }
}

impl EngineAt {
    /// Health is 200 and the list of models names `served_name`.
    pub async fn serves(&self, served_name: &str) -> Result<(), EngineError> {
        self.call("/health", None, SHORT).await?;
        let models = self.call("/v1/models", None, SHORT).await?;
        let models: Value = serde_json::from_slice(&models).unwrap_or(Value::Null);
        let names: Vec<&str> = models["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|m| m["id"].as_str())
            .collect();
        if names.contains(&served_name) {
            return Ok(());
        }
        let serves = clean_line(&names.join(", "), 120);
        Err(EngineError::WrongModel {
            wanted: served_name.to_owned(),
            serves,
        })
    }

    /// Asks `probe` and reads the answer.
    pub async fn ask(
        &self,
        probe: &Probe,
        served_name: &str,
        limit: Duration,
    ) -> Result<Answer, EngineError> {
        let mut body = probe.body.clone();
        body["model"] = served_name.into();
        let began = Instant::now();
        let answer = self.call(probe.path, Some(&body), limit).await?;
        let seconds = began.elapsed().as_secs_f64();
        let value: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        let shown = || EngineError::Empty(clean_line(&String::from_utf8_lossy(&answer), 200));
        let text = (probe.read)(&value).ok_or_else(shown)?;
        Ok(Answer {
            text: clean_line(text.trim(), 120),
            seconds,
        })
    }

    async fn call(
        &self,
        path: &'static str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Vec<u8>, EngineError> {
        let url = format!("{}{path}", self.base_url);
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let exchange = async {
            let mut response = request.send().await.map_err(|e| unreachable(&e))?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&e))? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > MAX_BODY {
                    break;
                }
            }
            if status.is_success() {
                return Ok(bytes);
            }
            let body = clean_line(&String::from_utf8_lossy(&bytes), 200);
            Err(EngineError::Status {
                path,
                status: status.as_u16(),
                body,
            })
        };
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or(Err(EngineError::TimedOut(limit)))
    }
}

impl Probe {
    /// The question for a model of this kind.
    pub fn of(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Embedding => Self {
                path: "/v1/embeddings",
                body: json!({"input": "OK"}),
                read: |v| {
                    let numbers = v["data"][0]["embedding"].as_array()?;
                    let alive = numbers.iter().any(|n| n.as_f64().is_some_and(|n| n != 0.0));
                    alive.then(|| format!("{} dimensions", numbers.len()))
                },
            },
            ModelKind::Rerank => Self {
                path: "/v1/rerank",
                body: json!({"query": "sea", "documents": ["The sea is salty.", "Trains run on rails."]}),
                read: |v| {
                    let results = v["results"].as_array()?;
                    (results.len() == 2).then(|| "2 documents ranked".to_owned())
                },
            },
            ModelKind::Chat
            | ModelKind::SpeechToText
            | ModelKind::TextToSpeech
            | ModelKind::Image
            | ModelKind::Gguf
            | ModelKind::Other => Self {
                path: "/v1/chat/completions",
                body: json!({
                    "messages": [{"role": "user", "content": "Reply with the single word OK."}],
                    "max_tokens": 64, "temperature": 0
                }),
                read: chat_text,
            },
        }
    }
}

/// The text of a completion. A thinking model may put all of it into its reasoning, whose field has two
/// names (spark-domain 2.8).
fn chat_text(value: &Value) -> Option<String> {
    let message = &value["choices"][0]["message"];
    ["content", "reasoning", "reasoning_content"]
        .iter()
        .filter_map(|field| message[*field].as_str())
        .find(|text| !text.trim().is_empty())
        .map(str::to_owned)
}

fn unreachable(error: &reqwest::Error) -> EngineError {
    // reqwest names the URL, its source the cause.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    EngineError::Unreachable(clean_line(&cause.to_string(), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_be_in_any_of_three_fields() {
        let chat = |m: Value| chat_text(&json!({"choices": [{"message": m}]}));
        assert_eq!(chat(json!({"content": "OK"})), Some("OK".into()));
        assert_eq!(
            chat(json!({"content": null, "reasoning_content": "hm"})),
            Some("hm".into())
        );
        assert_eq!(
            chat(json!({"content": " ", "reasoning": "well"})),
            Some("well".into())
        );
        assert_eq!(chat(json!({"content": ""})), None);
    }

    #[test]
    fn an_embedding_of_zeros_is_no_answer() {
        let read = Probe::of(ModelKind::Embedding).read;
        assert_eq!(read(&json!({"data": [{"embedding": [0.0, 0.0]}]})), None);
        assert_eq!(
            read(&json!({"data": [{"embedding": [0.0, 0.1]}]})).unwrap(),
            "2 dimensions"
        );
    }
}
