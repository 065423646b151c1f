//! The stages of a start, in the order in which a real vLLM writes them to its log, and how long each takes.
//!
//! Rates come from published Spark runs: `NVMe` reads at about 4 GB/s, 35 GB of FP8 weights in 9 s with a
//! parallel loader, about half a minute from process start to the first weight on a cold page cache.

use serde::{Deserialize, Serialize};

/// A stage of a start. Faults name the stage at which they strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The configuration is read and the engine process starts.
    EngineInit,
    /// Every rank has reached the master port.
    RanksJoined,
    /// Shards are being read.
    LoadingWeights,
    /// All weights are in memory.
    WeightsLoaded,
    /// The memory profile run, which compiles the model.
    Compile,
    /// What is left is given to the KV cache. vLLM says this after compiling.
    KvCache,
    /// CUDA graphs are captured.
    Graphs,
    /// The server answers.
    Ready,
}

/// Bytes read per second while loading, by the default loader.
const LOAD_RATE: f64 = 4e9;
/// fastsafetensors and instanttensor read about three times as fast on a Spark.
const FAST_LOADER: f64 = 3.0;

/// How long the stages of one start take at speed 1, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timeline {
    bytes: u64,
    fast: bool,
    eager: bool,
    ranks: u32,
}

impl Timeline {
    /// A start that reads `bytes` of weights on each of `ranks` nodes.
    pub(crate) fn new(bytes: u64, load_format: &str, eager: bool, ranks: u32) -> Self {
        let fast = matches!(
            load_format,
            "fastsafetensors" | "instanttensor" | "runai_streamer"
        );
        Self {
            bytes,
            fast,
            eager,
            ranks,
        }
    }

    /// Seconds spent in `stage`.
    pub(crate) fn seconds(&self, stage: Stage) -> f64 {
        match stage {
            Stage::EngineInit => 5.0,
            Stage::RanksJoined if self.ranks > 1 => 3.0,
            Stage::RanksJoined => 0.5,
            Stage::LoadingWeights => self.loading(),
            Stage::WeightsLoaded => 1.0,
            Stage::Compile if self.eager => 2.0,
            Stage::Compile => 9.0,
            Stage::KvCache => 1.0,
            Stage::Graphs if self.eager => 0.0,
            Stage::Graphs => 4.0,
            Stage::Ready => 0.5,
        }
    }

    fn loading(&self) -> f64 {
        let rate = if self.fast {
            LOAD_RATE * FAST_LOADER
        } else {
            LOAD_RATE
        };
        super::units::ratio(self.bytes, 1) / rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_follows_the_bytes_and_the_loader() {
        let seconds =
            |format| Timeline::new(36_000_000_000, format, false, 1).seconds(Stage::LoadingWeights);
        assert!((seconds("auto") - 9.0).abs() < 1e-9);
        assert!((seconds("fastsafetensors") - 3.0).abs() < 1e-9);
    }

    #[test]
    fn eager_mode_captures_no_graphs() {
        assert!(
            Timeline::new(1, "auto", true, 1)
                .seconds(Stage::Graphs)
                .abs()
                < 1e-9
        );
        assert!(Timeline::new(1, "auto", false, 1).seconds(Stage::Graphs) > 0.0);
    }

    #[test]
    fn stages_are_ordered_as_the_log_shows_them() {
        assert!(Stage::Compile < Stage::KvCache && Stage::KvCache < Stage::Graphs);
        assert_eq!(
            serde_json::to_string(&Stage::LoadingWeights).unwrap(),
            "\"loading_weights\""
        );
    }
}
