//! What every NIM does before it serves: the key, the profiles, the cache.
//!
//! A NIM fetches its weights at the first start into `/opt/nim/.cache`, for which it needs `NGC_API_KEY`; with
//! whole weights there it needs none. It does not run as root, so a mounted cache must be open to it.

use std::path::PathBuf;

use super::fetch::{self, Weights};
use super::start::{End, Start};

/// One NIM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nim {
    /// As clients ask for it, e.g. `meta/llama-3.1-8b-instruct`.
    pub(super) model: &'static str,
    /// Last part of the image's name.
    pub(super) image: &'static str,
    /// Bytes that the first start fetches.
    pub(super) weight_bytes: u64,
    /// The profile that suits a Spark: its hash and its description.
    pub(super) profile: (&'static str, &'static str),
}

/// Where a NIM keeps what it fetched.
const CACHE: &str = "/opt/nim/.cache";

impl Nim {
    /// `list-model-profiles`.
    pub(super) fn list_profiles(&self, start: &Start) -> i32 {
        let gpu = if start.host.gpus() == 0 {
            "- Free GPUs: <None>".to_owned()
        } else {
            "- Free GPUs:\n  -  [2e12:10de] (0) NVIDIA GB10 (NVIDIA GB10) [current utilization: 0%]"
                .to_owned()
        };
        let (hash, text) = self.profile;
        let fits = if start.host.gpus() == 0 {
            format!(
                "- Compatible with system and runnable: <None>\n- Incompatible with system:\n  - {hash} ({text})"
            )
        } else {
            format!(
                "- Compatible with system and runnable:\n  - {hash} ({text})\n- Compilable to TRT-LLM using just-in-time compilation of HF models to TRTLLM engines: <None>\n- Incompatible with system: <None>"
            )
        };
        start.say_all(&format!("SYSTEM INFO\n{gpu}\nMODEL PROFILES\n{fits}"));
        0
    }

    /// Fetches what is missing, and gives the folder of the model, when the cache is mounted.
    pub(super) async fn prepare(&self, start: &Start) -> Result<Option<PathBuf>, End> {
        banner(start, self.image);
        if start.host.gpus() == 0 {
            start.say("WARNING: The NVIDIA Driver was not detected.  GPU functionality will not be available.");
            error(
                start,
                "nim_sdk::profile",
                "rust/nim-sdk/src/profile.rs:88",
                "No compatible GPU was found on this system",
            );
            return Err(End(1));
        }
        start.pause(4.0).await?;
        let (hash, text) = self.profile;
        info(
            start,
            "ngc_profile.py:246",
            &format!("Running NIM with profile {hash} ({text})"),
        );
        let cache = start.host.folder(CACHE);
        if let Some(cache) = &cache
            && !fetch::is_open(cache)
        {
            start.say(&format!(
                "PermissionError: [Errno 13] Permission denied: '{CACHE}/ngc'"
            ));
            return Err(End(1));
        }
        let folder = cache.map(|cache| cache.join("ngc/hub").join(self.place()));
        let weights = Weights {
            file: "model-00001-of-00001.safetensors",
            bytes: self.weight_bytes,
        };
        if weights.are_in(folder.as_deref()) {
            info(
                start,
                "ngc_injector.py:152",
                "Model workspace is already prepared.",
            );
            return Ok(folder);
        }
        authorise(start)?;
        info(
            start,
            "ngc_injector.py:152",
            "Preparing model workspace. This step might download additional files to run the model.",
        );
        weights.fetch(start, folder.as_deref()).await?;
        info(
            start,
            "ngc_injector.py:172",
            "Model workspace is now ready.",
        );
        Ok(folder)
    }

    fn place(&self) -> String {
        format!("models--nim--{}", self.model.replace('/', "--"))
    }
}

/// What NVIDIA's NIM images print first.
fn banner(start: &Start, image: &str) {
    start.say_all(&format!(
        "\n===========================================\n== NVIDIA NIM {image}\n===========================================\n\nContainer image Copyright (c) 2016-2026, NVIDIA CORPORATION & AFFILIATES. All rights reserved.\n"
    ));
}

/// A line of a NIM's log.
pub(super) fn info(start: &Start, at: &str, text: &str) {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
    start.say(&format!("INFO {time} {at}] {text}"));
}

fn error(start: &Start, target: &str, at: &str, text: &str) {
    let time = jiff::Timestamp::now().strftime("%m-%d %H:%M:%S%.3f");
    start.say(&format!("[{time} ERROR  {target}  {at}] {text}"));
}

/// Refuses a start that has to fetch without a key that NVIDIA takes.
fn authorise(start: &Start) -> Result<(), End> {
    let given = ["NGC_API_KEY", "NIM_NGC_API_KEY"]
        .iter()
        .find_map(|name| start.host.env(name))
        .unwrap_or_default();
    if is_key(&given) {
        return Ok(());
    }
    if given.is_empty() {
        start.say("WARNING: NGC_API_KEY is not set. Model downloads from NGC will fail.");
    }
    error(
        start,
        "nim_sdk::hub::repo",
        "rust/nim-sdk/src/hub/repo.rs:117",
        "One or more errors fetching files:",
    );
    error(
        start,
        "nim_sdk::hub::repo",
        "rust/nim-sdk/src/hub/repo.rs:119",
        "Authentication Error: 401 Unauthorized for https://api.ngc.nvidia.com/v2/org/nim/models",
    );
    start.say_all("Traceback (most recent call last):\n  File \"/opt/nim/llm/nim_llm_sdk/hub/ngc_injector.py\", line 169, in prepare_workspace\n    cached = repo.get_all()\nException: Authentication Error: NGC_API_KEY is missing, invalid, or may not read this model");
    Err(End(1))
}

/// `nvapi-…`, or the older form of 86 letters and digits and `==`.
fn is_key(text: &str) -> bool {
    let new = text
        .strip_prefix("nvapi-")
        .is_some_and(|rest| rest.len() >= 16 && rest.is_ascii());
    let old = text
        .strip_suffix("==")
        .is_some_and(|rest| rest.len() == 86 && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    new || old
}

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn keys_have_one_of_two_forms() {
        assert!(is_key("nvapi-0123456789abcdef0123"));
        assert!(is_key(&format!("{}==", "a".repeat(86))));
        for wrong in ["", "nvapi-", "nvapi-short", "hf_0123456789abcdef0123"] {
            assert!(!is_key(wrong), "{wrong}");
        }
    }
}
