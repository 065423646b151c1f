//! The read-model as JSON, each section serialised once a change and shared by all readers.
//!
//! Twenty nodes with ten minutes of history are some hundred kilobytes; every status request and every
//! event stream would otherwise serialise them again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, SelectAll, select_all};
use serde::Serialize;
use spark_ipc::Time;
use spark_ipc::model::alert::Alert;
use spark_ipc::model::connectivity::ConnectivitySummary;
use spark_ipc::model::inventory::ModelList;
use spark_ipc::model::node::Node;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::service::Service;
use spark_ipc::model::settings::Settings;
use spark_ipc::model::status::Proxy;
use spark_ipc::model::unit::Unit;
use spark_ipc::model::webhook::WebhookStatus;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::view::View;

/// The name of a section, as its event has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Nodes,
    Models,
    Units,
    Services,
    Operations,
    Alerts,
    Traffic,
    Settings,
    Connectivity,
}

/// All sections; cheap to clone.
#[derive(Clone)]
pub(super) struct Sections {
    nodes: Section<Vec<Node>>,
    alerts: Section<Vec<Alert>>,
    models: Section<ModelList>,
    units: Section<Vec<Unit>>,
    services: Section<Vec<Service>>,
    operations: Section<Vec<Operation>>,
    proxy: Section<Proxy>,
    settings: Section<Settings>,
    connectivity: Section<ConnectivitySummary>,
    webhook: Section<Option<WebhookStatus>>,
}

impl Sections {
    pub(super) fn new(view: &View) -> Self {
        Self {
            nodes: Section::new(&view.nodes),
            alerts: Section::new(&view.alerts),
            models: Section::new(&view.models),
            units: Section::new(&view.units),
            services: Section::new(&view.services),
            operations: Section::new(&view.operations),
            proxy: Section::new(&view.proxy),
            settings: Section::new(&view.settings),
            connectivity: Section::new(&view.connectivity),
            webhook: Section::new(&view.webhook),
        }
    }

    /// The names of the sections that change from now on.
    pub(super) fn changes(&self) -> SelectAll<BoxStream<'static, Name>> {
        select_all([
            self.nodes.changes(Name::Nodes),
            self.models.changes(Name::Models),
            self.units.changes(Name::Units),
            self.services.changes(Name::Services),
            self.operations.changes(Name::Operations),
            self.alerts.changes(Name::Alerts),
            self.proxy.changes(Name::Traffic),
            self.settings.changes(Name::Settings),
            self.connectivity.changes(Name::Connectivity),
        ])
    }

    /// The event of one section, in pieces.
    pub(super) fn event(&self, name: Name, now: Time) -> Vec<Bytes> {
        let field = |event: &str, field: &str, json: Bytes| {
            let head = format!("event: {event}\ndata: {{\"now\":\"{now}\",\"{field}\":");
            vec![head.into(), json, Bytes::from_static(b"}\n\n")]
        };
        let whole = |event: &str, json: &Bytes| {
            let head = format!("event: {event}\ndata: {{\"now\":\"{now}\",");
            vec![head.into(), fields_of(json), Bytes::from_static(b"\n\n")]
        };
        match name {
            Name::Nodes => field("nodes", "nodes", self.nodes.json()),
            Name::Units => field("units", "units", self.units.json()),
            Name::Services => field("services", "services", self.services.json()),
            Name::Operations => field("operations", "operations", self.operations.json()),
            Name::Alerts => field("alerts", "alerts", self.alerts.json()),
            Name::Traffic => field("traffic", "proxy", self.proxy.json()),
            Name::Connectivity => field("connectivity", "connectivity", self.connectivity.json()),
            Name::Models => whole("models", &self.models.json()),
            Name::Settings => whole("settings", &self.settings.json()),
        }
    }

    /// The first event of a stream, in pieces.
    pub(super) fn snapshot(&self, now: Time) -> Vec<Bytes> {
        let mut pieces = vec![Bytes::from_static(b"event: snapshot\ndata: ")];
        pieces.extend(self.status_fields(now));
        pieces.push(Bytes::from_static(b",\"models\":"));
        pieces.push(self.models.json());
        pieces.push(Bytes::from_static(b",\"settings\":"));
        pieces.push(self.settings.json());
        pieces.push(Bytes::from_static(b"}\n\n"));
        pieces
    }

    /// The body of `GET /api/status`.
    pub(super) fn status(&self, now: Time) -> Bytes {
        let mut pieces = self.status_fields(now);
        pieces.push(Bytes::from_static(b"}"));
        pieces.concat().into()
    }

    /// The status without its closing brace.
    fn status_fields(&self, now: Time) -> Vec<Bytes> {
        let setup = crate::view::setup(&self.nodes.values.borrow());
        let setup = json(&setup);
        vec![
            format!("{{\"now\":\"{now}\",\"nodes\":").into(),
            self.nodes.json(),
            Bytes::from_static(b",\"units\":"),
            self.units.json(),
            Bytes::from_static(b",\"services\":"),
            self.services.json(),
            Bytes::from_static(b",\"operations\":"),
            self.operations.json(),
            Bytes::from_static(b",\"alerts\":"),
            self.alerts.json(),
            Bytes::from_static(b",\"proxy\":"),
            self.proxy.json(),
            Bytes::from_static(b",\"webhook\":"),
            self.webhook.json(),
            Bytes::from_static(b",\"setup\":"),
            setup,
            Bytes::from_static(b",\"connectivity\":"),
            self.connectivity.json(),
        ]
    }
}

/// An object without its opening brace.
fn fields_of(object: &Bytes) -> Bytes {
    object.slice(object.len().min(1)..)
}

/// A value, and its JSON.
type Made<T> = (Arc<T>, Bytes);

/// One section, and its JSON as of the value that it was made of.
struct Section<T> {
    values: watch::Receiver<Arc<T>>,
    // Held while a new value is serialised, so that it is done once.
    made: Arc<Mutex<Option<Made<T>>>>,
}

impl<T> Clone for Section<T> {
    fn clone(&self) -> Self {
        Self {
            values: self.values.clone(),
            made: Arc::clone(&self.made),
        }
    }
}

impl<T: Serialize + Send + Sync + 'static> Section<T> {
    fn new(values: &watch::Receiver<Arc<T>>) -> Self {
        Self {
            values: values.clone(),
            made: Arc::default(),
        }
    }

    fn json(&self) -> Bytes {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let value = Arc::clone(&self.values.borrow());
        if let Some((of, bytes)) = &*made
            && Arc::ptr_eq(of, &value)
        {
            return bytes.clone();
        }
        let bytes = json(&*value);
        *made = Some((value, bytes.clone()));
        bytes
    }

    fn changes(&self, name: Name) -> BoxStream<'static, Name> {
        let mut values = self.values.clone();
        values.mark_unchanged();
        WatchStream::from_changes(values).map(move |_| name).boxed()
    }
}

fn json<T: Serialize>(value: &T) -> Bytes {
    // Our types have string keys and finite numbers, so this cannot fail; `null` says unknown.
    serde_json::to_vec(value).map_or(Bytes::from_static(b"null"), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::testing::Bench;
    use spark_ipc::model::event::Event;

    fn parsed(pieces: &[Bytes]) -> (String, serde_json::Value) {
        let text = String::from_utf8(pieces.concat()).unwrap();
        let (name, data) = text.split_once("\ndata: ").unwrap();
        let name = name.strip_prefix("event: ").unwrap().to_owned();
        (name, serde_json::from_str(data).unwrap())
    }

    #[tokio::test]
    async fn the_pieces_are_what_the_types_would_give() {
        let bench = Bench::new();
        let (view, now) = (&bench.state.view, crate::clock::now());
        let sections = Sections::new(view);
        let status: serde_json::Value = serde_json::from_slice(&sections.status(now)).unwrap();
        assert_eq!(status, serde_json::to_value(view.status(now)).unwrap());
        let (name, snapshot) = parsed(&sections.snapshot(now));
        assert_eq!(name, "snapshot");
        assert_eq!(snapshot, serde_json::to_value(view.snapshot(now)).unwrap());
    }

    #[tokio::test]
    async fn every_section_decodes_as_its_event() {
        let bench = Bench::new();
        let sections = Sections::new(&bench.state.view);
        let all = [
            Name::Nodes,
            Name::Models,
            Name::Units,
            Name::Services,
            Name::Operations,
            Name::Alerts,
            Name::Traffic,
            Name::Settings,
            Name::Connectivity,
        ];
        for section in all {
            let (name, data) = parsed(&sections.event(section, crate::clock::now()));
            let event = Event::decode(&name, &data.to_string()).unwrap();
            assert!(!matches!(event, Event::Unknown(_)), "{name}");
        }
    }

    #[tokio::test]
    async fn an_unchanged_value_is_serialised_once() {
        let bench = Bench::new();
        let sections = Sections::new(&bench.state.view);
        let first = sections.nodes.json();
        assert_eq!(first.as_ptr(), sections.nodes.json().as_ptr());
        bench.nodes.send_replace(Arc::new(Vec::new()));
        assert_eq!(sections.nodes.json(), Bytes::from_static(b"[]"));
    }
}
