//! Containers that others started and that serve a model.

use spark_ipc::id::{RepoId, UnitId};
use spark_ipc::model::unit::{Unit, UnitState};

use super::{ContainerFacts, Member, base_url};
use crate::owner::{OWNER, owner};

/// The unit of a foreign container; `None` when it does not run or does not serve a model.
pub(super) fn unit(member: &Member<'_>, previous: &[Unit]) -> Option<Unit> {
    let facts = member.facts;
    if !facts.running() {
        return None;
    }
    let labels = facts.labels.keys().map(String::as_str);
    // What carries a label of ours without being a unit is broken, and nobody else's.
    let owner = owner(&facts.name, &facts.image, labels).filter(|owner| *owner != OWNER)?;
    let id = UnitId::new(format!("{}.{}", member.node.node, facts.name)).ok()?;
    let before = previous.iter().find(|u| u.id == id);
    let ready = before.filter(|u| u.state == UnitState::Ready);
    let endpoint = option(facts, "--port").and_then(|p| p.parse().ok());
    Some(Unit {
        id,
        state: ready.map_or(UnitState::Unknown, |u| u.state),
        message: Some(format!(
            "started by {owner}; Spark Control does not touch it"
        )),
        owner: owner.to_owned(),
        repo: served_repo(facts),
        recipe: None,
        served_name: option(facts, "--served-model-name").map(str::to_owned),
        endpoint: endpoint.map(|port| base_url(member.node.host, port)),
        ranks: vec![member.rank()],
        launch: None,
        started_at: facts.started_at,
        ready_at: ready.and_then(|u| u.ready_at),
        memory_bytes: member.memory(),
    })
}

/// The value of `--name value` or `--name=value` in the container's command.
fn option<'a>(facts: &'a ContainerFacts, name: &str) -> Option<&'a str> {
    let words = &facts.command;
    words
        .iter()
        .enumerate()
        .find_map(|(i, word)| match word.strip_prefix(name)? {
            "" => words.get(i + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        })
}

/// The repository after `serve`, or after `--model`.
fn served_repo(facts: &ContainerFacts) -> Option<RepoId> {
    let after_serve = facts.command.iter().skip_while(|w| *w != "serve").nth(1);
    let named = option(facts, "--model").or(after_serve.map(String::as_str))?;
    RepoId::new(named).ok()
}
