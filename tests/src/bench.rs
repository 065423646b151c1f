//! Figures of the product, each beside a baseline from the same run.

pub mod inventory;
pub mod latency;
pub mod logs;
pub mod process;
pub mod swap;
pub mod terminal;

use std::fs::{File, create_dir_all};
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

/// One figure. `ratio` is value over baseline; the baseline is the goal where `against` says `goal`,
/// else what was measured beside it.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    pub baseline: f64,
    pub ratio: f64,
    /// What the baseline is.
    pub against: &'static str,
    /// The most that it may be.
    pub goal: Option<f64>,
}

impl Figure {
    pub fn new(
        name: &'static str,
        value: f64,
        unit: &'static str,
        against: &'static str,
        baseline: f64,
    ) -> Self {
        let ratio = if baseline > 0.0 {
            value / baseline
        } else {
            f64::NAN
        };
        Self {
            name,
            value,
            unit,
            baseline,
            ratio,
            against,
            goal: None,
        }
    }

    #[must_use]
    pub fn at_most(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    fn verdict(&self) -> &'static str {
        match self.goal {
            Some(goal) if self.value <= goal => "met",
            Some(_) => "MISSED",
            None => "",
        }
    }
}

/// Writes the figures as JSON lines and prints the table; whether every goal was met.
pub fn report(figures: &[Figure], path: &Path) -> Result<bool> {
    if let Some(folder) = path.parent() {
        create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<34} {:>10} {:<6} {:>10} {:>8}  {:<28} {:>8}",
        "name", "value", "unit", "baseline", "ratio", "against", "goal"
    )?;
    for figure in figures {
        serde_json::to_writer(&mut file, figure)?;
        writeln!(file)?;
        let goal = figure.goal.map_or_else(String::new, |g| format!("<= {g}"));
        writeln!(
            out,
            "{:<34} {:>10.2} {:<6} {:>10.2} {:>8.3}  {:<28} {:>8} {}",
            figure.name,
            figure.value,
            figure.unit,
            figure.baseline,
            figure.ratio,
            figure.against,
            goal,
            figure.verdict()
        )?;
    }
    Ok(figures.iter().all(|f| f.verdict() != "MISSED"))
}
