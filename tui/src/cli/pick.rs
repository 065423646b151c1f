//! Which model, unit or operation is meant.

use spark_ipc::id::UnitId;
use spark_ipc::model::inventory::Model;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::unit::{Unit, UnitState};

use crate::exit::Exit;
use crate::trouble::Trouble;

/// The owner of our own units.
const OURS: &str = "spark-control";

/// The model that `query` names: its repository, its name, or a part of it that only it has; case does
/// not matter.
pub(super) fn model<'a>(models: &'a [Model], query: &str) -> Result<&'a Model, Trouble> {
    let wanted = query.to_lowercase();
    let repo = |m: &Model| m.repo.as_str().to_lowercase();
    let name = |m: &Model| m.repo.name().to_lowercase();
    let tests: [&dyn Fn(&Model) -> bool; 3] =
        [&|m| repo(m) == wanted, &|m| name(m) == wanted, &|m| {
            repo(m).contains(&wanted)
        }];
    for test in tests {
        let found: Vec<&Model> = models.iter().filter(|m| test(m)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one),
            many => {
                let names = many.iter().map(|m| m.repo.as_str());
                return Err(ambiguous("model", query, names));
            }
        }
    }
    Err(no_model(models, query, &wanted))
}

fn no_model(models: &[Model], query: &str, wanted: &str) -> Trouble {
    let trouble = Trouble::new(
        Exit::NotFound,
        "not_found",
        format!("no model {query:?} on the disks"),
    );
    let near = |m: &&Model| {
        let name = m.repo.name().to_lowercase();
        let repo = m.repo.as_str().to_lowercase();
        distance(wanted, &name).min(distance(wanted, &repo))
    };
    match models
        .iter()
        .min_by_key(near)
        .filter(|m| near(m) <= 1 + wanted.len() / 3)
    {
        Some(model) => trouble.hint(format!("did you mean {}?", model.repo)),
        None => trouble.hint("`spark-control models` lists what is there"),
    }
}

fn ambiguous<'a>(noun: &str, query: &str, names: impl Iterator<Item = &'a str>) -> Trouble {
    let names: Vec<&str> = names.collect();
    let message = format!(
        "{query:?} could be more than one {noun}: {}",
        names.join(", ")
    );
    Trouble::new(Exit::Usage, "ambiguous", message).hint("say more of its name")
}

/// The unit that is meant when none is named: the only one of ours that runs.
pub(super) fn unit(units: &[Unit], named: Option<UnitId>) -> Result<UnitId, Trouble> {
    if let Some(id) = named {
        let ids: Vec<&str> = units.iter().map(|u| u.id.as_str()).collect();
        if units.iter().any(|u| u.id == id) {
            return Ok(id);
        }
        let trouble = Trouble::new(Exit::NotFound, "not_found", format!("no unit {id}"));
        return Err(trouble.hint(format!("there is: {}", listed(&ids))));
    }
    let ours: Vec<&Unit> = units
        .iter()
        .filter(|u| u.owner == OURS && u.state != UnitState::Stopped)
        .collect();
    match ours.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(Trouble::new(
            Exit::NotFound,
            "not_found",
            "no unit of ours runs",
        )),
        many => {
            let ids: Vec<&str> = many.iter().map(|u| u.id.as_str()).collect();
            let message = format!("more than one unit runs: {}", listed(&ids));
            Err(Trouble::new(Exit::Usage, "ambiguous", message).hint("name one"))
        }
    }
}

fn listed(ids: &[&str]) -> String {
    if ids.is_empty() {
        "none".to_owned()
    } else {
        ids.join(", ")
    }
}

/// The operation whose id is, or begins with, `query`.
pub(super) fn operation(operations: Vec<Operation>, query: &str) -> Result<Operation, Trouble> {
    let begins = |o: &Operation| o.id.as_str().starts_with(query);
    let mut found: Vec<Operation> = operations.into_iter().filter(begins).collect();
    if let Some(i) = found.iter().position(|o| o.id.as_str() == query) {
        return Ok(found.swap_remove(i));
    }
    match (found.pop(), found.len()) {
        (Some(one), 0) if !query.is_empty() => Ok(one),
        (Some(last), _) => {
            let names = found.iter().chain([&last]).map(|o| o.id.as_str());
            Err(ambiguous("operation", query, names))
        }
        (None, _) => Err(Trouble::new(
            Exit::NotFound,
            "not_found",
            format!("no operation {query:?}"),
        )
        .hint("`spark-control ops` lists them")),
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let swap = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn picked(query: &str) -> Result<String, (Exit, String)> {
        let models = fixture::snapshot().models.models;
        match model(&models, query) {
            Ok(model) => Ok(model.repo.to_string()),
            Err(t) => Err((
                t.exit,
                format!("{} / {}", t.message, t.hint.unwrap_or_default()),
            )),
        }
    }

    #[test]
    fn a_model_is_found_by_any_part_that_only_it_has() {
        let fp8 = Ok("Qwen/Qwen3.6-35B-A3B-FP8".to_owned());
        assert_eq!(picked("Qwen/Qwen3.6-35B-A3B-FP8"), fp8);
        assert_eq!(picked("qwen3.6-35b-a3b-fp8"), fp8);
        assert_eq!(picked("A3B"), fp8);
        // A whole name wins over a part of another one.
        assert_eq!(picked("qwen3-0.6b"), Ok("Qwen/Qwen3-0.6B".to_owned()));
    }

    #[test]
    fn what_is_not_found_or_not_unique_is_explained() {
        let (exit, text) = picked("qwen").unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert!(
            text.contains("Qwen/Qwen3.6-35B-A3B-FP8, Qwen/Qwen3-0.6B"),
            "{text}"
        );
        let (exit, text) = picked("qven3-0.6b").unwrap_err();
        assert_eq!(exit, Exit::NotFound);
        assert!(text.ends_with("did you mean Qwen/Qwen3-0.6B?"), "{text}");
        assert!(
            picked("zzzzzzzz")
                .unwrap_err()
                .1
                .contains("lists what is there")
        );
    }

    #[test]
    fn the_only_unit_of_ours_is_the_default() {
        let mut units = fixture::snapshot().status.units;
        assert_eq!(unit(&units, None).unwrap().as_str(), "main");
        units.retain(|u| u.owner != OURS);
        assert_eq!(unit(&units, None).unwrap_err().exit, Exit::NotFound);
        let named = UnitId::new("nope").unwrap();
        assert_eq!(unit(&units, Some(named)).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn an_operation_is_found_by_the_beginning_of_its_id() {
        use spark_ipc::model::operation::OperationState;
        let list = || vec![fixture::swap(OperationState::Running)];
        let id = list()[0].id.to_string();
        assert_eq!(
            operation(list(), id.split('-').next().unwrap())
                .unwrap()
                .id
                .as_str(),
            id
        );
        assert_eq!(operation(list(), "zzz").unwrap_err().exit, Exit::NotFound);
        assert_eq!(operation(list(), "").unwrap_err().exit, Exit::Usage);
    }
}
