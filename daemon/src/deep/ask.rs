//! One question over HTTP: sent, read as it comes, judged.

use std::time::{Duration, Instant};

use spark_core::deep::{Body, Patience, Question, Reply, Transcript, Verdict};
use spark_ipc::text::clean_line;

use super::Limits;

/// Most bytes of an answer that are read: some minutes of uncompressed speech.
const MAX_BODY: usize = 8 << 20;

/// What came of a question.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) verdict: Verdict,
    pub(super) latency: Duration,
    /// When the first piece of text came.
    pub(super) first_token: Option<Duration>,
    pub(super) dimensions: Option<usize>,
}

/// A whole reply.
struct Received {
    status: u16,
    content_type: String,
    body: Vec<u8>,
    transcript: Transcript,
    first_token: Option<Duration>,
}

/// Asks `question`, once more where it says so, and judges the answer.
pub(super) async fn ask(
    http: &reqwest::Client,
    base_url: &str,
    mut question: Question,
    limits: Limits,
) -> Asked {
    let limit = match question.patience {
        Patience::Answer => limits.answer,
        Patience::Thought => limits.thought,
    };
    let began = Instant::now();
    loop {
        let url = format!("{base_url}{}", question.path);
        let sent = Instant::now();
        let exchange = receive(http, &url, &question, sent);
        let verdict = match tokio::time::timeout(limit, exchange).await {
            Ok(Ok(received)) => {
                let reply = received.reply();
                if question.again(&reply) {
                    continue;
                }
                return Asked {
                    verdict: question.judge(&reply),
                    latency: began.elapsed(),
                    first_token: received.first_token,
                    dimensions: question.dimensions(&reply),
                };
            }
            Ok(Err(error)) => wrong(format!("{} gave no answer: {error}", question.path)),
            Err(_late) => too_late(&question, limit),
        };
        return Asked {
            verdict,
            latency: began.elapsed(),
            first_token: None,
            dimensions: None,
        };
    }
}

async fn receive(
    http: &reqwest::Client,
    url: &str,
    question: &Question,
    sent: Instant,
) -> Result<Received, String> {
    let request = match &question.body {
        Body::Json(json) => http.post(url).json(json),
        Body::Form(kind, bytes) => http
            .post(url)
            .header(http::header::CONTENT_TYPE, kind)
            .body(bytes.clone()),
    };
    let mut answer = request.send().await.map_err(|error| cause(&error))?;
    let kind = answer.headers().get(http::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut received = Received {
        status: answer.status().as_u16(),
        content_type: kind.to_owned(),
        body: Vec::new(),
        transcript: Transcript::default(),
        first_token: None,
    };
    while let Some(chunk) = answer.chunk().await.map_err(|error| cause(&error))? {
        if question.completion {
            received.transcript.push(&chunk);
            if received.transcript.has_begun() && received.first_token.is_none() {
                received.first_token = Some(sent.elapsed());
            }
        }
        received.body.extend_from_slice(&chunk);
        if received.body.len() > MAX_BODY {
            break;
        }
    }
    received.transcript.finish();
    Ok(received)
}

impl Received {
    fn reply(&self) -> Reply<'_> {
        Reply {
            status: self.status,
            content_type: &self.content_type,
            body: &self.body,
            transcript: Some(&self.transcript),
        }
    }
}

/// A short answer that does not come is wrong; a long one may still be thought about.
fn too_late(question: &Question, limit: Duration) -> Verdict {
    let text = format!(
        "no answer to {} within {} s",
        question.name,
        limit.as_secs()
    );
    match question.patience {
        Patience::Answer => wrong(text),
        Patience::Thought => Verdict::Unsure(text),
    }
}

fn wrong(error: String) -> Verdict {
    Verdict::Wrong {
        error,
        evidence: None,
    }
}

/// The last cause: reqwest names the URL, its source what happened.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    clean_line(&cause.to_string(), 200)
}
