//! Downloads, copies, deletions, set-ups and services: each begins as a question or as a typed line.

use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::inventory::{Model, ModelState};
use spark_ipc::model::transfer::{CopyRequest, DownloadRequest};

use super::act::{ask, refused};
use crate::effect::Effect;
use crate::paint::Tone;
use crate::state::act::{Act, Look, Verb};
use crate::state::dialog::Question;
use crate::state::prompt::{Ask, Prompt};
use crate::state::services::Entry;
use crate::state::{Overlay, State};
use crate::trouble::Trouble;

/// Asks about `act`, and has it looked at where the daemon can tell what it comes to.
fn propose(state: &mut State, act: Act) -> Vec<Effect> {
    if refused(state, "not now") {
        return Vec::new();
    }
    let act = Box::new(act);
    let question = Question::Act {
        act: act.clone(),
        look: None,
    };
    ask(state, question);
    if act.has_preview() {
        vec![Effect::Look(act)]
    } else {
        Vec::new()
    }
}

/// What `act`, if it is still asked about, would come to.
pub(super) fn take_look(state: &mut State, act: &Act, answer: Result<Look, Trouble>) {
    let Some(Overlay::Dialog(dialog)) = &mut state.overlay else {
        return;
    };
    if let Question::Act { act: asked, look } = &mut dialog.question
        && **asked == *act
    {
        if let (Act::SetUp(_, recipe), Ok(Look::SetUp(suggestion))) = (&mut **asked, &answer) {
            *recipe = suggestion.recipe.clone().map(Box::new);
        }
        *look = Some(answer.map_err(|t| super::with_hint(&t)));
    }
}

fn warn(state: &mut State, text: impl Into<String>) -> Vec<Effect> {
    state.messages.say(state.now, Tone::Warn, text);
    Vec::new()
}

pub(super) fn download(state: &mut State) {
    if refused(state, "cannot download") {
        return;
    }
    // A model that is there in part is what most often has to be fetched.
    let text = state
        .selected_model()
        .filter(|m| m.state == ModelState::Partial)
        .map_or(String::new(), |m| m.repo.to_string());
    state.overlay = Some(Overlay::Prompt(Prompt::new(Ask::Download, text)));
}

pub(super) fn copy(state: &mut State) -> Vec<Effect> {
    if refused(state, "cannot copy") {
        return Vec::new();
    }
    let Some(model) = state.selected_model() else {
        return Vec::new();
    };
    let (repo, from) = (model.repo.clone(), holder(model));
    let without = lacking(state, model);
    let Some(from) = from else {
        return warn(state, format!("no node has all of {repo}"));
    };
    match without.as_slice() {
        [] => warn(state, format!("every node has {repo}")),
        [only] => {
            let to = only.clone();
            propose(state, copy_act(repo, from, to))
        }
        [first, ..] => {
            let prompt = Prompt::new(Ask::CopyTo { repo, from }, first.as_str());
            state.overlay = Some(Overlay::Prompt(prompt));
            Vec::new()
        }
    }
}

fn holder(model: &Model) -> Option<NodeId> {
    let complete = model.nodes.iter().find(|n| n.complete);
    complete.map(|n| n.node.clone())
}

/// The nodes that do not have all of `model`.
fn lacking(state: &State, model: &Model) -> Vec<NodeId> {
    let has = |id: &NodeId| model.nodes.iter().any(|n| n.complete && n.node == *id);
    let nodes = state.world.iter().flat_map(|w| &w.snapshot.status.nodes);
    nodes.map(|n| n.id.clone()).filter(|id| !has(id)).collect()
}

fn copy_act(repo: RepoId, from: NodeId, to: NodeId) -> Act {
    Act::Copy(CopyRequest {
        repo,
        from,
        to,
        relay: false,
        dry_run: false,
    })
}

/// Proposes what `act` makes of the model under the cursor.
pub(super) fn with_model(state: &mut State, act: impl FnOnce(RepoId) -> Act) -> Vec<Effect> {
    match state.selected_model().map(|m| m.repo.clone()) {
        Some(repo) => propose(state, act(repo)),
        None => Vec::new(),
    }
}

pub(super) fn set_up(state: &mut State) -> Vec<Effect> {
    let Some(model) = state.selected_model() else {
        return Vec::new();
    };
    if let Some(recipe) = &model.recipe {
        let text = format!(
            "{} has the recipe {recipe}; `spark-control recipe {}` shows and changes it",
            model.repo, model.repo
        );
        return warn(state, text);
    }
    with_model(state, |repo| Act::SetUp(repo, None))
}

/// Takes the typed line, or says why not.
pub(super) fn accept(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Prompt(prompt)) = &mut state.overlay else {
        return Vec::new();
    };
    match understood(prompt) {
        Ok(act) => propose(state, act),
        Err(fault) => {
            prompt.fault = Some(fault);
            Vec::new()
        }
    }
}

fn understood(prompt: &Prompt) -> Result<Act, String> {
    let mut words = prompt.text.split_whitespace();
    let first = words.next().unwrap_or_default();
    match &prompt.ask {
        Ask::Download => Ok(Act::Download(DownloadRequest {
            repo: first.parse().map_err(|e| format!("{e}"))?,
            revision: None,
            nodes: words
                .map(|w| w.parse::<NodeId>().map_err(|e| e.to_string()))
                .collect::<Result<_, _>>()?,
            include: Vec::new(),
            exclude: Vec::new(),
            verify: false,
            dry_run: false,
        })),
        Ask::CopyTo { repo, from } => {
            let to: NodeId = first.parse().map_err(|e| format!("{e}"))?;
            Ok(copy_act(repo.clone(), from.clone(), to))
        }
    }
}

pub(super) fn service(state: &mut State, verb: Verb) -> Vec<Effect> {
    match state.selected_entry() {
        Some(Entry::Service(service)) => {
            let name = service.name.clone();
            propose(state, Act::Service(name, verb))
        }
        Some(Entry::Unit(_)) => warn(state, "a unit is started by a swap and stopped with S"),
        None => Vec::new(),
    }
}

pub(super) fn adopt(state: &mut State) -> Vec<Effect> {
    match state.selected_entry() {
        Some(Entry::Unit(unit)) if unit.adopted => {
            let id = unit.id.clone();
            propose(state, Act::Release(id))
        }
        Some(Entry::Unit(unit)) if unit.owner != super::act::OURS => {
            let id = unit.id.clone();
            propose(state, Act::Adopt(id))
        }
        Some(Entry::Unit(_)) => warn(state, "this unit is ours already"),
        Some(Entry::Service(_)) => warn(state, "only a unit of somebody else is taken over"),
        None => Vec::new(),
    }
}
