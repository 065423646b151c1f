//! Downloads from the simulated Hub, through real shells and the built executable.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use spark_sim::cache::{self, Extent};
use spark_sim::faults::{Fault, HfRunner, HubFault, HubTrouble};
use spark_sim::node::{process, sshd_environment};
use spark_sim::{Node, NodeConfig, tools};

const SMALL: &str = "Qwen/Qwen3-0.6B";
const LARGE: &str = "Qwen/Qwen3-Coder-Next-FP8";
const GATED: &str = "meta-llama/Llama-3.1-8B-Instruct";

struct Spark {
    node: Node,
    _dir: tempfile::TempDir,
}

impl Spark {
    fn new(last: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [.., high, low] = std::process::id().to_be_bytes();
        let config = NodeConfig {
            address: Ipv4Addr::new(127, high.max(1), low, last),
            speed: 5000.0,
            ..NodeConfig::default()
        };
        let node = Node::create(&dir.path().join("n"), config).unwrap();
        node.link_tools(Path::new(env!("CARGO_BIN_EXE_spark-sim")), tools::NAMES)
            .unwrap();
        Self { node, _dir: dir }
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(sshd_environment(&self.node))
            .args(["-c", script]);
        command.current_dir(self.node.home());
        command
    }

    fn sh(&self, script: &str) -> Output {
        self.command(script).output().unwrap()
    }

    /// Its standard output, when it went well.
    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out.trim_end().to_owned()
    }

    /// Checks that `script` ends with 1 and says `words` on standard error.
    fn refuses(&self, script: &str, words: &str) {
        let output = self.sh(script);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{script}: {err}");
        assert!(err.contains(words), "{script}: {err}");
    }

    fn hub(&self, error: HubTrouble) {
        self.node.clear_faults(Some("hub")).unwrap();
        self.node
            .set_fault(Fault::Hub(HubFault { error, repo: None }))
            .unwrap();
    }

    fn blobs(&self, repo: &str) -> PathBuf {
        cache::repo_dir(&self.node.hub(), repo).join("blobs")
    }

    /// Apparent bytes of all blobs, and how many are partial.
    fn bytes(&self, repo: &str) -> (u64, usize) {
        let entries: Vec<_> = fs::read_dir(self.blobs(repo))
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let partial =
            |entry: &&fs::DirEntry| entry.path().extension().is_some_and(|e| e == "incomplete");
        let sizes = entries
            .iter()
            .filter_map(|entry| Some(entry.metadata().ok()?.len()));
        (sizes.sum(), entries.iter().filter(partial).count())
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        self.node.clear_faults(Some("root_owned")).ok();
        process::kill_all(self.node.dir());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_download_makes_a_whole_model() {
    let spark = Spark::new(40);
    let path = spark.ok(&format!("hf download {SMALL} --quiet"));
    let whole = Spark::new(41);
    cache::put(&whole.node, SMALL, Extent::Complete).unwrap();
    assert_eq!(spark.bytes(SMALL), whole.bytes(SMALL));
    assert!(Path::new(&path).join("model.safetensors").exists());
    let same = spark.ok(&format!("HF_DEBUG=1 hf download {SMALL}"));
    assert!(
        same.ends_with(&format!("✓ Downloaded\u{1b}[0m\n  path: {path}")),
        "{same}"
    );
    let verified = spark.ok(&format!("hf cache verify {SMALL}"));
    assert!(verified.ends_with("All checksums match."), "{verified}");
    let json = spark.ok(&format!("hf download {SMALL} --json"));
    assert_eq!(json, format!("{{\"path\":\"{path}\"}}"));
}

#[test]
fn a_preview_counts_what_is_missing() {
    let spark = Spark::new(42);
    let before = spark.ok(&format!(
        "hf download {GATED} --include '*.json' --dry-run | head -1; true"
    ));
    assert_eq!(before, "", "a gated repository has no preview");
    let first = |script: &str| spark.ok(&format!("{script} | head -1"));
    let dry = format!("hf download {SMALL} --dry-run");
    assert_eq!(
        first(&dry),
        "[dry-run] Will download 8 files (out of 8) totalling 1.5G."
    );
    assert_eq!(spark.bytes(SMALL), (0, 0));
    spark.ok(&format!(
        "hf download {SMALL} --exclude '*.safetensors' --quiet"
    ));
    assert_eq!(
        first(&dry),
        "[dry-run] Will download 1 files (out of 8) totalling 1.5G."
    );
    spark.ok(&format!("hf download {SMALL} --quiet"));
    assert_eq!(
        first(&dry),
        "[dry-run] Will download 0 files (out of 8) totalling 0.0."
    );
}

#[test]
fn the_hub_refuses_in_its_own_words() {
    let spark = Spark::new(43);
    let with = |token: &str| format!("HF_DEBUG=1 HF_TOKEN={token} hf download {GATED}");
    spark.refuses(
        &format!("hf download {GATED}"),
        &format!("Error: Access denied. Model '{GATED}' requires approval.\n"),
    );
    spark.refuses(
        &with(""),
        "Cannot access gated repo for url https://huggingface.co/meta-llama/",
    );
    spark.refuses(&with("hf_stranger"), "GatedRepoError: 403 Client Error. ");
    spark.refuses(&with("nonsense"), "Invalid user token");
    spark.refuses(
        "hf download nobody/nothing",
        "Error: Model 'nobody/nothing' not found.\n",
    );
    spark.refuses(
        "HF_DEBUG=1 HF_TOKEN=hf_x hf download nobody/nothing",
        "RepositoryNotFoundError: 404 Client Error. ",
    );
    spark.refuses(
        &format!("hf download {SMALL} --revision v9"),
        &format!("Revision not found in model '{SMALL}'."),
    );
    spark.refuses(
        &format!("hf download {SMALL} nope.bin"),
        &format!("File not found in model '{SMALL}'."),
    );
    spark.refuses(
        "hf download nobody/nothing --dry-run",
        "DryRunError: Dry run cannot be performed",
    );
    spark.refuses("hf download 'a/../b'", "Invalid value. Repo id must use");
    for (trouble, words) in [
        (HubTrouble::RateLimited, "429 Too Many Requests"),
        (
            HubTrouble::Timeout,
            "Local entry not found. The read operation timed out",
        ),
        (HubTrouble::ServerError, "503 Service Unavailable"),
        (HubTrouble::EntryNotFound, "File not found in model"),
        (HubTrouble::Reset, "Connection reset by peer"),
    ] {
        spark.hub(trouble);
        spark.refuses(&format!("hf download {LARGE}"), words);
    }
    spark.node.clear_faults(None).unwrap();
    spark.refuses(
        &format!("HF_HUB_OFFLINE=1 hf download {GATED}"),
        "offline mode is enabled",
    );
    spark.node.set_fault(Fault::NoInternet).unwrap();
    spark.refuses(
        &format!("HF_DEBUG=1 hf download {SMALL}"),
        "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate",
    );
    assert_eq!(
        spark.bytes(LARGE).1,
        0,
        "partial files do not outlive a client that fails"
    );
}

#[test]
fn a_token_opens_what_is_gated_from_the_environment_or_the_file() {
    let spark = Spark::new(44);
    let config = format!("hf download {GATED} config.json --quiet");
    spark.ok(&format!("HF_TOKEN=hf_secret0 {config}"));
    spark.refuses(&format!("{config} tokenizer.json"), "requires approval");
    fs::write(
        spark.node.home().join(".cache/huggingface/token"),
        "hf_file0\n",
    )
    .unwrap();
    spark.ok(&format!("{config} tokenizer.json"));
    let argv = spark.node.recorded().unwrap();
    let has = |secret: &str| {
        argv.iter()
            .any(|line| line.argv.iter().any(|word| word.contains(secret)))
    };
    // The first one stands in the words of the shell that ran the script.
    assert!(has("hf_secret0") && !has("hf_file0") && has("download"));
}

#[test]
fn a_full_disk_ends_it_and_finished_files_are_kept() {
    let spark = Spark::new(45);
    spark
        .node
        .set_fault(Fault::FullDisk {
            free_bytes: 9_000_000_000,
        })
        .unwrap();
    let script = format!("hf download {LARGE} --max-workers 1");
    spark.refuses(&script, "No space left on device (os error 28)");
    let (kept, partial) = spark.bytes(LARGE);
    assert!((6_000_000_000..9_000_000_000).contains(&kept), "{kept}");
    assert_eq!(partial, 0);
    spark.refuses(
        &format!("HF_HUB_DISABLE_XET=1 {script}"),
        "OSError: [Errno 28] No space left on device",
    );
    spark
        .node
        .set_fault(Fault::FullDisk { free_bytes: 1000 })
        .unwrap();
    spark.refuses(
        &script,
        "UserWarning: Not enough free disk space to download the file.",
    );
}

#[test]
fn a_killed_client_leaves_its_partial_files_and_the_next_one_goes_on() {
    let spark = Spark::new(46);
    spark
        .node
        .set_fault(Fault::Stall {
            after_bytes: 9_000_000_000,
        })
        .unwrap();
    let script = format!("setsid nohup hf download {LARGE} --max-workers 2 >log 2>&1 & echo $!");
    let pid: u32 = spark.ok(&script).parse().unwrap();
    while spark.bytes(LARGE).0 < 9_000_000_000 {
        assert!(process::is_alive(pid), "{}", spark.ok("cat log"));
        std::thread::yield_now();
    }
    process::signal(pid, rustix::process::Signal::KILL);
    while process::is_alive(pid) {
        std::thread::yield_now();
    }
    let (_, partial) = spark.bytes(LARGE);
    assert_eq!(partial, 2);
    spark.node.clear_faults(None).unwrap();
    spark.ok(&format!("hf download {LARGE} --quiet"));
    assert_eq!(
        spark.bytes(LARGE).1,
        2,
        "nobody goes on with another client's file"
    );
    let verified = spark.ok(&format!("hf cache verify {LARGE}"));
    assert!(verified.starts_with("✅ Verified"), "{verified}");
}

#[test]
fn every_runner_of_the_chain_can_be_the_only_one() {
    let spark = Spark::new(47);
    let only = |runner| {
        spark
            .node
            .set_fault(Fault::HfRunners { only: vec![runner] })
            .unwrap();
    };
    let get = "download Qwen/Qwen3-0.6B config.json --quiet";
    spark.refuses(
        &format!("huggingface-cli {get}"),
        "`huggingface-cli` is deprecated and no longer works.",
    );
    only(HfRunner::Uvx);
    spark.ok(&format!("! command -v hf && uvx hf {get}"));
    only(HfRunner::LocalHf);
    spark.ok(&format!("! command -v uvx && ~/.local/bin/hf {get}"));
    only(HfRunner::HuggingfaceCli);
    spark.ok(&format!(
        "test ! -e ~/.local/bin/hf && huggingface-cli {get}"
    ));
    spark.refuses(
        "huggingface-cli download nobody/nothing",
        "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. ",
    );
    spark
        .node
        .set_fault(Fault::HfRunners { only: Vec::new() })
        .unwrap();
    spark.ok(&format!(
        "! command -v huggingface-cli && docker run --rm --user $(id -u):$(id -g) --entrypoint hf \
         -v $HOME/.cache/huggingface/hub:/hub -e HF_HUB_CACHE=/hub -e HF_HOME=/tmp/hf eugr/spark-vllm:latest {get}"
    ));
    assert!(!spark.node.faults().root_owned(SMALL));
}

#[test]
fn a_container_without_a_user_leaves_files_that_are_roots() {
    let spark = Spark::new(48);
    let run = "docker run --rm --entrypoint hf -v $HOME/.cache/huggingface:/root/.cache/huggingface \
               eugr/spark-vllm:latest download Qwen/Qwen3-0.6B config.json --quiet";
    spark.ok(run);
    spark.refuses(
        &format!("hf download {SMALL}"),
        "PermissionError: [Errno 13] Permission denied: '",
    );
    let foreign = "find .cache/huggingface/hub -maxdepth 3 ! -user $(id -un) -print -quit; \
                   find .cache/huggingface/hub -type d ! -writable -print -quit";
    assert!(
        spark.ok(foreign).contains("models--Qwen--Qwen3-0.6B"),
        "{}",
        spark.ok(foreign)
    );
    spark.node.clear_faults(None).unwrap();
    spark.ok(&format!("hf download {SMALL} --quiet"));
}

#[test]
fn the_disk_has_less_room_afterwards() {
    let spark = Spark::new(49);
    let free = || {
        spark
            .ok("df -B1 --output=avail . | tail -n 1")
            .trim()
            .parse::<u64>()
            .unwrap()
    };
    let before = free();
    spark.ok(&format!("hf download {SMALL} --quiet"));
    assert!(before - free() >= 1_503_300_328);
    let apparent = spark.ok(
        "du -sb --apparent-size .cache/huggingface/hub/models--Qwen--Qwen3-0.6B/blobs | cut -f1",
    );
    assert!(apparent.parse::<u64>().unwrap() >= 1_503_300_328);
}

#[test]
fn the_hub_can_be_asked_with_curl() {
    let spark = Spark::new(60);
    let url = |repo: &str| format!("https://huggingface.co/api/models/{repo}?blobs=true");
    let model: serde_json::Value =
        serde_json::from_str(&spark.ok(&format!("curl -fsS '{}'", url(SMALL)))).unwrap();
    let weights = model["siblings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["rfilename"] == "model.safetensors");
    assert_eq!(weights.unwrap()["size"], 1_503_300_328_u64);
    let status = |words: &str, repo: &str| {
        spark.ok(&format!(
            "curl -s -o /dev/null -w '%{{http_code}}' {words} '{}'",
            url(repo)
        ))
    };
    assert_eq!(status("", "nobody/nothing"), "401");
    assert_eq!(
        status("-H 'Authorization: Bearer hf_x'", "nobody/nothing"),
        "404"
    );
    assert_eq!(
        status("", GATED),
        "200",
        "the listing of a gated repository is open"
    );
    let stdin = format!(
        "printf 'header = \"Authorization: Bearer hf_x\"' | curl -s -K - '{}' | grep -c house",
        url("acme/house-model")
    );
    assert_eq!(spark.ok(&stdin), "1");
    let refused = spark.sh(&format!("curl -f '{}'", url("nobody/nothing")));
    assert_eq!(refused.status.code(), Some(22));
    assert!(text(&refused.stderr).contains("curl: (22) The requested URL returned error: 401"));
    spark.node.set_fault(Fault::NoInternet).unwrap();
    let output = spark.sh(&format!("curl '{}'", url(SMALL)));
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
}
