//! Rows as Docker's listings print them: a table, one JSON object a line, or a template.

use serde_json::Value;

use super::template::Template;
use crate::tools::{Refusal, console};

/// A column: the field of the row and the heading above it.
pub(super) type Column = (&'static str, &'static str);

/// Prints `rows`. Without a format: a table of `usual`. `all` has every field that a `table …` format may
/// name.
pub(super) fn print(
    rows: &[Value],
    format: Option<&str>,
    usual: &[Column],
    all: &[Column],
) -> Result<(), Refusal> {
    match format.map(str::trim) {
        None | Some("table" | "") => {
            let names = usual.iter().map(|(field, _)| *field).collect::<Vec<_>>();
            let cells = |row: &Value| names.iter().map(|name| cell(row, name)).collect();
            let head = usual
                .iter()
                .map(|(_, heading)| (*heading).to_owned())
                .collect();
            table(head, rows.iter().map(cells).collect());
        }
        Some("json") => rows.iter().for_each(|row| console::out(&row.to_string())),
        Some(text) => {
            if let Some(columns) = text.strip_prefix("table ") {
                return templated_table(rows, &unescaped(columns), all);
            }
            let template = Template::parse(&unescaped(text)).map_err(refuse)?;
            for row in rows {
                console::out(&template.render(row).map_err(refuse)?);
            }
        }
    }
    Ok(())
}

fn templated_table(rows: &[Value], columns: &str, all: &[Column]) -> Result<(), Refusal> {
    let template = Template::parse(columns).map_err(refuse)?;
    let heading = |field: &String| {
        let known = all.iter().find(|(name, _)| name == field);
        known.map_or_else(
            || field.to_uppercase(),
            |(_, heading)| (*heading).to_owned(),
        )
    };
    let head = template.fields().iter().map(heading).collect();
    let mut cells = Vec::new();
    for row in rows {
        let line = template.render(row).map_err(refuse)?;
        cells.push(line.split('\t').map(str::to_owned).collect());
    }
    table(head, cells);
    Ok(())
}

/// Columns padded to their widest cell and three blanks, as Go's tabwriter does it.
fn table(head: Vec<String>, rows: Vec<Vec<String>>) {
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(at))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0) + 3).collect();
    for line in &lines {
        let last = line.len().saturating_sub(1);
        let padded = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| {
                if at == last {
                    cell.clone()
                } else {
                    format!("{cell:<width$}")
                }
            });
        console::out(&padded.collect::<String>());
    }
}

fn cell(row: &Value, field: &str) -> String {
    row.get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Docker reads `\t` and `\n` in a format as what they mean.
fn unescaped(format: &str) -> String {
    format.replace("\\t", "\t").replace("\\n", "\n")
}

/// A template's mistake.
pub(super) fn refuse(why: String) -> Refusal {
    match why.strip_prefix("template parsing error: ") {
        Some(parse) if !why.contains("executing") => {
            Refusal::new(1, format!("failed to parse template: {parse}"))
        }
        _ => Refusal::new(1, why),
    }
}
