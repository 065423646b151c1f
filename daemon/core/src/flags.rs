//! The flags and the environment of a recipe, held against what a real `vllm serve` takes.
//!
//! The engine refuses an unknown flag only after the memory of the last model has been given up, and it takes
//! any unique beginning of a flag for the whole one. So a recipe is held against an exact list beforehand: the
//! one that vLLM's own parser gives (`data/vllm-0.32.0-cli.json`), plus what an image adds. What runs code,
//! opens files or opens ports is not refused; it needs a yes by name ([`unconfirmed`]).

use std::sync::LazyLock;

use spark_ipc::id::ImageRef;
use spark_ipc::model::preflight::Confirmation;
use spark_ipc::model::recipe::{Recipe, RecipeFault};

mod combine;
mod danger;
mod engine;
mod env;
mod image;
mod managed;
mod nearest;
mod value;

pub use engine::{Engine, FlagKind, KnownFlag};
pub use nearest::nearest;
pub(crate) use value::size;

use crate::shell::Flag;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::known);

/// The engine whose flags are known.
pub fn engine() -> &'static Engine {
    &ENGINE
}

/// Everything that is wrong with the flags of a launch of `image` over `nodes` nodes; empty when the engine
/// would take them. Paths are `/flags/N`.
pub fn check(image: &ImageRef, nodes: u32, flags: &[String]) -> Vec<RecipeFault> {
    let mut found = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (i, flag) in flags.iter().enumerate() {
        let path = format!("/flags/{i}");
        let setting = setting_of(flag);
        match one(image, flag) {
            Some(trouble) => found.push(trouble.at(path, flag)),
            None if seen.contains(&setting) && !is_dotted(flag) => {
                found.push(repeated(flag).at(path, flag));
            }
            None => seen.push(setting),
        }
    }
    found.extend(combine::check(nodes, flags));
    found
}

/// Everything that is wrong with the flags, the environment and the `allow` list of a recipe.
pub fn recipe_faults(recipe: &Recipe) -> Vec<RecipeFault> {
    let mut found = check(&recipe.image, recipe.nodes, &recipe.flags);
    found.extend(env::check(&recipe.env));
    found.extend(image::executor_fault(recipe));
    found.extend(danger::needless(recipe));
    found
}

/// What of a recipe runs code, opens files or opens ports and has a yes neither in the recipe nor in `allow`.
pub fn unconfirmed(recipe: &Recipe, allow: &[String]) -> Vec<Confirmation> {
    let said = |name: &str| {
        let is = |yes: &String| name_of(yes) == name;
        recipe.allow.iter().any(is) || allow.iter().any(is)
    };
    let mut open = dangers(recipe);
    open.retain(|danger| !said(&danger.name));
    open
}

/// Everything in a recipe that runs code, opens files or opens ports, with a yes or without.
pub fn dangers(recipe: &Recipe) -> Vec<Confirmation> {
    danger::of(recipe)
}

/// The value of a flag of a recipe; `Some("")` for a switch.
pub(crate) fn value_of<'a>(flags: &'a [String], name: &str) -> Option<&'a str> {
    let flag = flags.iter().rev().find(|f| name_of(f) == name)?;
    Some(flag.split_once('=').map_or("", |(_, value)| value))
}

/// A flag's name with `_` read as `-`, without its value or its dotted key; other words as they are.
fn name_of(flag: &str) -> String {
    if !flag.starts_with('-') {
        return flag.to_owned();
    }
    let name = flag.split('=').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default().replace('_', "-")
}

fn is_dotted(flag: &str) -> bool {
    flag.split('=')
        .next()
        .is_some_and(|name| name.contains('.'))
}

/// What a flag sets: the same for its other spellings, and for the form with `--no-`.
fn setting_of(flag: &str) -> String {
    let name = name_of(flag);
    engine()
        .flag(&name)
        .map_or(name, |known| known.setting.clone())
}

/// A fault that does not know its place yet.
struct Trouble {
    code: &'static str,
    message: String,
    fix: Option<String>,
}

impl Trouble {
    fn new(code: &'static str, message: String, fix: impl Into<Option<String>>) -> Self {
        let fix = fix.into();
        Self { code, message, fix }
    }

    fn at(self, path: String, value: &str) -> RecipeFault {
        RecipeFault {
            path,
            code: self.code.to_owned(),
            value: Some(spark_ipc::text::clean_line(value, 200)),
            message: self.message,
            fix: self.fix,
        }
    }
}

fn one(image: &ImageRef, flag: &str) -> Option<Trouble> {
    if let Err(wrong) = Flag::checked(flag) {
        let fix = written_out(flag);
        return Some(Trouble::new("flag_malformed", wrong.to_string(), fix));
    }
    let name = name_of(flag);
    if let Some(refused) = managed::refused(&name) {
        return Some(refused);
    }
    if name.starts_with("-O") || image::adds(image, &name) {
        return None;
    }
    let Some(known) = engine().flag(&name) else {
        return Some(unknown(&name));
    };
    if is_dotted(flag) {
        return value::dotted(&name, known);
    }
    value::check(&name, known, flag.split_once('=').map(|(_, value)| value))
}

/// How a flag that is not written as `--name=value` should be.
fn written_out(flag: &str) -> Option<String> {
    let (name, value) = flag.split_once(['=', ' ']).unwrap_or((flag, ""));
    let long = engine().long_name(name)?;
    let value = value.trim();
    Some(match value {
        "" if long == name => return None,
        "" => format!("Write {long}"),
        value => format!("Write {long}={}", spark_ipc::text::clean_line(value, 80)),
    })
}

fn unknown(name: &str) -> Trouble {
    let engine = engine();
    let message = format!("{name} is not a flag of vLLM {}", engine.version);
    let near = engine.nearest_flag(name);
    Trouble::new(
        "flag_unknown",
        message,
        near.map(|n| format!("Did you mean {n}?")),
    )
}

fn repeated(flag: &str) -> Trouble {
    let name = name_of(flag);
    let fix = "Leave one of the two out".to_owned();
    Trouble::new("flag_repeated", format!("{name} is set twice"), fix)
}

#[cfg(test)]
mod tests;
