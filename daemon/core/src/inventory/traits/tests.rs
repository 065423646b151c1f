//! What configurations say.

use serde_json::{Value, json};

use super::*;
use crate::plan::tests::world::disk_model;

fn model(repo: &str, config: Value) -> DiskModel {
    DiskModel {
        config: Some(config),
        ..disk_model(repo)
    }
}

#[test]
fn parameters_come_from_the_name_or_from_the_size() {
    let of = |repo: &str, config: Value| traits_of(&model(repo, config)).parameters;
    assert_eq!(
        of("Qwen/Qwen3.6-35B-A3B-FP8", json!({})),
        Some(35_000_000_000)
    );
    assert_eq!(of("Qwen/Qwen3-0.6B", json!({})), Some(600_000_000));
    assert_eq!(
        of("a/plain", json!({"torch_dtype": "bfloat16"})),
        Some(8 << 30)
    );
    assert_eq!(of("a/plain", json!({})), None);
}
