//! What runs code, opens files or opens ports: allowed, but only with a yes by name.
//!
//! The list is that of the threat model: everything by which a model's author, a recipe's author or a client
//! could reach more than the model.

use spark_ipc::model::preflight::Confirmation;
use spark_ipc::model::recipe::{Recipe, RecipeFault};

use super::{engine, name_of};

/// Names of flags, and what each lets happen.
const FLAGS: [(&str, &str); 25] = [
    (
        "--trust-remote-code",
        "runs Python code that came with the model",
    ),
    (
        "--allowed-local-media-path",
        "lets requests read files of the container",
    ),
    ("--middleware", "loads Python code into the server"),
    ("--tool-parser-plugin", "loads Python code from a file"),
    ("--reasoning-parser-plugin", "loads Python code from a file"),
    ("--io-processor-plugin", "loads Python code into the engine"),
    ("--logits-processors", "loads Python code into the engine"),
    (
        "--worker-cls",
        "replaces a part of the engine by other code",
    ),
    ("--worker-extension-cls", "adds other code to the engine"),
    (
        "--scheduler-cls",
        "replaces a part of the engine by other code",
    ),
    (
        "--model-class-overrides",
        "replaces the model's class by other code",
    ),
    (
        "--hf-overrides",
        "changes the model's configuration, which can name code to load",
    ),
    (
        "--chat-template",
        "renders a template that is not the model's own",
    ),
    (
        "--trust-request-chat-template",
        "renders templates that clients send",
    ),
    (
        "--trust-request-mm-kwargs",
        "lets clients set options of the media loaders",
    ),
    (
        "--tool-server",
        "lets the engine call tools on other machines",
    ),
    (
        "--kv-transfer-config",
        "opens connections to other machines and loads the code for them",
    ),
    (
        "--ec-transfer-config",
        "opens connections to other machines and loads the code for them",
    ),
    (
        "--weight-transfer-config",
        "lets weights be replaced from other machines",
    ),
    ("--kv-events-config", "tells other machines about the cache"),
    (
        "--model-loader-extra-config",
        "changes how weights are loaded and from where",
    ),
    (
        "--download-dir",
        "loads from another folder than the one that was looked at",
    ),
    ("--log-config-file", "loads the classes that a file names"),
    (
        "--profiler-config",
        "opens routes that write profiles to the disk",
    ),
    (
        "--enable-tokenizer-info-endpoint",
        "shows the tokenizer's configuration to every client",
    ),
];

/// Names of variables, and what each lets happen.
const VARIABLES: [(&str, &str); 6] = [
    (
        "VLLM_SERVER_DEV_MODE",
        "opens the debugging routes of the engine to every client",
    ),
    (
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
        "lets every client load adapters from any path",
    ),
    (
        "VLLM_ALLOW_INSECURE_SERIALIZATION",
        "lets messages carry code that the engine runs",
    ),
    ("VLLM_PLUGINS", "loads Python code into the engine"),
    (
        "HF_HUB_OFFLINE",
        "can let the engine download at the start what is missing",
    ),
    (
        "HF_ENDPOINT",
        "downloads from another place than Hugging Face",
    ),
];

/// The dangerous flags and variables of a recipe, each once.
pub(super) fn of(recipe: &Recipe) -> Vec<Confirmation> {
    let flags = recipe.flags.iter().map(|flag| canonical(flag));
    let mut found: Vec<Confirmation> = Vec::new();
    for name in flags.chain(recipe.env.keys().cloned()) {
        let known = FLAGS.iter().chain(&VARIABLES).find(|(n, _)| *n == name);
        if let Some((_, why)) = known.filter(|_| found.iter().all(|f| f.name != name)) {
            let why = (*why).to_owned();
            found.push(Confirmation { name, why });
        }
    }
    found
}

/// A yes to something that needs none is most likely a slip of the pen.
pub(super) fn needless(recipe: &Recipe) -> Vec<RecipeFault> {
    let known = |name: &str| FLAGS.iter().chain(&VARIABLES).any(|(n, _)| *n == name);
    let allow = recipe.allow.iter().enumerate();
    allow
        .filter(|(_, name)| !known(&name_of(name)))
        .map(|(i, name)| {
            let name = spark_ipc::text::clean_line(name, 200);
            let candidates = FLAGS.iter().chain(&VARIABLES).map(|(n, _)| *n);
            let near = super::nearest(&name, candidates);
            RecipeFault {
                path: format!("/allow/{i}"),
                code: "allow_unknown".to_owned(),
                message: format!("{name} needs no yes"),
                value: Some(name),
                fix: Some(near.map_or_else(
                    || "Leave it out".to_owned(),
                    |near| format!("Did you mean {near}?"),
                )),
            }
        })
        .collect()
}

/// The name of a flag in its first spelling. `--no-…` switches off and is no danger, so it keeps its own.
fn canonical(flag: &str) -> String {
    let name = name_of(flag);
    let same = |known: &&(&str, &str)| {
        let setting = |n: &str| engine().flag(n).map(|f| f.setting.as_str());
        !name.starts_with("--no-")
            && setting(known.0).is_some()
            && setting(known.0) == setting(&name)
    };
    FLAGS
        .iter()
        .find(same)
        .map_or(name.clone(), |(n, _)| (*n).to_owned())
}
