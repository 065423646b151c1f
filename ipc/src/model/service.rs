//! Support services: speech, embeddings, rerank and NIM containers that live beside the model.
//!
//! [`ServiceSpec`] is one entry of `services.yaml` and of `SERVICES_OVERRIDES`; [`Service`] is what runs of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::deep::DeepSummary;
use crate::{
    Time,
    id::{ContainerName, ImageRef, NodeId, OperationId, ServiceName},
};

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    SpeechToText,
    /// Who speaks when.
    Diarizer,
    TextToSpeech,
    Embeddings,
    Rerank,
    Llm,
}

/// The state of a service; the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Its node cannot be reached: nothing is known.
    Unknown,
    /// No container, or one that ended by itself with code 0.
    Off,
    /// It died and was started again several times in a row.
    CrashLoop,
    /// Its container is dead, or could not be started.
    Failed,
    /// Its start is under way, or its container runs and has not answered yet.
    Starting,
    /// It answered once, and does not now.
    Degraded,
    /// It answers its health route.
    Ready,
}

/// How a service is asked for a real answer (the deep health check).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceProbe {
    /// Only its health route is asked.
    #[default]
    None,
    /// `POST /v1/audio/transcriptions` with a known recording.
    Transcription,
    /// A recording with two voices to the path of [`ServiceSpec::probe_path`].
    Diarization,
    /// `POST /v1/audio/speech` (JSON).
    Speech,
    /// `POST /v1/audio/synthesize` (multipart, NVIDIA's speech NIM).
    Synthesis,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/rerank`.
    Rerank,
    /// `POST /v1/chat/completions`.
    Chat,
}

/// The processor that an image must be built for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceArch {
    /// What a Spark has.
    #[default]
    Arm64,
    /// Runs wherever Docker runs it.
    Any,
}

/// One more port of a service, e.g. gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServicePort {
    /// Port on the node.
    pub host: u16,
    /// Port in the container.
    pub container: u16,
}

/// A folder of the node in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceMount {
    /// `~/…` or `/…` on the node; made before the start when it lies in the home folder.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    #[serde(default)]
    pub read_only: bool,
    /// A container of another user writes there: the folder is opened to all (NIM caches).
    #[serde(default)]
    pub shared: bool,
}

/// One service: the facts that turn a name into a container. The schema of `services.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the file")]
pub struct ServiceSpec {
    pub name: ServiceName,
    pub kind: ServiceKind,
    /// A few words for the list.
    #[serde(default)]
    pub title: Option<String>,
    pub image: ImageRef,
    #[serde(default)]
    pub arch: ServiceArch,
    /// Replaces the image's entry point.
    #[serde(default)]
    pub entrypoint: Option<String>,
    /// Words after the image.
    #[serde(default)]
    pub command: Vec<String>,
    /// Port on the node at which clients reach it.
    pub port: u16,
    /// The same port in the container; default `port`.
    #[serde(default)]
    pub container_port: Option<u16>,
    /// Further ports.
    #[serde(default)]
    pub ports: Vec<ServicePort>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Environment of the container that is taken from settings of the same name (`NGC_API_KEY`, `HF_TOKEN`);
    /// never in a command line.
    #[serde(default)]
    pub secrets: Vec<String>,
    #[serde(default)]
    pub mounts: Vec<ServiceMount>,
    /// Whether it gets the GPU.
    #[serde(default = "yes")]
    pub gpu: bool,
    /// `--shm-size` in GiB; 0 leaves Docker's default.
    #[serde(default)]
    pub shm_gib: u32,
    /// The route that answers 200 when it can serve.
    #[serde(default = "health")]
    pub health: String,
    /// The route that a diarizer is asked at; default `/v1/audio/diarization`.
    #[serde(default)]
    pub probe_path: Option<String>,
    #[serde(default)]
    pub probe: ServiceProbe,
    /// The model name that clients ask for.
    #[serde(default)]
    pub model: Option<String>,
    /// GiB of the unified memory that it takes at most.
    pub memory_gib: u32,
    /// Seconds that the first start may take (a NIM fetches its weights then).
    #[serde(default = "ready_limit")]
    pub ready_limit_s: u32,
    /// Whether the image comes from NVIDIA's catalogue and needs a login there.
    #[serde(default)]
    pub nim: bool,
    /// Started after its node or the daemon starts.
    #[serde(default)]
    pub autostart: bool,
    /// Not enabled: shown, never started.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where it runs; default the first node that has room.
    #[serde(default)]
    pub node: Option<NodeId>,
    /// Smaller numbers start first.
    #[serde(default = "order")]
    pub order: u32,
    /// Where the facts come from.
    #[serde(default)]
    pub source: Option<String>,
    /// What an operator should know.
    #[serde(default)]
    pub notes: Option<String>,
}

fn yes() -> bool {
    true
}

fn health() -> String {
    "/health".to_owned()
}

fn ready_limit() -> u32 {
    600
}

fn order() -> u32 {
    100
}

impl ServiceSpec {
    /// The port in the container.
    pub fn container_port(&self) -> u16 {
        self.container_port.unwrap_or(self.port)
    }

    /// Every port on the node, the one for clients first.
    pub fn host_ports(&self) -> Vec<u16> {
        let more = self.ports.iter().map(|p| p.host);
        std::iter::once(self.port).chain(more).collect()
    }

    /// The container's name: `sparkctl-svc-NAME`.
    pub fn container(&self) -> String {
        format!("sparkctl-svc-{}", self.name)
    }

    /// The memory budget in bytes.
    pub fn memory_bytes(&self) -> u64 {
        u64::from(self.memory_gib) << 30
    }
}

/// Where the entry of a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceSource {
    /// `services.yaml`.
    Bundled,
    /// `services.yaml`, with changes from `SERVICES_OVERRIDES`.
    Changed,
    /// `SERVICES_OVERRIDES` alone.
    Override,
}

/// A service and what runs of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Service {
    pub name: ServiceName,
    pub title: Option<String>,
    pub kind: ServiceKind,
    pub state: ServiceState,
    /// Where it runs, else where it would be started; `null` when that is decided at the start.
    pub node: Option<NodeId>,
    pub enabled: bool,
    pub autostart: bool,
    pub order: u32,
    pub source: ServiceSource,
    pub image: ImageRef,
    pub nim: bool,
    /// Port on the node.
    pub port: u16,
    /// Base URL while a container exists, e.g. `http://192.168.1.21:8880`.
    pub endpoint: Option<String>,
    /// The model name that clients ask for.
    pub model: Option<String>,
    pub health: String,
    pub probe: ServiceProbe,
    pub probe_path: Option<String>,
    pub container: Option<ContainerName>,
    pub container_id: Option<String>,
    /// GPU memory of its processes; `null` when not known.
    pub memory_bytes: Option<u64>,
    pub budget_bytes: u64,
    /// Times that Docker has started the container again.
    pub restarts: u32,
    /// When the container was last started.
    pub started_at: Option<Time>,
    /// Since when it is in this state.
    pub since: Time,
    /// When its health route last answered 200.
    pub answered_at: Option<Time>,
    /// The operation that launched the container.
    pub launch: Option<OperationId>,
    /// The operation that starts or stops it now.
    pub operation: Option<OperationId>,
    /// Why it is not well, in plain words.
    pub message: Option<String>,
    /// The last deep probe of this container; `null` before the first.
    #[serde(default)]
    pub deep: Option<DeepSummary>,
    pub notes: Option<String>,
}

/// `GET /api/services`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceList {
    pub services: Vec<Service>,
    /// Faults of `services.yaml` and of the overrides, with line and column; the other services work.
    pub errors: Vec<String>,
}

/// `GET /api/services/{name}`: the read-model and the entry in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceDetail {
    pub service: Service,
    pub spec: ServiceSpec,
}

/// `PUT /api/services/{name}`: what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autostart: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gib: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_limit_s: Option<u32>,
    /// Forget every change first, so that the bundled entry holds again.
    #[serde(default)]
    pub reset: bool,
}

/// `POST /api/services/{name}/start` and `…/restart`; the body may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceStart {
    /// Where, this time; default as its entry says.
    #[serde(default)]
    pub node: Option<NodeId>,
}

/// `GET /api/services/{name}/profiles`: what the image of a NIM says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceProfiles {
    pub node: NodeId,
    /// Cleaned text of `list-model-profiles`.
    pub text: String,
}

/// Answer of `POST` and `DELETE /api/units/{unit}/adopt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Adopted {
    pub unit: super::unit::Unit,
}
