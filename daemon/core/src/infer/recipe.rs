//! From a proposal to the recipe that a yes stores.

use spark_ipc::id::{RecipeId, RepoId};
use spark_ipc::model::infer::{Runtime, SuggestedFlag, Suggestion};
use spark_ipc::model::recipe::Recipe;

/// Most characters of a recipe's id.
const LONGEST_ID: usize = 64;

/// The recipe that `suggestion` stands for: its values and flags, without what is only offered. `None` when vLLM
/// cannot serve the model. Nothing in it has a yes yet: `allow` is empty.
pub fn recipe_of(suggestion: &Suggestion) -> Option<Recipe> {
    if suggestion.runtime != Runtime::Vllm {
        return None;
    }
    let default = default_name(&suggestion.repo);
    let served = &suggestion.served_name.value;
    Some(Recipe {
        id: id_for(&suggestion.repo)?,
        repo: suggestion.repo.clone(),
        title: None,
        kind: suggestion.kind.value,
        image: suggestion.image.value.clone(),
        nodes: suggestion.placement.value.nodes,
        executor: suggestion.executor.value,
        served_name: (*served != default).then(|| served.clone()),
        port: suggestion.port.value,
        flags: suggestion.flags.iter().map(SuggestedFlag::word).collect(),
        env: suggestion
            .env
            .iter()
            .map(|v| (v.name.clone(), v.value.clone()))
            .collect(),
        allow: Vec::new(),
        need_gib: None,
        source: Some("proposed from the files of the model".to_owned()),
        notes: None,
    })
}

/// The name that clients use when the recipe says none.
pub(super) fn default_name(repo: &RepoId) -> String {
    repo.name().to_ascii_lowercase()
}

/// An id made from the name of the repository.
fn id_for(repo: &RepoId) -> Option<RecipeId> {
    let slug: String = default_name(repo)
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => c,
            _ => '-',
        })
        .collect();
    let slug = slug.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let short: String = slug.chars().take(LONGEST_ID).collect();
    RecipeId::new(&short).ok()
}
