//! What can be wrong with a recipe before anything is launched.

use spark_ipc::model::recipe::{Recipe, RecipeFault};

use crate::flags;
use crate::launch::MASTER_PORT;

/// Everything that is wrong with a recipe; empty when it can be launched.
pub fn problems(recipe: &Recipe) -> Vec<RecipeFault> {
    let mut found = fields(recipe);
    found.extend(flags::recipe_faults(recipe));
    found
}

/// A fault as it stands behind the place of a file: `flags[2]: --x is not …`.
pub(crate) fn in_words(fault: &RecipeFault) -> String {
    let parts = fault.path.split('/').filter(|p| !p.is_empty());
    let parts = parts.map(|p| p.replace("~1", "/").replace("~0", "~"));
    let place = parts.fold(String::new(), |place, part| match part.parse::<usize>() {
        Ok(index) => format!("{place}[{index}]"),
        Err(_) if place.is_empty() => part,
        Err(_) => format!("{place}.{part}"),
    });
    format!("{place}: {}", sentence(fault))
}

/// What is wrong, and what to do about it.
pub fn sentence(fault: &RecipeFault) -> String {
    match &fault.fix {
        Some(fix) => format!("{}. {fix}", fault.message.trim_end_matches('.')),
        None => fault.message.clone(),
    }
}

fn fields(recipe: &Recipe) -> Vec<RecipeFault> {
    let rules = [
        nodes(recipe.nodes),
        port(recipe.port),
        need(recipe.need_gib),
        served_name(recipe.served_name.as_deref()),
    ];
    rules.into_iter().flatten().collect()
}

fn nodes(nodes: u32) -> Option<RecipeFault> {
    let message = format!("{nodes} is not a number of nodes from 1 to 8");
    let wrong = !(1..=8).contains(&nodes);
    wrong.then(|| fault("/nodes", nodes.to_string(), message, "Write 1 or 2"))
}

fn port(port: u16) -> Option<RecipeFault> {
    let message = format!("{port} cannot be served on");
    let wrong = port == 0 || port == MASTER_PORT;
    wrong.then(|| fault("/port", port.to_string(), message, "8000 is the usual one"))
}

fn need(need: Option<u32>) -> Option<RecipeFault> {
    let gib = need.filter(|n| *n == 0 || *n > 1024)?;
    let message = format!("{gib} is not from 1 to 1024");
    let fix = "Leave it out: then it is reckoned, and measured from the first launch on";
    Some(fault("/need_gib", gib.to_string(), message, fix))
}

fn served_name(name: Option<&str>) -> Option<RecipeFault> {
    let name = name.filter(|n| !is_served_name(n))?;
    let shown = spark_ipc::text::clean_line(name, 200);
    let message = format!("{shown:?} must be 1-128 of A-Z a-z 0-9 . _ : / -");
    let fix = "Leave it out: then it is the last part of the repository";
    Some(fault("/served_name", shown, message, fix))
}

fn fault(path: &str, value: String, message: String, fix: &str) -> RecipeFault {
    RecipeFault {
        path: path.to_owned(),
        code: "invalid".to_owned(),
        value: Some(value),
        message,
        fix: Some(fix.to_owned()),
    }
}

fn is_served_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
}
