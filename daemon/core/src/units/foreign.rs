//! Containers that others started and that serve a model.

use std::collections::{BTreeMap, BTreeSet};

use spark_ipc::Time;
use spark_ipc::id::{RepoId, UnitId};
use spark_ipc::model::unit::{Unit, UnitState};

use super::{ContainerFacts, Member, base_url};
use crate::owner::{OWNER, owner};

/// The owner of what no tool is known to have started.
const BY_HAND: &str = "by hand";

/// Ids of the containers that the operator has adopted.
pub type Adoptions = BTreeSet<String>;

/// What adopted containers have answered, by id and start: when, and the name of the model.
pub type Heard = BTreeMap<(String, Option<Time>), (Time, String)>;

/// Treats adopted units like ours: they load until they have answered, then they are ready. One that was let go
/// is a stranger again.
pub fn take_over(units: &mut [Unit], adoptions: &Adoptions, heard: &Heard) {
    for unit in units.iter_mut().filter(|u| u.owner != OWNER) {
        let Some(rank) = unit.ranks.first() else {
            continue;
        };
        unit.adopted = adoptions.contains(&rank.container_id);
        let answer = heard.get(&(rank.container_id.clone(), rank.started_at));
        let answer = answer.filter(|_| unit.adopted);
        unit.ready_at = answer.map(|(at, _)| *at);
        unit.state = match answer {
            Some(_) => UnitState::Ready,
            None if unit.adopted => UnitState::Loading,
            None => UnitState::Unknown,
        };
        if unit.adopted {
            unit.message = Some(format!("started by {}, and adopted", unit.owner));
        }
        if let Some((_, name)) = answer {
            unit.served_name = Some(name.clone());
        }
    }
}

/// The unit of a foreign container; `None` when it does not run or does not serve a model.
pub(super) fn unit(member: &Member<'_>, previous: &[Unit]) -> Option<Unit> {
    let facts = member.facts;
    if !facts.running() {
        return None;
    }
    let labels = facts.labels.keys().map(String::as_str);
    // What carries a label of ours without being a unit is broken, and nobody else's.
    let owner = match owner(&facts.name, &facts.image, labels) {
        Some(OWNER) => return None,
        Some(owner) => owner,
        // Nobody's name is on it, but it holds memory that a model may want.
        None => member
            .memory()
            .filter(|bytes| *bytes > 0)
            .map(|_| BY_HAND)?,
    };
    let id = UnitId::new(format!("{}.{}", member.node.node, facts.name)).ok()?;
    let before = previous.iter().find(|u| u.id == id);
    let ready = before.filter(|u| u.state == UnitState::Ready);
    Some(Unit {
        id,
        state: ready.map_or(UnitState::Unknown, |u| u.state),
        message: Some(format!(
            "started by {owner}; Spark Control does not touch it"
        )),
        owner: owner.to_owned(),
        adopted: false,
        repo: served_repo(facts),
        recipe: None,
        served_name: option(facts, "--served-model-name").map(str::to_owned),
        endpoint: port(facts, owner).map(|port| base_url(member.node.host, port)),
        ranks: vec![member.rank()],
        launch: None,
        started_at: facts.started_at,
        ready_at: ready.and_then(|u| u.ready_at),
        memory_bytes: member.memory(),
        deep: None,
    })
}

/// The port on the node: the one it was told, through a published one, else where its kind usually listens
/// (spark-domain 2.11).
fn port(facts: &ContainerFacts, owner: &str) -> Option<u16> {
    const USUAL: [(&str, u16); 9] = [
        ("vllm", 8000),
        ("eugr", 8000),
        ("sparkrun", 8000),
        ("nim", 8000),
        ("ollama", 11434),
        ("sglang", 30000),
        ("llama.cpp", 8080),
        ("tensorrt-llm", 8355),
        ("tgi", 80),
    ];
    let usual = USUAL.iter().find(|(name, _)| *name == owner);
    let told = option(facts, "--port").and_then(|p| p.parse().ok());
    let inside = told.or(usual.map(|(_, port)| *port));
    let published = |port: u16| facts.ports.iter().find(|(inner, _)| *inner == port);
    match inside {
        Some(port) => Some(published(port).map_or(port, |(_, host)| *host)),
        None => facts.ports.first().map(|(_, host)| *host),
    }
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
