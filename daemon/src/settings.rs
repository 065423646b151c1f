//! Settings: one table says what there is, one store holds the values, everybody reads at use.
//!
//! Precedence is default, then environment, then the overlay that is written at run time. A component never keeps a copied value: it holds a
//! [`Live`] and reads it when it needs it, so a change is seen at the next use.

mod live;
mod overlay;
mod secret;
mod table;

use std::collections::BTreeMap;

use serde_json::Value;
use spark_ipc::FieldError;
use spark_ipc::model::settings::{SettingField, SettingSource, Settings};
use spark_ipc::text::clean_line;

use crate::config::fault;

pub use live::{ChangeError, Live, Store};
pub use secret::Secret;
pub use table::HostKeyPolicy;
use table::{FIELDS, Field, Parsed};

/// The values in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Seconds between two polls of a node.
    pub poll_interval_s: u64,
    /// Seconds between two looks at the disks of a node.
    pub inventory_interval_s: u64,
    pub host_key_policy: HostKeyPolicy,
    /// Whether a failed swap starts the last good model again by itself, once.
    pub restore_last_good: bool,
    /// Seconds that requests in flight get before a swap stops the model under them.
    pub drain_timeout_s: u64,
    /// Seconds in which the memory of a stopped model must come back.
    pub free_timeout_s: u64,
    /// Seconds without any progress after which a load is given up.
    pub load_timeout_s: u64,
    /// Seconds between two deep health checks of a unit or service; 0 for none.
    pub deep_health_interval_s: u64,
    /// Host names that the TCP door answers to, beside those that are safe by themselves.
    pub allowed_hosts: Vec<String>,
    /// Token for Hugging Face; without it each node's own is used.
    pub hf_token: Option<Secret>,
    /// Key for NVIDIA's registry and its NIM containers.
    pub ngc_api_key: Option<Secret>,
    /// Whether services start by themselves after their node has come up.
    pub services_autostart: bool,
    /// Gigabytes that stay free on a disk that something is downloaded or copied to.
    pub disk_reserve_gb: u64,
    /// Where events are sent; it may hold a token, so it is shown nowhere.
    pub webhook_url: Option<Secret>,
    /// What their signatures are made with.
    pub webhook_secret: Option<Secret>,
    /// Names of the events that are sent; empty for all.
    pub webhook_events: Vec<String>,
    /// Whether a receiver on this machine is allowed.
    pub webhook_allow_loopback: bool,
    /// Which of them were given, by key.
    given: Vec<&'static str>,
    /// Which of them the overlay has, by key.
    overlaid: Vec<&'static str>,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            poll_interval_s: 5,
            inventory_interval_s: 60,
            host_key_policy: HostKeyPolicy::Ask,
            restore_last_good: false,
            drain_timeout_s: 30,
            free_timeout_s: 60,
            load_timeout_s: 1200,
            deep_health_interval_s: 300,
            allowed_hosts: Vec::new(),
            hf_token: None,
            ngc_api_key: None,
            services_autostart: true,
            disk_reserve_gb: 50,
            webhook_url: None,
            webhook_secret: None,
            webhook_events: Vec::new(),
            webhook_allow_loopback: false,
            given: Vec::new(),
            overlaid: Vec::new(),
        }
    }
}

impl Values {
    /// Reads every field of the table with `get`; faults are added by key.
    pub fn read(get: impl Fn(&str) -> Option<String>, faults: &mut Vec<FieldError>) -> Self {
        let mut values = Self::default();
        for field in FIELDS {
            let Some(text) = get(field.key) else { continue };
            match (field.parse)(&text) {
                Ok(parsed) => {
                    (field.put)(&mut values, parsed);
                    values.given.push(field.key);
                }
                // What was given for a secret is shown nowhere, wrong or not.
                Err(rule) if field.is_secret() => {
                    fault(faults, field.key, format!("is not {rule}"));
                }
                Err(rule) => fault(faults, field.key, format!("{text:?} is not {rule}")),
            }
        }
        values
    }

    /// These values with those of the overlay over them; faults are added by key, and such a value is left out.
    #[must_use]
    pub fn over(&self, overlay: &BTreeMap<String, Value>, faults: &mut Vec<FieldError>) -> Self {
        let mut values = self.clone();
        for field in FIELDS {
            let Some(value) = overlay.get(field.key) else {
                continue;
            };
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => {
                    fault(
                        faults,
                        field.key,
                        "is neither text, number nor boolean".to_owned(),
                    );
                    continue;
                }
            };
            match (field.parse)(&text) {
                Ok(parsed) => {
                    (field.put)(&mut values, parsed);
                    values.overlaid.push(field.key);
                }
                Err(rule) if field.is_secret() => {
                    fault(faults, field.key, format!("is not {rule}"));
                }
                Err(rule) => fault(faults, field.key, format!("{text:?} is not {rule}")),
            }
        }
        values
    }

    /// The values of all secrets that are set, to keep them out of what leaves the house.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let secret = |field: &Field| match (field.get)(self) {
            Parsed::Secret(Some(secret)) => Some(secret.expose().to_owned()),
            _ => None,
        };
        FIELDS.iter().filter_map(secret).collect()
    }

    /// A fault for every key that is no setting.
    pub fn unknown<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<FieldError> {
        let mut faults = Vec::new();
        for key in keys.filter(|key| !FIELDS.iter().any(|f| f.key == key.as_str())) {
            let key = clean_line(key, 80);
            let message = "there is no such setting; GET /api/settings lists them".to_owned();
            fault(&mut faults, &key, message);
        }
        faults
    }

    /// As a form would show them.
    pub fn view(&self, revision: u64) -> Settings {
        let default = Self::default();
        let fields = FIELDS
            .iter()
            .map(|field| self.view_field(field, &default))
            .collect();
        Settings { revision, fields }
    }

    fn view_field(&self, field: &Field, default: &Self) -> SettingField {
        let given = self.given.contains(&field.key);
        let overlaid = self.overlaid.contains(&field.key);
        SettingField {
            key: field.key.to_owned(),
            kind: field.kind.to_owned(),
            label: field.label.to_owned(),
            help: field.help.to_owned(),
            group: field.group.to_owned(),
            value: (field.get)(self).to_json(),
            source: if overlaid {
                SettingSource::Overlay
            } else if given {
                SettingSource::Environment
            } else {
                SettingSource::Default
            },
            default: (field.get)(default).to_json(),
            secret: field.is_secret(),
            set: given || overlaid,
            applies: "at_use".to_owned(),
            locked: false,
        }
    }
}

impl Parsed {
    fn to_json(&self) -> Value {
        match self {
            Self::Number(n) => (*n).into(),
            Self::Flag(b) => (*b).into(),
            Self::Choice(c) => (*c).into(),
            Self::List(l) => l.join(",").into(),
            Self::Secret(_) => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_value_wins_and_says_where_it_is_from() {
        let mut faults = Vec::new();
        let get = |key: &str| (key == "POLL_INTERVAL_S").then(|| "2".to_owned());
        let values = Values::read(get, &mut faults);
        assert_eq!((values.poll_interval_s, faults.len()), (2, 0));
        let view = values.view(1);
        let poll = view
            .fields
            .iter()
            .find(|f| f.key == "POLL_INTERVAL_S")
            .unwrap();
        assert_eq!(
            (poll.value.clone(), poll.default.clone()),
            (2.into(), 5.into())
        );
        assert_eq!(poll.source, SettingSource::Environment);
        assert!(view.fields.iter().filter(|f| f.set).count() == 1);
    }

    #[test]
    fn every_field_of_the_table_round_trips() {
        let default = Values::default();
        for field in FIELDS.iter().filter(|f| !f.is_secret()) {
            let value = (field.get)(&default);
            let text = value.to_json();
            let text = text
                .as_str()
                .map_or_else(|| text.to_string(), str::to_owned);
            let mut changed = default.clone();
            (field.put)(&mut changed, (field.parse)(&text).unwrap());
            assert_eq!(changed, default, "{}", field.key);
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let mut faults = Vec::new();
        let get = |key: &str| (key == "HF_TOKEN").then(|| "hf_canary".to_owned());
        let values = Values::read(get, &mut faults);
        assert!(values.hf_token.is_some() && faults.is_empty());
        let shown = values.view(1).fields;
        let field = shown.iter().find(|f| f.key == "HF_TOKEN").unwrap();
        assert!(field.secret && field.set && field.value.is_null());
        assert!(!format!("{values:?} {shown:?}").contains("canary"));
        let bad = |key: &str| (key == "HF_TOKEN").then(|| "hf canary".to_owned());
        Values::read(bad, &mut faults);
        assert_eq!(faults.len(), 1);
        assert!(!format!("{faults:?}").contains("canary"));
    }
}
