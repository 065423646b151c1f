//! What can be wrong with a recipe before anything is launched.
//!
//! Flags are held against the list of a real `vllm serve`, since the engine refuses an unknown one only
//! after the memory of the last model has been given up.

use std::sync::LazyLock;

use spark_ipc::model::recipe::Recipe;

use super::engine::{Engine, FlagKind, KnownFlag, nearest};
use crate::launch::MASTER_PORT;
use crate::shell::{EnvName, EnvValue, Flag};

/// One fault: where in the recipe, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// e.g. `flags[2]`.
    pub path: String,
    pub message: String,
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::known);

/// Flags that a launch sets itself, and the recipe field that does it.
const MANAGED: [(&str, &str); 14] = [
    ("--model", "repo"),
    ("--served-model-name", "served_name"),
    ("--port", "port"),
    ("--host", "nothing: the engine listens on every address"),
    ("--nnodes", "nodes"),
    ("--node-rank", "nodes"),
    ("--headless", "nodes"),
    ("--master-addr", "nodes"),
    ("--master-port", "nodes"),
    ("--distributed-executor-backend", "executor"),
    ("--api-key", "nothing: the proxy could not reach the engine"),
    ("--uds", "nothing: the proxy could not reach the engine"),
    (
        "--root-path",
        "nothing: the proxy could not reach the engine",
    ),
    ("--config", "flags: a file could set any of them"),
];

/// Flags that run code or open files that came with the model or the recipe.
const DANGEROUS: [&str; 14] = [
    "--trust-remote-code",
    "--allowed-local-media-path",
    "--middleware",
    "--tool-parser-plugin",
    "--reasoning-parser-plugin",
    "--logits-processors",
    "--worker-cls",
    "--worker-extension-cls",
    "--scheduler-cls",
    "--hf-overrides",
    "--tool-server",
    "--kv-transfer-config",
    "--download-dir",
    "--profiler-config",
];

/// Flags that only images of some kind know: a part of the image's name, then the flags.
const IMAGE_FLAGS: [(&str, &[&str]); 1] = [("mxfp4", &["--mxfp4-backend", "--mxfp4-layers"])];

/// Everything that is wrong with a recipe; empty when it can be launched.
pub fn problems(recipe: &Recipe) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |path: String, message: String| found.push(Problem { path, message });
    if !(1..=8).contains(&recipe.nodes) {
        say(
            "nodes".into(),
            format!("{} is not a number of nodes from 1 to 8", recipe.nodes),
        );
    }
    if recipe.port == 0 || recipe.port == MASTER_PORT {
        say(
            "port".into(),
            format!("{} cannot be served on", recipe.port),
        );
    }
    if recipe.need_gib.is_some_and(|n| n == 0 || n > 1024) {
        say("need_gib".into(), "must be from 1 to 1024".into());
    }
    if let Some(name) = recipe.served_name.as_deref().filter(|n| !is_served_name(n)) {
        say(
            "served_name".into(),
            format!("{name:?} must be 1-128 of A-Z a-z 0-9 . _ : / -"),
        );
    }
    for (name, value) in &recipe.env {
        let wrong = EnvName::checked(name)
            .err()
            .or(EnvValue::checked(value).err());
        if let Some(wrong) = wrong {
            say(format!("env.{name}"), wrong.to_string());
        }
    }
    let mut seen: Vec<String> = Vec::new();
    for (i, flag) in recipe.flags.iter().enumerate() {
        let name = flag_name(flag);
        if let Some(message) = flag_problem(recipe, flag, &name) {
            say(format!("flags[{i}]"), message);
        } else if seen.contains(&name) {
            say(format!("flags[{i}]"), format!("{name} is set twice"));
        }
        seen.push(name);
    }
    found
}

/// Flags of a recipe that deserve a word before they are used, by name.
pub fn dangerous_flags(recipe: &Recipe) -> Vec<String> {
    let names = recipe.flags.iter().map(|f| flag_name(f));
    names.filter(|n| DANGEROUS.contains(&n.as_str())).collect()
}

/// The value of a flag of a recipe; `Some("")` for a switch.
pub(crate) fn flag_value<'a>(recipe: &'a Recipe, name: &str) -> Option<&'a str> {
    let flag = recipe.flags.iter().rev().find(|f| flag_name(f) == name)?;
    Some(flag.split_once('=').map_or("", |(_, value)| value))
}

/// A flag's name with `_` read as `-`, without its value or its dotted key.
fn flag_name(flag: &str) -> String {
    let name = flag.split('=').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default().replace('_', "-")
}

fn flag_problem(recipe: &Recipe, flag: &str, name: &str) -> Option<String> {
    if let Err(wrong) = Flag::checked(flag) {
        return Some(wrong.to_string());
    }
    if let Some((_, field)) = MANAGED.iter().find(|(managed, _)| *managed == name) {
        return Some(format!("{name} is set by Spark Control; use {field}"));
    }
    if name.starts_with("--ssl-") {
        return Some(format!("{name}: the proxy speaks plain HTTP to the engine"));
    }
    if name.starts_with("-O") || image_knows(recipe, name) {
        return None;
    }
    let Some(known) = ENGINE.flag(name) else {
        let near = ENGINE
            .nearest_flag(name)
            .map(|n| format!("; the nearest is {n}"));
        let version = &ENGINE.version;
        return Some(format!(
            "{name} is not a flag of vLLM {version}{}",
            near.unwrap_or_default()
        ));
    };
    let dotted = flag.split('=').next().is_some_and(|n| n.contains('.'));
    let value = flag.split_once('=').map(|(_, value)| value);
    if dotted {
        None
    } else {
        value_problem(name, known, value)
    }
}

fn image_knows(recipe: &Recipe, name: &str) -> bool {
    IMAGE_FLAGS
        .iter()
        .any(|(part, flags)| recipe.image.as_str().contains(part) && flags.contains(&name))
}

fn value_problem(name: &str, known: &KnownFlag, value: Option<&str>) -> Option<String> {
    let Some(value) = value else {
        let bare = known.kind == FlagKind::Switch || known.value_optional;
        return (!bare).then(|| format!("{name} needs a value: {name}=…"));
    };
    match known.kind {
        FlagKind::Switch => return Some(format!("{name} takes no value")),
        FlagKind::Integer if value.parse::<i64>().is_err() => {
            return Some(format!("{name}: {value:?} is not a whole number"));
        }
        FlagKind::Number if !value.parse::<f64>().is_ok_and(f64::is_finite) => {
            return Some(format!("{name}: {value:?} is not a number"));
        }
        _ => {}
    }
    if !known.choices.is_empty() && !known.choices.iter().any(|c| c == value) {
        return Some(not_one_of(name, value, &known.choices));
    }
    match name {
        "--tool-call-parser" => parser_problem(name, value, &ENGINE.tool_parsers),
        "--reasoning-parser" => parser_problem(name, value, &ENGINE.reasoning_parsers),
        "--gpu-memory-utilization" => utilization_problem(value),
        _ => None,
    }
}

fn parser_problem(name: &str, value: &str, parsers: &[String]) -> Option<String> {
    (!parsers.iter().any(|p| p == value)).then(|| not_one_of(name, value, parsers))
}

fn not_one_of(name: &str, value: &str, choices: &[String]) -> String {
    let near = nearest(value, choices.iter().map(String::as_str));
    let near = near
        .map(|n| format!("; the nearest is {n}"))
        .unwrap_or_default();
    format!("{name}: vLLM {} knows no {value:?}{near}", ENGINE.version)
}

/// Above 0.90 the machine has too little memory left to stay alive (GB10 shares it with the system).
fn utilization_problem(value: &str) -> Option<String> {
    let share = value.parse::<f64>().unwrap_or(0.0);
    let fits = share > 0.0 && share <= 0.90;
    (!fits).then(|| format!("--gpu-memory-utilization={value} must be above 0 and at most 0.90"))
}

fn is_served_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
}
