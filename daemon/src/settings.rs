//! Settings: one table says what there is, one store holds the values, everybody reads at use.
//!
//! Precedence is default, then environment. A component never keeps a copied value: it holds a
//! [`Live`] and reads it when it needs it, so a change is seen at the next use.

mod live;
mod table;

use spark_ipc::FieldError;
use spark_ipc::model::settings::{SettingField, SettingSource, Settings};

use crate::config::fault;

pub use live::{Live, Store};
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
    /// Host names that the TCP door answers to, beside those that are safe by themselves.
    pub allowed_hosts: Vec<String>,
    /// Which of them were given, by key.
    given: Vec<&'static str>,
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
            allowed_hosts: Vec::new(),
            given: Vec::new(),
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
                Err(rule) => fault(faults, field.key, format!("{text:?} is not {rule}")),
            }
        }
        values
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
        SettingField {
            key: field.key.to_owned(),
            kind: field.kind.to_owned(),
            label: field.label.to_owned(),
            help: field.help.to_owned(),
            group: field.group.to_owned(),
            value: (field.get)(self).to_json(),
            source: if given {
                SettingSource::Environment
            } else {
                SettingSource::Default
            },
            default: (field.get)(default).to_json(),
            secret: false,
            set: given,
            applies: "at_use".to_owned(),
            locked: false,
        }
    }
}

impl Parsed {
    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Number(n) => (*n).into(),
            Self::Flag(b) => (*b).into(),
            Self::Choice(c) => (*c).into(),
            Self::List(l) => l.join(",").into(),
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
        for field in FIELDS {
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
}
