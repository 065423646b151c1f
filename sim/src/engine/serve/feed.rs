//! The pace of an answer: tokens come one by one, and stop coming when nobody listens any more.
//!
//! A feed has no task of its own. It is polled by the response body, so a client that goes away drops it,
//! and with it its place among the running requests.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

use super::{Server, wire::ApiError};
use crate::engine::{
    host::{EngineFault, EngineHost},
    stage::Stage,
    units::at_speed,
};

/// Tokens per second of one request on a real Spark.
const PACE: f64 = 40.0;
/// And never more than this, however fast time runs.
const FASTEST: f64 = 4000.0;

/// How long tokens take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    first: Duration,
    each: Duration,
}

impl Pace {
    /// For a prompt of `prompt` tokens on `host` now.
    pub(crate) fn new(host: &dyn EngineHost, prompt: u64) -> Self {
        let slower = match host.fault() {
            Some(EngineFault::SlowTokens { factor }) => factor.max(1.0),
            _ => 1.0,
        };
        let speed = host.speed().clamp(0.01, FASTEST / PACE) / slower;
        // Prefill reads about 2000 tokens a second.
        let prefill = 0.05 + crate::engine::units::ratio(prompt, 2000);
        Self {
            first: at_speed(prefill, speed),
            each: at_speed(1.0 / PACE, speed),
        }
    }
}

/// A piece of an answer: `tokens` of it and what a stream sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    /// Tokens in it; 0 for the frame around the answer.
    pub(crate) tokens: u64,
    /// What is sent.
    pub(crate) data: Value,
}

/// The rest of an answer.
#[derive(Debug)]
pub(crate) struct Feed {
    server: Arc<Server>,
    pieces: VecDeque<Piece>,
    pace: Pace,
    begun: Instant,
    last: Instant,
    written: u64,
    held: u64,
    finish: &'static str,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// Waits for a place among the running requests and begins.
    pub(crate) async fn begin(
        server: Arc<Server>,
        prompt: u64,
        pieces: VecDeque<Piece>,
        finish: &'static str,
    ) -> Result<Self, ApiError> {
        let place = {
            let _waiting = server.metrics.waiting.hold(1);
            tokio::select! {
                place = Arc::clone(&server.places).acquire_owned() => place,
                () = server.dead.cancelled() => return Err(ApiError::dead()),
            }
        };
        let place = place.map_err(|_closed| ApiError::dead())?;
        server.metrics.running.add(1);
        server.metrics.held.add(prompt);
        server
            .metrics
            .prompt_tokens
            .fetch_add(prompt, Ordering::Relaxed);
        server.host.working();
        let pace = Pace::new(server.host.as_ref(), prompt);
        let begun = Instant::now();
        let (last, written, held) = (begun, 0, prompt);
        Ok(Self {
            server,
            pieces,
            pace,
            begun,
            last,
            written,
            held,
            finish,
            _place: place,
        })
    }

    /// The next piece when its time has come; `None` after the last one, an error when the engine died.
    pub(crate) async fn next(&mut self) -> Option<Result<Value, ApiError>> {
        let piece = self.pieces.pop_front()?;
        if piece.tokens > 0 {
            let server = Arc::clone(&self.server);
            tokio::select! {
                () = self.wait(piece.tokens) => {}
                () = server.dead.cancelled() => return Some(Err(ApiError::dead())),
            }
            self.count(piece.tokens);
        }
        if self.pieces.is_empty() {
            self.server
                .metrics
                .finished(self.finish, self.begun.elapsed(), self.written);
        }
        Some(Ok(piece.data))
    }

    /// Lets the whole answer pass.
    pub(crate) async fn finish(mut self) -> Result<(), ApiError> {
        while let Some(piece) = self.next().await {
            piece?;
        }
        Ok(())
    }

    async fn wait(&self, tokens: u64) {
        if self.server.host.fault()
            == Some(EngineFault::Hang {
                stage: Stage::Ready,
            })
        {
            std::future::pending::<()>().await;
        }
        // Reckoned from the beginning, so that timer granularity does not slow a fast engine.
        let due = u32::try_from(self.written + tokens).unwrap_or(u32::MAX);
        sleep_until(self.begun + self.pace.first + self.pace.each * due).await;
    }

    fn count(&mut self, tokens: u64) {
        self.server.host.working();
        let metrics = &self.server.metrics;
        let now = Instant::now();
        if self.written == 0 {
            metrics.first_token(now - self.begun);
        } else {
            metrics.next_token(now - self.last);
        }
        metrics
            .generation_tokens
            .fetch_add(tokens, Ordering::Relaxed);
        metrics.held.add(tokens);
        self.last = now;
        self.written += tokens;
        self.held += tokens;
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.server.metrics.running.sub(1);
        self.server.metrics.held.sub(self.held);
    }
}
