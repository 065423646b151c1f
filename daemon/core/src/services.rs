//! Support services: what there is, how one is started, what runs of it, and which start by themselves.
//!
//! The catalogue is `services.yaml`, then the operator's overrides: an override names a service and gives only
//! what differs, or is a whole entry of its own. A fault in one entry is told with its line and costs that
//! entry alone.

use serde_json::{Map, Value};
use spark_ipc::id::ServiceName;
use spark_ipc::model::service::{ServiceSource, ServiceSpec};
use spark_ipc::text::clean_line;

mod argv;
mod autostart;
pub mod change;
mod check;
mod parse;
mod plan;
mod view;

pub use argv::{SECRETS, mount_source};
pub use autostart::{Due, Tried, due};
pub use check::problems;
pub use plan::{Placed, ServiceWorld, StartPlan, StopPlan, choose_node, plan_start, plan_stop};
pub use view::{Answers, Restarts, Seen, ServiceNode, Told, fallen, is_about, view};

/// The `services.yaml` that this program was built with.
pub const BUNDLED: &str = include_str!("../../../services.yaml");

/// One service and where its facts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub spec: ServiceSpec,
    pub source: ServiceSource,
}

/// Every usable service, and what is wrong with the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services {
    entries: Vec<Entry>,
    errors: Vec<String>,
}

impl Services {
    /// Reads the services: those of `bundled`, then those of `overrides`, which change or add.
    pub fn load(bundled: &str, overrides: Option<&str>) -> Self {
        let mut services = Self::default();
        let mut raw: Vec<(Raw, ServiceSource)> = Vec::new();
        for entry in services.read("services.yaml", bundled) {
            raw.push((entry, ServiceSource::Bundled));
        }
        for entry in services.read("overrides", overrides.unwrap_or_default()) {
            match raw.iter_mut().find(|(r, _)| r.name == entry.name) {
                Some((known, source)) => {
                    known.place = entry.place;
                    known.fallback.get_or_insert_with(|| known.fields.clone());
                    known.fields.extend(entry.fields);
                    *source = ServiceSource::Changed;
                }
                None => raw.push((entry, ServiceSource::Override)),
            }
        }
        for (entry, source) in raw {
            services.add(entry, source);
        }
        services
            .entries
            .sort_by_key(|e| (e.spec.order, e.spec.name.clone()));
        services
    }

    /// The service of this name.
    pub fn get(&self, name: &ServiceName) -> Option<&Entry> {
        self.entries.iter().find(|e| e.spec.name == *name)
    }

    /// All services, in the order in which they start.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Faults, each with file, line and column.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Adds what kept a file of services from being read at all.
    pub fn note(&mut self, error: String) {
        self.errors.push(error);
    }

    fn read(&mut self, file: &str, text: &str) -> Vec<Raw> {
        let parsed = parse::services(text);
        for fault in parsed.faults {
            self.errors.push(format!(
                "{file}:{}:{}: {}",
                fault.line, fault.column, fault.message
            ));
        }
        let mut entries: Vec<Raw> = Vec::new();
        for found in parsed.entries {
            let place = format!("{file}:{}:{}", found.line, found.column);
            let name = found.fields.get("name").and_then(Value::as_str);
            let Ok(name) = ServiceName::new(name.unwrap_or_default()) else {
                self.errors
                    .push(format!("{place}: a service needs a name of a-z 0-9 -"));
                continue;
            };
            if entries.iter().any(|e| e.name == name) {
                self.errors.push(format!(
                    "{place}: the name {name} is used twice; the first one stays"
                ));
                continue;
            }
            entries.push(Raw {
                name,
                place,
                fields: found.fields,
                fallback: None,
            });
        }
        entries
    }

    /// Adds an entry; a bad override leaves the bundled one in force.
    fn add(&mut self, raw: Raw, source: ServiceSource) {
        match spec_of(&raw.fields) {
            Ok(spec) => self.entries.push(Entry { spec, source }),
            Err(problems) => {
                self.errors.extend(
                    problems
                        .iter()
                        .map(|p| format!("{}: service {}: {p}", raw.place, raw.name)),
                );
                let bundled = raw.fallback.and_then(|fields| spec_of(&fields).ok());
                self.entries.extend(bundled.map(|spec| Entry {
                    spec,
                    source: ServiceSource::Bundled,
                }));
            }
        }
    }
}

/// An entry as it stands in the files.
struct Raw {
    name: ServiceName,
    place: String,
    fields: Map<String, Value>,
    /// The bundled fields under an override.
    fallback: Option<Map<String, Value>>,
}

/// The entry that `fields` make, or what is wrong with them.
fn spec_of(fields: &Map<String, Value>) -> Result<ServiceSpec, Vec<String>> {
    let spec: ServiceSpec = serde_json::from_value(Value::Object(fields.clone()))
        .map_err(|error| vec![clean_line(&error.to_string(), 300)])?;
    let problems = problems(&spec);
    if problems.is_empty() {
        return Ok(spec);
    }
    let told = problems
        .iter()
        .map(|p| format!("{}: {}", p.path, p.message));
    Err(told.collect())
}

#[cfg(test)]
mod tests;
