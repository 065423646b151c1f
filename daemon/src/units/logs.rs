//! The logs of units: what `docker logs` says on every rank.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream, SelectAll};
use spark_core::shell::{Arg, RawArg, Remote};
use spark_ipc::id::UnitId;
use spark_ipc::model::operation::LogLine;
use spark_ipc::model::unit::{Rank, Unit};
use spark_ipc::text::clean_text;
use spark_ipc::{ApiError, ErrorCode, Time};

use super::Units;
use crate::nodes::Nodes;
use crate::ssh::{Followed, Limits, Outcome};

/// Most lines of one rank that are given at once.
const MAX_LINES: usize = 10_000;

/// Reads logs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Logs {
    pub units: Units,
    pub nodes: Nodes,
}

impl Logs {
    /// The last `lines` lines of every rank, head first; each with its rank where there are several.
    pub async fn tail(&self, unit: &UnitId, lines: usize) -> Result<String, ApiError> {
        let unit = self.find(unit)?;
        let parts = join_all(unit.ranks.iter().map(|rank| self.tail_rank(rank, lines))).await;
        let mut text = String::new();
        for (rank, part) in unit.ranks.iter().zip(parts) {
            let prefix = if unit.ranks.len() > 1 {
                format!("[rank {} {}] ", rank.rank, rank.node)
            } else {
                String::new()
            };
            for line in part?.lines() {
                text.push_str(&prefix);
                text.push_str(line);
                text.push('\n');
            }
        }
        Ok(text)
    }

    async fn tail_rank(&self, rank: &Rank, lines: usize) -> Result<String, ApiError> {
        RankLogs(&self.nodes).tail(rank, lines).await
    }

    /// The last `lines` lines of every rank, and the new ones as they come.
    pub async fn follow(
        &self,
        unit: &UnitId,
        lines: usize,
    ) -> Result<BoxStream<'static, LogLine>, ApiError> {
        let unit = self.find(unit)?;
        let mut all = SelectAll::new();
        for rank in &unit.ranks {
            all.push(RankLogs(&self.nodes).follow(rank, lines).await?);
        }
        let numbered = all
            .zip(stream::iter(1u64..))
            .map(|(line, seq)| LogLine { seq, ..line });
        Ok(numbered.boxed())
    }

    fn find(&self, id: &UnitId) -> Result<Unit, ApiError> {
        let units = self.units.list.borrow();
        units.iter().find(|u| u.id == *id).cloned().ok_or_else(|| {
            let known: BTreeSet<&str> = units.iter().map(|u| u.id.as_str()).collect();
            let known: Vec<&str> = known.into_iter().collect();
            let hint = if known.is_empty() {
                "nothing runs".to_owned()
            } else {
                format!("there are: {}", known.join(", "))
            };
            ApiError::new(ErrorCode::NotFound, format!("there is no unit {id}")).with_hint(hint)
        })
    }
}

/// The log of one container.
pub(crate) struct RankLogs<'a>(pub(crate) &'a Nodes);

impl RankLogs<'_> {
    /// The last `lines` lines, cleaned.
    pub(crate) async fn tail(&self, rank: &Rank, lines: usize) -> Result<String, ApiError> {
        let link = self
            .0
            .link(&rank.node)
            .ok_or_else(|| unreachable(rank, "it is not set up"))?;
        let limits = Limits::within(std::time::Duration::from_secs(30));
        match link.run(&logs_command(rank, lines, false)?, limits).await {
            Outcome::Exited {
                status: 0, stdout, ..
            } => Ok(clean_text(&stdout)),
            Outcome::Exited { stdout, .. } => Err(ApiError::new(
                ErrorCode::NotFound,
                format!(
                    "docker on {} has no log: {}",
                    rank.node,
                    spark_ipc::text::clean_line(&stdout, 300)
                ),
            )),
            Outcome::TimedOut => Err(unreachable(rank, "it took too long")),
            Outcome::Lost { cause } => Err(unreachable(rank, &cause)),
            Outcome::Refused(cause) => Err(unreachable(rank, &format!("{cause:?}"))),
        }
    }

    /// The last `lines` lines, and the new ones as they come, without numbers.
    pub(crate) async fn follow(
        &self,
        rank: &Rank,
        lines: usize,
    ) -> Result<BoxStream<'static, LogLine>, ApiError> {
        let link = self
            .0
            .link(&rank.node)
            .ok_or_else(|| unreachable(rank, "it is not set up"))?;
        let followed = link
            .follow(&logs_command(rank, lines, true)?)
            .await
            .map_err(|cause| unreachable(rank, &format!("{cause:?}")))?;
        let (node, number) = (rank.node.clone(), rank.rank);
        let lines = followed.filter_map(move |event| {
            let line = told(event).map(|(at, text)| LogLine {
                seq: 0,
                node: Some(node.clone()),
                rank: Some(number),
                at,
                text,
            });
            std::future::ready(line)
        });
        Ok(lines.boxed())
    }
}

fn logs_command(rank: &Rank, lines: usize, follow: bool) -> Result<Remote, ApiError> {
    let id = RawArg::checked(&rank.container_id)
        .map(Arg::from)
        .map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))?;
    let lines = u64::try_from(lines.min(MAX_LINES)).unwrap_or(0);
    let script = if follow {
        "exec docker logs --follow --timestamps --tail \"$1\" -- \"$2\" 2>&1"
    } else {
        "exec docker logs --timestamps --tail \"$1\" -- \"$2\" 2>&1"
    };
    Ok(Remote::script("logs", script).arg(lines).arg(id))
}

fn told(event: Followed) -> Option<(Option<Time>, String)> {
    match event {
        Followed::Line(line) => Some(split_time(&line)),
        Followed::Dropped(n) => Some((None, format!("… {n} lines were dropped here"))),
        Followed::Ended(_) => None,
    }
}

/// Docker's timestamp off the front of a line.
pub(crate) fn split_time(line: &str) -> (Option<Time>, String) {
    if let Some((first, rest)) = line.split_once(' ')
        && let Ok(at) = first.parse::<jiff::Timestamp>()
    {
        return (Some(Time(at)), rest.to_owned());
    }
    (None, line.to_owned())
}

fn unreachable(rank: &Rank, why: &str) -> ApiError {
    ApiError::new(
        ErrorCode::Unreachable,
        format!("{} cannot be asked for the log: {why}", rank.node),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_taken_off_the_front_and_nothing_else_is() {
        let (at, text) = split_time("2026-11-23T19:00:00.123456789Z INFO 11-23 ready");
        assert!(at.is_some());
        assert_eq!(text, "INFO 11-23 ready");
        assert_eq!(split_time("INFO ready"), (None, "INFO ready".to_owned()));
        assert_eq!(split_time(""), (None, String::new()));
    }
}
