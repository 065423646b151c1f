//! Talking to an engine of ours: is it well, has it the right name, how long is its queue.
//!
//! Whether its answers are right is the matter of deep health.

use std::time::Duration;

use serde_json::Value;
use spark_core::probe::{EngineMetrics, read_engine};
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

    /// The client itself, for questions of another shape.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
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
        self.get("/health").await?;
        let models = self.get("/v1/models").await?;
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

    /// The name of the first model that it serves.
    pub async fn first_model(&self) -> Result<String, EngineError> {
        let models = self.get("/v1/models").await?;
        let value: Value = serde_json::from_slice(&models).unwrap_or(Value::Null);
        let name = value["data"][0]["id"].as_str().map(|n| clean_line(n, 128));
        let shown = || EngineError::Empty(clean_line(&String::from_utf8_lossy(&models), 200));
        name.filter(|n| !n.is_empty()).ok_or_else(shown)
    }

    /// What its `/metrics` tells of its queue; nothing where it has no such page.
    pub async fn metrics(&self) -> Result<EngineMetrics, EngineError> {
        let page = self.get("/metrics").await?;
        Ok(read_engine(&String::from_utf8_lossy(&page)))
    }

    async fn get(&self, path: &'static str) -> Result<Vec<u8>, EngineError> {
        let request = self.http.get(format!("{}{path}", self.base_url));
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
        tokio::time::timeout(SHORT, exchange)
            .await
            .unwrap_or(Err(EngineError::TimedOut(SHORT)))
    }
}

fn unreachable(error: &reqwest::Error) -> EngineError {
    // reqwest names the URL, its source the cause.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    EngineError::Unreachable(clean_line(&cause.to_string(), 200))
}
