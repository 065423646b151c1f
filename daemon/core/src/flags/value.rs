//! Values of flags, as vLLM's parser would read them.

use super::engine::{FlagKind, KnownFlag};
use super::{Trouble, engine, nearest};

/// Above this share the machine has too little memory left to stay alive: GB10 shares it with the system.
const LARGEST_SHARE: f64 = 0.90;
/// Settings that must be at least one.
const AT_LEAST_ONE: [&str; 6] = [
    "max_num_seqs",
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "data_parallel_size",
    "max_num_batched_tokens",
    "max_model_len",
];

/// What is wrong with the value of a flag; `None` for the value is a flag that stands alone.
pub(super) fn check(name: &str, known: &KnownFlag, value: Option<&str>) -> Option<Trouble> {
    let Some(value) = value else {
        let bare = known.kind == FlagKind::Switch || known.value_optional;
        return (!bare).then(|| wrong(format!("{name} needs a value"), format!("Write {name}=…")));
    };
    if known.kind == FlagKind::Switch {
        return Some(wrong(
            format!("{name} takes no value"),
            format!("Write {name}"),
        ));
    }
    if known.none_allowed && matches!(value, "" | "None") {
        return None;
    }
    of_kind(name, known.kind, value)
        .or_else(|| choice(name, value, &known.choices))
        .or_else(|| named(name, known, value))
}

/// A dotted key sets one field of a JSON value, so only flags with such a value take one.
pub(super) fn dotted(name: &str, known: &KnownFlag) -> Option<Trouble> {
    let takes = matches!(
        known.kind,
        FlagKind::Json | FlagKind::JsonOrText | FlagKind::Text
    );
    (!takes).then(|| wrong(format!("{name} has no fields"), format!("Write {name}=…")))
}

fn wrong(message: String, fix: String) -> Trouble {
    Trouble::new("flag_value", message, fix)
}

fn of_kind(name: &str, kind: FlagKind, value: &str) -> Option<Trouble> {
    let not = |what: &str, example: &str| {
        Some(wrong(
            format!("{name}: {value:?} is not {what}"),
            format!("Write {example}"),
        ))
    };
    match kind {
        FlagKind::Integer if value.parse::<i64>().is_err() => {
            not("a whole number", &format!("a number, e.g. {name}=8"))
        }
        FlagKind::Number if !value.parse::<f64>().is_ok_and(f64::is_finite) => {
            not("a number", &format!("a number, e.g. {name}=0.5"))
        }
        FlagKind::Size if size(value).is_none() => {
            not("a size", "a whole number, 32k (32 000) or 32K (32 768)")
        }
        FlagKind::SizeOrAuto if !is_auto(value) && size(value).is_none() => not(
            "a number of tokens",
            "a whole number, 32k (32 000), 32K (32 768) or auto",
        ),
        FlagKind::Json => json(name, value),
        FlagKind::JsonOrText if value.trim_start().starts_with('{') => json(name, value),
        _ => None,
    }
}

fn is_auto(value: &str) -> bool {
    matches!(value, "-1" | "auto" | "AUTO")
}

fn json(name: &str, value: &str) -> Option<Trouble> {
    let error = serde_json::from_str::<serde_json::Value>(value).err()?;
    let message = format!("{name}: {value:?} is not JSON ({error})");
    let message = spark_ipc::text::clean_line(&message, 400);
    let fix = format!("Write JSON, e.g. {name}={{\"key\":\"value\"}}");
    Some(wrong(message, fix))
}

fn choice(name: &str, value: &str, choices: &[String]) -> Option<Trouble> {
    let known = choices.is_empty() || choices.iter().any(|c| c == value);
    (!known).then(|| not_one_of("flag_value", name, value, choices))
}

/// Rules of single flags.
fn named(name: &str, known: &KnownFlag, value: &str) -> Option<Trouble> {
    let number = || {
        value
            .parse::<f64>()
            .ok()
            .or_else(|| size(value).map(|_| 1.0))
    };
    match known.setting.as_str() {
        "tool_call_parser" => parser(name, value, &engine().tool_parsers),
        "reasoning_parser" => parser(name, value, &engine().reasoning_parsers),
        "gpu_memory_utilization" => share(name, value),
        setting if AT_LEAST_ONE.contains(&setting) && !is_auto(value) => {
            let least = number().is_some_and(|n| n >= 1.0);
            let message = || format!("{name}={value} must be at least 1");
            (!least).then(|| wrong(message(), format!("Write {name}=1 or more")))
        }
        _ => None,
    }
}

fn parser(name: &str, value: &str, parsers: &[String]) -> Option<Trouble> {
    let known = parsers.iter().any(|p| p == value);
    (!known).then(|| not_one_of("parser_unknown", name, value, parsers))
}

fn not_one_of(code: &'static str, name: &str, value: &str, choices: &[String]) -> Trouble {
    let near = nearest(value, choices.iter().map(String::as_str));
    let message = format!("{name}: vLLM {} knows no {value:?}", engine().version);
    let fix = match near {
        Some(near) => format!("Did you mean {near}?"),
        None => format!("One of: {}", choices.join(", ")),
    };
    Trouble::new(code, message, fix)
}

fn share(name: &str, value: &str) -> Option<Trouble> {
    let share = value.parse::<f64>().unwrap_or(0.0);
    let fits = share > 0.0 && share <= LARGEST_SHARE;
    let message = || format!("{name}={value} must be above 0 and at most 0.90");
    let fix = || "A Spark's GPU shares its memory with the system; 0.80 is a safe value".to_owned();
    (!fits).then(|| wrong(message(), fix()))
}

/// A size as vLLM reads it: `k`, `m`, `g`, `t` are thousands and take fractions, `K`, `M`, `G`, `T` are powers
/// of 1024 and take none.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'k') => (text.get(..at)?, 1_000),
        (at, 'm') => (text.get(..at)?, 1_000_000),
        (at, 'g') => (text.get(..at)?, 1_000_000_000),
        (at, 't') => (text.get(..at)?, 1_000_000_000_000),
        (at, 'K') => (text.get(..at)?, 1 << 10),
        (at, 'M') => (text.get(..at)?, 1 << 20),
        (at, 'G') => (text.get(..at)?, 1 << 30),
        (at, 'T') => (text.get(..at)?, 1 << 40),
        _ => (text, 1),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let fraction = digits.contains('.');
    let decimal = factor % 1_000 == 0;
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    if fraction && (!decimal || part.is_empty() || part.len() > 12) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part: u64 = if part.is_empty() {
        0
    } else {
        part.parse().ok()?
    };
    let of_part = u128::from(part) * u128::from(factor) / u128::from(scale);
    let whole: u64 = whole.parse().ok()?;
    whole
        .checked_mul(factor)?
        .checked_add(u64::try_from(of_part).ok()?)
}
