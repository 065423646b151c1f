//! What each row knows, and the choice between several.

use super::*;
use crate::plan::tests::world::{id, now};

mod lines;
mod near;

use lines::LINES;
use near::NEAR;

/// Rows that are reached in other ways, each by a test of its own.
const OTHERWISE: [&str; 4] = [
    "memory_not_returned",
    "never_started",
    "crash_loop",
    "failing_launches",
];

fn line(rank: u32, second: i64, text: &str) -> Evidence {
    Evidence {
        node: id(rank + 1),
        rank: Some(rank),
        at: Some(now().plus_seconds(second)),
        text: text.to_owned(),
    }
}

fn cause(lines: &[Evidence]) -> Option<String> {
    first_cause(lines, &[]).map(|a| a.id)
}

#[test]
fn every_row_knows_its_line() {
    for (expected, text) in LINES {
        let found = find_in(&[line(0, 0, text)], 0).map(|f| f.pattern.id);
        assert_eq!(found, Some(*expected), "{text}");
    }
}

#[test]
fn every_row_has_a_line_or_another_test_and_an_id_of_its_own() {
    let ids: Vec<&str> = table().map(|p| p.id).collect();
    for id in &ids {
        assert_eq!(
            ids.iter().filter(|i| i == &id).count(),
            1,
            "{id} is used once"
        );
        let near = NEAR.iter().filter(|(row, _)| row == id).count();
        assert_eq!(near, 1, "{id} has a line that it must not match");
        let tested = LINES.iter().any(|(row, _)| row == id) || OTHERWISE.contains(id);
        assert!(tested, "{id} has no test line");
    }
}

#[test]
fn a_line_that_is_only_close_is_no_row() {
    for (_, text) in NEAR {
        let found = find_in(&[line(0, 0, text)], 0).map(|f| f.pattern.id);
        assert_eq!(found, None, "{text}");
    }
}

#[test]
fn rows_that_no_line_tells_carry_their_figures() {
    let advice = crash_loop("vllm_node", 4);
    assert_eq!(
        advice.cause,
        "vllm_node ended and was started 4 times in ten minutes: what makes it end is still there."
    );
    let advice = failing_launches("org/model", 3, "The GPU's memory is full\u{1b}[31m");
    assert_eq!(
        advice.cause,
        "The last 3 launches of org/model failed. The last one: The GPU's memory is full."
    );
}

#[test]
fn the_length_that_the_engine_estimates_is_named_where_it_tells() {
    let (_, whole) = LINES
        .iter()
        .find(|(id, _)| *id == "context_too_long")
        .unwrap();
    let remedy = |text: &str| first_cause(&[line(0, 0, text)], &[]).unwrap().remedy;
    assert!(remedy(whole).contains("(the engine estimates: 125824)"));
    let cut = whole.split(" Based on").next().unwrap();
    assert!(remedy(cut).contains("(the engine estimates: unknown)"));
}

#[test]
fn figures_of_the_line_stand_in_the_cause() {
    let advice = first_cause(&[line(1, 0, LINES[0].1)], &[]).unwrap();
    assert_eq!(
        advice.cause,
        "The node had 16.33 of 119.7 GiB free when the engine started, and it was told to take 95.76 GiB."
    );
    assert_eq!((advice.node, advice.rank), (Some(id(2)), Some(1)));
    assert_eq!(advice.evidence, [LINES[0].1]);
}

#[test]
fn the_earliest_certain_cause_wins_over_the_loudest() {
    let worker = line(
        1,
        10,
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    );
    let head = [
        line(
            0,
            5,
            "NCCL WARN socketProgress: Connection closed by remote peer",
        ),
        line(
            0,
            8,
            "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.",
        ),
        line(
            0,
            610,
            "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients.",
        ),
    ];
    let mut lines = head.to_vec();
    assert_eq!(cause(&lines).as_deref(), Some("ranks_never_met"));
    lines.push(worker);
    assert_eq!(cause(&lines).as_deref(), Some("cuda_out_of_memory"));
    assert_eq!(cause(&head[..2]).as_deref(), Some("engine_dead"));
    assert_eq!(cause(&head[..1]), None);
}

#[test]
fn a_warning_that_goes_on_is_no_cause() {
    let lines = [
        line(
            0,
            0,
            "UserWarning: NVIDIA GB10 with CUDA capability sm_121 is not compatible with the current PyTorch installation.",
        ),
        line(
            0,
            1,
            "INFO 11-23 12:00:01 [model.py:530] Resolved architecture: Qwen3ForCausalLM",
        ),
        line(
            0,
            9,
            "(APIServer pid=1) INFO:     Application startup complete.",
        ),
    ];
    assert_eq!(cause(&lines), None);
}

#[test]
fn ordinary_lines_are_no_causes() {
    for text in [
        "INFO 11-23 12:00:31 [gpu_worker.py:298] Available KV cache memory: 61.20 GiB",
        "INFO 11-23 12:00:12 [parallel_state.py:1208] rank 0 in world size 2 is assigned as DP rank 0",
        "spark1:123:456 [0] NCCL INFO NET/IB : Using [0]rocep1s0f1:1/RoCE [1]roceP2p1s0f1:1/RoCE",
        "(APIServer pid=1) INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
        "INFO 11-23 12:00:01 Initializing a V1 LLM engine with config: trust_remote_code=True, dtype=torch.bfloat16, max_seq_len=32768",
        "",
    ] {
        assert_eq!(cause(&[line(0, 0, text)]), None, "{text}");
    }
}

#[test]
fn memory_that_was_not_given_back_is_told_from_memory_that_ran_out() {
    let lines = [
        line(
            0,
            0,
            "  File \"vllm/utils/mem_utils.py\", line 71, in __post_init__",
        ),
        line(
            0,
            0,
            "    self.free_memory, self.total_memory = torch.cuda.mem_get_info()",
        ),
        line(0, 1, "torch.AcceleratorError: CUDA error: out of memory"),
    ];
    assert_eq!(cause(&lines).as_deref(), Some("memory_not_returned"));
    // The same traceback on the other rank says nothing about this one.
    let apart = [lines[1].clone(), line(1, 1, &lines[2].text)];
    assert_eq!(cause(&apart).as_deref(), Some("cuda_out_of_memory"));
}

#[test]
fn a_line_without_a_time_is_as_old_as_the_one_before_it() {
    let mut untimed = line(0, 0, "OSError: [Errno 98] Address already in use");
    untimed.at = None;
    let lines = [
        line(0, 3, "Traceback (most recent call last):"),
        untimed,
        line(1, 5, "RuntimeError: CUDA error: out of memory"),
    ];
    assert_eq!(cause(&lines).as_deref(), Some("port_in_use"));
}

fn ending(state: &str, code: i32, error: &str) -> Ending {
    Ending {
        node: id(1),
        rank: 0,
        at: Some(now()),
        state: state.to_owned(),
        exit_code: Some(code),
        oom_killed: false,
        error: error.to_owned(),
    }
}

#[test]
fn how_a_container_ended_is_evidence_too() {
    let of = |ending: Ending| first_cause(&[], &[ending]).map(|a| a.id);
    assert_eq!(of(ending("exited", 137, "")).as_deref(), Some("killed"));
    assert_eq!(
        of(ending("created", 0, "error gathering device information")).as_deref(),
        Some("never_started")
    );
    assert_eq!(
        of(ending(
            "created",
            127,
            "could not select device driver \"\" with capabilities: [[gpu]]"
        ))
        .as_deref(),
        Some("nvidia_toolkit")
    );
    assert_eq!(of(ending("exited", 1, "")), None);
    let earlier = line(0, -5, "vllm: error: unrecognized arguments: --frobnicate");
    let both = first_cause(&[earlier], &[ending("exited", 137, "")]).unwrap();
    assert_eq!(both.cause, "It refused --frobnicate.");
}

#[test]
fn hostile_log_text_is_cleaned() {
    let hostile = "vllm: error: unrecognized arguments: --x\u{1b}]52;c;aGk=\u{7}\u{202e}y";
    let advice = first_cause(&[line(0, 0, hostile)], &[]).unwrap();
    assert_eq!(advice.cause, "It refused --xy.");
    assert!(!advice.evidence[0].contains('\u{1b}'));
}
