//! The lister on a real shell and a real folder, with Python and without, and the reader on nonsense.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the script is tested by running it; the core itself runs nothing"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache in the home directory of a node.
struct Cache {
    home: tempfile::TempDir,
}

impl Cache {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".cache/huggingface/hub")).unwrap();
        Self { home }
    }

    fn put(&self, path: &str, text: &str) -> &Self {
        let path = self.home.path().join(".cache/huggingface/hub").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A file of the snapshot of `folder` as a link to a blob.
    fn link(&self, folder: &str, name: &str, text: &str) -> &Self {
        let blob = name.replace('/', "_");
        self.put(&format!("{folder}/blobs/{blob}"), text)
            .dangle(folder, name)
    }

    fn dangle(&self, folder: &str, name: &str) -> &Self {
        let hub = self.home.path().join(".cache/huggingface/hub");
        let path = hub.join(folder).join("snapshots").join(COMMIT).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(
            hub.join(folder).join("blobs").join(name.replace('/', "_")),
            path,
        )
        .unwrap();
        self
    }

    fn list(&self, python: bool) -> (Vec<DiskModel>, Vec<String>) {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", include_str!("../list.sh")])
            .env_clear()
            .env("HOME", self.home.path());
        let tools = self.home.path().join("tools");
        if python {
            command.env(
                "PATH",
                std::option_env!("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin"),
            );
        } else {
            tools_without_python(&tools);
            command.env("PATH", &tools);
        }
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
        read(&String::from_utf8(output.stdout).unwrap())
    }

    /// The state of every model, by repository, with the missing files.
    fn states(&self, python: bool) -> Vec<(String, DiskState, Vec<String>)> {
        let (models, warnings) = self.list(python);
        assert_eq!(warnings, [] as [String; 0]);
        models
            .into_iter()
            .map(|m| (m.repo.to_string(), m.state, m.missing))
            .collect()
    }
}

fn tools_without_python(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for tool in [
        "cat", "ls", "head", "find", "stat", "sort", "awk", "sed", "grep", "tr", "wc", "test",
    ] {
        let found = ["/usr/bin", "/bin"]
            .iter()
            .map(|d| Path::new(d).join(tool))
            .find(|p| p.exists());
        let _linked_before = symlink(found.unwrap(), folder.join(tool));
    }
}

/// One model a rule.
fn shelf() -> Cache {
    let cache = Cache::new();
    let whole = "models--Org--Whole";
    cache
        .put(&format!("{whole}/refs/main"), COMMIT)
        .link(whole, "config.json", r#"{"model_type":"qwen3","num_hidden_layers":28,"secret":"x","text_config":{"head_dim":128,"junk":1}}"#)
        .link(whole, "model.safetensors", "weights")
        .link(whole, "README.md", "words");
    let shards = "models--Org--Shards";
    cache
        .link(
            shards,
            "model.safetensors.index.json",
            r#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#,
        )
        .link(shards, "model-1.safetensors", "weights");
    let dangling = "models--Org--Dangling";
    cache
        .link(dangling, "config.json", "{}")
        .link(dangling, "model-1.safetensors", "w")
        .dangle(dangling, "model-2.safetensors");
    cache.link("models--Org--Bare", "config.json", "{}");
    let begun = "models--Org--Begun";
    cache
        .link(begun, "config.json", "{}")
        .dangle(begun, "model.safetensors");
    // What an estimator of memory leaves: the index came with the configuration, no shard was begun.
    let indexed = "models--Org--Indexed";
    cache.link(indexed, "config.json", "{}").link(
        indexed,
        "model.safetensors.index.json",
        r#"{"weight_map":{"a":"model-1.safetensors"}}"#,
    );
    cache.link("models--gpt2", "model.safetensors", "weights");
    cache.put(
        "models--Org--Real/snapshots/abc/model.safetensors",
        "no links here",
    );
    cache.put("datasets--Org--Data/snapshots/abc/x.bin", "ignored");
    cache.put("models--Org--Growing/blobs/one.incomplete", "half");
    cache
}

#[test]
fn every_rule_of_completeness_holds_with_python_and_without() {
    let cache = shelf();
    let expected = [
        ("Org/Bare", DiskState::NoWeights, &[] as &[&str]),
        ("Org/Begun", DiskState::Partial, &["model.safetensors"]),
        ("Org/Dangling", DiskState::Partial, &["model-2.safetensors"]),
        ("Org/Growing", DiskState::Downloading, &[]),
        (
            "Org/Indexed",
            DiskState::NoWeights,
            &["model-1.safetensors"],
        ),
        ("Org/Real", DiskState::Complete, &[]),
        ("Org/Shards", DiskState::Partial, &["model-2.safetensors"]),
        ("Org/Whole", DiskState::Complete, &[]),
        ("gpt2", DiskState::Complete, &[]),
    ];
    for python in [true, false] {
        let found = cache.states(python);
        let found: Vec<_> = found
            .iter()
            .map(|(r, s, m)| {
                (
                    r.as_str(),
                    *s,
                    m.iter().map(String::as_str).collect::<Vec<_>>(),
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(r, s, m)| (*r, *s, m.to_vec()))
            .collect();
        assert_eq!(found, expected, "python: {python}");
    }
}

#[test]
fn only_the_facts_that_decide_something_are_carried() {
    let (models, _) = shelf().list(true);
    let whole = models
        .iter()
        .find(|m| m.repo.as_str() == "Org/Whole")
        .unwrap();
    let config = serde_json::json!({"model_type": "qwen3", "num_hidden_layers": 28, "text_config": {"head_dim": 128}});
    assert_eq!(whole.config, Some(config));
    assert_eq!(whole.commit.as_deref(), Some(COMMIT));
    assert_eq!(
        (whole.weight_bytes, whole.markers.clone()),
        (7, vec!["safetensors".to_owned()])
    );
    let (plain, _) = shelf().list(false);
    let whole = plain
        .iter()
        .find(|m| m.repo.as_str() == "Org/Whole")
        .unwrap();
    assert_eq!(whole.config.as_ref().unwrap()["num_hidden_layers"], 28);
    assert_eq!(whole.weight_bytes, 7);
}

#[test]
fn a_manifest_is_held_against_names_and_sizes() {
    let cache = Cache::new();
    let tree = |size: u32| {
        format!(
            r#"{{"format_version":1,"files":{{"model.safetensors":{{"size":{size}}},"config.json":{{"size":2}},"README.md":{{"size":9}},"original/x.pth":{{"size":9}}}}}}"#
        )
    };
    let folder = "models--Org--Tree";
    cache
        .link(folder, "model.safetensors", "weights")
        .link(folder, "config.json", "{}");
    cache.put(&format!("{folder}/trees/{COMMIT}.json"), &tree(7));
    assert_eq!(cache.states(true)[0].1, DiskState::Complete);
    cache.put(&format!("{folder}/trees/{COMMIT}.json"), &tree(8));
    assert_eq!(cache.states(true)[0].2, ["model.safetensors"]);
}

#[test]
fn a_set_of_gguf_parts_is_whole_or_partial_and_other_sizes_are_optional() {
    let cache = Cache::new();
    let folder = "models--Org--Parts-GGUF";
    cache.link(folder, "q4-00001-of-00002.gguf", "x");
    assert_eq!(cache.states(true)[0].2, ["q4-00002-of-00002.gguf"]);
    cache.link(folder, "q4-00002-of-00002.gguf", "x");
    cache.put(
        &format!("{folder}/trees/{COMMIT}.json"),
        r#"{"files":{"q4-00001-of-00002.gguf":{"size":1},"q4-00002-of-00002.gguf":{"size":1},"q8.gguf":{"size":99}}}"#,
    );
    assert_eq!(cache.states(true)[0].1, DiskState::Complete);
}

#[test]
fn an_old_unfinished_file_is_no_download() {
    let cache = Cache::new();
    let path = "models--Org--Old/blobs/x.incomplete";
    cache
        .put(path, "half")
        .link("models--Org--Old", "model.safetensors", "weights");
    let file = cache.home.path().join(".cache/huggingface/hub").join(path);
    assert!(
        Command::new("touch")
            .args(["-d", "2020-01-01"])
            .arg(file)
            .status()
            .unwrap()
            .success()
    );
    for python in [true, false] {
        let (models, _) = cache.list(python);
        assert_eq!(
            (models[0].state, models[0].incomplete_bytes),
            (DiskState::Complete, 4),
            "python: {python}"
        );
    }
}

#[test]
fn a_missing_cache_is_an_empty_list() {
    let cache = Cache {
        home: tempfile::tempdir().unwrap(),
    };
    assert_eq!(cache.list(true), (Vec::new(), Vec::new()));
    assert_eq!(cache.list(false), (Vec::new(), Vec::new()));
}

#[test]
fn names_that_are_no_repositories_are_left_out() {
    let cache = Cache::new();
    cache.put(
        "models--Org--$(touch x)/snapshots/abc/model.safetensors",
        "w",
    );
    let (models, warnings) = cache.list(true);
    assert_eq!((models.len(), warnings.len()), (0, 1));
    assert_eq!(cache.list(false), (Vec::new(), Vec::new()));
}

#[test]
fn nonsense_is_warned_of_and_costs_itself_alone() {
    let line = r#"{"folder":"models--a--b","state":"complete","commit":"../x","config":[1],"missing":["\u001b[31mx"]}"#;
    let (models, warnings) = read(&format!("garbage\n{line}\n"));
    let [model] = models.as_slice() else {
        panic!("{models:?}")
    };
    assert_eq!((model.commit.as_deref(), &model.config), (None, &None));
    assert_eq!(model.missing, ["x"]);
    assert_eq!(warnings.len(), 2);
    assert_eq!(warnings[1], "models: the list was cut");
    assert!(!is_whole("") && !is_whole(line) && is_whole("{\"hub\":\"/x\"}\n\n"));
}

#[test]
fn a_configuration_that_is_too_large_is_left_out() {
    let large = "x".repeat(CONFIG_LIMIT);
    let line = format!(
        r#"{{"folder":"models--a--b","state":"complete","config":{{"model_type":"{large}"}}}}"#
    );
    assert_eq!(read(&line).0[0].config, None);
}

#[test]
fn a_whole_snapshot_stays_whole_while_another_revision_is_fetched() {
    let cache = Cache::new();
    let folder = "models--Org--Twice";
    cache
        .link(folder, "model.safetensors", "weights")
        .put(&format!("{folder}/blobs/new.incomplete"), "half");
    assert_eq!(cache.states(true)[0].1, DiskState::Downloading);
    let tree = r#"{"files":{"model.safetensors":{"size":7}}}"#;
    cache.put(&format!("{folder}/trees/{COMMIT}.json"), tree);
    assert_eq!(cache.states(true)[0].1, DiskState::Complete);
}

#[test]
fn what_a_configuration_says_is_cleaned_at_any_depth() {
    let text = concat!(
        r#"{"folder":"models--o--m","state":"complete","#,
        r#""config":{"a\u001b[31m":["\u202ex",{"b\u0007":"y\nz","n":1}]},"#,
        r#""quant_config":{"quant_algo":"\u009b2JFP8"}}"#,
        "\n",
        r#"{"folder":"models--o--n","state":"complete"}"#,
        "\nconfig\tmodels--o--n\t",
        r#"{"architectures":["\u001b]0;x\u0007A"]}"#,
        "\n",
        r#"{"hub":"h"}"#,
    );
    let (models, warnings) = read(text);
    assert_eq!(warnings, [] as [String; 0]);
    let [first, second] = models.as_slice() else {
        panic!("{models:?}")
    };
    assert_eq!(
        first.config,
        Some(serde_json::json!({"a": ["x", {"b": "y z", "n": 1}]}))
    );
    assert_eq!(
        first.quant_config,
        Some(serde_json::json!({"quant_algo": "FP8"}))
    );
    assert_eq!(
        second.config,
        Some(serde_json::json!({"architectures": ["A"]}))
    );
}

#[test]
fn what_a_set_up_needs_is_carried_too() {
    let cache = Cache::new();
    let mistral = "models--mistralai--Voxtral";
    cache
        .link(
            mistral,
            "params.json",
            r#"{"dim":3072,"n_layers":30,"n_heads":32,"n_kv_heads":8,"head_dim":128,"hidden_dim":8192,
                "max_position_embeddings":131072,"secret":1,"moe":{"num_experts":8,"expert_hidden_dim":4096},
                "quantization":{"qformat_weight":"fp8_e4m3"},"multimodal":{"whisper_model_args":{"x":1}}}"#,
        )
        .link(mistral, "consolidated.safetensors", "weights")
        .link(mistral, "tekken.json", "{}");
    cache
        .link(
            "models--org--lora",
            "adapter_config.json",
            r#"{"base_model_name_or_path":"Qwen/Qwen3-8B"}"#,
        )
        .link("models--org--lora", "adapter_model.safetensors", "w");
    let sharded = "models--org--sharded";
    cache.link(sharded, "model-1.safetensors", "w").link(
        sharded,
        "model.safetensors.index.json",
        r#"{"metadata":{"total_size":1234},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#,
    );
    let (models, warnings) = cache.list(true);
    assert_eq!(warnings, [] as [String; 0]);
    let [voxtral, lora, sharded] = models.as_slice() else {
        panic!("{models:?}")
    };
    let config = serde_json::json!({"model_type": "voxtral", "architectures": ["VoxtralForConditionalGeneration"],
        "hidden_size": 3072, "num_hidden_layers": 30, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "intermediate_size": 8192, "max_position_embeddings": 131_072, "num_experts": 8,
        "moe_intermediate_size": 4096, "quantization_config": {"quant_method": "fp8"}});
    assert_eq!(voxtral.config, Some(config));
    assert_eq!(
        voxtral.markers,
        ["consolidated", "params", "safetensors", "tekken"]
    );
    assert_eq!(lora.adapter_base.as_deref(), Some("Qwen/Qwen3-8B"));
    assert_eq!(
        (sharded.index_bytes, sharded.full_weight_bytes()),
        (Some(1234), 1234)
    );
}

#[test]
fn facts_of_unusual_attention_are_carried_without_the_rest() {
    let cache = Cache::new();
    let folder = "models--org--odd";
    cache.link(folder, "model.safetensors", "w").link(
        folder,
        "config.json",
        r#"{"block_configs":[{"attention":{"n_heads_in_group":8,"x":1},"ffn":{"y":1}},{"attention":null}],
            "linear_attn_config":{"full_attn_layers":[4],"kda_layers":[1,2,3],"num_heads":32,"head_dim":128},
            "quantization_config":{"quant_method":"compressed-tensors","kv_cache_scheme":{"num_bits":8},"ignore":["z"]}}"#,
    );
    let (models, _) = cache.list(true);
    let config = serde_json::json!({
        "block_configs": [{"attention": {"n_heads_in_group": 8}}, {"attention": {}}],
        "linear_attn_config": {"full_attn_layers": [4], "num_heads": 32, "head_dim": 128},
        "quantization_config": {"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8}}});
    assert_eq!(models[0].config, Some(config));
}
