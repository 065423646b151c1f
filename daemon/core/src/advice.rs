//! Why a launch failed: the first certain cause on any rank, in plain words.
//!
//! The last and loudest line of a log is seldom the cause: a rank that ran out of memory makes the other one
//! complain about the network ten minutes later. So the table ranks its patterns by how certain they are, and
//! the earliest line of the highest rank wins, over all ranks. The patterns are those of spark-domain 7, complete; they
//! are loose and ignore case, since images word their messages differently.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::Advice;
use spark_ipc::text::clean_line;

mod container;
mod download;
mod engine;
mod fabric;
mod link;
mod memory;

/// How certain a pattern is of being the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// It is the cause.
    Certain,
    /// It probably is, unless something certain is found.
    Likely,
    /// What other faults bring about. Never the headline.
    Noise,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// Stable id.
    pub id: &'static str,
    pub certainty: Certainty,
    /// Regular expressions, any of which is enough. Empty for what no line tells.
    pub fragments: &'static [&'static str],
    /// Must stand within the thirty lines before on the same rank.
    pub context: Option<&'static str>,
    pub title: &'static str,
    /// One sentence; `{1}` is the first capture of the fragment.
    pub cause: &'static str,
    pub remedy: &'static str,
}

impl Pattern {
    const fn new(
        id: &'static str,
        certainty: Certainty,
        fragments: &'static [&'static str],
        [title, cause, remedy]: [&'static str; 3],
    ) -> Self {
        Self {
            id,
            certainty,
            fragments,
            context: None,
            title,
            cause,
            remedy,
        }
    }

    const fn after(mut self, context: &'static str) -> Self {
        self.context = Some(context);
        self
    }
}

/// One line of a rank's log, or of what Docker or SSH said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub node: NodeId,
    pub rank: Option<u32>,
    /// When it was written, by the node's clock.
    pub at: Option<Time>,
    pub text: String,
}

/// How a rank's container ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    pub node: NodeId,
    pub rank: u32,
    pub at: Option<Time>,
    /// Docker's word: `exited`, `created`, `dead`, …
    pub state: String,
    pub exit_code: Option<i32>,
    pub oom_killed: bool,
    /// `.State.Error`.
    pub error: String,
}

/// Every row; an earlier row wins where two match one line.
pub fn table() -> impl Iterator<Item = &'static Pattern> {
    [
        memory::ROWS,
        fabric::ROWS,
        container::ROWS,
        engine::ROWS,
        download::ROWS,
        link::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The first cause over all ranks: the earliest evidence of the highest certainty. `None` when nothing but noise
/// was found.
pub fn first_cause(lines: &[Evidence], endings: &[Ending]) -> Option<Advice> {
    let from_lines = lines
        .iter()
        .enumerate()
        .filter_map(|(i, _)| find_in(lines, i));
    let from_endings = endings.iter().filter_map(find_in_ending);
    from_lines
        .chain(from_endings)
        .filter(|f| f.pattern.certainty != Certainty::Noise)
        .min_by_key(|f| (f.pattern.certainty, f.at.is_none(), f.at))
        .map(Found::advice)
}

/// What a container that starts again and again means.
pub fn crash_loop(container: &str, restarts: usize) -> Advice {
    told("crash_loop", &[container, &restarts.to_string()])
}

/// What launches that fail one after the other mean; `why` is the cause of the last one.
pub fn failing_launches(subject: &str, failures: usize, why: &str) -> Advice {
    told("failing_launches", &[subject, &failures.to_string(), why])
}

/// The row `id`, that no line tells, with its figures.
fn told(id: &str, figures: &[&str]) -> Advice {
    let row = by_id(id);
    let text = |part: fn(&Pattern) -> &'static str| {
        let captures: Vec<String> = figures.iter().map(|f| (*f).to_owned()).collect();
        row.map_or(String::new(), |row| filled(part(row), &captures))
    };
    Advice {
        id: id.to_owned(),
        title: text(|row| row.title),
        cause: text(|row| row.cause),
        remedy: text(|row| row.remedy),
        node: None,
        rank: None,
        evidence: Vec::new(),
    }
}

/// `text` with `{1}`, `{2}`, … replaced by the captures, cleaned; an empty one is `unknown`.
fn filled(text: &str, captures: &[String]) -> String {
    let numbered = (1..).zip(captures);
    numbered.fold(text.to_owned(), |text, (n, capture): (u32, &String)| {
        let clean = match clean_line(capture.trim(), 120) {
            clean if clean.is_empty() => "unknown".to_owned(),
            clean => clean,
        };
        text.replace(&format!("{{{n}}}"), &clean)
    })
}

fn by_id(id: &str) -> Option<&'static Pattern> {
    table().find(|p| p.id == id)
}

/// A row that matched.
struct Found {
    pattern: &'static Pattern,
    captures: Vec<String>,
    at: Option<Time>,
    node: NodeId,
    rank: Option<u32>,
    evidence: String,
}

impl Found {
    fn advice(self) -> Advice {
        Advice {
            id: self.pattern.id.to_owned(),
            title: self.pattern.title.to_owned(),
            cause: filled(self.pattern.cause, &self.captures),
            remedy: filled(self.pattern.remedy, &self.captures),
            evidence: vec![clean_line(&self.evidence, 600)]
                .into_iter()
                .filter(|e| !e.is_empty())
                .collect(),
            node: Some(self.node),
            rank: self.rank,
        }
    }
}

/// One compiled row.
struct Row {
    pattern: &'static Pattern,
    fragments: Vec<Regex>,
    context: Option<Regex>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |pattern: &'static Pattern| Row {
        pattern,
        fragments: pattern.fragments.iter().map(|f| compiled(f)).collect(),
        context: pattern.context.map(compiled),
    };
    table().map(row).collect()
});

#[expect(
    clippy::expect_used,
    reason = "the table is part of the program and every row is tested"
)]
fn compiled(fragment: &str) -> Regex {
    RegexBuilder::new(fragment)
        .case_insensitive(true)
        .build()
        .expect("the table holds valid expressions")
}

/// Lines before a match that may hold its context.
const CONTEXT_LINES: usize = 30;

fn find_in(lines: &[Evidence], index: usize) -> Option<Found> {
    let line = lines.get(index)?;
    ROWS.iter().find_map(|row| {
        let captures = row.fragments.iter().find_map(|f| f.captures(&line.text))?;
        let before = lines.get(index.saturating_sub(CONTEXT_LINES)..=index)?;
        let same_rank = |l: &&Evidence| l.node == line.node && l.rank == line.rank;
        let in_context = |c: &Regex| before.iter().filter(same_rank).any(|l| c.is_match(&l.text));
        row.context.as_ref().is_none_or(in_context).then(|| Found {
            pattern: row.pattern,
            captures: captures
                .iter()
                .skip(1)
                .map(|c| c.map_or(String::new(), |m| m.as_str().to_owned()))
                .collect(),
            at: time_of(lines, index),
            node: line.node.clone(),
            rank: line.rank,
            evidence: line.text.clone(),
        })
    })
}

/// The time of a line, or of the last line before it on the same rank that has one.
fn time_of(lines: &[Evidence], index: usize) -> Option<Time> {
    let line = lines.get(index)?;
    let before = lines.get(..=index)?.iter().rev();
    before
        .filter(|l| l.node == line.node && l.rank == line.rank)
        .find_map(|l| l.at)
}

fn find_in_ending(ending: &Ending) -> Option<Found> {
    let found = |id: &str, captures: Vec<String>, evidence: String| {
        Some(Found {
            pattern: by_id(id)?,
            captures,
            at: ending.at,
            node: ending.node.clone(),
            rank: Some(ending.rank),
            evidence,
        })
    };
    if ending.state == "created" {
        let said = Evidence {
            node: ending.node.clone(),
            rank: Some(ending.rank),
            at: ending.at,
            text: ending.error.clone(),
        };
        // Docker's own reason often has a row of its own.
        return find_in(&[said], 0).or_else(|| {
            found(
                "never_started",
                vec![ending.error.clone()],
                ending.error.clone(),
            )
        });
    }
    let killed = ending.oom_killed || ending.exit_code == Some(137);
    if killed {
        return found(
            "killed",
            Vec::new(),
            format!("exit code 137, OOMKilled: {}", ending.oom_killed),
        );
    }
    None
}

#[cfg(test)]
mod tests;
