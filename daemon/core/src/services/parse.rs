//! Reading a file of services entry by entry, so that a mistake in one costs no other (see [`crate::entries`]).

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::{Error, Spanned};
use spark_ipc::text::clean_line;

use crate::entries::{List, blanked, list};

/// The fields of one entry, and where it begins (both from 1).
#[derive(Debug)]
pub(super) struct Found {
    pub(super) fields: Map<String, Value>,
    pub(super) line: u64,
    pub(super) column: u64,
}

/// What is wrong, and where (both from 1).
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) message: String,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) entries: Vec<Found>,
    pub(super) faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    services: Option<Vec<Spanned<Map<String, Value>>>>,
}

pub(super) fn services(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    if text
        .lines()
        .all(|l| l.trim().is_empty() || l.trim_start().starts_with('#'))
    {
        return parsed;
    }
    match list(text, "services") {
        Some(list) => block_style(text, &list, &mut parsed),
        None => read(text, 0, &mut parsed),
    }
    parsed
}

fn block_style(text: &str, list: &List, parsed: &mut Parsed) {
    let first = list.entries.first().map_or(0, |e| e.0);
    let last = list.entries.last().map_or(0, |e| e.1);
    let frame = blanked(text, |line| line < first || line >= last);
    let before = parsed.faults.len();
    read(&frame, list.key_line, parsed);
    if parsed.faults.len() > before {
        return;
    }
    for (start, end) in &list.entries {
        let alone = blanked(text, |line| {
            line == list.key_line || (*start..*end).contains(&line)
        });
        read(&alone, *start, parsed);
    }
}

fn read(text: &str, fallback_line: usize, parsed: &mut Parsed) {
    match serde_saphyr::from_str::<File>(text) {
        Ok(file) => {
            let entries = file.services.into_iter().flatten();
            parsed.entries.extend(entries.map(|entry| Found {
                line: entry.referenced.line(),
                column: entry.referenced.column(),
                fields: entry.value,
            }));
        }
        Err(error) => parsed.faults.push(fault(&error, fallback_line)),
    }
}

fn fault(error: &Error, fallback_line: usize) -> Fault {
    let location = error.location();
    let message = error.without_snippet().to_string();
    Fault {
        line: location.map_or(fallback_line as u64 + 1, |l| l.line()),
        column: location.map_or(1, |l| l.column()),
        message: clean_line(&message, 400),
    }
}
