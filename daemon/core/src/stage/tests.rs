//! Stages from real lines, and a bar that never goes back.

use proptest::prelude::*;

use super::*;

/// A load as vLLM prints it.
const LOG: [(&str, Stage); 9] = [
    (
        "(APIServer pid=1) INFO 11-23 12:00:01 [model.py:530] Resolved architecture: Qwen3ForCausalLM",
        Stage::Engine,
    ),
    (
        "INFO 11-23 12:00:09 [core.py:77] Initializing a V1 LLM engine (v0.32.0) with config: …",
        Stage::Engine,
    ),
    (
        "INFO 11-23 12:00:12 [parallel_state.py:1208] rank 0 in world size 2 is assigned as DP rank 0",
        Stage::RanksJoined,
    ),
    (
        "Loading safetensors checkpoint shards:  45% Completed | 5/11 [00:04<00:05,  1.05it/s]",
        Stage::LoadingWeights,
    ),
    (
        "INFO 11-23 12:00:30 [default_loader.py:308] Loading weights took 9.02 seconds",
        Stage::WeightsLoaded,
    ),
    (
        "INFO 11-23 12:00:31 [monitor.py:34] torch.compile takes 12.3 s in total",
        Stage::Compiling,
    ),
    (
        "INFO 11-23 12:00:40 [gpu_worker.py:298] Available KV cache memory: 61.20 GiB",
        Stage::KvCache,
    ),
    (
        "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  50%|█████     | 3/6 [00:01<00:01]",
        Stage::Graphs,
    ),
    (
        "(APIServer pid=1) INFO:     Application startup complete.",
        Stage::HttpUp,
    ),
];

#[test]
fn lines_tell_their_stage() {
    for (line, stage) in LOG {
        assert_eq!(read(line).map(|s| s.stage), Some(stage), "{line}");
    }
    assert_eq!(read("INFO 11-23 12:00:01 some other line"), None);
}

#[test]
fn counted_stages_tell_how_far_they_are() {
    assert_eq!(read(LOG[3].0).unwrap().percent, Some(45.0));
    assert_eq!(read(LOG[7].0).unwrap().percent, Some(50.0));
    assert_eq!(
        read("Loading safetensors checkpoint shards: 100% Completed | 2/2")
            .unwrap()
            .percent,
        Some(100.0)
    );
}

#[test]
fn a_load_goes_from_nothing_to_a_hundred() {
    let mut load = Load::new(Some(100.0));
    let done: Vec<f64> = LOG
        .iter()
        .map(|(line, _)| {
            load.take(line);
            load.progress(0.0).done.unwrap()
        })
        .collect();
    assert_eq!(done, [3.0, 3.0, 8.0, 37.0, 70.0, 75.0, 83.0, 91.0, 100.0]);
    assert_eq!(load.progress(50.0).eta_s, Some(0.0));
}

#[test]
fn a_second_rank_that_is_behind_moves_nothing() {
    let mut load = Load::new(None);
    assert!(load.take(LOG[4].0));
    assert!(!load.take(LOG[0].0));
    assert_eq!(load.stage(), Stage::WeightsLoaded);
}

#[test]
fn the_time_left_is_that_of_the_last_good_load() {
    let mut load = Load::new(Some(200.0));
    load.take(LOG[3].0);
    assert_eq!(load.progress(50.0).eta_s, Some(150.0));
    // Later than ever before: at the pace so far, with the bar at the end of its stage.
    let late = load.progress(350.0);
    assert_eq!((late.done, late.eta_s), (Some(70.0), Some(150.0)));
    assert_eq!(Load::new(None).progress(10.0).eta_s, None);
}

proptest! {
    #[test]
    fn the_bar_never_goes_back(lines in proptest::collection::vec(0usize..LOG.len(), 0..40), expected in 1.0f64..1000.0) {
        let mut load = Load::new(Some(expected));
        let mut before = 0.0;
        for (second, line) in (0u32..).zip(lines) {
            load.take(LOG[line].0);
            let done = load.progress(f64::from(second)).done.unwrap();
            prop_assert!(done >= before && done <= 100.0);
            before = done;
        }
    }
}
