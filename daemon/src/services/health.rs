//! Asking the health routes of running services.

use std::time::Duration;

use spark_core::deep::health_says_ready;

use crate::engine::Engines;

/// Time for an answer.
const SHORT: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MAX_BODY: usize = 64 * 1024;

/// Whether `url` answers 200 and does not say that it still loads; else why not.
pub(crate) async fn ask(engines: &Engines, url: &str) -> Result<(), String> {
    let exchange = async {
        let answer = engines.http().get(url).send().await;
        let mut answer = answer.map_err(|error| refused(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("its health route answers {}", status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| refused(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                return Err("its health route answers without end".to_owned());
            }
        }
        health_says_ready(&body)
    };
    tokio::time::timeout(SHORT, exchange)
        .await
        .unwrap_or_else(|_late| Err(format!("no answer within {} s", SHORT.as_secs())))
}

fn refused(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "nothing listens on its port yet".to_owned()
    } else {
        "its answer was broken off".to_owned()
    }
}
