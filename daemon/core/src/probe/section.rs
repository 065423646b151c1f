//! Cutting the output into its sections, and judging how a tool ended.

use super::{Problem, Warning, sample};

/// The sections of one output, in order.
#[derive(Debug)]
pub(super) struct Sections<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Sections<'a> {
    pub(super) fn split(text: &'a str) -> Self {
        let mut found = Vec::new();
        // The first piece is what came before any section.
        let text = text.strip_prefix("@@").unwrap_or(text);
        for piece in text.split("\n@@") {
            let (name, body) = piece.split_once('\n').unwrap_or((piece, ""));
            found.push((name.trim_end(), body));
        }
        Self(found)
    }

    /// The body of section `name`, with a warning when there is none.
    pub(super) fn body(&self, name: &'static str, warnings: &mut Vec<Warning>) -> Option<&'a str> {
        let body = self.optional(name);
        if body.is_none() {
            warnings.push(Warning {
                section: name,
                problem: Problem::Missing,
            });
        }
        body
    }

    pub(super) fn optional(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, body)| *body)
    }

    /// The output of the tool in section `name`, if it ended well. What follows its status is not included.
    pub(super) fn tool(&self, name: &'static str, warnings: &mut Vec<Warning>) -> Option<&'a str> {
        let body = self.body(name, warnings)?;
        match ended(body) {
            Ok(output) => Some(output),
            Err(problem) => {
                warnings.push(Warning {
                    section: name,
                    problem,
                });
                None
            }
        }
    }
}

/// The output before the status line, or what was wrong.
pub(super) fn ended(body: &str) -> Result<&str, Problem> {
    let Some((output, rest)) = body.split_once("@rc=") else {
        return Err(Problem::Missing);
    };
    let status = rest
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    match status {
        Some(0) => Ok(output),
        Some(124 | 137) => Err(Problem::TooSlow),
        Some(127) => Err(Problem::NoTool),
        Some(status) => Err(Problem::Failed(status, sample(output))),
        None => Err(Problem::NotUnderstood(sample(rest))),
    }
}

/// The non-empty lines of `text`, without the white space around them.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}
