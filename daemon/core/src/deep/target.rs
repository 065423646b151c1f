//! What can be asked: units and services, in one shape.

use spark_ipc::id::{NodeId, RecipeId};
use spark_ipc::model::deep::{DeepKind, DeepSubject};
use spark_ipc::model::inventory::ModelKind;
use spark_ipc::model::recipe::Recipe;
use spark_ipc::model::service::{Service, ServiceProbe, ServiceState};
use spark_ipc::model::unit::{Unit, UnitState};

use super::Key;
use crate::units::is_ours;

/// Something that can be probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub key: Key,
    pub kind: DeepKind,
    pub node: Option<NodeId>,
    /// e.g. `http://192.168.1.21:8000`.
    pub base_url: String,
    /// The route that answers 200 when it can serve.
    pub health: String,
    /// The name that it must answer to.
    pub model: Option<String>,
    /// Where the question goes, when not to the usual place.
    pub path: Option<String>,
    /// Whether it has a parser for tool calls.
    pub tools: bool,
    /// Whether it ought to answer: only then it is probed on schedule.
    pub due: bool,
    /// Tells one launch from the next, so that memories of another model are dropped.
    pub launch: String,
}

/// The target that `unit` is; `None` without an endpoint. `recipe` gives the recipe that it was launched with, if
/// it is known. A unit of others is probed only when somebody names it.
pub fn from_unit<'a>(
    unit: &Unit,
    recipe: impl Fn(&RecipeId) -> Option<&'a Recipe>,
) -> Option<Target> {
    let base_url = unit.endpoint.clone()?;
    let known = unit.recipe.as_ref().and_then(recipe);
    let head = unit.ranks.first();
    let launch = unit.launch.as_ref().map(ToString::to_string);
    let container = || head.map(|rank| rank.container_id.clone());
    Some(Target {
        key: Key {
            subject: DeepSubject::Unit,
            id: unit.id.to_string(),
        },
        kind: kind_of(known.map_or(ModelKind::Chat, |recipe| recipe.kind)),
        node: head.map(|rank| rank.node.clone()),
        base_url,
        health: "/health".to_owned(),
        model: unit
            .served_name
            .clone()
            .or_else(|| unit.repo.as_ref().map(ToString::to_string)),
        path: None,
        tools: known.is_some_and(calls_tools),
        due: is_ours(unit) && unit.state == UnitState::Ready,
        launch: launch.or_else(container).unwrap_or_default(),
    })
}

/// Whether the engine turns the model's words into calls of tools by itself.
fn calls_tools(recipe: &Recipe) -> bool {
    let has = |name: &str| {
        recipe
            .flags
            .iter()
            .any(|flag| flag.split('=').next() == Some(name))
    };
    has("--enable-auto-tool-choice") && has("--tool-call-parser")
}

/// What a model of this kind is asked for.
pub fn kind_of(kind: ModelKind) -> DeepKind {
    match kind {
        // Of what it is not known, a text is asked: so does everything that vLLM serves by default.
        ModelKind::Chat | ModelKind::Gguf | ModelKind::Other => DeepKind::Chat,
        ModelKind::Embedding => DeepKind::Embeddings,
        ModelKind::Rerank => DeepKind::Rerank,
        ModelKind::SpeechToText => DeepKind::SpeechToText,
        ModelKind::TextToSpeech => DeepKind::TextToSpeech,
        ModelKind::Image => DeepKind::None,
    }
}

/// The target that `service` is; `None` while it has no container.
pub fn from_service(service: &Service) -> Option<Target> {
    let kind = match service.probe {
        ServiceProbe::None => DeepKind::None,
        ServiceProbe::Transcription => DeepKind::SpeechToText,
        ServiceProbe::Diarization => DeepKind::Diarizer,
        ServiceProbe::Speech => DeepKind::TextToSpeech,
        ServiceProbe::Synthesis => DeepKind::Synthesis,
        ServiceProbe::Embeddings => DeepKind::Embeddings,
        ServiceProbe::Rerank => DeepKind::Rerank,
        ServiceProbe::Chat => DeepKind::Chat,
    };
    let launch = service.launch.as_ref().map(ToString::to_string);
    Some(Target {
        key: Key {
            subject: DeepSubject::Service,
            id: service.name.to_string(),
        },
        kind,
        node: service.node.clone(),
        base_url: service.endpoint.clone()?,
        health: service.health.clone(),
        model: service.model.clone(),
        path: service.probe_path.clone(),
        tools: false,
        due: matches!(service.state, ServiceState::Ready | ServiceState::Degraded)
            && service.operation.is_none(),
        launch: launch
            .or_else(|| service.container_id.clone())
            .unwrap_or_default(),
    })
}
