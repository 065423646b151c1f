//! One probe: up the four levels, until one fails.

use std::time::{Duration, Instant};

use spark_core::deep::{
    Probed, Target, Verdict, health_says_ready, lists_model, questions, voices_path, with_voice,
};
use spark_core::probe::read_engine;
use spark_ipc::model::deep::{DeepCheck, DeepCheckState, DeepLevel, DeepState};
use spark_ipc::text::clean_line;
use tokio::net::TcpStream;

use super::ask::{self, Asked};

/// Time for each level below the last.
const SHORT: Duration = Duration::from_secs(5);
/// Time for the page of metrics, which is only a courtesy.
const GLANCE: Duration = Duration::from_secs(2);
/// Most bytes of a health route, a list or metrics that are read.
const SMALL: usize = 1 << 20;

/// How long answers may take (spark-domain 2.8: the first request compiles kernels).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(super) answer: Duration,
    pub(super) thought: Duration,
}

impl Limits {
    /// Of an engine that has not answered yet.
    pub(crate) const FIRST: Self = Self {
        answer: Duration::from_secs(180),
        thought: Duration::from_secs(180),
    };
    /// Of one that has.
    pub(crate) const WARM: Self = Self {
        answer: Duration::from_secs(20),
        thought: Duration::from_secs(60),
    };
}

/// A probe on its way.
struct Climb<'a> {
    http: &'a reqwest::Client,
    target: &'a Target,
    began: Instant,
    checks: Vec<DeepCheck>,
    dimensions: Option<usize>,
}

/// Why a level was not passed.
enum Stop {
    Failed(String, Box<Verdict>),
    Busy(String),
}

/// All four levels of `target`. `dimensions` is the length of its vectors at an earlier probe.
pub(super) async fn climb(
    http: &reqwest::Client,
    target: &Target,
    dimensions: Option<usize>,
    limits: Limits,
) -> Probed {
    let mut climb = Climb::new(http, target);
    if let Err(error) = climb.port().await {
        return climb.failed(DeepLevel::Port, &error);
    }
    if let Err(error) = climb.health().await {
        return climb.failed(DeepLevel::Health, &error);
    }
    if let Err(error) = climb.model_name().await {
        return climb.failed(DeepLevel::ModelName, &error);
    }
    if let Some(waiting) = climb.waiting().await {
        return climb.ended(DeepState::Busy, DeepLevel::Inference, Some(waiting));
    }
    climb.inference(dimensions, limits).await
}

/// The last level alone: for who has just seen the others pass.
pub(crate) async fn inference(http: &reqwest::Client, target: &Target, limits: Limits) -> Probed {
    Climb::new(http, target).inference(None, limits).await
}

impl<'a> Climb<'a> {
    fn new(http: &'a reqwest::Client, target: &'a Target) -> Self {
        Self {
            http,
            target,
            began: Instant::now(),
            checks: Vec::new(),
            dimensions: None,
        }
    }

    async fn port(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let url = reqwest::Url::parse(&self.target.base_url).ok();
        let place = url.as_ref().and_then(|url| {
            let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
            Some((host, url.port_or_known_default()?))
        });
        let connected = match place {
            None => Err("its address is not known".to_owned()),
            Some(place) => match tokio::time::timeout(SHORT, TcpStream::connect(place)).await {
                Ok(Ok(_stream)) => Ok(()),
                Ok(Err(error)) => Err(format!("its port does not answer: {error}")),
                Err(_late) => Err(format!("its port is silent for {} s", SHORT.as_secs())),
            },
        };
        self.note("port", began, connected)
    }

    async fn health(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let path = self.target.health.clone();
        let said = self.get(&path, SHORT).await;
        let well = said.and_then(|(status, body)| match status {
            200..=299 => health_says_ready(&body),
            status => Err(format!("{path} answered {status}")),
        });
        self.note("health", began, well)
    }

    /// A server that has no list of models is not held to it.
    async fn model_name(&mut self) -> Result<(), String> {
        let Some(model) = &self.target.model else {
            return Ok(());
        };
        let began = Instant::now();
        let named = match self.get("/v1/models", SHORT).await {
            Ok((200..=299, body)) => lists_model(&body, model),
            Ok((404 | 405 | 501, _)) => {
                let said = "it has no list of models".to_owned();
                self.push(
                    "model_name",
                    DeepCheckState::Skipped,
                    Some(began),
                    Some(said),
                );
                return Ok(());
            }
            Ok((status, _)) => Err(format!("/v1/models answered {status}")),
            Err(error) => Err(error),
        };
        self.note("model_name", began, named)
    }

    /// Says so when requests wait at the engine.
    async fn waiting(&self) -> Option<String> {
        let (status, page) = self.get("/metrics", GLANCE).await.ok()?;
        let page = String::from_utf8_lossy(&page);
        let waiting = read_engine(&page)
            .waiting
            .filter(|n| status == 200 && *n > 0.0)?;
        Some(format!("{waiting:.0} requests wait, so none was added"))
    }

    async fn inference(mut self, dimensions: Option<usize>, limits: Limits) -> Probed {
        let mut asked = questions(self.target, dimensions);
        if asked.is_empty() {
            return self.ended(DeepState::Unsupported, DeepLevel::Inference, None);
        }
        if let Some(path) = voices_path(self.target.kind)
            && let Ok((200, voices)) = self.get(path, SHORT).await
        {
            asked = asked.into_iter().map(|q| with_voice(q, &voices)).collect();
        }
        for question in asked {
            let name = question.name;
            let answer = ask::ask(self.http, &self.target.base_url, question, limits).await;
            self.dimensions = answer.dimensions.or(self.dimensions);
            match self.take(name, answer) {
                Ok(()) => {}
                Err(Stop::Busy(why)) => {
                    return self.ended(DeepState::Busy, DeepLevel::Inference, Some(why));
                }
                Err(Stop::Failed(error, verdict)) => {
                    let node = self.target.node.clone();
                    let mut probed = self.failed(DeepLevel::Inference, &error);
                    probed.advice = node.and_then(|node| verdict.advice(&node));
                    return probed;
                }
            }
        }
        self.ended(DeepState::Passed, DeepLevel::Inference, None)
    }

    /// Notes what came of a question.
    fn take(&mut self, name: &'static str, asked: Asked) -> Result<(), Stop> {
        let (state, detail) = match &asked.verdict {
            Verdict::Right(seen) => (DeepCheckState::Passed, seen),
            Verdict::Wrong { error, .. } => (DeepCheckState::Failed, error),
            Verdict::Unsure(why) | Verdict::Busy(why) => (DeepCheckState::Skipped, why),
        };
        let detail = clean_line(detail, 300);
        self.checks.push(DeepCheck {
            name: name.to_owned(),
            state,
            latency_ms: Some(millis(asked.latency)),
            first_token_ms: asked.first_token.map(millis),
            detail: Some(detail.clone()),
        });
        match asked.verdict {
            Verdict::Right(_) | Verdict::Unsure(_) => Ok(()),
            Verdict::Busy(_) => Err(Stop::Busy(detail)),
            wrong @ Verdict::Wrong { .. } => Err(Stop::Failed(detail, Box::new(wrong))),
        }
    }

    async fn get(&self, path: &str, limit: Duration) -> Result<(u16, Vec<u8>), String> {
        let url = format!("{}{path}", self.target.base_url);
        let exchange = async {
            let mut answer = self
                .http
                .get(url)
                .send()
                .await
                .map_err(|e| ask::cause(&e))?;
            let status = answer.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(|e| ask::cause(&e))? {
                body.extend_from_slice(&chunk);
                if body.len() > SMALL {
                    break;
                }
            }
            Ok((status, body))
        };
        let late = || {
            Err(format!(
                "{path} does not answer within {} s",
                limit.as_secs()
            ))
        };
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or_else(|_late| late())
    }

    fn note(
        &mut self,
        name: &str,
        began: Instant,
        result: Result<(), String>,
    ) -> Result<(), String> {
        let state = match &result {
            Ok(()) => DeepCheckState::Passed,
            Err(_) => DeepCheckState::Failed,
        };
        let detail = result.as_ref().err().map(|error| clean_line(error, 300));
        self.push(name, state, Some(began), detail);
        result
    }

    fn push(
        &mut self,
        name: &str,
        state: DeepCheckState,
        began: Option<Instant>,
        detail: Option<String>,
    ) {
        self.checks.push(DeepCheck {
            name: name.to_owned(),
            state,
            latency_ms: began.map(|began| millis(began.elapsed())),
            first_token_ms: None,
            detail,
        });
    }

    fn failed(self, level: DeepLevel, error: &str) -> Probed {
        let error = clean_line(error, 300);
        self.ended(DeepState::Failed, level, Some(error))
    }

    fn ended(self, state: DeepState, level: DeepLevel, error: Option<String>) -> Probed {
        Probed {
            state,
            level,
            latency_ms: millis(self.began.elapsed()),
            error,
            checks: self.checks,
            advice: None,
            dimensions: self.dimensions,
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
