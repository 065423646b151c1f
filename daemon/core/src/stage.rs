//! How far a load is, read from the engine's log.
//!
//! The engine tells its stages in passing; each has a place on one scale that only grows, so that the bar never
//! jumps back when a second rank or a second set of shards begins. The time left rests on the last good load.

use std::sync::LazyLock;

use regex::Regex;
use spark_ipc::model::operation::Progress;

/// A stage of a load, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Starting,
    Engine,
    RanksJoined,
    LoadingWeights,
    WeightsLoaded,
    Compiling,
    KvCache,
    Graphs,
    HttpUp,
}

impl Stage {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Engine => "starting the engine",
            Self::RanksJoined => "ranks joined",
            Self::LoadingWeights => "loading weights",
            Self::WeightsLoaded => "weights loaded",
            Self::KvCache => "KV cache sized",
            Self::Compiling => "compiling",
            Self::Graphs => "capturing CUDA graphs",
            Self::HttpUp => "listening",
        }
    }

    /// Its part of the scale, in percent: weights take most of the time.
    fn span(self) -> (f64, f64) {
        match self {
            Self::Starting => (0.0, 3.0),
            Self::Engine => (3.0, 8.0),
            Self::RanksJoined => (8.0, 10.0),
            Self::LoadingWeights => (10.0, 70.0),
            Self::WeightsLoaded => (70.0, 75.0),
            // The engine compiles while it measures what is left for the cache.
            Self::Compiling => (75.0, 83.0),
            Self::KvCache => (83.0, 85.0),
            Self::Graphs => (85.0, 97.0),
            Self::HttpUp => (100.0, 100.0),
        }
    }
}

/// What one line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sign {
    pub stage: Stage,
    /// How far the stage itself is, where the line counts.
    pub percent: Option<f64>,
}

/// The stage that a log line belongs to.
pub fn read(line: &str) -> Option<Sign> {
    let row = SIGNS
        .iter()
        .find(|(_, marks)| marks.iter().any(|m| line.contains(m)))?;
    Some(Sign {
        stage: row.0,
        percent: counted(line),
    })
}

/// Marks of the stages, the last stage first: a line that has marks of two belongs to the later one.
const SIGNS: [(Stage, &[&str]); 8] = [
    (
        Stage::HttpUp,
        &["Application startup complete", "Uvicorn running on"],
    ),
    (
        Stage::Graphs,
        &["Capturing CUDA graph", "Graph capturing finished"],
    ),
    (
        Stage::KvCache,
        &[
            "Available KV cache memory",
            "GPU KV cache size",
            "Maximum concurrency for",
        ],
    ),
    (
        Stage::Compiling,
        &["torch.compile takes", "Dynamo bytecode transform"],
    ),
    (
        Stage::WeightsLoaded,
        &["Loading weights took", "Model loading took"],
    ),
    (
        Stage::LoadingWeights,
        &[
            "Loading safetensors",
            "Loading pt checkpoint",
            "using fastsafetensors",
            "checkpoint shards:",
        ],
    ),
    (Stage::RanksJoined, &["in world size", "NCCL version "]),
    (
        Stage::Engine,
        &["Resolved architecture: ", "Initializing a V1 LLM engine"],
    ),
];

#[expect(clippy::expect_used, reason = "a constant expression, tested")]
static PERCENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(\d{1,3})\s?%(?: Completed|\|)").expect("the expression is valid")
});

fn counted(line: &str) -> Option<f64> {
    let percent: f64 = PERCENT.captures(line)?.get(1)?.as_str().parse().ok()?;
    (percent <= 100.0).then_some(percent)
}

/// The load of one unit, all ranks together.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    stage: Stage,
    percent: f64,
    expected_s: Option<f64>,
}

impl Load {
    /// A load that begins; `expected_s` is how long the last good one took.
    pub fn new(expected_s: Option<f64>) -> Self {
        let expected_s = expected_s.filter(|s| s.is_finite() && *s > 0.0);
        Self {
            stage: Stage::Starting,
            percent: 0.0,
            expected_s,
        }
    }

    /// Takes a log line of any rank; whether anything moved.
    pub fn take(&mut self, line: &str) -> bool {
        let Some(sign) = read(line) else {
            return false;
        };
        let (low, high) = sign.stage.span();
        let percent = low + (high - low) * sign.percent.unwrap_or(0.0) / 100.0;
        let moved = sign.stage > self.stage || percent > self.percent;
        self.stage = self.stage.max(sign.stage);
        self.percent = self.percent.max(percent);
        moved
    }

    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Progress `elapsed_s` after the start. The time that passed counts too, up to what the log has proven
    /// next: a long silent stage still moves, but never past its end.
    pub fn progress(&self, elapsed_s: f64) -> Progress {
        let elapsed_s = elapsed_s.max(0.0);
        let by_time = self.expected_s.map_or(0.0, |all| elapsed_s / all * 100.0);
        let ceiling = self.stage.span().1.max(self.percent);
        let done = self.percent.max(by_time.min(ceiling)).min(100.0);
        Progress {
            done: Some(done),
            total: Some(100.0),
            unit: "percent".to_owned(),
            rate: None,
            eta_s: self.eta_s(elapsed_s, done),
            stage: Some(self.stage.label().to_owned()),
        }
    }

    fn eta_s(&self, elapsed_s: f64, done: f64) -> Option<f64> {
        if self.stage == Stage::HttpUp {
            return Some(0.0);
        }
        let left = self.expected_s? - elapsed_s;
        // Later than the last time: what is left at the pace so far.
        let by_pace = || (done > 10.0).then(|| elapsed_s * (100.0 - done) / done);
        if left > 0.0 { Some(left) } else { by_pace() }
    }
}

#[cfg(test)]
mod tests;
